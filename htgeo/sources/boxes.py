"""Boxes over a region, to find the areas of many points: most boxes lie in one area, or in none."""

from collections.abc import Callable
from itertools import product

import numpy as np

BOXES = 512
"""Boxes from west to east, and from south to north."""
PIECE = 2**15
"""Points looked up together, few enough for the processor's cache."""
MIXED = -2
"""A box that an outline may pass through."""
Search = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Boxes:
    """The area that each box lies in.

    Parameters
    ----------
    polygons
        Shapely polygons of the areas, shape (area,), degrees.
    search
        Returns the number of the area of points ``(lon, lat)``, -1 outside all; asked for the middle of each box, and
        for points in boxes that an outline passes through.
    """

    def __init__(self, polygons: np.ndarray, search: Search) -> None:
        import shapely

        west, south, east, north = shapely.total_bounds(polygons)
        self._search = search
        self._corner, self._size = (west, south), ((east - west) / BOXES, (north - south) / BOXES)
        column, row = np.divmod(np.arange(BOXES**2), BOXES)
        self._areas = search(west + (column + 0.5) * self._size[0], south + (row + 0.5) * self._size[1])
        # pieces of outline shorter than a box: each touches the boxes of its two ends, and at most those between them
        outlines = shapely.segmentize(shapely.boundary(polygons), 0.99 * min(self._size))
        column, row = self._at(*shapely.get_coordinates(outlines).T)
        for across, up in product((0, 1), (0, 1)):
            self._areas[np.roll(column, across) * BOXES + np.roll(row, up)] = MIXED

    def locate(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the number of the area that each point lies in, -1 outside all (int32, shape (point,))."""
        found = np.full(len(lon), -1, np.int32)
        for start in range(0, len(lon), PIECE):
            piece = slice(start, start + PIECE)
            found[piece] = self._looked_up(lon[piece], lat[piece])
        mixed = np.flatnonzero(found == MIXED)
        found[mixed] = self._search(lon[mixed], lat[mixed])
        return found

    def _looked_up(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        (west, south), (width, height) = self._corner, self._size
        inside = (lon >= west) & (lon <= west + BOXES * width) & (lat >= south) & (lat <= south + BOXES * height)
        column, row = self._at(np.where(inside, lon, west), np.where(inside, lat, south))
        return np.where(inside, self._areas[column * BOXES + row], -1)

    def _at(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return column and row of the boxes that points lie in."""
        column, row = (
            np.minimum(((values - start) / size).astype(np.int32), BOXES - 1)
            for values, start, size in zip((lon, lat), self._corner, self._size, strict=True)
        )
        return column, row
