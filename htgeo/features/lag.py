"""Counts some days ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days


@dataclass(frozen=True)
class Lag(Feature):
    """Events that became known on the day `days` days ago: columns ``<layer>_lag_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Lags in days, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.Lag("crime", days=[1, 7]).look_back
    7
    """

    name: ClassVar[str] = "lag"
    summary: ClassVar[str] = "events that became known exactly so many days ago"
    layer: str
    days: Sequence[int] = (1, 7, 28)

    def __post_init__(self) -> None:
        positive_days(self.days, "lags")

    @property
    def look_back(self) -> int:
        """The longest lag."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a lag."""
        from htgeo.features.kernels import past_values

        lags = over_windows(past_values, known_counts(cube, self.layer), self.days)
        return {
            f"{self.layer}_lag_{d}": column(values, "1", f"{self.layer}: events known {in_days(d)} ago", look_back=d)
            for d, values in lags.items()
        }
