"""The calendar of the day to be forecast."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import require_days, step_days
from htgeo.features.base import Feature, column
from htgeo.grid.days import day_range

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEASONS = ("winter", "spring", "summer", "autumn")
COLUMNS = ("weekday", "month", "season", "holiday", "weekend")
OF_DAYS = ("weekday", "weekend")
"""Columns that a week has not."""
DEFAULT = ("weekday", "month", "season", "holiday")
YEAR_DAYS = 365.2425


@dataclass(frozen=True)
class Calendar(Feature):
    """Weekday, month, season and public holiday of the day itself, each a column ``(time)`` of categories.

    In a cube of weeks, month and season are those of the first day, a holiday or a school term is one that a day of
    the week belongs to, and weekday and weekend are left out.

    Parameters
    ----------
    names
        Which of ``weekday``, ``month``, ``season`` (winter is December to February, south of the equator June to
        August), ``holiday``, ``weekend`` (Saturday and Sunday).
    harmonics
        Waves of the year: number h gives columns ``year_sin_h`` and ``year_cos_h`` of h full waves a year, from 1 to
        `harmonics`; 0 gives none.
    school_terms
        First and last days of school terms; gives a column ``school`` that is yes within a term.
    country
        Code of the country whose public holidays count, as in the ``holidays`` package; by default the country of
        the cube's time zone.
    subdivision
        Code of a state or province with holidays of its own.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Calendar(["weekday"])])
    >>> cube["weekday"].dims
    ('time',)
    """

    name: ClassVar[str] = "calendar"
    summary: ClassVar[str] = "weekday, month, season and public holiday of the day"
    names: Sequence[str] = DEFAULT
    harmonics: int = 0
    school_terms: Sequence[tuple[date | str, date | str]] = ()
    country: str | None = None
    subdivision: str | None = None

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in COLUMNS:
                message = f"the calendar has no column {name!r}; it has {', '.join(COLUMNS)}"
                raise InputError(message)
        if self.harmonics < 0:
            message = f"harmonics must be at least 0, not {self.harmonics!r}"
            raise InputError(message)
        for term in self.school_terms:
            if isinstance(term, str | date) or len(term) != 2:  # noqa: PLR2004  # a pair
                message = (
                    f"school_terms are pairs of first and last days, e.g. [[2021-09-13, 2022-06-27]], not {term!r}"
                )
                raise InputError(message)
            day_range(str(term[0]), str(term[1]))

    @property
    def look_back(self) -> int:
        """Nothing: a calendar is known in advance."""
        return 0

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the columns asked for."""
        names = [name for name in self.names if step_days(cube) == 1 or name not in OF_DAYS]
        if self.names and not names and not self.harmonics:
            require_days(cube, f"Calendar({list(self.names)})")
        days = pd.DatetimeIndex(cube["time"].values)
        south = 6 if float(cube["lat"].mean()) < 0 else 0
        zone = str(cube.attrs.get("time_zone"))
        made: dict[str, tuple[Callable[[], object], Sequence[str], str]] = {
            "weekday": (lambda: days.day_of_week, WEEKDAYS, "day of the week"),
            "month": (lambda: days.month - 1, tuple(str(m) for m in range(1, 13)), "month"),
            "season": (lambda: (days.month + south) % 12 // 3, SEASONS, "season"),
            "holiday": (lambda: _any_day(self._holiday, cube, zone), ("no", "yes"), "public holiday"),
            "weekend": (lambda: days.day_of_week >= WEEKDAYS.index("Saturday"), ("no", "yes"), "Saturday or Sunday"),
            "school": (lambda: _any_day(self._school, cube), ("no", "yes"), "within a school term"),
        }
        columns = self._waves(days)
        for name in [*names, *(["school"] if self.school_terms else [])]:
            values, categories, text = made[name]
            data = xr.DataArray(np.asarray(values(), np.float32), dims="time", coords={"time": cube["time"]})
            columns[name] = column(data, "1", text, categories=list(categories))
        return columns

    def _waves(self, days: pd.DatetimeIndex) -> dict[str, xr.DataArray]:
        turn = 2 * np.pi * (days - pd.Timestamp("2000-01-01")).days.to_numpy() / YEAR_DAYS
        waves = {}
        for h in range(1, self.harmonics + 1):
            for name, wave in (("sin", np.sin), ("cos", np.cos)):
                data = xr.DataArray(wave(h * turn), dims="time", coords={"time": days})
                waves[f"year_{name}_{h}"] = column(data, "1", f"{name} of {h} {'wave' if h == 1 else 'waves'} a year")
        return waves

    def _school(self, days: pd.DatetimeIndex) -> np.ndarray:
        terms = [days.isin(day_range(str(first), str(last))) for first, last in self.school_terms]
        return np.asarray(np.logical_or.reduce(terms))

    def _holiday(self, days: pd.DatetimeIndex, time_zone: str) -> np.ndarray:
        import holidays

        country = self.country or _country_of(time_zone)
        try:
            known = holidays.country_holidays(country, subdiv=self.subdivision, years=sorted(set(days.year)))
        except NotImplementedError as error:
            message = f"no holidays are known for {country!r} {self.subdivision or ''}: {error}; give country and subdivision of the calendar, or names without holiday"
            raise InputError(message) from error
        return np.array([day in known for day in days.date])


def _any_day(of_days: Callable[..., np.ndarray], cube: xr.Dataset, *args: str) -> np.ndarray:
    """Return for each step whether any of its days is what `of_days` says."""
    step = step_days(cube)
    days = pd.DatetimeIndex((cube["time"].values[:, None] + np.arange(step) * np.timedelta64(1, "D")).ravel())
    return np.asarray(of_days(days, *args).reshape(-1, step).any(axis=1))


def _country_of(time_zone: str) -> str:
    """Return the code of the country that the IANA data base names for a zone."""
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8")
    for line in table.splitlines():
        fields = line.split("\t")
        if not line.startswith("#") and fields[2] == time_zone:
            return fields[0]
    message = f"the time zone {time_zone!r} belongs to no country; give the calendar a country, e.g. {{calendar: {{country: NL}}}}"
    raise InputError(message)
