"""Care of a store: its commits, damage that is found, disks that are full, stores of the first format."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import icechunk
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from icechunk import Repository, local_filesystem_storage

import htgeo as ht
from htgeo.core.errors import InputError, StoreError
from htgeo.cube import amend_days, append_days, diff, expire, history, rollback, tag_commit, verify

FIRST_FORMAT = Path(__file__).parent / "fixtures" / "first_format.cube"


@pytest.fixture
def store(cube: xr.Dataset, tmp_path: Path) -> tuple[Path, list[str]]:
    """A store with four commits, each with more days."""
    path = tmp_path / "a.cube"
    commits = [ht.save_cube(cube.isel(time=slice(0, 100)), path, message="100 days", settings_hash="abc")]
    commits += [append_days(cube.isel(time=slice(day, day + 1)), path, message=f"day {day}") for day in (100, 101, 102)]
    return path, commits


def chunk_files(path: Path) -> list[Path]:
    return sorted((path / "chunks").iterdir(), key=lambda file: (file.stat().st_mtime_ns, file.name))


def test_history__newest_first(store: tuple[Path, list[str]]) -> None:
    path, commits = store
    tag_commit(path, "paper", commit=commits[1])
    table = history(path)
    assert table["commit"].tolist() == commits[::-1]
    assert table["message"].tolist() == ["day 102", "day 101", "day 100", "100 days"]
    assert table["settings_hash"].tolist() == ["", "", "", "abc"]
    assert set(table["htgeo_version"]) == {ht.__version__}
    assert table["tag"].tolist() == ["", "", "paper", ""]
    assert table["written"].is_monotonic_decreasing
    assert abs(table["written"].iloc[0] - pd.Timestamp.now("UTC")) < pd.Timedelta(hours=1)


def test_tag__opens_its_commit_and_is_given_once(store: tuple[Path, list[str]]) -> None:
    path, commits = store
    assert tag_commit(path, "paper", commit=commits[1]) == commits[1]
    assert tag_commit(path, "latest") == commits[-1]
    assert ht.open_cube(path, commit="paper").sizes["time"] == 101
    with pytest.raises(StoreError, match="tag"):
        tag_commit(path, "paper")
    with pytest.raises(StoreError, match=f"no commit 'nope'; it has {commits[-1]}"):
        tag_commit(path, "other", commit="nope")


def test_rollback__later_commits_stay_until_expired(store: tuple[Path, list[str]]) -> None:
    path, commits = store
    rollback(path, commits[1])
    assert history(path)["commit"].tolist() == commits[1::-1]
    assert ht.open_cube(path).sizes["time"] == 101
    assert ht.open_cube(path, commit=commits[3]).sizes["time"] == 103
    rollback(path, commits[2])  # and forth
    assert ht.open_cube(path).sizes["time"] == 102
    expire(path, keep=10)
    with pytest.raises(StoreError, match="no commit"):
        ht.open_cube(path, commit=commits[3])
    assert history(path)["commit"].tolist() == commits[2::-1]


def test_expire__makes_old_data_unreadable(cube: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    first = ht.save_cube(cube, path)
    old = set(chunk_files(path))
    other = ht.save_cube(cube.assign(crime=(cube["crime"] + 1).assign_attrs(cube["crime"].attrs)), path)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    freed = expire(path, keep=1)
    assert freed.commits == 1
    left = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert size - left == pytest.approx(freed.bytes, rel=0.1)
    assert not old & set(chunk_files(path))
    with pytest.raises(StoreError, match="no commit"):
        ht.open_cube(path, commit=first)
    xr.testing.assert_equal(ht.open_cube(path)["crime"].compute(), (cube["crime"] + 1).compute())
    assert expire(path, keep=1) == type(freed)(0, 0)
    assert history(path)["commit"].tolist() == [other]
    verify(path)


def test_expire__by_time_keeps_newest_and_tagged(store: tuple[Path, list[str]]) -> None:
    path, commits = store
    tag_commit(path, "paper", commit=commits[1])
    written = history(path).set_index("commit")["written"]
    expire(path, older_than=written[commits[2]].to_pydatetime())
    assert [ht.open_cube(path, commit=c).sizes["time"] for c in ("paper", *commits[2:])] == [101, 102, 103]
    with pytest.raises(StoreError, match="no commit"):
        ht.open_cube(path, commit=commits[0])
    expire(path, older_than=datetime.now(UTC))
    assert ht.open_cube(path).sizes["time"] == 103
    expire(path, older_than="2020-01-01")
    append_days(ht.demo_cube().isel(time=slice(103, 104)), path)
    verify(path)


@pytest.mark.parametrize("given", [{}, {"keep": 0}, {"keep": 1, "older_than": "2024-01-01"}])
def test_expire__wants_one_limit(given: dict, store: tuple[Path, list[str]]) -> None:
    with pytest.raises(InputError, match="either keep, at least 1, or older_than"):
        expire(store[0], **given)
    assert len(history(store[0])) == 4


def test_diff__cells_days_variables(cube: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    first = ht.save_cube(cube.isel(cell=slice(0, 100), time=slice(0, 50)), path)
    changed = cube.isel(cell=slice(1, 111), time=slice(10, 70)).drop_vars("crime_known").compute()
    changed["crime"] = changed["crime"].copy(deep=True)
    changed["crime"][5, 3:6] += 1
    changed["crime"][105, 0] += 1  # a cell that only the second has
    second = ht.save_cube(changed.assign(places=("cell", np.zeros(110, "float32"))), path)
    table = diff(path, first, second).set_index("variable")
    assert table["changed"].to_dict() == {"crime": 3, "crime_known": 99 * 40, "places": 99}
    assert table.loc["crime", ["first_day", "last_day"]].tolist() == [*changed["time"].values[[3, 5]]]
    assert table["first_day"].isna().tolist() == [False, False, True]
    assert set(table["cells_added"]) == {10}
    assert set(table["days_added"]) == {10}


def test_verify__reads_every_chunk(store: tuple[Path, list[str]]) -> None:
    report = verify(store[0]).set_index("variable")
    assert report.loc["crime"].to_dict() == {"chunks": 3, "bytes": 153 * 103 * 4}
    assert set(report.index) == set(ht.open_cube(store[0]).variables)
    assert verify(store[0], commit=store[1][0]).set_index("variable").loc["crime", "bytes"] == 153 * 100 * 4


def chunk_of(path: Path, name: str) -> Path:
    """Return the file of the first chunk of a variable: the one without which the variable cannot be read."""
    for file in chunk_files(path)[::-1]:
        content = file.read_bytes()
        file.unlink()
        try:
            ht.open_cube(path)[name].isel(cell=0, time=0).compute()
        except StoreError as error:
            if f"{name}: " in str(error):
                return file
        finally:
            file.write_bytes(content)
    pytest.fail("no such chunk")


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 255
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [truncated, flipped, Path.unlink, lambda file: file.write_bytes(b"")])
def test_damaged_chunk__is_found_and_older_commits_stay(damage: Callable, cube: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    first = ht.save_cube(cube, path)
    twice = cube.assign(crime=(cube["crime"] * 2).assign_attrs(cube["crime"].attrs))
    second = ht.save_cube(twice, path)
    damage(chunk_of(path, "crime"))
    with pytest.raises(StoreError, match=rf"commit {second}.* is damaged: crime at \[.*htgeo.rollback\(path, commit\)"):
        verify(path)
    with pytest.raises(StoreError, match=r"a.cube' cannot be read: crime.*htgeo.verify\(path\)"):
        ht.open_cube(path).compute()
    verify(path, commit=first)
    rollback(path, first)
    xr.testing.assert_equal(ht.open_cube(path).compute(), cube.compute())


def test_flipped_bit__never_gives_other_values(cube: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    ht.save_cube(cube, path)
    file, values = chunk_of(path, "crime"), cube["crime"].values
    sound = file.read_bytes()
    found = 0
    for place in range(0, len(sound), 61):
        content = bytearray(sound)
        content[place] ^= 1 << place % 8
        file.write_bytes(content)
        try:
            assert np.array_equal(ht.open_cube(path)["crime"].values, values)  # a few bits mean nothing
        except StoreError:
            found += 1
    assert found > 0.9 * len(range(0, len(sound), 61))


def test_verify__finds_holes_in_time(store: tuple[Path, list[str]]) -> None:
    path, commits = store
    session = Repository.open(local_filesystem_storage(str(path))).writable_session("main")
    raw = xr.open_zarr(session.store, consolidated=False, decode_times=False)["time"].values
    import zarr

    zarr.open_array(session.store, path="time", mode="r+")[50] = raw[50] + 1
    session.commit("by hand")
    with pytest.raises(StoreError, match="time is not one day after the other"):
        verify(path)
    verify(path, commit=commits[-1])


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 600 bytes inside the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def works(cube: xr.Dataset, path: Path) -> list[Callable[[], object]]:
    """Return the calls that write to a store of the first 100 days."""
    late = cube.isel(time=slice(0, 90)).assign(crime=cube["crime"].isel(time=slice(0, 90)) * 2)
    late["crime"].attrs = cube["crime"].attrs
    return [
        lambda: ht.save_cube(cube, path),
        lambda: append_days(cube.isel(time=slice(100, None)), path),
        lambda: amend_days(late, path),
    ]


def check_nothing_lost(cube: xr.Dataset, path: Path, first: str) -> None:
    assert history(path)["commit"].tolist() == [first]
    verify(path)
    xr.testing.assert_equal(ht.open_cube(path).compute(), cube.isel(time=slice(0, 100)).compute())


def test_files_that_cannot_grow__lose_nothing(cube: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    first = ht.save_cube(cube.isel(time=slice(0, 100)), path)
    for work in works(cube, path):
        with full_disk(), pytest.raises(StoreError, match=r"cannot be written: .*; its commits are as they were"):
            work()
        check_nothing_lost(cube, path, first)
    append_days(cube.isel(time=slice(100, None)), path)
    xr.testing.assert_equal(ht.open_cube(path).compute(), cube.compute())


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount something on a folder inside the block; skip where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = shutil.which("mount")
    if os.geteuid() or not command or subprocess.run([command, *options, str(folder)], capture_output=True).returncode:  # noqa: PLW1510
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk__loses_nothing(cube: xr.Dataset, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=400k", "tmpfs"):
        path = disk / "a.cube"
        first = ht.save_cube(cube.isel(time=slice(0, 100)), path)
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(b"0" * 1_000_000)
        for work in works(cube, path):
            with pytest.raises(StoreError, match="make room on the disk and repeat the call"):
                work()
            check_nothing_lost(cube, path, first)
        ballast.unlink()
        append_days(cube.isel(time=slice(100, None)), path)
        xr.testing.assert_equal(ht.open_cube(path).compute(), cube.compute())


def test_read_only_folder__can_be_read_and_says_so(cube: xr.Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    path = folder / "a.cube"
    first = ht.save_cube(cube.isel(time=slice(0, 100)), path)
    if os.geteuid():
        folder.chmod(0o500)
        path.chmod(0o500)
        (folder / ".a.cube.lock").chmod(0o400)
        for part in path.rglob("*"):
            part.chmod(0o500 if part.is_dir() else 0o400)
        check_read_only(cube, path, first)
        folder.chmod(0o700)
        for part in (path, *path.rglob("*")):
            part.chmod(0o700)
    else:
        with mounted(folder, "--bind", str(folder)):
            subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
            check_read_only(cube, path, first)


def check_read_only(cube: xr.Dataset, path: Path, first: str) -> None:
    calls = [
        *works(cube, path),
        lambda: rollback(path, first),
        lambda: expire(path, keep=1),
        lambda: tag_commit(path, "a"),
    ]
    for call in calls:
        with pytest.raises(StoreError, match=r"cannot be written: .*choose another folder, or get the right"):
            call()
    check_nothing_lost(cube, path, first)


def test_first_save_that_failed__can_be_repeated(cube: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    Repository.create(local_filesystem_storage(str(path)))  # what a killed first save leaves
    with pytest.raises(StoreError, match=r"has no commit yet; write one with htgeo.save_cube"):
        ht.open_cube(path)
    with pytest.raises(StoreError, match="has no commit yet"):
        append_days(cube, path)
    assert history(path).empty
    ht.save_cube(cube, path)
    verify(path)


@pytest.fixture
def first_format(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIRST_FORMAT, tmp_path / "old.cube"))


def test_first_format__stays_readable(first_format: Path) -> None:
    cube = ht.validate(ht.open_cube(first_format))
    assert dict(cube.sizes) == {"cell": 80, "time": 455, "borough_pair": 171, "precinct_pair": 381}
    assert list(cube.data_vars) == ["crime", "crime_known"]
    assert float(cube["crime"].sum()) == 7325
    assert float(cube["crime"][:, -1].sum()) == 6
    assert int(cube["crime"].values.argmax()) == 22709
    assert cube["borough"].dtype.kind == "U"
    assert history(first_format)["message"].tolist() == ["first format", "first try"]
    assert verify(first_format).set_index("variable").loc["crime", "chunks"] == 4
    assert ht.open_cube(first_format, commit=history(first_format)["commit"].iloc[1]).sizes["time"] == 400


def test_first_format__can_be_written_on(first_format: Path) -> None:
    cube = ht.open_cube(first_format).compute()
    old = history(first_format)["commit"].iloc[0]
    more = cube.isel(time=slice(0, 3)).assign_coords(time=cube["time"][-3:] + np.timedelta64(3, "D"))
    append_days(more, first_format)
    late = cube.isel(time=slice(360, 370)).copy(deep=True)
    late["crime"][3, 7] += 1
    amend_days(late, first_format)
    back = ht.open_cube(first_format).compute()
    assert np.array_equal(back["crime"][:, 455:], more["crime"])
    assert float(back["crime"].sum()) == 7325 + 1 + float(more["crime"].sum())
    assert diff(first_format, old, history(first_format)["commit"].iloc[0])["changed"].tolist() == [1, 0]
    verify(first_format)
    expire(first_format, keep=1)
    xr.testing.assert_identical(ht.open_cube(first_format).compute(), back)


def test_icechunk__is_quiet() -> None:
    assert os.environ["ICECHUNK_LOG"] == "error"
    assert issubclass(icechunk.ConflictError, Exception)
