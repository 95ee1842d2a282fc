"""A map as a figure: hexagons or areas by class, outlines and a scale bar, in kilometres of the ground."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from htgeo.cube.schema import CELL, space
from htgeo.grid.cells import cell_hex, cell_polygons
from htgeo.maps.figure import plotting
from htgeo.maps.geometry import outlines, place_layer
from htgeo.maps.layers import GAP
from htgeo.maps.style import INK, MISSING, OUTLINE
from htgeo.sources.region import KM_PER_DEGREE, Region

BAR_KM = (0.5, 1, 2, 5, 10, 20, 50, 100)
EAST, NORTH = "km east", "km north"


def flat(cube: xr.Dataset, points: np.ndarray) -> np.ndarray:
    """Return longitudes and latitudes (point, 2) as km east and north of the centre of the cube."""
    center = np.array([float(cube["lon"].mean()), float(cube["lat"].mean())])
    return np.asarray(np.round((points - center) * KM_PER_DEGREE * np.array([np.cos(np.radians(center[1])), 1.0]), 4))


def place_shapes(cube: xr.Dataset, region: Region | None = None) -> np.ndarray:
    """Return a polygon for each place: hexagons of cells, or the shapes of areas, which need their region."""
    from htgeo.core.errors import CubeError

    dim = space(cube)
    if dim == CELL:
        return np.asarray(cell_polygons(cube["cell"].values))
    if region is None:
        message = f"a map of areas ({dim}) needs their shapes; give region=htgeo.read_region(file, name_column=..., layer={dim!r})"
        raise CubeError(message)
    shapes = dict(zip(map(str, region.names), region.geometries, strict=True))
    missing = [str(name) for name in cube[dim].values if str(name) not in shapes]
    if missing:
        message = f"the region has no {dim} {', '.join(missing[:5])}; it has {', '.join(list(shapes)[:5])} ..."
        raise CubeError(message)
    return np.array([shapes[str(name)] for name in cube[dim].values])


def surface(
    cube: xr.Dataset,
    codes: np.ndarray,
    classes: Sequence[tuple[str, str]],
    *,
    hover: Mapping[str, np.ndarray] | None = None,
    region: Region | None = None,
    outline: bool = True,
    gap: str = GAP,
) -> Any:
    """Return the places of a cube coloured by class, as a holoviews overlay for `framed(..., is_map=True)`.

    Parameters
    ----------
    cube
        A cube; only its coordinates are used.
    codes
        Class of each place, shape (place,); -1 where nothing is known.
    classes
        Label and colour of each class, in the order of the legend.
    hover
        Values shown under the pointer, each of shape (place,); the place itself is always shown.
    region
        Layer to outline; by default the places of each area of the cube's first layer.
    outline
        Whether to draw outlines and the scale bar.
    gap
        What the code -1 means.

    Returns
    -------
    holoviews.Overlay
    """
    hv = plotting()
    shapes = place_shapes(cube, region)
    parts = []
    for code, (label, color) in enumerate([*classes, (gap, MISSING)]):
        wanted = codes == (code if code < len(classes) else -1)
        if not wanted.any():
            continue
        shape = hv.Polygons([_rings(cube, shapes[wanted])], [EAST, NORTH], label=label)
        parts.append(
            shape.opts(
                hv.opts.Polygons(color=color, line_color=color, line_width=0.6, show_legend=True, backend="bokeh"),
                hv.opts.Polygons(color=color, facecolor=color, edgecolor=color, linewidth=0.4, backend="matplotlib"),
            )
        )
    if outline:
        parts += [outline_paths(cube, region), scale_bar(cube, shapes)]
    return hv.Overlay([*parts, _hover_points(cube, shapes, hover or {})]).collate()


def outline_paths(cube: xr.Dataset, region: Region | None = None) -> Any:
    """Return the outlines of the areas of a region, or of the cube's first layer, as a holoviews path."""
    hv = plotting()
    rings = [flat(cube, ring) for ring in outlines(cube, region)]
    gap = np.full((1, 2), np.nan)
    points = np.concatenate([part for ring in rings for part in (ring, gap)][:-1])
    path = hv.Path([points], [EAST, NORTH])
    path = path.opts(hv.opts.Path(color=OUTLINE, line_width=1, alpha=0.9, backend="bokeh"))
    return path.opts(hv.opts.Path(color=OUTLINE, linewidth=0.8, alpha=0.9, backend="matplotlib"))


def scale_bar(cube: xr.Dataset, shapes: np.ndarray) -> Any:
    """Return a bar of a round number of km in the lower right corner."""
    import shapely

    hv = plotting()
    (west, south), (east, north) = flat(cube, shapely.total_bounds(shapes).reshape(2, 2))
    length = max((km for km in BAR_KM if km <= (east - west) / 4), default=BAR_KM[0])
    tick = (north - south) / 100
    x0, x1, y = east - length, east, south
    bar = hv.Path([[(x0, y + tick), (x0, y), (x1, y), (x1, y + tick)]], [EAST, NORTH])
    bar = bar.opts(hv.opts.Path(color=INK, line_width=1.5, backend="bokeh"))
    bar = bar.opts(hv.opts.Path(color=INK, linewidth=1.2, backend="matplotlib"))
    text = hv.Labels([((x0 + x1) / 2, y + 2.5 * tick, f"{length:g} km")], [EAST, NORTH])
    text = text.opts(hv.opts.Labels(text_color=INK, text_font_size="9pt", backend="bokeh"))
    return bar * text.opts(hv.opts.Labels(color=INK, size=9, backend="matplotlib"))


def _rings(cube: xr.Dataset, shapes: np.ndarray) -> dict[str, np.ndarray]:
    """Return all shapes as one geometry, its parts separated by missing values: far faster than one by one."""
    import shapely

    rings = shapely.get_exterior_ring(shapely.get_parts(shapes))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    ends = np.flatnonzero(np.diff(ring)) + 1
    points = np.insert(flat(cube, points), ends, np.nan, axis=0)
    return {EAST: points[:, 0], NORTH: points[:, 1]}


def _hover_points(cube: xr.Dataset, shapes: np.ndarray, hover: Mapping[str, np.ndarray]) -> Any:
    import shapely

    hv = plotting()
    dim, layer = space(cube), place_layer(cube)
    centers = flat(cube, shapely.get_coordinates(shapely.point_on_surface(shapes)))
    names = cell_hex(cube["cell"].values) if dim == CELL else cube[dim].values
    columns: dict[str, np.ndarray] = {EAST: centers[:, 0], NORTH: centers[:, 1], dim: np.asarray(names, object)}
    if layer is not None and layer != dim:
        columns[layer] = np.asarray(cube[layer].values, object)
    columns |= {name: np.asarray(value) for name, value in hover.items()}
    points = hv.Points(columns, [EAST, NORTH], list(columns)[2:])
    tips = [(name, f"@{{{name}}}") for name in list(columns)[2:]]
    return points.opts(
        hv.opts.Points(alpha=0, size=12, tools=["hover"], hover_tooltips=tips, backend="bokeh"),
        hv.opts.Points(alpha=0, s=1, backend="matplotlib"),
    )
