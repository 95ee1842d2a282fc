"""H3 cells as arrays. Coordinates are always lon, lat in degrees."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from htgeo.core.errors import InputError

MAX_RESOLUTION = 15


def check_resolution(resolution: int) -> None:
    """Raise unless `resolution` is a whole number from 0 to 15."""
    if not isinstance(resolution, int) or not 0 <= resolution <= MAX_RESOLUTION:
        message = (
            f"resolution must be a whole number from 0 to {MAX_RESOLUTION} (NYC works well at 8), not {resolution!r}"
        )
        raise InputError(message)


def polygon_cells(polygon: Any, resolution: int, edge: str) -> np.ndarray:
    """Return the sorted cells of a shapely polygon (uint64).

    Parameters
    ----------
    polygon
        Shapely polygon or multipolygon, degrees WGS 84.
    resolution
        H3 resolution.
    edge
        ``"center"``: cells whose centre lies inside; ``"touch"``: cells that share any land.
    """
    import shapely
    from h3ronpy import ContainmentMode
    from h3ronpy.vector import geometry_to_cells

    mode = {"center": ContainmentMode.ContainsCentroid, "touch": ContainmentMode.Covers}[edge]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(lambda part: geometry_to_cells(part, resolution, mode), shapely.get_parts(polygon)))
    return np.unique(np.concatenate([np.asarray(part) for part in parts]))


def points_to_cells(lon: np.ndarray, lat: np.ndarray, resolution: int) -> np.ndarray:
    """Return the cell of each point (uint64): the general path, and the oracle of the lattice kernel."""
    from h3ronpy.vector import coordinates_to_cells

    return np.asarray(coordinates_to_cells(np.asarray(lat, float), np.asarray(lon, float), resolution))


def cell_centers(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres (lon, lat) of cells in degrees."""
    from h3ronpy.vector import cells_to_coordinates

    centers = cells_to_coordinates(cells)
    return np.asarray(centers["lng"]), np.asarray(centers["lat"])


def cell_polygons(cells: np.ndarray) -> np.ndarray:
    """Return the outlines of cells as shapely polygons, degrees WGS 84."""
    import shapely
    from h3ronpy.vector import cells_to_wkb_polygons

    return np.asarray(shapely.from_wkb(np.asarray(cells_to_wkb_polygons(cells))))


def cell_areas(cells: np.ndarray) -> np.ndarray:
    """Return the areas of cells in km2."""
    from h3ronpy import cells_area_km2

    return np.asarray(cells_area_km2(cells))


def disk_pairs(cells: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, neighbour row, ring) for all pairs of given cells at most `k` rings apart."""
    import pyarrow as pa
    from h3ronpy import grid_disk_distances

    table = pa.record_batch(grid_disk_distances(cells, k, flatten=False))
    lengths = np.asarray(pa.compute.list_value_length(table.column(0)))
    near = np.asarray(table.column(0).flatten())
    ring = np.asarray(table.column(1).flatten())
    row = np.repeat(np.arange(len(cells)), lengths)
    order = np.argsort(cells)
    at = order[np.minimum(np.searchsorted(cells, near, sorter=order), len(cells) - 1)]
    known = cells[at] == near
    return row[known], at[known], ring[known]


def cell_hex(cells: np.ndarray) -> np.ndarray:
    """Return cell ids as 15-digit lower-case hex text: ids exceed 2^53 and must never become a JavaScript number."""
    return np.array([f"{int(cell):015x}" for cell in cells], dtype=object)


def faces(cells: np.ndarray) -> set[int]:
    """Return the icosahedron faces that the cells lie on."""
    import h3.api.basic_int as h3

    found: set[int] = set()
    for cell in cells.tolist():
        found.update(h3.get_icosahedron_faces(cell))
    return found


def disk_cells(cell: int, k: int) -> np.ndarray:
    """Return the sorted cells at most `k` rings from a cell (uint64)."""
    import h3.api.basic_int as h3

    return np.array(sorted(h3.grid_disk(cell, k)), dtype=np.uint64)


def parents(cells: np.ndarray, resolution: int) -> np.ndarray:
    """Return the ancestor of each cell at a coarser resolution (uint64)."""
    from h3ronpy import change_resolution

    return np.asarray(change_resolution(cells, resolution))


def unit_vectors(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Return points of the unit sphere, shape (point, 3)."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
