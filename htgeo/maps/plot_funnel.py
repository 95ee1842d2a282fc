"""The funnel as bars: from all cell-days to the events and cases covered, and what became of the places flagged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from htgeo.core.errors import InputError
from htgeo.core.version import VERSION
from htgeo.evaluation.funnel import Funnel, Stage
from htgeo.evaluation.workflow import Workflow, response_workflow
from htgeo.maps.figure import framed, plotting
from htgeo.maps.stacked import WIDTH, stacked
from htgeo.maps.style import INK, SERIES, percent

TEXTS = {
    "scored": "cell-days scored",
    "flagged": "flagged",
    "reviewed": "reviewed",
    "with_event": "reviewed, with an event",
    "events": "events",
    "events_covered": "events covered",
    "cases": "verified cases",
    "cases_covered": "verified cases covered",
    "referred": "referred",
    "confirmed": "confirmed",
    "harm_reported": "harm reported",
}
"""What a stage is called in a figure."""
OF_TEXTS = {"scored": "all", "events": "them", "cases": "them"}
COLORS = {
    "events": SERIES[2],
    "events_covered": SERIES[2],
    "cases": SERIES[1],
    "cases_covered": SERIES[1],
    "harm_reported": SERIES[3],
}
"""Colours of what is no step from the cell-days or places flagged."""
FRAME_PIXELS, STAGE_PIXELS = 120, 50
ABOVE, LEFT = 50, 14
"""Pixels above and left of the frame, in print."""
THICK = 0.42
"""Height of a bar, as a share of the room of a stage; its text stands above it."""
NUMBER = "number (logarithmic scale)"


@dataclass(frozen=True)
class _Bar:
    """A bar: its stage, text, colour, place, and how far it reaches; dashed where the count is hidden."""

    stage: Stage
    text: str
    color: str
    y: float
    reach: float


def plot_funnel(
    funnel: Funnel,
    *,
    workflow: "Workflow | Mapping[str, float] | Any | None" = None,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw a funnel as bars: cell-days scored, flagged, reviewed and with an event; events and cases, and those covered.

    Counts stand on a logarithmic scale, so that the last stages stay visible beside the first; each bar says its count,
    its share of the stage before, and the interval of that. A hidden count is a dashed frame as long as the number that
    it lies below, or, where it may be all but a few of a stage, as that stage.

    Parameters
    ----------
    funnel
        From `htgeo.funnel`.
    workflow
        From `response_workflow`, or the counts of the user's own records that it takes (``flagged``, ``reviewed``,
        ``referred``, ``confirmed``, ``harm_reported``; counts below 10 are then hidden): a second panel.
    title
        Heading.
    source
        What the funnel was made from, for the line below.

    Returns
    -------
    holoviews.Overlay or holoviews.Layout
        One panel, or two with a workflow; `save_figure` writes it.

    Raises
    ------
    InputError
        If the funnel is something else, or the workflow cannot be read.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-04-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> rule = ht.choose_threshold(cube, "historical_rate", budget=ht.CellsPerDay(10), stop="2021-05-15", draws=20)
    >>> found = ht.funnel(cube, rule, start="2021-05-16", reviewed_per_day=5, draws=20)
    >>> figure = ht.plot_funnel(found, workflow={"flagged": 450, "reviewed": 230, "referred": 31, "confirmed": 2})
    >>> ht.save_figure(figure, "funnel.png").name
    'funnel.png'
    """
    if not isinstance(funnel, Funnel):
        message = f"a funnel is what htgeo.funnel(cube, rule) returns, not {type(funnel).__name__}"
        raise InputError(message)
    hv = plotting()
    records = None if workflow is None else _workflow_of(workflow)
    made_from = " ".join(filter(None, [source, f"{_facts(funnel)} htgeo {VERSION}."]))
    head = title or _title(funnel)
    bars = _bars(funnel.stages, lambda stage, whole: _funnel_hidden(stage, whole, funnel.hide_below))
    if records is None:
        return _panel(hv, bars, funnel.level, title=head, source=made_from)
    own = _bars(records.stages, lambda stage, whole: _workflow_hidden(stage, whole, records))
    panels = [
        _panel(hv, bars, funnel.level, title=f"The alerts of {funnel.model}", foot=False),
        _panel(hv, own, records.level, title=_workflow_title(records), source=made_from),
    ]
    rooms = [(ABOVE, _pixels(bars)), (ABOVE + FRAME_PIXELS // 2, _pixels(own))]
    return stacked(panels, rooms, title=head, left=LEFT)


def _workflow_of(workflow: Any) -> Workflow:
    return workflow if isinstance(workflow, Workflow) else response_workflow(workflow)


def _title(funnel: Funnel) -> str:
    """Return what is seen, in one sentence."""
    stages = {stage.name: stage for stage in funnel.stages}
    reviewed, events = stages.get("reviewed"), stages.get("events_covered")
    if (
        reviewed is None
        or events is None
        or reviewed.count is None
        or events.rate is None
        or not funnel.stages[0].count
    ):
        return f"What the alerts of {funnel.model} cover, {' to '.join(funnel.days)}"
    share = reviewed.count / funnel.stages[0].count
    return f"Reviewing {percent(share)} of the cell-days covers {percent(events.rate)} of the events ({funnel.model}, {' to '.join(funnel.days)})"


def _workflow_title(records: Workflow) -> str:
    return f"The response, from own records{f' (hidden below {records.hide_below:g})' if records.hide_below else ''}"


def _funnel_hidden(stage: Stage, whole: float | None, hide_below: float) -> tuple[str, float]:
    """Return the text of a hidden count, and the most that it may be; a funnel does not say which of two reasons."""
    if stage.name.endswith("_covered") and whole is not None:
        return f"hidden (below {hide_below:g}, or all but so few)", max(whole, hide_below)
    return f"fewer than {hide_below:g}", hide_below


def _workflow_hidden(stage: Stage, whole: float | None, records: Workflow) -> tuple[str, float]:
    """Return the text of a hidden count, and the most that it may be."""
    few = f"fewer than {records.hide_below:g}"
    if stage.name in records.nearly_all and whole is not None:
        return f"all {stage.of} but {few}", whole
    return few, records.hide_below


def _facts(funnel: Funnel) -> str:
    capacity = "all that are flagged" if funnel.reviewed_per_day is None else f"up to {funnel.reviewed_per_day:g} a day"
    days = "day" if funnel.horizon == 1 else f"{funnel.horizon} days"
    return f"Label {funnel.label}; reviewed: {capacity}; covered: within the {days} from the review on; intervals of {funnel.level:.0%}."


def _bars(stages: Sequence[Stage], hidden: Callable[[Stage, float | None], tuple[str, float]]) -> list[_Bar]:
    """Return the bars from top to bottom, with a gap where something else is counted.

    Parameters
    ----------
    stages
        The stages.
    hidden
        Returns the text of a stage whose count is hidden, and the most that it may be, given the stage it is a part of.
    """
    known = {stage.name: stage.count for stage in stages}
    at, bars = 0.0, list[_Bar]()
    for stage in stages:
        at += 1.0 if not bars or stage.of else 1.35
        shown = hidden(stage, known.get(stage.of)) if stage.count is None else (_count_text(stage), stage.count)
        color = COLORS.get(stage.name, SERIES[0])
        bars.append(_Bar(stage, f"{TEXTS[stage.name]}: {shown[0]}", color, -at, shown[1]))
    return bars


def _count_text(stage: Stage) -> str:
    """Return the count of a stage with its share and interval."""
    text = f"{stage.count:,.1f}".removesuffix(".0")
    if stage.rate is None:
        return text
    ends = "" if stage.low is None or stage.high is None else f" ({_ends(stage.low, stage.high)})"
    return f"{text}, {percent(stage.rate)} of {OF_TEXTS.get(stage.of, stage.of)}{ends}"


def _ends(low: float, high: float) -> str:
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def _panel(hv: Any, bars: list[_Bar], level: float, **frame: Any) -> Any:
    """Return the bars in their frame."""
    last, most = bars[-1].y, max([1.0, *(bar.reach for bar in bars)])
    powers = [0, *(10**n for n in range(int(np.ceil(np.log10(max(most, 10)))) + 1))]
    axes: dict[str, Any] = {
        "xlim": (0, float(_scale(most)) * 1.02),
        "ylim": (last - 0.45, -0.25),
        "xticks": [(float(_scale(power)), _short(power)) for power in powers if power <= most],
        "yaxis": None,
    }
    drawn = hv.Overlay([*_rectangles(hv, bars), *_ends_of(hv, bars, level), _words(hv, bars)]).opts(
        hv.opts.Overlay(yticks=[(1, "")], **axes, backend="bokeh"),  # no line of the grid crosses a text
        hv.opts.Overlay(**axes, backend="matplotlib"),
    )
    return framed(drawn, width=WIDTH, height=_pixels(bars) + FRAME_PIXELS, legend=None, **frame)


def _pixels(bars: list[_Bar]) -> int:
    return int(STAGE_PIXELS * -bars[-1].y)


def _scale(count: Any) -> Any:
    return np.log10(1 + np.asarray(count, float))


def _short(count: float) -> str:
    """Return a power of ten as text, short enough for a phone."""
    return next(
        (f"{count / unit:g}{sign}" for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if count >= unit),
        f"{count:g}",
    )


def _rectangles(hv: Any, bars: list[_Bar]) -> Iterator[Any]:
    """Yield the bars by colour, and frames of those that are hidden."""
    for color in dict.fromkeys(bar.color for bar in bars):
        for hidden in (False, True):
            wanted = [bar for bar in bars if bar.color == color and (bar.stage.count is None) == hidden]
            if not wanted:
                continue
            boxes = [(0.0, bar.y - THICK / 2, float(_scale(bar.reach)), bar.y + THICK / 2, bar.text) for bar in wanted]
            look = {"alpha": 0.0} if hidden else {"alpha": 1.0}
            line = {"line_dash": "dashed"} if hidden else {}
            yield hv.Rectangles(boxes, [NUMBER, "y0", "x1", "y1"], ["stage"]).opts(
                hv.opts.Rectangles(
                    fill_color=color, fill_alpha=look["alpha"], line_color=color, line_width=1.5, **line, ylabel="",
                    tools=["hover"], hover_tooltips=[("", "@stage")], xlabel=NUMBER, backend="bokeh",
                ),
                hv.opts.Rectangles(
                    facecolor="none" if hidden else color, edgecolor=color, linewidth=1.3,
                    linestyle="dashed" if hidden else "solid", xlabel=NUMBER, ylabel="", backend="matplotlib",
                ),
            )  # fmt: skip


def _ends_of(hv: Any, bars: list[_Bar], level: float) -> Iterator[Any]:
    """Yield the intervals of the counts that shares stand for, as lines with ends."""
    known = {bar.stage.name: bar.stage.count for bar in bars}
    lines, tick = list[tuple[Any, ...]](), THICK / 4
    for bar in bars:
        stage, whole = bar.stage, known.get(bar.stage.of)
        if stage.count is None or whole is None or stage.low is None or stage.high is None:
            continue
        low, high = (float(_scale(whole * end)) for end in (stage.low, stage.high))
        text = f"{level:.0%} interval"
        lines.append((low, bar.y, high, bar.y, text))
        lines += [(x, bar.y - tick, x, bar.y + tick, text) for x in (low, high)]
    if lines:
        yield hv.Segments(lines, [NUMBER, "y0", "x1", "y1"], ["what"]).opts(
            hv.opts.Segments(color=INK, line_width=1.5, backend="bokeh"),
            hv.opts.Segments(color=INK, linewidth=1.2, backend="matplotlib"),
        )


def _words(hv: Any, bars: list[_Bar]) -> Any:
    """Return the texts above the bars."""
    texts = [(0.0, bar.y + THICK / 2 + 0.08, bar.text) for bar in bars]
    return hv.Labels(texts, [NUMBER, "y0"], "text").opts(
        hv.opts.Labels(
            text_color=INK, text_font_size="9.5pt", text_align="left", text_baseline="bottom", backend="bokeh"
        ),
        hv.opts.Labels(
            color=INK, size=10, horizontalalignment="left", verticalalignment="bottom", backend="matplotlib"
        ),
    )
