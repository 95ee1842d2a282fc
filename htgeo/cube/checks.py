"""What commits hold: whether every chunk is sound, and how two commits differ."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import CubeError, StoreError
from htgeo.cube.encode import both
from htgeo.cube.repository import open_repository, plain_errors, read_session
from htgeo.cube.schema import validate
from htgeo.cube.store import in_blocks, open_cube, open_session
from htgeo.cube.writer import cut

if TYPE_CHECKING:
    import icechunk
    import zarr


def verify(path: str | Path, *, commit: str | None = None) -> pd.DataFrame:
    """Read every chunk of a commit and check its cube.

    Each chunk carries a checksum, so a missing, shortened or changed chunk is found (chunks of stores that were begun
    with the first release have none; a changed byte may go unnoticed there). The time axis must be complete and
    sorted, without holes, and the variables as `validate` wants them.

    Parameters
    ----------
    path
        Folder of the store, or ``s3://bucket/prefix``.
    commit
        Id or tag of a commit; the newest by default.

    Returns
    -------
    DataFrame
        One row for each variable: ``variable``, ``chunks`` (how many were read), ``bytes`` (as values, not packed).

    Raises
    ------
    StoreError
        Listing the faults, or if there is no such store or commit.

    Examples
    --------
    >>> import htgeo as ht
    >>> commit = ht.save_cube(ht.demo_cube(), "sound.cube")
    >>> report = ht.verify("sound.cube").set_index("variable")
    >>> int(report.loc["crime", "chunks"])
    3
    """
    import zarr

    session = read_session(open_repository(path), path, commit)
    with plain_errors(path, "read"):
        arrays = dict(zarr.open_group(session.store, mode="r").arrays())
    rows, faults = [], []
    for name, array in sorted(arrays.items()):
        regions = _regions(array)
        faults += [fault for region in regions if (fault := _fault(array, name, region, path))]
        rows.append((name, len(regions), array.nbytes))
    faults = faults or _cube_faults(session, path)
    if faults:
        message = f"commit {session.snapshot_id} of the store {str(path)!r} is damaged: {'; '.join(faults)}. Return to a sound commit with htgeo.rollback(path, commit), see htgeo.history(path)"
        raise StoreError(message)
    return pd.DataFrame(rows, columns=["variable", "chunks", "bytes"])


def _regions(array: "zarr.Array[Any]") -> list[tuple[slice, ...]]:
    """Return the slices of an array that are its chunks."""
    return list(product(*(cut(0, length, size) for length, size in zip(array.shape, array.chunks, strict=True))))


def _fault(array: "zarr.Array[Any]", name: str, region: tuple[slice, ...], path: str | Path) -> str:
    """Return what is wrong with a chunk, nothing if it can be read."""
    try:
        with plain_errors(path, "read", name):
            array[region]
    except StoreError as error:
        where = ", ".join(f"{part.start} to {part.stop - 1}" for part in region)
        return f"{name} at [{where}]: {str(error.__cause__).strip().splitlines()[0].removeprefix('x ')}"
    return ""


def _cube_faults(session: "icechunk.Session", path: str | Path) -> list[str]:
    try:
        validate(in_blocks(open_session(session, path), session, path))
    except (CubeError, StoreError) as error:
        return [str(error)]
    return []


def diff(path: str | Path, commit_a: str, commit_b: str) -> pd.DataFrame:
    """Compare two commits of a store, block by block.

    Parameters
    ----------
    path
        Folder of the store, or ``s3://bucket/prefix``.
    commit_a, commit_b
        Ids or tags of the commits, the older one first.

    Returns
    -------
    DataFrame
        One row for each variable of either commit: ``variable``; ``changed``, how many values differ on the cells and
        days that both have (all of them, where only one commit has the variable); ``first_day`` and ``last_day`` with a
        difference (NaT if there is none, or the variable has no days); ``cells_added`` and ``days_added``, how many the
        second commit has more than the first.

    Raises
    ------
    StoreError
        If there is no such store or commit, or it cannot be read.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> first = ht.save_cube(cube.isel(time=slice(0, 180)), "grown.cube")
    >>> second = ht.append_days(cube.isel(time=slice(180, None)), "grown.cube")
    >>> ht.diff("grown.cube", first, second)[["variable", "changed", "days_added"]]
          variable  changed  days_added
    0        crime        0           1
    1  crime_known        0           1
    """
    a, b = (open_cube(path, commit=commit) for commit in (commit_a, commit_b))
    added = [b.sizes[dim] - a.sizes[dim] for dim in both(b)]
    names = list(dict.fromkeys([*map(str, a.data_vars), *map(str, b.data_vars)]))
    rows = [(name, *_difference(name, *_common(a, b)), *added) for name in names]
    return pd.DataFrame(rows, columns=["variable", "changed", "first_day", "last_day", "cells_added", "days_added"])


def _common(a: xr.Dataset, b: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Return two cubes with the cells and days that both have."""
    same = all(np.array_equal(a[dim], b[dim]) for dim in both(b))
    return (a, b) if same else xr.align(a, b, join="inner")


def _difference(name: str, a: xr.Dataset, b: xr.Dataset) -> tuple[int, np.datetime64, np.datetime64]:
    """Return how many values of a variable differ, and on which days first and last."""
    never = np.datetime64("NaT", "ns")
    either = a[name] if name in a else b[name]
    if name in a and name in b and a[name].dims == b[name].dims:
        neither = a[name].isnull() & b[name].isnull()  # noqa: PD003 - xarray has no isna
        differs = ~((a[name] == b[name]) | neither)
    else:
        differs = xr.ones_like(either, dtype=bool)
    by_day = differs.sum([dim for dim in differs.dims if dim != "time"]).compute()
    days = by_day["time"].values[by_day.values > 0] if "time" in by_day.dims else np.array([])
    first, last = (days[0], days[-1]) if days.size else (never, never)
    return int(by_day.sum()), first, last
