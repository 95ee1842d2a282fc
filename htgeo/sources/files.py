"""Files to tables of text: CSV (plain, gzip, zip), Parquet and vector files. No value is interpreted here."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from platform import node
from typing import Any

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.sources.csv_file import Batch, CsvLayout, Reader, already_read, column_names, csv_readers

PERSON = re.compile(r"^(susp|vic|perp)_|^(victim|trafficker|suspect|offender)\b|^age_group$", re.IGNORECASE)
"""Columns about victims and suspects: they never reach memory beyond the reader."""
VECTOR_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb")


def existing(path: str | Path) -> Path:
    """Return `path`, or say which files stand beside it."""
    path = Path(path)
    if path.is_dir():
        message = f"{str(path)!r} is a folder, not a file"
        raise InputError(message)
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        message = f"there is no file {str(path)!r}{near(path.name, beside)}"
        raise InputError(message)
    return path


@dataclass(frozen=True)
class Part:
    """Rows that follow each other in a file, read together: here, or on a worker that sees the same file."""

    path: Path
    reader: Reader

    def read(self) -> Batch:
        """Return the rows, numbered from 1."""
        with _faults_told(self.path):
            return self.reader()


def read_rows(
    path: str | Path,
    columns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Batch:
    """Read some columns of a table file at once, a large plain CSV on several threads; see `file_parts`."""
    parts = list(file_parts(path, columns, names=names, encoding=encoding, delimiter=delimiter))
    with ThreadPoolExecutor(len(parts)) as pool:
        batches = list(pool.map(Part.read, parts))
    before, malformed = 0, list[int]()
    for table, bad in batches:
        table.index += before
        malformed += [before + row for row in bad]
        before += len(table) + len(bad)
    return (pd.concat([table for table, _ in batches]) if len(batches) > 1 else batches[0][0]), malformed


def file_parts(
    path: str | Path,
    columns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    encoding: str = "utf-8",
    delimiter: str = ",",
    batch_rows: int | None = None,
) -> Iterator[Part]:
    """Cut a table file into parts that can be read by themselves; other columns never reach memory as a table.

    Parameters
    ----------
    path
        CSV, CSV.gz, zip with one CSV, Parquet, GeoPackage, GeoJSON, FlatGeobuf or shapefile (zipped or not). Points
        of vector files become columns ``lon`` and ``lat`` in degrees WGS 84.
    columns
        Columns to read.
    names
        Column names of a CSV without a header line.
    encoding, delimiter
        Of a CSV.
    batch_rows
        About the number of rows in a part; None: all. A vector file is one part.

    Yields
    ------
    Part
        Its `read` returns a table (text columns for CSV, the file's own types otherwise) whose index is the row
        number, and the row numbers of a CSV with too many or too few fields. Plain CSV and Parquet are read then,
        other files when the part is yielded.

    Raises
    ------
    InputError
        If the file is absent, empty, damaged, in another encoding, or lacks a column.
    """
    path = existing(path).absolute()  # a worker has another working folder
    suffix = path.suffix.lower()
    empty = True
    with _faults_told(path):
        if suffix == ".parquet":
            readers = _parquet_readers(path, columns, batch_rows)
        elif suffix in VECTOR_SUFFIXES or (suffix == ".zip" and _is_shapefile(path)):
            readers = _vector_readers(path, columns)
        else:
            header = list(names) if names is not None else column_names(path, encoding=encoding, delimiter=delimiter)
            require_columns(columns, header, path.name)
            layout = CsvLayout(header, names is None, encoding, delimiter)
            readers = csv_readers(path, columns, layout, batch_rows)
        for reader in readers:
            empty = False
            yield Part(path, reader)
    if empty:
        message = f"{path.name} has no rows"
        raise InputError(message)


@contextmanager
def _faults_told(path: Path) -> Iterator[None]:
    """Say in plain words why a file cannot be read."""
    try:
        yield
    except FileNotFoundError as error:
        message = (
            f"there is no file {str(path)!r} on {node()!r}, where a part of it is to be read: the workers of a cluster "
            "read files themselves; put the file on a file system that they share, or read it without the cluster"
        )
        raise InputError(message) from error
    except PermissionError as error:
        message = f"{str(path)!r} may not be read: {error}"
        raise InputError(message) from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        message = f"{path.name} is damaged or cut short ({error}); fetch the file again"
        raise InputError(message) from error


def require_columns(wanted: Sequence[str], present: Sequence[str], file: str) -> None:
    """Raise unless every wanted column is present, naming the columns of the file."""
    for name in wanted:
        if PERSON.search(str(name)):
            message = f"the column {name!r} of {file} describes persons; htgeo never reads such columns"
            raise InputError(message)
        if name not in present:
            only = next((c for c in ";\t|" if len(present) == 1 and c in present[0]), None)
            hint = f"; its columns are parted by {only!r}: give delimiter" if only else near(name, list(present))
            message = f"{file} has no column {name!r}{hint}; it has {', '.join(present)}"
            raise InputError(message)


def formula_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with an apostrophe before text that a spreadsheet would run as a formula."""

    def guard(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value

    text = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    return table.assign(**{name: table[name].map(guard) for name in text})


def _parquet_readers(path: Path, columns: Sequence[str], batch_rows: int | None) -> Iterator[Reader]:
    with _opened_parquet(path) as file:
        require_columns(columns, file.schema_arrow.names, path.name)
        rows = file.metadata.num_rows
    size = batch_rows or max(rows, 1)
    for start in range(0, rows, size):
        yield partial(_read_parquet, path, columns, start, min(start + size, rows))


def _read_parquet(path: Path, columns: Sequence[str], start: int, stop: int) -> Batch:
    """Read rows `start` to `stop` of the row groups that hold them."""
    import pyarrow as pa

    taken = []
    with _opened_parquet(path) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        first, last = np.searchsorted(ends, [start, stop - 1], side="right").tolist()
        at = int(ends[first]) - sizes[first]
        for part in file.iter_batches(stop - start, row_groups=range(first, last + 1), columns=list(columns)):
            skip = max(start - at, 0)
            if skip < len(part):
                taken.append(part.slice(skip, stop - at - skip))
            at += len(part)
            if at >= stop:
                break
        frame: pd.DataFrame = pa.Table.from_batches(taken).to_pandas(ignore_metadata=True)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame, []


@contextmanager
def _opened_parquet(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except pa.ArrowInvalid as error:
        message = f"{path.name} is not a Parquet file, or damaged: {error}"
        raise InputError(message) from error


def _is_shapefile(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.lower().endswith(".shp") for name in archive.namelist())


def _vector_readers(path: Path, columns: Sequence[str]) -> Iterator[Reader]:
    table = _read_vector(path, columns)
    if len(table):
        yield partial(already_read, table, [])


def _read_vector(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    frame = read_vector_file(path)
    points = frame.geometry
    if not (points.geom_type.isin(["Point"]) | points.isna()).all():
        message = f"{path.name} holds {', '.join(sorted(set(points.geom_type.dropna())))}; events need points"
        raise InputError(message)
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name)).assign(lon=points.x, lat=points.y)
    require_columns(columns, list(table.columns), path.name)
    table = table[list(columns)]
    table.index = pd.RangeIndex(1, len(table) + 1)
    return table


def read_vector_file(path: Path, layer: str | None = None) -> Any:
    """Read a vector file as a GeoDataFrame in EPSG:4326."""
    import geopandas as gpd
    import pyogrio.errors
    from shapely.errors import GEOSException

    try:
        frame = gpd.read_file(path, layer=layer) if layer else gpd.read_file(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, GEOSException) as error:
        message = f"{path.name} cannot be read as a vector file: {error}"
        raise InputError(message) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        message = f"{path.name} has no geometry"
        raise InputError(message)
    if frame.crs is None:
        message = f"{path.name} does not say its coordinate system; set it with geopandas (set_crs) and save again"
        raise InputError(message)
    frame = frame.to_crs(4326)
    if not np.all(
        np.abs(np.nan_to_num(frame.total_bounds)) <= (360, 90, 360, 90)
    ):  # 181 lies beyond the 180th meridian
        message = (
            f"{path.name} has coordinates beyond 360 and 90 degrees: its coordinate system is not the one it names"
        )
        raise InputError(message)
    return frame
