"""NYPD complaint data, the native export of NYC Open Data (qgea-i56i, 5uac-w243)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from htgeo.sources.base import Source
from htgeo.sources.clean import Rows
from htgeo.sources.events import Events
from htgeo.sources.precision import one_point_per_area
from htgeo.sources.region import Region
from htgeo.sources.table import check_area_names, read_files

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
        rows = read_files(self.name, paths, COLUMNS)
        occurred, known = _day_and_time(rows), rows.each(["RPT_DT"], _day)
        known = rows.judge_times(occurred, known, ["CMPLNT_FR_DT"], "%Y-%m-%d or %m/%d/%Y")
        category = rows.text("OFNS_DESC")
        if self.categories is not None:
            rows.quarantine(~category.isin(self.categories).to_numpy(), "offence not asked for")
        precinct = check_area_names(rows, rows.code("ADDR_PCT_CD"), "precinct", areas)
        lon, lat = rows.judge_places(rows.number("Longitude"), rows.number("Latitude"), areas, precinct)
        rows.drop_doubles(rows.key("CMPLNT_NUM"), "complaint number seen before")
        masked = one_point_per_area(lon, lat, precinct, category.where(rows.usable)) & rows.usable
        rows.repair(masked, "station-house point: known to the precinct")
        area_only = masked | np.isnan(lon)
        return rows.events(
            occurred=occurred,
            known=known,
            lon=np.where(area_only, np.nan, lon),
            lat=np.where(area_only, np.nan, lat),
            area=precinct,
            precision=np.where(area_only, "precinct", "point"),
            category=category,
            weight=1.0,
        )


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
