"""Samples whose features are larger than memory: written to a temporary file once, then read piece by piece."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from htgeo.core.errors import HtgeoError
from htgeo.tensors.matrix import Matrix, Samples

PIECE_ROWS = 32_768
"""Samples that are read from the file together."""


@contextmanager
def read_samples(samples: Samples, memory_limit: float) -> Iterator[Matrix]:
    """Read the features of samples, once and block by block.

    Parameters
    ----------
    samples
        As `draw_samples` gives them.
    memory_limit
        Features larger than so many GB go to a temporary file, in the folder that TMPDIR names.

    Yields
    ------
    Matrix
        Its `X` is a `numpy.memmap` where the features are in a file, which ends with the ``with`` block: read it with
        `Pieces`, so that memory holds one piece.

    Raises
    ------
    HtgeoError
        If the disk has no room for the file.
    """
    if samples.nbytes <= memory_limit * 1e9:
        features = np.empty((len(samples.names), len(samples.y)), np.float32)
        for _ in samples.read(features):
            pass
        yield samples.matrix(features.T)
        return
    with TemporaryDirectory(prefix="htgeo-", ignore_cleanup_errors=True) as folder:
        yield samples.matrix(_written(samples, Path(folder)))


def _written(samples: Samples, folder: Path) -> np.ndarray:
    """Write the features of samples to a file, sample by sample, and return it as an array that is not read yet."""
    free = disk_usage(folder).free
    if free < samples.nbytes:
        message = f"the features of {len(samples.y):,} samples take {samples.nbytes / 1e9:.1f} GB, {folder.parent} has {free / 1e9:.1f} GB free; set TMPDIR to a folder with more room, raise memory_limit or lower negatives_per_positive"
        raise HtgeoError(message)
    path = folder / "features.f4"
    with path.open("wb") as file:
        for part in samples.read():
            for start in range(0, part.shape[1], PIECE_ROWS):
                file.write(np.ascontiguousarray(part[:, start : start + PIECE_ROWS].T).data)
    return np.memmap(path, np.float32, "r", shape=(len(samples.y), len(samples.names)))


class Pieces:
    """Some rows of a matrix in a file, piece by piece; the piece read last is held, no other.

    Parameters
    ----------
    matrix
        A file of rows ``(sample, feature)``.
    rows
        Which of its rows: a mask, or a slice.
    """

    def __init__(self, matrix: np.memmap[Any, Any], rows: np.ndarray | slice) -> None:
        self._matrix = matrix
        asked = np.arange(len(matrix))[rows]
        starts = np.arange(0, len(matrix), PIECE_ROWS)
        self._rows = [some for some in np.split(asked, np.searchsorted(asked, starts[1:])) if len(some)]
        self._held: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, number: int) -> np.ndarray:
        """Return the rows of a piece, ascending."""
        return self._rows[number]

    def __getitem__(self, number: int) -> np.ndarray:
        if self._held is None or self._held[0] != number:
            self._held = None
            self._held = number, self._read(self._rows[number])
        return self._held[1]

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Read rows that lie close together; a map would keep its pages in memory."""
        first, width = int(rows[0]), self._matrix.shape[1]
        size = (int(rows[-1]) + 1 - first) * width
        offset = first * width * self._matrix.itemsize
        read = np.fromfile(str(self._matrix.filename), np.float32, size, offset=offset).reshape(-1, width)
        return read if len(read) == len(rows) else read[rows - first]
