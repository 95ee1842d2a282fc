"""What every threshold would reach on the validation days, and the one that was chosen."""

from typing import Any, Literal

import numpy as np

from htgeo.core.errors import InputError
from htgeo.evaluation.alerts import AlertRule
from htgeo.evaluation.budgets import Cost, FBeta
from htgeo.maps.curves import band, looks, reference
from htgeo.maps.figure import framed, plotting
from htgeo.maps.panels import panels
from htgeo.maps.style import INK, SOFT

Over = Literal["threshold", "area_share"]
ACROSS = {
    "threshold": "threshold: least forecast flagged (%)",
    "area_share": "share of the area flagged (%)",
}
PERCENT = {"recall", "precision", "area_share"}
NAMES = {
    "recall": ("Events found (recall)", "cell-days with an event (%)"),
    "precision": ("Alerts with an event (precision)", "flagged cell-days (%)"),
    "cells_per_day": ("Cells flagged at a time", "cells"),
    "area_share": ("Share of the area flagged", "area (%)"),
    "visits_per_week": ("Visits a week", "visits"),
    "cost_per_day": ("Expected cost a day", "cost, in the units given"),
    "f_beta": ("Recall and precision in one number (F)", "F, 0 to 1"),
    "false_alerts_per_true": ("False alerts for each true one", "cell-days"),
}
TICKS = tuple(step * 10.0**power for power in range(-4, 3) for step in (1, 2, 5))
LOGARITHMIC = {"cells_per_day", "visits_per_week", "false_alerts_per_true"}
LEAST_SHARE = 0.001
"""Thresholds that flag less of the area are not drawn: what so few alerts reach is chance."""
WIDTH, HEIGHT = 480, 290


def plot_thresholds(rule: AlertRule, *, over: Over = "threshold", title: str | None = None, source: str = "") -> Any:
    """Draw what every threshold would reach on the validation days, and where the chosen one lies.

    Four panels: recall, precision, the alerts there would be, and what the threshold was chosen for (the cost, or F;
    false alerts for each true one where it was recall under a budget). The upright line is the chosen threshold, the
    band around it where it would lie, had it been chosen on other weeks; the whisker on the curve is what the rule
    reaches on other weeks. A line across is the budget.

    Parameters
    ----------
    rule
        From `choose_threshold`, or ``AlertRule.from_dict``.
    over
        What stands across: ``"threshold"``, or ``"area_share"``, the share of the area that it flags.
    title
        What is seen, in one sentence.
    source
        What the data are and where they come from.

    Returns
    -------
    holoviews.Layout
        Four panels; `htgeo.save_figure` writes it.

    Raises
    ------
    InputError
        If it is no rule, or `over` is something else.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(ht.split_time(cube, "2021-04-01")[0]))
    >>> rule = ht.choose_threshold(cube, "historical_rate", budget=ht.CellsPerDay(10), stop="2021-05-15", draws=20)
    >>> len(ht.plot_thresholds(rule))
    4
    """
    if not isinstance(rule, AlertRule):
        message = f"plot_thresholds draws what htgeo.choose_threshold(cube, model, budget=...) returned, not {type(rule).__name__}"
        raise InputError(message)
    if over not in ACROSS:
        message = f"over must be one of {', '.join(map(repr, ACROSS))}, not {over!r}"
        raise InputError(message)
    columns = _columns(rule)
    parts = []
    for number, column in enumerate(columns):
        last = number == len(columns) - 1
        part = _panel(rule, column, over)
        head = NAMES[column][0]
        parts.append(
            framed(part, title=head, source=_line(rule, source), width=WIDTH, height=HEIGHT, legend=None, foot=last)
        )
    text = title or f"What a threshold on {rule.model} reaches: {_chosen(rule)}"
    return panels(parts, title=text, source=_line(rule, source), columns=2, width=920, height=600, gaps=(0.22, 0.5))


def _columns(rule: AlertRule) -> list[str]:
    """Return what the panels show: recall, precision, alerts, and what the threshold was chosen for."""
    alerts = rule.budget.column if rule.budget is not None else "cells_per_day"
    alerts = "cells_per_day" if alerts in {"false_alerts_per_true", "area_share"} else alerts
    aim = {Cost: "cost_per_day", FBeta: "f_beta"}.get(type(rule.objective), "false_alerts_per_true")
    return ["recall", "precision", alerts, aim]


