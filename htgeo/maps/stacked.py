"""Panels below each other whose frames begin and end at the same places, also in print."""

import textwrap
from collections.abc import Sequence
from typing import Any

from htgeo.maps.figure import DOTS, hooked, plotting
from htgeo.maps.style import INK

WIDTH = 960
"""Pixels of a figure of panels."""
LEFT, RIGHT = 66, 14
"""Pixels beside the frames, in print."""
KEY, AXIS = 185, 50
"""Pixels of the legend of a map, and of the axis of the panel beside it, in print."""
HEAD_LINE, HEAD_SIZE, HEAD_LETTERS = 22, 13, 88
"""Height of a line of the heading (pixels), size of its letters (points), and how many stand in a line."""


Box = tuple[float, float, float, float]


def stacked(
    panels: Sequence[Any], rooms: Sequence[tuple[int, int]], *, title: str, left: int = LEFT, shared: bool = False
) -> Any:
    """Return panels below each other; in print their frames begin and end at the same places.

    Parameters
    ----------
    panels
        Overlays from `framed`; only the last with a foot.
    rooms
        Pixels above the frame of each panel, and of the frame itself.
    title
        Heading of the figure.
    left
        Pixels left of the frames, in print and on a page, for ticks and labels.
    shared
        Whether axes of one name move together on a page.

    Returns
    -------
    holoviews.Layout
    """
    lines = textwrap.wrap(title, HEAD_LETTERS)
    head = HEAD_LINE * len(lines)
    height = head + sum(above + frame for above, frame in rooms)
    boxes, top = [], float(head)
    for above, frame in rooms:
        top += above + frame
        boxes.append((left / WIDTH, 1 - top / height, (WIDTH - left - RIGHT) / WIDTH, frame / height))
    return _figure(panels, boxes, (WIDTH, height), title, columns=1, left=left, shared=shared)


def beside(panels: Sequence[Any], widths: tuple[int, int], height: int, *, title: str) -> Any:
    """Return a map and a panel beside it; on a phone the panel comes to stand below.

    Parameters
    ----------
    panels
        Overlays from `framed`, the first with a foot.
    widths
        Pixels of both; the legend of the map stands in the room of the map.
    height
        Pixels of both.
    title
        Heading of the figure.

    Returns
    -------
    holoviews.Layout
    """
    whole, head = sum(widths), HEAD_LINE * (len(textwrap.wrap(title, HEAD_LETTERS)) + 2)
    top = head + height
    boxes = [
        (0.0, 0.0, (widths[0] - KEY) / whole, height / top),
        (widths[0] / whole, AXIS / top, (widths[1] - RIGHT) / whole, (height - AXIS) / top),
    ]
    return _figure(panels, boxes, (whole, top), title, columns=2, left=RIGHT, shared=False)


def _figure(
    panels: Sequence[Any],
    boxes: Sequence[Box],
    size: tuple[int, int],
    title: str,
    *,
    columns: int,
    left: int,
    shared: bool,
) -> Any:
    """Return panels as a figure, whose axes stand in boxes (left, bottom, width, height) in print."""
    hv = plotting()
    lined = [hooked(panel, "bokeh", _same_left(left)) for panel in panels]
    head = "\n".join(textwrap.wrap(title, HEAD_LETTERS))
    lined[-1] = hooked(lined[-1], "matplotlib", _placing(boxes, head))
    inches = (size[0] / DOTS, size[1] / DOTS)
    return hv.Layout(lined).cols(columns).opts(
        hv.opts.Layout(title=title, shared_axes=shared, backend="bokeh"),
        hv.opts.Layout(fig_inches=inches, sublabel_format="", show_title=False, backend="matplotlib"),
    )  # fmt: skip


def _same_left(left: int) -> Any:
    """Return a hook that lets the frames of a page begin at the same place."""

    def hook(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        plot.state.min_border_left = left

    return hook


def _placing(boxes: Sequence[Box], head: str) -> Any:
    """Return a hook that puts the axes of a matplotlib figure into boxes (left, bottom, width, height), and a heading."""

    def hook(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        figure = plot.handles["fig"]
        for axis, box in zip(figure.axes, boxes, strict=False):
            axis.set_position(box)
            axis.set_anchor("NW")
        figure.text(
            boxes[0][0], 1, head, ha="left", va="top", fontsize=HEAD_SIZE, fontweight="bold", color=INK, linespacing=1.3
        )

    return hook
