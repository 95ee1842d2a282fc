"""Counts are right, keep their mass, stay lazy, and do not depend on order."""

import numpy as np
import polars as pl
import pytest
from conftest import make_events, no_compute
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, PrecisionWarning
from htgeo.grid.cells import points_to_cells


@pytest.mark.parametrize("clock", ["occurred", "known"])
def test_counts__equal_polars(crimes: ht.Events, grid: ht.Grid, clock: str) -> None:
    points = crimes.select(precision="point")
    cube = ht.grid_events({"crime": points}, grid)
    name = "crime" if clock == "occurred" else "crime_known"
    table = points.table
    counted = (
        pl.DataFrame({"cell": points_to_cells(table["lon"], table["lat"], grid.resolution), "day": table[clock].dt.date})
        .group_by("cell", "day").len()
    )  # fmt: skip
    expected = np.zeros((len(grid.cells), len(grid.days)), np.float32)
    row = {cell: i for i, cell in enumerate(grid.cells.tolist())}
    column = {day: i for i, day in enumerate(grid.days.astype(object).tolist())}
    for cell, day, size in counted.iter_rows():
        if cell in row and day in column:
            expected[row[cell], column[day]] = size
    np.testing.assert_array_equal(cube[name].values, expected)
    assert expected.sum() > 1000


def test_area_events__keep_their_mass(crimes: ht.Events, grid: ht.Grid) -> None:
    areas = crimes.select(precision="precinct")
    cube = ht.grid_events({"a": areas}, grid)
    inside = areas.table["occurred"].between("2021-01-01", "2021-07-01", inclusive="left").sum()
    assert float(cube["a"].astype("float64").sum()) == pytest.approx(inside, rel=1e-6)
    assert cube["a"].attrs["known_to_area"] == inside


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["point", "precinct", "borough", "city"]), st.integers(0, 180), st.integers(0, 10**6)
        ),
        min_size=1,
        max_size=40,
    )
)
def test_mass__kept_for_any_mixture(rows: list[tuple[str, int, int]]) -> None:
    grid = _demo_grid()
    rng = np.random.default_rng(rows[0][2])
    borough, precinct = grid.layers[0].names, grid.layers[1].names
    area = {
        "point": "",
        "city": "",
        "borough": borough[rows[0][2] % 5],
        "precinct": f"{precinct[0]}|{precinct[rows[0][2] % 70]}",
    }
    lon, lat = grid.centers
    cell = rng.integers(0, len(lon), len(rows))
    point = np.array([r[0] == "point" for r in rows])
    weight = rng.uniform(0, 5, len(rows))
    events = make_events(
        occurred=(grid.days[0] + np.array([r[1] for r in rows])).astype("datetime64[s]"),
        lon=np.where(point, lon[cell], np.nan), lat=np.where(point, lat[cell], np.nan),
        area=[area[r[0]] for r in rows], precision=[r[0] for r in rows], weight=weight,
    )  # fmt: skip
    cube = ht.grid_events({"e": events}, grid)
    assert float(cube["e"].astype("float64").sum()) == pytest.approx(weight.sum(), rel=1e-6, abs=1e-9)
    shuffled = ht.Events(events.table.sample(frac=1, random_state=0), events.report)
    np.testing.assert_allclose(ht.grid_events({"e": shuffled}, grid)["e"].values, cube["e"].values, rtol=1e-6)


GRIDS: list[ht.Grid] = []


def _demo_grid() -> ht.Grid:
    if not GRIDS:
        from htgeo.sources.synthetic import City

        city = City()
        GRIDS.append(
            ht.make_grid(city.boroughs, resolution=7, start="2021-01-01", end="2021-06-30", layers=[city.precincts])
        )
    return GRIDS[0]


def test_area_event__spreads_by_land_area(grid: ht.Grid) -> None:
    events = make_events(occurred=["2021-02-03"], area=["Queens"], precision=["borough"])
    counts = ht.grid_events({"e": events}, grid)["e"].sel(time="2021-02-03").values
    land = grid.shares("borough").toarray()[:, grid.layers[0].names.index("Queens")] * grid.cell_area
    np.testing.assert_allclose(counts, land / land.sum(), rtol=1e-6)


def test_grid_events__is_lazy_in_blocks(crimes: ht.Events, boroughs: ht.Region, precincts: ht.Region) -> None:
    grid = ht.make_grid(boroughs, resolution=8, start="2021-01-01", end="2021-06-30", layers=[precincts])
    with no_compute():
        cube = ht.grid_events({"crime": crimes}, grid)
        ht.validate(cube)
    assert len(cube["crime"].chunks[0]) == 4
    assert cube["crime"].chunks[1] == (181,)
    assert len(cube["crime"].__dask_graph__()) <= 3 * 4 + 4


