"""How good the forecasts are: scores of all models with intervals, against the baselines."""

from typing import Any

import xarray as xr

from htgeo.maps.plot_calibration import plot_calibration
from htgeo.maps.plot_capture import plot_capture
from htgeo.maps.plot_scores import plot_scores
from htgeo.study.report_figures import picture
from htgeo.study.report_html import Html, Section, code, facts, head, join, listed, note, say, table
from htgeo.study.report_run import HISTORICAL, Run
from htgeo.study.report_words import (
    MAIN,
    MISSING,
    is_share,
    level,
    meaning_of,
    name_of,
    number,
    score_text,
    share,
    with_interval,
)

LEVEL = 0.95
DRAWS = 200
"""Bootstrap draws of the bands of curves, at most."""
DRAWN = ("log_loss", "poisson_deviance", "brier_skill", "pr_auc", "roc_auc", "hit_rate_5", "hit_rate_10")
CAPTURES = ("hit_rate_5", "hit_rate_10")
BESIDE = 4
"""So many models stand side by side in the table of all scores."""


def scores(run: Run) -> Section:
    """Return the scores of all models."""
    parts = [*_main(run), *_differences(run), *_curves(run), *_by_group(run), *_anchors(run), *_all(run)]
    return Section("scores", "Scores of all models", tuple(parts), ("answer", "thresholds", "cases", "audits"))


def taken(run: Run) -> list[str]:
    """Return the names of the scores that every model has."""
    first = run.scores[run.models[0]]
    return [
        name
        for name, entry in first.items()
        if isinstance(entry, dict) and "value" in entry and all(name in run.scores[model] for model in run.models)
    ]


def _main(run: Run) -> list[Html]:
    facts_of = run.outcome
    shown = [name for name in MAIN if name in taken(run)]
    baselines = _baselines(run)
    rows = [
        [
            join([code(model), " (baseline)" if model in baselines else ""]),
            *(score_text(name, run.entry(model, name)) for name in shown),
        ]
        for model in run.models
    ]
    drawn = [name for name in DRAWN if name in taken(run)]
    meanings = facts((name_of(name), meaning_of(name)) for name in shown)
    return [
        say(
            f"Every model was scored on the same {facts_of['cell_days']:,.0f} {facts_of['scored']}, {facts_of['days']}, which none of them has seen: {facts_of['positives']:,.0f} ({share(facts_of['prevalence'])}) were followed by an event within the horizon. In brackets: the {level(LEVEL)} interval over weeks of the test days."
        ),
        table("Main scores with intervals", ["Model", *map(name_of, shown)], rows),
        picture(
            "scores",
            lambda: plot_scores(score_dataset(run), drawn, source=run.source),
            title="Scores of all models with intervals",
            text=f"A panel for each of {', '.join(map(name_of, drawn))}; in it each model as a point with its interval. The table above has the numbers.",
        ),
        head("What the scores are"),
        meanings,
    ]


def _baselines(run: Run) -> list[str]:
    found = {
        base for model in run.models for name in taken(run)[:1] for base in run.entry(model, name).get("against", {})
    }
    return [model for model in run.models if model in found]


def _curves(run: Run) -> list[Html]:
    """Return capture and calibration of the best model beside the historical rate and the shown one."""
    models = list(dict.fromkeys(model for model in (HISTORICAL, run.best, run.shown) if model in run.models))
    start, stop = run.test
    draws = min(run.study["evaluation"]["draws"], DRAWS)
    options: dict[str, Any] = {"models": models, "start": start, "stop": stop, "draws": draws, "source": run.source}
    named = listed(models)
    capture = " and ".join(
        f"{score_text(name, run.entry(run.best, name))} in {name_of(name).removeprefix('Capture at ')}"
        for name in CAPTURES
        if name in taken(run)
    )
    return [
        head("Capture and calibration"),
        picture(
            "capture",
            lambda: plot_capture(run.scored, **options),
            title="Share of the events in the flagged share of the area",
            text=f"Curves of {named} between a map drawn at random and maps that knew what would come. {run.best} captures {capture}.",
        ),
        picture(
            "calibration",
            lambda: plot_calibration(run.scored, **options),
            title="How often forecasts came true",
            text=f"Curves of {named}; on the diagonal forecasts come true as often as they say. Calibration slope of {run.best}: {score_text('calibration_slope', run.entry(run.best, 'calibration_slope'))}, best 1.",
        ),
    ]


