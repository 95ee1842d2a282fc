"""How long ago, and how much is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks, map_columns
from htgeo.core.errors import InputError
from htgeo.cube.schema import step_days
from htgeo.features.base import Feature, a_day, column, known_counts


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
        step = step_days(cube)
        since = map_blocks(days_since, counts)
        since = since if step == 1 else since * np.float32(step)
        columns = {f"{self.layer}_days_since": column(since, "days", f"{self.layer}: days since an event became known")}
        windows = np.array(self.half_life, float) / step
        rates = map_columns(past_rates, counts, len(windows), windows=windows) if self.half_life else []
        for h, rate in zip(self.half_life, rates, strict=True):
            text = f"{self.layer}: events a day, half-life {h:g} days"
            columns[f"{self.layer}_rate_{h:g}"] = column(a_day(rate, counts), "1/day", text, look_back=ceil(h))
        return columns
