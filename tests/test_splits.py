"""Folds in time and space: what is trained on never holds what is tested, and the file and the picture say the same."""

import json
import sys
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pytest
import xarray as xr
from conftest import make_events, no_compute
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.aggregate import aggregate
from htgeo.cube.schema import step_days, variables_of
from htgeo.evaluation.folds import Fold, place_names
from htgeo.evaluation.space_splits import leave_one_out, spatial_blocks
from htgeo.evaluation.split_file import read_folds, save_folds
from htgeo.evaluation.splits import cross_blocks, rolling_origin, split_time
from htgeo.maps.figure import save_figure
from htgeo.maps.plot_split import FOLD_HEIGHT, GAP, STATES, TEST, TRAIN, UNUSED, plot_split

DAY = np.timedelta64(1, "D")
LATER = {"first_test": "2021-03-01", "test_days": 30, "folds": 4}


def seven_days(horizon: int = 7) -> xr.Dataset:
    return ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=horizon))


def weekly(horizon: int | None = None) -> xr.Dataset:
    """Return the demo cube in weeks, with a label that looks so many days ahead."""
    days = ht.demo_cube()[["crime", "crime_known"]]
    weeks = days.isel(time=slice(175)).coarsen(time=7, coord_func={"time": "min"}).sum(keep_attrs=True)
    weeks = weeks.assign_attrs(step_days=7)
    return weeks if horizon is None else ht.add_label(weeks, ht.AnyWithin("crime", days=horizon))


def areas(names: list[str], boroughs: list[str], days: int = 60) -> xr.Dataset:
    """Return a small cube of areas."""
    time = (np.datetime64("2021-01-01") + np.arange(days)).astype("datetime64[ns]")
    values = xr.DataArray(np.ones((len(names), len(time)), np.float32), dims=("precinct", "time"))
    coords = {"precinct": names, "time": time, "borough": ("precinct", boroughs)}
    return xr.Dataset({"crime": values}, coords=coords, attrs={"space": "precinct"})


def ends(fold: Fold, cube: xr.Dataset) -> tuple[np.datetime64, np.datetime64]:
    """Return the last training day and the first test day."""
    return fold.train(cube)["time"].values[-1], fold.test(cube)["time"].values[0]


