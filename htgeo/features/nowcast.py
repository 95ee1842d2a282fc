"""How many events of the last days are still to be reported."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.gridding import DELAYS
from htgeo.cube.schema import as_day, require_days, role_of
from htgeo.features.base import Feature, column, positive_days


@dataclass(frozen=True)
class Nowcast(Feature):
    """Events expected over events known so far, for those of the last `days` days: ``<layer>_nowcast_<days>``, on (time).

    The share of events known within some days is estimated from the reporting triangle (day of occurrence by delay) of
    the city with reverse-time hazards, which allows for delays that were not over; each day uses what was known by its
    start. Multiplied with `KnownWithin`, it gives the events to be expected.

    Parameters
    ----------
    layer
        Name of a layer of counts, gridded with ``grid_events(…, delays=…)``.
    days
        Window length in days, at least 1.
    until
        Learn delays from what was known before this day only (the end of training); None: before each day.

    References
    ----------
    Lawless (1994), Adjustments for reporting delays and the prediction of occurred but not reported events.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.Nowcast("crime", days=28).look_back
    28
    """

    name: ClassVar[str] = "nowcast"
    summary: ClassVar[str] = "events expected over events known so far, of those that occurred in the last days"
    layer: str
    days: int = 28
    until: date | str | None = None

    def __post_init__(self) -> None:
        positive_days([self.days], "the window")

    @property
    def look_back(self) -> int:
        """The window."""
        return self.days

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the one column."""
        variable = f"{self.layer}{DELAYS}"
        require_days(cube, "Nowcast")
        if variable not in cube or role_of(cube[variable]) != "triangle":
            message = f"the cube has no reporting triangle {variable!r}; make it with htgeo.grid_events(…, delays=365)"
            raise CubeError(message)
        days = cube["time"].values
        stop = None if self.until is None else int(np.searchsorted(days, as_day(str(self.until))))
        factor = nowcast_factor(cube[variable].values.astype(float), self.days, stop)
        values = xr.DataArray(factor, dims="time", coords={"time": cube["time"]})
        text = f"{self.layer}: events expected over events known, of those of the last {self.days} days"
        return {f"{self.layer}_nowcast_{self.days}": column(values, "1", text)}


def nowcast_factor(triangle: np.ndarray, days: int, stop: int | None = None) -> np.ndarray:
    """Return for each day the events expected over those known, of the `days` days before it; NaN until these passed.

    Parameters
    ----------
    triangle
        Events by day of occurrence and delay in days, shape (time, delay).
    days
        Window length.
    stop
        Learn delays from what was known before this day; None: before each day.
    """
    known = known_shares(triangle, stop)
    length, delays = triangle.shape
    so_far = np.cumsum(triangle, axis=1)
    expected, seen = np.zeros(length), np.zeros(length)
    for ago in range(1, min(days, length - 1) + 1):
        delay = min(ago - 1, delays - 1)
        events = so_far[:-ago, delay]
        seen[ago:] += events
        expected[ago:] += events / np.maximum(known[ago:, delay], 1e-6)
    factor = np.divide(expected, seen, out=np.ones(length), where=seen > 0)
    factor[:days] = np.nan
    return factor


def known_shares(triangle: np.ndarray, stop: int | None) -> np.ndarray:
    """Return for each day the share of events that are known within each delay, as estimated by its start (time, delay)."""
    length, delays = triangle.shape
    exactly = np.cumsum(triangle, axis=0)
    at_most = np.cumsum(np.cumsum(triangle, axis=1), axis=0)
    day = np.arange(length) if stop is None else np.minimum(np.arange(length), stop)
    last = day[:, None] - 1 - np.arange(delays)[None, :]  # the last day of occurrence whose delay was over
    some = last >= 0
    delay = np.broadcast_to(np.arange(delays), last.shape)
    new = np.where(some, exactly[np.maximum(last, 0), delay], 0.0)
    every = np.where(some, at_most[np.maximum(last, 0), delay], 0.0)
    earlier = 1 - np.divide(new, every, out=np.zeros_like(new), where=every > 0)
    later = np.ones_like(earlier)
    later[:, :-1] = np.cumprod(earlier[:, :0:-1], axis=1)[:, ::-1]
    return later
