"""Cubes in an icechunk repository: every write is a commit that either happened or did not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import cell_blocks
from htgeo.core.errors import StoreError
from htgeo.core.progress import progress
from htgeo.core.version import VERSION
from htgeo.cube.schema import validate

if TYPE_CHECKING:
    import icechunk

DISK_DAYS = 365
BRANCH = "main"
ORDER = "variable_order"
"""Attribute of a store with the names of its variables, in order."""


def save_cube(cube: xr.Dataset, path: str | Path, *, message: str = "save cube", settings_hash: str = "") -> str:
    """Write a cube as one commit of a store; an existing store keeps its history.

    Parameters
    ----------
    cube
        The cube; lazy variables are computed block by block.
    path
        Folder of the store, made if absent.
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
        If the folder cannot be written, or another process is writing.
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
    path = Path(path)
    with _one_writer(path):
        repository = _repository(path, create=True)
        session = repository.writable_session(BRANCH)
        ready = _encoded(cube)
        with progress(f"writing {path.name}"):
            ready.to_zarr(session.store, mode="w", consolidated=False, encoding=_encoding(ready))
        commit: str = session.commit(message, metadata={"htgeo_version": VERSION, "settings_hash": settings_hash})
    return commit


def open_cube(path: str | Path, *, commit: str | None = None) -> xr.Dataset:
    """Open a commit of a store, lazily.

    Parameters
    ----------
    path
        Folder of the store.
    commit
        Id of a commit, as `save_cube` returns it; the newest by default.

    Returns
    -------
    Dataset
        A lazy cube in blocks of cells with their whole time axis.

    Raises
    ------
    StoreError
        If there is no store at `path`, or it cannot be read.

    Examples
    --------
    >>> import htgeo as ht
    >>> commit = ht.save_cube(ht.demo_cube(), "demo.cube")
    >>> "crime" in ht.open_cube("demo.cube")
    True
    """
    session = _session(_repository(Path(path), create=False), commit)
    try:
        cube = xr.open_zarr(session.store, consolidated=False, chunks=None)
    except Exception as error:
        message = f"the store {str(path)!r} is damaged: {str(error).strip().splitlines()[0]}"
        raise StoreError(message) from error
    cube = _decoded(cube)
    size = cell_blocks(cube.sizes["cell"], cube.sizes["time"])[0]
    cubed = [name for name in cube.data_vars if cube[name].dims == ("cell", "time")]
    lazy = cube[cubed].chunk(cell=size, time=-1)
    return cube.assign({name: lazy[name] for name in cubed})


def _session(repository: "icechunk.Repository", commit: str | None) -> "icechunk.Session":
    import icechunk

    try:
        return (
            repository.readonly_session(BRANCH) if commit is None else repository.readonly_session(snapshot_id=commit)
        )
    except icechunk.IcechunkError as error:
        known = [item.id for item in repository.ancestry(branch=BRANCH)]
        message = f"the store has no commit {commit!r}; it has {', '.join(known)}, newest first"
        raise StoreError(message) from error


def _repository(path: Path, *, create: bool) -> "icechunk.Repository":
    os.environ.setdefault("ICECHUNK_LOG", "error")  # its warnings would land on stdout
    import icechunk

    if path.is_file():
        message = f"{str(path)!r} is a file, not the folder of a store"
        raise StoreError(message)
    try:
        storage = icechunk.local_filesystem_storage(str(path))
        exists = path.exists() and icechunk.Repository.exists(storage)
        if exists:
            return icechunk.Repository.open(storage)
        if create and not (path.exists() and any(path.iterdir())):
            return icechunk.Repository.create(storage)
    except (icechunk.IcechunkError, OSError) as error:
        message = f"the store {str(path)!r} cannot be {'written' if create else 'read'}: {str(error).strip().splitlines()[0].strip()}"
        raise StoreError(message) from error
    what = "is not a store, and is not empty" if path.exists() else "does not exist"
    message = (
        f"{str(path)!r} {what}; {'choose another folder' if create else 'write one with htgeo.save_cube(cube, path)'}"
    )
    raise StoreError(message)


@contextmanager
def _one_writer(path: Path) -> Iterator[None]:
    """Hold the lock of the store: local repositories lose commits when two processes write."""
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("a+")
    except OSError as error:
        message = f"the store {str(path)!r} cannot be written: {error}"
        raise StoreError(message) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            message = (
                f"the store {str(path)!r} is being written by process {lock.read().strip() or '?'}; wait for it to end"
            )
            raise StoreError(message) from error
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _encoded(cube: xr.Dataset) -> xr.Dataset:
    """Return the cube with text as numbers and uniform chunks, ready to be written."""
    cube = cube.drop_encoding()
    for name in [n for n in cube.coords if cube[n].dtype.kind in "UOT"]:
        names, codes = np.unique(cube[name].values.astype(str), return_inverse=True)
        attrs = {**cube[name].attrs, "text_values": names.tolist()}
        cube = cube.assign_coords({name: (cube[name].dims, codes.astype("int16"), attrs)})
    size = cell_blocks(cube.sizes["cell"], cube.sizes["time"])[0]
    cube = cube.assign_attrs({ORDER: [str(name) for name in cube.variables]})
    return cube.chunk(cell=size, time=-1)


def _decoded(cube: xr.Dataset) -> xr.Dataset:
    """Return the cube with text as text, and its variables in the order in which they were saved.

    A store lists variables in any order; features, and so models, must not depend on it.
    """
    order = cube.attrs.get(ORDER, sorted(map(str, cube.variables)))
    attrs = {name: value for name, value in cube.attrs.items() if name != ORDER}
    coords = {name: cube.variables[name] for name in order if name in cube.coords}
    cube = xr.Dataset({name: cube.variables[name] for name in order if name in cube.data_vars}, coords, attrs)
    for name in [n for n in cube.coords if "text_values" in cube[n].attrs]:
        attrs = dict(cube[name].attrs)
        names = np.array(attrs.pop("text_values"))
        cube = cube.assign_coords({name: (cube[name].dims, names[cube[name].values], attrs)})
    return cube


def _encoding(cube: xr.Dataset) -> dict[str, dict[str, Any]]:
    cells = cell_blocks(cube.sizes["cell"], cube.sizes["time"])[0]
    days = min(DISK_DAYS, cube.sizes["time"])
    encoding: dict[str, dict[str, Any]] = {
        str(name): {"chunks": (cells, days)} for name in cube.data_vars if cube[name].dims == ("cell", "time")
    }
    time = {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian", "dtype": "int64"}
    return {**encoding, "time": {**time, "chunks": (cube.sizes["time"],)}}
