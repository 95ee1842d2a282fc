"""How regular events are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days


@dataclass(frozen=True)
class ActiveShare(Feature):
    """Share of the last `days` days on which an event became known: columns ``<layer>_active_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1, today not included; missing until a window is full.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.ActiveShare("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_active_28']
    """

    name: ClassVar[str] = "active_share"
    summary: ClassVar[str] = "share of the last days on which an event became known"
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
        from htgeo.features.kernels import past_shares

        windows = over_windows(past_shares, known_counts(cube, self.layer), self.days)
        return {
            f"{self.layer}_active_{d}": column(
                values, "1", f"{self.layer}: share of the last {in_days(d)} with an event", look_back=d
            )
            for d, values in windows.items()
        }
