"""Neighbours of cells as sparse matrices, shape (cell, cell), float32. Cells over the edge of the grid do not count."""

from typing import TYPE_CHECKING

import numpy as np

from htgeo.core.errors import InputError
from htgeo.grid.cells import disk_pairs, parents, unit_vectors
from htgeo.sources.region import KM_PER_DEGREE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAX_RINGS = 10


def check_rings(k: int) -> None:
    """Raise unless `k` is a number of rings from 1 to 10."""
    if not isinstance(k, int) or not 1 <= k <= MAX_RINGS:
        message = f"k must be 1 to {MAX_RINGS} rings, not {k!r}"
        raise InputError(message)


def ring_matrix(cells: np.ndarray, k: int) -> "csr_array":
    """Return 1 for cells exactly `k` rings apart; pentagons have five neighbours."""
    row, near, ring = disk_pairs(cells, k)
    at = ring == k
    return _matrix(row[at], near[at], np.ones(at.sum()), len(cells))


def disk_matrix(cells: np.ndarray, k: int, decay: float) -> "csr_array":
    """Return ``decay ** r`` for cells r rings apart, r from 0 to `k`."""
    row, near, ring = disk_pairs(cells, k)
    return _matrix(row, near, decay ** ring.astype(float), len(cells))


def parent_matrix(cells: np.ndarray, resolution: int) -> "csr_array":
    """Return 1 for cells of the same parent of a coarser resolution, the cell itself included."""
    from scipy.sparse import csr_array

    _, parent = np.unique(parents(cells, resolution), return_inverse=True)
    ones = np.ones(len(cells), np.float32)
    belongs = csr_array((ones, (np.arange(len(cells)), parent)))
    same = csr_array(belongs @ belongs.T)
    same.sort_indices()
    return same


def distance_matrix(lon: np.ndarray, lat: np.ndarray, km: float) -> "csr_array":
    """Return 1 for cells whose centres are at most `km` apart on the sphere, the cell itself included.

    Parameters
    ----------
    lon, lat
        Centres of the cells, degrees.
    km
        Distance in km.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(unit_vectors(lon, lat))
    chord = 2 * np.sin(np.radians(km / KM_PER_DEGREE) / 2)
    pairs = tree.query_pairs(chord, output_type="ndarray")
    every = np.arange(len(lon))
    row, near = np.concatenate([pairs, pairs[:, ::-1], np.stack([every, every], axis=1)]).T
    return _matrix(row, near, np.ones(len(row)), len(lon))


def _matrix(row: np.ndarray, near: np.ndarray, weight: np.ndarray, cells: int) -> "csr_array":
    from scipy.sparse import csr_array

    matrix = csr_array((weight.astype(np.float32), (row, near)), shape=(cells, cells))
    matrix.sort_indices()
    return matrix
