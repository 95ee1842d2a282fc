"""Coarser and finer cells, and cubes cut to an area: counts keep their sum, nothing is computed."""

import numpy as np
import pytest
import shapely
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.clip import clip
from htgeo.cube.gridding import grid_events
from htgeo.cube.levels import to_resolution
from htgeo.cube.schema import stamp
from htgeo.grid.cells import cell_areas, cell_polygons, parents

BOX = shapely.box(-74.05, 40.57, -73.85, 40.74)


@pytest.fixture(scope="module")
def small(grid: ht.Grid, crimes: ht.Events) -> xr.Dataset:
    cube = grid_events({"crime": crimes.select(precision="point")}, grid)
    return cube.isel(time=slice(0, 14)).compute()


@given(seed=st.integers(0, 2**16), resolution=st.sampled_from([4, 5, 6, 8]), lazy=st.booleans())
def test_counts__keep_their_sum_each_day(small: xr.Dataset, seed: int, resolution: int, lazy: bool) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.3, 5, small["crime"].shape)).astype("float32")
    cube = small.assign(crime=small["crime"].copy(data=counts))
    made = to_resolution(cube.chunk(cell=rng.integers(20, 90)) if lazy else cube, resolution)
    np.testing.assert_allclose(made["crime"].sum("cell", dtype=float), counts.sum(axis=0, dtype=float), rtol=1e-6)
    if resolution < 7:
        wanted = xr.DataArray(counts, dims=("cell", "time")).groupby(
            xr.DataArray(parents(cube["cell"].values, resolution), dims="cell", name="parent")
        )
        assert np.array_equal(made["crime"], wanted.sum())
    else:
        back = to_resolution(made, 7)
        np.testing.assert_allclose(back["crime"], counts, rtol=1e-6)
        assert np.array_equal(back["cell"], cube["cell"])


@pytest.mark.parametrize("resolution", [5, 6, 8, 9])
def test_levels__are_lazy_whole_in_time_and_sound(cube: xr.Dataset, resolution: int) -> None:
    cube = ht.add_features(cube, "default")
    with no_compute():
        made = to_resolution(cube, resolution)
    assert all(len(made[name].chunks[1]) == 1 for name in ("crime", "crime_known"))
    assert ht.validate(made).attrs["resolution"] == resolution
    assert np.array_equal(made["cell_area"], cell_areas(made["cell"].values))
    assert set(made) == {"crime", "crime_known"}
    assert "left out, as they do not add up: crime_" in made.attrs["levels"]
    assert float(made["crime"].sum(dtype=float)) == pytest.approx(float(cube["crime"].sum(dtype=float)))


def test_finer__says_that_it_is_spread(small: xr.Dataset) -> None:
    finer = to_resolution(small, 8)
    assert finer.sizes["cell"] == 7 * small.sizes["cell"]
    assert finer["crime"].attrs["spread_from"] == 7
    assert finer["crime"].attrs["whole"] == 0
    assert "spread from cells of resolution 7" in finer["crime"].attrs["long_name"]
    assert "spread_from" not in to_resolution(small, 6)["crime"].attrs


@pytest.mark.parametrize("resolution", [6, 8])
def test_land_of_layers__is_kept(small: xr.Dataset, resolution: int) -> None:
    made = to_resolution(small, resolution)

    def land(cube: xr.Dataset, layer: str) -> np.ndarray:
        area = cube["cell_area"].values[cube[f"{layer}_share_cell"].values]
        return np.bincount(cube[f"{layer}_share_area"].values, cube[f"{layer}_share"].values * area)

    for layer in ("borough", "precinct"):
        np.testing.assert_allclose(land(made, layer), land(small, layer), rtol=0.02)
        assert made[f"{layer}_share"].max() <= 1 + 1e-9
        assert set(made[layer].values) <= {*made[f"{layer}_share"].attrs["names"], ""}
    by_borough = ht.aggregate(made, by="borough")
    assert float(by_borough["crime"].sum()) == pytest.approx(float(small["crime"].sum()), rel=1e-5)


def test_risks__become_expected_counts(labelled: xr.Dataset) -> None:
    cube = ht.add_risk(labelled, ht.GammaPoisson().fit(ht.split_time(labelled, "2021-05-01")[0]))
    with no_compute():
        made = to_resolution(cube, 6)
    assert "risk_gamma_poisson" not in made
    risk = cube["risk_gamma_poisson"].isel(time=-1).values.astype(float)
    expected = made["expected_gamma_poisson"].isel(time=-1)
    assert float(expected.sum()) == pytest.approx(float(-np.log1p(-risk).sum()), rel=1e-5)
    assert expected.attrs["role"] == "expected"
    assert expected.attrs["horizon"] == 7
    assert "risks became expected counts" in made.attrs["levels"]
    assert float(to_resolution(cube, 8)["expected_gamma_poisson"].isel(time=-1).sum()) == pytest.approx(
        float(expected.sum()), rel=1e-5
    )


