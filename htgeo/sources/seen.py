"""What earlier batches of the same files held."""

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError


class Seen:
    """Keys of the rows of earlier batches, as 64-bit hashes (two keys of ten million are alike in 1 of 400,000 files)."""

    def __init__(self) -> None:
        self._hashes: dict[str, np.ndarray] = {}
        self._offsets: dict[str, bool] = {}

    def require_one_clock(self, column: str, times: pd.Series) -> None:
        """Raise if an earlier batch of the column had an offset from UTC and this one has not, or the other way."""
        offset = times.dt.tz is not None
        if self._offsets.setdefault(column, offset) != offset:
            message = f"some times in {column!r} have an offset from UTC and others have none; read the file at once (htgeo.read_events), which sets the others aside"
            raise InputError(message)

    def before(self, what: str, keys: pd.Series) -> np.ndarray:
        """Return which keys stood in an earlier batch, and remember these."""
        hashes = pd.util.hash_array(keys.astype("str").to_numpy(dtype=object))
        known = self._hashes.get(what, np.zeros(0, np.uint64))
        at = np.minimum(np.searchsorted(known, hashes), max(len(known) - 1, 0))
        found = known[at] == hashes if len(known) else np.zeros(len(hashes), bool)
        self._hashes[what] = np.union1d(known, hashes)
        return found
