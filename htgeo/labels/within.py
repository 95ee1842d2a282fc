"""Labels over the coming days."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.cube.schema import steps
from htgeo.labels.base import Label


def coming_sum(counts: np.ndarray, days: int) -> np.ndarray:
    """Return the sum of each day (of each step) and the ``days - 1`` after it; NaN where the window is not over."""
    total = np.cumsum(counts, axis=1, dtype=np.float64)
    out = np.full(counts.shape, np.nan, np.float32)
    length = counts.shape[1]
    if days <= length:
        before = np.concatenate([np.zeros((len(counts), 1)), total[:, :-1]], axis=1)
        out[:, : length - days + 1] = total[:, days - 1 :] - before[:, : length - days + 1]
    return out


def coming_any(counts: np.ndarray, days: int) -> np.ndarray:
    """Return the coming sum, at most 1."""
    return np.asarray(np.minimum(coming_sum(counts, days), np.float32(1)))


@dataclass(frozen=True)
class AnyWithin(Label):
    """Any event in the cell on the day or the ``days - 1`` after it: 1 or 0.

    Where events are known only to an area, the value is the expected share of them, at most 1 (a soft label).

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Horizon in days, at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.AnyWithin("case", days=7).variable
    'case_any_within_7'
    """

    name: ClassVar[str] = "any_within"
    summary: ClassVar[str] = "any event"
    probability: ClassVar[bool] = True
    layer: str
    days: int = 1

    def values(self, counts: xr.DataArray) -> xr.DataArray:
        """Return 1 where an event comes."""
        return map_blocks(coming_any, counts, days=steps(counts, self.days, "a horizon"))


@dataclass(frozen=True)
class CountWithin(Label):
    """Number of events in the cell on the day and the ``days - 1`` after it.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Horizon in days, at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.CountWithin("case", days=7).variable
    'case_count_within_7'
    """

    name: ClassVar[str] = "count_within"
    summary: ClassVar[str] = "number of events"
    probability: ClassVar[bool] = False
    layer: str
    days: int = 1

    def values(self, counts: xr.DataArray) -> xr.DataArray:
        """Return the number of coming events."""
        return map_blocks(coming_sum, counts, days=steps(counts, self.days, "a horizon"))
