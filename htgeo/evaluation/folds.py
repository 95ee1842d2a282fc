"""A fold: the days and places to learn from and those to test on, and the gap between them."""

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import CELL, as_day, check_cube, layer_names, space
from htgeo.evaluation.embargo import horizon_of
from htgeo.grid.cells import cell_hex

Days: TypeAlias = tuple[str, str]
Places: TypeAlias = tuple[str, ...]
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Fold:
    """Days and places to learn from, and days and places to test on.

    A fold holds no data: it selects from any cube that has its days and places. It refuses to be made where training
    cell-days are tested too, and to train on a cube whose label reaches from the training days into the test days.

    Parameters
    ----------
    name
        What the fold is called.
    train_days, test_days
        First and last day, ``YYYY-MM-DD``, as the time axis of the cube names them; None: all days.
    train_cells, test_cells
        Cells as hex text, in a cube of areas their names; None: all.
    gap
        Days left out between the training days and the test days, at least.

    Raises
    ------
    InputError
        If a day or a list of cells cannot be used, or training and test share cell-days.

    Examples
    --------
    >>> import htgeo as ht
    >>> fold = ht.Fold("spring", train_days=("2021-01-01", "2021-02-20"), test_days=("2021-03-01", "2021-05-31"))
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> fold.train(cube).sizes["time"], fold.test(cube).sizes["time"]
    (51, 92)
    """

    name: str
    train_days: Days | None = None
    test_days: Days | None = None
    train_cells: Places | None = field(default=None, repr=False)
    test_cells: Places | None = field(default=None, repr=False)
    gap: int = 0

    def __post_init__(self) -> None:
        for what in ("train_days", "test_days"):
            _check_days(self.name, what, getattr(self, what))
        for what in ("train_cells", "test_cells"):
            _check_places(self.name, what, getattr(self, what))
        if not isinstance(self.gap, Integral) or self.gap < 0:
            message = f"gap of the fold {self.name!r} must be a whole number of days, not {self.gap!r}"
            raise InputError(message)
        if not (self._earlier() or self._elsewhere()):
            message = f"the fold {self.name!r} tests on what it trains on: its training days {_text(self.train_days)} must end more than {self.gap} days before its test days {_text(self.test_days)}, or its cells be others"
            raise InputError(message)

    def train(self, cube: xr.Dataset) -> xr.Dataset:
        """Return the days and places to learn from; stays lazy.

        Parameters
        ----------
        cube
            The cube that the fold was made of, or one with more variables or days.

        Returns
        -------
        Dataset
            Can be split into folds again, as for tuning.

        Raises
        ------
        CubeError
            If the cube lacks days or places of the fold.
        InputError
            If the label of the last training day reaches into the test days.
        """
        part = self._part(cube, self.train_days, self.train_cells)
        if self.train_days and self.test_days and self._earlier():
            last, first = np.datetime64(self.train_days[1]), np.datetime64(self.test_days[0])
            horizon = horizon_of(cube)
            if last + horizon * DAY > first:
                message = f"a label of {horizon} days reaches from the last training day {last} into the test days of the fold {self.name!r}, which begin at {first}; make the folds of the cube with its label"
                raise InputError(message)
        return part

    def test(self, cube: xr.Dataset) -> xr.Dataset:
        """Return the days and places to test on; stays lazy.

        A model that counts from the start of the cube must have seen the whole cube: add its risk to the cube first
        (`add_risk`), and take the test part of that.

        Parameters
        ----------
        cube
            The cube that the fold was made of, or one with more variables or days.

        Returns
        -------
        Dataset

        Raises
        ------
        CubeError
            If the cube lacks days or places of the fold.
        """
        return self._part(cube, self.test_days, self.test_cells)

    def _earlier(self) -> bool:
        """Return whether the training days and the gap are over when the test days begin."""
        if self.train_days is None or self.test_days is None:
            return False
        return bool(np.datetime64(self.train_days[1]) + self.gap * DAY < np.datetime64(self.test_days[0]))

    def _elsewhere(self) -> bool:
        """Return whether no place is in both parts."""
        if self.train_cells is None or self.test_cells is None:
            return False
        return not set(self.train_cells) & set(self.test_cells)

    def _part(self, cube: xr.Dataset, days: Days | None, places: Places | None) -> xr.Dataset:
        check_cube(cube)
        if places is not None:
            names = place_names(cube)
            if lacking := sorted(set(places).difference(names.tolist())):
                message = f"the cube lacks {len(lacking)} of the {len(places)} places of the fold {self.name!r}, such as {lacking[0]}; use the cube that the folds were made of"
                raise CubeError(message)
            cube = _only_places(cube, np.isin(names, places))
        if days is None:
            return cube
        times = cube["time"].values
        first, last = as_day(days[0]), as_day(days[1])
        if first not in times or last not in times:
            had = f"{str(times[0])[:10]} to {str(times[-1])[:10]}" if len(times) else "no day"
            message = f"the cube has {had}, the fold {self.name!r} needs {_text(days)}; use the cube that the folds were made of"
            raise CubeError(message)
        return cube.sel(time=slice(first, last))


def place_names(cube: xr.Dataset) -> np.ndarray:
    """Return the places of a cube as text: cells as hex, areas by name (shape (cell,))."""
    places = cube[space(cube)].values
    return np.asarray(cell_hex(places) if space(cube) == CELL else places).astype(str)


def _only_places(cube: xr.Dataset, some: np.ndarray) -> xr.Dataset:
    """Return some places of a cube; the shares of areas in its cells keep to their cells."""
    number = np.where(some, np.cumsum(some) - 1, -1)
    cut = cube.isel({space(cube): some})
    for layer in layer_names(cube):
        row = f"{layer}_share_{CELL}"
        if row in cube.coords and cube[row].values.max(initial=-1) < len(some):
            new = cube[row].copy(data=number[cube[row].values].astype(cube[row].dtype))
            cut = cut.assign_coords({row: new}).isel({cube[row].dims[0]: new.values >= 0})
    return cut


def _check_days(name: str, what: str, days: Any) -> None:
    if days is None:
        return
    if not (isinstance(days, tuple) and len(days) == 2 and all(isinstance(day, str) for day in days)):  # noqa: PLR2004
        message = f"{what} of the fold {name!r} must be a first and a last day like ('2021-01-01', '2021-02-28'), not {days!r}"
        raise InputError(message)
    if as_day(days[0]) > as_day(days[1]):
        message = f"{what} of the fold {name!r} end before they begin: {_text(days)}"
        raise InputError(message)


def _check_places(name: str, what: str, places: Any) -> None:
    if places is None:
        return
    if not (isinstance(places, tuple) and places and all(isinstance(place, str) for place in places)):
        message = f"{what} of the fold {name!r} must be a tuple of cells as hex text or of names of areas, at least one, not {places!r:.60}"
        raise InputError(message)
    if len(set(places)) < len(places):
        message = f"{what} of the fold {name!r} name a place twice"
        raise InputError(message)


def _text(days: Days | None) -> str:
    return "all days" if days is None else f"{days[0]} to {days[1]}"
