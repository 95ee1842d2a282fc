"""Counts of the whole study area."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.cube.schema import space
from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days


@dataclass(frozen=True)
class CitySum(Feature):
    """Events that became known in the last `days` days in all cells together: ``<layer>_city_sum_<days>``, on (time).

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.CitySum("crime", days=[7]).columns(ht.demo_cube())["crime_city_sum_7"].dims
    ('time',)
    """

    name: ClassVar[str] = "city_sum"
    summary: ClassVar[str] = "events that became known in the last days in the whole study area"
    layer: str
    days: Sequence[int] = (1, 7)

    def __post_init__(self) -> None:
        positive_days(self.days, "windows")

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        from htgeo.features.kernels import past_sums

        counts = known_counts(cube, self.layer)
        daily = counts.sum(space(cube), dtype="float64", keep_attrs=True).expand_dims(space(cube))
        return {
            f"{self.layer}_city_sum_{d}": column(
                values.isel({space(cube): 0}),
                "1",
                f"{self.layer}: events known in the last {in_days(d)} in the whole study area",
                look_back=d,
            )
            for d, values in over_windows(past_sums, daily, self.days).items()
        }