@given(
    st.integers(1, 30),
    st.integers(0, 20),
    st.none() | st.integers(0, 20),
    st.none() | st.integers(1, 10),
    st.integers(1, 40),
)
def test_rolling_origin__no_training_label_reaches_a_test_day(
    horizon: int, delay: int, embargo: int | None, window: int | None, test_days: int
) -> None:
    cube = seven_days(horizon)
    folds = rolling_origin(
        cube, first_test="2021-04-01", test_days=test_days, window=window, delay=delay, embargo=embargo
    )
    for fold in folds:
        last, first = ends(fold, cube)
        assert last + horizon * DAY + max(delay, embargo or 0) * DAY == first  # and no day more is lost
        assert fold.gap == horizon - 1 + max(delay, embargo or 0)
        assert fold.test(cube).sizes["time"] == test_days
        assert fold.train(cube).sizes["time"] == (window or (last - cube["time"].values[0]) // DAY + 1)
    tested = np.concatenate([fold.test(cube)["time"].values for fold in folds])
    assert (np.diff(tested) == DAY).all()  # one after the other, none twice
    assert cube.sizes["time"] - np.searchsorted(cube["time"], tested[-1]) - 1 < test_days  # as many as fit


def test_training_labels__are_made_of_events_before_the_test() -> None:
    cube = seven_days()
    for fold in rolling_origin(cube, **LATER):
        first = np.datetime64(fold.test_days[0], "ns")
        before = ht.demo_cube().sel(time=slice(None, first - DAY))
        known = ht.add_label(before, ht.AnyWithin("crime", days=7))["crime_any_within_7"]
        labels = fold.train(cube)["crime_any_within_7"]
        np.testing.assert_array_equal(labels.values, known.values[:, : labels.sizes["time"]])
        assert not np.isnan(labels.values).any()


@given(st.sampled_from([7, 14, 28]), st.integers(0, 15), st.integers(0, 6))
def test_weeks__gap_in_whole_weeks(horizon: int, delay: int, weekday: int) -> None:
    cube = weekly(horizon)
    first_test = np.datetime64("2021-04-09") + weekday * DAY
    for fold in rolling_origin(cube, first_test=str(first_test), test_days=28, folds=2, delay=delay, window=28):
        last, first = ends(fold, cube)
        assert fold.gap % 7 == 0
        assert first >= first_test
        assert 0 <= (first - last - horizon * DAY) // DAY - delay < 7
        assert fold.test(cube).sizes["time"] == fold.train(cube).sizes["time"] == 4


def test_split_time__weeks_lose_no_step_too_many() -> None:
    train, test = split_time(weekly(14), "2021-04-06")  # weeks begin on Fridays
    assert str(test["time"].values[0])[:10] == "2021-04-09"
    assert str(train["time"].values[-1])[:10] == "2021-03-26"
    with pytest.raises(InputError, match="horizon of 14 days demands at least 7"):
        split_time(weekly(14), "2021-04-06", gap=6)


def test_embargo__as_long_as_the_longest_look_back() -> None:
    cube = ht.add_features(seven_days(), [ht.Lag("crime", days=[1, 21]), ht.Calendar()])
    (fold,) = rolling_origin(cube, first_test="2021-05-01", folds=1, embargo="look_back")
    assert fold.gap == 6 + 21
    last, first = ends(fold, cube)
    assert last + 6 * DAY < first - 21 * DAY  # the features of the first test day see no event of a training label


def late_cube(grid: ht.Grid, late: list[int], **options: Any) -> xr.Dataset:
    """Return a cube of a label of 7 days with one event a day that becomes known after each of so many days."""
    occurred = np.repeat(grid.days, len(late))
    known = occurred + np.tile(late, len(grid.days)) * DAY
    place = {"lon": np.full(len(known), -73.95), "lat": np.full(len(known), 40.7)}
    cube = ht.grid_events({"crime": make_events(occurred=occurred, known=known, **place)}, grid, **options)
    return ht.add_label(cube, ht.AnyWithin("crime", days=7))


@pytest.mark.parametrize(("delay", "days"), [("p50", 0), ("p51", 3), ("p90", 3), ("p91", 30), ("p99", 30)])
def test_delay__percentile_from_the_triangle(grid: ht.Grid, delay: str, days: int) -> None:
    cube = late_cube(grid, [0] * 5 + [3] * 4 + [30], delays=60)
    (fold,) = rolling_origin(cube, first_test="2021-05-01", folds=1, delay=delay)
    assert fold.gap == 6 + days


def test_delay__measured_from_what_was_known_before_the_test(grid: ht.Grid) -> None:
    cube = late_cube(grid, [0, 0, 5], delays=20)
    days, late = np.arange(cube.sizes["time"]), np.arange(21)
    first = int(np.searchsorted(cube["time"], np.datetime64("2021-05-01")))
    unknown = days[:, None] + late[None, :] >= first
    changed = cube.assign(crime_delays=cube["crime_delays"].where(~unknown, 1000.0))
    one, other = (rolling_origin(c, first_test="2021-05-01", test_days=60, delay="p90") for c in (cube, changed))
    assert one == other
    assert one[0].gap == 6 + 5
    later = [fold.gap for fold in rolling_origin(changed, first_test="2021-05-01", test_days=30, delay="p90")]
    assert later[0] == 11 < later[1]  # by then the late reports are known


def test_delay__of_a_part_is_that_of_its_layer(grid: ht.Grid) -> None:
    cube = late_cube(grid, [0, 9], delays=20)
    cube["crime"].attrs["part_of"] = "burglary"
    cube["burglary_delays"] = cube["crime_delays"].assign_attrs(role_of="burglary_delays")
    (fold,) = rolling_origin(cube.drop_vars("crime_delays"), first_test="2021-05-01", folds=1, delay="p90")
    assert fold.gap == 6 + 9


def test_delay__cannot_be_measured(grid: ht.Grid) -> None:
    with pytest.raises(CubeError, match=r"the reporting triangle 'crime_delays'.*delays=365\), or give the days"):
        rolling_origin(seven_days(), **LATER, delay="p90")
    cube = late_cube(grid, [0], delays=20)
    nothing = cube.assign(crime_delays=cube["crime_delays"] * 0)
    with pytest.raises(CubeError, match="no event of 'crime_delays' occurred before 2021-03-01"):
        rolling_origin(nothing, **LATER, delay="p90")
    with pytest.raises(CubeError, match="needs a cube of days"):
        rolling_origin(weekly(7), **{**LATER, "test_days": 28}, delay="p90")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"folds": 5},
            "5 folds of 30 test days from 2021-03-01 on do not fit into 2021-01-01 to 2021-06-30, where 4 fit",
        ),
        ({"first_test": "2021-07-01", "folds": None}, "1 folds of 30 test days from 2021-07-01 on do not fit"),
        ({"first_test": "2021-01-07"}, "a gap of 6 days before 2021-01-07 leaves 0 training days"),
        ({"first_test": "2020-12-01"}, "leaves 0 training days since 2021-01-01, at least one step needed"),
        ({"first_test": "2021-03"}, "a day looks like 2024-05-14, not '2021-03'"),
        ({"window": 365}, "leaves 53 training days since 2021-01-01, 365 needed"),
        ({"window": 0}, "window must be a whole number of at least 1, not 0"),
        ({"folds": 0}, "folds must be a whole number of at least 1, not 0"),
        ({"test_days": 2.5}, "test_days must be a whole number of at least 1, not 2.5"),
        ({"delay": -1}, "delay must be whole days, or a percentile such as 'p90', not -1"),
        ({"delay": "p100"}, "delay must be whole days, or a percentile such as 'p90', not 'p100'"),
        ({"embargo": "look back"}, "embargo must be whole days, 'look_back' or None, not 'look back'"),
        ({"embargo": "look_back"}, "embargo='look_back' needs features in the cube"),
    ],
)
def test_rolling_origin__bad_options_say_what_is_allowed(change: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, CubeError), match=message):
        rolling_origin(seven_days(), **{**LATER, **change})


