"""Baseline: the past rate of each cell, times what is usual for the weekday."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import InputError
from htgeo.cube.schema import require_days, space
from htgeo.models.base import known_layer
from htgeo.models.rates import HistoricalRate, log_rate

CITY_EVENTS = 10
"""Every weekday of the city counts as so many usual events, so that none is impossible."""


@dataclass(eq=False)
class SameWeekdayRate(HistoricalRate):
    """The past rate of the cell times its weekday tendency, shrunk to that of the city.

    The tendency is ``(events on the weekday + strength x city) / (events expected if weekdays were alike + strength)``:
    a gamma prior (Clayton & Kaldor 1987), so that a cell with few events has the city's weekdays. Over a horizon of
    several days it is the mean of their weekdays. Weekdays are those on which events became known.

    Parameters
    ----------
    strength
        Number of events that the city's tendency counts as, above 0; None chooses the candidate with the lowest loss
        on the last training days.

    Attributes
    ----------
    city_ : array, shape (7,)
        Tendency of the city, Monday first: 1.1 means ten per cent more events than on a mean day.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime"))
    >>> ht.SameWeekdayRate(strength=100).fit(train).city_.mean().round(2)
    np.float64(1.0)
    """

    name: ClassVar[str] = "same_weekday_rate"
    summary: ClassVar[str] = "past rate of the cell times its weekday tendency, shrunk to the city's, strength tuned"
    candidates: ClassVar[tuple[float, ...]] = (5, 20, 100, 500, 2500)

    strength: float | None = None

    def __post_init__(self) -> None:
        if self.strength is not None and not 0 < self.strength < float("inf"):
            message = f"strength must be a number of events above 0, not {self.strength!r}"
            raise InputError(message)

    def _prepare(self, cube: xr.Dataset) -> None:
        require_days(cube, self.name)
        daily = known_layer(cube, self.label_["layer"]).sum(space(cube), dtype=float).values
        self.mean_ = float(daily.mean()) / cube.sizes[space(cube)]
        weekday = (_first_weekday(cube) + np.arange(len(daily))) % 7
        events, days = (np.bincount(weekday, weights, minlength=7) for weights in (daily, None))
        self.city_ = (events + CITY_EVENTS) / (daily.mean() * days + CITY_EVENTS)

    def _choices(self) -> Sequence[dict[str, Any]]:
        return [{"strength": s} for s in (self.candidates if self.strength is None else (self.strength,))]

    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        horizon = self.label_["horizon"]
        ahead = np.bincount(np.arange(horizon) % 7, minlength=7) / horizon
        known = known_layer(cube, self.label_["layer"])
        options = {"mean": self.mean_, "first": _first_weekday(cube), "ahead": ahead, "city": self.city_, **choice}
        return map_blocks(_log_weekday_rate, known, **options)


def _first_weekday(cube: xr.Dataset) -> int:
    """Return the weekday of the first day of the cube, 0 for Monday."""
    return int(cube["time"].dt.dayofweek[0])


def _log_weekday_rate(counts: np.ndarray, mean: float, **options: Any) -> np.ndarray:
    from htgeo.models.same_weekday_kernel import weekday_tendency

    tendency = np.log(weekday_tendency(counts, **options))
    return np.asarray(log_rate(counts, float("inf"), mean) + tendency, np.float32)
