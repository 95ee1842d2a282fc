"""Lines joined to a cube: distance, length and number."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from htgeo.cube.context import check_free
from htgeo.cube.schema import CELL, check_cube, require_cells, stamp
from htgeo.grid.cells import cell_polygons, unit_vectors
from htgeo.grid.neighbors import check_rings, disk_matrix
from htgeo.sources.antimeridian import cut_at_antimeridian
from htgeo.sources.lines import Lines

EARTH_KM = 6371.007
"""Radius of the sphere that H3 uses."""
BEND_DEGREES = 0.01
"""Lines are straight in degrees and bent in a plane: they get a corner at least so often."""
Plane = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Turns degrees (lon, lat) into km (x, y)."""


def add_lines(cube: xr.Dataset, name: str, lines: Lines, *, rings: int | None = None) -> xr.Dataset:
    """Join lines as the distance from the cell centre to the nearest, their length in each cell and their number around it.

    Lengths are those on the sphere of H3, in a plane laid at the middle of the cells: within a city they are right to
    one part in 10,000. Lines drawn one over the other count each.

    Parameters
    ----------
    cube
        A cube of cells.
    name
        Kind of line; the variables are ``<name>_distance`` (km) and ``<name>_length`` (km) on ``(cell)``.
    lines
        Lines; those beyond the cells count for distances and rings.
    rings
        From 1 to 10: also ``<name>_rings_<k>``, the number of lines that touch the cell or one at most `rings` rings
        away. 0: none. None: as the lines say.

    Returns
    -------
    Dataset
        The cube with two or three more variables.

    Raises
    ------
    CubeError
        If the places are not cells, or a name is taken.
    InputError
        If `rings` is not allowed.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> import htgeo as ht
    >>> path = ht.write_demo_city("demo-city", end="2021-01-31") / "roads.geojson"
    >>> road = shapely.LineString([(-73.96, 40.65), (-73.90, 40.69)])
    >>> gpd.GeoDataFrame(geometry=[road], crs=4326).to_file(path)
    >>> cube = ht.add_lines(ht.demo_cube(), "road", ht.read_lines(path), rings=1)
    >>> round(float(cube["road_length"].sum()), 1)
    6.7
    """
    import shapely

    check_cube(cube)
    require_cells(cube, "add_lines")
    rings = lines.rings if rings is None else rings
    names = [f"{name}_distance", f"{name}_length", *([f"{name}_rings_{rings}"] if rings else [])]
    check_free(cube, names)
    cells = cube[CELL].values
    lon, lat = cube["lon"].values, cube["lat"].values
    to_plane = _plane(lon, lat)
    bent = shapely.segmentize(lines.geometries, BEND_DEGREES)
    flat = shapely.transform(bent, to_plane, interleaved=False)
    x, y = to_plane(lon, lat)
    apart = shapely.STRtree(flat).query_nearest(shapely.points(x, y), return_distance=True, all_matches=False)[1]
    made = [
        (apart, "km", f"{name}: distance from the cell centre to the nearest", "mean"),
        (_lengths(cells, flat, to_plane), "km", f"{name}: length in the cell", "sum"),
    ]
    if rings:
        check_rings(rings)
        around = _around(cells, lines, rings)
        made.append((around, "1", f"{name}: lines that touch the cell or one at most {rings} rings away", "mean"))
    return cube.assign(
        {
            key: stamp(xr.DataArray(values.astype(np.float32), dims=CELL), key, "place", units, text, how=how)
            for key, (values, units, text, how) in zip(names, made, strict=True)
        }
    )


def _plane(lon: np.ndarray, lat: np.ndarray) -> Plane:
    """Return what turns degrees into km of a plane laid at the middle of points on the sphere."""
    from pyproj import Proj

    x, y, z = unit_vectors(lon, lat).mean(axis=0)
    middle = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
    project = Proj(proj="aeqd", lon_0=middle[0], lat_0=middle[1], R=EARTH_KM * 1000)

    def to_plane(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = project(lon, lat)
        return np.asarray(x) / 1000, np.asarray(y) / 1000

    return to_plane


def _lengths(cells: np.ndarray, flat: np.ndarray, to_plane: Plane) -> np.ndarray:
    """Return the length of lines in each cell, km."""
    import shapely

    hexagons = shapely.transform(cell_polygons(cells), to_plane, interleaved=False)
    parts = shapely.get_parts(flat)
    part, cell = shapely.STRtree(hexagons).query(parts, predicate="intersects")
    length = shapely.length(shapely.intersection(parts[part], hexagons[cell]))
    return np.bincount(cell, length, minlength=len(cells))


def _around(cells: np.ndarray, lines: Lines, rings: int) -> np.ndarray:
    """Return how many lines touch each cell or one at most `rings` rings away, also beyond the cells given."""
    import shapely
    from h3ronpy import grid_disk
    from scipy.sparse import csr_array

    every = np.unique(np.asarray(grid_disk(cells, rings, flatten=True)))
    line, cell = shapely.STRtree(cut_at_antimeridian(cell_polygons(every))).query(
        lines.geometries, predicate="intersects"
    )
    touch = csr_array((np.ones(len(line), np.float32), (cell, line)), shape=(len(every), len(lines)))
    near = disk_matrix(every, rings, 1.0)[np.searchsorted(every, cells)] @ touch
    return np.diff(csr_array(near).indptr)