def test_outside__is_counted(grid: ht.Grid) -> None:
    events = make_events(
        occurred=["2021-02-03", "2021-02-03", "2025-01-01"], lon=[-73.95, 2.0, -73.95], lat=[40.65, 48.0, 40.65]
    )
    facts = ht.grid_events({"e": events}, grid)["e"].attrs
    assert (facts["events"], facts["outside_cells"], facts["outside_days"]) == (2.0, 1.0, 1.0)


def test_no_event_in_the_days__is_refused(grid: ht.Grid) -> None:
    events = make_events(occurred=["2019-02-03"], lon=[-73.95], lat=[40.65])
    with pytest.raises(
        InputError,
        match="no event of 'e' falls into 2021-01-01 to 2021-06-30; the events are of 2019-02-03 to 2019-02-03",
    ):
        ht.grid_events({"e": events}, grid)


def test_unknown_area_and_name__are_refused(grid: ht.Grid) -> None:
    unknown = make_events(occurred=["2021-02-03"], area=["999"], precision=["precinct"])
    with pytest.raises(InputError, match="'precinct' has no area 999"):
        ht.grid_events({"e": unknown}, grid)
    with pytest.raises(InputError, match="cannot be called 'cell'"):
        ht.grid_events({"cell": unknown}, grid)


def test_missing_layer__spreads_over_the_study_area_with_a_warning(grid: ht.Grid) -> None:
    events = make_events(occurred=["2021-02-03"], area=["3"], precision=["district"])
    with pytest.warns(
        PrecisionWarning,
        match=r"1 events are known to a district, but the grid has no such layer.*Add it with make_grid",
    ):
        cube = ht.grid_events({"e": events}, grid)
    assert float(cube["e"].sum()) == pytest.approx(1)


def test_regions__labels_and_shares_travel_with_the_cube(cube, grid: ht.Grid) -> None:
    assert cube["borough"].dims == ("cell",)
    dense = np.zeros(grid.shares("precinct").shape)
    dense[cube["precinct_share_cell"].values, cube["precinct_share_area"].values] = cube["precinct_share"].values
    np.testing.assert_array_equal(dense, grid.shares("precinct").toarray())
    assert cube["precinct_share"].attrs["names"] == list(grid.layers[1].names)


def test_series__nothing_before_publication(cube, city) -> None:
    series = ht.read_series(
        city / "jfk_passengers.csv",
        time="Activity Period",
        value="Revenue Passenger Volume",
        frequency="month",
        publication_lag=30,
    )
    joined = ht.add_series(cube, "jfk", series)["jfk"]
    assert joined.sel(time=slice(None, "2021-03-02")).isnull().all()
    assert float(joined.sel(time="2021-03-03")) == series.table["value"][0]
    assert float(joined.sel(time="2021-03-30")) == series.table["value"][0]
    assert float(joined.sel(time="2021-03-31")) == series.table["value"][1]


def test_places__counts_and_distances(cube, city) -> None:
    hotels = ht.read_places(city / "hotels.csv", lon="Longitude", lat="Latitude", key="BBL")
    joined = ht.add_places(cube, "hotel", hotels)
    assert joined["hotel_count"].sum() <= 400
    lon, lat = hotels.table["lon"].to_numpy(), hotels.table["lat"].to_numpy()
    i = 5
    x, y = np.radians([lon, np.full(400, cube.lon[i])]), np.radians([lat, np.full(400, cube.lat[i])])
    a = np.sin((y[0] - y[1]) / 2) ** 2 + np.cos(y[0]) * np.cos(y[1]) * np.sin((x[0] - x[1]) / 2) ** 2
    assert float(joined["hotel_distance"][i]) == pytest.approx((2 * 6371.007 * np.arcsin(np.sqrt(a))).min(), rel=1e-4)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.assign(crime=c.crime.transpose("time", "cell").assign_attrs(c.crime.attrs)), "expected 'cell', got 'time'"),
        (lambda c: c.assign(crime=c.crime.astype("f8").assign_attrs(c.crime.attrs)), "expected dtype float32"),
        (lambda c: c.isel(cell=slice(None, None, -1)), "cell is not sorted"),
        (lambda c: c.isel(time=[0, 1, 3]), "time is not one day after the other"),
        (lambda c: c.drop_vars("cell"), "has no 'cell' coordinate, so it is not a cube"),
    ],
)  # fmt: skip
def test_validate__names_the_fault(cube, spoil, message: str) -> None:
    with pytest.raises(CubeError, match=message):
        ht.validate(spoil(cube))
