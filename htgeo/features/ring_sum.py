"""Counts in the rings around a cell."""

from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import map_blocks, neighbor_sum
from htgeo.core.errors import InputError
from htgeo.features.base import Feature, column, known_counts, positive_days
from htgeo.grid.neighbors import ring_matrix

MAX_RINGS = 10


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
        Window length in days, at least 1.

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
    days: int = 28

    def __post_init__(self) -> None:
        positive_days([self.days], "the window")
        if not 1 <= self.k <= MAX_RINGS:
            message = f"k must be 1 to {MAX_RINGS} rings, not {self.k!r}"
            raise InputError(message)

    @property
    def look_back(self) -> int:
        """The window."""
        return self.days

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a ring."""
        from htgeo.features.kernels import past_sum

        window = map_blocks(past_sum, known_counts(cube, self.layer), days=self.days)
        cells = cube["cell"].values
        return {
            f"{self.layer}_ring{k}_sum_{self.days}": column(
                neighbor_sum(window, ring_matrix(cells, k)),
                "1",
                f"{self.layer}: events known in the last {self.days} days in ring {k}",
            )
            for k in range(1, self.k + 1)
        }
