"""Cubes by area and by week: sums are kept, and what does not add up is left out and told."""

from pathlib import Path

import numpy as np
import pytest
import shapely
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.aggregate import aggregate
from htgeo.cube.land import land_shares
from htgeo.sources.region import make_region

WHOLE = slice("2021-01-04", "2021-06-27")
"""The whole weeks of the cube."""


@pytest.fixture(scope="module")
def parted(boroughs: ht.Region, precincts: ht.Region, crimes: ht.Events) -> xr.Dataset:
    """A cube with a layer that covers the west of the city only."""
    west, south, east, north = boroughs.outline.bounds
    half = shapely.intersection(boroughs.geometries, shapely.box(west, south, (west + east) / 2, north))
    some = ~shapely.is_empty(half)
    part = make_region("part", np.array(boroughs.names)[some], half[some])
    grid = ht.make_grid(
        boroughs, resolution=7, start="2021-01-01", end="2021-06-30", layers=[precincts, part], edge="touch"
    )
    return ht.grid_events({"crime": crimes.select(precision="point")}, grid).compute()


@given(seed=st.integers(0, 2**16), by=st.sampled_from(["borough", "precinct", "part"]), freq=st.sampled_from("DWM"))
def test_mass__is_kept(parted: xr.Dataset, seed: int, by: str, freq: str) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.3, 5, parted["crime"].shape)).astype("float32")
    made = aggregate(parted.assign(crime=parted["crime"].copy(data=counts)), by=by, freq=freq)
    whole = {"D": slice(None), "W": WHOLE, "M": slice(None)}[freq]
    total = parted["crime"].copy(data=counts).sel(time=whole).sum("cell", dtype=float)
    outside = made["crime_outside"] if "crime_outside" in made else xr.zeros_like(made["time"], dtype="float32")
    assert ("crime_outside" in made) == (by == "part")
    both = made["crime"].sum(by, dtype=float) + outside
    assert float(both.sum()) == pytest.approx(float(total.sum()), rel=1e-6)
    if freq == "D":
        np.testing.assert_allclose(both, total, rtol=1e-5)


def test_weeks__are_sums_of_days(cube: xr.Dataset) -> None:
    weekly = aggregate(cube, freq="W")
    wanted = cube["crime"].sel(time=WHOLE).coarsen(time=7).sum()
    assert np.array_equal(weekly["crime"], wanted)
    assert (weekly["time"].dt.day_of_week == 0).all()
    assert ht.validate(weekly).attrs["step_days"] == 7
    assert "2021-01-01 to 2021-01-03, 2021-06-28 to 2021-06-30" in weekly.attrs["aggregated"]
    monthly = aggregate(cube, freq="M")
    wanted = cube["crime"].resample(time="MS").sum()
    assert np.array_equal(monthly["crime"], wanted)
    assert ht.validate(monthly)["crime"].sizes["time"] == 6


def test_areas__are_sums_of_shares(cube: xr.Dataset) -> None:
    made = aggregate(cube, by="precinct")
    weights = land_shares(cube, "precinct").toarray()
    weights = weights[weights.any(axis=1)]
    assert np.allclose(weights.sum(axis=0), 1, atol=1e-3)
    np.testing.assert_allclose(made["crime"], weights @ cube["crime"].values, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made["cell_area"], weights @ cube["cell_area"].values)
    assert made["borough"].sel(precinct="75") == "Brooklyn"
    assert ht.validate(made).attrs["layers"] == ["borough", "precinct"]


def test_steps__may_follow_each_other(cube: xr.Dataset) -> None:
    at_once = aggregate(cube, by="precinct", freq="W")
    one_by_one = aggregate(aggregate(cube, by="precinct"), freq="W")
    np.testing.assert_allclose(one_by_one["crime"], at_once["crime"], rtol=1e-5)
    assert np.array_equal(one_by_one["precinct_border_of"], at_once["precinct_border_of"])
    boroughs = aggregate(at_once, by="borough", freq="W")
    assert float(boroughs["crime"].sum()) == pytest.approx(float(at_once["crime"].sum()), rel=1e-6)
    assert boroughs.sizes == {"borough": 5, "time": 25, "borough_border": boroughs.sizes["borough_border"]}


def test_cut_cube__counts_cells_where_they_lie_mostly(cube: xr.Dataset) -> None:
    cut = cube.isel(cell=cube["borough"].values == "Queens")
    made = aggregate(cut, by="borough")
    assert made["borough"].values.tolist() == ["Queens"]
    np.testing.assert_allclose(made["crime"].sel(borough="Queens"), cut["crime"].sum("cell"), rtol=1e-6)
    assert "no cell lies are left out: Bronx" in made.attrs["aggregated"]


def test_nothing__is_computed(cube: xr.Dataset) -> None:
    with no_compute():
        weekly = aggregate(cube, by="precinct", freq="W")
        cells = aggregate(cube, freq="W")
    assert weekly["crime"].chunks is not None
    assert cells["crime"].chunks is not None


