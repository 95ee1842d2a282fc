"""The share of a part of the events: at night, of a category."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import neighbor_sum
from htgeo.core.errors import InputError
from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days
from htgeo.grid.neighbors import distance_matrix


@dataclass(frozen=True)
class Share(Feature):
    """Share of a part of a layer's events in the last `days` days: ``<part>_share_<days>``; missing without events.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    part
        Name of the layer that holds a part of its events, as ``grid_events(…, parts=["night"])`` makes:
        ``crime_night`` holds those from 00:00 to 05:59.
    days
        Window lengths in days, each at least 1.
    km
        Count within this distance of the cell centre, as `WithinDistance` does (``<part>_share_<m>m_<days>``);
        0: in the cell alone.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.Share("crime", "crime_night", days=[91]).look_back
    91
    """

    name: ClassVar[str] = "share"
    summary: ClassVar[str] = "share of a part of the events (at night, of a category) in the last days"
    layer: str
    part: str
    days: Sequence[int] = (91,)
    km: float = 0.0

    def __post_init__(self) -> None:
        positive_days(self.days, "windows")
        if not self.km >= 0:
            message = f"km must be at least 0, not {self.km!r}"
            raise InputError(message)

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        from htgeo.features.kernels import past_sums

        part, whole = (known_counts(cube, name) for name in (self.part, self.layer))
        where, text = "", "in the cell"
        if self.km > 0:
            matrix = distance_matrix(cube["lon"].values, cube["lat"].values, self.km)
            part, whole = neighbor_sum(part, matrix), neighbor_sum(whole, matrix)
            where, text = f"_{1000 * self.km:.0f}m", f"within {self.km:g} km"
        some, every = (over_windows(past_sums, counts, self.days) for counts in (part, whole))
        return {
            f"{self.part}_share{where}_{d}": column(
                (some[d] / every[d].where(every[d] > 0)).clip(0, 1),
                "1",
                f"share of {self.part} in {self.layer} in the last {in_days(d)} {text}",
                look_back=d,
            )
            for d in self.days
        }
