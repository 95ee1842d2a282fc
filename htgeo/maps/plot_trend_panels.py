"""The panels of a trend: line, band, points, holidays and shaded days of each area, and the exposure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from htgeo.maps.audience import Audience
from htgeo.maps.figure import framed, plotting
from htgeo.maps.plot_trend_data import Trend
from htgeo.maps.stacked import WIDTH, stacked
from htgeo.maps.style import INK, SERIES, SOFT

LINE, DOT, EXPOSURE, SHADE = SERIES[0], SERIES[1], SERIES[2], SERIES[6]
PANEL, SMALL, LEGEND, AXIS, NAME = 130, 80, 34, 50, 34
"""Pixels of the frame of an area and of the exposure, of the legend, the time axis, and the name of an area."""
PAGE_LEGEND = 50
"""Pixels of the legend on a page."""
SIZES = {"day": (3, 4), "week": (4, 12), "month": (6, 26), "year": (8, 40)}
"""Size of the points of what was observed: bokeh (pixels across), matplotlib (square points)."""
MEAN_DAYS = 28
"""Days of the running mean that is drawn through counts by day."""
MEAN_TEXT, TRAINED = f"observed, {MEAN_DAYS}-day mean", "days learned from"
MARK = 0.04
"""Height of the marks of holidays above the axis, as a share of the panel."""
HEADROOM = 1.08
TIME = "time"


@dataclass(frozen=True)
class Parts:
    """What is drawn: the numbers, the level of the band, holidays, training days (first, last), and the layer counted."""

    trend: Trend
    level: float
    holidays: np.ndarray
    trained: tuple[np.datetime64, np.datetime64] | None
    layer: str

    @property
    def top(self) -> float:
        """The upper end of the vertical axis of all areas."""
        drawn = [values for values in (self.trend.expected, self.trend.high, self.trend.observed) if values is not None]
        return max(float(np.nanmax(np.array(drawn))), 1.0) * HEADROOM

    @property
    def unit(self) -> str:
        """The name of the vertical axis."""
        return f"events a {self.trend.freq}"


def trained(cube: xr.Dataset, variable: str) -> tuple[np.datetime64, np.datetime64] | None:
    """Return the first and last day that the model of a forecast learned from, None where it is not known."""
    text = str(cube[variable].attrs.get("training_days", ""))
    days = text.split(" to ")
    return (np.datetime64(days[0], "ns"), np.datetime64(days[1], "ns")) if len(days) == 2 else None  # noqa: PLR2004


def trend_figure(
    parts: Parts,
    exposure: str | None,
    collected: tuple[str, np.ndarray, np.ndarray] | None,
    *,
    title: str,
    source: str,
    audience: Audience,
) -> Any:
    """Return a panel for each area and one for the exposure, with one time axis."""
    hv = plotting()
    trend, last = parts.trend, len(parts.trend.names) - 1
    panels, rooms = [], []
    frame: dict[str, Any] = {"source": source, "width": WIDTH, "audience": audience}
    for row, name in enumerate(trend.names):
        bottom = row == last and collected is None
        height = PANEL + NAME + (PAGE_LEGEND if row == 0 else 0) + (AXIS if bottom else 0)
        overlay = hv.Overlay(list(_area(hv, parts, row))).opts(*_axes(hv, parts, (0, parts.top), bare=not bottom))
        legend = "top" if row == 0 else None
        panel = framed(overlay, title=name, height=height, legend=legend, foot=bottom, **frame)
        panels.append(_with_legend(hv, panel, parts) if row == 0 else panel)
        rooms.append((NAME + (LEGEND if row == 0 else 0), PANEL))
    if collected is not None:
        freq, middle, counts = collected
        overlay = hv.Overlay(list(_exposure(hv, middle, counts, f"number a {freq}")))
        overlay = overlay.opts(*_axes(hv, parts, (0, max(float(counts.max()), 1.0) * HEADROOM), bare=False))
        name = f"Collected at all in the whole city ({exposure})"
        panels.append(framed(overlay, title=name, height=SMALL + NAME + AXIS, legend=None, **frame))
        rooms.append((NAME, SMALL))
    return stacked(panels, rooms, title=title, shared=True)


def _axes(hv: Any, parts: Parts, ylim: tuple[float, float], *, bare: bool) -> list[Any]:
    """Return options of the axes of a panel; all panels have the same time axis, and only the last shows it."""
    first, middle = parts.trend.first.astype("datetime64[ns]"), parts.trend.middle
    last = middle[-1] + (middle[-1] - first[-1])
    margin = (last - first[0]) / 100
    axes: dict[str, Any] = {"xlim": (first[0] - margin, last + margin), "ylim": ylim, "xlabel": "", "yticks": 4}
    if bare:
        axes["xaxis"] = "bare"
    return [hv.opts.Overlay(**axes, backend=backend) for backend in ("bokeh", "matplotlib")]


def _with_legend(hv: Any, panel: Any, parts: Parts) -> Any:
    """Return the first panel with a legend in one line above it; print needs one of its own, since it has none of areas."""
    hooks = hv.Store.lookup_options("matplotlib", panel, "plot").kwargs["hooks"]
    pages = hv.Store.lookup_options("bokeh", panel, "plot").kwargs["hooks"]
    return panel.opts(
        hv.opts.Overlay(legend_cols=6, hooks=[*pages, _tight_legend], backend="bokeh"),
        hv.opts.Overlay(show_legend=False, hooks=[*hooks, _print_legend(parts)], backend="matplotlib"),
    )


def _tight_legend(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    for box in plot.state.legend:
        box.margin = box.padding = 0


def _print_legend(parts: Parts) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    trend = parts.trend
    signs: list[Any] = []
    if trend.expected is not None:
        signs += [Line2D([], [], color=LINE, label="expected")]
        signs += [Patch(facecolor=LINE, alpha=alpha, label=text) for _, alpha, text in _band_kinds(parts)]
    if trend.observed is not None:
        signs += [Line2D([], [], color=DOT, marker="o", markersize=5, linestyle="", label="observed")]
        if _has_mean(trend):
            signs += [Line2D([], [], color=DOT, linestyle="dashed", label=MEAN_TEXT)]
    if len(parts.holidays):
        signs += [Line2D([], [], color=SOFT, marker="^", markersize=4, linestyle="", label="public holiday")]
    if trend.expected is not None and parts.trained is not None:
        signs += [Patch(facecolor=SHADE, alpha=0.13, label=TRAINED)]

    def hook(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        at = (0, 1 + NAME / PANEL)
        box = plot.handles["axis"].legend(
            handles=signs, loc="lower left", bbox_to_anchor=at, ncols=len(signs), fontsize=8.5, frameon=False,
            borderaxespad=0, borderpad=0, columnspacing=1.2, handlelength=1.4, handletextpad=0.5,
        )  # fmt: skip
        for text in box.get_texts():
            text.set_color(INK)

    return hook


def _band_kinds(parts: Parts) -> Iterator[tuple[np.ndarray, float, str]]:
    """Yield the periods, the opacity and the name of the band of chance alone and of the one that was learned."""
    for learned, alpha, text in ((False, 0.18, "chance alone"), (True, 0.36, "learned")):
        at = np.flatnonzero(parts.trend.learned == learned)
        if len(at):
            yield at, alpha, f"{parts.level:.0%} band, {text}"


def _has_mean(trend: Trend) -> bool:
    """Return whether a running mean is drawn."""
    return trend.freq == "day" and len(trend.first) > 2 * MEAN_DAYS


def _area(hv: Any, parts: Parts, row: int) -> Iterator[Any]:
    """Yield what is drawn of an area, from the back to the front."""
    trend, unit = parts.trend, parts.unit
    if trend.expected is not None:
        yield from _shade(hv, parts)
        yield from _bands(hv, parts, row)
    yield from _marks(hv, parts)
    if trend.observed is not None:
        yield from _observed(hv, parts, row)
    if trend.expected is not None:
        yield hv.Curve((trend.middle, trend.expected[row]), TIME, unit, label="expected").opts(
            hv.opts.Curve(color=LINE, line_width=2, backend="bokeh"),
            hv.opts.Curve(color=LINE, linewidth=1.6, hooks=[_dates], backend="matplotlib"),
        )


def _shade(hv: Any, parts: Parts) -> Iterator[Any]:
    """Yield the days that the model learned from."""
    if parts.trained is None:
        return
    first, last = parts.trained
    ends = np.clip(np.array([first, last]), parts.trend.first[0].astype("datetime64[ns]"), parts.trend.middle[-1])
    if ends[0] < ends[1]:
        shade = hv.Area((ends, [parts.top, parts.top]), TIME, parts.unit, label=TRAINED)
        yield shade.opts(
            hv.opts.Area(color=SHADE, fill_alpha=0.13, line_alpha=0, backend="bokeh"),
            hv.opts.Area(color=SHADE, facecolor=SHADE, alpha=0.13, linewidth=0, backend="matplotlib"),
        )


def _bands(hv: Any, parts: Parts, row: int) -> Iterator[Any]:
    """Yield the band of chance alone, and the one learned from earlier forecasts."""
    trend, low, high = parts.trend, parts.trend.low, parts.trend.high
    if low is None or high is None:
        return
    for at, alpha, text in _band_kinds(parts):
        band = hv.Area((trend.middle[at], low[row, at], high[row, at]), TIME, [parts.unit, "high"], label=text)
        yield band.opts(
            hv.opts.Area(color=LINE, fill_alpha=alpha, line_alpha=0, backend="bokeh"),
            hv.opts.Area(color=LINE, facecolor=LINE, alpha=alpha, linewidth=0, backend="matplotlib"),
        )


def _marks(hv: Any, parts: Parts) -> Iterator[Any]:
    """Yield a short mark at each public holiday."""
    if not len(parts.holidays):
        return
    at = (parts.holidays + np.timedelta64(12, "h"), np.full(len(parts.holidays), MARK * parts.top))
    yield hv.Points(at, [TIME, parts.unit], label="public holiday").opts(
        hv.opts.Points(color=SOFT, marker="triangle", size=5, backend="bokeh"),
        hv.opts.Points(color=SOFT, marker="^", s=12, linewidth=0, backend="matplotlib"),
    )


def _observed(hv: Any, parts: Parts, row: int) -> Iterator[Any]:
    """Yield the counts as points; of days, the running mean as a dashed line too."""
    trend, observed = parts.trend, np.asarray(parts.trend.observed)[row]
    size, area = SIZES[trend.freq]
    columns: dict[str, Any] = {TIME: trend.middle, parts.unit: observed, "from": trend.first.astype(str)}
    tips = [(f"{trend.freq} from", "@from"), ("observed", f"@{{{parts.unit}}}{{0.[0]}}")]
    if trend.expected is not None and trend.low is not None and trend.high is not None:
        columns |= {"expected": trend.expected[row], "low": trend.low[row], "high": trend.high[row]}
        tips += [("expected", "@expected{0.[0]} (@low{0.[0]} to @high{0.[0]})")]
    points = hv.Points(columns, [TIME, parts.unit], list(columns)[2:], label="observed")
    many = trend.freq == "day"
    yield points.opts(
        hv.opts.Points(
            color=DOT, size=size, alpha=0.35 if many else 0.8, tools=["hover"], hover_tooltips=tips, backend="bokeh"
        ),
        hv.opts.Points(color=DOT, s=area, alpha=0.35 if many else 0.8, linewidth=0, backend="matplotlib"),
    )
    if _has_mean(trend):
        mean = np.convolve(observed, np.full(MEAN_DAYS, 1 / MEAN_DAYS), "valid")
        middle = trend.middle[MEAN_DAYS // 2 : MEAN_DAYS // 2 + len(mean)]
        yield hv.Curve((middle, mean), TIME, parts.unit, label=MEAN_TEXT).opts(
            hv.opts.Curve(color=DOT, line_width=2, line_dash="dashed", backend="bokeh"),
            hv.opts.Curve(color=DOT, linewidth=1.5, hooks=[_dashed], backend="matplotlib"),
        )


def _dates(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    """Write days of matplotlib short: the year once, and months."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axis, ticks = plot.handles["axis"].xaxis, AutoDateLocator()  # type: ignore[no-untyped-call,unused-ignore]
    axis.set_major_locator(ticks)
    axis.set_major_formatter(ConciseDateFormatter(ticks))  # type: ignore[no-untyped-call,unused-ignore]


def _dashed(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    """Dash a line of matplotlib: the option of holoviews for it warns."""
    plot.handles["artist"].set_linestyle("dashed")


def _exposure(hv: Any, middle: np.ndarray, counts: np.ndarray, unit: str) -> Iterator[Any]:
    """Yield the number collected as a line of steps with points."""
    yield hv.Curve((middle, counts), TIME, unit).opts(
        hv.opts.Curve(color=EXPOSURE, line_width=2, interpolation="steps-mid", tools=["hover"], backend="bokeh"),
        hv.opts.Curve(color=EXPOSURE, linewidth=1.6, interpolation="steps-mid", hooks=[_dates], backend="matplotlib"),
    )
