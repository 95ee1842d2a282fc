"""Any table of events by a column mapping."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.sources.base import Source
from htgeo.sources.batches import judge_batches
from htgeo.sources.clean import LOCATING, Rows, check_zone
from htgeo.sources.events import Events
from htgeo.sources.files import read_rows
from htgeo.sources.precision import CITY, one_point_per_area, stand_in_areas
from htgeo.sources.projected import parse_crs, to_degrees
from htgeo.sources.region import Region

KEYS = ("occurred", "known", "lon", "lat", "x", "y", "category", "id", "area", "weight")


@dataclass(frozen=True)
class Table(Source):
    """CSV (plain, gzip, zip), Parquet, GeoPackage, GeoJSON, FlatGeobuf or shapefile.

    Parameters
    ----------
    columns
        ``{key: column}`` with the keys occurred, known, lon, lat, x, y, category, id, area, weight. ``occurred`` and
        ``known`` may be a pair ``[date, time]``. Vector files of points need no lon and lat.
    time_format
        strptime format of ``occurred``; ``"ISO8601"`` by default. Nothing is guessed.
    known_format
        The same for ``known``; as `time_format` if not given.
    time_zone
        Zone of times without an offset, when it is not the local zone of the study (e.g. ``"UTC"``).
    crs
        Coordinate system of x and y, e.g. ``"EPSG:2263"``.
    area_layer
        Region layer that the ``area`` column names (``"precinct"``); rows without a usable point are placed by it.
    demote_stacked
        Demote coordinates that stand for an area: one point per area and category, stacked points, centroids. Without
        it, one point per area and category is reported as a note.
    header, names
        ``header: false`` with the column names, for files without a header line.
    encoding, delimiter, decimal
        Of a CSV: e.g. ``";"`` and ``","`` for files of many European tools.
    """

    name: ClassVar[str] = "table"
    summary: ClassVar[str] = "any CSV, Parquet or vector file of points, by a column mapping"
    columns: Mapping[str, Any] = field(default_factory=dict)
    time_format: str = "ISO8601"
    known_format: str | None = None
    time_zone: str | None = None
    crs: str | None = None
    area_layer: str | None = None
    demote_stacked: bool = False
    header: bool = True
    names: list[str] | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."

    def __post_init__(self) -> None:
        for key in self.columns:
            if key not in KEYS:
                message = f"columns has no key {key!r}{near(str(key), list(KEYS))}; allowed are {', '.join(KEYS)}"
                raise InputError(message)
        faults = {
            "columns needs the key 'occurred'": "occurred" not in self.columns,
            "columns must name columns by text": any(
                not isinstance(c, str) for v in self.columns.values() for c in _listed(v)
            ),
            "occurred and known name one column, or a pair [date, time]": any(
                len(_listed(self.columns.get(key, "one"))) not in (1, 2) for key in ("occurred", "known")
            ),
            "names holds a name twice": self.names is not None and len(set(self.names)) < len(self.names),
            f"decimal must be '.' or ',', not {self.decimal!r}": self.decimal not in (".", ","),
            f"delimiter must be one character, not {self.delimiter!r}": len(self.delimiter) != 1,
            "columns lon and lat go together": ("lon" in self.columns) != ("lat" in self.columns),
            "columns x and y go together": ("x" in self.columns) != ("y" in self.columns),
            "columns x and y need crs, e.g. crs: EPSG:2263": "x" in self.columns and self.crs is None,
            "the column 'area' needs area_layer, e.g. area_layer: precinct": "area" in self.columns
            and self.area_layer is None,
            "header: false needs names: [...]": not self.header and self.names is None,
        }
        for message, wrong in faults.items():
            if wrong:
                raise InputError(message)
        if self.time_zone is not None:
            check_zone(self.time_zone)
        if self.crs is not None:
            parse_crs(self.crs)

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Events:
        """Read the files by the column mapping."""
        rows = read_files(self.name, paths, self._wanted(paths), **self._csv)
        return self._events(self._judge(rows, areas), areas)

    def scan(self, paths: Sequence[Path], areas: Sequence[Region], batch_rows: int) -> Iterator[Events]:
        """Read the files batch by batch, but at once where stacked points are looked for in all of them."""
        if self.demote_stacked:
            yield self.read(paths, areas)
            return
        judge, events = partial(self._judge, areas=areas), partial(self._events, areas=areas)
        yield from judge_batches(judge, events, self.name, paths, self._wanted(paths), batch_rows, **self._csv)

    @property
    def _csv(self) -> dict[str, Any]:
        names = None if self.header else self.names
        return {"names": names, "encoding": self.encoding, "delimiter": self.delimiter}

    def _judge(self, rows: Rows, areas: Sequence[Region]) -> "_Judged":
        occurred_columns = _listed(self.columns["occurred"])
        occurred = self._local(rows.times(occurred_columns, self.time_format))
        known = occurred
        if "known" in self.columns:
            known = self._local(rows.times(_listed(self.columns["known"]), self.known_format or self.time_format))
        else:
            rows.notes.append("no column says when events became known: they count as known when they occurred")
        known = rows.judge_times(occurred, known, occurred_columns, self.time_format)
        category = self._optional(rows, "category")
        area = self._area(rows, areas)
        lon, lat = self._judged_places(rows, areas, area)
        weight = self._weight(rows)
        if "id" in self.columns:
            rows.drop_doubles(rows.text(self.columns["id"]), "id seen before")
        return _Judged(rows, occurred, known, lon, lat, area, category, weight)

    def _events(self, judged: "_Judged", areas: Sequence[Region]) -> Events:
        precision, area = self._demote(judged, areas)
        point = precision == "point"
        return judged.rows.events(
            occurred=judged.occurred,
            known=judged.known,
            lon=np.where(point, judged.lon, np.nan),
            lat=np.where(point, judged.lat, np.nan),
            area=area,
            precision=precision,
            category=judged.category,
            weight=judged.weight,
        )

    def _wanted(self, paths: Sequence[Path]) -> list[str]:
        wanted = [c for key, value in self.columns.items() for c in _listed(value)]
        if not {"lon", "x", "area"} & self.columns.keys():
            if any(p.suffix.lower() in (".csv", ".gz", ".parquet", ".txt") for p in paths):
                message = "columns needs lon and lat, x and y, or area"
                raise InputError(message)
            wanted += ["lon", "lat"]
        return list(dict.fromkeys(wanted))

    def _judged_places(self, rows: Rows, areas: Sequence[Region], area: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        if "area" in self.columns and not {"lon", "x"} & self.columns.keys():
            rows.quarantine(area.isna().to_numpy(), f"no {self.area_layer} that is known")
            return np.full(len(area), np.nan), np.full(len(area), np.nan)
        return rows.judge_places(*self._lon_lat(rows), areas, area)

    def _lon_lat(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        if "x" in self.columns:
            x, y = (rows.number(self.columns[key], self.decimal) for key in ("x", "y"))
            return to_degrees(x, y, str(self.crs))
        return tuple(rows.number(self.columns.get(key, key), self.decimal) for key in ("lon", "lat"))  # type: ignore[return-value]  # two of them

    def _local(self, times: pd.Series) -> pd.Series:
        if self.time_zone is None or times.dt.tz is not None:
            return times
        local: pd.Series = times.dt.tz_localize(self.time_zone, ambiguous=True, nonexistent="shift_forward")
        utc: pd.Series = local.dt.tz_convert("UTC")
        return utc

    def _optional(self, rows: Rows, key: str) -> pd.Series:
        if key in self.columns:
            return rows.text(self.columns[key])
        return pd.Series("", index=range(len(rows.row)), dtype="str")

    def _area(self, rows: Rows, areas: Sequence[Region]) -> pd.Series:
        if "area" not in self.columns:
            return pd.Series(None, index=range(len(rows.row)), dtype="str")
        return check_area_names(rows, rows.code(self.columns["area"]), str(self.area_layer), areas)

    def _weight(self, rows: Rows) -> np.ndarray | float:
        if "weight" not in self.columns:
            return 1.0
        weight = rows.number(self.columns["weight"], self.decimal)
        rows.quarantine(~(np.isfinite(weight) & (weight >= 0)), "weight missing, negative or infinite")
        return weight

    def _demote(self, judged: "_Judged", areas: Sequence[Region]) -> tuple[np.ndarray, pd.Series]:
        """Find coordinates that stand for an area in every layer, the finest first; demote or report them."""
        rows, lat, area, category = judged.rows, judged.lat, judged.area, judged.category
        precision = np.where(np.isnan(judged.lon), self.area_layer or "", "point").astype(object)
        usable = rows.usable
        lon = np.where(usable, judged.lon, np.nan)
        for region in sorted(areas, key=len, reverse=True):
            with LOCATING:
                number = region.locate(lon, lat)
            found_names = pd.Series(np.array([*region.names, None], dtype=object)[number])
            names = area if region.layer == self.area_layer else found_names
            masked = one_point_per_area(lon, lat, names, category.where(usable)) & usable
            if not masked.any():
                continue
            found = f"one point per {region.layer} and category"
            if not self.demote_stacked:
                kinds = ", ".join(sorted(category[masked].unique())[:3])
                rows.notes.append(
                    f"{masked.sum():,} rows ({kinds}) sit on {found}, not where they happened: set demote_stacked: true"
                )
                break
            rows.repair(masked, f"{found}: known to the {region.layer}")
            precision, area = np.where(masked, region.layer, precision), area.mask(masked, names)
            lon = np.where(masked, np.nan, lon)
        if not self.demote_stacked:
            return precision, area
        return demote_stand_ins(rows, lon, lat, areas, precision, area)


@dataclass(frozen=True)
class _Judged:
    """Rows judged one by one, before coordinates that stand for an area are looked for."""

    rows: Rows
    occurred: pd.Series
    known: pd.Series
    lon: np.ndarray
    lat: np.ndarray
    area: pd.Series
    category: pd.Series
    weight: np.ndarray | float


def demote_stand_ins(
    rows: Rows,
    lon: np.ndarray,
    lat: np.ndarray,
    areas: Sequence[Region],
    precision: np.ndarray,
    area: pd.Series,
    city_points: Sequence[tuple[float, float]] = (),
) -> tuple[np.ndarray, pd.Series]:
    """Demote stacked and centroid coordinates of usable rows; return the new precision and area."""
    judged = rows.usable & ~np.isnan(lon)
    layer, name = stand_in_areas(np.where(judged, lon, np.nan), lat, areas, city_points)
    for found in sorted(set(layer) - {""}):
        where = "somewhere in the city" if found == CITY else f"to the {found}"
        rows.repair(layer == found, f"stand-in coordinate: known {where}")
    precision = np.where(layer != "", layer, precision)
    return precision, area.where(layer == "", pd.Series(name))


def check_area_names(rows: Rows, names: pd.Series, layer: str, areas: Sequence[Region]) -> pd.Series:
    """Return the area names, missing (and noted) where the region layer does not know them."""
    region = next((r for r in areas if r.layer == layer), None)
    if region is None:
        return names
    unknown = names.notna() & ~names.isin(region.names)
    if unknown.any():
        shown = ", ".join(sorted(names[unknown].unique())[:5])
        rows.notes.append(f"{int(unknown.sum()):,} rows name a {layer} that the region layer does not have: {shown}")
    return names.mask(unknown)


def read_files(source: str, paths: Sequence[Path], columns: Sequence[str], **csv: Any) -> Rows:
    """Read the same columns of several files as one set of rows; files may differ in their other columns."""
    tables, malformed = [], list[tuple[int, int]]()
    for number, path in enumerate(paths):
        table, bad = read_rows(path, columns, **csv)
        tables.append(table)
        malformed += [(number, row) for row in bad]
    file_of = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return Rows(pd.concat(tables) if len(tables) > 1 else tables[0], source, paths, file_of, malformed)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
