"""Verified cases on a map, each as precise as it is known: a dot, a circle of its error, or a hatched area with a number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.cube.schema import CELL, layer_names, space
from htgeo.evaluation.case_levels import Forecast
from htgeo.grid.cells import points_to_cells
from htgeo.grid.days import civil_days
from htgeo.maps.figure import plotting
from htgeo.maps.style import SERIES
from htgeo.maps.surface import EAST, NORTH, flat, place_shapes
from htgeo.sources.region import KM_PER_DEGREE, Region

CASE, WHITE = SERIES[0], "#ffffff"
DOT_KM = 0.2
"""Errors below this are drawn as dots."""
HATCHED, DOTTED = "cases of an area", "case"
DECIMALS = 4
HATCHES = 42
"""Strokes across the longer side of the map."""
CORNERS = 64


@dataclass(frozen=True)
class MapCases:
    """The cases of the days drawn.

    Attributes
    ----------
    lon, lat, weight : arrays, shape (point,)
        Cases known to a point, by place, and how many there are.
    error_km
        Radius of the circle that such a point stands for.
    areas
        ``{(layer, names joined by |): number}`` of cases known to an area.
    left_out
        Number of cases that are not drawn, by reason.
    """

    lon: np.ndarray
    lat: np.ndarray
    weight: np.ndarray
    error_km: float
    areas: dict[tuple[str, str], float]
    left_out: dict[str, float]

    def told(self, hide_below: float) -> bool:
        """Return whether no number of an area is hidden, so that sums give none away."""
        return all(count >= hide_below for count in self.areas.values())


def error_of(table: pd.DataFrame) -> float:
    """Return the error of points as told by the decimals of their coordinates: one unit of the last, in km of latitude."""
    points = table.loc[table["precision"] == "point", ["lon", "lat"]].to_numpy(float)
    for decimals in range(DECIMALS):
        if np.allclose(points, np.round(points, decimals), rtol=0, atol=1e-9):
            return float(f"{KM_PER_DEGREE * 10.0**-decimals:.2g}")
    return 0.0


def map_cases(
    cube: xr.Dataset, table: pd.DataFrame, forecast: Forecast, error_km: float, hide_below: float
) -> MapCases:
    """Return the cases of the days of a forecast that lie in the places of a cube.

    Where counts are hidden no case is drawn alone: points count to the area of the first layer that they lie in.
    """
    day = forecast.position(civil_days(table["occurred"], cube.attrs.get("time_zone", "UTC")))
    table = table[day >= 0]
    left = {"known to the city only": float(table.loc[table["precision"] == "city", "weight"].sum())}
    areas: dict[tuple[str, str], float] = {}
    for layer in dict.fromkeys([*layer_names(cube), space(cube)]):
        known = set(map(str, cube[layer].values)) if layer != CELL else set()
        for names, weight in table[table["precision"] == layer].groupby("area")["weight"].sum().items():
            if known & set(str(names).split("|")):
                areas[layer, str(names)] = float(weight)
    points = table[table["precision"] == "point"]
    row = _rows_of(cube, points)
    points, row = points[row >= 0], row[row >= 0]
    if hide_below > 1 and len(points):
        if not layer_names(cube):
            message = f"hide_below={hide_below} counts cases by area, and this cube has no region layer to count them in; make the grid of a region with areas: htgeo.make_grid(region, ...)"
            raise InputError(message)
        layer = layer_names(cube)[0]
        for name, weight in points.groupby(cube[layer].values[row].astype(str))["weight"].sum().items():
            areas[layer, str(name)] = areas.get((layer, str(name)), 0.0) + float(weight)
        points = points.iloc[:0]
    places = points.groupby(["lon", "lat"])["weight"].sum()
    lon, lat = (places.index.get_level_values(name).to_numpy(float) for name in ("lon", "lat"))
    return MapCases(lon, lat, places.to_numpy(float), error_km, areas, {k: v for k, v in left.items() if v})


def _rows_of(cube: xr.Dataset, points: pd.DataFrame) -> np.ndarray:
    """Return the row of the cell that each point lies in, -1 outside the cube, and in a cube of areas."""
    if space(cube) != CELL or not len(points):
        return np.full(len(points), -1)
    found = points_to_cells(
        points["lon"].to_numpy(float), points["lat"].to_numpy(float), int(cube[CELL].attrs["level"])
    )
    at = {int(cell): row for row, cell in enumerate(cube[CELL].values)}
    return np.array([at.get(int(cell), -1) for cell in found])


def inside_area(cube: xr.Dataset, area: str | None) -> xr.Dataset:
    """Return the places of a cube in an area of any layer; all of them without one."""
    if area is None:
        return cube
    layers = dict.fromkeys([*layer_names(cube), *([] if space(cube) == CELL else [space(cube)])])
    for layer in layers:
        inside = cube[layer].values.astype(str) == area
        if inside.any():
            return cube.isel({space(cube): np.flatnonzero(inside)})
    names = [str(name) for layer in layers for name in np.unique(cube[layer].values)]
    message = (
        f"no place of the cube lies in an area {area!r}{near(str(area), names)}; the layers are {', '.join(layers)}"
    )
    raise InputError(message)


def case_elements(cube: xr.Dataset, cases: MapCases, region: Region | None, hide_below: float) -> Iterator[Any]:
    """Yield hatched areas with their numbers, circles and dots, for a map of the cube in km."""
    hv = plotting()
    shapes = _area_shapes(cube, list(cases.areas), region)
    if shapes:
        yield _hatching(hv, list(shapes.values()))
    if len(cases.lon):
        yield _circles(hv, cube, cases) if cases.error_km >= DOT_KM else _dots(hv, cube, cases)
    texts = [(*_middle(shapes[key]), number_text(count, hide_below)) for key, count in cases.areas.items()]
    stacked = cases.weight > 1
    at = flat(cube, np.stack([cases.lon[stacked], cases.lat[stacked]], axis=1))
    texts += [(x, y, f"{count:g}") for (x, y), count in zip(at, cases.weight[stacked], strict=True)]
    if texts:
        yield _numbers(hv, texts)


def number_text(count: float, hide_below: float) -> str:
    """Return a number of cases, or that it is hidden."""
    return f"< {hide_below:g}" if count < hide_below else f"{count:g}"


def _area_shapes(
    cube: xr.Dataset, keys: Sequence[tuple[str, str]], region: Region | None
) -> dict[tuple[str, str], Any]:
    """Return the shape of each area in km: of the region, or of the places of the cube in it."""
    import shapely

    places = place_shapes(cube, region) if keys else None
    shapes = {}
    for layer, names in keys:
        wanted = names.split("|")
        if region is not None and region.layer == layer:
            parts = [one for name, one in zip(region.names, region.geometries, strict=True) if name in wanted]
        else:
            parts = list(places[np.isin(cube[layer].values.astype(str), wanted)])  # type: ignore[index]
        shapes[layer, names] = shapely.transform(shapely.union_all(parts), lambda points: flat(cube, points))
    return shapes


def _middle(shape: Any) -> tuple[float, float]:
    import shapely

    largest = max(shapely.get_parts(shape), key=lambda part: part.area)
    point = shapely.maximum_inscribed_circle(largest, tolerance=0.1).coords[0]
    return float(point[0]), float(point[1])


def _hatching(hv: Any, shapes: list[Any]) -> Any:
    """Return parallel strokes over areas as one path; strokes of overlapping layers stay as far apart as of one."""
    import shapely

    west, south, east, north = shapely.total_bounds(shapes)
    size = max(east - west, north - south)
    starts = np.arange(west - size, east, size / HATCHES * np.sqrt(2))
    strokes = shapely.linestrings([[(x, south), (x + size, south + size)] for x in starts])
    cut = shapely.intersection(shapely.union_all(shapes), shapely.multilinestrings(strokes))
    lines = [part for part in shapely.get_parts(cut) if part.geom_type == "LineString"]
    gap = np.full((1, 2), np.nan)
    points = np.concatenate([part for line in lines for part in (shapely.get_coordinates(line), gap)] or [gap])
    return hv.Path([points], [EAST, NORTH], label=HATCHED).opts(
        hv.opts.Path(color=CASE, line_width=1, alpha=0.75, show_legend=True, backend="bokeh"),
        hv.opts.Path(color=CASE, linewidth=0.7, alpha=0.75, backend="matplotlib"),
    )


def _circles(hv: Any, cube: xr.Dataset, cases: MapCases) -> Any:
    turn = np.linspace(0, 2 * np.pi, CORNERS)
    circle = cases.error_km * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rings = [at + circle for at in flat(cube, np.stack([cases.lon, cases.lat], axis=1))]
    shapes = [{EAST: ring[:, 0], NORTH: ring[:, 1]} for ring in rings]
    return hv.Polygons(shapes, [EAST, NORTH], label=_circle_text(cases)).opts(
        hv.opts.Polygons(color=CASE, fill_alpha=0, line_color=CASE, line_width=2.5, show_legend=True, backend="bokeh"),
        hv.opts.Polygons(color=CASE, facecolor="none", edgecolor=CASE, linewidth=2, backend="matplotlib"),
    )


def _circle_text(cases: MapCases) -> str:
    return f"case (± {cases.error_km:g} km)"


def with_signs(panel: Any, cases: MapCases) -> Any:
    """Return a map whose legend for print has the signs of the cases, too."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    hv, signs = plotting(), list[Any]()
    if cases.areas:
        signs.append(Patch(facecolor="none", edgecolor=CASE, hatch="////", linewidth=0, label=HATCHED))
    if len(cases.lon):
        hollow = cases.error_km >= DOT_KM
        inside, text = ("none", _circle_text(cases)) if hollow else (CASE, DOTTED)
        signs.append(
            Line2D(
                [],
                [],
                color=CASE,
                marker="o",
                markersize=10 if hollow else 7,
                markerfacecolor=inside,
                linestyle="",
                label=text,
            )
        )

    def hook(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
        axis = plot.handles["axis"]
        old = axis.get_legend()
        handles = [*old.legend_handles, *signs]
        axis.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=9.5, frameon=False)

    hooks = hv.Store.lookup_options("matplotlib", panel, "plot").kwargs["hooks"]
    return panel.opts(hv.opts.Overlay(hooks=[*hooks, hook], backend="matplotlib"))


def _dots(hv: Any, cube: xr.Dataset, cases: MapCases) -> Any:
    at = flat(cube, np.stack([cases.lon, cases.lat], axis=1))
    return hv.Points((at[:, 0], at[:, 1]), [EAST, NORTH], label=DOTTED).opts(
        hv.opts.Points(color=CASE, line_color=WHITE, size=9, show_legend=True, backend="bokeh"),
        hv.opts.Points(color=CASE, edgecolor=WHITE, linewidth=0.8, s=45, backend="matplotlib"),
    )


def _numbers(hv: Any, texts: list[tuple[float, float, str]]) -> Any:
    return hv.Labels(texts, [EAST, NORTH], "text").opts(
        hv.opts.Labels(
            text_color=CASE, text_font_size="15pt", text_font_style="bold", background_fill_color=WHITE,
            background_fill_alpha=0.9, border_radius=4, backend="bokeh",
        ),
        hv.opts.Labels(color=CASE, size=15, weight="bold", hooks=[_on_white], backend="matplotlib"),
    )  # fmt: skip


def _on_white(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    for text in plot.handles["artist"]:
        text.set_bbox({"facecolor": WHITE, "alpha": 0.9, "linewidth": 0, "boxstyle": "round,pad=0.15"})
