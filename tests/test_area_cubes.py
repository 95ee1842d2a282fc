"""Cubes whose places are areas and whose steps are weeks: the same features, labels, models and scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, LookAheadError
from htgeo.cube.areas import grid_areas
from htgeo.cube.near import disk_of, ring_of
from htgeo.features.base import FEATURES, Feature, column
from htgeo.models.rates import log_rate
from htgeo.sources.area_counts import AreaCounts, read_area_counts

START, END = "2019-01-01", "2020-12-31"
MERGE = {"120/121/122": ["120", "121", "122"]}


def rows_of(precincts: ht.Region, seed: int = 0) -> pd.DataFrame:
    """Return made-up counts by precinct and week, some precincts much busier than others."""
    rng = np.random.default_rng(seed)
    weeks = pd.date_range("2018-12-31", "2020-12-28", freq="7D")
    rate = rng.gamma(0.5, 0.6, len(precincts))
    n = rng.poisson(rate[:, None], (len(precincts), len(weeks)))
    index = pd.MultiIndex.from_product([precincts.names, weeks], names=["precinct", "week"])
    table = pd.DataFrame({"n": n.ravel(), "offense": "ROBBERY"}, index=index).reset_index()
    return table[table["n"] > 0]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, precincts: ht.Region) -> Path:
    path = tmp_path_factory.mktemp("counts") / "counts.csv"
    rows_of(precincts).to_csv(path, index=False)
    return path


def read(path: Path, **options: object) -> AreaCounts:
    return read_area_counts(path, area="precinct", time="week", value="n", category="offense", **options)


@pytest.fixture(scope="module")
def weekly(file: Path, precincts: ht.Region, boroughs: ht.Region) -> xr.Dataset:
    return grid_areas({"robbery": read(file)}, precincts, start=START, end=END, merge=MERGE, layers=[boroughs])


def test_rows__of_unknown_areas_are_set_aside_with_their_mass(tmp_path: Path, precincts: ht.Region) -> None:
    path = tmp_path / "counts.csv"
    lines = ["1,2021-01-04,A,2", "UNKNOWN,2021-01-04,A,3", "1,2021-01-05,A,1", "5,2021-01-04,B,-1", ",2021-01-04,A,1"]
    path.write_text("\n".join(["precinct,week,offense,n", *lines]))
    report = read(path, areas=precincts).report
    assert report.reasons == {
        "no area of the layer precinct": 1,
        "the week does not begin on a Monday": 1,
        "count missing, negative or infinite": 1,
        "no area": 1,
    }
    assert report.notes == ("3 of 5 events lie in areas that the layer precinct does not have: UNKNOWN",)


def test_spellings__are_named_together(tmp_path: Path, precincts: ht.Region) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("precinct,week,offense,n\n1,2021-01-04,RAPE,2\n1,2021-01-04,RAPES,3\n5,2021-01-04,ARSON,1")
    counts = read(path)
    assert counts.select(["RAPE", "RAPES"]).table["value"].sum() == 5
    with pytest.raises(InputError, match="no count has the category 'RAPPE'"):
        counts.select("RAPPE")
    cube = grid_areas({"rape": counts.select(["RAPE", "RAPES"])}, precincts, start="2021-01-04", end="2021-01-17")
    assert cube["rape"].sum() == 5


def test_cube__holds_the_counts_of_the_file(file: Path, weekly: xr.Dataset, precincts: ht.Region) -> None:
    table = read(file).table
    inside = table[(table["time"] >= "2019-01-07") & (table["time"] <= "2020-12-21")]
    assert ht.validate(weekly) is weekly
    assert str(weekly.time.values[0])[:10] == "2019-01-07"
    assert str(weekly.time.values[-1])[:10] == "2020-12-21"
    assert float(weekly["robbery"].sum()) == inside["value"].sum() == weekly["robbery"].attrs["events"]
    assert weekly["robbery"].attrs["outside_days"] == table["value"].sum() - inside["value"].sum()
    one = inside[inside["area"] == "75"].set_index("time")["value"]
    assert weekly["robbery"].sel(precinct="75", time=one.index).values.tolist() == one.tolist()
    assert "2019-01-01 to 2019-01-06" in weekly.attrs["dropped_days"]
    assert sorted(weekly["borough"].values[weekly["precinct"].isin(["1", "75", "123"])].tolist()) == [
        "Brooklyn", "Manhattan", "Staten Island",
    ]  # fmt: skip
    assert len(weekly["precinct"]) == len(precincts) - 2


def test_merged_areas__are_one_place(file: Path, weekly: xr.Dataset, precincts: ht.Region) -> None:
    apart = grid_areas({"robbery": read(file)}, precincts, start=START, end=END)
    parts = apart["robbery"].sel(precinct=MERGE["120/121/122"]).sum("precinct")
    assert np.array_equal(weekly["robbery"].sel(precinct="120/121/122"), parts)
    assert float(weekly["cell_area"].sum()) == pytest.approx(float(apart["cell_area"].sum()), rel=1e-4)
    assert weekly.attrs["merged"] == ["120/121/122 = 120 + 121 + 122"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"merge": {"x": ["999"]}}, "no area '999' to merge"),
        ({"merge": {"x": ["1"], "y": ["1"]}}, "is merged into 'x' and into 'y'"),
        ({"merge": {"1": ["5", "6"]}}, "'1' is an area of its own"),
        ({"freq": "M"}, "freq must be 'D' or 'W'"),
        ({"freq": "D"}, "are by week; a cube of days needs counts by day"),
        ({"start": "2010-01-01", "end": "2010-12-31"}, "no event of 'robbery' falls into"),
    ],
)
def test_grid_areas__says_what_cannot_be(file: Path, precincts: ht.Region, options: dict, text: str) -> None:
    with pytest.raises(InputError, match=text):
        grid_areas({"robbery": read(file)}, precincts, **{"start": START, "end": END, **options})


def test_counts_outside_the_areas__are_told(file: Path, precincts: ht.Region) -> None:
    some = ht.Region("precinct", precincts.names[:40], precincts.geometries[:40])
    cube = grid_areas({"robbery": read(file)}, some, start=START, end=END)
    table = read(file).table
    inside = table["time"].between("2019-01-07", "2020-12-21")
    assert cube["robbery"].attrs["outside_areas"] == table["value"][inside & ~table["area"].isin(some.names)].sum()
    assert cube["robbery"].attrs["outside_areas"] > 0


def test_areas_that_border__are_ring_one(weekly: xr.Dataset) -> None:
    one, two = (ring_of(weekly, k).toarray() for k in (1, 2))
    names = weekly["precinct"].values.tolist()
    assert np.array_equal(one, one.T)
    assert not np.diag(one).any()
    assert not (one * two).any()
    assert (((one @ one) > 0) & (one == 0) & ~np.eye(len(one), dtype=bool) == (two > 0)).all()
    assert one[names.index("1"), names.index("5")] == 1
    assert one[names.index("1"), names.index("123")] == 0
    disk = disk_of(weekly, 2, 0.5).toarray()
    assert np.allclose(disk, np.eye(len(one)) + 0.5 * one + 0.25 * two)
    cut = weekly.isel(precinct=slice(10, 40))
    assert np.array_equal(ring_of(cut, 1).toarray(), one[10:40, 10:40])


def test_faulty_areas_and_weeks__are_told(weekly: xr.Dataset) -> None:
    holed = weekly.drop_sel(time="2019-07-01")
    twice = weekly.isel(precinct=[0, 0, 1])
    with pytest.raises(CubeError, match="time is not one week after the other"):
        ht.validate(holed)
    with pytest.raises(CubeError, match="days one after the other"):
        ht.add_features(holed, [ht.Lag("robbery", days=[7])])
    with pytest.raises(CubeError, match="precinct names an area twice"):
        ht.validate(twice)
    with pytest.raises(CubeError, match="robbery"):
        ht.validate(weekly.assign(robbery=weekly["robbery"].astype("float64")))


def test_times_with_an_offset__are_refused(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("precinct,week,offense,n\n1,2021-01-04T00:00:00+01:00,A,2")
    with pytest.raises(InputError, match="have an offset from UTC"):
        read(path)


def test_features__count_windows_in_weeks(weekly: xr.Dataset) -> None:
    near = ring_of(weekly, 1)
    features = [
        ht.Lag("robbery", days=[7, 28]), ht.RollingSum("robbery", days=[28, 364]), ht.RingSum("robbery", days=28),
        ht.RollingMean("robbery", days=[28]), ht.Recency("robbery", half_life=[70]), ht.Trend("robbery", 28, 364),
        ht.CitySum("robbery", days=[7]), ht.ActiveShare("robbery", days=[28]),
    ]  # fmt: skip
    made = ht.add_features(weekly, features).compute()
    counts = made["robbery"].to_pandas().T.reset_index(drop=True)
    past = counts.shift(1)

    def same(name: str, values: pd.DataFrame) -> None:
        np.testing.assert_allclose(made[name].values, values.to_numpy().T, rtol=1e-5)

    same("robbery_lag_28", counts.shift(4))
    same("robbery_sum_28", past.rolling(4).sum())
    same("robbery_sum_364", past.rolling(52).sum())
    same("robbery_mean_28", past.rolling(4).sum() / 28)
    same("robbery_active_28", (past > 0).where(past.notna()).rolling(4).mean())
    around = pd.DataFrame((near @ counts.to_numpy().T).T)
    same("robbery_ring1_sum_28", around.shift(1).rolling(4).sum())
    np.testing.assert_allclose(made["robbery_city_sum_7"], past.sum(axis=1, min_count=1), rtol=1e-6)
    fade = 0.5 ** (np.arange(12, 0, -1) / 10)
    rate = (counts.to_numpy()[:12].T @ (fade * 2**0.1) / (fade * 2**0.1).sum()) / 7
    np.testing.assert_allclose(made["robbery_rate_70"].values[:, 12], rate, rtol=1e-5)
    since = made["robbery_days_since"].values
    seen = since[~np.isnan(since)]
    assert (seen % 7 == 0).all()
    assert seen.min() == 7


def test_calendar__is_that_of_the_week(weekly: xr.Dataset) -> None:
    made = ht.add_features(weekly, [ht.Calendar(harmonics=1)])
    assert "weekday" not in made
    holiday = made["holiday"].to_pandas()
    assert holiday[["2019-07-01", "2019-07-08", "2019-12-30"]].tolist() == [1, 0, 1]  # the 4th of July; New Year's Day
    assert made["month"].sel(time="2019-12-30") == 11
    with pytest.raises(CubeError, match="needs a cube of days"):
        ht.add_features(weekly, [ht.Calendar(["weekday"])])


@pytest.mark.parametrize(
    ("feature", "error", "text"),
    [
        (ht.RollingSum("robbery", days=[10]), InputError, "windows of 10 days are no whole steps.*give 7 days"),
        (ht.Lag("robbery", days=[1]), InputError, "give 7 days"),
        (ht.Trend("robbery", short=28, long=365), InputError, "give 364 days"),
        (ht.ParentSum("robbery"), CubeError, "ParentSum needs H3 cells"),
        (ht.SameWeekday("robbery"), CubeError, "SameWeekday needs a cube of days"),
    ],
)
def test_features_that_do_not_fit__say_why(weekly: xr.Dataset, feature: Feature, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        ht.add_features(weekly, [feature])


def test_look_ahead__is_refused(weekly: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FEATURES, "add", lambda *_: None)

    @dataclass(frozen=True)
    class SameWeek(Feature):
        name: ClassVar[str] = "same_week"
        summary: ClassVar[str] = "the count of the week itself"
        look_back: ClassVar[int] = 7

        def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
            return {"now": column(cube["robbery_known"], "1", "now")}

    with pytest.raises(LookAheadError, match="looks ahead"):
        ht.add_features(weekly, [SameWeek()])


def test_nothing__is_computed(weekly: xr.Dataset) -> None:
    with no_compute():
        cube = ht.add_label(ht.add_features(weekly, "default"), ht.AnyWithin("robbery", days=7))
    assert cube["robbery_ring2_sum_364"].dims == ("precinct", "time")


@pytest.mark.parametrize("days", [7, 14])
def test_label__covers_whole_weeks(weekly: xr.Dataset, days: int) -> None:
    label = ht.add_label(weekly, ht.CountWithin("robbery", days=days))[f"robbery_count_within_{days}"].values
    counts = weekly["robbery"].values
    wanted = counts if days == 7 else counts[:, :-1] + counts[:, 1:]
    assert np.array_equal(label[:, : wanted.shape[1]], wanted)
    assert np.isnan(label[:, wanted.shape[1] :]).all()
    with pytest.raises(InputError, match="a horizon of 10 days"):
        ht.add_label(weekly, ht.AnyWithin("robbery", days=10))


def test_models_and_scores__run_from_end_to_end(weekly: xr.Dataset) -> None:
    cube = ht.add_label(ht.add_features(weekly, "default"), ht.AnyWithin("robbery", days=7))
    train, test = ht.split_time(cube, "2020-07-01")
    assert train["time"].values[-1] + np.timedelta64(7, "D") <= test["time"].values[0]
    assert test["time"].values[0] == np.datetime64("2020-07-06")
    models = [
        ht.HistoricalRate(), ht.EwmaRate(), ht.ShrunkRate(strength=4), ht.LogisticRegression(), ht.GammaPoisson(), ht.Hawkes(),
        ht.LightGBM(max_trees=20, validation_days=91),
    ]  # fmt: skip
    for model in models:
        cube = ht.add_risk(cube, model.fit(train))
    table = ht.evaluate(cube, against=["historical_rate"], start="2020-07-01", draws=50, scores=["roc_auc", "ece"])
    auc = table["value"].sel(score="roc_auc")
    assert (auc > 0.75).all(), auc.to_pandas()
    assert (table["low"] <= table["value"]).all()
    by = ht.evaluate(cube, by="borough", start="2020-07-01", draws=0, scores=["log_loss"])
    assert by.sizes["borough"] == 5


def test_rates__fade_by_days_and_not_by_steps(weekly: xr.Dataset) -> None:
    train = ht.add_label(weekly, ht.AnyWithin("robbery", days=7))
    model = ht.EwmaRate(half_life=70).fit(train)
    wanted = model.to_risk_(log_rate(weekly["robbery"].values, 10.0, model.mean_))
    np.testing.assert_allclose(model.predict(weekly).values, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    "model", [ht.HistoricalRate(), ht.LogisticRegression(), ht.LightGBM(max_trees=5, validation_days=91)]
)
def test_risk__of_a_week_knows_no_later_week(weekly: xr.Dataset, model: ht.Model) -> None:
    features = [ht.RollingSum("robbery", days=[28]), ht.RingSum("robbery", days=28)]
    cube = ht.add_label(ht.add_features(weekly, features), ht.AnyWithin("robbery", days=7))
    model.fit(ht.split_time(cube, "2020-07-01")[0])
    at = 90
    late = weekly["time"] >= weekly["time"][at]
    other = weekly.assign({n: weekly[n].where(~late, 5).astype("float32") for n in ("robbery", "robbery_known")})
    other["robbery_known"].attrs = weekly["robbery_known"].attrs
    changed = ht.add_features(other, features)
    one, two = model.predict(cube).values, model.predict(changed).values
    assert np.array_equal(one[:, : at + 1], two[:, : at + 1])
    assert not np.array_equal(one[:, at + 1 :], two[:, at + 1 :])


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (ht.KernelDensity(), "kernel_density needs H3 cells"),
        (ht.ProMap(), "promap needs H3 cells"),
        (ht.SameWeekdayRate(), "same_weekday_rate needs a cube of days"),
    ],
)
def test_models_that_need_cells_or_days__say_so(weekly: xr.Dataset, model: ht.Model, text: str) -> None:
    with pytest.raises(CubeError, match=text):
        model.fit(ht.add_label(weekly, ht.AnyWithin("robbery", days=7)))


def test_model__refuses_a_cube_of_other_places(weekly: xr.Dataset, cube: xr.Dataset) -> None:
    model = ht.HistoricalRate().fit(ht.add_label(weekly, ht.AnyWithin("robbery", days=7)))
    with pytest.raises(CubeError, match="the model learned"):
        model.predict(cube)


def test_saved_model__knows_its_steps(weekly: xr.Dataset, tmp_path: Path) -> None:
    model = ht.EwmaRate(half_life=70).fit(ht.add_label(weekly, ht.AnyWithin("robbery", days=7)))
    back = ht.load_model(ht.save_model(model, tmp_path / "model"))
    assert np.array_equal(back.predict(weekly), model.predict(weekly))
    assert "areas (precinct), steps of 7 days" in (tmp_path / "model" / "card.md").read_text("utf-8")


def test_store__keeps_areas_and_weeks(weekly: xr.Dataset, tmp_path: Path) -> None:
    ht.save_cube(weekly, tmp_path / "weekly.cube")
    back = ht.open_cube(tmp_path / "weekly.cube")
    xr.testing.assert_identical(back.compute(), weekly.compute())
    assert back["robbery"].chunks is not None


def test_samples__go_back_to_their_area(weekly: xr.Dataset, tmp_path: Path) -> None:
    cube = ht.add_label(ht.add_features(weekly, [ht.Lag("robbery", days=[7])]), ht.AnyWithin("robbery", days=7))
    matrix = ht.to_matrix(cube)
    samples = ht.read_npz(ht.write_npz(matrix, tmp_path / "samples.npz", cube))
    back = samples.back(samples.y, cube)
    assert np.array_equal(back, cube["robbery_any_within_7"])
    assert np.array_equal(matrix.back(matrix.y), back)
    assert ht.to_sequences(cube, steps=4).block(0).X.shape[2:] == (4, 1)


def test_nypd_counts__add_up(data: Path) -> None:
    path = data / "nypd_precinct_week" / "complaints_precinct_week_2006_2022.parquet"
    region = ht.read_region(
        data / "nyc_precincts" / "police_precincts_y76i-bdw7_26b.geojson", name_column="precinct", layer="precinct"
    )
    counts = read_area_counts(path, area="precinct", time="week_start", value="count", category="offense", areas=region)
    assert counts.report.reasons == {"no area of the layer precinct": 494}
    assert counts.table["value"].sum() == 8_356_147 - 648
    kind = counts.select("PROSTITUTION & RELATED OFFENSES")
    merge = {**MERGE, "105/113/116": ["105", "113", "116"]}
    cube = grid_areas({"prostitution": kind}, region, start="2006-01-02", end="2022-12-25", merge=merge)
    assert cube.sizes == {"precinct": 74, "time": 886, "precinct_border": cube.sizes["precinct_border"]}
    assert float(cube["prostitution"].sum()) == 1502
    assert float(cube["cell_area"].sum()) == pytest.approx(783.2, rel=3e-3)
    since = cube["prostitution"].sel(time=slice("2019-01-01", None))
    assert float((since > 0).mean()) == pytest.approx(0.0102, abs=0.0001)
