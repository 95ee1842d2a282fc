"""More days for a stored cube, and late reports about the days it has."""

from pathlib import Path

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.encode import added_facts, both, on_both, on_time
from htgeo.cube.repository import one_writer, open_repository, plain_errors, read_session
from htgeo.cube.schema import check_cube, require_cells, require_days, role_of
from htgeo.cube.store import open_session
from htgeo.cube.writer import Change, Writer, same

FIXED = ("resolution", "time_zone", "edge")
"""Attributes in which a cube and its store must agree."""


def append_days(cube: xr.Dataset, path: str | Path, *, message: str = "append days", settings_hash: str = "") -> str:
    """Add days right after the end of a store, as one commit; only the last chunks are rewritten.

    Parameters
    ----------
    cube
        The cells and variables of the store, and the days that follow. What has no time stays as it is stored.
    path
        Folder of the store, or ``s3://bucket/prefix``.
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
        If there is no store, it cannot be written, or its cells, variables or days do not fit the cube.
    CubeError
        If the dataset is not a sound cube.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> first = ht.save_cube(cube.sel(time=slice("2021-05-31")), "growing.cube")
    >>> commit = ht.append_days(cube.sel(time=slice("2021-06-01", None)), "growing.cube")
    >>> ht.open_cube("growing.cube").sizes["time"]
    181
    """
    check_cube(cube)
    require_cells(cube, "append_days")
    require_days(cube, "append_days")
    with one_writer(path):
        repository = open_repository(path)
        stored = open_session(read_session(repository, path), path)
        _check_fits(cube, stored, path)
        _check_follows(cube, stored)
        with Writer(repository, path) as writer:
            _lengthen(writer, cube, stored)
            writer.write(cube, on_both(cube), first_day=stored.sizes["time"])
            return writer.commit(message, settings_hash)


def amend_days(cube: xr.Dataset, path: str | Path, *, message: str = "amend days", settings_hash: str = "") -> str:
    """Replace stored days, as one commit; only chunks whose values differ are rewritten.

    Reports that come late change the past. What has no time stays as it is stored; the attribute ``events`` of a count
    grows by what the sum of its days grows by.

    Parameters
    ----------
    cube
        The cells and variables of the store, and days that it has.
    path
        Folder of the store, or ``s3://bucket/prefix``.
    message
        What this commit is.
    settings_hash
        Hash of the settings that made the cube, kept with the commit.

    Returns
    -------
    str
        Id of the commit; the newest one of the store if nothing differs.

    Raises
    ------
    StoreError
        If there is no store, it cannot be written, or its cells, variables or days do not fit the cube.
    CubeError
        If the dataset is not a sound cube.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> first = ht.save_cube(cube, "late.cube")
    >>> ht.amend_days(cube.isel(time=slice(-30, None)), "late.cube") == first  # nothing new
    True
    """
    check_cube(cube)
    require_cells(cube, "amend_days")
    require_days(cube, "amend_days")
    with one_writer(path):
        repository = open_repository(path)
        stored = open_session(read_session(repository, path), path)
        _check_fits(cube, stored, path)
        first_day = _first_day(cube, stored)
        with Writer(repository, path) as writer:
            changes = writer.write(cube, on_both(cube), first_day=first_day, compare=True)
            changed = _amend_attrs(writer, cube, stored, changes) | _amend_series(writer, cube, stored, first_day)
            return writer.commit(message, settings_hash) if changed else writer.base


def _lengthen(writer: Writer, cube: xr.Dataset, stored: xr.Dataset) -> None:
    """Make room for the days of the cube, and write what has no cells."""
    before, total = stored.sizes["time"], stored.sizes["time"] + cube.sizes["time"]
    series = _series(cube)
    with plain_errors(writer.path, "written"):
        for name in on_both(cube):
            array = writer.array(name)
            array.resize((array.shape[0], total))
            array.attrs.put(added_facts(array.attrs.asdict(), cube[name].attrs))
        for name, values in series.items():
            array = writer.array(name)
            array.resize((total,))
            array[before:] = values


def _series(cube: xr.Dataset) -> dict[str, np.ndarray]:
    """Return values on ``(time)`` as they are stored; days are counted from 1970-01-01."""
    days = cube["time"].values.astype("datetime64[D]").astype("int64")
    return {name: days if name == "time" else cube[name].values for name in on_time(cube)}