def test_places__totals_are_kept_means_stay_means(small: xr.Dataset) -> None:
    people = xr.DataArray(np.arange(small.sizes["cell"], dtype="float32"), dims="cell")
    income = people.where(people > 5)
    cube = small.assign(
        people=stamp(people, "people", "place", "1", "people", how="sum"),
        income=stamp(income, "income", "place", "1", "income", how="mean"),
        other=stamp(people, "other", "place", "1", "no rule"),
    )
    for resolution in (6, 8):
        made = to_resolution(cube, resolution)
        assert float(made["people"].sum(dtype=float)) == pytest.approx(float(people.sum()), rel=1e-6)
        assert float(made["income"].max()) <= float(income.max())
        assert float(made["income"].min()) >= 6
        assert "other" not in made
    assert int(made["income"].isnull().sum()) == 6 * 7


def test_wrong_levels__say_what_is_allowed(small: xr.Dataset) -> None:
    with pytest.raises(InputError, match="of resolution 7 already"):
        to_resolution(small, 7)
    with pytest.raises(InputError, match="resolution must be a whole number from 0 to 15"):
        to_resolution(small, 16)
    with pytest.raises(InputError, match="resolution 15 would have"):
        to_resolution(small, 15)
    with pytest.raises(CubeError, match="needs H3 cells"):
        to_resolution(ht.aggregate(small, by="borough"), 6)


def test_clip__keeps_cells_by_rule_without_computing(cube: xr.Dataset) -> None:
    hexagons = cell_polygons(cube["cell"].values)
    lon, lat = cube["lon"].values, cube["lat"].values
    wanted = {
        "center": (lon > -74.05) & (lon < -73.85) & (lat > 40.57) & (lat < 40.74),
        "touch": shapely.intersects(hexagons, BOX),
        "within": shapely.within(hexagons, BOX),
    }
    for how, rows in wanted.items():
        with no_compute():
            part = clip(cube, BOX, how=how)
        assert np.array_equal(part["cell"], cube["cell"].values[rows])
        assert np.array_equal(part["crime"], cube["crime"].values[rows])
        assert len(part["crime"].chunks[1]) == 1
        assert ht.validate(part).attrs["clipped"].startswith(f"{rows.sum()} of ")
    assert wanted["within"].sum() < wanted["center"].sum() < wanted["touch"].sum()


def test_clip__keeps_the_shares_of_its_cells(small: xr.Dataset, boroughs: ht.Region) -> None:
    part = clip(small, BOX)
    rows = np.searchsorted(small["cell"].values, part["cell"].values)
    kept = np.isin(small["precinct_share_cell"].values, rows)
    assert np.array_equal(part["precinct_share"], small["precinct_share"].values[kept])
    assert np.array_equal(
        part["cell"].values[part["precinct_share_cell"].values],
        small["cell"].values[small["precinct_share_cell"].values[kept]],
    )
    total = float(ht.aggregate(part, by="precinct")["crime"].sum())
    assert total == pytest.approx(float(part["crime"].sum()), rel=1e-5)
    whole = clip(small, boroughs, how="touch")
    assert np.array_equal(whole["cell"], small["cell"])


def test_clip__never_fills_the_area(small: xr.Dataset) -> None:
    part = small.isel(cell=slice(0, 5))
    assert clip(part, shapely.box(-180, -89, 180, 89), how="within").sizes["cell"] == 5


def test_wrong_clips__say_what_is_allowed(small: xr.Dataset) -> None:
    with pytest.raises(CubeError, match=r"no cell of the cube lies in the area by how='center': the area spans 4\.000"):
        clip(small, shapely.box(4, 52, 5, 53))
    with pytest.raises(InputError, match="degrees WGS 84"):
        clip(small, shapely.box(900_000, 100_000, 1_100_000, 300_000))
    with pytest.raises(InputError, match="not LineString"):
        clip(small, shapely.LineString([(0, 0), (1, 1)]))
    with pytest.raises(InputError, match="how must be"):
        clip(small, BOX, how="all")  # type: ignore[arg-type]
    with pytest.raises(CubeError, match="needs H3 cells"):
        clip(ht.aggregate(small, by="borough"), BOX)
