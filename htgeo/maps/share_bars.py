"""Bars of 100 %, one below the other, with what they are made of written out below each."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from htgeo.maps.figure import plotting
from htgeo.maps.style import INK, SOFT

LETTERS = 54
"""Letters of a line of text: what a phone has room for."""
LINE_PIXELS, FRAME_PIXELS = 20, 190
INDENT, MARK_AT = 3.5, 1.2
"""Percent of the width before the text of a part, and before the square of its colour."""
HALF = 0.42
"""Half the height of a bar, in lines."""
LINE = "line"


@dataclass(frozen=True)
class Part:
    """A part of a bar.

    Attributes
    ----------
    name
        What it is.
    count
        How many.
    color
        Its colour.
    hatched
        Whether strokes mark it too.
    reasons
        Count and text of what it is made of.
    """

    name: str
    count: float
    color: str
    hatched: bool = False
    reasons: Sequence[tuple[int, str]] = field(default=(), hash=False)


@dataclass(frozen=True)
class Bar:
    """A bar: its heading, its parts, and what is said where it has none."""

    heading: str
    parts: Sequence[Part]
    empty: str

    @property
    def total(self) -> float:
        """The count of all parts."""
        return sum(part.count for part in self.parts)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the lines below the bar: the colour where a line begins a part, and the text."""
        for part in self.parts:
            if not part.count:
                continue
            yield part.color, f"{part.name}: {part.count:,.0f} ({share_text(part.count, self.total)})"
            for count, reason in part.reasons:
                first, *more = textwrap.wrap(f"{count:,} {reason}", LETTERS) or [""]
                yield "", f"  {first}"
                yield from (("", f"      {line}") for line in more)
        if not self.total:
            yield "", self.empty


def share_text(count: float, total: float) -> str:
    """Return a share as percent with one decimal."""
    share = f"{100 * count / total:.1f} %"
    if 0 < count < total and share in ("0.0 %", "100.0 %"):
        return "below 0.1 %" if share == "0.0 %" else "above 99.9 %"
    return share


def bars_height(bars: Sequence[Bar]) -> int:
    """Return the pixels that bars with their texts and the frame need."""
    return LINE_PIXELS * sum(3 + len(list(bar.lines())) for bar in bars) + FRAME_PIXELS


def share_bars(bars: Sequence[Bar], share: str) -> Any:
    """Return bars with their texts, for `framed(..., height=bars_height(bars), legend=None)`.

    Parameters
    ----------
    bars
        The bars, from top to bottom.
    share
        What the axis of percent shows.

    Returns
    -------
    holoviews.Overlay
        Rectangles by part, squares, texts and a dashed frame for bars of nothing.
    """
    hv = plotting()
    at, frames, texts = 0, list[int](), list[tuple[float, int, str, str]]()
    rectangles, marks = dict[Part, list[tuple[Any, ...]]](), list[tuple[float, int, str]]()
    for bar in bars:
        texts.append((0.0, -at, _short(bar.heading), "bold"))
        for start, end, part in _spans(bar):
            key = Part(part.name, 0, part.color, part.hatched)
            box = (start, -at - 1 - HALF, end, -at - 1 + HALF, bar.heading, part.count, end - start)
            rectangles.setdefault(key, []).append(box)
        frames += [] if bar.total else [-at - 1]
        lines = list(bar.lines())
        marks += [(MARK_AT, -at - 2 - row, color) for row, (color, _) in enumerate(lines) if color]
        texts += [(INDENT, -at - 2 - row, text, "normal") for row, (_, text) in enumerate(lines)]
        at += 3 + len(lines)
    elements = [_rectangles(hv, part, boxes, share) for part, boxes in rectangles.items()]
    elements += [
        *_squares(hv, marks, share),
        *_words(hv, texts, share),
        *([_frames(hv, frames, share)] if frames else []),
    ]
    axes: dict[str, Any] = {
        "xlim": (0, 100),
        "ylim": (-at + 0.3, 0.8),
        "xticks": [(tick, f"{tick}") for tick in (0, 25, 50, 75, 100)],
        "yaxis": None,
    }
    return hv.Overlay(elements).opts(
        hv.opts.Overlay(yticks=[(1, "")], **axes, backend="bokeh"),  # no line of the grid crosses a text
        hv.opts.Overlay(**axes, backend="matplotlib"),
    )


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def _spans(bar: Bar) -> Iterator[tuple[float, float, Part]]:
    """Yield from where to where (percent) each part reaches."""
    start = 0.0
    for part in bar.parts:
        if part.count:
            end = start + 100 * part.count / bar.total
            yield start, end, part
            start = end


def _rectangles(hv: Any, part: Part, boxes: list[tuple[Any, ...]], share: str) -> Any:
    tips = [("of", "@of"), (part.name, "@count{0,0} (@percent{0.0} %)")]
    element = hv.Rectangles(boxes, ["x0", "y0", "x1", "y1"], ["of", "count", "percent"], label=part.name)
    return element.opts(
        hv.opts.Rectangles(
            color=part.color, line_color=part.color, xlabel=share, ylabel="", tools=["hover"], hover_tooltips=tips,
            hooks=[_hatch] if part.hatched else [], backend="bokeh",
        ),
        hv.opts.Rectangles(
            facecolor=part.color, edgecolor=INK if part.hatched else part.color, linewidth=0.2, xlabel=share, ylabel="",
            hatch="//" if part.hatched else "", backend="matplotlib",
        ),
    )  # fmt: skip


def _hatch(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    glyph = plot.handles["glyph"]
    glyph.update(hatch_pattern="/", hatch_color=SOFT, hatch_weight=0.6, hatch_scale=8)


def _squares(hv: Any, marks: list[tuple[float, int, str]], share: str) -> Iterator[Any]:
    for color in dict.fromkeys(color for *_, color in marks):
        points = hv.Points([(x, y) for x, y, of in marks if of == color], [share, LINE])
        yield points.opts(
            hv.opts.Points(color=color, marker="square", size=9, xlabel=share, backend="bokeh"),
            hv.opts.Points(color=color, marker="s", s=44, xlabel=share, backend="matplotlib"),
        )


def _words(hv: Any, texts: list[tuple[float, int, str, str]], share: str) -> Iterator[Any]:
    for style in ("bold", "normal"):
        labels = hv.Labels([(x, y, text) for x, y, text, of in texts if of == style], [share, LINE], "text")
        yield labels.opts(
            hv.opts.Labels(
                text_color=INK, text_font_size="9.5pt", text_font_style=style, text_align="left",
                text_baseline="middle", xlabel=share, backend="bokeh",
            ),
            hv.opts.Labels(
                color=INK, size=9.5, weight=style, horizontalalignment="left", verticalalignment="center",
                xlabel=share, backend="matplotlib",
            ),
        )  # fmt: skip


def _frames(hv: Any, lines: list[int], share: str) -> Any:
    """Return an empty frame where a bar would be."""
    corners = np.array([(0, -HALF), (0, HALF), (100, HALF), (100, -HALF), (0, -HALF)])
    path = hv.Path([corners + np.array([0, line]) for line in lines], [share, LINE])
    return path.opts(
        hv.opts.Path(color=SOFT, line_dash="dashed", xlabel=share, backend="bokeh"),
        hv.opts.Path(color=SOFT, linestyle="dashed", xlabel=share, backend="matplotlib"),
    )
