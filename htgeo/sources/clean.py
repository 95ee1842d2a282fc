"""The one place where rows are judged: each row of a file is kept, repaired or quarantined, with a reason."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.sources.events import COLUMNS, Events, RowReport
from htgeo.sources.region import Region

NULLS = ("", "(null)", "null", "none", "n/a", "na", "nan", "#n/a")
"""Texts that mean a missing value, compared without case and spaces."""
EARLIEST = "1900-01-01"
MAX_LON, MAX_LAT = 180, 90
MARGIN_KM = 0.5
"""A point this near to the study area still counts as inside (shorelines, street geocoders)."""


class Rows:
    """The rows of a source on their way to events.

    Parameters
    ----------
    table
        The columns read, one row a row of the file, in file order.
    source
        Kind of source, for the report.
    files
        Names of the files.
    file_of
        Index into `files` for each row; None when there is one file.
    malformed
        Lines that could not be split into fields; they count as quarantined rows.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        source: str,
        files: Sequence[str | Path],
        file_of: np.ndarray | None = None,
        malformed: int = 0,
    ) -> None:
        self.row = table.index.to_numpy()
        self.table = table.reset_index(drop=True)
        self.source = source
        self.files = tuple(Path(f).name for f in files)
        self.file_of = np.zeros(len(table), int) if file_of is None else file_of
        self.malformed = malformed
        self.reason = np.full(len(table), "", dtype=object)
        self.repairs: dict[str, np.ndarray] = {}
        self.notes: list[str] = []

    @property
    def usable(self) -> np.ndarray:
        """Rows not quarantined so far (bool)."""
        return np.asarray(self.reason == "")

    def quarantine(self, mask: np.ndarray, reason: str) -> None:
        """Set rows aside; the first reason of a row stands."""
        self.reason[np.asarray(mask, bool) & self.usable] = reason

    def repair(self, mask: np.ndarray, what: str) -> None:
        """Note that rows are used after a repair."""
        mask = np.asarray(mask, bool)
        if mask.any():
            self.repairs[what] = self.repairs.get(what, np.zeros(len(self.row), bool)) | mask

    def text(self, column: str) -> pd.Series:
        """Return a column as stripped text, missing where it says so in words."""
        values = self.table[column]
        if not pd.api.types.is_string_dtype(values):
            values = values.astype("string").astype("str")
        values = values.str.strip()
        return values.mask(values.str.lower().isin(NULLS) | values.isna())

    def code(self, column: str) -> pd.Series:
        """Return a column of whole-number codes as text: ``110.0`` becomes ``110``."""
        return self.text(column).str.replace(r"\.0+$", "", regex=True)

    def number(self, column: str) -> np.ndarray:
        """Return a column as float64, NaN where missing or unreadable."""
        if pd.api.types.is_numeric_dtype(self.table[column]):
            return self.table[column].to_numpy(float)
        return pd.to_numeric(self.text(column), errors="coerce").to_numpy(float)

    def times(self, columns: Sequence[str], time_format: str = "ISO8601") -> pd.Series:
        """Return times from one column, or from a date and a time column, by their declared format.

        Parameters
        ----------
        columns
            One or two column names; two are joined by a space before reading.
        time_format
            A strptime format, or ``"ISO8601"``. Nothing is guessed.

        Returns
        -------
        Series of datetime64
            NaT where missing or unreadable; in UTC if the text carries an offset.
        """
        if len(columns) == 1 and pd.api.types.is_datetime64_any_dtype(self.table[columns[0]]):
            return self.table[columns[0]]
        text = self.text(columns[0])
        for column in columns[1:]:
            text = text + " " + self.text(column).fillna("00:00:00")
        if "%z" in time_format or (
            time_format == "ISO8601" and text.str.contains(r"\dT?\d.*(?:Z|[+-]\d\d:?\d\d)$", regex=True, na=False).any()
        ):
            return pd.to_datetime(text, format=time_format, errors="coerce", utc=True)
        return pd.to_datetime(text, format=time_format, errors="coerce")

    def judge_times(self, occurred: pd.Series, known: pd.Series, columns: Sequence[str], time_format: str) -> pd.Series:
        """Quarantine rows without a usable time, repair impossible delays, and return the mended known times."""
        missing = (
            self.text(columns[0]).isna().to_numpy()
            if not _is_time(self.table[columns[0]])
            else occurred.isna().to_numpy()
        )
        self.quarantine(missing, "no date")
        self.quarantine(occurred.isna().to_numpy(), "unreadable date")
        if self.usable.sum() == 0 and len(self.row):
            example = self.table[columns[0]].dropna().iloc[:1].to_list()
            message = (
                f"no date of {self.files[0]} in column {columns[0]!r} can be read with the format {time_format!r}; "
                f"the first is {example[0] if example else 'missing'!r}. Give time_format, e.g. '%m/%d/%Y %I:%M:%S %p'"
            )
            raise InputError(message)
        edge = pd.Timestamp(EARLIEST, tz=occurred.dt.tz)
        self.quarantine((occurred < edge).to_numpy(), f"date before {EARLIEST}")
        self.repair(known.isna().to_numpy() & self.usable, "no known date: taken as occurred")
        early = (known.dt.normalize() < occurred.dt.normalize()).to_numpy()
        self.repair(early & self.usable, "known before it occurred: taken as occurred")
        return known.mask(known.isna() | early, occurred)

    def drop_doubles(self, keys: pd.Series, what: str) -> None:
        """Quarantine every usable row whose key stood on an earlier usable row."""
        usable = self.usable
        double = np.zeros(len(usable), bool)
        double[usable] = keys[usable].duplicated().to_numpy() & keys[usable].notna().to_numpy()
        self.quarantine(double, what)

    def judge_places(
        self, lon: np.ndarray, lat: np.ndarray, areas: Sequence[Region], area: pd.Series | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Judge coordinates; rows with an area keep it where their point cannot be used.

        Parameters
        ----------
        lon, lat
            Degrees WGS 84, shape (row,).
        areas
            Region layers; the first one bounds the study area. Empty: only ranges are checked.
        area
            Area name of each row, missing where unknown.

        Returns
        -------
        lon, lat
            NaN where the row is not a usable point.
        """
        placed = area.notna().to_numpy() if area is not None else np.zeros(len(lon), bool)
        bad = {
            "no coordinates": np.isnan(lon) | np.isnan(lat),
            "coordinates are 0/0": (lon == 0) & (lat == 0),
            "latitude or longitude out of range": (np.abs(lat) > MAX_LAT) | (np.abs(lon) > MAX_LON),
        }
        ok = ~np.logical_or.reduce(list(bad.values()))
        if areas:
            inside = areas[0].covers(np.where(ok, lon, np.nan), np.where(ok, lat, np.nan), margin_km=MARGIN_KM)
            swapped = ~inside & areas[0].covers(lat, lon, margin_km=MARGIN_KM)
            bad["latitude and longitude look swapped"] = swapped
            bad["outside the study area"] = ok & ~inside & ~swapped
            self._refuse_all_outside(bad, lon, lat, placed)
        for reason, mask in bad.items():
            self.repair(mask & placed & self.usable, f"{reason}: placed by its area")
            self.quarantine(mask & ~placed, reason)
        unusable = np.logical_or.reduce(list(bad.values()))
        return np.where(unusable, np.nan, lon), np.where(unusable, np.nan, lat)

    def _refuse_all_outside(
        self, bad: dict[str, np.ndarray], lon: np.ndarray, lat: np.ndarray, placed: np.ndarray
    ) -> None:
        swapped, outside = bad["latitude and longitude look swapped"], bad["outside the study area"]
        judged = self.usable & ~bad["no coordinates"] & ~placed
        if not judged.any() or not (swapped | outside)[judged].all():
            return
        first = np.flatnonzero(judged)[0]
        hint = (
            "longitude and latitude look swapped: exchange them in the columns setting"
            if swapped[judged].sum() > outside[judged].sum()
            else "check the region, or the coordinate system (columns x, y and crs)"
        )
        message = f"all {judged.sum():,} points of {self.files[0]} lie outside the study area (the first at lon {lon[first]:g}, lat {lat[first]:g}); {hint}"
        raise InputError(message)

    def events(self, **columns: pd.Series | np.ndarray | str | float) -> Events:
        """Return the usable rows as events with their report; `columns` are those of an event table."""
        table = pd.DataFrame(columns, index=range(len(self.row)))
        table = table[self.usable].reset_index(drop=True)
        table["area"] = table["area"].fillna("")
        table["category"] = table["category"].fillna("")
        return Events(table[list(COLUMNS)], self.report(table["precision"]))

    def report(self, precision: pd.Series | None = None) -> RowReport:
        """Return the numbers so far."""
        usable = self.usable
        mended = np.logical_or.reduce([np.zeros(len(usable), bool), *self.repairs.values()]) & usable
        reasons = pd.Series(self.reason[~usable]).value_counts().to_dict()
        if self.malformed:
            reasons["malformed line: wrong number of fields"] = self.malformed
        aside = self.table[~usable].copy()
        aside.insert(0, "reason", self.reason[~usable])
        aside.insert(0, "row", self.row[~usable])
        aside.insert(0, "file", [self.files[i] for i in self.file_of[~usable]])
        return RowReport(
            source=self.source,
            files=self.files,
            rows=len(usable) + self.malformed,
            kept=int((usable & ~mended).sum()),
            repaired=int(mended.sum()),
            quarantined=int((~usable).sum()) + self.malformed,
            repairs={what: int((mask & usable).sum()) for what, mask in self.repairs.items() if (mask & usable).any()},
            reasons={str(k): int(v) for k, v in reasons.items()},
            precision={} if precision is None else {str(k): int(v) for k, v in precision.value_counts().items()},
            notes=tuple(self.notes),
            quarantine=aside,
        )


def _is_time(values: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(values))
