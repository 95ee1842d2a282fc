"""A small ready-made cube for examples and tests."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import xarray as xr

from htgeo.cube.gridding import grid_events
from htgeo.grid import make_grid
from htgeo.sources import read_events, read_region
from htgeo.sources.synthetic import write_demo_city


@cache
def _small_cube() -> xr.Dataset:
    end = "2021-06-30"
    with TemporaryDirectory() as temporary:
        folder = write_demo_city(Path(temporary), end=end)
        boroughs = read_region(folder / "boroughs.geojson", name_column="boro_name")
        precincts = read_region(folder / "precincts.geojson", name_column="precinct", layer="precinct")
        crimes = read_events("nypd_complaints", folder / "complaints.csv.gz", areas=[boroughs, precincts])
    grid = make_grid(boroughs, resolution=7, start="2021-01-01", end=end, layers=[precincts])
    return grid_events({"crime": crimes.select(precision="point")}, grid)


def demo_cube() -> xr.Dataset:
    """Return half a year of simulated crimes in New York at resolution 7: a small lazy cube to try things on.

    Returns
    -------
    Dataset
        A cube with the layer ``crime``.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.demo_cube().sizes["time"]
    181
    """
    return _small_cube().copy()
