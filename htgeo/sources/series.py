"""One value a month or a day for the whole city, with the day it became known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.sources.base import Source, read_source
from htgeo.sources.events import RowReport
from htgeo.sources.region import Region
from htgeo.sources.table import read_files


@dataclass(frozen=True)
class Series:
    """A city series.

    Attributes
    ----------
    table
        ``start`` (first day of the period), ``published`` (first day on which the value can be used) and ``value``,
        in the order of time.
    report
        What became of the rows.
    """

    table: pd.DataFrame
    report: RowReport


@dataclass(frozen=True)
class SeriesSource(Source):
    """A value per month or day.

    Parameters
    ----------
    time, value
        Column names.
    frequency
        ``"month"`` or ``"day"``: the length of the period that starts at `time`.
    publication_lag
        Days from the end of the period to its publication.
    time_format
        strptime format of `time`.
    """

    name: ClassVar[str] = "series"
    gives: ClassVar[str] = "series"
    summary: ClassVar[str] = "one value a month or day for the whole city, with a publication lag"
    time: str
    value: str
    frequency: Literal["month", "day"] = "day"
    publication_lag: int = 1
    time_format: str = "ISO8601"

    def __post_init__(self) -> None:
        if self.frequency not in ("month", "day"):
            message = f"frequency must be 'month' or 'day', not {self.frequency!r}"
            raise InputError(message)
        if self.publication_lag < 0:
            message = f"publication_lag must be 0 days or more, not {self.publication_lag}"
            raise InputError(message)

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Series:  # noqa: ARG002  # one value for all areas
        """Read the series."""
        rows = read_files(self.name, paths, [self.time, self.value])
        start = rows.times([self.time], self.time_format)
        rows.judge_times(start, start, [self.time], self.time_format)
        value = rows.number(self.value)
        rows.quarantine(~np.isfinite(value), "value missing or not a number")
        rows.drop_doubles(start.astype("str"), "period seen before")
        end = start + (pd.offsets.MonthBegin(1) if self.frequency == "month" else pd.Timedelta(days=1))
        table = pd.DataFrame(
            {"start": start, "published": end + pd.Timedelta(days=self.publication_lag), "value": value}
        )
        return Series(table[rows.usable].sort_values("start", ignore_index=True), rows.report())


def read_series(path: str | Path | Sequence[str | Path], **options: Any) -> Series:
    """Read a city series: one value a month or day.

    Parameters
    ----------
    path
        A file, or several.
    **options
        ``time``, ``value`` (columns), ``frequency`` ("month" or "day"), ``publication_lag`` (days, default 1),
        ``time_format``.

    Returns
    -------
    Series

    Raises
    ------
    InputError
        If a file or an option cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> jfk = ht.read_series(
    ...     folder / "jfk_passengers.csv", time="Activity Period", value="Revenue Passenger Volume",
    ...     frequency="month", publication_lag=30,
    ... )
    >>> str(jfk.table["published"][0].date())
    '2021-03-03'
    """
    series = read_source("series", path, **options)
    assert isinstance(series, Series)  # noqa: S101  # for the type checker
    return series
