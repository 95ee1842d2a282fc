"""Places in the tiles of web maps: Mercator projection, zooms, and the shapes of each tile."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from htgeo.core.errors import InputError

EXTENT = 4096
"""Units along the side of a tile."""
BUFFER = 64
"""Units around a tile in which shapes go on, so that no edge of a tile is seen."""
TILE_PIXELS = 512
"""Width of a tile on the screen, in CSS pixels, at its own zoom."""
NORTHERNMOST = 85.0511
"""Latitude at which the square of web maps ends."""
HIGHEST_ZOOM = 22
WHOLE_PIXELS = 64
"""Least width of all places together, at the lowest zoom."""
CELL_PIXELS = 6
"""Least width of a cell: below the zoom that gives it, H3 parents stand for their cells."""
SMALL_PIXELS = 2
"""Least width of a place that has no parents."""
FINE_PIXELS = {True: 64, False: 512}
"""Width from which on a place needs no finer tiles: of a cell, and of an area, whose outline has details."""


@dataclass(frozen=True)
class Tile:
    """Shapes of a tile.

    Attributes
    ----------
    number
        Position of the tile in a PMTiles file: zoom by zoom along Hilbert curves.
    places
        Which places, ascending; shape (shape,).
    shapes
        Their polygons in units of the tile, y down, clipped to its buffer; shape (shape,).
    """

    number: int
    places: np.ndarray
    shapes: np.ndarray


def to_mercator(shapes: np.ndarray) -> np.ndarray:
    """Return polygons in degrees as polygons in the square of web maps: 0 to 1, y down.

    A shape that crosses the antimeridian goes on beyond 1, and with it all shapes west of Greenwich.

    Raises
    ------
    InputError
        If a shape reaches beyond 85.05 degrees.
    """
    import shapely

    west, south, east, north = shapely.bounds(shapes).T
    beyond = int((np.maximum(north, -south) > NORTHERNMOST).sum())
    if beyond:
        message = f"{beyond} of {len(shapes)} places reach beyond {NORTHERNMOST} degrees north or south, where web maps end; choose others by area=, or export to .gpkg"
        raise InputError(message)
    degrees, of = shapely.get_coordinates(shapes, return_index=True)
    crosses = east - west > 180  # noqa: PLR2004  # half the way around
    lon = degrees[:, 0] + np.where(crosses[of] & (degrees[:, 0] < 0), 360, 0)
    if crosses.any():
        lon += np.where(~crosses & (west + east < 0), 360, 0)[of]
    x = (lon + 180) / 360
    y = (1 - np.arcsinh(np.tan(np.radians(degrees[:, 1]))) / np.pi) / 2
    return np.asarray(shapely.set_coordinates(shapes.copy(), np.stack([x, y], axis=1)))


def bounds_of(shapes: np.ndarray) -> list[float]:
    """Return the west, south, east and north end of shapes in the square, in degrees; -180 to 180 beyond the antimeridian."""
    import shapely

    west, north, east, south = shapely.total_bounds(shapes)
    ends = (0.0, 1.0) if east > 1 else (west, east)
    return [*_degrees(ends[0], south), *_degrees(ends[1], north)]


def middle_of(shapes: np.ndarray) -> list[float]:
    """Return the longitude and latitude of the middle of shapes in the square."""
    import shapely

    west, north, east, south = shapely.total_bounds(shapes)
    return _degrees((west + east) / 2 % 1, (north + south) / 2)


def _degrees(x: float, y: float) -> list[float]:
    return [float(x * 360 - 180), float(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y)))))]


def zooms_of(shapes: np.ndarray, coarsest: int | None) -> dict[int, range]:
    """Return the zooms at which places are shown, by how many levels of H3 parents stand for them there.

    Parameters
    ----------
    shapes
        Polygons of the places in the square, see `to_mercator`; shape (place,).
    coarsest
        How many levels of parents the places have; None for areas.

    Returns
    -------
    dict of int to range
        From 0, the places themselves, to their coarsest parents.
    """
    import shapely

    west, north, east, south = shapely.bounds(shapes).T
    width = float(np.median(east - west)) * TILE_PIXELS
    whole = max(float(east.max() - west.min()), float(south.max() - north.min())) * TILE_PIXELS
    highest = _zoom(FINE_PIXELS[coarsest is not None] / width)
    lowest = min(_zoom(WHOLE_PIXELS / whole), highest)
    if not coarsest:
        lowest = lowest if coarsest is None else max(lowest, min(_zoom(SMALL_PIXELS / width), highest))
        return {0: range(lowest, highest + 1)}
    zooms = np.arange(lowest, highest + 1)
    ups = np.ceil(np.log(CELL_PIXELS / (width * 2.0**zooms)) / np.log(7**0.5))  # a parent is as large as 7 cells
    ups = np.clip(ups, 0, coarsest).astype(int)
    return {up: range(zooms[ups == up][0], zooms[ups == up][-1] + 1) for up in np.unique(ups).tolist()}


def _zoom(ratio: float) -> int:
    """Return the first zoom at which a width is multiplied so much."""
    return int(np.clip(np.ceil(np.log2(ratio)), 0, HIGHEST_ZOOM))


def tiles(shapes: np.ndarray, zoom: int) -> Iterator[Tile]:
    """Yield the tiles of a zoom that hold any of the shapes, by number."""
    import shapely
    from pmtiles.tile import zxy_to_tileid

    place, corner = _touched(shapely.bounds(shapes) * 2**zoom, 2**zoom)
    found, at = np.unique(corner, axis=0, return_inverse=True)
    numbers = np.array([zxy_to_tileid(zoom, x % 2**zoom, y) for x, y in found.tolist()])[at]
    order = np.lexsort((place, numbers))
    for number, group in groupby(order.tolist(), key=numbers.__getitem__):
        members = np.array(list(group))
        clipped = _clipped(shapes[place[members]], corner[members], 2**zoom)
        kept = shapely.area(clipped) > 0
        if kept.any():
            yield Tile(int(number), place[members][kept], clipped[kept])


def _touched(bounds: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (place, corner (x, y) of a tile) for all pairs that may touch; bounds in tiles, shape (place, 4)."""
    reach = BUFFER / EXTENT
    first = np.floor(bounds[:, :2] - reach).astype(int)
    last = np.floor(bounds[:, 2:] + reach).astype(int)
    first[:, 1], last[:, 1] = np.maximum(first[:, 1], 0), np.minimum(last[:, 1], side - 1)
    columns, rows = (last - first + 1).T
    count = columns * rows
    place = np.repeat(np.arange(len(bounds)), count)
    step = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(step, columns[place])
    return place, first[place] + np.stack([column, row], axis=1)


def _clipped(shapes: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    """Return shapes in units of the tile with this corner, clipped; rounding is the same for all that share a vertex."""
    import shapely

    points, of = shapely.get_coordinates(shapes, return_index=True)
    local = shapely.set_coordinates(shapes, (points * side - corner[of]) * EXTENT)
    return np.asarray(shapely.clip_by_rect(local, -BUFFER, -BUFFER, EXTENT + BUFFER, EXTENT + BUFFER))