def _differences(run: Run) -> list[Html]:
    """Return the differences to the historical rate, or the first baseline, of each model."""
    baselines = _baselines(run)
    title = head("Difference to the baseline")
    if not baselines:
        return [title, note("The study compares its models with no baseline.")]
    base = HISTORICAL if HISTORICAL in baselines else baselines[0]
    shown = [name for name in MAIN if name in taken(run)]
    others = [model for model in run.models if model != base]
    rows = [
        [code(model), *(_difference(name, run.entry(model, name).get("against", {}).get(base)) for name in shown)]
        for model in others
    ]
    return [
        title,
        say(
            "Model minus ",
            code(base),
            ", on the same draws of weeks. An interval that holds 0 is no difference that chance does not make; of log loss less is better, of the others more, but for the calibration slope and expected over observed, which are best at 1. Differences of captures are percentage points.",
        ),
        table(f"Differences to {base}", ["Model", *map(name_of, shown)], rows),
    ]


def _difference(score: str, entry: dict[str, Any] | None) -> str:
    if entry is None or entry["difference"] is None:
        return MISSING
    sign = "+" if entry["difference"] > 0 else ""
    return sign + with_interval({**entry, "value": entry["difference"]}, percent=is_share(score), digits=2)


def _by_group(run: Run) -> list[Html]:
    """Return the scores of the shown model by part of place or time."""
    shown = [name for name in MAIN if name in taken(run)]
    groups = {by: parts for name in shown for by, parts in run.entry(run.shown, name).get("by", {}).items()}
    found = []
    for by, parts in groups.items():
        entries = {name: run.entry(run.shown, name).get("by", {}).get(by, {}) for name in shown}
        rows = [[str(part), *(score_text(name, entries[name].get(part)) for name in shown)] for part in parts]
        found.append(table(f"Scores of {run.shown} by {by}", [by, *map(name_of, shown)], rows))
    return [head("By part"), *found] if found else []


def _anchors(run: Run) -> list[Html]:
    """Return published figures beside the scores of the study."""
    anchors = run.study["evaluation"].get("anchors", {})
    rows = [
        [
            name,
            name_of(score),
            number(value),
            score_text(score, run.entry(name if name in run.scores else run.best, score)),
            code(name if name in run.scores else run.best),
        ]
        for name, figures in anchors.items()
        for score, value in figures.items()
    ]
    if not rows:
        return []
    columns = ["Of", "Score", "Named figure", "Here", "By"]
    return [
        head("Beside named figures"),
        table("Figures that the study names, and what was reached", columns, rows, words=(1, 4)),
    ]


def _all(run: Run) -> list[Html]:
    """Return every score of every model, some models side by side."""
    names, models = taken(run), run.models
    groups = [models[i : i + BESIDE] for i in range(0, len(models), BESIDE)]
    tables = [
        table(
            f"All scores{f', models {i * BESIDE + 1} to {i * BESIDE + len(group)}' if len(groups) > 1 else ''}",
            ["Score", *group],
            [[code(name), *(score_text(name, run.entry(model, name)) for model in group)] for name in names],
        )
        for i, group in enumerate(groups)
    ]
    return [head("All scores"), *tables]


def score_dataset(run: Run) -> xr.Dataset:
    """Return the scores as `evaluate` gives them, on (model, score), with differences to the baselines."""
    names, baselines = taken(run), _baselines(run)

    def of(entry: dict[str, Any] | None, key: str) -> float:
        value = None if entry is None else entry[key]
        return float("nan") if value is None else float(value)

    def against(base: str, key: str) -> list[list[float]]:
        return [[of(run.entry(m, n).get("against", {}).get(base), key) for n in names] for m in run.models]

    columns: dict[str, Any] = {
        key: (("model", "score"), [[of(run.entry(m, n), key) for n in names] for m in run.models])
        for key in ("value", "low", "high")
    }
    if baselines:
        ends = {"difference": "difference", "difference_low": "low", "difference_high": "high"}
        columns |= {
            name: (("baseline", "model", "score"), [against(b, key) for b in baselines]) for name, key in ends.items()
        }
    coords = {"model": run.models, "score": names, **({"baseline": baselines} if baselines else {})}
    return xr.Dataset(
        columns, coords=coords, attrs={**run.outcome, "level": LEVEL, "draws": run.study["evaluation"]["draws"]}
    )
