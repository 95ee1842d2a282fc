"""Days added to a store and days amended in it: the same as building it at once."""

from itertools import pairwise
from pathlib import Path

import icechunk
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, StoreError
from htgeo.cube import amend_days, append_days, diff, encode, history

DAYS = 40
CELLS = 70


def make_cube(seed: int = 0, days: int = DAYS) -> xr.Dataset:
    """Return a cube in memory with counts, a label with gaps and a series."""
    rng = np.random.default_rng(seed)
    cube = ht.demo_cube().isel(cell=slice(0, CELLS), time=slice(0, days)).compute()
    for name in ("crime", "crime_known"):
        values = rng.poisson(0.2, (CELLS, days)).astype("float32")
        cube[name] = (("cell", "time"), values, {**cube[name].attrs, "events": float(values.sum())})
    gaps = np.where(rng.random((CELLS, days)) < 0.1, np.nan, 1).astype("float32")
    cube["gaps"] = (("cell", "time"), gaps)
    facts = {"role": "series", "role_of": "passengers", "clock": "as_of", "units": "1", "long_name": "made up"}
    return cube.assign(passengers=("time", rng.random(days).astype("float32"), facts))


@pytest.fixture
def small() -> xr.Dataset:
    return make_cube()


@given(
    cuts=st.sets(st.integers(1, DAYS - 1), max_size=4),
    chunk=st.integers(1, DAYS),
    cells=st.integers(1, CELLS),
    seed=st.integers(0, 5),
)
def test_appended_in_pieces__equals_built_at_once(
    cuts: set[int], chunk: int, cells: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "a.cube"
    whole = make_cube(seed)
    edges = [0, *sorted(cuts), DAYS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "DISK_DAYS", chunk)
        ht.save_cube(whole.isel(time=slice(0, edges[1])), path)
    for start, stop in pairwise(edges[1:]):
        append_days(whole.isel(time=slice(start, stop)).chunk(cell=cells), path)
    xr.testing.assert_equal(ht.open_cube(path).compute(), whole)
    assert len(history(path)) == len(edges) - 1


@given(
    start=st.integers(0, DAYS - 1), length=st.integers(1, DAYS), chunk=st.integers(1, DAYS), cells=st.integers(1, CELLS)
)
def test_amended__equals_rebuilt(
    start: int, length: int, chunk: int, cells: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("amended") / "a.cube"
    before, late = make_cube(0), make_cube(1)
    days = slice(start, min(start + length, DAYS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "DISK_DAYS", chunk)
        ht.save_cube(before, path)
    amend_days(late.isel(time=days).chunk(cell=cells), path)
    rebuilt = before.copy(deep=True)
    for name in rebuilt.data_vars:
        rebuilt[name][..., days] = late[name][..., days]
    xr.testing.assert_equal(ht.open_cube(path).compute(), rebuilt)
    assert ht.open_cube(path)["crime"].attrs["events"] == float(rebuilt["crime"].sum())


def test_append__adds_up_the_facts(small: xr.Dataset, tmp_path: Path) -> None:
    small["crime"].attrs |= {"outside_days": 3.0, "outside_cells": 2.0, "known_to_area": 1.0, "whole": 1}
    ht.save_cube(small.isel(time=slice(0, 30)), tmp_path / "a.cube")
    more = small.isel(time=slice(30, 40))
    more["crime"].attrs |= {"events": 5.0, "outside_cells": 4.0, "known_to_area": 7.0, "whole": 0}
    append_days(more, tmp_path / "a.cube", message="ten more", settings_hash="abc")
    facts = ht.open_cube(tmp_path / "a.cube")["crime"].attrs
    assert facts["events"] == small["crime"].attrs["events"] + 5
    assert (facts["outside_cells"], facts["known_to_area"], facts["whole"]) == (6, 8, 0)
    assert "outside_days" not in facts
    assert history(tmp_path / "a.cube").loc[0, ["message", "settings_hash"]].tolist() == ["ten more", "abc"]


def rewritten(path: Path, first: str, second: str) -> dict[str, list[list[int]]]:
    """Return which chunks of which variables a commit wrote."""
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(path)))
    found = repository.diff(from_snapshot_id=first, to_snapshot_id=second).updated_chunks
    return {name.strip("/"): sorted(list(place) for place in places) for name, places in found.items()}


def test_amend__rewrites_only_chunks_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, path = make_cube(), tmp_path / "a.cube"
    monkeypatch.setattr(encode, "DISK_DAYS", 10)
    first = ht.save_cube(small, path)
    assert amend_days(small.isel(time=slice(3, 33)), path) == first
    late = small.copy(deep=True)
    late["crime"][3, 25] += 1
    late["crime"][66, 3] += 1
    second = amend_days(late.isel(time=slice(3, 33)), path)
    assert rewritten(path, first, second) == {"crime": [[0, 2], [1, 0]]}
    changes = diff(path, first, second).set_index("variable")
    assert changes["changed"].to_dict() == {"crime": 2, "crime_known": 0, "gaps": 0, "passengers": 0}
    assert changes.loc["crime", ["first_day", "last_day"]].tolist() == [*small["time"].values[[3, 25]]]
    assert changes["last_day"].isna().tolist() == [False, True, True, True]
    late["passengers"][30] = 0
    third = amend_days(late.isel(time=slice(30, 31)), path)
    assert rewritten(path, second, third) == {"passengers": [[0]]}


def test_append__rewrites_only_the_last_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "DISK_DAYS", 10)
    small, path = make_cube(), tmp_path / "a.cube"
    first = ht.save_cube(small.isel(time=slice(0, 38)), path)
    second = append_days(small.isel(time=slice(38, 39)), path)
    last = {name: [[0, 3], [1, 3]] for name in ("crime", "crime_known", "gaps")}
    assert rewritten(path, first, second) == {**last, "passengers": [[0]], "time": [[0]]}
    changes = diff(path, first, second)
    assert set(changes["days_added"]) == {1}
    assert not changes["changed"].any()


