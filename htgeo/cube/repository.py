"""Icechunk repositories: opening them in a folder or on object storage, one writer at a time, their errors in words."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import IO, TYPE_CHECKING

from htgeo.core.errors import StoreError

if TYPE_CHECKING:
    import icechunk

BRANCH = "main"
REMOTE = "s3:"
REPAIRS = {
    **dict.fromkeys((ENOSPC, EDQUOT), "make room on the disk and repeat the call"),
    **dict.fromkeys((EACCES, EPERM, EROFS), "choose another folder, or get the right to write there"),
}


def open_repository(path: str | Path, *, create: bool = False) -> "icechunk.Repository":
    """Open the repository at a path, or make it.

    Parameters
    ----------
    path
        A folder, or ``s3://bucket/prefix``.
    create
        Make it where there is none.

    Raises
    ------
    StoreError
        If there is none, or it cannot be read or made.
    """
    os.environ.setdefault("ICECHUNK_LOG", "error")  # its warnings would land on stdout
    import icechunk

    remote = is_remote(path)
    if not remote and Path(path).is_file():
        message = f"{str(path)!r} is a file, not the folder of a store"
        raise StoreError(message)
    with plain_errors(path, "written" if create else "read"):
        there = remote or Path(path).exists()
        storage = _storage(path)
        if there and icechunk.Repository.exists(storage):
            return icechunk.Repository.open(storage)
        if create and (remote or not there or not any(Path(path).iterdir())):
            return icechunk.Repository.create(storage)
    what = "does not exist" if remote or not there else "is not a store, and is not empty"
    repair = "choose another folder" if create else "write one with htgeo.save_cube(cube, path)"
    message = f"{str(path)!r} {what}; {repair}"
    raise StoreError(message)


def read_session(repository: "icechunk.Repository", path: str | Path, commit: str | None = None) -> "icechunk.Session":
    """Return a session that reads a commit, given by its id or its tag; the newest by default."""
    import icechunk

    if commit is None:
        with plain_errors(path, "read"):
            if repository.lookup_snapshot(repository.lookup_branch(BRANCH)).parent_id is not None:
                return repository.readonly_session(BRANCH)
        message = f"the store {str(path)!r} has no commit yet; write one with htgeo.save_cube(cube, path)"
        raise StoreError(message)
    try:
        if commit in repository.list_tags():
            return repository.readonly_session(tag=commit)
        return repository.readonly_session(snapshot_id=commit)
    except icechunk.IcechunkError as error:
        known = ", ".join(c.id for c in commits(repository))
        message = f"the store has no commit {commit!r}; it has {known}, newest first"
        raise StoreError(message) from error


def commits(repository: "icechunk.Repository") -> "list[icechunk.SnapshotInfo]":
    """Return the commits of cubes, newest first; a new repository has one without a cube, and steps have no facts."""
    return [c for c in repository.ancestry(branch=BRANCH) if "htgeo_version" in c.metadata]


def is_remote(path: str | Path) -> bool:
    """Return whether a path names object storage."""
    return str(path).startswith(f"{REMOTE}/")


def _storage(path: str | Path) -> "icechunk.Storage":
    """Return where a repository lies; object storage is set up by the usual ``AWS_*`` variables."""
    import icechunk

    if not is_remote(path):
        return icechunk.local_filesystem_storage(str(path))
    bucket, _, prefix = str(path).removeprefix(REMOTE).strip("/").partition("/")  # a Path has but one slash
    if not prefix:
        message = f"{str(path)!r} is a whole bucket; name a place in it: s3://{bucket}/name.cube"
        raise StoreError(message)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return icechunk.s3_storage(
        bucket=bucket,
        prefix=prefix,
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        endpoint_url=endpoint,
        allow_http=bool(endpoint) and str(endpoint).startswith("http://"),
        force_path_style=bool(endpoint),
        from_env=True,
    )


@contextmanager
def one_writer(path: str | Path) -> Iterator[None]:
    """Hold the lock of a store in a folder: without it, two processes that write lose commits.

    Object storage has no lock: there, of two commits at the same time, the second is refused.
    """
    if is_remote(path):
        yield
        return
    path = Path(path)
    with plain_errors(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("a+")
    with lock:
        _hold(lock, path)
        yield


def _hold(lock: IO[str], path: Path) -> None:
    """Take a lock and write into it who holds it, or say who does."""
    import fcntl

    with plain_errors(path, "written"):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "?"
            message = f"the store {str(path)!r} is being written by process {holder}; wait for it to end"
            raise StoreError(message) from error
    with suppress(OSError):  # the disk may be full, and the call make room
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()


@contextmanager
def plain_errors(path: str | Path, done: str, variable: str = "") -> Iterator[None]:
    """Raise what goes wrong inside the block as a `StoreError` that says what to do.

    Parameters
    ----------
    path
        The store.
    done
        What is being done to it: ``read`` or ``written``.
    variable
        The variable it is being done to.
    """
    import icechunk
    from zarr.errors import BaseZarrError

    try:
        yield
    except StoreError:
        raise
    except icechunk.ConflictError as error:
        raise StoreError(_conflict(path)) from error
    except (icechunk.IcechunkError, BaseZarrError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise StoreError(_plain(path, done, f"{variable}: " * bool(variable), str(error))) from error


def _conflict(path: str | Path) -> str:
    return f"another process wrote to the store {str(path)!r} meanwhile; this commit was not made: repeat the call"


def _plain(path: str | Path, done: str, variable: str, text: str) -> str:
    """Return the first line of an error, and what repairs it."""
    if "branch update conflict" in text:
        return _conflict(path)
    reason = next(iter(text.strip().removeprefix("x ").splitlines()), "?").strip()
    number = re.search(r"(?:os error |Errno )(\d+)", text)
    repair = REPAIRS.get(int(number[1]) if number else 0)
    if repair is None and done == "read":
        repair = "see what is left with htgeo.verify(path) and htgeo.history(path)"
    lost = "; its commits are as they were" if done == "written" else ""
    return f"the store {str(path)!r} cannot be {done}: {variable}{reason}{lost}{f'; {repair}' if repair else ''}"
