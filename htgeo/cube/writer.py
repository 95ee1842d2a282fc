"""One commit in the making: blocks of a cube written by threads, or by the processes of a dask client."""

from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from uuid import uuid4

import numpy as np
import xarray as xr

from htgeo.core.blocks import MAX_BLOCK_VALUES
from htgeo.core.cluster import current_client
from htgeo.core.progress import progress
from htgeo.core.version import VERSION
from htgeo.cube.repository import BRANCH, plain_errors

if TYPE_CHECKING:
    import dask.array as da
    import icechunk
    import zarr

UNFINISHED = "unfinished-"
"""Prefix of the branches on which processes write; one that was killed leaves its branch behind."""
Change: TypeAlias = tuple[int, float]
"""How many chunks were written, and by how much the sum of their values grew."""


class Writer:
    """Writes blocks and commits them, inside a ``with`` block.

    Processes write on forks of a session, which must have no changes of its own. So where there is a dask client,
    layout and blocks become two commits on a branch of their own, and `BRANCH` moves to the second at the end.
    """

    def __init__(self, repository: "icechunk.Repository", path: str | Path) -> None:
        self.repository = repository
        self.path = path
        self.base: str = repository.lookup_branch(BRANCH)
        self.branch = BRANCH
        if current_client() is not None:
            self.branch = f"{UNFINISHED}{uuid4().hex}"
            repository.create_branch(self.branch, self.base)
        self.session = repository.writable_session(self.branch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.branch != BRANCH:
            self.repository.delete_branch(self.branch)

    def array(self, name: str) -> "zarr.Array[Any]":
        """Return a variable of the store, to be written."""
        return _array(self.session, name)

    def write(
        self, cube: xr.Dataset, names: list[str], *, first_day: int = 0, compare: bool = False
    ) -> dict[str, Change]:
        """Write variables on ``(cell, time)`` from a day of the store on.

        Parameters
        ----------
        cube
            Variables with all cells of the store.
        names
            Those to be written.
        first_day
            Number of the stored day that the first day of `cube` is.
        compare
            Write only chunks whose values differ from the stored ones.

        Returns
        -------
        dict
            ``{name: (chunks written, growth of the sum)}``.
        """
        import dask

        target = self._fork()
        lazy = [self._lazy(target, name, cube[name], first_day, compare) for name in names]
        with progress(f"writing {Path(self.path).name}"):
            done = dask.compute(*lazy)
        if target is not self.session:
            self.session.merge(*(fork for blocks in done for fork, _, _ in blocks.flat))
        return {
            name: (sum(count for _, count, _ in blocks.flat), sum(growth for _, _, growth in blocks.flat))
            for name, blocks in zip(names, done, strict=True)
        }

    def commit(self, message: str, settings_hash: str) -> str:
        """Make the changes the newest commit of the store."""
        facts = {"htgeo_version": VERSION, "settings_hash": settings_hash}
        with plain_errors(self.path, "written"):
            commit: str = self.session.commit(message, metadata=facts)
            if self.branch != BRANCH:
                self.repository.reset_branch(BRANCH, commit, from_snapshot_id=self.base)
        return commit

    def _fork(self) -> "icechunk.Session":
        if self.branch == BRANCH:
            return self.session
        with plain_errors(self.path, "written"):
            if self.session.has_uncommitted_changes:
                self.session.commit("layout")
                self.session = self.repository.writable_session(self.branch)
            return self.session.fork()

    def _lazy(
        self, target: "icechunk.Session", name: str, data: xr.DataArray, first_day: int, compare: bool
    ) -> "da.Array":
        """Return an array with one item for each block, which writes the block when computed."""
        import dask.array as da

        cells = self.array(name).chunks[0]
        size = cells * max(1, MAX_BLOCK_VALUES // (cells * data.shape[1]))
        blocks = da.asarray(data.data).rechunk((size, -1))
        return da.map_blocks(
            _write_block,
            blocks,
            name=f"write-{name}-{uuid4().hex}",
            dtype=object,
            chunks=tuple((1,) * count for count in blocks.numblocks),
            meta=np.empty((0, 0), dtype=object),
            store=(target, str(self.path), name),
            corner=(size, first_day),
            compare=compare,
        )


def _array(session: "icechunk.Session", name: str) -> "zarr.Array[Any]":
    import zarr

    return zarr.open_array(session.store, path=name, mode="r+")


def _write_block(
    values: np.ndarray,
    store: tuple["icechunk.Session", str, str],
    corner: tuple[int, int],
    compare: bool,
    block_id: tuple[int, int],
) -> np.ndarray:
    """Write a block of cells, where it is compared chunk by chunk; return the session, and what was changed."""
    session, path, name = store
    first = (corner[0] * block_id[0], corner[1])
    written, growth = 0, 0.0
    with plain_errors(path, "written"):
        array = _array(session, name)
        spans = (
            cut(start, start + length, size if compare else 0)
            for start, length, size in zip(first, values.shape, array.chunks, strict=True)
        )
        for region in product(*spans):
            new = values[tuple(slice(s.start - start, s.stop - start) for s, start in zip(region, first, strict=True))]
            if compare:
                old = np.asarray(array[region])
                if same(old, new):
                    continue
                growth += float(np.nansum(new, dtype=float) - np.nansum(old, dtype=float))
            array[region] = new
            written += 1
    result = np.empty((1, 1), dtype=object)
    result[0, 0] = (session, written, growth)
    return result


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether two arrays of numbers are equal, gaps included."""
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def cut(start: int, stop: int, size: int) -> list[slice]:
    """Return the slices from `start` to `stop` cut where the chunks of a store are cut, one slice for size 0.

    Examples
    --------
    >>> cut(80, 200, 91)
    [slice(80, 91, None), slice(91, 182, None), slice(182, 200, None)]
    """
    edges = [start, *(range((start // size + 1) * size, stop, size) if size else ()), stop]
    return [slice(*edge) for edge in pairwise(edges)]
