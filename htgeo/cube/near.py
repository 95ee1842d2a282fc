"""Neighbours of the places of a cube: of cells by H3, of areas by their common borders."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.schema import CELL, space
from htgeo.grid.neighbors import disk_matrix, ring_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BORDER, BESIDE = "_border_of", "_border_with"
"""Suffixes of the coordinates that name the two areas of each border, each pair in both orders."""


def ring_of(cube: xr.Dataset, k: int) -> "csr_array":
    """Return 1 for places exactly `k` rings apart, shape (cell, cell); ring 1 of an area are those that it borders on."""
    if space(cube) == CELL:
        return ring_matrix(cube[CELL].values, k)
    apart = _borders_apart(cube)
    return _sparse(apart == k)


def disk_of(cube: xr.Dataset, k: int, decay: float) -> "csr_array":
    """Return ``decay ** r`` for places r rings apart, r from 0 to `k`, shape (cell, cell)."""
    if space(cube) == CELL:
        return disk_matrix(cube[CELL].values, k, decay)
    apart = _borders_apart(cube)
    return _sparse(np.where(apart <= k, decay ** np.minimum(apart, k), 0.0))


def border_coords(
    layer: str, names: np.ndarray, touch: np.ndarray
) -> dict[str, tuple[str, np.ndarray, dict[str, str]]]:
    """Return the coordinates of a cube of areas that hold their borders.

    Parameters
    ----------
    layer
        Name of the layer.
    names
        Names of the areas, shape (area,).
    touch
        Which areas border on each other, shape (area, area).
    """
    row, near = np.nonzero(touch & ~np.eye(len(names), dtype=bool))
    pair = f"{layer}_border"
    return {
        f"{layer}{BORDER}": (pair, names[row], {"long_name": f"{layer} that has a border"}),
        f"{layer}{BESIDE}": (pair, names[near], {"long_name": f"{layer} on the other side of it"}),
    }


def _borders_apart(cube: xr.Dataset) -> np.ndarray:
    """Return the fewest borders between two areas of the cube, inf where no way leads, shape (area, area)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    layer = space(cube)
    if f"{layer}{BORDER}" not in cube.coords:
        message = f"the cube does not know which areas of {layer!r} border on each other; make it with htgeo.grid_areas or htgeo.aggregate"
        raise CubeError(message)
    number = {name: n for n, name in enumerate(cube[layer].values.tolist())}
    ends = [[number.get(name, -1) for name in cube[f"{layer}{end}"].values.tolist()] for end in (BORDER, BESIDE)]
    row, near = (np.array(end, int) for end in ends)
    both = (row >= 0) & (near >= 0)  # a cube cut to some areas keeps the borders of the others
    graph = csr_array((np.ones(both.sum()), (row[both], near[both])), shape=(len(number), len(number)))
    return np.asarray(shortest_path(graph, unweighted=True))


def _sparse(weights: np.ndarray) -> "csr_array":
    from scipy.sparse import csr_array

    matrix = csr_array(weights.astype(np.float32))
    matrix.sort_indices()
    return matrix
