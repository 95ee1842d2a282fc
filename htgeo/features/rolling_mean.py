"""Rates over the last days."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days


@dataclass(frozen=True)
class RollingMean(Feature):
    """Events a day that became known in the last `days` days: columns ``<layer>_mean_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1, today not included; missing until a window is full.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.RollingMean("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_mean_28']
    """

    name: ClassVar[str] = "rolling_mean"
    summary: ClassVar[str] = "events a day that became known in the last days"
    layer: str
    days: Sequence[int] = (28, 365)

    def __post_init__(self) -> None:
        positive_days(self.days, "windows")

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        from htgeo.features.kernels import past_sums

        windows = over_windows(past_sums, known_counts(cube, self.layer), self.days)
        return {
            f"{self.layer}_mean_{d}": column(
                values / d,
                "1/day",
                f"{self.layer}: events a day, known in the last {in_days(d)}",
                look_back=d,
            )
            for d, values in windows.items()
        }
