"""The worst of the last days."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days


@dataclass(frozen=True)
class RollingMax(Feature):
    """Most events that became known on one of the last `days` days: columns ``<layer>_max_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1, today not included; missing until a window is full.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.RollingMax("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_max_28']
    """

    name: ClassVar[str] = "rolling_max"
    summary: ClassVar[str] = "most events that became known on one of the last days"
    layer: str
    days: Sequence[int] = (28, 91)

    def __post_init__(self) -> None:
        positive_days(self.days, "windows")

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        from htgeo.features.kernels import past_maxima

        windows = over_windows(past_maxima, known_counts(cube, self.layer), self.days)
        return {
            f"{self.layer}_max_{d}": column(
                values, "1", f"{self.layer}: most events known on one of the last {in_days(d)}", look_back=d
            )
            for d, values in windows.items()
        }
