"""What is usual for the weekday."""

from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.cube.schema import require_days
from htgeo.features.base import Feature, column, known_counts, positive_days


@dataclass(frozen=True)
class SameWeekday(Feature):
    """Mean number of events that became known on this weekday in the last `weeks` weeks: ``<layer>_weekday_<weeks>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    weeks
        Number of weeks, at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.SameWeekday("crime", weeks=8).columns(ht.demo_cube()))
    ['crime_weekday_8']
    """

    name: ClassVar[str] = "same_weekday"
    summary: ClassVar[str] = "mean number of events that became known on this weekday in the last weeks"
    layer: str
    weeks: int = 8

    def __post_init__(self) -> None:
        positive_days([self.weeks], "weeks")

    @property
    def look_back(self) -> int:
        """The weeks, in days."""
        return 7 * self.weeks

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the one column."""
        from htgeo.features.kernels import same_weekday_mean

        require_days(cube, "SameWeekday")
        values = map_blocks(same_weekday_mean, known_counts(cube, self.layer), weeks=self.weeks)
        text = f"{self.layer}: mean of the events known on this weekday in the last {self.weeks} weeks"
        return {f"{self.layer}_weekday_{self.weeks}": column(values, "1", text)}
