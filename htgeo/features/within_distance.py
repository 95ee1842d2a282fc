"""Counts within a distance of the cell centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import neighbor_sum
from htgeo.core.errors import InputError
from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days
from htgeo.grid.neighbors import distance_matrix

MILE_KM = 1.609344


@dataclass(frozen=True)
class WithinDistance(Feature):
    """Events that became known in the last `days` days within `km` of the cell: ``<layer>_within_<m>m_sum_<days>``.

    A cell counts when its centre is at most `km` from the centre of the cell asked for; events over the edge of the
    grid are not counted.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    km
        Radius in km, above 0; one mile by default.
    days
        Window lengths in days, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.WithinDistance("crime", km=2, days=[7]).columns(ht.demo_cube()))
    ['crime_within_2000m_sum_7']
    """

    name: ClassVar[str] = "within_distance"
    summary: ClassVar[str] = "events that became known in the last days within a distance of the cell"
    layer: str
    km: float = MILE_KM
    days: Sequence[int] = (7,)

    def __post_init__(self) -> None:
        positive_days(self.days, "windows")
        if not self.km > 0:
            message = f"km must be above 0, not {self.km!r}"
            raise InputError(message)

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        from htgeo.features.kernels import past_sums

        near = neighbor_sum(
            known_counts(cube, self.layer), distance_matrix(cube["lon"].values, cube["lat"].values, self.km)
        )
        return {
            f"{self.layer}_within_{1000 * self.km:.0f}m_sum_{d}": column(
                values,
                "1",
                f"{self.layer}: events known in the last {in_days(d)} within {self.km:g} km",
                look_back=d,
            )
            for d, values in over_windows(past_sums, near, self.days).items()
        }
