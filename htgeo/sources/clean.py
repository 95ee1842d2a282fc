"""The one place where rows are judged: each row of a file is kept, repaired or quarantined, with a reason."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError, RowsWarning
from htgeo.sources.events import COLUMNS, Events, RowReport, require_usable
from htgeo.sources.region import Region
from htgeo.sources.seen import Seen
from htgeo.sources.texts import NULLS, OFFSET, cast_all, is_time, read_numbers, whole_number

EARLIEST = "1900-01-01"
MAX_LON, MAX_LAT = 180, 90
MALFORMED = "malformed line: wrong number of fields, or an open quote"
FAULTS = (
    "unreadable date",
    "no readable known date",
    "unreadable coordinates",
    "latitude or longitude out of range",
    "latitude and longitude look swapped",
    "outside the study area",
)
"""Reasons that speak of a wrong setting when many rows have them."""
FAULT_SHARE, MANY = 0.2, 100
MARGIN_KM = 0.5
"""A point this near to the study area still counts as inside (shorelines, street geocoders)."""


def check_zone(time_zone: str) -> None:
    """Raise unless `time_zone` is a name of the IANA data base."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"there is no time zone {time_zone!r}; use an IANA name such as 'America/New_York'"
        raise InputError(message) from error


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
        (file, row number) of lines that could not be split into fields; they count as quarantined rows.
    seen
        Keys of the rows before these, where the rows are one batch of several; None where they are all. Only all rows
        together are judged as a whole (no readable date, everything outside the study area).
    """

    def __init__(
        self,
        table: pd.DataFrame,
        source: str,
        files: Sequence[str | Path],
        file_of: np.ndarray | None = None,
        malformed: Sequence[tuple[int, int]] = (),
        seen: Seen | None = None,
    ) -> None:
        self.row = table.index.to_numpy()
        self.table = table.reset_index(drop=True)
        self.source = source
        self.files = tuple(Path(f).name for f in files)
        self.file_of = np.zeros(len(table), int) if file_of is None else file_of
        self.malformed = malformed
        self.seen = seen
        self._reasons: list[str] = [""]
        self._reason = np.zeros(len(table), np.int8)
        self.repairs: dict[str, np.ndarray] = {}
        self.notes: list[str] = []
        self.unreadable = np.zeros(len(table), bool)
        self._texts: dict[str, tuple[np.ndarray, pd.Series]] = {}
        self._casts: dict[tuple[str, str], np.ndarray | None] = {}

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

    def each(self, columns: Sequence[str], judge: Callable[[pd.Series], pd.Series]) -> pd.Series:
        """Return ``judge(text)`` for every row of a column, working on its distinct texts only.

        Parameters
        ----------
        columns
            One column; or two, joined by a space, the second being 00:00:00 where missing.
        judge
            Gets stripped texts, missing where they say so in words, and returns a value for each.
        """
        codes, text = self._distinct(columns[0])
        for column in columns[1:]:
            more, clock = self._distinct(column)
            pairs, distinct = pd.factorize(codes * np.int64(len(clock)) + more)
            one, two = np.divmod(distinct, max(len(clock), 1))
            codes = pairs
            text = (
                text.take(one).reset_index(drop=True) + " " + clock.fillna("00:00:00").take(two).reset_index(drop=True)
            )
        return pd.Series(judge(text).array.take(codes))

    def _distinct(self, column: str) -> tuple[np.ndarray, pd.Series]:
        """Return the number of each row's text among the distinct ones, and these, stripped."""
        if column not in self._texts:
            values = self.table[column]
            if not pd.api.types.is_string_dtype(values):
                values = values.astype("string").astype("str")
            codes, distinct = pd.factorize(values, use_na_sentinel=False)
            text = pd.Series(distinct, dtype="str").str.strip()
            self._texts[column] = codes, text.mask(text.str.lower().isin(NULLS) | text.isna())
        return self._texts[column]

    def read_ahead(self, *, texts: Sequence[str], numbers: Mapping[str, str]) -> None:
        """Take columns apart on several threads.

        Parameters
        ----------
        texts
            Columns for `each`, `text`, `code` and `category`.
        numbers
            Columns for `number` (``"float64"``) and `key` (``"int64"``).
        """
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done in [pool.submit(self._cast, *number) for number in numbers.items()] + [
                pool.submit(self._distinct, column) for column in texts
            ]:
                done.result()

    def _cast(self, column: str, dtype: str) -> np.ndarray | None:
        """Return a column as numbers, None where one of its texts is none."""
        if (column, dtype) not in self._casts:
            self._casts[column, dtype] = cast_all(self.table[column], dtype)
        return self._casts[column, dtype]

    def text(self, column: str) -> pd.Series:
        """Return a column as stripped text, missing where it says so in words."""
        return self.each([column], lambda text: text)

    def code(self, column: str) -> pd.Series:
        """Return a column of whole-number codes as text: ``110.0`` becomes ``110``."""
        return self.each([column], whole_number)

    def category(self, column: str, judge: Callable[[pd.Series], pd.Series] = lambda text: text) -> pd.Series:
        """Return a column of few distinct texts as categories; see `each`."""
        codes, text = self._distinct(column)
        number, names = pd.factorize(judge(text))
        return pd.Series(pd.Categorical.from_codes(number[codes], names))

    def number(self, column: str, decimal: str = ".") -> np.ndarray:
        """Return a column as float64, NaN where missing or unreadable (noted in `unreadable`)."""
        values = self.table[column]
        if pd.api.types.is_numeric_dtype(values):
            return values.to_numpy(float)
        plain = self._cast(column, "float64") if decimal == "." else None
        if plain is not None:
            return np.asarray(plain, float)
        number = self.each([column], lambda text: read_numbers(text, decimal)).to_numpy(float)
        self.unreadable |= np.isnan(number) & self.each([column], pd.Series.notna).to_numpy()
        return number

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
        if self.seen is not None and times.notna().any():
            self.seen.require_one_clock(columns[0], times)
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
        if self.seen is None and self.usable.sum() == 0 and len(self.row):
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
        if self.seen is None and known.isna().all() and occurred.notna().any():
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
        if self.seen is not None:
            double[usable] |= self.seen.before(what, keys[usable]) & keys[usable].notna().to_numpy()
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
            "unreadable coordinates": (np.isnan(lon) | np.isnan(lat)) & self.unreadable,
            "no coordinates": (np.isnan(lon) | np.isnan(lat)) & ~self.unreadable,
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
        judged = self.usable & ~np.isnan(lon) & ~np.isnan(lat) & ~placed
        if self.seen is not None or not judged.any() or not (swapped | outside)[judged].all():
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
        faults = np.isin(reason, FAULTS).sum() + len(self.malformed)
        if len(usable) >= MANY and faults > FAULT_SHARE * len(usable):
            message = f"{faults:,} of {len(usable):,} rows of {', '.join(self.files)} cannot be read as told: look at their reasons, and at the columns and formats given"
            warnings.warn(message, RowsWarning, stacklevel=4)
        mended = np.logical_or.reduce([np.zeros(len(usable), bool), *self.repairs.values()]) & usable
        reasons = pd.Series(reason).value_counts().to_dict()
        if self.malformed:
            reasons[MALFORMED] = len(self.malformed)
        aside = self.table[~usable].reset_index(drop=True)
        aside.insert(0, "reason", reason)
        aside.insert(0, "row", self.row[~usable])
        aside.insert(0, "file", [self.files[i] for i in self.file_of[~usable]])
        lines = pd.DataFrame(
            [(self.files[file], row, MALFORMED) for file, row in self.malformed], columns=["file", "row", "reason"]
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
        if self.seen is None:
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
