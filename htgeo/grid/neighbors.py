"""Neighbours of cells as sparse matrices."""

from typing import TYPE_CHECKING

import numpy as np

from htgeo.grid.cells import disk_pairs

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def ring_matrix(cells: np.ndarray, k: int) -> "csr_array":
    """Return the 0/1 matrix of cells exactly `k` rings apart, shape (cell, cell), float32.

    Cells over the edge of the grid are not counted; pentagons have five neighbours.
    """
    from scipy.sparse import csr_array

    row, near, ring = disk_pairs(cells, k)
    at = ring == k
    ones = np.ones(at.sum(), np.float32)
    return csr_array((ones, (row[at], near[at])), shape=(len(cells), len(cells)))