def test_rolling_origin__steps_must_be_whole_and_even() -> None:
    with pytest.raises(InputError, match=r"test_days of 30 days are no whole steps.*give 28 days"):
        rolling_origin(weekly(7), **LATER)
    with pytest.raises(InputError, match="a window of 10 days are no whole steps"):
        rolling_origin(weekly(7), first_test="2021-03-01", window=10)
    holes = seven_days().isel(time=[0, 1, 2, 5, 6, 7])
    for cube in (holes, seven_days().assign_attrs(freq="M"), seven_days().isel(time=slice(0))):
        with pytest.raises(CubeError, match="a time axis without holes, in steps of a fixed number of days"):
            rolling_origin(cube, first_test="2021-01-03", test_days=1)


@given(st.sampled_from([4, 5, 6]), st.integers(2, 6), st.integers(0, 3), st.integers(0, 2))
def test_spatial_blocks__every_cell_tested_once_and_never_trained_on(
    parents: int, folds: int, seed: int, buffer: int
) -> None:
    cube = ht.demo_cube()
    level = min(parents, 6)
    blocks = len({h3.cell_to_parent(cell, level) for cell in cube["cell"].values.tolist()})
    found = spatial_blocks(cube, parents=level, folds=min(folds, blocks), seed=seed, buffer=0 if level < 5 else buffer)
    tested = [fold.test(cube)["cell"].values for fold in found]
    assert sorted(np.concatenate(tested).tolist()) == cube["cell"].values.tolist()
    for fold, test in zip(found, tested, strict=True):
        train = fold.train(cube)["cell"].values.tolist()
        near = {n for cell in test.tolist() for n in h3.grid_disk(cell, buffer if level > 4 else 0)}
        assert set(train) == set(cube["cell"].values.tolist()) - near
        held_out = {h3.cell_to_parent(cell, level) for cell in test.tolist()}
        assert not held_out & {h3.cell_to_parent(cell, level) for cell in train}


