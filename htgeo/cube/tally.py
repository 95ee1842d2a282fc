"""Counts of one variable while events stream in: sparse on the way, dense only per block."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from htgeo.core.blocks import cell_blocks, from_blocks

if TYPE_CHECKING:
    import dask.array as da
    from scipy.sparse import csr_array

MERGE_FROM = 100_000
"""Entries of areas by day that are held before they are merged."""
RESIDUE = 1e-9
"""A running sum of shares below this is 0: what rounding leaves when an event has ended."""
Codes = list[tuple[np.ndarray, np.ndarray]]
"""Integer codes of events in a block with their weights (empty: all 1)."""


class Tally:
    """Points by block, cell and day, and the weight of areas by day.

    A point is four bytes, its code in its block, until a block has more points than cell-days: then it is counted. So
    memory is bounded by the cube, however many events come.

    Parameters
    ----------
    cells, days
        Size of the cube.
    running
        Count up over the days: a weight then holds from its day on, until a negative one ends it.
    """

    def __init__(self, cells: int, days: int, *, running: bool = False) -> None:
        self.cells, self.days, self.running = cells, days, running
        self.chunks = cell_blocks(cells, days)
        self._codes: list[Codes] = [[] for _ in self.chunks]
        self._counted: list[np.ndarray | None] = [None for _ in self.chunks]
        self._areas: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._merged = MERGE_FROM

    def add_points(self, row: np.ndarray, day: np.ndarray, weight: np.ndarray) -> None:
        """Add points by row of the grid (-1: none) and day (any number; only those of the cube count)."""
        from htgeo.cube.tally_kernel import block_codes

        plain = weight[:0] if (weight == 1).all() else weight
        codes, weights, edges = block_codes(row, day, plain, self.chunks[0], self.days, len(self.chunks))
        for block, (start, stop) in enumerate(pairwise(edges)):
            if stop > start:
                self._codes[block].append((codes[start:stop], weights[start:stop]))
            if sum(len(c) for c, _ in self._codes[block]) > self.chunks[block] * self.days:
                shape = (self.chunks[block], self.days)
                self._counted[block] = _counted(self._codes[block], self._counted[block], shape)
                self._codes[block] = []

    def add_areas(self, area: np.ndarray, day: np.ndarray, weight: np.ndarray) -> None:
        """Add area events by number of the area and day."""
        inside = (day >= 0) & (day < self.days)
        at, key = pd.factorize(area[inside].astype(np.int64) * self.days + day[inside])
        total = np.bincount(at, weight[inside], minlength=len(key))
        self._areas.append((*np.divmod(key, self.days), total))
        held = sum(len(weights) for _, _, weights in self._areas)
        if held > 2 * self._merged:
            self._areas = [_merged(self._areas, self.days)]
            self._merged = max(len(self._areas[0][2]), MERGE_FROM)

    def lazy(self, spread: "csr_array") -> "da.Array":
        """Return lazy float32 counts (cell, time).

        Parameters
        ----------
        spread
            Share of one event of each area in each cell, shape (cell, area).
        """
        by_day = self._area_days(spread.shape[1])
        starts = np.concatenate([[0], np.cumsum(self.chunks)])
        arguments = [
            (self._codes[n], self._counted[n], spread[a:b], by_day, self.running)
            for n, (a, b) in enumerate(pairwise(starts))
        ]
        return from_blocks(_count_block, arguments, self.chunks, self.days, np.float32)

    def _area_days(self, areas: int) -> "csr_array":
        from scipy.sparse import coo_array, csr_array

        if not self._areas:
            return csr_array((areas, self.days))
        area, day, weight = (np.concatenate(part) for part in zip(*self._areas, strict=True))
        return csr_array(coo_array((weight, (area, day)), shape=(areas, self.days)).tocsr())


def _merged(
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]], days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return entries (area, day, weight) with one for each area and day."""
    area, day, weight = (np.concatenate(part) for part in zip(*entries, strict=True))
    at, key = pd.factorize(area * days + day)
    return (*np.divmod(key, days), np.bincount(at, weight, minlength=len(key)))


def _counted(codes: Codes, counted: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    """Return the dense counts of a block, float64."""
    out = np.zeros(shape) if counted is None else counted.copy()
    flat = out.reshape(-1)
    for code, weight in codes:
        flat += np.bincount(code, weight if len(weight) else None, minlength=flat.size)
    return out


def _count_block(
    codes: Codes, counted: np.ndarray | None, spread: "csr_array", by_day: "csr_array", running: bool
) -> np.ndarray:
    """Return the counts of one block: points by their code, areas by their share of each cell."""
    out = _counted(codes, counted, (spread.shape[0], by_day.shape[1]))
    here = np.unique(spread.indices)
    if by_day.nnz and len(here):
        out += spread[:, here] @ by_day[here].toarray()
    if running:
        out = np.cumsum(out, axis=1)
        out[out < RESIDUE] = 0
    return out.astype(np.float32)
