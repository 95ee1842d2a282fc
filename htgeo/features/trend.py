"""Whether events become more or fewer."""

from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import InputError
from htgeo.cube.schema import steps
from htgeo.features.base import Feature, column, known_counts, positive_days


@dataclass(frozen=True)
class Trend(Feature):
    """Recent rate against the usual one, ``(recent - usual) / (recent + usual)``: ``<layer>_trend_<short>_<long>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    short, long
        Days of the recent and of the usual rate; long is the larger one.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.Trend("crime", short=7, long=91).columns(ht.demo_cube()))
    ['crime_trend_7_91']
    """

    name: ClassVar[str] = "trend"
    summary: ClassVar[str] = "recent rate of events against the usual rate, from -1 to 1"
    layer: str
    short: int = 28
    long: int = 365

    def __post_init__(self) -> None:
        positive_days([self.short, self.long], "windows")
        if self.short >= self.long:
            message = f"short must be less than long, not {self.short} and {self.long}"
            raise InputError(message)

    @property
    def look_back(self) -> int:
        """The longer window."""
        return self.long

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the one column."""
        from htgeo.features.kernels import past_trend

        short, long = (steps(cube, days) for days in (self.short, self.long))
        values = map_blocks(past_trend, known_counts(cube, self.layer), short=short, long=long)
        text = f"{self.layer}: rate of the last {self.short} days against {self.long} days, -1 to 1"
        return {f"{self.layer}_trend_{self.short}_{self.long}": column(values, "1", text)}
