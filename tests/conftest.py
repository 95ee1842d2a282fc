"""Fixtures: the simulated city, small cubes, the real data where it is present, and a scheduler that refuses to compute."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import settings

import htgeo as ht
from htgeo.sources.events import COLUMNS

settings.register_profile("htgeo", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("htgeo")

DATA = Path(os.environ.get("HTGEO_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def data() -> Path:
    """Folder of the real data; tests skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"the real data are not here ({DATA.name}); set HTGEO_DATA to their folder")
    return DATA


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a year of the simulated city as native files."""
    return ht.write_demo_city(tmp_path_factory.mktemp("city"), end="2021-06-30")


@pytest.fixture(scope="session")
def boroughs(city: Path) -> ht.Region:
    return ht.read_region(city / "boroughs.geojson", name_column="boro_name")


@pytest.fixture(scope="session")
def precincts(city: Path) -> ht.Region:
    return ht.read_region(city / "precincts.geojson", name_column="precinct", layer="precinct")


@pytest.fixture(scope="session")
def grid(boroughs: ht.Region, precincts: ht.Region) -> ht.Grid:
    """Cells of resolution 7 by half a year."""
    return ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-06-30", layers=[precincts])


@pytest.fixture(scope="session")
def crimes(city: Path, boroughs: ht.Region, precincts: ht.Region) -> ht.Events:
    return ht.read_events("nypd_complaints", city / "complaints.csv.gz", areas=[boroughs, precincts])


@pytest.fixture
def cube(crimes: ht.Events, grid: ht.Grid) -> xr.Dataset:
    """A lazy cube with one layer of point events, ``crime``, in several blocks."""
    return ht.grid_events({"crime": crimes.select(precision="point")}, grid)


@pytest.fixture
def labelled(cube: xr.Dataset) -> xr.Dataset:
    """The cube with features and a label of seven days."""
    return ht.add_label(ht.add_features(cube, "default"), ht.AnyWithin("crime", days=7))


def make_events(**columns: object) -> ht.Events:
    """Return events from a few columns; the others get plain values."""
    size = len(next(iter(columns.values())))  # type: ignore[arg-type]
    plain = {"lon": np.nan, "lat": np.nan, "area": "", "precision": "point", "category": "", "weight": 1.0}
    table = pd.DataFrame({**plain, **columns}, index=range(size))
    table["occurred"] = pd.to_datetime(table["occurred"])
    table["known"] = pd.to_datetime(table["known"]) if "known" in table else table["occurred"]
    report = ht.RowReport("test", (), size, size, 0, 0, {}, {})
    return ht.Events(table[list(COLUMNS)], report)


@contextmanager
def no_compute() -> Iterator[None]:
    """Fail if dask computes anything inside the block."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("something was computed")

    with dask.config.set(scheduler=refuse):
        yield
