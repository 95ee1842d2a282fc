"""Cubes in an icechunk repository: every write is a commit that either happened or did not."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import MAX_BLOCK_VALUES, MIN_BLOCK_CELLS
from htgeo.cube.encode import decoded, encoded, encoding, on_both
from htgeo.cube.repository import one_writer, open_repository, plain_errors, read_session
from htgeo.cube.schema import validate
from htgeo.cube.writer import Writer

if TYPE_CHECKING:
    import icechunk


def save_cube(cube: xr.Dataset, path: str | Path, *, message: str = "save cube", settings_hash: str = "") -> str:
    """Write a cube as one commit of a store; an existing store keeps its history.

    Parameters
    ----------
    cube
        The cube; lazy variables are computed block by block, by threads or by the processes of the active dask client.
    path
        Folder of the store, made if absent, or ``s3://bucket/prefix`` (set up by the usual ``AWS_*`` variables).
    message
        What this commit is.
    settings_hash
        Hash of the settings that made the cube, kept with the commit.

    Returns
    -------
    str
        Id of the commit.

    Raises
    ------
    StoreError
        If the store cannot be written, or another process is writing.
    CubeError
        If the dataset is not a sound cube.

    Examples
    --------
    >>> import htgeo as ht
    >>> commit = ht.save_cube(ht.demo_cube(), "demo.cube")
    >>> ht.open_cube("demo.cube").sizes == ht.demo_cube().sizes
    True
    """
    validate(cube)
    ready = encoded(cube)
    with one_writer(path), Writer(open_repository(path, create=True), path) as writer:
        with plain_errors(path, "written"):
            ready.to_zarr(
                writer.session.store,
                mode="w",
                consolidated=False,
                encoding=encoding(ready),
                compute=False,
                safe_chunks=False,
            )
        writer.write(ready, on_both(ready))
        return writer.commit(message, settings_hash)


def open_cube(path: str | Path, *, commit: str | None = None) -> xr.Dataset:
    """Open a commit of a store, lazily.

    Parameters
    ----------
    path
        Folder of the store, or ``s3://bucket/prefix``.
    commit
        Id of a commit, as `save_cube` returns it, or a tag; the newest by default.

    Returns
    -------
    Dataset
        A lazy cube in blocks of cells with their whole time axis.

    Raises
    ------
    StoreError
        If there is no store at `path`, or it cannot be read; also later, when a damaged chunk is computed.

    Examples
    --------
    >>> import htgeo as ht
    >>> commit = ht.save_cube(ht.demo_cube(), "demo.cube")
    >>> "crime" in ht.open_cube("demo.cube")
    True
    """
    session = read_session(open_repository(path), path, commit)
    cube = in_blocks(open_session(session, path), session, path)
    cube.encoding["commit"] = session.snapshot_id
    return cube


def open_session(session: "icechunk.Session", path: str | Path) -> xr.Dataset:
    """Return what a session reads, with variables that load as a whole."""
    with plain_errors(path, "read"):
        return decoded(xr.open_zarr(session.store, consolidated=False, chunks=None))


def in_blocks(cube: xr.Dataset, session: "icechunk.Session", path: str | Path) -> xr.Dataset:
    """Return what `open_session` gave with its large variables in lazy blocks of cells, and the others loaded."""
    import dask.array as da

    lazy: dict[str, xr.Variable] = {}
    large = on_both(cube)
    for name, variable in cube.variables.items():
        if name not in large:
            with plain_errors(path, "read", str(name)):
                variable.load()
    for name in large:
        variable = cube.variables[name]
        size = _block_cells(variable.encoding["chunks"][0], cube.sizes["time"])
        stored = _Stored(variable, name, str(path))
        array = da.from_array(stored, chunks=(size, -1), name=f"{name}-{session.snapshot_id}-{path}")
        lazy[name] = xr.Variable(variable.dims, array, variable.attrs)
    return cube.assign(lazy)


def _block_cells(size: int, days: int) -> int:
    """Return the cells of a block in memory: a chunk on disk, or an even part of it where there are many days."""
    while size * days > MAX_BLOCK_VALUES and size % 2 == 0 and size >= 2 * MIN_BLOCK_CELLS:
        size //= 2
    return size


@dataclass(frozen=True)
class _Stored:
    """A variable of a store, read slice by slice; what is damaged is told when it is read."""

    variable: xr.Variable
    name: str
    path: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.variable.shape

    @property
    def ndim(self) -> int:
        return self.variable.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.variable.dtype
        return dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        with plain_errors(self.path, "read", self.name):
            return np.asarray(self.variable[index].values)
