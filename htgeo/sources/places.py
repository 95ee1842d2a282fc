"""Points as context: stations, hotels, schools."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.sources.base import Rings, Source, read_source
from htgeo.sources.events import RowReport
from htgeo.sources.projected import parse_crs, to_degrees
from htgeo.sources.region import Region
from htgeo.sources.table import read_files


@dataclass(frozen=True)
class Places:
    """Points of one kind of place.

    Attributes
    ----------
    table
        ``lon``, ``lat`` in degrees WGS 84, one row a place.
    report
        What became of the rows.
    rings
        In how many rings around a cell `add_places` counts them unless told otherwise; 0: in none.
    """

    table: pd.DataFrame
    report: RowReport
    rings: int = 0


@dataclass(frozen=True)
class PlacesSource(Source):
    """Points from a table.

    Parameters
    ----------
    lon, lat
        Column names.
    wkt
        Column with ``POINT (lon lat)``, instead of lon and lat.
    x, y
        Columns in another coordinate system, instead of lon and lat.
    crs
        Coordinate system of x and y, e.g. ``"EPSG:2263"``.
    key
        Column that names a place; rows with a key seen before are doubles (station platforms, condominium units).
        Without it, rows on one coordinate are doubles.
    rings
        From 1 to 10: also count places in the cell and those at most so many rings away. 0 (default): do not.
    """

    name: ClassVar[str] = "places"
    gives: ClassVar[str] = "places"
    summary: ClassVar[str] = "points as context (stations, hotels, schools), doubles dropped by a key column"
    lon: str | None = None
    lat: str | None = None
    wkt: str | None = None
    key: str | None = None
    x: str | None = None
    y: str | None = None
    crs: str | None = None
    rings: Rings = 0

    def __post_init__(self) -> None:
        pairs = (self.lon, self.lat), (self.x, self.y), (self.wkt, self.wkt)
        given = [pair for pair in pairs if pair != (None, None)]
        if len(given) != 1 or None in given[0]:
            message = "give the columns lon and lat, or x and y with crs, or wkt"
            raise InputError(message)
        if (self.x is None) != (self.crs is None):
            message = "columns x and y need crs and crs needs them, e.g. x='X_COORD', y='Y_COORD', crs='EPSG:2263'"
            raise InputError(message)
        if self.crs is not None:
            parse_crs(self.crs)

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Places:
        """Read the places."""
        wanted = [c for c in (self.lon, self.lat, self.x, self.y, self.wkt, self.key) if c is not None]
        rows = read_files(self.name, paths, list(dict.fromkeys(wanted)))
        if self.wkt is not None:
            numbers = rows.text(self.wkt).str.extract(r"^POINT\s*\(\s*(\S+)\s+(\S+)\s*\)$")
            lon, lat = (pd.to_numeric(numbers[i], errors="coerce").to_numpy(float) for i in (0, 1))
        elif self.crs is not None:
            lon, lat = to_degrees(rows.number(str(self.x)), rows.number(str(self.y)), self.crs)
        else:
            lon, lat = rows.number(str(self.lon)), rows.number(str(self.lat))
        lon, lat = rows.judge_places(lon, lat, areas)
        keys = rows.code(self.key) if self.key else pd.Series(lon).astype("str") + " " + pd.Series(lat).astype("str")
        rows.drop_doubles(keys, f"{self.key or 'coordinate'} seen before")
        table = pd.DataFrame({"lon": lon, "lat": lat})[rows.usable].reset_index(drop=True)
        return Places(table, rows.report(pd.Series(np.full(len(table), "point"))), self.rings)


def read_places(path: str | Path | Sequence[str | Path], *, areas: Sequence[Region] = (), **options: Any) -> Places:
    """Read points of one kind of place.

    Parameters
    ----------
    path
        A file, or several.
    areas
        Region layers; the first bounds the study area.
    **options
        ``lon`` and ``lat``, or ``x``, ``y`` and ``crs``, or ``wkt`` (columns); ``key`` (column that names a place);
        ``rings`` (count within so many rings too).

    Returns
    -------
    Places

    Raises
    ------
    InputError
        If a file or an option cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> hotels = ht.read_places(folder / "hotels.csv", lon="Longitude", lat="Latitude", key="BBL")
    >>> hotels.report.quarantined > 0  # condominium units of a hotel counted once
    True
    """
    places = read_source("places", path, areas=areas, **options)
    assert isinstance(places, Places)  # noqa: S101  # for the type checker
    return places
