"""Points to rows of the grid through the lattice that H3 cells form.

Inside one icosahedron face H3 cells are the Voronoi cells of a triangular lattice in the gnomonic plane of the face.
The map from the plane to lattice numbers is affine and is fitted once from the cell centres; a point is then two dot
products, a hexagonal rounding and a table look-up that gives its row at once. Areas over a face edge take the general
path through `htgeo.grid.cells`.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from htgeo.grid.cells import cell_centers, faces, unit_vectors

MAX_RESIDUAL = 1e-3
"""Largest distance of a cell centre from its lattice point, in lattice steps, for the fit to be trusted."""


@dataclass(frozen=True)
class Lattice:
    """A fitted lattice.

    Attributes
    ----------
    matrix : array, shape (2, 3)
        Unit vector to lattice axes.
    normal : array, shape (3,)
        Centre of the face, a unit vector.
    offset, corner : arrays, shape (2,)
        Origin in lattice steps, and the lattice numbers of ``table[0, 0]``.
    table : array of int32
        Row of the grid at each lattice point, -1 where there is none.
    """

    matrix: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    corner: np.ndarray
    table: np.ndarray

    def rows(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the row of the cell that each point lies in, -1 outside the grid (int32)."""
        from htgeo.grid.lattice_kernel import lattice_rows

        out = np.empty(len(lon), np.int32)
        lon, lat = np.ascontiguousarray(lon, float), np.ascontiguousarray(lat, float)
        lattice_rows(lon, lat, self.matrix, self.normal, self.offset, self.corner, self.table, out)
        return out


def fit_lattice(cells: np.ndarray) -> Lattice | None:
    """Return the lattice of sorted cells, or None where they do not lie inside one face."""
    if len(cells) == 0 or len(faces(cells)) != 1:
        return None
    center_lon, center_lat = cell_centers(cells)
    points = unit_vectors(center_lon, center_lat)
    normal = _face_center(points.mean(axis=0))
    east = np.cross([0.0, 0.0, 1.0], normal)
    east /= np.linalg.norm(east)
    axes = np.stack([east, np.cross(normal, east)])
    plane = points @ axes.T / (points @ normal)[:, None]
    origin, basis = _first_basis(cells, axes, normal)
    numbers = np.zeros((len(cells), 2))
    for _ in range(6):  # each round trusts more cells: the first basis is exact only near one cell
        numbers = np.rint((plane - origin) @ np.linalg.inv(basis).T)
        design = np.column_stack([np.ones(len(cells)), numbers])
        if np.linalg.matrix_rank(design) < design.shape[1]:  # cells in a row: the neighbours' steps must do
            break
        solution = np.linalg.lstsq(design, plane, rcond=None)[0]
        origin, basis = solution[0], solution[1:].T
    inverse = np.linalg.inv(basis)
    residual = np.abs((plane - origin) @ inverse.T - numbers).max()
    whole = numbers.astype(np.int64)
    corner = whole.min(axis=0)
    shape = tuple(int(n) for n in whole.max(axis=0) - corner + 1)
    if residual > MAX_RESIDUAL or len(np.unique(whole, axis=0)) != len(cells):
        return None
    table = np.full(shape, -1, np.int32)
    table[tuple((whole - corner).T)] = np.arange(len(cells))
    return Lattice(inverse @ axes, normal, inverse @ origin, corner, table)


def _face_center(direction: np.ndarray) -> np.ndarray:
    """Return the centre of the icosahedron face that `direction` points into; its corners are the pentagons."""
    import h3.api.basic_int as h3

    corners = unit_vectors(*np.array([h3.cell_to_latlng(cell)[::-1] for cell in h3.get_pentagons(0)]).T)
    cosine = corners @ corners.T
    edge = 0.4  # corners of one face are 63.4 degrees apart (cosine 0.447), others 116.6 degrees or more
    centers = [
        corners[[a, b, c]].sum(axis=0)
        for a, b, c in combinations(range(12), 3)
        if min(cosine[a, b], cosine[b, c], cosine[a, c]) > edge
    ]
    unit = np.array([center / np.linalg.norm(center) for center in centers])
    return np.asarray(unit[np.argmax(unit @ direction)])


def _first_basis(cells: np.ndarray, axes: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an origin and two neighbour steps, 60 degrees apart, at the middle cell."""
    import h3.api.basic_int as h3

    middle = int(cells[len(cells) // 2])
    around = [middle, *sorted(set(h3.grid_disk(middle, 1)) - {middle})]
    points = unit_vectors(*np.array([h3.cell_to_latlng(cell)[::-1] for cell in around]).T)
    plane = points @ axes.T / (points @ normal)[:, None]
    steps = plane[1:] - plane[0]
    unit = steps / np.linalg.norm(steps, axis=1)[:, None]
    second = steps[np.argmin(np.abs(unit @ unit[0] - 0.5))]
    return plane[0], np.stack([steps[0], second], axis=1)