def _amend_attrs(writer: Writer, cube: xr.Dataset, stored: xr.Dataset, changes: dict[str, Change]) -> bool:
    """Count what the amended days brought; return whether any chunk was changed."""
    changed = [name for name, (chunks, _) in changes.items() if chunks]
    with plain_errors(writer.path, "written"):
        for name in changed:
            growth = {**cube[name].attrs, "events": round(changes[name][1], 6), "outside_cells": 0, "known_to_area": 0}
            facts = added_facts(stored[name].attrs, growth)
            writer.array(name).attrs.update({key: facts[key] for key in ("events", "whole") if key in facts})
    return bool(changed)


def _amend_series(writer: Writer, cube: xr.Dataset, stored: xr.Dataset, first_day: int) -> bool:
    """Write the days of what has no cells; return whether anything was changed."""
    days = slice(first_day, first_day + cube.sizes["time"])
    old = _series(stored.isel(time=days))
    changed = {name: values for name, values in _series(cube).items() if not same(values, old[name])}
    with plain_errors(writer.path, "written"):
        for name, values in changed.items():
            writer.array(name)[days] = values
    return bool(changed)


def _first_day(cube: xr.Dataset, stored: xr.Dataset) -> int:
    """Return the number of the stored day that the first day of the cube is."""
    first, last = _span(cube)
    start, end = _span(stored)
    if first < start or last > end:
        message = f"the store has the days {start} to {end}, the cube {first} to {last}; add days after the end with htgeo.append_days(cube, path), or select those of the store with cube.sel(time=slice({str(start)!r}, {str(end)!r}))"
        raise CubeError(message)
    return int((first - start).astype(int))


def _check_follows(cube: xr.Dataset, stored: xr.Dataset) -> None:
    """Raise unless the days of the cube begin right after those of the store."""
    first, last = _span(cube)
    next_day = _span(stored)[1] + np.timedelta64(1, "D")
    if first != next_day:
        repair = f"select what is new with cube.sel(time=slice({str(next_day)!r}, None)), and change stored days with htgeo.amend_days(cube, path)"
        if first > next_day:
            repair = f"grid the days from {next_day} on as well"
        message = f"the days of the cube, {first} to {last}, do not begin at {next_day}, the day after the end of the store; {repair}"
        raise CubeError(message)


def _span(cube: xr.Dataset) -> tuple[np.datetime64, np.datetime64]:
    days = cube["time"].values.astype("datetime64[D]")
    if (cube["time"].values != days).any() or (np.diff(days) != np.timedelta64(1, "D")).any():
        message = "the days of the cube are not whole days, one after the other; see htgeo.validate(cube)"
        raise CubeError(message)
    return days[0], days[-1]


def _check_fits(cube: xr.Dataset, stored: xr.Dataset, path: str | Path) -> None:
    """Raise unless the cube has the cells and variables of the store."""
    faults = [
        f"{name} is {cube.attrs.get(name)}, stored is {stored.attrs.get(name)}"
        for name in FIXED
        if cube.attrs.get(name) != stored.attrs.get(name)
    ]
    if not np.array_equal(cube["cell"], stored["cell"]):
        shared = np.intersect1d(cube["cell"], stored["cell"]).size
        faults.append(
            f"it has {cube.sizes['cell']} cells, stored are {stored.sizes['cell']}, {shared} of them the same"
        )
    faults += _variable_differences(cube, stored)
    if faults:
        message = f"the cube does not fit the store {str(path)!r}: {'; '.join(faults)}. Make it with the settings of the store, or write a new store with htgeo.save_cube(cube, path)"
        raise CubeError(message)


def _variable_differences(cube: xr.Dataset, stored: xr.Dataset) -> list[str]:
    """Return in which variables with days a cube differs from a store."""
    new, old = ({str(n): v for n, v in ds.variables.items() if "time" in v.dims} for ds in (cube, stored))
    faults = [f"it lacks {name!r}" for name in old if name not in new]
    faults += [f"{name!r} is not stored" for name in new if name not in old]
    for name in [n for n in new if n in old]:
        if new[name].dims not in {both(cube), ("time",)} or (name != "time" and new[name].dtype.kind not in "biuf"):
            faults.append(f"days cannot be added to {name!r}, which is not a number by (cell, time) or by (time)")
        for what, ours, theirs in (
            ("dimensions", new[name].dims, old[name].dims),
            ("type", new[name].dtype, old[name].dtype),
            ("role", role_of(cube[name]), role_of(stored[name])),
        ):
            if ours != theirs:
                faults.append(f"the {what} of {name!r} is {ours}, stored is {theirs}")
    return faults
