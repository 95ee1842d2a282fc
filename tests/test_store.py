"""Stores: round trip, history, one writer, clear errors."""

import fcntl
from pathlib import Path

import icechunk
import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, StoreError


def test_round_trip(cube: xr.Dataset, tmp_path: Path) -> None:
    ht.save_cube(cube, tmp_path / "a.cube")
    with no_compute():
        back = ht.open_cube(tmp_path / "a.cube")
        ht.validate(back)
    xr.testing.assert_equal(back.compute(), cube.compute())
    assert back["crime"].attrs == cube["crime"].attrs
    assert back["crime"].chunks == cube["crime"].chunks
    assert (
        back["cell"].attrs == cube["cell"].attrs == {"grid_name": "h3", "level": 7}
    )  # xdggs refuses any other attribute
    assert back.attrs == cube.attrs
    assert list(back.data_vars) == list(cube.data_vars)
    assert list(back.coords) == list(cube.coords)
    assert back["borough"].dtype.kind == "U"


def test_time__fixed_encoding(cube: xr.Dataset, tmp_path: Path) -> None:
    ht.save_cube(cube, tmp_path / "a.cube")
    raw = xr.open_zarr(
        icechunk.Repository.open(icechunk.local_filesystem_storage(str(tmp_path / "a.cube"))).readonly_session("main").store,
        consolidated=False, decode_times=False,
    )  # fmt: skip
    assert raw["time"].attrs["units"] == "days since 1970-01-01"
    assert raw["time"].values[0] == (np.datetime64("2021-01-01") - np.datetime64("1970-01-01")).astype(int)


def test_second_save__keeps_the_history(cube: xr.Dataset, tmp_path: Path) -> None:
    first = ht.save_cube(cube, tmp_path / "a.cube", message="one")
    second = ht.save_cube(
        cube.assign(crime=(cube["crime"] * 2).assign_attrs(cube["crime"].attrs)),
        tmp_path / "a.cube",
        message="two",
        settings_hash="abc",
    )
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(tmp_path / "a.cube")))
    commits = list(repository.ancestry(branch="main"))
    assert [c.message for c in commits[:2]] == ["two", "one"]
    assert commits[0].metadata["settings_hash"] == "abc"
    assert {commits[0].id, commits[1].id} == {first, second}
    assert float(ht.open_cube(tmp_path / "a.cube")["crime"].sum()) == 2 * float(cube["crime"].sum())


def test_failed_save__changes_nothing(cube: xr.Dataset, tmp_path: Path) -> None:
    ht.save_cube(cube, tmp_path / "a.cube")

    def fail(_: np.ndarray) -> np.ndarray:
        message = "in the middle"
        raise RuntimeError(message)

    bad = cube.assign(
        crime=xr.apply_ufunc(fail, cube["crime"], dask="parallelized", output_dtypes=["float32"]).assign_attrs(
            cube["crime"].attrs
        )
    )
    with pytest.raises(RuntimeError, match="in the middle"):
        ht.save_cube(bad, tmp_path / "a.cube")
    xr.testing.assert_equal(ht.open_cube(tmp_path / "a.cube").compute(), cube.compute())


def test_ragged_chunks__are_written_uniform(labelled: xr.Dataset, tmp_path: Path) -> None:
    train, _ = ht.split_time(labelled, "2021-05-03")
    ht.save_cube(train[["crime", "crime_known"]].isel(cell=slice(3, 100)), tmp_path / "a.cube")
    assert ht.open_cube(tmp_path / "a.cube").sizes["cell"] == 97


def test_one_writer(cube: xr.Dataset, tmp_path: Path) -> None:
    with (tmp_path / ".a.cube.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"is being written by process 4711; wait for it to end"):
            ht.save_cube(cube, tmp_path / "a.cube")
    ht.save_cube(cube, tmp_path / "a.cube")


def test_open__clear_messages(cube: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"does not exist; write one with htgeo.save_cube"):
        ht.open_cube(tmp_path / "none.cube")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("x")
    with pytest.raises(StoreError, match="is not a store, and is not empty"):
        ht.save_cube(cube, tmp_path / "full")
    with pytest.raises(CubeError, match="not sorted"):
        ht.save_cube(cube.isel(cell=slice(None, None, -1)), tmp_path / "b.cube")


def test_damaged_store__says_so(cube: xr.Dataset, tmp_path: Path) -> None:
    ht.save_cube(cube, tmp_path / "a.cube")
    for snapshot in (tmp_path / "a.cube" / "snapshots").iterdir():
        snapshot.write_bytes(b"")
    with pytest.raises(StoreError, match=r"a.cube' (is damaged|cannot be read)"):
        ht.open_cube(tmp_path / "a.cube")
