"""Files to tables of text: CSV (plain, gzip, zip), Parquet and vector files. No value is interpreted here."""

import csv
import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.sources.csv_lines import PIECE, SoundLines

PERSON = re.compile(r"^(susp|vic|perp)_|^(victim|trafficker|suspect|offender)\b|^age_group$", re.IGNORECASE)
"""Columns about victims and suspects: they never reach memory beyond the reader."""
PACKED = (".gz", ".zip")
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


Batch = tuple[pd.DataFrame, list[int]]
"""A table whose index is the row number, from 1, and the row numbers of malformed lines."""


def read_rows(
    path: str | Path,
    columns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Batch:
    """Read some columns of a table file at once; see `read_batches`."""
    tables, malformed = [], []
    for table, bad in read_batches(path, columns, names=names, encoding=encoding, delimiter=delimiter):
        tables.append(table)
        malformed += bad
    return (pd.concat(tables) if len(tables) > 1 else tables[0]), malformed


def read_batches(
    path: str | Path,
    columns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    encoding: str = "utf-8",
    delimiter: str = ",",
    batch_rows: int | None = None,
) -> Iterator[Batch]:
    """Read some columns of a table file batch by batch; the other columns never reach memory as a table.

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
        About the number of rows in a batch; None: all. A vector file is one batch.

    Yields
    ------
    table : DataFrame
        Text columns for CSV, the file's own types otherwise; the index is the row number, from 1.
    malformed : list of int
        Row numbers of a CSV with too many or too few fields.

    Raises
    ------
    InputError
        If the file is absent, empty, damaged, in another encoding, or lacks a column.
    """
    path = existing(path)
    suffix = path.suffix.lower()
    try:
        rows = 0
        if suffix == ".parquet":
            batches = _read_parquet(path, columns, batch_rows)
        elif suffix in VECTOR_SUFFIXES or (suffix == ".zip" and _is_shapefile(path)):
            batches = iter([(_read_vector(path, columns), [])])
        else:
            batches = _read_csv(path, columns, names, encoding, delimiter, batch_rows)
        for table, malformed in batches:
            rows += len(table) + len(malformed)
            yield table, malformed
    except PermissionError as error:
        message = f"{str(path)!r} may not be read: {error}"
        raise InputError(message) from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        message = f"{path.name} is damaged or cut short ({error}); fetch the file again"
        raise InputError(message) from error
    if not rows:
        message = f"{path.name} has no rows"
        raise InputError(message)


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


def _read_csv(
    path: Path,
    columns: Sequence[str],
    names: Sequence[str] | None,
    encoding: str,
    delimiter: str,
    batch_rows: int | None,
) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    header = list(names) if names is not None else column_names(path, encoding=encoding, delimiter=delimiter)
    require_columns(columns, header, path.name)
    uneven: list[int] = []

    def skip(row: Any) -> str:
        uneven.append(row.number)
        return "skip"

    with _unpacked(path) as stream:
        if names is None:
            stream.readline()
        lines = SoundLines(stream, path.name, delimiter, limited=path.suffix.lower() in PACKED)
        given = 0  # rows given so far, malformed ones included
        try:
            reader = pacsv.open_csv(
                lines,
                pacsv.ReadOptions(column_names=header, encoding=encoding, use_threads=False, block_size=PIECE),
                pacsv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=skip),
                pacsv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string())),
            )
            for table, last in _gathered(reader, batch_rows):
                batch, given = _numbered(table, lines, uneven, given, last)
                yield batch
        except (pa.ArrowInvalid, UnicodeDecodeError, LookupError) as error:
            if "Empty CSV" not in str(error):
                raise InputError(_csv_fault(path, encoding, error)) from error
            yield pd.DataFrame(columns=list(columns)), lines.broken


def _gathered(reader: Any, batch_rows: int | None) -> Iterator[tuple[Any, bool]]:
    """Yield tables of about so many rows, and whether each is the last."""
    import pyarrow as pa

    parts: list[Any] = []
    for part in reader:
        if batch_rows is not None and sum(map(len, parts)) + len(part) > batch_rows and parts:
            yield pa.Table.from_batches(parts), False
            parts = []
        parts.append(part)
    yield pa.Table.from_batches(parts, reader.schema), True


