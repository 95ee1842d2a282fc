"""Scores of all models beside a baseline, with intervals, and whether any is better than it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.core.version import VERSION
from htgeo.evaluation.base import SCORES
from htgeo.evaluation.compare import compare
from htgeo.maps.curves import reference
from htgeo.maps.figure import framed, plotting
from htgeo.maps.panels import panels
from htgeo.maps.style import SERIES, SOFT, day_count

USUAL = ("hit_rate_1", "hit_rate_5", "hit_rate_10", "pei_achievable_5", "log_loss_skill", "brier_skill", "pr_auc", "roc_auc", "ece")  # fmt: skip
"""Scores drawn by default, those of them that the table has."""
MOST = 9
UP = "model"
ROW, FRAME = 26, 104
"""Pixels for a model, and for title and axis of a panel."""
WIDTH, COLUMNS = 340, 3


@dataclass(frozen=True)
class Verdict:
    """How a model compares with the baseline, with its colour and marker in bokeh and in matplotlib."""

    text: str
    color: str
    marker: tuple[str, str]
    filled: bool = True


VERDICTS = {
    "better": Verdict("better", SERIES[0], ("circle", "o")),
    "not clear": Verdict("not clearly different", SERIES[4], ("diamond", "D"), filled=False),
    "worse": Verdict("worse", SERIES[1], ("inverted_triangle", "v")),
    "": Verdict("", SOFT, ("square", "s")),
}


def plot_scores(
    table: xr.Dataset,
    scores: Sequence[str] | None = None,
    *,
    baseline: str | None = None,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw the scores of all models with their intervals, a panel for each score, beside those of a baseline.

    The sign of a model says how it compares with the baseline: a circle where it is better, a triangle where it is
    worse, a hollow diamond where the interval of the paired difference holds zero. Two intervals that overlap say
    nothing of that: both models are scored on the same days.

    Parameters
    ----------
    table
        What `evaluate` returned, without `by`.
    scores
        Scores to draw; by default nine usual ones, or the first nine of the table.
    baseline
        Model that the others are compared with, one of ``against`` of `evaluate`; the first of them by default.
    title
        What is seen, in one sentence.
    source
        What the data are and where they come from.

    Returns
    -------
    holoviews.Layout
        A panel a score; `htgeo.save_figure` writes it.

    Raises
    ------
    InputError
        If the table lacks a score or the baseline, or was made with `by`.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> for model in (ht.HistoricalRate(), ht.EwmaRate()):
    ...     cube = ht.add_risk(cube, model.fit(train))
    >>> table = ht.evaluate(cube, against=["historical_rate"], start="2021-05-01", scores=["roc_auc", "ece"], draws=20)
    >>> len(ht.plot_scores(table))
    2
    """
    _check(table)
    names = _chosen(table, scores)
    against = _baseline(table, baseline)
    line = _line(table, against, source)
    height = FRAME + ROW * table.sizes["model"]
    parts = [
        framed(
            _panel(table, name, against),
            title=name,
            source=line,
            width=WIDTH,
            height=height,
            legend=None,
            foot=number == len(names) - 1,
        )
        for number, name in enumerate(names)
    ]
    rows = -(-len(names) // COLUMNS)
    return panels(
        parts, title=title or _title(table, names, against), source=line, columns=min(COLUMNS, len(names)),
        width=COLUMNS * 300, height=rows * (height + 40), gaps=(0.55, 0.75),
    )  # fmt: skip


def _check(table: xr.Dataset) -> None:
    if not isinstance(table, xr.Dataset) or not {"value", "low", "high"} <= set(table.data_vars):
        message = f"scores are drawn from what htgeo.evaluate(cube, against=['historical_rate']) returned, not {type(table).__name__}"
        raise InputError(message)
    if table["value"].dims != ("model", "score"):
        part = table["value"].dims[0]
        message = f"a table made with by= ({part}) holds many tables; choose a part first: table.sel({part}=…)"
        raise InputError(message)


def _chosen(table: xr.Dataset, asked: Sequence[str] | None) -> list[str]:
    known = [str(name) for name in table["score"].values]
    if asked is None:
        return [name for name in USUAL if name in known] or known[:MOST]
    for name in asked:
        if name not in known:
            message = f"the table has no score {name!r}; it has {', '.join(known)}{near(name, known)}"
            raise InputError(message)
    return list(asked)


def _baseline(table: xr.Dataset, asked: str | None) -> str | None:
    known = [str(name) for name in table["baseline"].values] if "baseline" in table.coords else []
    if asked is not None and asked not in known:
        message = f"the table has no differences to {asked!r}, only to {', '.join(known) or 'no model'}; make it with htgeo.evaluate(cube, against=[{asked!r}])"
        raise InputError(message)
    return asked or next(iter(known), None)


def verdicts(table: xr.Dataset, score: str, baseline: str | None) -> dict[str, str]:
    """Return ``better``, ``worse`` or ``not clear`` by model; nothing for the baseline and where nothing is compared."""
    models = [str(name) for name in table["model"].values]
    ranks = SCORES[score].best in SCORES[score].bounds and score != "sharpness"
    if baseline is None or not ranks:
        return dict.fromkeys(models, "")
    found = compare(table.sel(baseline=[baseline]), score)[f"against {baseline}"]
    return {model: str(found[model]) for model in models}


def _panel(table: xr.Dataset, score: str, baseline: str | None) -> Any:
    hv = plotting()
    models = [str(name) for name in table["model"].values]
    value, low, high = (table[end].sel(score=score).values.astype(float) for end in ("value", "low", "high"))
    place = np.arange(len(models))[::-1].astype(float)
    parts = []
    if baseline is not None:
        at = value[models.index(baseline)]
        ends = np.array([-0.6, len(models) - 0.4])
        parts.append(reference(np.full(2, at), ends, score, UP, baseline, SOFT, ("dashed", "--")))
    for model, verdict in verdicts(table, score, baseline).items():
        number = models.index(model)
        look = VERDICTS[verdict]
        parts.append(_whisker(score, place[number], low[number], high[number], look))
        parts.append(_point(score, place[number], value[number], model, look))
    axis = {
        "yticks": list(zip(place.tolist(), models, strict=True)),
        "ylim": (-0.6, len(models) - 0.4),
        "xlim": _limits(value, low, high),
        "ylabel": "",
        "xlabel": f"{_direction(score)} (no unit)",
    }
    overlay = hv.Overlay(parts)
    return overlay.opts(
        hv.opts.Overlay(backend="bokeh", xticks=4, **axis), hv.opts.Overlay(backend="matplotlib", xticks=4, **axis)
    )


def _limits(*ends: np.ndarray) -> tuple[float, float]:
    known = np.concatenate(ends)
    known = known[np.isfinite(known)]
    if not known.size:
        return 0.0, 1.0
    room = max(float(np.ptp(known)) * 0.08, 1e-6)
    return float(known.min() - room), float(known.max() + room)


def _point(score: str, place: float, value: float, model: str, look: Verdict) -> Any:
    hv = plotting()
    point = hv.Scatter([(value, place)], score, UP, label=model)
    return point.opts(
        hv.opts.Scatter(
            line_color=look.color, fill_color=look.color, fill_alpha=1.0 if look.filled else 0.0, line_width=2, size=9,
            marker=look.marker[0], tools=["hover"], backend="bokeh",
        ),
        hv.opts.Scatter(
            facecolors=look.color if look.filled else "none", edgecolors=look.color, linewidth=1.8, s=40, marker=look.marker[1],
            backend="matplotlib",
        ),
    )  # fmt: skip


def _whisker(score: str, place: float, low: float, high: float, look: Verdict) -> Any:
    hv = plotting()
    ends = [(low, place, high, place)] if np.isfinite([low, high]).all() else []
    return hv.Segments(ends, [score, UP, "high", "same"]).opts(
        hv.opts.Segments(color=look.color, line_width=2, backend="bokeh"),
        hv.opts.Segments(color=look.color, linewidth=1.8, backend="matplotlib"),
    )


def _direction(score: str) -> str:
    best, (low, high) = SCORES[score].best, SCORES[score].bounds
    if score == "sharpness" or best not in (low, high):
        return "no better or worse" if not np.isfinite(best) else f"best at {best:g}"
    return "higher is better" if best == high else "lower is better"


def _title(table: xr.Dataset, names: Sequence[str], baseline: str | None) -> str:
    """Return how many of the models beat the baseline in how many scores, in one sentence."""
    if baseline is None:
        return "Scores of all models"
    found = {name: verdicts(table, name, baseline) for name in names}
    others = [str(model) for model in table["model"].values if model != baseline]
    ranked = [name for name in names if any(found[name].values())]
    words = [
        f"{model} in {sum(found[name][model] == 'better' for name in ranked)} of {len(ranked)} scores"
        for model in others
    ]
    return f"Clearly better than {baseline}: {', '.join(words)}" if words and ranked else f"Scores beside {baseline}"


def _line(table: xr.Dataset, baseline: str | None, source: str) -> str:
    facts = table.attrs
    days = f"Scored on {facts['days']}: {facts['cell_days']:,.0f} {facts['scored']}, {facts['positives']:,.0f} of them with an event within {day_count(facts['horizon'])}."
    drawn = (
        f"Whiskers: {100 * facts['level']:g} % of {facts['draws']} draws of {facts['block_days']}-day blocks."
        if facts["draws"]
        else ""
    )
    signs = (
        f"Against {baseline} (square, dashed line), by paired draws: circle better, hollow diamond not clearly different, triangle worse."
        if baseline
        else ""
    )
    return " ".join(filter(None, [source, days, drawn, signs, f"htgeo {VERSION}."]))
