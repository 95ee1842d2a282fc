"""Places of a sample: which are neighbours, and sums by place and block."""

from typing import TYPE_CHECKING

import numpy as np

from htgeo.evaluation.base import Sample
from htgeo.grid.cells import unit_vectors
from htgeo.grid.neighbors import ring_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NEAREST = 6
"""Neighbours of an area: as many as a cell has."""


def neighbors(sample: Sample) -> "csr_array":
    """Return 1 for neighbours, shape (cell, cell): the cells around a cell, or the six areas nearest to an area."""
    if sample.cell.dtype == np.uint64:
        return ring_matrix(sample.cell, 1)
    from scipy.sparse import csr_array
    from scipy.spatial import cKDTree

    places = len(sample.cell)
    ranks = np.arange(min(NEAREST, places - 1)) + 2  # the nearest is the area itself
    if not len(ranks):
        return csr_array((places, places))
    near = cKDTree(unit_vectors(sample.lon, sample.lat)).query(unit_vectors(sample.lon, sample.lat), k=ranks)[1]
    row = np.repeat(np.arange(places), len(ranks))
    return csr_array((np.ones(len(row)), (row, near.ravel())), shape=(places, places))


def by_place(sample: Sample, values: np.ndarray) -> "csr_array":
    """Return the sums of values by place and block, missing ones left out: (cell, time) -> (cell, unit)."""
    from scipy.sparse import csr_array

    cells, times = values.shape
    starts = np.arange(cells + 1) * times
    sums = csr_array(
        (np.nan_to_num(values).ravel().astype(float), sample.unit.ravel(), starts), shape=(cells, sample.units)
    )
    sums.sum_duplicates()
    return sums
