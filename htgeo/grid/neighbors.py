"""Neighbours of cells as sparse matrices, shape (cell, cell), float32. Cells over the edge of the grid do not count."""

from typing import TYPE_CHECKING

import numpy as np

from htgeo.core.errors import InputError
from htgeo.grid.cells import cell_areas, cell_centers, disk_pairs, parents, unit_vectors
from htgeo.sources.region import KM_PER_DEGREE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAX_RINGS = 10
KERNEL_REACH = 4.0
"""A Gaussian kernel ends at so many bandwidths; what lies beyond has weights below 0.0004."""
METRES_PER_KM = 1000.0


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


def half_cell_matrix(cells: np.ndarray, k: int) -> "csr_array":
    """Return ``1 / (1 + 2 r)`` for cells r rings apart, r from 0 to `k`: a ring is two half cells away."""
    row, near, ring = disk_pairs(cells, k)
    return _matrix(row, near, 1 / (1 + 2 * ring.astype(float)), len(cells))


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
    row, near, _ = _pairs_within(lon, lat, km)
    return _matrix(row, near, np.ones(len(row)), len(lon))


def gaussian_matrix(cells: np.ndarray, bandwidth: float) -> "csr_array":
    """Return weights of a Gaussian kernel of the distance between centres; each row sums to 1.

    The sum over the cells of the grid alone corrects for the edge: what a kernel has beyond it is not lost
    (Diggle 1985).

    Parameters
    ----------
    cells
        Ids of the cells.
    bandwidth
        Standard deviation of the kernel, metres.
    """
    km = bandwidth / METRES_PER_KM
    row, near, distance = _pairs_within(*cell_centers(cells), KERNEL_REACH * km)
    return averaged(_matrix(row, near, np.exp(-0.5 * (distance / km) ** 2), len(cells)))


def averaged(matrix: "csr_array") -> "csr_array":
    """Return the matrix with each row divided by its sum: a weighted mean over the neighbours."""
    total = np.asarray(matrix.sum(axis=1), float)
    mean = matrix.copy()
    mean.data = (matrix.data / np.repeat(total, np.diff(matrix.indptr))).astype(np.float32)
    return mean


def cell_spacing(cells: np.ndarray) -> float:
    """Return the mean distance between the centres of neighbouring cells, metres: hexagons of the mean area."""
    return METRES_PER_KM * float(np.sqrt(2 / np.sqrt(3) * cell_areas(cells).mean()))


def _pairs_within(lon: np.ndarray, lat: np.ndarray, km: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, neighbour row, km apart) for all pairs of points at most `km` apart, each with itself too."""
    from scipy.spatial import cKDTree

    points = unit_vectors(lon, lat)
    chord = 2 * np.sin(np.radians(km / KM_PER_DEGREE) / 2)
    pairs = cKDTree(points).query_pairs(chord, output_type="ndarray")
    every = np.arange(len(lon))
    row, near = np.concatenate([pairs, pairs[:, ::-1], np.stack([every, every], axis=1)]).T
    apart = np.linalg.norm(points[row] - points[near], axis=1)
    return row, near, KM_PER_DEGREE * np.degrees(2 * np.arcsin(apart / 2))


def _matrix(row: np.ndarray, near: np.ndarray, weight: np.ndarray, cells: int) -> "csr_array":
    from scipy.sparse import csr_array

    matrix = csr_array((weight.astype(np.float32), (row, near)), shape=(cells, cells))
    matrix.sort_indices()
    return matrix
