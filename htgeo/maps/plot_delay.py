"""Reporting delay: how soon after an event it is known, and how that changed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.version import VERSION
from htgeo.maps.delays import Delays, delays_of_cube, delays_of_events, month_delays
from htgeo.maps.figure import framed, plotting, source_line
from htgeo.maps.panels import panels
from htgeo.maps.style import INK, SERIES
from htgeo.sources.events import Events

MARKED = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Shares of the events whose delay is written at the curve."""
DRAWN = {
    "median delay": (0.5, SERIES[0], "circle", "o", "solid"),
    "90 % of the events": (0.9, SERIES[1], "diamond", "D", "dashed"),
}
"""Quantiles by month: share, colour, marker of bokeh and of matplotlib, dash."""
COMPLETE = 0.95
"""Share of the events of a month that must be expected to be known for the month to count as complete."""
TICKS = (0, 1, 2, 3, 7, 14, 28, 60, 120, 365, 730, 1095)
HALF_MONTH = np.timedelta64(15, "D")
WIDTH, HEIGHT = 860, 420
DELAY, SHARE, MONTH = "days until known", "share known, %", "month of occurrence"


def plot_delay(
    data: xr.Dataset | Events, layer: str | None = None, *, title: str | None = None, source: str = ""
) -> Any:
    """Draw how soon events are known: the share within so many days, and the delay by month of occurrence.

    The share allows for delays that were not over when the file ended (reverse-time hazards, as `Nowcast` does), so that
    young events do not make reports look faster than they are. Months of which less than 95 % is expected to be known are
    drawn hollow: their delays still grow.

    Parameters
    ----------
    data
        A cube with a reporting triangle, ``grid_events(…, delays=365)``, of which nothing else is read; or events.
    layer
        The layer of the cube; by default the only one with a triangle.
    title
        Heading.
    source
        What the events are, for the line below.

    Returns
    -------
    holoviews.Layout
        Two panels; days on both are on a logarithmic scale of days + 1.

    Raises
    ------
    CubeError
        If the cube has no such triangle, or steps longer than a day.
    InputError
        If there is no event, or the data are something else.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-03-31")
    >>> crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz")
    >>> ht.save_figure(ht.plot_delay(crimes, source="Simulated city."), "delay.png").name
    'delay.png'
    """
    if isinstance(data, Events):
        delays, name = delays_of_events(data), layer or data.report.source
        made_from = " ".join(filter(None, [source, f"{len(data):,} events. htgeo {VERSION}."]))
    else:
        delays, name = delays_of_cube(data, layer)
        made_from = source_line(data, source)
    if not delays.triangle.sum():
        message = f"{name!r} has no event whose delay can be seen"
        raise InputError(message)
    hv = plotting()
    shares = delays.shares()
    half, most = (int(np.argmax(shares >= q - 1e-9)) for q in (0.5, 0.9))
    head = title or f"{name}: half of the events known {_within(half)}, nine in ten {_within(most)}"
    hollow = f"Hollow: of that month less than {100 * COMPLETE:.0f} % is expected to be known yet."
    parts = [
        framed(
            hv.Overlay(list(_curve(hv, shares))),
            title="All months",
            width=WIDTH,
            height=HEIGHT,
            legend=None,
            foot=False,
        ),
        framed(
            hv.Overlay(list(_months(hv, delays, shares))),
            title="By month; hollow: not yet complete",
            source=f"{hollow} {made_from}",
            width=WIDTH,
            height=HEIGHT,
            legend="top_left",
        ),
    ]
    return panels(parts, title=head, width=WIDTH, height=2 * HEIGHT)


def _within(days: int) -> str:
    return "on the day" if days == 0 else f"within {days} {'day' if days == 1 else 'days'}"


def _scale(days: Any) -> Any:
    return np.log1p(days)


def _ticks(longest: float) -> list[tuple[float, str]]:
    return [(float(_scale(days)), str(days)) for days in TICKS if days <= max(longest, 3)]


