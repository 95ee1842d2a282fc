"""What earlier batches of the same files held."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from htgeo.core.errors import InputError


@dataclass(frozen=True)
class Told:
    """What a batch tells of its rows.

    Attributes
    ----------
    file
        Number of its file.
    lines
        Its rows in the file, malformed ones included.
    clocks
        Whether the times of a column have an offset from UTC.
    keys
        Hashes of the keys of usable rows, each once.
    """

    file: int
    lines: int
    clocks: Mapping[str, bool]
    keys: np.ndarray


@dataclass(frozen=True)
class Earlier:
    """What is known of the batches before a batch: the rows of its file, and which of its keys they had (bool)."""

    lines: int
    has_key: np.ndarray


class Seen:
    """What the batches so far told; two of ten million keys have the same 64-bit hash in 1 of 400,000 files."""

    def __init__(self) -> None:
        self._lines: Counter[int] = Counter()
        self._keys = np.zeros(0, np.uint64)
        self._clocks: dict[str, bool] = {}

    def before(self, told: Told) -> Earlier:
        """Return what came before a batch, and remember the batch; batches must come in their order."""
        for column, offset in told.clocks.items():
            if self._clocks.setdefault(column, offset) != offset:
                message = f"some times in {column!r} have an offset from UTC and others have none; read the file at once (htgeo.read_events), which sets the others aside"
                raise InputError(message)
        lines = self._lines[told.file]
        self._lines[told.file] += told.lines
        at = np.searchsorted(self._keys, told.keys)
        has_key = at < len(self._keys)
        has_key[has_key] = self._keys[at[has_key]] == told.keys[has_key]
        new = np.sort(told.keys[~has_key])
        self._keys = np.insert(self._keys, np.searchsorted(self._keys, new), new)
        return Earlier(lines, has_key)
