"""Files to tables of text: CSV (plain, gzip, zip), Parquet and vector files. No value is interpreted here."""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd

from htgeo.core.errors import InputError
from htgeo.core.registry import near

MAX_BYTES = 16 * 2**30
"""Most bytes a compressed file may unpack to (against decompression bombs)."""
VECTOR_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb")


def existing(path: str | Path) -> Path:
    """Return `path`, or say which files stand beside it."""
    path = Path(path)
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        message = f"there is no file {str(path)!r}{near(path.name, beside)}"
        raise InputError(message)
    return path


def read_rows(
    path: str | Path,
    columns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    encoding: str = "utf-8",
    delimiter: str = ",",
    optional: Sequence[str] = (),
) -> tuple[pd.DataFrame, int]:
    """Read some columns of a table file; the other columns never reach memory as a table.

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
    optional
        Columns read where the file has them.

    Returns
    -------
    table : DataFrame
        Text columns for CSV, the file's own types otherwise; the index is the row number, from 1.
    malformed : int
        Lines of a CSV that have too many or too few fields.

    Raises
    ------
    InputError
        If the file is absent, empty, damaged, in another encoding, or lacks a column.
    """
    path = existing(path)
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            table, malformed = _read_parquet(path, columns, optional), 0
        elif suffix in VECTOR_SUFFIXES or (suffix == ".zip" and _is_shapefile(path)):
            table, malformed = _read_vector(path, columns, optional), 0
        else:
            table, malformed = _read_csv(path, columns, names, encoding, delimiter, optional)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        message = f"{path.name} is damaged or cut short ({error}); fetch the file again"
        raise InputError(message) from error
    if table.empty and not malformed:
        message = f"{path.name} has no rows"
        raise InputError(message)
    return table, malformed


def require_columns(wanted: Sequence[str], present: Sequence[str], file: str) -> None:
    """Raise unless every wanted column is present, naming the columns of the file."""
    for name in wanted:
        if name not in present:
            message = f"{file} has no column {name!r}{near(name, list(present))}; it has {', '.join(present)}"
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
    optional: Sequence[str],
) -> tuple[pd.DataFrame, int]:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    header = list(names) if names is not None else _header(path, encoding, delimiter)
    require_columns(columns, header, path.name)
    wanted = [*columns, *(c for c in optional if c in header and c not in columns)]
    malformed = 0

    def skip(_: object) -> str:
        nonlocal malformed
        malformed += 1
        return "skip"

    with _unpacked(path) as stream:
        try:
            table = pacsv.read_csv(
                stream,
                pacsv.ReadOptions(
                    column_names=header, skip_rows=0 if names is not None else 1, encoding=encoding, use_threads=False
                ),
                pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
                pacsv.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            if "Empty CSV" in str(error):
                return pd.DataFrame(columns=wanted), 0
            hint = (
                f"it is not {encoding}: give its encoding, e.g. encoding='latin-1'"
                if "UTF8" in str(error) or isinstance(error, UnicodeDecodeError)
                else str(error)
            )
            message = f"{path.name} cannot be read as CSV: {hint}"
            raise InputError(message) from error
    frame = table.to_pandas()
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame, malformed


def _header(path: Path, encoding: str, delimiter: str) -> list[str]:
    """Return the column names of the first line."""
    with _unpacked(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="")
        try:
            header = next(csv.reader(text, delimiter=delimiter), [])
        except UnicodeDecodeError as error:
            message = f"{path.name} is not {encoding}: give its encoding, e.g. encoding='latin-1'"
            raise InputError(message) from error
        except csv.Error as error:
            message = f"{path.name} cannot be read as CSV: {error}"
            raise InputError(message) from error
    if not header:
        message = f"{path.name} is empty"
        raise InputError(message)
    doubles = sorted({name for name in header if header.count(name) > 1})
    if doubles:
        message = f"{path.name} names the column {', '.join(doubles)} twice; give names=[...] and header: false"
        raise InputError(message)
    return header


@contextmanager
def _unpacked(path: Path) -> Iterator[Any]:
    """Open a file for reading, through gzip or the one CSV of a zip, up to MAX_BYTES."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with gzip.open(path) as stream:
            yield _Capped(stream, path.name)
    elif suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            inside = [
                n for n in archive.namelist() if n.lower().endswith((".csv", ".txt", ".tsv")) and "__MACOSX" not in n
            ]
            if len(inside) != 1:
                message = f"{path.name} must hold one CSV file, it holds {len(inside)}: {', '.join(inside) or 'none'}"
                raise InputError(message)
            with archive.open(inside[0]) as stream:
                yield _Capped(stream, path.name)
    else:
        with path.open("rb") as stream:
            yield stream


class _Capped(io.RawIOBase):
    """A stream that refuses to give more than MAX_BYTES."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, name: str) -> None:
        self._stream, self._name, self._given = stream, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._given += len(data)
        if self._given > MAX_BYTES:
            message = f"{self._name} unpacks to more than {MAX_BYTES / 2**30:.0f} GiB"
            raise InputError(message)
        buffer[: len(data)] = data
        return len(data)


def _read_parquet(path: Path, columns: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        require_columns(columns, file.schema_arrow.names, path.name)
        wanted = [*columns, *(c for c in optional if c in file.schema_arrow.names and c not in columns)]
        frame: pd.DataFrame = file.read(columns=wanted).to_pandas()
    except pa.ArrowInvalid as error:
        message = f"{path.name} is not a Parquet file, or damaged: {error}"
        raise InputError(message) from error
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def _is_shapefile(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.lower().endswith(".shp") for name in archive.namelist())


def _read_vector(path: Path, columns: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
    frame = read_vector_file(path)
    points = frame.geometry
    if not (points.geom_type.isin(["Point"]) | points.isna()).all():
        message = f"{path.name} holds {', '.join(sorted(set(points.geom_type.dropna())))}; events need points"
        raise InputError(message)
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name)).assign(lon=points.x, lat=points.y)
    require_columns(columns, list(table.columns), path.name)
    table = table[[*columns, *(c for c in optional if c in table.columns and c not in columns)]]
    table.index = pd.RangeIndex(1, len(table) + 1)
    return table


def read_vector_file(path: Path, layer: str | None = None) -> Any:
    """Read a vector file as a GeoDataFrame in EPSG:4326."""
    import geopandas as gpd
    import pyogrio.errors

    try:
        frame = gpd.read_file(path, layer=layer) if layer else gpd.read_file(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        message = f"{path.name} cannot be read as a vector file: {error}"
        raise InputError(message) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        message = f"{path.name} has no geometry"
        raise InputError(message)
    if frame.crs is None:
        message = f"{path.name} does not say its coordinate system; set it with geopandas (set_crs) and save again"
        raise InputError(message)
    return frame.to_crs(4326)
