"""Files to tables of text: CSV (plain, gzip, zip), Parquet and vector files. No value is interpreted here."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.sources.csv_file import Batch, CsvLayout, column_names, read_csv

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
            header = list(names) if names is not None else column_names(path, encoding=encoding, delimiter=delimiter)
            require_columns(columns, header, path.name)
            layout = CsvLayout(header, names is None, encoding, delimiter)
            batches = read_csv(path, columns, layout, batch_rows)
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