def _curve(hv: Any, shares: np.ndarray) -> Iterator[Any]:
    """Yield the share of events known within each delay, and its quantiles."""
    days = np.arange(len(shares))
    steps = hv.Curve((_scale(days), 100 * shares), DELAY, SHARE)
    right = float(_scale(len(shares))) + 0.05
    axes = {"xticks": _ticks(len(shares)), "ylim": (0, 106), "xlim": (-0.25, right)}
    yield steps.opts(
        hv.opts.Curve(color=SERIES[0], line_width=2.5, interpolation="steps-post", **axes, backend="bokeh"),
        hv.opts.Curve(color=SERIES[0], linewidth=2.2, interpolation="steps-post", **axes, backend="matplotlib"),
    )
    reached = {int(np.argmax(shares >= share - 1e-9)): share for share in MARKED}  # the highest share of a delay
    at = [(float(_scale(day)), 100 * float(shares[day]), day, 100 * share) for day, share in reached.items()]
    points = hv.Points([(x, y, day, share) for x, y, day, share in at], [DELAY, SHARE], ["day", "percent"])
    yield points.opts(
        hv.opts.Points(
            color=SERIES[0], size=9, tools=["hover"],
            hover_tooltips=[("known", "@percent %"), ("within", "@day days")], backend="bokeh",
        ),
        hv.opts.Points(color=SERIES[0], s=50, backend="matplotlib"),
    )  # fmt: skip
    names = [(x, y - 6, f"{share:.0f} %") for x, y, _, share in at]
    yield _words(hv, names[:1], "left" if at[0][2] == 0 else "center")  # inside the frame
    if names[1:]:
        yield _words(hv, names[1:], "center")
    low = bool(shares[int(np.expm1(_scale(len(shares)) / 2))] > MARKED[0])  # the corner that the curve leaves free
    lines = [f"{share:.0f} % are known {_within(day)}" for *_, day, share in at]
    x, top, align = (right - 0.1, 8 + 8 * len(lines), "right") if low else (0.1, 98, "left")
    yield _words(hv, [(x, top - 8 * number, line) for number, line in enumerate(lines)], align)


def _words(hv: Any, texts: list[tuple[float, float, str]], align: str) -> Any:
    return hv.Labels(texts, [DELAY, SHARE], "text").opts(
        hv.opts.Labels(text_color=INK, text_font_size="9.5pt", text_align=align, backend="bokeh"),
        hv.opts.Labels(color=INK, size=9.5, horizontalalignment=align, backend="matplotlib"),
    )


def _months(hv: Any, delays: Delays, shares: np.ndarray) -> Iterator[Any]:
    """Yield a line and points for each quantile; points of months that are not complete are hollow."""
    months = month_delays(delays.triangle, delays.days, shares, [share for share, *_ in DRAWN.values()])
    when = np.array([month.first for month in months]).astype("datetime64[D]").astype("datetime64[ns]")
    done = np.array([month.known >= COMPLETE for month in months])
    events = np.array([month.events for month in months])
    percent = 100 * np.array([month.known for month in months])
    for number, (name, (_, color, marker, sign, dash)) in enumerate(DRAWN.items()):
        value = np.array([month.delays[number] for month in months])
        top = max(max(month.delays) for month in months)
        axes = {
            "xlim": (when[0] - HALF_MONTH, when[-1] + HALF_MONTH),
            "yticks": _ticks(top),
            "ylim": (-0.15, float(_scale(max(top, 3))) * 1.25),
        }
        yield hv.Curve((when, _scale(value)), MONTH, DELAY, label=name).opts(
            hv.opts.Curve(color=color, line_dash=dash, line_width=2, **axes, backend="bokeh"),
            hv.opts.Curve(
                color=color, linewidth=1.8, hooks=[_dashed(dash), _short_dates], **axes, backend="matplotlib"
            ),
        )
        for wanted, inside in ((done, color), (~done, "white")):
            if not wanted.any():
                continue
            columns = (when[wanted], _scale(value[wanted]), value[wanted], events[wanted], percent[wanted])
            points = hv.Points(columns, [MONTH, DELAY], ["delay", "events", "known"])
            tips = [
                ("month", "@{month of occurrence}{%b %Y}"),
                (name, "@delay days"),
                ("events known", "@events{0,0}"),
                ("expected to be known", "@known{0.0} %"),
            ]
            yield points.opts(
                hv.opts.Points(
                    fill_color=inside, line_color=color, line_width=1.5, marker=marker, size=8, tools=["hover"],
                    hover_tooltips=tips, hooks=[_dates], backend="bokeh",
                ),
                hv.opts.Points(facecolors=inside, edgecolors=color, linewidth=1.4, marker=sign, s=38, backend="matplotlib"),
            )  # fmt: skip


def _dashed(dash: str) -> Any:
    """Return a hook that sets the dash of a matplotlib line, whose own option warns."""

    def hook(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        plot.handles["artist"].set_linestyle(dash)

    return hook


def _short_dates(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axis, ticks = plot.handles["axis"].xaxis, AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call,unused-ignore]
    axis.set_major_locator(ticks)
    axis.set_major_formatter(ConciseDateFormatter(ticks))  # type: ignore[no-untyped-call,unused-ignore]


def _dates(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    from bokeh.models import HoverTool

    for tool in plot.state.select({"type": HoverTool}):
        tool.formatters = {f"@{{{MONTH}}}": "datetime"}
