"""The one place where rows are judged: each row of a file is kept, repaired or quarantined, with a reason."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.sources.columns import Columns
from htgeo.sources.events import COLUMNS, MALFORMED, Events, RowReport, require_usable
from htgeo.sources.region import Region
from htgeo.sources.seen import Earlier, Told
from htgeo.sources.texts import OFFSET, is_time

EARLIEST = "1900-01-01"
MAX_LON, MAX_LAT = 180, 90
MARGIN_KM = 0.5
"""A point this near to the study area still counts as inside (shorelines, street geocoders)."""
LOCATING = Lock()
"""Areas are for one thread at a time; a worker of a cluster may judge several batches."""


def check_zone(time_zone: str) -> None:
    """Raise unless `time_zone` is a name of the IANA data base."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"there is no time zone {time_zone!r}; use an IANA name such as 'America/New_York'"
        raise InputError(message) from error


class Rows(Columns):
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
        (file, row number) of lines that could not be split into fields; they count as quarantined rows.
    whole
        Whether these are all rows, or a batch of them. Only all rows together are judged as a whole (no readable date,
        everything outside the study area), and a batch may repeat rows of earlier ones; see `told` and `set_after`.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        source: str,
        files: Sequence[str | Path],
        file_of: np.ndarray | None = None,
        malformed: Sequence[tuple[int, int]] = (),
        *,
        whole: bool = True,
    ) -> None:
        super().__init__(table)
        self.source = source
        self.files = tuple(Path(f).name for f in files)
        self.file_of = np.zeros(len(table), int) if file_of is None else file_of
        self.malformed = malformed
        self.whole = whole
        self.lines_before = 0
        self._clocks: dict[str, bool] = {}
        self._keyed, self._keys, self._double = np.zeros(0, int), np.zeros(0, np.uint64), ""
        self._reasons: list[str] = [""]
        self._reason = np.zeros(len(table), np.int8)
        self.repairs: dict[str, np.ndarray] = {}
        self.notes: list[str] = []

    @property
    def usable(self) -> np.ndarray:
        """Rows not quarantined so far (bool)."""
        return np.asarray(self._reason == 0)

    def quarantine(self, mask: np.ndarray, reason: str) -> None:
        """Set rows aside; the first reason of a row stands."""
        mask = np.asarray(mask, bool) & self.usable
        if mask.any():
            self._reasons.append(reason)
            self._reason[mask] = len(self._reasons) - 1

    def repair(self, mask: np.ndarray, what: str) -> None:
        """Note that rows are used after a repair."""
        mask = np.asarray(mask, bool)
        if mask.any():
            self.repairs[what] = self.repairs.get(what, np.zeros(len(self.row), bool)) | mask

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

        def judge(text: pd.Series) -> pd.Series:
            offset = text.str.contains(OFFSET, regex=True, na=False)
            if "%z" in time_format:
                return pd.to_datetime(text, format=time_format, errors="coerce", utc=True)
            if time_format == "ISO8601" and offset.any():
                if not offset[text.notna()].all():
                    self.notes.append(
                        f"some times in {columns[0]!r} have an offset from UTC, those without are not used"
                    )
                return pd.to_datetime(text.where(offset), format=time_format, errors="coerce", utc=True)
            try:
                return pd.to_datetime(text, format=time_format, errors="coerce")
            except ValueError as error:
                message = f"the time format {time_format!r} cannot be used: {error}; e.g. '%m/%d/%Y %I:%M:%S %p'"
                raise InputError(message) from error

        times = self.each(columns, judge)
        if times.notna().any():
            self._clocks[columns[0]] = times.dt.tz is not None
        return times

    def judge_times(self, occurred: pd.Series, known: pd.Series, columns: Sequence[str], time_format: str) -> pd.Series:
        """Quarantine rows without a usable time, repair impossible delays, and return the mended known times."""
        if occurred.dt.tz is not None and known.isna().all():
            known = known.dt.tz_localize(None).dt.tz_localize(occurred.dt.tz)
        if known.dt.tz is not None and occurred.isna().all():
            occurred = occurred.dt.tz_localize(None).dt.tz_localize(known.dt.tz)
        missing = (
            self.each(columns[:1], pd.Series.isna).to_numpy()
            if not is_time(self.table[columns[0]])
            else occurred.isna().to_numpy()
        )
        self.quarantine(missing, "no date")
        self.quarantine(occurred.isna().to_numpy(), "unreadable date")
        if self.whole and self.usable.sum() == 0 and len(self.row):
            example = self.table[columns[0]].dropna().iloc[:1].to_list()
            message = (
                f"no date of {self.files[0]} in column {columns[0]!r} can be read with the format {time_format!r}; "
                f"the first is {example[0] if example else 'missing'!r}. Give its format (time_format), e.g. '%d/%m/%Y' or '%m/%d/%Y %I:%M:%S %p'"
            )
            raise InputError(message)
        occurred_day, known_day = _local_days(occurred), _local_days(known)
        self.quarantine(occurred_day < np.datetime64(EARLIEST), f"date before {EARLIEST}")
        if (occurred.dt.tz is None) != (known.dt.tz is None):
            message = f"in {self.files[0]} only one of occurred and known has an offset from UTC; give time_zone for times without"
            raise InputError(message)
        if self.whole and known.isna().all() and occurred.notna().any():
            message = f"no date in {self.files[0]} on which an event became known can be read; check its column and format (known_format)"
            raise InputError(message)
        self.quarantine(known.isna().to_numpy(), "no readable known date")
        early = known_day < occurred_day
        self.repair(early & self.usable, "known before it occurred: taken as occurred")
        return known.mask(early, occurred)

    def key(self, column: str) -> pd.Series:
        """Return a column that names its row: whole numbers where all rows have one, else its code."""
        whole = self._cast(column, "int64")
        return self.code(column) if whole is None or pd.isna(whole).any() else pd.Series(whole)

    def drop_doubles(self, keys: pd.Series, what: str) -> None:
        """Quarantine every usable row whose key stood on an earlier usable row."""
        usable = self.usable
        double = np.zeros(len(usable), bool)
        double[usable] = (keys[usable].duplicated() & keys[usable].notna()).to_numpy()
        self.quarantine(double, what)
        if not self.whole:
            self._keyed, self._double = np.flatnonzero(self.usable & keys.notna().to_numpy()), what
            self._keys = pd.util.hash_array(keys.iloc[self._keyed].astype("str").to_numpy(dtype=object))

    def told(self, file: int) -> Told:
        """Return what the batches after this one must know; forget what took the columns apart."""
        self._texts, self._casts = {}, {}
        return Told(file, len(self.row) + len(self.malformed), self._clocks, self._keys)

    def set_after(self, earlier: Earlier) -> None:
        """Quarantine the rows that repeat those of earlier batches, and count rows from the start of the file."""
        double = np.zeros(len(self.row), bool)
        double[self._keyed] = earlier.has_key
        self.quarantine(double, self._double)
        self.lines_before = earlier.lines

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
            "unreadable coordinates": (np.isnan(lon) | np.isnan(lat)) & self.unreadable,
            "no coordinates": (np.isnan(lon) | np.isnan(lat)) & ~self.unreadable,
            "coordinates are 0/0": (lon == 0) & (lat == 0),
            "latitude or longitude out of range": (np.abs(lat) > MAX_LAT) | (np.abs(lon) > MAX_LON),
        }
        ok = ~np.logical_or.reduce(list(bad.values()))
        if areas:
            with LOCATING:
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
        judged = self.usable & ~np.isnan(lon) & ~np.isnan(lat) & ~placed
        if not self.whole or not judged.any() or not (swapped | outside)[judged].all():
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
        if not self.usable.all():
            table = table[self.usable].reset_index(drop=True)
        for name in ("area", "precision", "category"):  # few distinct texts: a byte or two a row
            table[name] = _used_texts(table[name])
        return Events(table[list(COLUMNS)], self.report(table["precision"]))

    def report(self, precision: pd.Series | None = None) -> RowReport:
        """Return the numbers so far."""
        usable = self.usable
        reason = np.array(self._reasons, dtype=object)[self._reason[~usable]]
        mended = np.logical_or.reduce([np.zeros(len(usable), bool), *self.repairs.values()]) & usable
        reasons = pd.Series(reason).value_counts().to_dict()
        if self.malformed:
            reasons[MALFORMED] = len(self.malformed)
        aside = self.table[~usable].reset_index(drop=True)
        aside.insert(0, "reason", pd.Series(reason, dtype="str"))
        aside.insert(0, "row", self.lines_before + self.row[~usable])
        aside.insert(0, "file", pd.Series([self.files[i] for i in self.file_of[~usable]], dtype="str"))
        lines = pd.DataFrame(
            [(self.files[file], self.lines_before + row, MALFORMED) for file, row in self.malformed],
            columns=["file", "row", "reason"],
        )
        aside = pd.concat([aside, lines], ignore_index=True) if self.malformed else aside
        report = RowReport(
            source=self.source,
            files=self.files,
            rows=len(usable) + len(self.malformed),
            kept=int((usable & ~mended).sum()),
            repaired=int(mended.sum()),
            quarantined=int((~usable).sum()) + len(self.malformed),
            repairs={what: int((mask & usable).sum()) for what, mask in self.repairs.items() if (mask & usable).any()},
            reasons={str(k): int(v) for k, v in reasons.items()},
            precision={} if precision is None else {str(k): int(v) for k, v in precision.value_counts().items()},
            notes=tuple(self.notes),
            quarantine=aside,
        )
        if self.whole:
            require_usable(report)
        return report


def _local_days(times: pd.Series) -> np.ndarray:
    """Return the day of each time in its own zone."""
    return (times if times.dt.tz is None else times.dt.tz_localize(None)).to_numpy().astype("datetime64[D]")


def _used_texts(column: pd.Series) -> pd.Categorical:
    """Return texts as categories, each of them used; an empty text, the last, where one is missing."""
    texts = column.astype("category").array
    used = np.bincount(texts.codes.astype(np.int32) + 1, minlength=len(texts.categories) + 1) > 0
    empty = np.append(True, texts.categories == "")  # the first place is that of missing texts
    named = used & ~empty
    code = np.where(named, np.cumsum(named) - 1, named.sum())[texts.codes.astype(np.int32) + 1]
    names = [*texts.categories[named[1:]], *([""] if (used & empty).any() else [])]
    return pd.Categorical.from_codes(code, pd.Index(names, dtype=texts.categories.dtype if names else "str"))
