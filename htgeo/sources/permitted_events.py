"""Permitted events of New York City (tvpp-9vvx and its history), which have no coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from htgeo.sources.base import Source
from htgeo.sources.clean import Rows
from htgeo.sources.csv_file import column_names
from htgeo.sources.events import Events
from htgeo.sources.files import existing, read_rows
from htgeo.sources.region import Region

COLUMNS = ("Event ID", "Event Name", "Event Type", "Event Borough", "Community Board", "Police Precinct")
NATIVE_TIMES = ("Start Date/Time", "End Date/Time")
SPLIT_TIMES = ("start_date", "start_time", "end_date", "end_time")
NATIVE_FORMAT = "%m/%d/%Y %I:%M:%S %p"
LEVELS = (("precinct", "Police Precinct"), ("community_board", "Community Board"), ("borough", "Event Borough"))


@dataclass(frozen=True)
class NycPermittedEvents(Source):
    """Permitted events: placed by precinct list, else community board, else borough; counted on each of their days.

    Reads the native export and the variant with lower-case columns and split dates. Permits are published ahead, but
    the files do not say when: an event counts as known on its own day, never earlier. Several precincts are one area
    event over all of them. Where region layers are given, levels without a layer are passed over.

    Parameters
    ----------
    types
        Event types to keep; None keeps all.
    max_days
        Events lasting longer are quarantined: a permit for 18 months is not an event.
    """

    name: ClassVar[str] = "nyc_permitted_events"
    summary: ClassVar[str] = "NYC permitted events, native or lower-case columns; placed by precinct, board or borough"
    types: list[str] | None = None
    max_days: int = 366

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Events:
        """Read permit files."""
        rows = _read(self.name, paths)
        start, end = _times(rows)
        rows.judge_times(start, start, ["start"], NATIVE_FORMAT)
        rows.repair((end.isna().to_numpy()) & rows.usable, "no end: taken as the start day")
        end = end.fillna(start)
        rows.quarantine((end < start).to_numpy(), "ends before it starts")
        days = (end.dt.normalize() - start.dt.normalize()).dt.days.fillna(0).to_numpy(int) + 1
        rows.quarantine(days > self.max_days, f"lasts more than {self.max_days} days")
        rows.quarantine(
            rows.text("Event Name").str.contains(r"\bcancell?ed\b", case=False, na=False).to_numpy(), "cancelled"
        )
        if self.types is not None:
            rows.quarantine(~rows.text("Event Type").isin(self.types).to_numpy(), "event type not asked for")
        rows.drop_doubles(rows.code("Event ID") + start.astype("str"), "event id and start seen before")
        precision, area = _place(rows, areas)
        rows.quarantine(precision == "", "no precinct, community board or borough that is known")
        events = rows.events(
            occurred=start,
            known=start,
            lon=np.nan,
            lat=np.nan,
            area=area,
            precision=precision,
            category=rows.text("Event Type"),
            weight=1.0,
        )
        return Events(_each_day(events.table, days[rows.usable]), events.report)


def _read(source: str, paths: Sequence[Path]) -> Rows:
    """Read files of either kind as one set of rows with the native column names, ``start`` and ``end``."""
    tables, malformed = [], []
    for number, path in enumerate(paths):
        lower = {name.lower(): name for name in COLUMNS}
        if SPLIT_TIMES[0] in column_names(existing(path)):
            table, bad = read_rows(path, [*lower, *SPLIT_TIMES])
            table = table.rename(columns=lower)
            for edge in ("start", "end"):
                table[edge] = table.pop(f"{edge}_date") + " " + table.pop(f"{edge}_time")
        else:
            table, bad = read_rows(path, [*COLUMNS, *NATIVE_TIMES])
            table = table.rename(columns=dict(zip(NATIVE_TIMES, ("start", "end"), strict=True)))
        tables.append(table)
        malformed += [(number, row) for row in bad]
    file_of = np.repeat(np.arange(len(tables)), [len(t) for t in tables])
    return Rows(pd.concat(tables), source, paths, file_of, malformed)


def _times(rows: Rows) -> tuple[pd.Series, pd.Series]:
    """Return start and end, month-first in the native export and ISO in the variant."""
    both = []
    for edge in ("start", "end"):
        iso = rows.times([edge], "%Y-%m-%d %H:%M:%S")
        both.append(iso.fillna(rows.times([edge], NATIVE_FORMAT)))
    return both[0], both[1]


def _place(rows: Rows, areas: Sequence[Region]) -> tuple[np.ndarray, pd.Series]:
    """Return precision and area of each row at the finest level known."""
    layers = {region.layer: set(region.names) for region in areas}
    precision = np.full(len(rows.row), "", dtype=object)
    area = pd.Series("", index=range(len(rows.row)), dtype="str")
    for layer, column in LEVELS:
        if layers and layer not in layers:
            continue
        known = layers.get(layer)
        names = rows.text(column).map(partial(_names, known=known), na_action="ignore").fillna("")
        free = (precision == "") & (names != "").to_numpy()
        precision[free] = layer
        area = area.mask(free, names)
        if layers:
            missed = (precision == "") & rows.text(column).notna().to_numpy()
            rows.repair(missed & rows.usable, f"{layer} not in the region layer: placed at a coarser level")
    return precision, area


def _names(text: str, known: set[str] | None) -> str:
    """Return ``5|6`` for ``5, 6,``: numbers without leading zeros, only names the layer knows."""
    parts = [part.strip() for part in text.split(",")]
    names = [part.lstrip("0") if part.isdigit() else part for part in parts]
    names = [name for name in names if name and name not in ("0", "N/A")]
    return "|".join(dict.fromkeys(name for name in names if known is None or name in known))


def _each_day(table: pd.DataFrame, days: np.ndarray) -> pd.DataFrame:
    """Return one row for each day of each event; later days start at midnight."""
    repeated = table.loc[np.repeat(table.index, days)].reset_index(drop=True)
    offset = np.concatenate([np.arange(n) for n in days]) if len(days) else np.zeros(0, int)
    later = repeated["occurred"].dt.normalize() + pd.to_timedelta(offset, unit="D")
    occurred = repeated["occurred"].where(offset == 0, later)
    return repeated.assign(occurred=occurred, known=occurred)
