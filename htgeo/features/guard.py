"""Tries a feature on made-up numbers and refuses it when the past changes with the future."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.core.errors import LookAheadError
from htgeo.cube.near import BESIDE, BORDER
from htgeo.cube.schema import CELL, role_of, space, step_days
from htgeo.grid.cells import disk_cells

if TYPE_CHECKING:
    from htgeo.features.base import Feature

SPAN = 40
"""Steps tried beyond twice the look-back of the feature: windows are full before and after the change."""
TRIED = ("count", "known_count", "within_count", "triangle", "series", "feature", "label")
"""Roles of the variables that are filled with made-up numbers."""
AFTER = 15
"""Steps at the end that are changed."""


class Trials:
    """Small cubes of made-up numbers, and the same with another future, on which features are tried.

    Parameters
    ----------
    cube
        The cube whose variables the trials have.
    """

    def __init__(self, cube: xr.Dataset) -> None:
        self._cube = cube
        self._pairs: dict[int, tuple[xr.Dataset, xr.Dataset]] = {}
        self._more: dict[str, xr.DataArray] = {}

    def add(self, columns: Mapping[str, xr.DataArray]) -> None:
        """Give the trials columns that were accepted, for features made from them."""
        self._more.update(columns)

    def refuse_look_ahead(self, feature: "Feature") -> None:
        """Raise LookAheadError if a value of the feature depends on what was not known at the start of its day.

        Counts by the day events became known may be used from the next day; what is stated as of the start of a day
        (city series, counts as known, features added before) from the same day; and counts by the day of occurrence
        never. The trial has 19 cells (or the areas of the cube) and takes milliseconds; the cube itself is not computed.
        """
        length = 2 * -(-feature.look_back // step_days(self._cube)) + SPAN
        changed_from = length - AFTER
        before, after = (feature.columns(trial) for trial in self._pair(length))
        for name, values in before.items():
            past = {"time": slice(0, changed_from + 1)} if "time" in values.dims else {}
            one, two = values.isel(past).values, after[name].isel(past).values
            if not np.isfinite(one).any():
                message = f"the column {name!r} of {feature!r} has no value after {changed_from * step_days(self._cube)} days, but its look_back says {feature.look_back}; state the days of history it needs"
                raise LookAheadError(message)
            if not np.array_equal(one, two, equal_nan=True):
                message = (
                    f"the column {name!r} of {feature!r} looks ahead: its past values change when the future, or events not "
                    "yet known, change. Use counts on the known clock (…_known) of earlier days only"
                )
                raise LookAheadError(message)

    def _pair(self, length: int) -> tuple[xr.Dataset, xr.Dataset]:
        if length not in self._pairs:
            self._pairs[length] = _trial(self._cube, length, None), _trial(self._cube, length, length - AFTER)
        before, after = self._pairs[length]
        return before.assign(self._made_up(before, None)), after.assign(self._made_up(after, length - AFTER))

    def _made_up(self, trial: xr.Dataset, changed_from: int | None) -> dict[str, xr.Variable]:
        return {
            name: xr.Variable(
                values.dims,
                _numbers(n, tuple(trial.sizes[d] for d in values.dims), "feature", changed_from),
                values.attrs,
            )
            for n, (name, values) in enumerate(self._more.items())
        }


def _trial(cube: xr.Dataset, length: int, changed_from: int | None) -> xr.Dataset:
    """Return a small cube with the variables of `cube`, filled with made-up numbers."""
    place = space(cube)
    places = disk_cells(int(cube[place].values[0]), 2) if place == CELL else cube[place].values
    time = cube["time"].values[0] + np.arange(length) * np.timedelta64(step_days(cube), "D")
    coords: dict[str, object] = {place: (place, places, cube[place].attrs), "time": time}
    made: dict[str, xr.Variable] = {}
    sizes = {place: len(places), "time": length}
    for number, name in enumerate(map(str, cube.variables)):
        variable, role = cube.variables[name], role_of(cube[name])
        if name not in coords and variable.dims == (place,) and (name in cube.coords or role == "place"):
            coords[name] = (place, np.resize(variable.values, len(places)), variable.attrs)
        elif name in (place + BORDER, place + BESIDE):
            coords[name] = variable
        elif role in TRIED:
            shape = tuple(sizes.get(str(dim), cube.sizes[dim]) for dim in variable.dims)
            values = _numbers(number, shape, str(role), changed_from)
            if variable.dims == (place,):
                values = _numbers(number, shape, str(role), None)  # what does not change over the days has no future
            made[name] = xr.Variable(variable.dims, values, variable.attrs)
    return xr.Dataset(made, coords=coords, attrs=cube.attrs)


def _numbers(seed: int, shape: tuple[int, ...], role: str, changed_from: int | None) -> np.ndarray:
    values = np.random.default_rng(seed).poisson(0.5, shape).astype(np.float32)
    if changed_from is None:
        return values
    other = np.random.default_rng(seed + 10_000).poisson(3.0, shape).astype(np.float32)
    if role == "triangle":  # (time, delay): the day an event became known is the sum of both
        known = np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
        return np.where(known >= changed_from, other, values)
    as_of = dict.fromkeys(("within_count", "series", "feature"), changed_from + 1)
    first = {"known_count": changed_from, **as_of}.get(role, 0)
    values[..., first:] = other[..., first:]
    return values
