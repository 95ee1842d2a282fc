"""City series and places joined to a cube."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import check_cube, require_cells, stamp
from htgeo.sources.places import Places
from htgeo.sources.region import KM_PER_DEGREE, Region
from htgeo.sources.series import Series

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def add_series(cube: xr.Dataset, name: str, series: Series) -> xr.Dataset:
    """Join a city series as of its publication: each day has the latest value published by then.

    Parameters
    ----------
    cube
        The cube.
    name
        Name of the new variable ``(time)``.
    series
        Values with their publication days.

    Returns
    -------
    Dataset
        The cube with one more variable; NaN before the first publication.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> jfk = ht.read_series(folder / "jfk_passengers.csv", time="Activity Period",
    ...                      value="Revenue Passenger Volume", frequency="month", publication_lag=0)
    >>> cube = ht.add_series(ht.demo_cube(), "jfk", jfk)
    >>> bool(cube["jfk"].sel(time="2021-01-31").isnull())  # January is known from February 1st
    True
    """
    check_cube(cube)
    check_free(cube, [name])
    table = series.table.sort_values("published", kind="stable")
    published = table["published"].to_numpy().astype("datetime64[D]")
    at = np.searchsorted(published, cube["time"].values.astype("datetime64[D]"), side="right") - 1
    values = np.where(at >= 0, table["value"].to_numpy(float)[np.maximum(at, 0)], np.nan).astype(np.float32)
    variable = xr.DataArray(values, dims="time")
    return cube.assign(
        {name: stamp(variable, name, "series", "1", f"{name}: latest value published by the start of the day")}
    )


def add_places(cube: xr.Dataset, name: str, places: Places, *, rings: int | None = None) -> xr.Dataset:
    """Join places as their number in each cell and the distance from the cell centre to the nearest.

    Parameters
    ----------
    cube
        The cube.
    name
        Kind of place; the variables are ``<name>_count`` and ``<name>_distance`` (km), both ``(cell)``.
    places
        Points; those beyond the cells count for distances and rings.
    rings
        From 1 to 10: also ``<name>_rings_<k>``, the number of places in the cell and those at most `rings` rings away.
        0: none. None: as the places say.

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
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> hotels = ht.read_places(folder / "hotels.csv", lon="Longitude", lat="Latitude", key="BBL")
    >>> cube = ht.add_places(ht.demo_cube(), "hotel", hotels)
    >>> cube["hotel_distance"].attrs["units"]
    'km'
    """
    from scipy.spatial import cKDTree

    from htgeo.grid.cells import points_to_cells, unit_vectors
    from htgeo.grid.neighbors import check_rings

    check_cube(cube)
    require_cells(cube, "add_places")
    rings = places.rings if rings is None else rings
    check_free(cube, [f"{name}_count", f"{name}_distance", *([f"{name}_rings_{rings}"] if rings else [])])
    lon, lat = places.table["lon"].to_numpy(float), places.table["lat"].to_numpy(float)
    cells = cube["cell"].values
    found = points_to_cells(lon, lat, int(cube.attrs["resolution"]))
    at = np.minimum(np.searchsorted(cells, found), len(cells) - 1)
    count = np.bincount(at[cells[at] == found], minlength=len(cells)).astype(np.float32)
    chord = cKDTree(unit_vectors(lon, lat)).query(unit_vectors(cube["lon"].values, cube["lat"].values))[0]
    distance = np.degrees(2 * np.arcsin(chord / 2)) * KM_PER_DEGREE
    made = {
        f"{name}_count": (count, "1", f"{name}: places in the cell", "sum"),
        f"{name}_distance": (
            distance.astype(np.float32),
            "km",
            f"{name}: distance from the cell centre to the nearest",
            "mean",
        ),
    }
    if rings:
        check_rings(rings)
        text = f"{name}: places in the cell and those at most {rings} rings away"
        made[f"{name}_rings_{rings}"] = (_around(cells, found, rings), "1", text, "mean")
    return cube.assign(
        {
            key: stamp(xr.DataArray(values, dims="cell"), key, "place", units, text, how=how)
            for key, (values, units, text, how) in made.items()
        }
    )


def _around(cells: np.ndarray, found: np.ndarray, rings: int) -> np.ndarray:
    """Return how many of the points in cells `found` lie at most `rings` rings from each cell, float32."""
    from htgeo.grid.neighbors import disk_matrix

    held, count = np.unique(found, return_counts=True)
    every = np.union1d(cells, held)
    values = np.zeros(len(every), np.float32)
    values[np.searchsorted(every, held)] = count
    return np.asarray(disk_matrix(every, rings, 1.0)[np.searchsorted(every, cells)] @ values)


def add_attributes(cube: xr.Dataset, region: Region, how: Mapping[str, str], *, audit_only: bool = False) -> xr.Dataset:
    """Join numbers of areas (population, income …) to the cells by the exact shares of cells in areas.

    Parameters
    ----------
    cube
        The cube.
    region
        Areas read with these attributes.
    how
        ``{attribute: "sum" or "mean"}``: totals are split over the cells of an area, others are averaged over the land
        of a cell. The variables are ``<layer>_<attribute>`` on ``(cell)``.
    audit_only
        The numbers say who lives in a place and serve `audit_bias` only: no feature takes them.

    Returns
    -------
    Dataset
        The cube with one variable an attribute; a mean is NaN where no area has a number. The attributes of each
        variable say which areas have no number (``areas_without_number``), which lie in no cell
        (``areas_without_cell``), and, of a total, its sum over all areas (``total``) and how much of it lies outside the
        cells (``outside``): a grid of ``edge="touch"`` leaves nothing of its own region outside.

    Raises
    ------
    InputError
        If the region lacks an attribute.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name", attributes=["population"])
    >>> cube = ht.add_attributes(ht.demo_cube(), boroughs, {"population": "sum"})
    >>> cube["borough_population"].dims
    ('cell',)
    """
    from htgeo.grid.shares import cell_shares

    check_cube(cube)
    require_cells(cube, "add_attributes")
    check_free(cube, [f"{region.layer}_{name}" for name in how])
    for kind in how.values():
        if kind not in ("sum", "mean"):
            message = f"an attribute is joined by 'sum' or 'mean', not {kind!r}"
            raise InputError(message)
    numbers = {name: region.attribute(name) for name in how}
    shares = cell_shares(cube["cell"].values, region)
    return cube.assign(
        {
            f"{region.layer}_{name}": _attribute(cube, region, shares, name, how[name], values, audit_only=audit_only)
            for name, values in numbers.items()
        }
    )


def _attribute(
    cube: xr.Dataset,
    region: Region,
    shares: "csr_array",
    name: str,
    kind: str,
    numbers: np.ndarray,
    *,
    audit_only: bool,
) -> xr.Variable:
    """Return an attribute of areas as a variable of the cells, which says what of it is missing or lies outside."""
    from htgeo.grid.shares import cell_means, cell_totals

    join = cell_totals if kind == "sum" else cell_means
    values = join(cube["cell"].values, region, numbers, shares)
    names = np.array(region.names, dtype=object)
    lacking = {
        "areas_without_number": names[np.isnan(numbers)].tolist(),
        "areas_without_cell": names[np.asarray(shares.sum(axis=0)).ravel() == 0].tolist(),
    }
    facts: dict[str, Any] = {what: found for what, found in lacking.items() if found}
    if kind == "sum":
        total = float(np.nansum(numbers))
        facts |= {"total": total, "outside": total - float(values.sum())}
    key, word = f"{region.layer}_{name}", "split over" if kind == "sum" else "averaged over"
    text = f"{name} of each {region.layer}, {word} its cells"
    variable = xr.DataArray(values.astype(np.float32), dims="cell")
    return stamp(variable, key, "place", "1", text, how=kind, audit_only=int(audit_only), **facts)


def check_free(cube: xr.Dataset, names: list[str]) -> None:
    """Raise where a cube has a variable of one of these names."""
    for name in names:
        if name in cube.variables:
            message = f"the cube has a variable {name!r} already; choose another name, or drop it first: cube.drop_vars({name!r})"
            raise CubeError(message)