def test_spatial_blocks__seeded_and_of_similar_size() -> None:
    cube = ht.demo_cube()
    found = spatial_blocks(cube, seed=3)
    assert found == spatial_blocks(cube, seed=3)
    assert found != spatial_blocks(cube, seed=4)
    sizes = [len(fold.test_cells) for fold in found]
    assert max(sizes) - min(sizes) <= 7  # a parent has so many cells


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parents": 7}, "parents must be a resolution from 0 to 6, coarser than the 7 of the cube, not 7"),
        (
            {"parents": 2},
            "folds must be at least 2 and at most the 1 parent cells at resolution 2, not 5; finer parents allow more",
        ),
        ({"folds": 1}, "folds must be at least 2"),
        ({"buffer": 11}, "buffer must be 0 to 10 rings of cells, not 11"),
        ({"folds": 2, "buffer": 10}, "a buffer of 10 rings around 'block 1' leaves nothing to train on"),
    ],
)
def test_spatial_blocks__bad_options_say_what_is_allowed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        spatial_blocks(ht.demo_cube(), **options)


def test_spatial_blocks__areas_have_no_parents() -> None:
    with pytest.raises(CubeError, match=r"a split by parent cells needs H3 cells, .* areas \(precinct\)"):
        spatial_blocks(areas(["1", "2"], ["A", "B"]))


def test_leave_one_out__each_borough_once() -> None:
    cube = ht.demo_cube()
    folds = leave_one_out(cube, by="borough")
    for fold in folds:
        assert set(fold.test(cube)["borough"].values) == {fold.name}
        assert set(fold.train(cube)["borough"].values) == {other.name for other in folds} - {fold.name}
    assert sum(fold.test(cube).sizes["cell"] for fold in folds) == cube.sizes["cell"]


def test_leave_one_out__of_areas_and_places_in_none() -> None:
    cube = areas(["1", "2", "3", "4"], ["Bronx", "", "Queens", "Bronx"])
    one, other = leave_one_out(cube, by="borough")
    assert one.test(cube)["precinct"].values.tolist() == ["1", "4"]
    assert one.train(cube)["precinct"].values.tolist() == ["2", "3"]  # what lies in no borough is never tested
    assert other.test_cells == ("3",)
    assert len(leave_one_out(cube, by="precinct")) == 4


def test_leave_one_out__bad_layers() -> None:
    with pytest.raises(CubeError, match="no text coordinate 'county' to leave out by; they have borough, precinct"):
        leave_one_out(ht.demo_cube(), by="county")
    with pytest.raises(CubeError, match="no text coordinate 'lon'"):
        leave_one_out(ht.demo_cube(), by="lon")
    with pytest.raises(InputError, match=r"'borough' names 1 area \(Bronx\)"):
        leave_one_out(areas(["1", "2"], ["Bronx", "Bronx"]))


def test_cross_blocks__earlier_days_of_other_places() -> None:
    cube = seven_days()
    time, space = rolling_origin(cube, **LATER), leave_one_out(cube, by="borough", buffer=1)
    folds = cross_blocks(time=time, space=space)
    assert len(folds) == 20
    assert len({fold.name for fold in folds}) == 20
    train, test = folds[7].train(cube), folds[7].test(cube)
    xr.testing.assert_identical(train, time[1].train(space[2].train(cube)))
    xr.testing.assert_identical(test, time[1].test(space[2].test(cube)))
    assert folds[7].gap == time[1].gap
    with pytest.raises(InputError, match="'Bronx' is no fold in time alone"):
        cross_blocks(time=space, space=space)
    with pytest.raises(InputError, match="'2021-03-01, Bronx' is no fold in space alone"):
        cross_blocks(time=time, space=folds)


def test_folds__nested_and_lazy() -> None:
    cube = seven_days()
    outer = cross_blocks(time=rolling_origin(cube, **LATER), space=spatial_blocks(cube, parents=5))[-1]
    with no_compute():
        learned = outer.train(cube)
        inner = rolling_origin(learned, first_test="2021-04-01", test_days=14)
        parts = [(fold.train(learned), fold.test(learned)) for fold in inner]
        leave_one_out(learned, by="borough")[0].train(learned)
        outer.test(cube)
    assert len(parts) == 3
    for _, test in parts:
        assert test["time"].values[-1] < outer.test(cube)["time"].values[0] - 6 * DAY
        assert set(test["cell"].values) == {int(cell, 16) for cell in outer.train_cells}
    assert all(variables_of(part, "label") for pair in parts for part in pair)


