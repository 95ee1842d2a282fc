"""The compiled sum over past weeks, each with less weight."""

import numba
import numpy as np


def week_sums(counts: np.ndarray, weeks: int) -> np.ndarray:
    """Return the counts of the `weeks` weeks before each day, weighted ``1 / (1 + whole weeks elapsed)`` (cell, time)."""
    out = np.empty(counts.shape)
    _fill(counts, weeks, out)
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _fill(counts: np.ndarray, weeks: int, out: np.ndarray) -> None:
    cells, length = counts.shape
    total = np.zeros(length + 7 * weeks + 1)  # before the first day there is no event
    first = 7 * weeks
    for c in range(cells):
        for t in range(length):
            total[first + t + 1] = total[first + t] + counts[c, t]
        row = out[c]
        row[:] = 0.0
        for w in range(weeks):
            late, early = total[first - 7 * w :], total[first - 7 * w - 7 :]
            share = 1.0 / (1.0 + w)
            for t in range(length):
                row[t] += share * (late[t] - early[t])
