"""Counts by area and period, where no single event is known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.sources.base import Source
from htgeo.sources.clean import Rows
from htgeo.sources.events import RowReport
from htgeo.sources.region import Region
from htgeo.sources.table import read_files

MONDAY = 0


@dataclass(frozen=True)
class AreaCounts:
    """Counts by area and day, or by area and week.

    Attributes
    ----------
    table
        ``time`` (first day of the period), ``area``, ``category`` (empty text where there are none) and ``value``.
    period
        ``"day"`` or ``"week"`` (from Monday).
    report
        What became of the rows.
    """

    table: pd.DataFrame
    period: str
    report: RowReport

    def __repr__(self) -> str:
        days = self.table["time"]
        span = f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}" if len(days) else "no time"
        return f"<AreaCounts: {self.table['value'].sum():,.0f} events by {self.period}, {self.table['area'].nunique()} areas, {span}>"

    def select(self, category: str | Iterable[str]) -> "AreaCounts":
        """Return the counts of one category, or of several together (spellings of one offence, say).

        Raises
        ------
        InputError
            If no count has such a category.
        """
        known = self.table["category"].cat.categories.tolist()
        wanted = [category] if isinstance(category, str) else list(category)
        for name in wanted:
            if name not in known:
                message = f"no count has the category {name!r}{near(name, known)}; there are {', '.join(known)}"
                raise InputError(message)
        return replace(self, table=self.table[self.table["category"].isin(wanted)])


def read_area_counts(
    path: str | Path | Sequence[str | Path],
    *,
    area: str,
    time: str,
    value: str,
    category: str | None = None,
    period: Literal["day", "week"] = "week",
    areas: Region | None = None,
    time_format: str = "ISO8601",
) -> AreaCounts:
    r"""Read counts by area and period: every row is kept or quarantined with a reason.

    Rows of the same area, period and category add up; what is not listed is 0.

    Parameters
    ----------
    path
        A file (CSV, Parquet), or several.
    area, time, value, category
        Columns: name of the area, first day of the period, count, and kind of event.
    period
        Length of the period that begins at `time`; weeks begin on Monday.
    areas
        Region layer of the areas: rows of an area that it does not have (``UNKNOWN``, say) go to quarantine, and the
        report notes how many events they hold.
    time_format
        strptime format of `time`.

    Returns
    -------
    AreaCounts

    Raises
    ------
    InputError
        If a file or an option cannot be used, or no row can.

    Examples
    --------
    >>> import htgeo as ht
    >>> rows = ["precinct,week,offense,n", "1,2021-01-04,ROBBERY,2", "UNKNOWN,2021-01-04,ROBBERY,1"]
    >>> path = ht.write_demo_city("demo-city", end="2021-01-31") / "counts.csv"
    >>> _ = path.write_text("\n".join(rows))
    >>> region = ht.read_region(path.with_name("precincts.geojson"), name_column="precinct", layer="precinct")
    >>> counts = ht.read_area_counts(path, area="precinct", time="week", category="offense", value="n", areas=region)
    >>> counts.report.reasons
    {'no area of the layer precinct': 1}
    """
    if period not in ("day", "week"):
        message = f"period must be 'day' or 'week', not {period!r}"
        raise InputError(message)
    paths = [Path(p) for p in ([path] if isinstance(path, str | Path) else path)]
    wanted = [area, time, value, *([category] if category else [])]
    rows = read_files("area_counts", paths, list(dict.fromkeys(wanted)))
    start = rows.times([time], time_format)
    if start.dt.tz is not None:
        message = (
            f"the times in {time!r} have an offset from UTC; a count belongs to local civil days: give dates without"
        )
        raise InputError(message)
    rows.judge_times(start, start, [time], time_format)
    count, place = rows.number(value), rows.code(area)
    rows.quarantine(~(np.isfinite(count) & (count >= 0)), "count missing, negative or infinite")
    rows.quarantine(place.isna().to_numpy(), "no area")
    if period == "week":
        rows.quarantine((start.dt.day_of_week != MONDAY).to_numpy(), "the week does not begin on a Monday")
    if areas is not None:
        strange = ~place.isin(areas.names).to_numpy()
        _note_mass(rows, strange, count, place, areas.layer)
        rows.quarantine(strange, f"no area of the layer {areas.layer}")
    kind = rows.text(category).fillna("") if category else pd.Series("", index=start.index)
    table = pd.DataFrame({"time": start, "area": place, "category": kind, "value": count})[rows.usable]
    table = table.astype({"area": "category", "category": "category"}).reset_index(drop=True)
    return AreaCounts(table, period, rows.report())


def _note_mass(rows: Rows, strange: np.ndarray, count: np.ndarray, place: pd.Series, layer: str) -> None:
    """Note how many events the rows of unknown areas hold."""
    lost = strange & rows.usable
    if lost.any():
        names = ", ".join(sorted(place[lost].unique())[:5])
        total = count[rows.usable].sum()
        rows.notes.append(
            f"{count[lost].sum():,.0f} of {total:,.0f} events lie in areas that the layer {layer} does not have: {names}"
        )


@dataclass(frozen=True)
class AreaCountsFile(Source):
    """Counts by area and period, where no single event is known; see `read_area_counts`.

    Parameters
    ----------
    area, time, value, category
        Columns: name of the area, first day of the period, count, and kind of event.
    period
        Length of the period that begins at `time`; weeks begin on Monday.
    time_format
        strptime format of `time`.
    """

    name: ClassVar[str] = "area_counts"
    gives: ClassVar[str] = "area_counts"
    summary: ClassVar[str] = "counts by area and week or day, for a study of areas"
    area: str
    time: str
    value: str
    category: str | None = None
    period: Literal["day", "week"] = "week"
    time_format: str = "ISO8601"

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> AreaCounts:
        """Read the files; the areas are those of the first region layer."""
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        return read_area_counts(list(paths), areas=areas[0] if areas else None, **options)