def test_folds__of_precincts_by_week() -> None:
    cube = ht.add_label(aggregate(ht.demo_cube(), by="precinct", freq="W"), ht.AnyWithin("crime", days=14))
    later = rolling_origin(cube, first_test="2021-03-01", test_days=28, delay=3)
    assert {fold.gap for fold in later} == {14}
    for fold in cross_blocks(time=later, space=leave_one_out(cube, by="precinct", buffer=1)[::20]):
        train, test = fold.train(cube), fold.test(cube)
        assert test["precinct"].values.tolist() == [fold.name.split(", ")[1]]
        near = cube["precinct_border_with"].values[cube["precinct_border_of"].values == test["precinct"].values]
        assert set(train["precinct"].values) == set(cube["precinct"].values) - {*test["precinct"].values, *near}
        assert train["time"].values[-1] + (14 + 3) * DAY <= test["time"].values[0]


def test_fold__shares_of_areas_keep_to_their_cells() -> None:
    cube = ht.demo_cube()
    fold = leave_one_out(cube, by="borough")[3]

    def dense(part: xr.Dataset) -> np.ndarray:
        shares = np.zeros((part.sizes["cell"], 200))
        shares[part["precinct_share_cell"].values, part["precinct_share_area"].values] = part["precinct_share"].values
        return shares

    whole = dense(cube)
    for part in (fold.train(cube), fold.test(cube)):
        np.testing.assert_array_equal(dense(part), whole[np.isin(cube["cell"], part["cell"])])
        assert ht.validate(part) is part
    stale = cube.isel(cell=slice(100, 120))  # cut by hand: its shares name rows it does not have
    assert leave_one_out(stale, by="precinct")[0].train(stale)["precinct_share"].equals(stale["precinct_share"])


def test_fold__refuses_a_label_it_was_not_made_for() -> None:
    (fold,) = rolling_origin(ht.demo_cube(), first_test="2021-05-01", folds=1)
    assert fold.gap == 0
    assert str(fold.train(ht.demo_cube())["time"].values[-1])[:10] == "2021-04-30"
    with pytest.raises(
        InputError, match="a label of 7 days reaches from the last training day 2021-04-30 into the test"
    ):
        fold.train(seven_days())


def test_fold__refuses_a_cube_without_its_days_or_cells() -> None:
    cube = seven_days()
    later, place = rolling_origin(cube, **LATER)[-1], leave_one_out(cube)[1]
    with pytest.raises(
        CubeError, match=r"the cube has 2021-01-01 to 2021-05-31, the fold '2021-05-30' needs 2021-05-30"
    ):
        later.test(cube.sel(time=slice("2021-05-31")))
    with pytest.raises(CubeError, match=r"the cube lacks 10 of the \d+ places of the fold 'Brooklyn', such as 87"):
        place.train(cube.isel(cell=~np.isin(place_names(cube), place.train_cells[:10])))
    with pytest.raises(CubeError, match="a cube is an"):
        place.train("cube")


