"""Files judged batch by batch: each batch where it is read, and rows that repeat earlier ones in the order of the files."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from htgeo.core.cluster import in_order
from htgeo.sources.clean import Rows
from htgeo.sources.files import Part, file_parts
from htgeo.sources.seen import Earlier, Seen, Told


class Judged(Protocol):
    """Rows judged one by one; which of them repeat rows of earlier batches is not known yet."""

    @property
    def rows(self) -> Rows:
        """The rows."""


J = TypeVar("J", bound=Judged)
R = TypeVar("R")


def judge_batches(
    judge: Callable[[Rows], J],
    finish: Callable[[J], R],
    source: str,
    paths: Sequence[Path],
    columns: Sequence[str],
    batch_rows: int,
    **csv: Any,
) -> Iterator[R]:
    """Yield ``finish(judge(rows))`` for each batch of the rows of several files, in their order.

    With an active dask client, batches are read and judged on its workers, several at a time. Packed and vector files
    can only be read from their start: they are read here.

    Parameters
    ----------
    judge
        Judges rows one by one, those that repeat earlier rows of their batch included.
    finish
        Makes the result, after those that repeat rows of earlier batches have been set aside.
    source
        Kind of source, for the report.
    paths, columns
        The files and their columns to read.
    batch_rows
        About the number of rows in a batch.
    **csv
        Names, encoding and delimiter of a CSV; see `file_parts`.
    """
    parts = (
        (number, part)
        for number, path in enumerate(paths)
        for part in file_parts(path, columns, batch_rows=batch_rows, **csv)
    )
    begin = partial(_begin, judge, source, [path.name for path in paths])
    return in_order(begin, Seen().before, partial(_end, finish), parts)


def _begin(judge: Callable[[Rows], J], source: str, files: Sequence[str], numbered: tuple[int, Part]) -> tuple[J, Told]:
    number, part = numbered
    table, malformed = part.read()
    file_of, lines = np.full(len(table), number), [(number, row) for row in malformed]
    judged = judge(Rows(table, source, files, file_of, lines, whole=False))
    return judged, judged.rows.told(number)


def _end(finish: Callable[[J], R], judged: J, earlier: Earlier) -> R:
    judged.rows.set_after(earlier)
    return finish(judged)
