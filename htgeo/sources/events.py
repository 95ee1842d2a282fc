"""The event table and the report of what became of each row."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError, RowsWarning

COLUMNS = ("occurred", "known", "lon", "lat", "area", "precision", "category", "weight")
"""Columns of an event table, in this order."""
QUARANTINE_KEPT = 100_000
"""Most quarantined rows that a scan keeps; all are counted."""
MALFORMED = "malformed line: wrong number of fields, or an open quote"
"""Reason of lines that could not be split into fields."""
FAULTS = (
    "unreadable date",
    "no readable known date",
    "unreadable coordinates",
    "latitude or longitude out of range",
    "latitude and longitude look swapped",
    "outside the study area",
    MALFORMED,
)
"""Reasons that speak of a wrong setting when many rows have them."""
FAULT_SHARE, MANY = 0.2, 100
SHOWN = 20
"""Most known names that a message lists."""


@dataclass(frozen=True)
class RowReport:
    """What became of the rows of a source: each is kept, repaired or quarantined.

    Attributes
    ----------
    source
        Kind of source.
    files
        File names read.
    rows
        Rows in the files; ``kept + repaired + quarantined == rows``.
    kept, repaired, quarantined
        Rows used as they are, used after a repair, and not used.
    repairs, reasons
        Rows by repair (a row may have several) and by reason of quarantine (a row has one).
    precision
        Events by precision: ``point`` or the region layer they are known to.
    notes
        Remarks that are not about single rows.
    quarantine
        The quarantined rows: file, row number (1 is the first row of data), reason, and the columns read.
    """

    source: str
    files: tuple[str, ...]
    rows: int
    kept: int
    repaired: int
    quarantined: int
    repairs: dict[str, int]
    reasons: dict[str, int]
    precision: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    quarantine: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values, for ``rows.json``."""
        names = (
            "source",
            "files",
            "rows",
            "kept",
            "repaired",
            "quarantined",
            "repairs",
            "reasons",
            "precision",
            "notes",
        )
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in names}

    def write_quarantine(self, path: str | Path) -> None:
        """Write the quarantined rows with their reasons to a CSV file."""
        from htgeo.sources.files import formula_safe

        formula_safe(self.quarantine).to_csv(path, index=False)

    def __str__(self) -> str:
        lines = [
            f"{self.source}: {self.rows:,} rows = {self.kept:,} kept + {self.repaired:,} repaired + {self.quarantined:,} quarantined"
        ]
        for title, counts in (("repaired", self.repairs), ("quarantined", self.reasons), ("precision", self.precision)):
            lines += [f"  {title}: {count:,} {what}" for what, count in counts.items()]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class Events:
    """Events with their place, precision and two clocks.

    Attributes
    ----------
    table
        One row an event. ``occurred`` and ``known``: local civil time (or UTC, when the file says so); ``lon``,
        ``lat``: degrees WGS 84, missing unless the place is a point; ``area``: name of the area, several joined by
        ``|``; ``precision``: ``point`` or the region layer that `area` belongs to (``city``: the whole study area);
        ``category``: text; ``weight``: number of events the row stands for.
    report
        What became of the rows of the file.
    """

    table: pd.DataFrame
    report: RowReport

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        days = self.table["occurred"].agg(["min", "max"]).dt.strftime("%Y-%m-%d").tolist() if len(self) else ["none"]
        kinds = self.table["precision"].value_counts().items()
        return f"<Events: {len(self):,}, {' to '.join(days)}; " + ", ".join(f"{n:,} {kind}" for kind, n in kinds) + ">"

    def select(self, *, category: str | Iterable[str] | None = None, precision: str | None = None) -> "Events":
        """Return the events of some categories or of one precision.

        Parameters
        ----------
        category
            One category or several; None keeps all.
        precision
            ``"point"`` or a region layer; None keeps all.

        Returns
        -------
        Events

        Raises
        ------
        InputError
            If no event has such a category or precision.
        """
        table = self.table
        if category is not None:
            wanted = [category] if isinstance(category, str) else list(category)
            table = _matching(table, "category", wanted)
        if precision is not None:
            table = _matching(table, "precision", [precision])
        return replace(self, table=table)

    def thin(self, share: float, *, seed: int = 0) -> "Events":
        """Return a random share of the events: what would be known, were fewer of them reported.

        Parameters
        ----------
        share
            Share of the events kept, above 0 and at most 1.
        seed
            Seed of the draw.

        Raises
        ------
        InputError
            If the share is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            message = f"the share kept must be above 0 and at most 1, not {share!r}"
            raise InputError(message)
        keep = np.random.default_rng(seed).random(len(self)) < share
        return replace(self, table=self.table[keep].reset_index(drop=True))

    def delay(self, days: int) -> "Events":
        """Return the events as known so many days later: what would be, were they reported later.

        Parameters
        ----------
        days
            Days added to the day each event became known, at least 0.

        Raises
        ------
        InputError
            If the days are below 0, which would let a forecast know events early.
        """
        if days < 0:
            message = f"events can be known later, not earlier: the delay must be at least 0 days, not {days!r}"
            raise InputError(message)
        return replace(self, table=self.table.assign(known=self.table["known"] + pd.Timedelta(days=days)))

    def by_category(self, prefix: str) -> dict[str, "Events"]:
        """Return ``{prefix_category: events}`` for every category, ready for `grid_events`."""
        names = {str(c): f"{prefix}_{variable_name(str(c))}" for c in sorted(self.table["category"].unique())}
        return {name: self.select(category=category) for category, name in names.items()}


def _matching(table: pd.DataFrame, column: str, wanted: list[str]) -> pd.DataFrame:
    known = sorted(table[column].unique())
    missing = [name for name in wanted if name not in known]
    if missing:
        shown = ", ".join(name or "(none)" for name in known[:SHOWN]) + (", …" if len(known) > SHOWN else "")
        message = f"no event has the {column} {', '.join(missing)}; the file has {shown}"
        raise InputError(message)
    return table[table[column].isin(wanted)].reset_index(drop=True)


def variable_name(text: str) -> str:
    """Return a text as the name of a variable: lower case, words joined by ``_``."""
    return "_".join("".join(c if c.isalnum() else " " for c in text.lower()).split()) or "none"


class EventScan:
    """Events that are read from their files batch by batch, for files larger than memory.

    Each pass reads the files anew. After a pass, `report` says what became of the rows.

    Parameters
    ----------
    batches
        Returns the batches of one pass.
    """

    def __init__(self, batches: Callable[[], Iterator[Events]]) -> None:
        self._batches = batches
        self._report: RowReport | None = None

    def __iter__(self) -> Iterator[Events]:
        report = None
        for events in self._batches():
            report = events.report if report is None else merged_report([report, events.report])
            yield events
        if report is not None:
            require_usable(report)
        self._report = report

    @property
    def report(self) -> RowReport:
        """What became of the rows in the last whole pass."""
        if self._report is None:
            message = "the files have not been read through yet; pass the scan to htgeo.grid_events first"
            raise InputError(message)
        return self._report

    def select(self, *, category: str | Iterable[str] | None = None, precision: str | None = None) -> "EventScan":
        """Return the events of some categories or of one precision; batches without any are left empty.

        Parameters
        ----------
        category
            One category or several; None keeps all.
        precision
            ``"point"`` or a region layer; None keeps all.
        """
        wanted = [category] if isinstance(category, str) else None if category is None else list(category)

        def chosen(events: Events) -> Events:
            keep = np.ones(len(events), bool)
            if wanted is not None:
                keep &= events.table["category"].isin(wanted).to_numpy()
            if precision is not None:
                keep &= (events.table["precision"] == precision).to_numpy()
            return replace(events, table=events.table[keep])

        return EventScan(lambda: map(chosen, self._batches()))


def merged_report(reports: Sequence[RowReport]) -> RowReport:
    """Return the report of several batches together; at most `QUARANTINE_KEPT` quarantined rows are kept."""

    def added(name: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for report in reports:
            total.update(getattr(report, name))
        return dict(total)

    numbers = {name: sum(getattr(r, name) for r in reports) for name in ("rows", "kept", "repaired", "quarantined")}
    notes = tuple(dict.fromkeys(note for report in reports for note in report.notes))
    aside = [report.quarantine for report in reports if len(report.quarantine)]
    return RowReport(
        source=reports[0].source,
        files=tuple(dict.fromkeys(name for report in reports for name in report.files)),
        **numbers,
        repairs=added("repairs"),
        reasons=added("reasons"),
        precision=added("precision"),
        notes=notes,
        quarantine=pd.concat(aside, ignore_index=True).head(QUARANTINE_KEPT) if aside else pd.DataFrame(),
    )


def require_usable(report: RowReport) -> None:
    """Warn if many of all rows cannot be read as told, raise if none can be used."""
    faults = sum(report.reasons.get(reason, 0) for reason in FAULTS)
    rows = report.rows - report.reasons.get(MALFORMED, 0)
    if rows >= MANY and faults > FAULT_SHARE * rows:
        message = f"{faults:,} of {rows:,} rows of {', '.join(report.files)} cannot be read as told: look at their reasons, and at the columns and formats given"
        warnings.warn(message, RowsWarning, stacklevel=5)
    if report.rows and report.quarantined == report.rows:
        reasons = ", ".join(f"{count:,} x {reason}" for reason, count in report.reasons.items())
        message = f"no row of {', '.join(report.files)} can be used: {reasons}"
        raise InputError(message)