def _panel(rule: AlertRule, column: str, over: Over) -> Any:
    hv = plotting()
    across, up = ACROSS[over], NAMES[column][1]
    at = rule.sweep["threshold" if over == "threshold" else "area_share"].values
    x, y = 100 * at, rule.sweep[column].values * (100 if column in PERCENT else 1)
    least = min(LEAST_SHARE, rule.reached["area_share"]["value"])
    shown = (
        (rule.sweep["area_share"].values >= least)
        & np.isfinite(y)
        & (x > 0)
        & ((y > 0) if column in LOGARITHMIC else True)
    )
    x, y = x[shown], y[shown]
    look = looks(1)[0]
    curve = hv.Curve((x, y), across, up, label="on the validation days").opts(
        hv.opts.Curve(color=look.color, line_width=2, tools=["hover"], backend="bokeh"),
        hv.opts.Curve(color=look.color, linewidth=1.8, backend="matplotlib"),
    )
    chosen = _chosen_at(rule, over)[0]
    marks = [*_chosen_marks(rule, over, y, across, up), curve]
    if rule.budget is not None and rule.budget.column == column:
        most = np.full(2, rule.budget.most)
        marks.append(reference(x[[0, -1]], most, across, up, "budget", INK, ("dotted", ":")))
    marks.append(_whisker(rule, column, chosen, across, up))
    ticks = [(tick, f"{tick:g}") for tick in TICKS if x.min() <= tick <= x.max()]
    scales = {"logx": True, "xticks": ticks[:: max(1, len(ticks) // 7)], "xlim": (x.min(), x.max() * 1.05)}
    if column in LOGARITHMIC:
        scales |= {"logy": True, "yticks": [(10.0**n, f"{10.0**n:,g}") for n in range(-3, 7)]}
    return (
        hv.Overlay(marks)
        .collate()
        .opts(hv.opts.Overlay(backend="bokeh", **scales), hv.opts.Overlay(backend="matplotlib", **scales))
    )


def _chosen_at(rule: AlertRule, over: Over) -> tuple[float, float, float]:
    """Return where the chosen threshold lies across, with the ends of its interval, in per cent."""
    if over == "threshold":
        return 100 * rule.threshold, 100 * rule.interval[0], 100 * rule.interval[1]
    share = rule.reached["area_share"]
    return 100 * share["value"], 100 * share["low"], 100 * share["high"]


def _chosen_marks(rule: AlertRule, over: Over, y: np.ndarray, across: str, up: str) -> list[Any]:
    """Return the chosen threshold as an upright line, and the band of its interval."""
    chosen, *ends = _chosen_at(rule, over)
    height = np.array([y.min(), y.max()])
    return [
        *band(np.array(ends), height[[0, 0]], height[[1, 1]], across, up, SOFT),
        reference(np.full(2, chosen), height, across, up, "chosen", SOFT, ("dashed", "--")),
    ]


def _whisker(rule: AlertRule, column: str, chosen: float, across: str, up: str) -> Any:
    """Return what the chosen rule reaches, with its interval."""
    hv = plotting()
    factor = 100 if column in PERCENT else 1
    value, low, high = (factor * rule.reached[column][end] for end in ("value", "low", "high"))
    color = looks(2)[1].color
    point = hv.Scatter([(chosen, value)], across, up, label="chosen").opts(
        hv.opts.Scatter(color=color, size=7, tools=["hover"], backend="bokeh"),
        hv.opts.Scatter(color=color, s=30, backend="matplotlib"),
    )
    if not np.isfinite([low, high]).all():
        return point
    line = hv.Segments([(chosen, low, chosen, high)], [across, up, "x1", "y1"]).opts(
        hv.opts.Segments(color=color, line_width=2.5, backend="bokeh"),
        hv.opts.Segments(color=color, linewidth=2.2, backend="matplotlib"),
    )
    return line * point


def _chosen(rule: AlertRule) -> str:
    """Return the chosen threshold and what it reaches, in words."""
    recall, precision = (100 * rule.reached[name]["value"] for name in ("recall", "precision"))
    return f"{100 * rule.threshold:.3g} % was chosen, which finds {recall:.0f} % of the cell-days with an event; {precision:.0f} % of the alerts are true"


def _line(rule: AlertRule, source: str) -> str:
    from htgeo.core.version import VERSION

    limit = (
        ""
        if rule.budget is None
        else f", {rule.budget.column} at most {rule.budget.most:g} {'every day' if rule.every_day else 'on average'}"
    )
    text = f"Label {rule.label}, validation days {rule.span[0]} to {rule.span[1]}; chosen for the best {type(rule.objective).__name__.lower()}{limit}."
    return (
        f"{source} {text} Band and whiskers: {100 * rule.level:g} % of draws of whole weeks. htgeo {VERSION}.".strip()
    )
