"""Counts in the disk around a cell, weighted by distance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import neighbor_sum
from htgeo.core.errors import InputError
from htgeo.cube.near import disk_of
from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days
from htgeo.grid.neighbors import check_rings


@dataclass(frozen=True)
class DiskSum(Feature):
    """Events that became known in the last `days` days up to `k` rings away: ``<layer>_disk<k>_sum_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    k
        Rings of the disk, 1 to 10; the cell itself belongs to it.
    decay
        Weight of an event in ring r is ``decay ** r``, above 0 and at most 1 (1: a plain sum).
    days
        Window length in days, or several, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.DiskSum("crime", k=2, days=7).columns(ht.demo_cube()))
    ['crime_disk2_sum_7']
    """

    name: ClassVar[str] = "disk_sum"
    summary: ClassVar[str] = (
        "events that became known in the last days in the disk around the cell, weighted by distance"
    )
    layer: str
    k: int = 3
    decay: float = 0.5
    days: int | Sequence[int] = 28

    def __post_init__(self) -> None:
        positive_days(self.every_day, "windows")
        check_rings(self.k)
        if not 0 < self.decay <= 1:
            message = f"decay must be above 0 and at most 1, not {self.decay!r}"
            raise InputError(message)

    @property
    def every_day(self) -> list[int]:
        """The windows, one or several."""
        return list(self.days) if isinstance(self.days, Sequence) else [self.days]

    @property
    def look_back(self) -> int:
        """The longest of them."""
        return max(self.every_day)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column for each window."""
        from htgeo.features.kernels import past_sums

        counts = known_counts(cube, self.layer)
        disk = neighbor_sum(counts, disk_of(cube, self.k, self.decay))
        text = f"{self.layer}: events known in the last {{}} up to ring {self.k}, weight {self.decay:g} a ring"
        return {
            f"{self.layer}_disk{self.k}_sum_{d}": column(values, "1", text.format(in_days(d)), look_back=d)
            for d, values in over_windows(past_sums, disk, self.every_day).items()
        }
