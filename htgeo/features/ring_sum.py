"""Counts in the rings around a cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import neighbor_sum
from htgeo.cube.near import ring_of
from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days
from htgeo.grid.neighbors import check_rings


@dataclass(frozen=True)
class RingSum(Feature):
    """Events that became known in the last `days` days in each of the `k` rings: ``<layer>_ring<k>_sum_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    k
        Number of rings, 1 to 10; the cell itself belongs to none.
    days
        Window length in days, or several, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.RingSum("crime", k=2, days=7).columns(ht.demo_cube()))
    ['crime_ring1_sum_7', 'crime_ring2_sum_7']
    """

    name: ClassVar[str] = "ring_sum"
    summary: ClassVar[str] = "events that became known in the last days in the rings around the cell"
    layer: str
    k: int = 1
    days: int | Sequence[int] = 28

    def __post_init__(self) -> None:
        positive_days(self.every_day, "windows")
        check_rings(self.k)

    @property
    def every_day(self) -> list[int]:
        """The windows, one or several."""
        return list(self.days) if isinstance(self.days, Sequence) else [self.days]

    @property
    def look_back(self) -> int:
        """The longest of them."""
        return max(self.every_day)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column for each ring and window."""
        from htgeo.features.kernels import past_sums

        counts = known_counts(cube, self.layer)
        made = {}
        for k in range(1, self.k + 1):
            ring = neighbor_sum(counts, ring_of(cube, k))
            for d, values in over_windows(past_sums, ring, self.every_day).items():
                text = f"{self.layer}: events known in the last {in_days(d)} in ring {k}"
                made[f"{self.layer}_ring{k}_sum_{d}"] = column(values, "1", text, look_back=d)
        return made
