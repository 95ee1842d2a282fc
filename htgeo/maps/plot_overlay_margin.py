"""The margin of an overlay: shares of the cases in the riskiest land, by how precisely the cases are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from htgeo.evaluation.case_check import CaseCheck
from htgeo.maps.figure import framed, plotting
from htgeo.maps.style import INK, SERIES

if TYPE_CHECKING:
    import pandas as pd

SHARES = (0.05, 0.1, 0.2)
"""Shares of the land, the riskiest of each day."""
SHARE = "share of the cases, %"
TICK = 0.22
GREY = SERIES[6]


@dataclass(frozen=True)
class _Rows:
    """Points (share, low, high, without skill; percent) and texts, by height."""

    points: list[tuple[float, float, float, float, float]]
    texts: list[tuple[float, float, str]]
    last: float


def margin_panel(check: CaseCheck | None, hide_below: float, *, told: bool, width: int, height: int) -> Any:
    """Return the panel of capture figures.

    Parameters
    ----------
    check
        The validation; None where no case can be compared.
    hide_below
        Levels with fewer cases have no figures.
    told
        Whether numbers of cases are written: not where the map hides one, which would follow from them.
    width, height
        Pixels.
    """
    hv = plotting()
    rows = _rows(check, hide_below, told=told)
    elements = [_words(hv, rows)]
    if rows.points:
        elements = [_unskilled(hv, rows), _intervals(hv, rows), _points(hv, rows), *elements]
    axes: dict[str, Any] = {
        "xlim": (0, 100),
        "ylim": (min(rows.last, -11.0) - 0.6, 0.8),
        "xticks": [(tick, f"{tick}") for tick in (0, 25, 50, 75, 100)],
        "yaxis": None,
        "xlabel": SHARE,
    }
    overlay = hv.Overlay(elements).opts(
        hv.opts.Overlay(yticks=[(1, "")], **axes, backend="bokeh"), hv.opts.Overlay(**axes, backend="matplotlib")
    )
    title = "Cases in the riskiest land"
    return framed(overlay, title=title, width=width, height=height, legend=None, foot=False)


def _rows(check: CaseCheck | None, hide_below: float, *, told: bool) -> _Rows:
    """Return what is written and drawn, from top to bottom."""
    texts, points, at = list[tuple[float, float, str]](), list[tuple[float, float, float, float, float]](), 0.0

    def say(text: str, room: float = 1.0) -> None:
        nonlocal at
        texts.append((0.0, at, text))
        at -= room

    if check is None:
        say("No case of these days can be compared.")
        return _Rows(points, texts, at)
    counts = check.facts["cases_by_level"]
    told = told and all(count >= hide_below for count in counts.values())
    for level, count in counts.items():
        known = "a point" if level == "cell" else f"the {level}"
        number = f" ({count:g})" if told else ""
        say(f"Cases known to {known}{number}")
        if count < hide_below:
            say(f"  fewer than {hide_below:g}: no shares", 1.6)
            continue
        if not _ranked(check, level):
            say("  one place only: no shares", 1.6)
            continue
        table = check.capture[(check.capture["level"] == level)].set_index("area_share")
        for share in SHARES:
            row = table.loc[share]
            say(f"  riskiest {100 * share:g} % hold {_interval(row, 'capture', 100)} %", 0.62)
            points.append((at, 100 * row["capture"], 100 * row["low"], 100 * row["high"], 100 * share))
            at -= 0.95
        score = check.summary[(check.summary["level"] == level) & (check.summary["score"] == "percentile_day")].iloc[0]
        say(f"  mean percentile {_interval(score, 'mean', 1)}", 1.6)
    say("Grey: without skill the riskiest 10 %")
    say("hold 10 %, and the mean percentile is 50.")
    return _Rows(points, texts, at + 1)


def _ranked(check: CaseCheck, level: str) -> bool:
    """Return whether there is more than one place of the level to rank."""
    return level not in check.maps.coords or len(np.unique(check.maps[level].values)) > 1


def _interval(row: "pd.Series", name: str, factor: float) -> str:
    text = f"{factor * row[name]:.0f}"
    return text if np.isnan(row["low"]) else f"{text} ({factor * row['low']:.0f} to {factor * row['high']:.0f})"


def _words(hv: Any, rows: _Rows) -> Any:
    return hv.Labels(rows.texts, [SHARE, "row"], "text").opts(
        hv.opts.Labels(text_color=INK, text_font_size="9.5pt", text_align="left", backend="bokeh"),
        hv.opts.Labels(color=INK, size=9.5, horizontalalignment="left", backend="matplotlib"),
    )


def _unskilled(hv: Any, rows: _Rows) -> Any:
    lines = [(plain, y - TICK, plain, y + TICK) for y, *_, plain in rows.points]
    return hv.Segments(lines, [SHARE, "row", "x1", "y1"]).opts(
        hv.opts.Segments(color=GREY, line_width=3, backend="bokeh"),
        hv.opts.Segments(color=GREY, linewidth=2.5, backend="matplotlib"),
    )


def _intervals(hv: Any, rows: _Rows) -> Any:
    lines = [(low, y, high, y) for y, _, low, high, _ in rows.points if np.isfinite(low)]
    return hv.Segments(lines, [SHARE, "row", "x1", "y1"]).opts(
        hv.opts.Segments(color=SERIES[0], line_width=2, backend="bokeh"),
        hv.opts.Segments(color=SERIES[0], linewidth=1.7, backend="matplotlib"),
    )


def _points(hv: Any, rows: _Rows) -> Any:
    columns = [(value, y, plain) for y, value, _, _, plain in rows.points]
    tips = [("share of the land", "@plain %"), ("share of the cases", f"@{{{SHARE}}}{{0.0}} %")]
    return hv.Points(columns, [SHARE, "row"], ["plain"]).opts(
        hv.opts.Points(color=SERIES[0], size=9, tools=["hover"], hover_tooltips=tips, backend="bokeh"),
        hv.opts.Points(color=SERIES[0], s=48, linewidth=0, backend="matplotlib"),
    )
