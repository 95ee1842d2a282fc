"""Contract tests over every registered feature and label, and the kernels against slow plain versions."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, LookAheadError
from htgeo.cube.schema import role_of, stamp
from htgeo.features import FEATURES
from htgeo.features import kernels as k
from htgeo.labels import LABELS
from htgeo.labels.within import coming_any, coming_sum

EXAMPLES = {
    "lag": ht.Lag("crime", days=[1, 7]),
    "rolling_sum": ht.RollingSum("crime", days=[1, 7, 28]),
    "ring_sum": ht.RingSum("crime", k=2, days=7),
    "rolling_mean": ht.RollingMean("crime", days=[28]),
    "rolling_max": ht.RollingMax("crime", days=[7, 28]),
    "active_share": ht.ActiveShare("crime", days=[7, 28]),
    "ring_lag": ht.RingLag("crime", k=2, days=[1, 3]),
    "disk_sum": ht.DiskSum("crime", k=2, days=[7, 28]),
    "parent_sum": ht.ParentSum("crime", levels=2, days=[7]),
    "within_distance": ht.WithinDistance("crime", km=4, days=[7, 28]),
    "trend": ht.Trend("crime", short=7, long=28),
    "same_weekday": ht.SameWeekday("crime", weeks=4),
    "share": ht.Share("crime", "crime_night", days=[28], km=3),
    "city_sum": ht.CitySum("crime", days=[1, 7]),
    "interaction": ht.Interaction(["crime_before", "holiday_before"]),
    "known_within": ht.KnownWithin("crime", days=[7, 28]),
    "nowcast": ht.Nowcast("crime", days=28),
    "recency": ht.Recency("crime", half_life=[14, 60]),
    "calendar": ht.Calendar(),
    "static": ht.Static(),
    "as_of": ht.AsOf("jfk"),
}


@pytest.fixture
def rich(crimes: ht.Events, grid: ht.Grid, city) -> xr.Dataset:
    """A cube with parts, counts as known, a city series, places and two features."""
    points = crimes.select(precision="point")
    cube = ht.grid_events({"crime": points}, grid, parts=["night"], known_within=[7, 28], delays=60)
    jfk = ht.read_series(
        city / "jfk_passengers.csv",
        time="Activity Period",
        value="Revenue Passenger Volume",
        frequency="month",
        publication_lag=10,
    )
    hotels = ht.read_places(city / "hotels.csv", lon="Longitude", lat="Latitude", key="BBL")
    cube = ht.add_places(ht.add_series(cube, "jfk", jfk), "hotel", hotels)
    cube["crime_before"] = stamp(
        cube["crime_known"].shift(time=1), "crime_before", "feature", "1", "crime of yesterday"
    )
    return ht.add_features(cube, [ht.Calendar(["holiday"])]).rename(holiday="holiday_before").pipe(_restamped)


def _restamped(cube: xr.Dataset) -> xr.Dataset:
    return cube.assign(holiday_before=stamp(cube["holiday_before"], "holiday_before", "feature", "1", "holiday"))


def test_examples__cover_every_registered_feature() -> None:
    assert set(EXAMPLES) == {name for name in FEATURES if not name.startswith("test_")}


@pytest.mark.parametrize("name", EXAMPLES)
class TestContract:
    def test_lazy_and_chunks_kept(self, rich: xr.Dataset, name: str) -> None:
        with no_compute():
            made = ht.add_features(rich, [EXAMPLES[name]])
        for column in set(made) - set(rich):
            if made[column].dims == ("cell", "time"):
                assert made[column].chunks == rich["crime"].chunks
                assert len(made[column].__dask_graph__()) <= 40 * len(rich["crime"].chunks[0])

    def test_stamped(self, rich: xr.Dataset, name: str) -> None:
        made = ht.add_features(rich, [EXAMPLES[name]])
        ht.validate(made)
        for column in set(made) - set(rich):
            attrs = made[column].attrs
            assert role_of(made[column]) == "feature"
            assert made[column].dtype == np.float32
            assert attrs["units"]
            assert attrs["long_name"]
            assert attrs["look_back"] <= EXAMPLES[name].look_back

    def test_numpy_equals_dask(self, rich: xr.Dataset, name: str) -> None:
        lazy = ht.add_features(rich, [EXAMPLES[name]]).compute()
        eager = ht.add_features(rich.compute(), [EXAMPLES[name]])
        xr.testing.assert_allclose(lazy, eager)

    def test_future_changes_nothing_before_it(self, rich: xr.Dataset, name: str) -> None:
        day = 120
        changed = rich.compute().copy(deep=True)
        rng = np.random.default_rng(0)
        changed["crime_known"].values[:, day:] = rng.poisson(3, changed["crime_known"].values[:, day:].shape)
        for other in ("crime_night_known", "crime_before", "crime_within_7", "crime_within_28"):
            changed[other].values[:, day + 1 :] = rng.poisson(3, changed[other].values[:, day + 1 :].shape)
        known_on = np.add.outer(np.arange(rich.sizes["time"]), np.arange(rich.sizes["delay"]))
        changed["crime_delays"].values[known_on >= day] += 3
        changed["crime_night"].values[:] = rng.poisson(3, changed["crime"].shape)
        changed["crime"].values[:] = rng.poisson(3, changed["crime"].shape)
        changed["jfk"].values[day + 1 :] = 1.0
        before, after = (ht.add_features(c, [EXAMPLES[name]]).compute() for c in (rich, changed))
        for column in set(before) - set(rich):
            if "time" in before[column].dims:
                past = slice(None, day + 1)
                xr.testing.assert_equal(before[column].isel(time=past), after[column].isel(time=past))


@dataclass(frozen=True)
class Peeking(ht.Feature):
    """Uses the counts of the day itself."""

    name: ClassVar[str] = "test_peeking"
    summary: ClassVar[str] = "looks ahead"
    variable: str = "crime_known"
    shift: int = 0

    @property
    def look_back(self) -> int:
        return 0

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        values = cube[self.variable].shift(time=self.shift).astype("float32")
        values.attrs = {"units": "1", "long_name": "peek"}
        return {"peek": values}


def test_look_ahead__is_refused(rich: xr.Dataset) -> None:
    for feature in (Peeking(), Peeking(shift=-1), Peeking("crime", shift=1)):
        with pytest.raises(LookAheadError, match=r"the column 'peek' .* looks ahead"):
            ht.add_features(rich, [feature])
    assert "peek" in ht.add_features(rich, [Peeking(shift=1)])


@pytest.mark.parametrize("days", [0, -1])
def test_days_below_one__are_refused(days: int) -> None:
    for make in (
        lambda: ht.Lag("crime", days=[days]),
        lambda: ht.RollingSum("crime", days=[days]),
        lambda: ht.RingSum("crime", days=days),
    ):
        with pytest.raises(LookAheadError, match=f"at least 1, not {days}"):
            make()


def test_occurred_counts_alone__are_refused(cube: xr.Dataset) -> None:
    with pytest.raises(LookAheadError, match="looks ahead of what was known"):
        ht.add_features(cube.drop_vars("crime_known"), [ht.Lag("crime")])


def test_same_column_twice__is_refused(cube: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="already has a variable 'crime_lag_1'"):
        ht.add_features(cube, [ht.Lag("crime", days=[1]), ht.Lag("crime", days=[1])])


def test_role__does_not_survive_a_new_name(labelled: xr.Dataset) -> None:
    label = labelled["crime_any_within_7"]
    assert role_of(label) == "label"
    assert role_of((label > 0).rename("other")) is None


counts = arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=st.integers(0, 5).map(float))


@given(counts, st.integers(1, 12))
def test_kernels__equal_plain_loops(x: np.ndarray, days: int) -> None:
    cells, length = x.shape
    one = np.array([days])
    for c in range(cells):
        for t in range(length):
            past = x[c, :t]
            full = t >= days
            assert _same(k.past_maxima(x, windows=one)[0, c, t], past[-days:].max() if full else np.nan)
            assert _same(k.past_shares(x, windows=one)[0, c, t], (past[-days:] > 0).mean() if full else np.nan)
            same = past[t - 7 * days :: 7] if t >= 7 * days else np.array([np.nan])
            assert _same(k.same_weekday_mean(x, weeks=days)[c, t], same.mean())
            recent, usual = (
                past[-days:].mean() if full else np.nan,
                past[-days - 3 :].mean() if t >= days + 3 else np.nan,
            )
            trend = (recent - usual) / (recent + usual) if recent + usual != 0 else 0.0
            assert _same(k.past_trend(x, days, days + 3)[c, t], trend)
            assert _same(k.past_sums(x, windows=one)[0, c, t], past[-days:].sum() if t >= days else np.nan)
            assert _same(k.past_values(x, windows=one)[0, c, t], x[c, t - days] if t >= days else np.nan)
            hits = np.flatnonzero(past > 0)
            assert _same(k.days_since(x)[c, t], t - hits[-1] if len(hits) else np.nan)
            weights = 0.5 ** (np.arange(t)[::-1] / days)
            assert _same(
                k.past_rates(x, windows=one.astype(float))[0, c, t],
                (past * weights).sum() / weights.sum() if t else np.nan,
            )
            assert _same(k.past_rates(x, windows=np.array([np.inf]))[0, c, t], past.mean() if t else np.nan)
            ahead = x[c, t : t + days]
            assert _same(coming_sum(x, days)[c, t], ahead.sum() if len(ahead) == days else np.nan)
            assert _same(coming_any(x, days)[c, t], float(ahead.sum() > 0) if len(ahead) == days else np.nan)


def _same(found: float, expected: float) -> bool:
    return bool(np.isclose(found, expected, rtol=1e-4, atol=1e-5, equal_nan=True))


def test_ring_sum__equals_neighbours_by_h3(cube: xr.Dataset) -> None:
    import h3.api.basic_int as h3

    made = ht.add_features(cube, [ht.RingSum("crime", k=2, days=7)]).compute()
    known = made["crime_known"].values
    cells = made["cell"].values.tolist()
    row = {cell: i for i, cell in enumerate(cells)}
    for cell in cells[::17]:
        for ring in (1, 2):
            near = [row[c] for c in h3.grid_ring(cell, ring) if c in row]
            expected = known[near][:, 30:37].sum()
            assert made[f"crime_ring{ring}_sum_7"].values[row[cell], 37] == pytest.approx(expected)


def test_calendar__known_days(cube: xr.Dataset) -> None:
    made = ht.add_features(cube, [ht.Calendar()])
    at = {name: made[name].attrs["categories"] for name in ("weekday", "month", "season", "holiday")}

    def value(name: str, day: str) -> str:
        return at[name][int(made[name].sel(time=day))]

    assert [value("weekday", "2021-01-01"), value("month", "2021-01-01"), value("season", "2021-01-01"), value("holiday", "2021-01-01")] == ["Friday", "1", "winter", "yes"]  # fmt: skip
    assert [value("weekday", "2021-06-30"), value("season", "2021-06-30"), value("holiday", "2021-06-30")] == [
        "Wednesday",
        "summer",
        "no",
    ]


@pytest.mark.parametrize("name", list(LABELS))
def test_label__contract(cube: xr.Dataset, name: str) -> None:
    label = LABELS[name]("crime", days=7)
    with no_compute():
        made = ht.add_label(cube, label)
    column = made[label.variable]
    assert column.chunks == cube["crime"].chunks
    values = column.values
    assert np.isnan(values[:, -6:]).all()
    assert not np.isnan(values[:, :-6]).any()
    ahead = cube["crime"].values[:, 10:17].sum(axis=1)  # the day itself and the six after it, not the days before
    np.testing.assert_array_equal(values[:, 10], np.minimum(ahead, 1) if name == "any_within" else ahead)


def test_label__one_only_and_known_layers(labelled: xr.Dataset, cube: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="has the label 'crime_any_within_7' already"):
        ht.add_label(labelled, ht.AnyWithin("crime", days=1))
    with pytest.raises(CubeError, match="has no layer 'crimes'"):
        ht.add_label(cube, ht.AnyWithin("crimes"))
    with pytest.raises(CubeError, match="'crime_known' is no layer of counts by day of occurrence"):
        ht.add_label(cube, ht.AnyWithin("crime_known"))


def test_original__counts_within_a_mile_and_their_share_at_night(rich: xr.Dataset) -> None:
    made = ht.add_features(rich.drop_vars(["crime_before", "holiday_before"]), "original").compute()
    lon, lat = np.radians(made["lon"].values), np.radians(made["lat"].values)
    cosine = np.sin(lat)[:, None] * np.sin(lat) + np.cos(lat)[:, None] * np.cos(lat) * np.cos(lon[:, None] - lon)
    near = np.arccos(np.clip(cosine, -1, 1)) * 6371.0 <= 1.609344
    last = slice(93, 100)
    every, night = (near @ made[name].values[:, last].sum(axis=1) for name in ("crime_known", "crime_night_known"))
    np.testing.assert_allclose(made["crime_within_1609m_sum_7"].values[:, 100], every)
    np.testing.assert_allclose(
        made["crime_night_share_1609m_7"].values[:, 100],
        np.where(every > 0, night / np.maximum(every, 1), np.nan),
        rtol=1e-6,
    )
    assert made["crime_city_sum_1"].values[100] == made["crime_known"].values[:, 99].sum()
    jfk = rich["jfk"].values[: 100 + 1].astype(float)
    expected = (jfk[-1] - np.nanmean(jfk)) / np.nanstd(jfk)
    assert made["jfk_as_of_scaled"].values[100] == pytest.approx(expected, rel=1e-4)
    assert {"weekday", "weekend", "season", "holiday", "static_borough"} <= set(made)


def test_default__has_about_sixty_columns_for_two_layers(rich: xr.Dataset) -> None:
    second = rich.rename({n: n.replace("crime", "theft") for n in rich if n.startswith("crime")})
    two = rich.drop_vars(["crime_before", "holiday_before"]).assign(
        {
            n: second[n].assign_attrs(role_of=n, part_of=second[n].attrs.get("part_of", "").replace("crime", "theft"))
            if "part_of" in second[n].attrs
            else second[n].assign_attrs(role_of=n)
            for n in second
            if n.startswith("theft") and n != "theft_before"
        }
    )
    table = ht.feature_table(ht.add_features(two, "default"))
    assert 60 <= len(table) <= 75
    assert table[["units", "long_name", "clock"]].all(axis=None)
    assert (table["clock"] == "as_of").all()


def test_parent_sum__equals_parents_by_h3(rich: xr.Dataset) -> None:
    import h3.api.basic_int as h3

    made = ht.add_features(rich, [ht.ParentSum("crime", levels=1, days=[7])]).compute()
    cells = made["cell"].values.tolist()
    for row in range(0, len(cells), 31):
        same = [i for i, cell in enumerate(cells) if h3.cell_to_parent(cell) == h3.cell_to_parent(cells[row])]
        expected = made["crime_known"].values[same][:, 30:37].sum()
        assert made["crime_parent1_sum_7"].values[row, 37] == pytest.approx(expected)


def test_calendar__waves_and_school_terms(cube: xr.Dataset) -> None:
    terms = [("2021-01-04", "2021-02-12"), ("2021-02-22", "2021-06-25")]
    made = ht.add_features(cube, [ht.Calendar(["weekend"], harmonics=2, school_terms=terms)])
    assert [int(made["school"].sel(time=day)) for day in ("2021-01-03", "2021-01-04", "2021-02-15", "2021-06-25")] == [
        0,
        1,
        0,
        1,
    ]
    assert [int(made["weekend"].sel(time=day)) for day in ("2021-01-01", "2021-01-02")] == [0, 1]
    np.testing.assert_allclose(made["year_sin_2"] ** 2 + made["year_cos_2"] ** 2, 1, rtol=1e-5)
    with pytest.raises(InputError, match="lies before start"):
        ht.Calendar(school_terms=[("2021-06-25", "2021-01-04")])


def test_shared_steps__are_computed_once(cube: xr.Dataset) -> None:
    one = ht.add_features(cube, [ht.RingSum("crime", k=1, days=7)])["crime_ring1_sum_7"]
    two = ht.add_features(cube, [ht.RingLag("crime", k=1, days=7)])["crime_ring1_lag_7"]
    shared = set(one.__dask_graph__()) & set(two.__dask_graph__())
    assert any(str(key).startswith("('_near_sum") for key in shared)
    again = ht.add_features(cube, [ht.RingSum("crime", k=1, days=7)])["crime_ring1_sum_7"]
    assert again.data.name == one.data.name


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ht.DiskSum("crime", decay=0), "decay must be above 0 and at most 1, not 0"),
        (lambda: ht.ParentSum("crime", levels=0), "levels must be at least 1, not 0"),
        (lambda: ht.WithinDistance("crime", km=0), "km must be above 0, not 0"),
        (lambda: ht.Trend("crime", short=28, long=28), "short must be less than long, not 28 and 28"),
        (lambda: ht.RingSum("crime", k=11), "k must be 1 to 10 rings, not 11"),
        (lambda: ht.Interaction(["a"]), "needs two columns or more"),
        (lambda: ht.Calendar(harmonics=-1), "harmonics must be at least 0, not -1"),
    ],
)
def test_impossible_options__say_what_is_allowed(make, match) -> None:
    with pytest.raises(InputError, match=match):
        make()


def test_interaction__needs_features(cube: xr.Dataset) -> None:
    with pytest.raises(InputError, match="'crime_known' is no feature"):
        ht.add_features(cube, [ht.Interaction(["crime_known", "lat"])])


@pytest.mark.parametrize("chunks", [{"time": 20}, {"cell": 50}, {"cell": 100, "time": 30}])
def test_any_chunks__give_the_same_matrix_and_blocks(labelled: xr.Dataset, chunks: dict[str, int]) -> None:
    expected = ht.to_matrix(labelled.compute())
    for other in (
        labelled.chunk(chunks),
        labelled.assign(crime_any_within_7=labelled["crime_any_within_7"].chunk(chunks)),
    ):
        found = ht.to_matrix(other)
        order, same = np.lexsort((found.time, found.cell)), np.lexsort((expected.time, expected.cell))
        np.testing.assert_allclose(found.X[order], expected.X[same], rtol=1e-5)
        np.testing.assert_array_equal(found.y[order], expected.y[same])
    eager_label = labelled.assign(crime_any_within_7=labelled["crime_any_within_7"].compute())
    np.testing.assert_array_equal(np.sort(ht.to_matrix(eager_label).y), np.sort(expected.y))
    parts = [block["crime_sum_28"].values for block in ht.iter_blocks(labelled.chunk(chunks))]
    np.testing.assert_allclose(np.concatenate(parts), labelled["crime_sum_28"].values)


def test_default__on_a_few_days(cube: xr.Dataset) -> None:
    few = ht.add_features(cube.isel(time=slice(0, 8)), "default")
    assert few["crime_city_sum_7"].values[7] == cube["crime_known"].values[:, :7].sum()


def test_steps_of_closures__are_told_apart(cube: xr.Dataset) -> None:
    from htgeo.core.blocks import map_blocks

    def times(factor: int):
        def kernel(values: np.ndarray) -> np.ndarray:
            return values * factor

        return kernel

    one, seven = (map_blocks(times(k), cube["crime"]) for k in (1, 7))
    np.testing.assert_array_equal(7 * one.values, seven.values)


def test_neighbours__do_not_need_sorted_cells(cube: xr.Dataset) -> None:
    features = [ht.RingSum("crime", k=1, days=7), ht.DiskSum("crime", k=2, days=7)]
    made, shuffled = (ht.add_features(c, features).compute() for c in (cube, cube.sortby("borough")))
    xr.testing.assert_equal(shuffled.sortby("cell")["crime_ring1_sum_7"], made["crime_ring1_sum_7"])
    with pytest.raises(CubeError, match="days one after the other"):
        ht.add_features(cube.isel(time=slice(None, None, -1)), features)
    with pytest.raises(CubeError, match="features need cells"):
        ht.add_features(cube.isel(cell=[]), features)


def test_interaction__is_lazy_and_looks_back_as_its_columns(cube: xr.Dataset) -> None:
    features = [
        ht.Static(["lon"]),
        ht.Calendar(["weekend"]),
        ht.Lag("crime", days=[7]),
        ht.Interaction(["static_lon", "weekend"]),
        ht.Interaction(["crime_lag_7", "weekend"]),
    ]
    made = ht.add_features(cube, features)
    assert made["static_lon_x_weekend"].chunks == cube["crime"].chunks
    assert made["crime_lag_7_x_weekend"].attrs["look_back"] == 7


def test_school_terms__that_are_no_pairs() -> None:
    with pytest.raises(InputError, match="school_terms are pairs of first and last days"):
        ht.Calendar(school_terms=["2021-01-01", "2021-02-01"])
    with pytest.raises(InputError, match="half_life must be above 0 days and finite, not inf"):
        ht.Recency("crime", half_life=[np.inf])