def test_blocks__stay_within_the_bound_as_days_are_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from htgeo.cube import store

    whole = ht.demo_cube()
    ht.save_cube(whole, tmp_path / "a.cube")
    monkeypatch.setattr(store, "MAX_BLOCK_VALUES", 64 * 181 - 1)
    monkeypatch.setattr(store, "MIN_BLOCK_CELLS", 16)
    back = ht.open_cube(tmp_path / "a.cube")
    assert back["crime"].chunks[0] == (32, 32, 32, 32, 25)
    xr.testing.assert_equal(back.compute(), whole.compute())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cube: cube.isel(cell=slice(1, None)), "it has 69 cells, stored are 70, 69 of them the same"),
        (lambda cube: cube.assign_attrs(time_zone="UTC"), "time_zone is UTC, stored is America/New_York"),
        (lambda cube: cube.assign_attrs(resolution=8), "resolution is 8, stored is 7"),
        (lambda cube: cube.drop_vars("crime_known"), "it lacks 'crime_known'"),
        (lambda cube: cube.assign(more=cube["crime"]), "'more' is not stored"),
        (
            lambda cube: cube.assign(crime=cube["crime"].astype("float64")),
            "type of 'crime' is float64, stored is float32",
        ),
        (lambda cube: cube.assign(crime=cube["crime"].drop_attrs()), "role of 'crime' is None, stored is count"),
        (lambda cube: cube.assign(passengers=cube["crime"]), "the dimensions of 'passengers' is"),
        (lambda cube: cube.isel(time=[0, 2]), "not whole days, one after the other"),
    ],
)
@pytest.mark.parametrize("work", [append_days, amend_days])
def test_what_does_not_fit__is_named(work, change, said: str, small: xr.Dataset, tmp_path: Path) -> None:
    first = ht.save_cube(small.isel(time=slice(0, 30)), tmp_path / "a.cube")
    days = slice(30, 40) if work is append_days else slice(20, 30)
    with pytest.raises(CubeError, match=said):
        work(change(small.isel(time=days)), tmp_path / "a.cube")
    assert history(tmp_path / "a.cube")["commit"].tolist() == [first]


def test_days_that_do_not_follow__say_what_to_do(small: xr.Dataset, tmp_path: Path) -> None:
    ht.save_cube(small.isel(time=slice(5, 30)), tmp_path / "a.cube")
    with pytest.raises(CubeError, match=r"do not begin at 2021-01-31.*cube.sel\(time=slice\('2021-01-31', None\)\)"):
        append_days(small.isel(time=slice(20, 40)), tmp_path / "a.cube")
    with pytest.raises(CubeError, match="grid the days from 2021-01-31 on as well"):
        append_days(small.isel(time=slice(31, 40)), tmp_path / "a.cube")
    for days in (slice(4, 10), slice(29, 31)):
        with pytest.raises(CubeError, match="the store has the days 2021-01-06 to 2021-01-30"):
            amend_days(small.isel(time=days), tmp_path / "a.cube")
    with pytest.raises(StoreError, match="does not exist"):
        append_days(small, tmp_path / "none.cube")


def test_text_by_day__is_refused(small: xr.Dataset, tmp_path: Path) -> None:
    named = small.assign_coords(holiday=("time", np.where(np.arange(DAYS) % 7, "no", "yes")))
    ht.save_cube(named.isel(time=slice(0, 30)), tmp_path / "a.cube")
    with pytest.raises(CubeError, match="days cannot be added to 'holiday'"):
        append_days(named.isel(time=slice(30, 40)), tmp_path / "a.cube")


def test_failed_append__changes_nothing(small: xr.Dataset, tmp_path: Path) -> None:
    def fail(_: np.ndarray) -> np.ndarray:
        message = "in the middle"
        raise RuntimeError(message)

    first = ht.save_cube(small.isel(time=slice(0, 30)), tmp_path / "a.cube")
    more = small.isel(time=slice(30, 40)).chunk(cell=10)
    bad = xr.apply_ufunc(fail, more["crime_known"], dask="parallelized", output_dtypes=["float32"], keep_attrs=True)
    with pytest.raises(RuntimeError, match="in the middle"):
        append_days(more.assign(crime_known=bad), tmp_path / "a.cube")
    xr.testing.assert_equal(ht.open_cube(tmp_path / "a.cube").compute(), small.isel(time=slice(0, 30)))
    assert history(tmp_path / "a.cube")["commit"].tolist() == [first]
    append_days(more, tmp_path / "a.cube")
    xr.testing.assert_equal(ht.open_cube(tmp_path / "a.cube").compute(), small)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [True, False])
def test_cluster__writes_the_same(processes: bool, small: xr.Dataset, tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    def build(path: Path) -> xr.Dataset:
        first = ht.save_cube(small.isel(time=slice(0, 20)).chunk(cell=16), path)
        second = append_days(small.isel(time=slice(20, 40)), path)
        assert amend_days(small.isel(time=slice(10, 30)), path) == second
        third = amend_days(make_cube(1).isel(time=slice(10, 30)), path)
        assert history(path)["commit"].tolist() == [third, second, first]
        return ht.open_cube(path).compute()

    threads = build(tmp_path / "threads.cube")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=":0") as cluster,
        Client(cluster),
    ):
        cluster_made = build(tmp_path / "cluster.cube")
    xr.testing.assert_identical(cluster_made, threads)
