"""NYPD complaint data, the native export of NYC Open Data (qgea-i56i, 5uac-w243)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from htgeo.sources.base import Source
from htgeo.sources.batches import judge_batches
from htgeo.sources.clean import Rows
from htgeo.sources.events import Events
from htgeo.sources.precision import CITY, masked_categories, point_counts
from htgeo.sources.region import Region
from htgeo.sources.table import check_area_names, read_files
from htgeo.sources.texts import whole_number

COLUMNS = ("CMPLNT_NUM", "CMPLNT_FR_DT", "CMPLNT_FR_TM", "RPT_DT", "ADDR_PCT_CD", "OFNS_DESC", "Latitude", "Longitude")
"""The columns read. SUSP_ and VIC_ columns are never read."""
MIDNIGHT = r"T00:00:00(\.0+)?$"
CLOCK = r"([01]?\d|2[0-3]):[0-5]\d:[0-5]\d"
MONTH_FIRST = r"^\d{1,2}/\d{1,2}/\d{4}$"


@dataclass(frozen=True)
class NypdComplaints(Source):
    """Complaints with both clocks: CMPLNT_FR_DT occurred, RPT_DT known; the precinct comes from ADDR_PCT_CD.

    A date column is ISO or month-first, told apart by its shape (``2023-09-29`` or ``09/29/2023``), since the export
    mixes both. Categories whose rows sit on one point per precinct (sex offences, placed at the station house) become
    events known to the precinct. Rows without usable coordinates do too.

    Parameters
    ----------
    categories
        Offences (OFNS_DESC) to keep; None keeps all. Others count as quarantined.
    """

    name: ClassVar[str] = "nypd_complaints"
    summary: ClassVar[str] = "NYPD complaints, native 34-column export; known on the report date"
    categories: list[str] | None = None

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Events:
        """Read complaint files."""
        judged = self._judge(read_files(self.name, paths, COLUMNS), areas)
        return judged.events(masked_categories(judged.points()))

    def scan(self, paths: Sequence[Path], areas: Sequence[Region], batch_rows: int) -> Iterator[Events]:
        """Read complaint files batch by batch, twice: masked categories show in all rows together."""
        judge = partial(self._judge, areas=areas)
        counts = judge_batches(judge, _Judged.points, self.name, paths, COLUMNS, batch_rows)
        events = partial(_Judged.events, masked=masked_categories(reduce(_added, counts)))
        yield from judge_batches(judge, events, self.name, paths, COLUMNS, batch_rows)

    def _judge(self, rows: Rows, areas: Sequence[Region]) -> "_Judged":
        numbers = {"CMPLNT_NUM": "int64", "Latitude": "float64", "Longitude": "float64"}
        rows.read_ahead(texts=COLUMNS[1:6], numbers=numbers)
        occurred, known = _day_and_time(rows), rows.each(["RPT_DT"], _day)
        known = rows.judge_times(occurred, known, ["CMPLNT_FR_DT"], "%Y-%m-%d or %m/%d/%Y")
        category = rows.category("OFNS_DESC")
        if self.categories is not None:
            rows.quarantine(~category.isin(self.categories).to_numpy(), "offence not asked for")
        precinct = check_area_names(rows, rows.category("ADDR_PCT_CD", whole_number), "precinct", areas)
        lon, lat = rows.judge_places(rows.number("Longitude"), rows.number("Latitude"), areas, precinct)
        rows.drop_doubles(rows.key("CMPLNT_NUM"), "complaint number seen before")
        return _Judged(rows, occurred, known, category, precinct, lon, lat)


@dataclass(frozen=True)
class _Judged:
    """Rows judged one by one, before masked categories are known."""

    rows: Rows
    occurred: pd.Series
    known: pd.Series
    category: pd.Series
    precinct: pd.Series
    lon: np.ndarray
    lat: np.ndarray

    def points(self) -> pd.Series:
        return point_counts(self.lon, self.lat, self.precinct, self.category.where(self.rows.usable))

    def events(self, masked: Sequence[str]) -> Events:
        stand_in = self.category.isin(masked).to_numpy() & ~np.isnan(self.lon) & self.rows.usable
        self.rows.repair(stand_in, "station-house point: known to the precinct")
        area_only = stand_in | np.isnan(self.lon)
        known_to = np.select([~area_only, self.precinct.isna().to_numpy()], [0, 2], 1)
        precision = pd.Series(pd.Categorical.from_codes(known_to, pd.Index(["point", "precinct", CITY])))
        return self.rows.events(
            occurred=self.occurred,
            known=self.known,
            lon=np.where(area_only, np.nan, self.lon),
            lat=np.where(area_only, np.nan, self.lat),
            area=self.precinct,
            precision=precision,
            category=self.category,
            weight=1.0,
        )


def _added(one: pd.Series, two: pd.Series) -> pd.Series:
    total: pd.Series = pd.concat([one, two]).groupby(level=[0, 1, 2]).sum()
    return total


def _day(text: pd.Series) -> pd.Series:
    text = text.str.replace(MIDNIGHT, "", regex=True)
    month_first = text.str.match(MONTH_FIRST, na=False)
    return pd.to_datetime(text.where(~month_first), format="%Y-%m-%d", errors="coerce").fillna(
        pd.to_datetime(text.where(month_first), format="%m/%d/%Y", errors="coerce")
    )


def _day_and_time(rows: Rows) -> pd.Series:
    day, clock = rows.each(["CMPLNT_FR_DT"], _day), rows.each(["CMPLNT_FR_TM"], _clock)
    rows.repair((day.notna() & clock.isna()).to_numpy(), "no readable time of day: taken as 00:00")
    return day + clock.fillna(pd.Timedelta(0))


def _clock(text: pd.Series) -> pd.Series:
    return pd.to_timedelta(text.where(text.str.fullmatch(CLOCK, na=False)), errors="coerce")
