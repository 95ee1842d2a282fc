"""Verified trafficking cases in the columns of the TAHub export."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.sources.base import Source
from htgeo.sources.events import Events
from htgeo.sources.region import Region
from htgeo.sources.table import demote_stand_ins, read_files

COLUMNS = (
    "Incident Reporting Date",
    "Trafficking Type",
    "Industry Sector",
    "Recruitment Method",
    "Transportation Method",
    "Coercion Method",
    "Data Source",
    "Location Type",
    "Latitude",
    "Longitude",
)
"""The columns read: what tells two cases apart. Victim and trafficker columns are never read."""
ROLES = ("Arrest", "Reference", "Rescued", "Target", "Trafficker_Origin_Nationality", "Unknown")
NOT_INCIDENTS = ("Reference", "Trafficker_Origin_Nationality")
CITY_POINTS = ((-74.01, 40.71),)
"""The point that gazetteers give for New York City as a whole (City Hall), to two decimals."""


@dataclass(frozen=True)
class TahubCases(Source):
    """Cases by reporting date; coordinates are mostly centroids and become area events.

    The file has one date, the reporting date: it serves as occurred and as known. Rows alike in every column read
    are doubles.

    Parameters
    ----------
    roles
        Values of Location Type to keep; the default drops places that are not incident places
        (Trafficker_Origin_Nationality, Reference).
    """

    name: ClassVar[str] = "tahub_cases"
    summary: ClassVar[str] = "verified trafficking cases, TAHub export columns; stacked centroids become area events"
    roles: Sequence[str] = tuple(role for role in ROLES if role not in NOT_INCIDENTS)

    def __post_init__(self) -> None:
        for role in self.roles:
            if role not in ROLES:
                message = f"roles has no value {role!r}; allowed are {', '.join(ROLES)}"
                raise InputError(message)

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Events:
        """Read case files."""
        rows = read_files(self.name, paths, COLUMNS)
        occurred = rows.times(["Incident Reporting Date"], "%Y-%m-%d")
        known = rows.judge_times(occurred, occurred, ["Incident Reporting Date"], "%Y-%m-%d")
        role = rows.text("Location Type")
        rows.quarantine(~role.isin(list(self.roles)).to_numpy(), "not an incident place (role)")
        lon, lat = rows.judge_places(rows.number("Longitude"), rows.number("Latitude"), areas)
        every = pd.Series(["\x1f".join(map(str, values)) for values in rows.table.to_numpy()])
        rows.drop_doubles(every, "row seen before, alike in every column read")
        precision, area = demote_stand_ins(
            rows,
            lon,
            lat,
            areas,
            np.full(len(lon), "point", dtype=object),
            pd.Series("", index=range(len(lon)), dtype="str"),
            CITY_POINTS,
        )
        point = precision == "point"
        rows.notes.append("coordinates have two decimals: a point is known to about 1 km")
        return rows.events(
            occurred=occurred,
            known=known,
            lon=np.where(point, lon, np.nan),
            lat=np.where(point, lat, np.nan),
            area=area,
            precision=precision,
            category=rows.text("Trafficking Type"),
            weight=1.0,
        )