SPRING, SUMMER = ("2021-03-01", "2021-05-31"), ("2021-06-01", "2021-08-31")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the fold 'x' tests on what it trains on: its training days all days"),
        ({"train_days": SPRING, "test_days": SPRING}, "tests on what it trains on"),
        ({"train_days": SUMMER, "test_days": SPRING}, "tests on what it trains on"),
        ({"train_days": SPRING, "test_days": SUMMER, "gap": 1}, "must end more than 1 days before"),
        ({"train_cells": ("a", "b"), "test_cells": ("b",)}, "tests on what it trains on"),
        ({"train_cells": ("a", "a"), "test_cells": ("b",)}, "train_cells of the fold 'x' name a place twice"),
        ({"train_cells": (), "test_cells": ("b",)}, "train_cells of the fold 'x' must be a tuple of cells as hex text"),
        ({"train_cells": (1, 2), "test_cells": ("b",)}, "train_cells of the fold 'x' must be"),
        ({"train_days": ("2021-03-01",), "test_days": SUMMER}, "must be a first and a last day"),
        ({"train_days": SPRING[::-1], "test_days": SUMMER}, "train_days of the fold 'x' end before they begin"),
        ({"train_days": SPRING, "test_days": ("june", "july")}, "a day looks like 2024-05-14, not 'june'"),
        ({"train_days": SPRING, "test_days": SUMMER, "gap": -1}, "gap of the fold 'x' must be a whole number of days"),
    ],
)
def test_fold__bad_ones_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Fold("x", **options)


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(
    gaps=st.dictionaries(names, st.integers(0, 9), min_size=1, max_size=4),
    places=st.sets(names, min_size=2, max_size=6),
)
def test_file__round_trip(gaps: dict[str, int], places: set[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    one, *rest = sorted(places)
    folds = [Fold(name, ("2021-01-01", "2021-03-01"), ("2021-04-01", "2021-04-02"), gap=g) for name, g in gaps.items()]
    folds += [Fold(name + "/", train_cells=tuple(rest), test_cells=(one,)) for name in gaps if name + "/" not in gaps]
    path = save_folds(folds, tmp_path_factory.mktemp("folds") / "new" / "folds.json")
    assert read_folds(path) == folds


def test_file__cells_are_hex_text(tmp_path: Path) -> None:
    cube = seven_days()
    folds = cross_blocks(time=rolling_origin(cube, **LATER), space=spatial_blocks(cube))
    path = save_folds(folds, tmp_path / "folds.json")
    read = read_folds(path)
    assert read == folds
    row = json.loads(path.read_text("utf-8"))["folds"][0]
    assert [int(cell, 16) for cell in row["test_cells"]] == folds[0].test(cube)["cell"].values.tolist()
    xr.testing.assert_identical(read[-1].train(cube), folds[-1].train(cube))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("days", "is no JSON file of folds"),
        ("[]", "holds no folds of format 1"),
        ('{"format": 2, "folds": []}', "holds no folds of format 1"),
        ('{"format": 1, "folds": []}', "there are no folds in"),
        (
            '{"format": 1, "folds": [{"name": "x"}]}',
            "fold 1 in .* must have a text as name, and gap, test_cells, test_days",
        ),
        ('{"format": 1, "folds": [[]]}', "fold 1 in .* must have"),
    ],
)
def test_file__broken_ones_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "folds.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=message):
        read_folds(path)


def test_file__what_a_hand_made_wrong_is_told(tmp_path: Path) -> None:
    cube = seven_days()
    folds = rolling_origin(cube, **LATER)
    with pytest.raises(InputError, match="two of the folds to save are called 2021-03-01"):
        save_folds([folds[0], folds[0]], tmp_path / "folds.json")
    with pytest.raises(InputError, match="there are no folds to save"):
        save_folds([], tmp_path / "folds.json")
    with pytest.raises(InputError, match="there is no file"):
        read_folds(tmp_path / "none.json")
    path = save_folds(folds, tmp_path / "folds.json")
    path.write_text(path.read_text("utf-8").replace('"2021-02-22"', '"2021-03-22"'), "utf-8")
    with pytest.raises(
        InputError, match=r"folds.json' cannot be used: the fold '2021-03-01' tests on what it trains on"
    ):
        read_folds(path)


def drawn_states(figure: Any, row: int, places: int) -> dict[int, float]:
    """Return the cell-days that the band of a fold shows in each state."""
    sums = dict.fromkeys(range(len(STATES)), 0.0)
    for boxes in figure:
        state = [text for text, _ in STATES].index(boxes.label)
        first, top, after, bottom = (boxes.dimension_values(number).astype(float) for number in range(4))
        inside = (top >= row) & (bottom <= row + FOLD_HEIGHT + 1e-9)
        height = (bottom - top) / FOLD_HEIGHT * places
        sums[state] += float(((after - first) * height)[inside].sum())
    return sums


def marks(figure: Any, axis: str) -> list[tuple[float, str]]:
    """Return the marks of an axis with their words."""
    import holoviews as hv

    return list(hv.Store.lookup_options("bokeh", figure, "plot").kwargs[axis])


