"""The commits of a store: to list, name, return to and forget them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from htgeo.core.errors import InputError
from htgeo.cube.repository import BRANCH, commits, one_writer, open_repository, plain_errors, read_session
from htgeo.cube.writer import UNFINISHED

if TYPE_CHECKING:
    import icechunk


@dataclass(frozen=True)
class Freed:
    """What `expire` has freed.

    Attributes
    ----------
    commits
        Number of commits that can no longer be opened.
    bytes
        Size of their data on disk.
    """

    commits: int
    bytes: int


def history(path: str | Path) -> pd.DataFrame:
    """List the commits of a store, newest first.

    Parameters
    ----------
    path
        Folder of the store, or ``s3://bucket/prefix``.

    Returns
    -------
    DataFrame
        One row for each commit that led to the newest: ``commit`` (its id), ``written`` (UTC), ``message``,
        ``htgeo_version``, ``settings_hash``, ``tag`` (empty without one).

    Raises
    ------
    StoreError
        If there is no store at `path`, or it cannot be read.

    Examples
    --------
    >>> import htgeo as ht
    >>> commit = ht.save_cube(ht.demo_cube(), "told.cube", message="half a year")
    >>> ht.history("told.cube")["message"].iloc[0]
    'half a year'
    """
    repository = open_repository(path)
    with plain_errors(path, "read"):
        tags = {repository.lookup_tag(name): name for name in sorted(repository.list_tags())}
        rows = [
            (
                c.id,
                c.written_at,
                c.message,
                c.metadata["htgeo_version"],
                c.metadata["settings_hash"],
                tags.get(c.id, ""),
            )
            for c in commits(repository)
        ]
    return pd.DataFrame(rows, columns=["commit", "written", "message", "htgeo_version", "settings_hash", "tag"])


def tag_commit(path: str | Path, tag: str, *, commit: str | None = None) -> str:
    """Give a commit a name for good, under which it can be opened; `expire` keeps it.

    Parameters
    ----------
    path
        Folder of the store, or ``s3://bucket/prefix``.
    tag
        The name; one that is used, or was, cannot be used again.
    commit
        Id of the commit; the newest by default.

    Returns
    -------
    str
        Id of the commit.

    Raises
    ------
    StoreError
        If there is no such store or commit, another process is writing, or the name is taken.

    Examples
    --------
    >>> import htgeo as ht
    >>> commit = ht.save_cube(ht.demo_cube(), "named.cube")
    >>> ht.tag_commit("named.cube", f"paper-{commit}") == commit
    True
    """
    with one_writer(path):
        repository = open_repository(path)
        chosen: str = read_session(repository, path, commit).snapshot_id
        with plain_errors(path, "written"):
            repository.create_tag(tag, chosen)
    return chosen


def rollback(path: str | Path, commit: str) -> None:
    """Make an older commit the newest one again.

    The later commits leave `history`, but can be opened, and returned to, until `expire` is called.

    Parameters
    ----------
    path
        Folder of the store, or ``s3://bucket/prefix``.
    commit
        Id of a commit, or its tag.

    Raises
    ------
    StoreError
        If there is no such store or commit, or another process is writing.

    Examples
    --------
    >>> import htgeo as ht
    >>> first = ht.save_cube(ht.demo_cube(), "back.cube")
    >>> second = ht.save_cube(ht.demo_cube().isel(time=slice(0, 90)), "back.cube")
    >>> ht.rollback("back.cube", first)
    >>> ht.open_cube("back.cube").sizes["time"]
    181
    """
    with one_writer(path):
        repository = open_repository(path)
        chosen = read_session(repository, path, commit).snapshot_id
        with plain_errors(path, "written"):
            repository.reset_branch(BRANCH, chosen, from_snapshot_id=repository.lookup_branch(BRANCH))


def expire(path: str | Path, *, keep: int | None = None, older_than: datetime | str | None = None) -> Freed:
    """Forget old commits for good, and free the disk of what only they need.

    The newest commit is always kept, and tagged ones can still be opened by their tag; commits that `rollback` left behind are always forgotten.
    A forgotten commit cannot be brought back. On object storage nobody else may write meanwhile.

    Parameters
    ----------
    path
        Folder of the store, or ``s3://bucket/prefix``.
    keep
        How many of the newest commits to keep.
    older_than
        Forget commits written before this time (UTC unless it has a zone). Either this or `keep` is given.

    Returns
    -------
    Freed
        How many commits and bytes were freed.

    Raises
    ------
    InputError
        Unless exactly one of `keep` and `older_than` is given, `keep` at least 1.
    StoreError
        If there is no such store, or another process is writing.

    Examples
    --------
    >>> import htgeo as ht
    >>> first = ht.save_cube(ht.demo_cube(), "short.cube")
    >>> second = ht.save_cube(ht.demo_cube().isel(time=slice(0, 90)), "short.cube")
    >>> freed = ht.expire("short.cube", keep=1)
    >>> ht.history("short.cube")["commit"].tolist() == [second]
    True
    """
    if (keep is None) == (older_than is None) or (keep is not None and keep < 1):
        message = f"expire needs either keep, at least 1, or older_than, not keep={keep} and older_than={older_than}"
        raise InputError(message)
    with one_writer(path):
        repository = open_repository(path)
        with plain_errors(path, "written"):
            for name in [n for n in repository.list_branches() if n.startswith(UNFINISHED)]:
                repository.delete_branch(name)
            repository.expire_snapshots(_limit(repository, keep, older_than))
            freed = repository.garbage_collect(datetime.now(UTC) + timedelta(days=1))  # whatever nothing needs, now
    return Freed(freed.snapshots_deleted, freed.bytes_deleted)


def _limit(repository: "icechunk.Repository", keep: int | None, older_than: datetime | str | None) -> datetime:
    """Return the time before which commits are forgotten."""
    if keep is not None:
        written: list[datetime] = [c.written_at for c in commits(repository)]
        return written[min(keep, len(written)) - 1]
    moment = pd.Timestamp(str(older_than))
    return (moment.tz_localize("UTC") if moment.tzinfo is None else moment).to_pydatetime()
