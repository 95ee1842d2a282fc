"""What every figure shares: its frame of title, source and intended use, and how it is saved."""

import re
import textwrap
from collections.abc import Sequence
from html import escape, unescape
from pathlib import Path
from string import Template
from typing import Any

from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE
from htgeo.maps.audience import MARKS, Audience
from htgeo.maps.style import GRID, INK, SOFT

FONT = {"title": "12pt", "labels": "10pt", "xticks": "9pt", "yticks": "9pt", "legend": "9pt", "legend_title": "9pt"}
MPL_FONT = {"title": 13, "labels": 10.5, "xticks": 9.5, "yticks": 9.5, "legend": 9.5, "legend_title": 9.5}
DOTS = 100
"""Dots an inch of a PNG: a width of 960 makes a picture 960 pixels wide or a little more."""
FOOT_SIZE = 8
MAP_BOX = (0.01, 0.02, 0.78, 0.9)
"""Left, bottom, width and height of a printed map in its figure; the legend has the rest."""
FOOT = "foot"
"""Name of the lines below a bokeh figure, which a page shows as text of its own, so that they wrap on a phone."""


def plotting() -> Any:
    """Return holoviews with both of its backends, bokeh first, or say what to install."""
    try:
        import holoviews as hv

        for backend in ("bokeh", "matplotlib"):
            hv.renderer(backend)
    except ModuleNotFoundError as error:
        message = f"figures need {error.name}; install it with: pip install 'htgeo[maps]'"
        raise CubeError(message) from error
    hv.Store.set_current_backend("bokeh")
    return hv


