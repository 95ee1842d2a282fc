"""What a report says first: what was asked, and the answer in three sentences."""

from dataclasses import dataclass
from typing import Any

from htgeo.models import MODELS
from htgeo.study.report_html import Html, Section, bullets, code, facts, join, link, listed, note, say, tag
from htgeo.study.report_missed import CAPTURE, not_reached
from htgeo.study.report_run import HISTORICAL, Run
from htgeo.study.report_words import name_of, number, score_text, share, with_interval
from htgeo.study.settings import split_model

MOST_MISSED = 4
"""So many things that were not reached stand in the answer; the sections have all."""


@dataclass(frozen=True)
class Verdict:
    """Whether the best model beats the historical rate.

    Attributes
    ----------
    kind
        ``good``, ``open`` or ``bad``.
    short
        In a few words, for the top of the page.
    long
        With numbers.
    """

    kind: str
    short: str
    long: str


def asked(run: Run) -> Section:
    """Return what was asked."""
    study, split = run.study, run.study["split"]
    days, first = run.cube["time"].values, run.test[0]
    rows = [
        (
            "Forecast",
            f"Probability of at least one event of {run.events} {_window(run)}, made at the start of the {run.step}.",
        ),
        ("Places", _places(run)),
        (
            "Days",
            f"{str(days[0])[:10]} to {str(days[-1])[:10]}, {len(days):,} {run.step}s of the time zone {study['grid']['time_zone']}.",
        ),
        (
            "Split",
            f"Learned until {split['train_until']}, tuned until {split['validate_until']}, tested from {first} to {split['test_until']}: later days than any that a model has seen.",
        ),
        ("Models", bullets(join([code(name), f": {summary}"]) for name, summary in _models(run))),
        (
            "Shown",
            join(
                [
                    code(run.shown),
                    " is the model that is mapped",
                    " and checked" if run.found("cases") or run.found("funnel") else "",
                    ".",
                ]
            ),
        ),
    ]
    return Section("asked", "What was asked", (facts(rows),), ("answer", "data", "made"))


def _window(run: Run) -> str:
    return f"in a {run.place} on the day" if run.horizon == 1 else f"in a {run.place} within {run.horizon} days"


def _places(run: Run) -> str:
    layers = run.cube.attrs.get("layers", [])
    region = f"{run.study['region']['layer']} layer of the region"
    if not run.of_cells:
        return f"{run.cube.sizes[run.place]:,} areas ({run.place}), the {region}."
    size = float(run.cube["cell_area"].mean())
    return f"{run.cube.sizes['cell']:,} H3 cells of resolution {run.cube.attrs.get('resolution', '?')}, {number(size, 2)} km² each, in the {region}; summed up by {listed(layers)}."


def _models(run: Run) -> list[tuple[str, str]]:
    items = {split_model(item)[0]: split_model(item)[1] for item in run.study["models"]}
    return [(called, str(MODELS[name].summary) if name in MODELS else name) for called, name in items.items()]


def verdict(run: Run) -> Verdict:
    """Return whether the best model beats the historical rate on the score that models are judged by."""
    best, score = run.best, run.judged_by
    if score is None or HISTORICAL not in run.scores:
        text = "No comparison with the historical rate"
        why = "was not among the models" if HISTORICAL not in run.scores else "and the models have no score in common"
        return Verdict(
            "open", text, f"The historical rate {why}, so this study does not tell whether a model adds to it."
        )
    if best == HISTORICAL:
        text = "The historical rate alone was fitted"
        return Verdict("open", text, "The historical rate was the only model, so there is nothing that could beat it.")
    entry, base = run.entry(best, score), run.entry(HISTORICAL, score)
    more = dict(entry.get("against", {}).get(HISTORICAL) or {"low": None, "high": None})
    more["value"] = more.pop("difference", None)
    if more["value"] is None and entry["value"] is not None and base["value"] is not None:
        more["value"] = entry["value"] - base["value"]
    less = {"value": _minus(more["value"]), "low": _minus(more["high"]), "high": _minus(more["low"])}
    kind, short = _judged(best, less)
    if more["value"] is None or not base["value"]:
        return Verdict(kind, short, f"{short}.")
    how, by = ("lower", less) if more["value"] <= 0 else ("higher", more)
    part = f"{with_interval(by)} ({share(by['value'] / base['value'])})"
    long = f"{short}: its {name_of(score).lower()} on the test days is {score_text(score, entry)}, {how} by {part} than that of the historical rate, {number(base['value'])}."
    return Verdict(kind, short, long)


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _judged(model: str, gain: dict[str, Any]) -> tuple[str, str]:
    if gain["value"] is None:
        return "open", f"{model} could not be compared with the historical rate"
    low, high = gain["low"], gain["high"]
    if low is None or high is None:
        better = gain["value"] > 0
        return (
            "open",
            f"{model} {'is better' if better else 'is not better'} than the historical rate, without an interval to tell by",
        )
    if low > 0:
        return "good", f"{model} beats the historical rate"
    if high < 0:
        return "bad", f"No model beats the historical rate: {model}, the best of the others, is worse"
    return "bad", f"No model clearly beats the historical rate: {model}, the best of the others, is within chance of it"


def answer(run: Run) -> Section:
    """Return the answer in three sentences."""
    found = verdict(run)
    missed = not_reached(run)
    third = (
        join(
            [
                "Not reached: ",
                join(missed[:MOST_MISSED], "; "),
                "." if len(missed) <= MOST_MISSED else "; and more, below.",
            ]
        )
        if missed
        else join(["Nothing that this study asked for was missed, as far as it was measured."])
    )
    parts = [say(found.long), say(_captured(run)), say(third)]
    if len([model for model in run.models if model != HISTORICAL]) > 1:
        parts.append(
            note(
                code(run.best),
                " was picked on these test days from several models, which flatters it a little: ",
                link("scores", "all scores"),
                ".",
            )
        )
    if run.best != run.shown:
        parts.append(
            note(
                "The map and the checks below show ",
                code(run.shown),
                ", as the study asks, and not ",
                code(run.best),
                ".",
            )
        )
    return Section("answer", "The answer", tuple(parts), ("scores", "thresholds", "cases", "limits"))


def _captured(run: Run) -> Html:
    """Return what the best model captures in 5 % of the area."""
    entry, base = run.entry(run.best, CAPTURE), run.entry(HISTORICAL, CAPTURE)
    if entry["value"] is None:
        return join(["What would be captured in 5 % of the area was not scored."])
    beside = (
        "" if run.best == HISTORICAL or base["value"] is None else f"; the historical rate {score_text(CAPTURE, base)}"
    )
    return join(
        [
            f"The 5 % of the area that {run.best} ranks highest each {run.step} held {score_text(CAPTURE, entry)} of the events that followed{beside}; areas drawn by lot would hold 5 %: ",
            link("map", "map"),
            ".",
        ]
    )


def banner(run: Run) -> Html:
    """Return the verdict as it stands at the top of the page."""
    found = verdict(run)
    return tag(
        "p",
        tag("strong", f"{found.short}."),
        " ",
        link("answer", "The answer in three sentences"),
        class_=f"verdict {found.kind}",
    )
