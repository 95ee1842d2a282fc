"""Stores on object storage, served on this machine."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import StoreError
from htgeo.cube import amend_days, append_days, expire, history, repository, rollback, tag_commit, verify

server = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
NUMBERS = count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, and the variables that tell where it is."""
    name = f"cubes-{next(NUMBERS)}"
    urlopen(Request(f"{endpoint}/{name}", method="PUT")).close()  # noqa: S310 - on this machine
    for key, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(key, value)
    return f"s3://{name}"


def test_object_storage__does_all_that_a_folder_does(cube: xr.Dataset, bucket: str) -> None:
    path = f"{bucket}/city/a.cube"
    first = ht.save_cube(cube.isel(time=slice(0, 90)), path, message="first")
    second = append_days(cube.isel(time=slice(90, None)), path)
    xr.testing.assert_equal(ht.open_cube(path).compute(), cube.compute())
    late = cube.isel(time=slice(80, 100)).compute().copy(deep=True)
    late["crime"][3, 15] += 1
    third = amend_days(late, path)
    assert float(ht.open_cube(path)["crime"].sum()) == float(cube["crime"].sum()) + 1
    assert history(path)["commit"].tolist() == [third, second, first]
    verify(path)
    rollback(path, second)
    tag_commit(path, "paper")
    assert expire(path, keep=1).commits == 2
    xr.testing.assert_equal(ht.open_cube(path, commit="paper").compute(), cube.compute())
    with pytest.raises(StoreError, match="no commit"):
        ht.open_cube(path, commit=third)


def test_two_writers__the_second_is_told(cube: xr.Dataset, bucket: str) -> None:
    path = f"{bucket}/a.cube"
    ht.save_cube(cube.isel(time=slice(0, 90)), path)
    days = [cube.isel(time=slice(90, stop)) for stop in (91, 95)]
    commits = []

    def slowly(values: object) -> object:
        """Let the other writer commit while this one computes."""
        if not commits:
            commits.append(append_days(days[1], path))
        return values

    slow = days[0].assign(
        crime=days[0]["crime"].copy(
            data=days[0]["crime"].data.map_blocks(slowly, dtype="float32", meta=days[0]["crime"].data._meta)
        )
    )
    with pytest.raises(
        StoreError, match=r"another process wrote to the store .* this commit was not made: repeat the call"
    ):
        append_days(slow, path)
    xr.testing.assert_equal(ht.open_cube(path).compute(), cube.isel(time=slice(0, 95)).compute())
    assert history(path)["commit"].iloc[0] == commits[0]


def test_nothing_there__says_so(bucket: str) -> None:
    with pytest.raises(StoreError, match=r"a.cube' does not exist; write one with htgeo.save_cube"):
        ht.open_cube(f"{bucket}/a.cube")
    with pytest.raises(StoreError, match=r"cannot be read|does not exist"):
        ht.open_cube("s3://no-such-bucket/a.cube")


def test_bucket_alone__is_refused(cube: xr.Dataset, bucket: str) -> None:
    with pytest.raises(StoreError, match=rf"is a whole bucket; name a place in it: {bucket}/name.cube"):
        ht.save_cube(cube, bucket)


def test_path_object__is_taken(cube: xr.Dataset, bucket: str) -> None:
    ht.save_cube(cube, Path(bucket) / "a.cube")
    assert repository.is_remote(Path(bucket) / "a.cube")
    assert ht.open_cube(f"{bucket}/a.cube/").sizes == cube.sizes
