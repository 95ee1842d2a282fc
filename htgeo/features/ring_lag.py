"""Counts some days ago in the rings around a cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import neighbor_sum
from htgeo.cube.near import ring_of
from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days
from htgeo.grid.neighbors import check_rings


@dataclass(frozen=True)
class RingLag(Feature):
    """Events that became known exactly `days` days ago in each of the `k` rings: ``<layer>_ring<k>_lag_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    k
        Number of rings, 1 to 10; the cell itself belongs to none.
    days
        Lag in days, or several, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.RingLag("crime", k=2, days=[1, 7]).columns(ht.demo_cube()))
    ['crime_ring1_lag_1', 'crime_ring1_lag_7', 'crime_ring2_lag_1', 'crime_ring2_lag_7']
    """

    name: ClassVar[str] = "ring_lag"
    summary: ClassVar[str] = "events that became known exactly so many days ago in the rings around the cell"
    layer: str
    k: int = 1
    days: int | Sequence[int] = (1, 7)

    def __post_init__(self) -> None:
        positive_days(self.every_day, "lags")
        check_rings(self.k)

    @property
    def every_day(self) -> list[int]:
        """The lags, one or several."""
        return list(self.days) if isinstance(self.days, Sequence) else [self.days]

    @property
    def look_back(self) -> int:
        """The longest of them."""
        return max(self.every_day)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column for each ring and lag."""
        from htgeo.features.kernels import past_values

        counts = known_counts(cube, self.layer)
        made = {}
        for k in range(1, self.k + 1):
            ring = neighbor_sum(counts, ring_of(cube, k))
            for d, values in over_windows(past_values, ring, self.every_day).items():
                text = f"{self.layer}: events known {in_days(d)} ago in ring {k}"
                made[f"{self.layer}_ring{k}_lag_{d}"] = column(values, "1", text, look_back=d)
        return made