@pytest.mark.parametrize("cube", [seven_days(), weekly(14)], ids=["days", "weeks"])
def test_picture__shows_what_the_folds_do(cube: xr.Dataset, tmp_path: Path) -> None:
    time = rolling_origin(cube, first_test="2021-03-05", test_days=28, folds=3, delay=7)
    folds = cross_blocks(time=time, space=leave_one_out(cube, by="borough", buffer=1))
    with no_compute():
        figure = plot_split(cube, folds, title="Both at once", source="A & B.")
        page = save_figure(figure, tmp_path / "split.html").read_text("utf-8")
        svg = save_figure(figure, tmp_path / "split.svg").read_text("utf-8")
    step, cells = step_days(cube), cube.sizes["cell"]
    assert [name for _, name in marks(figure, "yticks")] == [fold.name for fold in folds]
    for row, fold in enumerate(folds):
        train, test = fold.train(cube).sizes, fold.test(cube).sizes
        shown = drawn_states(figure, row, cells)
        assert shown[TRAIN] == pytest.approx(step * train["cell"] * train["time"]), row
        assert shown[TEST] == pytest.approx(step * test["cell"] * test["time"])
        buffer = cells - train["cell"] - test["cell"]
        assert shown[GAP] == pytest.approx(train["cell"] * fold.gap + buffer * (train["time"] * step + fold.gap))
        assert sum(shown.values()) == pytest.approx(step * cells * cube.sizes["time"])
    assert [part.label for part in figure] == [STATES[state][0] for state in (TRAIN, GAP, TEST, UNUSED)]
    across, down = (dim.name for dim in figure.get(0).kdims[:2])
    assert across == ("day" if step == 1 else "day (steps of 7 days)")
    assert down == "folds; in each, cells sorted by fold"
    for text in ("Both at once", "A &amp; B.", "Not for stops, searches, raids"):
        assert text in page
        assert text in svg
    for text in (across, down, folds[0].name, *(part.label for part in figure)):
        assert text in svg


def test_picture__places_of_a_fold_lie_together(tmp_path: Path) -> None:
    cube = ht.demo_cube()
    folds = spatial_blocks(cube, parents=5, folds=7, buffer=1)
    figure = plot_split(cube, folds)
    (test,) = [part for part in figure if part.label == "test"]
    tops, bottoms = (test.dimension_values(number).astype(float) for number in (1, 3))
    assert len(tops) == len(folds)
    within = tops - np.arange(len(folds))
    assert (np.diff(within) > 0).all()
    np.testing.assert_allclose(within[1:], (bottoms - np.arange(len(folds)))[:-1])
    assert [part.label for part in figure] == ["training", "left out: gap or buffer", "test"]
    assert save_figure(figure, tmp_path / "split.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [(5, "2021-01-01", "2021-01-06"), (200, "2021-01", "2021-07"), (3000, "2022", "2028")],
)
def test_picture__marks_round_days(days: int, first: str, last: str) -> None:
    cube = areas(["1", "2", "3"], ["Bronx", "Queens", "Queens"], days=days)
    ticks = marks(plot_split(cube, leave_one_out(cube)), "xticks")
    assert (ticks[0][1], ticks[-1][1]) == (first, last)
    assert len(ticks) <= 6
    for number, text in ticks:
        assert np.datetime64(int(number), "D") == np.datetime64(text, "D")


def test_picture__of_areas_names_their_layer() -> None:
    cube = areas(["1", "2", "3"], ["Bronx", "Queens", "Queens"])
    folds = leave_one_out(cube)
    assert len(plot_split(cube, folds[0])) == len(plot_split(cube, folds[:1]))  # one fold is as good as a list of one
    figure = plot_split(cube, folds)
    assert figure.get(0).kdims[1].name == "folds; in each, areas (precinct) sorted by fold"


def test_picture__of_nothing_or_without_holoviews(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = seven_days()
    with pytest.raises(InputError, match="there is no fold to draw"):
        plot_split(cube, [])
    with pytest.raises(CubeError, match="lacks"):
        plot_split(cube.isel(cell=slice(9)), leave_one_out(cube))
    monkeypatch.setitem(sys.modules, "holoviews", None)
    with pytest.raises(CubeError, match=r"need holoviews; install it with: pip install 'htgeo\[maps\]'"):
        plot_split(cube, rolling_origin(cube, **LATER))