def test_risk__becomes_an_expected_count(cube: xr.Dataset) -> None:
    labelled = ht.add_label(ht.add_features(cube, [ht.Lag("crime", days=[1])]), ht.AnyWithin("crime", days=7))
    train, _ = ht.split_time(labelled, "2021-04-01")
    full = ht.add_risk(labelled, ht.HistoricalRate().fit(train))
    made = aggregate(full, by="borough", freq="W")
    assert set(made.data_vars) == {"crime", "crime_known", "expected_historical_rate"}
    assert "neither the mean nor the sum of probabilities is a probability" in made.attrs["aggregated"]
    assert "left out, as they do not add up: crime_lag_1, crime_any_within_7" in made.attrs["aggregated"]
    events = -np.log1p(-full["risk_historical_rate"].sel(time=made["time"]).values.astype(float))
    wanted = land_shares(cube, "borough") @ events
    np.testing.assert_allclose(made["expected_historical_rate"], wanted, rtol=1e-5)
    again = ht.add_label(made, ht.CountWithin("crime", days=7))
    table = ht.evaluate(again, start="2021-04-01", draws=20)
    assert float(table["events"]) == float(made["crime"].sel(time=slice("2021-04-01", None)).sum())
    assert "expected_historical_rate" not in aggregate(full, by="borough", freq="M")


def test_daily_forecasts__add_up_to_the_week(cube: xr.Dataset) -> None:
    labelled = ht.add_label(cube, ht.CountWithin("crime", days=1))
    full = ht.add_risk(labelled, ht.HistoricalRate().fit(ht.split_time(labelled, "2021-04-01")[0]))
    made = aggregate(full, freq="W")["expected_historical_rate"]
    wanted = full["expected_historical_rate"].sel(time=WHOLE).coarsen(time=7).sum()
    np.testing.assert_allclose(made, wanted, rtol=1e-5)
    assert made.attrs["horizon"] == 7
    assert made.attrs["label"] == "crime_count_within_7"


def test_what_was_known_at_the_start__is_that_of_the_first_day(crimes: ht.Events, grid: ht.Grid) -> None:
    cube = ht.grid_events({"crime": crimes.select(precision="point")}, grid, known_within=[28], delays=30)
    days = cube["time"].dt.day.astype("float32")
    series = xr.Variable(
        "time", days.values, {"role": "series", "role_of": "level", "units": "1", "long_name": "level"}
    )
    cube = cube.assign(level=series)
    weekly = aggregate(cube, freq="W")
    assert np.array_equal(
        weekly["crime_within_28"].values, cube["crime_within_28"].sel(time=weekly["time"]).values, equal_nan=True
    )
    assert np.array_equal(weekly["level"], weekly["time"].dt.day)
    assert "crime_delays" in weekly.attrs["aggregated"]
    made = ht.add_features(weekly, [ht.KnownWithin("crime", days=[28]), ht.AsOf("level"), ht.RingSum("crime", days=28)])
    assert made["crime_known_within_28"].attrs["look_back"] == 28


def test_places__add_up_or_are_averaged(cube: xr.Dataset, city: Path) -> None:
    hotels = ht.read_places(city / "hotels.csv", lon="Longitude", lat="Latitude", key="BBL")
    made = aggregate(ht.add_places(cube, "hotel", hotels), by="borough")
    cells = ht.add_places(cube, "hotel", hotels)
    assert float(made["hotel_count"].sum()) == pytest.approx(float(cells["hotel_count"].sum()), rel=1e-6)
    low, high = float(cells["hotel_distance"].min()), float(cells["hotel_distance"].max())
    assert low < float(made["hotel_distance"].min()) < float(made["hotel_distance"].max()) < high


def test_months__are_for_reports_only(cube: xr.Dataset) -> None:
    monthly = aggregate(cube, by="borough", freq="M")
    with pytest.raises(CubeError, match=r"steps of a fixed number of days.*freq='M'"):
        ht.add_features(monthly, [ht.Lag("crime", days=[1])])
    with pytest.raises(CubeError, match="steps of a fixed number of days"):
        ht.add_label(monthly, ht.AnyWithin("crime", days=1))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"by": "district"}, "no region layer 'district'"),
        ({"freq": "Q"}, "freq must be 'D', 'W', 'M', 'Y'"),
        ({}, "is by cell and day already"),
    ],
)
def test_aggregate__says_what_cannot_be(cube: xr.Dataset, options: dict, text: str) -> None:
    with pytest.raises(InputError, match=text):
        aggregate(cube, **options)


def test_weeks__cannot_become_months(cube: xr.Dataset) -> None:
    with pytest.raises(InputError, match="aggregate the cube of days"):
        aggregate(aggregate(cube, freq="W"), freq="M")
    with pytest.raises(CubeError, match="no week lies wholly in"):
        aggregate(cube.isel(time=slice(0, 5)), freq="W")
