"""The map: hexagons sent once, their values sent for each day."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

import numpy as np

from htgeo.explorer.data import Explored
from htgeo.grid.cells import cell_polygons
from htgeo.maps.geometry import outlines
from htgeo.maps.page_scale import Scale
from htgeo.maps.style import INK, MISSING
from htgeo.maps.surface import flat

ASPECT = 1.12
"""Width of the map by its height, at any size of the window, so that a kilometre is as long east as north."""
MARGIN = 1.04
OUTSIDE = -1.0
SETS = 4
Lines = list[list[float]]


@dataclass(frozen=True)
class Shapes:
    """Hexagons and outlines in km, as lists of points for bokeh.

    Attributes
    ----------
    xs, ys
        A ring for each cell.
    lines_x, lines_y
        Outlines of the areas of the first region layer.
    """

    xs: Lines
    ys: Lines
    lines_x: Lines
    lines_y: Lines


@lru_cache(SETS)
def shapes_of(explored: Explored) -> Shapes:
    """Return the shapes of a cube, made once for all browser tabs."""
    import shapely

    points, ring = shapely.get_coordinates(cell_polygons(explored.cube["cell"].values), return_index=True)
    cells = np.split(np.round(flat(explored.cube, points), 3), np.flatnonzero(np.diff(ring)) + 1)
    lines = [np.round(flat(explored.cube, line), 3) for line in outlines(explored.cube, None)]
    return Shapes(*(_column(rings, axis) for rings in (cells, lines) for axis in (0, 1)))


class CellMap:
    """The map of one browser tab.

    Parameters
    ----------
    explored
        The cube.
    ink
        Colour of the words and of the scale bar; outlines are dark in every theme, since cells are light.
    on_click
        Called with the number of a cell that was clicked.

    Attributes
    ----------
    figure : bokeh figure
    """

    def __init__(self, explored: Explored, ink: str, on_click: Callable[[int], None]) -> None:
        from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d, TapTool
        from bokeh.plotting import figure

        shapes, size = shapes_of(explored), len(explored.hexes)
        self.explored, self.shapes = explored, shapes
        empty = np.full(size, np.nan, np.float32)
        self.source = ColumnDataSource(
            {"xs": shapes.xs, "ys": shapes.ys, "cell": explored.hexes.tolist(), "place": explored.places.tolist(), "code": empty, "shown": empty, "rank": empty},
            name="cells",
        )  # fmt: skip
        self.mapper = LinearColorMapper(palette=[MISSING], low=0, high=1, nan_color=MISSING, low_color="#00000000")
        self.figure = figure(
            name="map", tools="pan,wheel_zoom,reset,save", active_scroll="wheel_zoom", x_range=Range1d(0, 1), y_range=Range1d(0, 1),
            sizing_mode="scale_width", aspect_ratio=ASPECT, min_border=0, toolbar_inner=True, outline_line_color=None,
            background_fill_alpha=0, border_fill_alpha=0, lod_threshold=None,
        )  # fmt: skip
        self.figure.axis.visible = self.figure.grid.visible = False
        self.figure.toolbar.update(logo=None, autohide=True)
        color = {"field": "code", "transform": self.mapper}
        self.cells = self.figure.patches(
            "xs", "ys", source=self.source, fill_color=color, line_color=color, line_width=1
        )
        self.cells.nonselection_glyph = self.cells.selection_glyph = None
        self.figure.multi_line(shapes.lines_x, shapes.lines_y, line_color=INK, line_width=1.2, line_alpha=0.85)
        self.chosen = ColumnDataSource({"xs": [], "ys": []}, name="chosen")
        self.figure.patches("xs", "ys", source=self.chosen, fill_alpha=0, line_color=INK, line_width=3)
        _add_scale_bar(self.figure, ink)
        self.hover = _add_hover(self.figure, self.cells)
        self.figure.add_tools(TapTool(renderers=[self.cells], visible=False))
        self.source.selected.on_change("indices", lambda _, __, new: on_click(new[0]) if new else None)
        self.frame(np.ones(size, bool))

    def show(self, values: np.ndarray, inside: np.ndarray, rank: np.ndarray, unit: str, scale: Scale) -> None:
        """Colour the cells by class; only three numbers a cell are sent.

        Parameters
        ----------
        values, inside, rank : arrays, shape (cell,)
            What is shown, which cells lie in the area chosen, and their ranks.
        unit
            Unit of the values.
        scale
            Their classes.
        """
        code = scale.classes(values).astype(np.float32)
        factor = 100 if unit in ("probability", "points") else 1
        self.mapper.update(palette=list(scale.colors), low=0, high=len(scale.colors))
        self.hover.tooltips = _tips(unit, len(self.explored.places[0]) > 0)
        columns = {
            "code": np.where(inside, np.where(code < 0, np.nan, code + np.float32(0.5)), np.float32(OUTSIDE)),
            "shown": (factor * values).astype(np.float32),
            "rank": rank,
        }
        self.source.data.update(columns)

    def choose(self, number: int) -> None:
        """Outline a cell."""
        self.chosen.data = {"xs": [self.shapes.xs[number]], "ys": [self.shapes.ys[number]]}

    def frame(self, inside: np.ndarray) -> None:
        """Move the map to some cells."""
        numbers = np.flatnonzero(inside)
        if not len(numbers):
            return
        xs, ys = (np.concatenate([rings[i] for i in numbers]) for rings in (self.shapes.xs, self.shapes.ys))
        half = MARGIN / 2 * max(np.ptp(ys), np.ptp(xs) / ASPECT)
        for axis, points, length in ((self.figure.x_range, xs, half * ASPECT), (self.figure.y_range, ys, half)):
            middle = (points.min() + points.max()) / 2
            axis.update(
                start=middle - length, end=middle + length, reset_start=middle - length, reset_end=middle + length
            )


def legend(title: str, scale: Scale) -> str:
    """Return the classes as HTML, the highest first; all text is escaped."""
    items = [
        f'<li><i style="background:{escape(color)}"></i>{escape(label)}</li>'
        for label, color in zip(scale.labels, scale.colors, strict=True)
    ]
    unknown = f'<li><i style="background:{MISSING}"></i>not known</li>'
    return f'<div class="legend"><b>{escape(title)}</b><ul>{"".join(items[::-1])}{unknown}</ul></div>'


def _column(rings: list[np.ndarray], axis: int) -> Lines:
    return [ring[:, axis].tolist() for ring in rings]


def _tips(unit: str, has_places: bool) -> list[tuple[str, str]]:
    ending = {"probability": " %", "points": " points"}.get(unit, "")
    place = [("Place", "@place")] if has_places else []
    return [("Cell", "@cell"), *place, ("Value", f"@shown{{%.3g}}{ending}"), ("Rank", "@rank{%.0f}")]


def _add_hover(plot: Any, cells: Any) -> Any:
    from bokeh.models import HoverTool

    formats = {"@shown": "printf", "@rank": "printf"}
    hover = HoverTool(
        renderers=[cells],
        tooltips=_tips("", has_places=True),
        formatters=formats,
        point_policy="follow_mouse",
        visible=False,
    )
    plot.add_tools(hover)
    return hover


def _add_scale_bar(plot: Any, ink: str) -> None:
    from bokeh.models import MetricLength, ScaleBar

    bar = ScaleBar(
        range=plot.x_range, unit="km", dimensional=MetricLength(), location="bottom_right", length_sizing="adaptive",
        bar_line_color=ink, label_text_color=ink, background_fill_alpha=0, border_line_color=None, label_text_font_size="12px",
    )  # fmt: skip
    plot.add_layout(bar)
