"""The made-up city, grids, counts and events that the benchmarks share."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import xarray as xr

import htgeo as ht
from htgeo.core.blocks import cell_blocks
from htgeo.cube.coords import empty_cube
from htgeo.cube.schema import stamp
from htgeo.sources.events import COLUMNS
from htgeo.sources.synthetic import City

START = np.datetime64("2021-01-01")
LON, LAT = -73.95, 40.7
CELL_DEGREES = 0.106 / (111.2 * 84.4)
"""Area of a cell of level 9 in New York, square degrees."""


@cache
def city_grid(resolution: int = 9, days: int = 1461) -> ht.Grid:
    """Return the grid of the made-up New York: 7,461 cells at level 9."""
    return ht.make_grid(City().boroughs, resolution=resolution, start=str(START), end=str(START + days - 1))


def square_grid(cells: int, days: int, *, lon: float = LON, lat: float = LAT) -> ht.Grid:
    """Return a grid of level 9 with so many cells, about a square."""
    side = float(np.sqrt(1.3 * cells * CELL_DEGREES)) + 0.01
    corner = {"min_lat": lat - side / 2, "min_lon": lon - side / 2}
    region = ht.square_region({"rows": 1, "cols": 1, "cell_height_deg": side, "cell_width_deg": side, **corner})
    zone = "America/New_York" if lon < -30 else "Europe/Berlin"
    grid = ht.make_grid(region, resolution=9, start=str(START), end=str(START + days - 1), time_zone=zone)
    return replace(grid, cells=grid.cells[:cells])


def points(grid: ht.Grid, size: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points (lon, lat) spread over the cells of a grid and a little beyond."""
    rng = np.random.default_rng(seed)
    cell = rng.integers(0, len(grid.cells), size)
    lon, lat = grid.centers
    reach = np.sqrt(grid.cell_area.mean()) / 111.2
    return lon[cell] + rng.uniform(-reach, reach, size), lat[cell] + rng.uniform(-reach, reach, size)


def events(grid: ht.Grid, size: int, *, seed: int = 0) -> ht.Events:
    """Return point events spread over cells and days, known up to 30 days late."""
    rng = np.random.default_rng(seed + 1)
    lon, lat = points(grid, size, seed=seed)
    second = rng.integers(0, len(grid.days) * 86_400, size).astype("timedelta64[s]")
    occurred = grid.days[0].astype("datetime64[s]") + second
    known = occurred + rng.integers(0, 30 * 86_400, size).astype("timedelta64[s]")
    plain = {"area": "", "precision": "point", "category": "", "weight": 1.0}
    table = pd.DataFrame({"occurred": occurred, "known": known, "lon": lon, "lat": lat, **plain})
    return ht.Events(table[list(COLUMNS)], ht.RowReport("made up", (), size, size, 0, 0, {}, {}))


def counts(cells: int, days: int) -> np.ndarray:
    """Return made-up counts (cell, time), float32."""
    return np.random.default_rng(0).poisson(0.1, (cells, days)).astype(np.float32)


def lazy_cube(grid: ht.Grid, values: np.ndarray) -> xr.Dataset:
    """Return a cube whose layer ``crime`` is lazy blocks of `values` on both clocks."""
    import dask.array as da

    lazy = da.from_array(values, chunks=(cell_blocks(*values.shape), -1), name="values")
    variable = xr.DataArray(lazy, dims=("cell", "time"))
    cube = empty_cube(grid)
    cube["crime"] = stamp(variable, "crime", "count", "1", "made up")
    cube["crime_known"] = stamp(variable, "crime_known", "known_count", "1", "made up")
    return cube
