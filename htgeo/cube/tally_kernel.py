"""The compiled pass that sorts events into blocks of cells."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def block_codes(
    row: np.ndarray, day: np.ndarray, weight: np.ndarray, size: int, days: int, blocks: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the events of each block as integer codes, one block after the other.

    Parameters
    ----------
    row, day
        Row of the grid and day of each event; events with a row or a day outside are left out.
    weight
        Weight of each event, or an empty array where all are 1.
    size, days, blocks
        Cells of a block, days of the grid, number of blocks.

    Returns
    -------
    codes : array of int32
        ``(row - first row of the block) * days + day``.
    weights : array of float64
        In the order of the codes; empty where all are 1.
    edges : array of int64, shape (blocks + 1,)
        The codes of block b are ``codes[edges[b]:edges[b + 1]]``.
    """
    edges = np.zeros(blocks + 1, np.int64)
    for k in range(len(row)):
        if row[k] >= 0 and 0 <= day[k] < days:
            edges[row[k] // size + 1] += 1
    edges = np.cumsum(edges)
    place = edges.copy()
    codes = np.empty(edges[-1], np.int32)
    weights = np.empty(edges[-1] if len(weight) else 0, np.float64)
    for k in range(len(row)):
        if row[k] >= 0 and 0 <= day[k] < days:
            block = row[k] // size
            codes[place[block]] = (row[k] - block * size) * days + day[k]
            if len(weight):
                weights[place[block]] = weight[k]
            place[block] += 1
    return codes, weights, edges