def _numbered(table: Any, lines: SoundLines, uneven: list[int], given: int, last: bool) -> tuple[Batch, int]:
    """Return a batch with the numbers of its rows in the file, and the last number used.

    The parser counts the lines it got, so its numbers of uneven lines leave out those with open quotes.
    """
    aside = np.zeros(lines.count, bool)
    aside[np.array(lines.broken, int) - 1] = True
    reached = np.flatnonzero(~aside) + 1
    aside[reached[np.array(uneven, int) - 1] - 1] = True
    sound = np.flatnonzero(~aside[given:])[: len(table)]
    end = lines.count if last else given + int(sound[-1]) + 1
    frame: pd.DataFrame = table.to_pandas()
    frame.index = pd.Index(given + 1 + sound)
    return (frame, (given + 1 + np.flatnonzero(aside[given:end])).tolist()), end


def _csv_fault(path: Path, encoding: str, error: Exception) -> str:
    wrong = isinstance(error, UnicodeDecodeError | LookupError) or "UTF8" in str(error)
    hint = f"it is not {encoding}; give its encoding, e.g. encoding='latin-1'" if wrong else str(error)
    return f"{path.name} cannot be read as CSV: {hint}"


def column_names(path: Path, *, encoding: str = "utf-8", delimiter: str = ",") -> list[str]:
    """Return the column names in the first line of a CSV."""
    with _unpacked(path) as stream:
        line: bytes = stream.readline().rstrip(b"\r\n")
    if b"\r" in line or encoding.lower().startswith(("utf-16", "utf16", "utf-32", "utf32")):
        message = f"{path.name} has carriage returns as line ends, or is UTF-16; save it as UTF-8 with newlines"
        raise InputError(message)
    try:
        text = line.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        header = next(csv.reader([text], delimiter=delimiter), [])
    except (UnicodeDecodeError, LookupError, csv.Error) as error:
        raise InputError(_csv_fault(path, encoding, error)) from error
    if not header:
        message = f"{path.name} is empty, or begins with an empty line"
        raise InputError(message)
    doubles = sorted({name for name in header if name and header.count(name) > 1})
    if doubles:
        message = f"{path.name} names the column {', '.join(doubles)} twice; give names=[...] and header: false"
        raise InputError(message)
    return header


@contextmanager
def _unpacked(path: Path) -> Iterator[Any]:
    """Open a file for reading, through gzip or the one CSV of a zip."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(path) as stream:
            yield stream
    elif suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            inside = [
                n for n in archive.namelist() if n.lower().endswith((".csv", ".txt", ".tsv")) and "__MACOSX" not in n
            ]
            if len(inside) != 1:
                message = f"{path.name} must hold one CSV file, it holds {len(inside)}: {', '.join(inside) or 'none'}"
                raise InputError(message)
            with archive.open(inside[0]) as stream:
                yield stream
    else:
        with path.open("rb") as stream:
            yield stream


def _read_parquet(path: Path, columns: Sequence[str], batch_rows: int | None) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            require_columns(columns, file.schema_arrow.names, path.name)
            size = batch_rows or max(file.metadata.num_rows, 1)
            first = 1
            for part in file.iter_batches(size, columns=list(columns)):
                frame: pd.DataFrame = pa.Table.from_batches([part]).to_pandas(ignore_metadata=True)
                frame.index = pd.RangeIndex(first, first + len(frame))
                first += len(frame)
                yield frame, []
    except pa.ArrowInvalid as error:
        message = f"{path.name} is not a Parquet file, or damaged: {error}"
        raise InputError(message) from error


def _is_shapefile(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.lower().endswith(".shp") for name in archive.namelist())


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
    if not np.all(np.abs(np.nan_to_num(frame.total_bounds)) <= (180, 90, 180, 90)):
        message = (
            f"{path.name} has coordinates beyond 180 and 90 degrees: its coordinate system is not the one it names"
        )
        raise InputError(message)
    return frame
