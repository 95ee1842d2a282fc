"""Cubes cut to the cells of an area."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from htgeo.core.blocks import cell_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import CELL, area_names, check_cube, layer_names, require_cells
from htgeo.cube.shares import share_coords, shares_of
from htgeo.grid.cells import cell_polygons
from htgeo.sources.antimeridian import cut_at_antimeridian, unwrap
from htgeo.sources.region import Region

HOWS = ("center", "touch", "within")


def clip(cube: xr.Dataset, area: Any, *, how: Literal["center", "touch", "within"] = "center") -> xr.Dataset:
    """Cut a cube to the cells of an area, lazily; only cells of the cube are looked at, the area is never filled.

    Parameters
    ----------
    cube
        A cube of cells.
    area
        A `Region`, or a shapely polygon in degrees WGS 84 (lon, lat); across the 180th meridian its longitudes may jump
        from 179 to -179, or run on to 181.
    how
        ``"center"``: cells whose centre lies inside; ``"touch"``: cells that share any point with it; ``"within"``:
        cells that lie wholly in it.

    Returns
    -------
    Dataset
        The same variables for fewer cells; values, days and attributes stay, shares in areas are those of the cells
        kept. ``clipped`` in the attributes says how many these are.

    Raises
    ------
    InputError
        If `area` is no polygon in degrees, or `how` is not allowed.
    CubeError
        If the places are not cells, or no cell is left.

    Examples
    --------
    >>> import shapely
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> part = ht.clip(cube, shapely.box(-74.05, 40.57, -73.85, 40.74))
    >>> 0 < part.sizes["cell"] < cube.sizes["cell"]
    True
    """
    check_cube(cube)
    require_cells(cube, "clip")
    if how not in HOWS:
        message = f"how must be 'center', 'touch' or 'within', not {how!r}"
        raise InputError(message)
    polygon = _polygon(area)
    rows = np.flatnonzero(_inside(cube, polygon, how))
    if not len(rows):
        box = ", ".join(f"{value:.3f}" for value in polygon.bounds)
        message = f"no cell of the cube lies in the area by how={how!r}: the area spans {box}, the cells {_span(cube)}; give another area, or how='touch'"
        raise CubeError(message)
    kept = cube.isel(cell=rows)
    for name in layer_names(cube):
        shares = shares_of(cube, name)
        if shares is not None:
            kept = kept.drop_vars([f"{name}_share", f"{name}_share_cell", f"{name}_share_area"])
            kept = kept.assign_coords(share_coords(name, shares[rows], area_names(cube, name)))
    said = f"{len(rows):,} of {cube.sizes[CELL]:,} cells, by {how}"
    return _even_blocks(kept).assign_attrs(clipped=said)


def _polygon(area: Any) -> Any:
    """Return the area as one prepared shapely polygon, or raise where it is none in degrees."""
    import shapely

    polygon = area.outline if isinstance(area, Region) else area
    if not isinstance(polygon, shapely.Polygon | shapely.MultiPolygon) or polygon.is_empty:
        message = f"the area must be a Region or a shapely polygon with a surface, not {type(area).__name__}; a file: htgeo.read_region(path, name_column=…)"
        raise InputError(message)
    if (np.abs(polygon.bounds) > (360, 90, 360, 90)).any():
        message = f"the area must be in degrees WGS 84 (lon, lat), its bounds are {polygon.bounds}; turn it with geopandas: GeoSeries([polygon], crs=…).to_crs(4326)"
        raise InputError(message)
    (polygon,) = unwrap(np.array([polygon], dtype=object))
    (polygon,) = cut_at_antimeridian(shapely.make_valid([polygon]))
    shapely.prepare(polygon)
    return polygon


def _inside(cube: xr.Dataset, polygon: Any, how: str) -> np.ndarray:
    import shapely

    if how == "center":
        return np.asarray(shapely.intersects_xy(polygon, cube["lon"].values, cube["lat"].values))
    hexagons = cut_at_antimeridian(cell_polygons(cube[CELL].values))
    return np.asarray((shapely.intersects if how == "touch" else shapely.covers)(polygon, hexagons))


def _span(cube: xr.Dataset) -> str:
    lon, lat = cube["lon"].values, cube["lat"].values
    return f"{lon.min():.3f}, {lat.min():.3f}, {lon.max():.3f}, {lat.max():.3f}"


def _even_blocks(cube: xr.Dataset) -> xr.Dataset:
    """Return the cube with its lazy variables in blocks of cells of the usual size, whole in time."""
    sizes: dict[Any, Any] = {CELL: cell_blocks(cube.sizes[CELL], cube.sizes["time"]), "time": -1}
    lazy = [name for name in cube.data_vars if cube[name].chunks is not None]
    return cube.assign({name: cube[name].chunk({d: sizes[d] for d in cube[name].dims if d in sizes}) for name in lazy})
