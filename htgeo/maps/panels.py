"""Several framed panels as one figure, with one heading above all of them."""

import textwrap
from collections.abc import Sequence
from typing import Any

from htgeo.maps.figure import DOTS, foot_lines, hooked, plotting
from htgeo.maps.style import INK

SAME_LEFT = 80
"""Pixels that every panel of a page has for its vertical axis."""
HEAD = 0.5
"""Inches between the heading of a picture for print and the panels."""
HEAD_SIZE = 14


def panels(
    parts: Sequence[Any],
    *,
    title: str,
    source: str = "",
    columns: int = 1,
    width: int = 860,
    height: int = 600,
    gaps: tuple[float, float] = (0.3, 0.4),
) -> Any:
    """Return panels, made by `framed` with a foot on the last one only, in rows and columns of equal size.

    Parameters
    ----------
    parts
        The panels.
    title
        What is seen, in one sentence; panels may have short titles of their own.
    source
        What the figure was made from, as given to the last panel; needed where there are several columns.
    columns
        Panels side by side.
    width, height
        Pixels of all panels together in a picture for print; in a page each panel has its own size.
    gaps
        Room between panels in print, beside and below each other, in widths and heights of a panel.

    Returns
    -------
    holoviews.Layout
    """  # fmt: skip
    hv = plotting()
    lined = [hooked(part, "bokeh", _same_left) for part in parts]
    lined[0] = hooked(lined[0], "matplotlib", _heading(title, width))
    if source:
        lined[-1] = hooked(lined[-1], "matplotlib", _wide_foot(source, width))
    return (
        hv.Layout(lined)
        .cols(columns)
        .opts(
            hv.opts.Layout(shared_axes=False, title=title, backend="bokeh"),
            hv.opts.Layout(
                fig_inches=(width / DOTS, height / DOTS), fig_bounds=(0, 0, 1, 1), absolute_scaling=False,
                hspace=gaps[0], vspace=gaps[1], sublabel_format="", backend="matplotlib",
            ),
        )
    )  # fmt: skip


def _same_left(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    """Let the axes of panels below each other begin at the same place."""
    plot.state.min_border_left = SAME_LEFT


def _heading(title: str, width: int) -> Any:
    """Return a hook that writes the heading of a picture for print above its panels, flush left."""

    def write(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        figure = plot.handles["fig"]
        text = "\n".join(textwrap.wrap(title, width // 10))
        above = 1 + HEAD / figure.get_size_inches()[1]
        figure.text(0, above, text, va="bottom", fontsize=HEAD_SIZE, fontweight="bold", color=INK)

    return write


def _wide_foot(source: str, width: int) -> Any:
    """Return a hook that lets the foot of the last panel begin below the first one and run below all of them."""

    def move(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        note = plot.handles["axis"].texts[-1]
        note.set_text("\n".join(foot_lines(source, width)))
        note.xycoords = (plot.handles["fig"].transFigure, "axes fraction")

    return move
