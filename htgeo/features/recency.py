"""How long ago, and how much is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import InputError
from htgeo.features.base import Feature, column, known_counts, over_windows


@dataclass(frozen=True)
class Recency(Feature):
    """Days since the last event, and the rate of events with fading memory.

    Columns ``<layer>_days_since`` and, for each half-life, ``<layer>_rate_<half_life>``: the mean number of events a
    day where a day counts half as much every `half_life` days.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    half_life
        Half-lives in days, above 0.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.Recency("crime", half_life=[60]).columns(ht.demo_cube()))
    ['crime_days_since', 'crime_rate_60']
    """

    name: ClassVar[str] = "recency"
    summary: ClassVar[str] = "days since the last event, and the rate of events with fading memory"
    layer: str
    half_life: Sequence[float] = (14, 60, 240)

    def __post_init__(self) -> None:
        for half_life in self.half_life:
            if not 0 < half_life < inf:
                message = f"half_life must be above 0 days and finite, not {half_life!r}"
                raise InputError(message)

    @property
    def look_back(self) -> int:
        """The longest half-life."""
        return max((ceil(h) for h in self.half_life), default=1)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return days since, and one column a half-life."""
        from htgeo.features.kernels import days_since, past_rates

        counts = known_counts(cube, self.layer)
        since = column(map_blocks(days_since, counts), "days", f"{self.layer}: days since an event became known")
        rates = over_windows(past_rates, counts, [float(h) for h in self.half_life]) if self.half_life else {}
        return {f"{self.layer}_days_since": since} | {
            f"{self.layer}_rate_{h:g}": column(
                values, "1/day", f"{self.layer}: events a day, half-life {h:g} days", look_back=ceil(h)
            )
            for h, values in rates.items()
        }
