"""CSV files (plain, gzip, zip) to tables of text, part by part."""

import atexit
import csv
import gzip
import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.sources.csv_lines import PIECE, SoundLines

PACKED = (".gz", ".zip")
PART = 2**26
"""Least bytes of a file that a thread reads."""
Batch = tuple[pd.DataFrame, list[int]]
"""A table whose index is the row number, from 1, and the row numbers of malformed lines."""
Reader = Callable[[], Batch]
"""Reads rows that follow each other in a file; their numbers count from the first of them."""


@dataclass(frozen=True)
class CsvLayout:
    """How a CSV is written: its columns, whether a header line names them, its encoding and delimiter."""

    columns: Sequence[str]
    has_header: bool
    encoding: str
    delimiter: str


def csv_readers(path: Path, columns: Sequence[str], layout: CsvLayout, batch_rows: int | None) -> Iterator[Reader]:
    """Yield readers of the parts of a CSV, as text; parts of a plain one are read when and where they are called.

    Parameters
    ----------
    path
        The file.
    columns
        Columns to read.
    layout
        How it is written.
    batch_rows
        About the number of rows in a part; None: all, or, of a large plain file, as much as a thread should read.
    """
    if path.suffix.lower() not in PACKED:
        for start, stop in pairwise(_edges(path, batch_rows, has_header=layout.has_header)):
            yield partial(_read_span, path, columns, layout, start, stop)
        return
    with _unpacked(path) as stream:
        if layout.has_header:
            stream.readline()
        for table, malformed in _parsed(stream, path, columns, layout, batch_rows):
            if len(table) or malformed:
                yield partial(already_read, table, malformed)


def _edges(path: Path, batch_rows: int | None, *, has_header: bool) -> list[int]:
    """Return where parts of a file start and stop, at ends of lines."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if has_header:
            file.readline()
        start = file.tell()
        if batch_rows is None:
            parts = min(os.cpu_count() or 1, (size - start) // PART)
        else:
            lines = file.read(PIECE)
            parts = round((size - start) * max(lines.count(b"\n"), 1) / max(len(lines), 1) / batch_rows)
        edges = {start, size}
        for n in range(1, parts):
            file.seek(start + n * (size - start) // parts - 1)
            file.readline()
            edges.add(file.tell())
    return sorted(edges)


def _read_span(path: Path, columns: Sequence[str], layout: CsvLayout, start: int, stop: int) -> Batch:
    with _Span(path, start, stop) as stream:
        ((table, malformed),) = _parsed(stream, path, columns, layout, None)
    return table, malformed


def already_read(table: pd.DataFrame, malformed: list[int]) -> Batch:
    """Return rows that can only be read from the start of their file: a reader of them."""
    return table, malformed


def _parsed(
    stream: Any, path: Path, columns: Sequence[str], layout: CsvLayout, batch_rows: int | None
) -> Iterator[Batch]:
    """Read lines of a CSV from a stream of bytes; rows are numbered within each batch."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    uneven = list[int]()

    def skip(row: Any) -> str:
        uneven.append(row.number)
        return "skip"

    lines = SoundLines(stream, path.name, layout.delimiter, limited=path.suffix.lower() in PACKED)
    given = 0  # rows given so far, malformed ones included
    reader: Any = ()

    def end() -> None:
        """The parser reads ahead in a thread of its own, which must not outlive the file, nor this process."""
        lines.stop()
        with suppress(Exception):  # whoever leaves early does not want to know
            deque(reader, maxlen=0)

    atexit.register(end)
    try:
        reader = pacsv.open_csv(
            lines,
            pacsv.ReadOptions(
                column_names=layout.columns, encoding=layout.encoding, use_threads=False, block_size=PIECE
            ),
            pacsv.ParseOptions(delimiter=layout.delimiter, ignore_empty_lines=False, invalid_row_handler=skip),
            pacsv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string())),
        )
        for table, last in _gathered(reader, batch_rows):
            batch, given = _numbered(table, lines, uneven, given, last)
            yield batch
    except (pa.ArrowInvalid, UnicodeDecodeError, LookupError) as error:
        if "Empty CSV" not in str(error):
            raise InputError(_csv_fault(path, layout.encoding, error)) from error
        yield pd.DataFrame(columns=list(columns)), lines.broken
    finally:
        atexit.unregister(end)
        end()


class _Span:
    """The bytes of a file from one place to another."""

    def __init__(self, path: Path, start: int, stop: int) -> None:
        self._file = path.open("rb")
        self._file.seek(start)
        self._left = stop - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`."""
        return self._taken(self._file.read(min(size, self._left)))

    def readline(self) -> bytes:
        """Return the rest of the line."""
        return self._taken(self._file.readline(self._left))

    def _taken(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data


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
    """Return a batch with the numbers of its rows, from 1, and the number of rows given with it.

    The parser counts the lines it got, so its numbers of uneven lines leave out those with open quotes.
    """
    odd = np.array(uneven, int)  # first of all: the parser reads ahead meanwhile
    count = lines.count
    broken = np.array(lines.broken, int)
    aside = np.zeros(count, bool)
    aside[broken[broken <= count] - 1] = True
    reached = np.flatnonzero(~aside) + 1
    aside[reached[odd - 1] - 1] = True
    sound = np.flatnonzero(~aside[given:])[: len(table)]
    end = count if last else given + int(sound[-1]) + 1
    frame: pd.DataFrame = table.to_pandas()
    frame.index = pd.Index(1 + sound)
    return (frame, (1 + np.flatnonzero(aside[given:end])).tolist()), end


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
