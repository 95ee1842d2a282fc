"""Baseline: the past rate of each cell, drawn to the rate around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks, map_cube, neighbor_sum
from htgeo.core.errors import InputError
from htgeo.cube.near import disk_of
from htgeo.grid.neighbors import averaged, check_rings
from htgeo.models.base import known_layer
from htgeo.models.rates import HistoricalRate, log_rate


@dataclass(eq=False)
class ShrunkRate(HistoricalRate):
    """The past rate of the cell, shrunk to the rate of its disk: few events count little, many speak for themselves.

    The rate has a gamma prior whose mean is the past rate of the disk, the cell itself included, and whose shape is
    `strength`; the score is the mean after the cell's own events, ``(events + strength) / (days + strength / disk rate)``
    (empirical Bayes: Clayton & Kaldor 1987; local mean: Marshall 1991).

    Parameters
    ----------
    k
        Rings of the disk, 1 to 10.
    strength
        Number of events that the disk's rate counts as, above 0; None chooses the candidate with the lowest loss on
        the last training days.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.ShrunkRate(strength=4).fit(train).choice_
    {'strength': 4}
    """

    name: ClassVar[str] = "shrunk_rate"
    summary: ClassVar[str] = "past rate of the cell shrunk to the rate of its disk, strength tuned"
    candidates: ClassVar[tuple[float, ...]] = (0.5, 1, 2, 4, 8, 16, 32, 64)

    k: int = 2
    strength: float | None = None

    def __post_init__(self) -> None:
        check_rings(self.k)
        if self.strength is not None and not 0 < self.strength < float("inf"):
            message = f"strength must be a number of events above 0, not {self.strength!r}"
            raise InputError(message)

    def _choices(self) -> Sequence[dict[str, Any]]:
        return [{"strength": s} for s in (self.candidates if self.strength is None else (self.strength,))]

    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        known = known_layer(cube, self.label_["layer"])
        disk = neighbor_sum(known, averaged(disk_of(cube, self.k, decay=1.0)))
        prior = map_blocks(log_rate, disk, half_life=float("inf"), mean=self.mean_)
        return map_cube(partial(_log_posterior, **choice), {"counts": known, "prior": prior}, known)


def _log_posterior(values: Mapping[str, np.ndarray], shape: tuple[int, int], *, strength: float) -> np.ndarray:
    """Return the log of the mean rate after the counts of earlier days, given the log of its prior mean."""
    events = np.zeros(shape)
    np.cumsum(values["counts"][:, :-1], axis=1, out=events[:, 1:])
    days = np.arange(shape[1]) + strength * np.exp(-values["prior"])
    return np.asarray(np.log((events + strength) / days), np.float32)