def framed(
    element: Any,
    *,
    title: str,
    source: str = "",
    width: int = 960,
    height: int = 480,
    legend: str | None = "right",
    key: Sequence[tuple[str, str]] = (),
    is_map: bool = False,
    foot: bool = True,
    audience: Audience | None = None,
) -> Any:
    """Return a holoviews element or overlay with a frame: title above; source and intended use below.

    Parameters
    ----------
    element
        An element or an overlay, with colours and labels of its own for both backends.
    title
        What is seen, in one sentence.
    source
        What it was made from; see `source_line`.
    width, height
        Pixels, of the drawing with its axes.
    legend
        Where the legend stands, ``right``, ``top_left`` …; None for no legend.
    key
        Label and colour of each class of a map, as given to `surface`: matplotlib has no legend of its own for shapes.
    is_map
        Whether both axes are kilometres of the ground: equal scale, no ticks.
    foot
        Whether source and intended use stand below; False for all but the last panel of a layout.
    audience
        Whom it is for, marked below; by default ``"internal"`` for maps, and no mark for others, such as scores.

    Returns
    -------
    holoviews.Overlay
        The same, framed in both backends.
    """
    hv = plotting()
    overlay = element if isinstance(element, hv.Overlay) else hv.Overlay([element])
    mark = MARKS[audience or "internal"] if audience or is_map else ""
    lines = foot_lines(f"{mark} {source}".strip(), width) if foot else []
    head = "\n".join(textwrap.wrap(title, width // 8))
    bare: dict[str, Any] = {"xaxis": None, "yaxis": None} if is_map else {"show_grid": True}
    shape = {"data_aspect": 1.0} if is_map else {}
    return overlay.opts(
        hv.opts.Overlay(
            backend="bokeh", title=head, fontsize=FONT, frame_width=None, responsive=False, width=width,
            height=height, show_legend=legend is not None, legend_position=legend or "right",
            hooks=[_bokeh_frame(lines, is_map=is_map)], active_tools=[], toolbar="above", **bare, **shape,
        ),
        hv.opts.Overlay(
            backend="matplotlib", title=head, fontsize=MPL_FONT, fig_inches=(width / DOTS, height / DOTS),
            aspect="equal" if is_map else "auto", show_legend=legend is not None and not key, legend_position=legend or "right",
            hooks=[_mpl_frame(lines, key, is_map=is_map)], **bare,
        ),
    )  # fmt: skip


def hooked(panel: Any, backend: str, hook: Any) -> Any:
    """Return a framed panel with one more thing done to it when a backend draws it."""
    hv = plotting()
    hooks = hv.Store.lookup_options(backend, panel, "plot").kwargs["hooks"]
    return panel.opts(hv.opts.Overlay(hooks=[*hooks, hook], backend=backend))


def foot_lines(source: str, width: int) -> list[str]:
    """Return the lines that stand below a figure: what it was made from, and what it may be used for."""
    return [line for text in (source, INTENDED_USE) if text for line in textwrap.wrap(text, max(40, width // 6))]


def source_line(cube: Any, source: str = "") -> str:
    """Return the line that says what a figure of the cube was made from."""
    from htgeo.core.version import VERSION
    from htgeo.cube.schema import CELL, space

    dim = space(cube)
    places = f"H3 cells of resolution {cube.attrs.get('resolution', '?')}" if dim == CELL else f"areas ({dim})"
    days = cube["time"].values
    span = f"{str(days[0])[:10]} to {str(days[-1])[:10]}, days of {cube.attrs.get('time_zone', '?')}"
    return " ".join(filter(None, [source, f"{cube.sizes[dim]:,} {places}, {span}. htgeo {VERSION}."]))


def _bokeh_frame(foot: list[str], *, is_map: bool) -> Any:
    def frame(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        from bokeh.models import DataRange1d, Title

        state = plot.state
        for line in foot:
            state.add_layout(
                Title(text=line, name=FOOT, align="left", text_font_size=f"{FOOT_SIZE}pt", text_font_style="normal", text_color=SOFT),
                "below",
            )  # fmt: skip
        state.title.text_color, state.toolbar.logo = INK, None
        state.outline_line_color = state.border_line_color = None
        state.min_border_right = 20
        state.xgrid.grid_line_color = state.ygrid.grid_line_color = None if is_map else GRID
        if is_map:  # ranges of its own keep bokeh from an equal scale when a page stretches the figure
            state.x_range, state.y_range = DataRange1d(range_padding=0.04), DataRange1d(range_padding=0.04)
        for axis in [*state.xaxis, *state.yaxis]:
            axis.axis_line_color = axis.major_tick_line_color = SOFT
            axis.minor_tick_line_color = None
            axis.axis_label_text_font_style = "normal"
            axis.axis_label_text_color = axis.major_label_text_color = INK
        for box in state.legend:
            box.border_line_color, box.background_fill_alpha, box.label_text_color = None, 0.8, INK
            box.items = box.items[::-1] if is_map else box.items
            if box in state.right:
                box.location = "top_left"

    return frame


def _mpl_frame(foot: list[str], key: Sequence[tuple[str, str]], *, is_map: bool) -> Any:
    from matplotlib.patches import Patch

    def frame(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        axis = plot.handles["axis"]
        axis.set_title(axis.get_title(), loc="left", fontsize=MPL_FONT["title"], color=INK, fontweight="bold", pad=12)
        axis.set_title("", loc="center")
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_visible(not is_map)
        axis.spines[["left", "bottom"]].set_color(SOFT)
        axis.tick_params(color=SOFT, labelcolor=INK)
        axis.minorticks_off()
        axis.xaxis.label.set_color(INK)
        axis.yaxis.label.set_color(INK)
        axis.set_axisbelow(True)
        if is_map and len(axis.figure.axes) == 1:
            axis.set_position(MAP_BOX)
        if not is_map:
            axis.grid(color=GRID, linewidth=0.8)
        if key:
            axis.legend(
                handles=[Patch(facecolor=color, edgecolor=SOFT, linewidth=0.4, label=label) for label, color in reversed(key)],
                loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=MPL_FONT["legend"],
            )  # fmt: skip
        below = -8 if is_map else -48
        axis.annotate(
            "\n".join(foot), (0, 0), xytext=(0, below), xycoords="axes fraction", textcoords="offset points",
            va="top", fontsize=FOOT_SIZE, color=SOFT, annotation_clip=False, linespacing=1.35,
        )  # fmt: skip
        box = axis.get_legend()
        if box is not None:
            box.get_frame().set_linewidth(0)

    return frame


def save_figure(figure: Any, path: str | Path) -> Path:
    """Write a figure of htgeo to a file: a picture for print, or a page that works offline.

    Parameters
    ----------
    figure
        What a function such as `plot_trend` returned.
    path
        A file ending in ``.png``, ``.svg`` (drawn by matplotlib) or ``.html`` (drawn by bokeh, with its code inside).

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the suffix is another, or the object is no figure.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> folds = ht.rolling_origin(cube, first_test="2021-04-01", test_days=30)
    >>> ht.save_figure(ht.plot_split(cube, folds), "split.png").name
    'split.png'
    """
    hv = plotting()
    path = Path(path)
    if not isinstance(figure, hv.core.Dimensioned):
        message = f"a figure is what htgeo.plot_trend and its like return, not {type(figure).__name__}"
        raise InputError(message)
    writers = {".html": _write_html, ".png": _write_picture, ".svg": _write_picture}
    if path.suffix.lower() not in writers:
        message = f"a figure is written as {', '.join(writers)}; {path.name!r} ends otherwise"
        raise InputError(message)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[path.suffix.lower()](figure, path)
    except OSError as error:
        message = f"{str(path)!r} cannot be written: {error}"
        raise InputError(message) from error
    return path


def _write_picture(figure: Any, path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": "htgeo", "svg.fonttype": "none", "font.family": "sans-serif"}):
        plotting().save(figure, path, backend="matplotlib", fmt=path.suffix.lower()[1:], dpi=DOTS)


def _write_html(figure: Any, path: Path) -> None:
    from bokeh.embed import components
    from bokeh.resources import Resources

    model = plotting().render(figure, backend="bokeh")
    title, foot = _taken_out(model)
    model = _flowing(model)
    script, element = components(model, wrap_script=False)
    text = {
        "title": escape(title or path.stem),
        "audience": next((name for name, mark in MARKS.items() if mark in " ".join(foot)), "any"),
        "foot": "\n".join(f"<p>{escape(line)}</p>" for line in foot),
        "bokeh": "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw),
        "figure": element,
        "script": script,
    }
    template = Template(Path(__file__).with_name("figure.html").read_text("utf-8"))
    path.write_text(template.substitute(text, ink=INK, soft=SOFT, grid=GRID), "utf-8")


def _taken_out(model: Any) -> tuple[str, list[str]]:
    """Return the heading and the lines of the foot, which the page shows, and take them out of the figure."""
    from bokeh.models import Div, Plot, Title

    plots = list(model.select({"type": Plot}))
    foot = " ".join(line.text for plot in plots for line in plot.below if isinstance(line, Title) and line.name == FOOT)
    for plot in plots:
        plot.below = [item for item in plot.below if not (isinstance(item, Title) and item.name == FOOT)]
        plot.frame_width = plot.frame_height = None
        plot.background_fill_alpha = plot.border_fill_alpha = 0  # the paper is the page's, light or dark
        plot.sizing_mode = "scale_width" if plot.match_aspect else "stretch_width"
        plot.max_width = plot.width
    source, use = foot.removesuffix(INTENDED_USE).strip(), INTENDED_USE
    if isinstance(model, Plot):
        title, model.title = model.title.text.replace("\n", " "), None
    else:
        heads = list(model.select({"type": Div}))  # the heading of a layout
        model.children = [part for part in model.children if part not in heads]
        title = unescape("".join(re.split(r"<[^>]*>", heads[0].text))) if heads else ""
    return title, [line for line in (use, source) if line]


def _flowing(model: Any) -> Any:
    """Return the rows of a layout so that panels side by side come to stand below each other on a phone."""
    from bokeh.models import Column, GridPlot, Row

    rows: dict[int, list[Any]] = {}
    for plot, row, _ in [cell for grid in model.select({"type": GridPlot}) for cell in grid.children]:
        plot.min_width, plot.toolbar_location = min(plot.width, 320), None
        rows.setdefault(row, []).append(plot)
    wide = {"sizing_mode": "stretch_width"}
    return (
        Column(*(Row(*row, styles={"flex-wrap": "wrap"}, **wide) for row in rows.values()), **wide) if rows else model
    )
