"""The calendar of the day to be forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.features.base import Feature, column

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEASONS = ("winter", "spring", "summer", "autumn")
COLUMNS = ("weekday", "month", "season", "holiday")


@dataclass(frozen=True)
class Calendar(Feature):
    """Weekday, month, season and public holiday of the day itself, each a column ``(time)`` of categories.

    Parameters
    ----------
    names
        Which of ``weekday``, ``month``, ``season`` (northern: winter is December to February), ``holiday``.
    country, subdivision
        Codes of the ``holidays`` package.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Calendar(["weekday"])])
    >>> cube["weekday"].dims
    ('time',)
    """

    name: ClassVar[str] = "calendar"
    summary: ClassVar[str] = "weekday, month, season and public holiday of the day"
    names: Sequence[str] = COLUMNS
    country: str = "US"
    subdivision: str | None = "NY"

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in COLUMNS:
                message = f"the calendar has no column {name!r}; it has {', '.join(COLUMNS)}"
                raise InputError(message)

    @property
    def look_back(self) -> int:
        """Nothing: a calendar is known in advance."""
        return 0

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the columns asked for."""
        days = pd.DatetimeIndex(cube["time"].values)
        made = {
            "weekday": (days.day_of_week, WEEKDAYS, "day of the week"),
            "month": (days.month - 1, tuple(str(m) for m in range(1, 13)), "month"),
            "season": (days.month % 12 // 3, SEASONS, "season"),
            "holiday": (self._holiday(days), ("no", "yes"), "public holiday"),
        }
        return {
            name: column(
                xr.DataArray(np.asarray(made[name][0], np.float32), dims="time", coords={"time": cube["time"]}),
                "1",
                made[name][2],
                categories=list(made[name][1]),
            )
            for name in self.names
        }

    def _holiday(self, days: pd.DatetimeIndex) -> np.ndarray:
        import holidays

        try:
            known = holidays.country_holidays(self.country, subdiv=self.subdivision, years=sorted(set(days.year)))
        except NotImplementedError as error:
            message = f"no holidays are known for {self.country!r} {self.subdivision or ''}: {error}"
            raise InputError(message) from error
        return np.array([day in known for day in days.date])
