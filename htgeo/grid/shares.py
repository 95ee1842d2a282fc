"""Exact shares of cells in areas."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from htgeo.grid.cells import cell_polygons
from htgeo.sources.antimeridian import cut_at_antimeridian
from htgeo.sources.region import Region

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TILE_DEGREES = 0.03
"""Coastlines are cut into tiles of this size first: a hexagon is then cut from a short outline."""


def cell_shares(cells: np.ndarray, region: Region) -> "csr_array":
    """Return the share of each cell's surface that lies in each area.

    Shares are ratios of areas in degrees inside one cell, where the distortion is below 1e-3.

    Parameters
    ----------
    cells
        H3 ids, uint64, shape (cell,).
    region
        The layer of areas.

    Returns
    -------
    csr_array, shape (cell, area)
        Values in (0, 1]; a row sums to the cell's share of land.
    """
    import shapely
    from scipy.sparse import csr_array

    hexagons = cut_at_antimeridian(cell_polygons(cells))
    tree = shapely.STRtree(hexagons)
    near = [tree.query(area, predicate="intersects") for area in region.geometries]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each area is prepared and used by one thread
        shares = list(pool.map(_share, region.geometries, [hexagons[rows] for rows in near]))
    kept = [share > 1e-9 for share in shares]  # noqa: PLR2004  # touching outlines leave slivers of rounding size
    rows = np.concatenate([rows[keep] for rows, keep in zip(near, kept, strict=True)])
    cols = np.repeat(np.arange(len(region)), [keep.sum() for keep in kept])
    values = np.concatenate([share[keep] for share, keep in zip(shares, kept, strict=True)])
    return csr_array((values, (rows, cols)), shape=(len(cells), len(region)))


def largest(shares: "csr_array") -> np.ndarray:
    """Return the number of the area with the largest share of each cell, -1 where none has any; of equal ones the first."""
    held = shares.tocoo()
    some = np.flatnonzero(held.data > 0)
    order = some[np.lexsort((-held.col[some], held.data[some]))]  # the largest comes last, of equal ones the first area
    best = np.full(shares.shape[0], -1)
    best[held.row[order]] = held.col[order]
    return best


def _share(area: Any, hexagons: np.ndarray) -> np.ndarray:
    """Return the share of each hexagon that lies in an area."""
    import shapely

    shapely.prepare(area)
    whole = shapely.contains_properly(area, hexagons)
    share = np.ones(len(hexagons))
    share[~whole] = _cut(area, hexagons[~whole]) / shapely.area(hexagons[~whole])
    return share


def cell_totals(cells: np.ndarray, region: Region, values: np.ndarray, shares: "csr_array | None" = None) -> np.ndarray:
    """Return totals of areas (people …) by cell, each area spread evenly over its surface; missing ones count as 0.

    Parameters
    ----------
    cells
        H3 ids, uint64, shape (cell,).
    region
        The layer of areas.
    values
        Total of each area, shape (area,).
    shares
        Those of `cell_shares`, where they are known already.
    """
    import shapely

    shares = cell_shares(cells, region) if shares is None else shares
    surface = shapely.area(region.geometries)
    density = np.divide(np.nan_to_num(values), surface, out=np.zeros(len(surface)), where=surface > 0)
    return np.asarray(shapely.area(cut_at_antimeridian(cell_polygons(cells))) * (shares @ density))


def cell_means(cells: np.ndarray, region: Region, values: np.ndarray, shares: "csr_array | None" = None) -> np.ndarray:
    """Return the mean over each cell's land of a value of areas (income, share …), NaN where none has one."""
    shares = cell_shares(cells, region) if shares is None else shares
    known = np.isfinite(values)
    weight = np.asarray(shares @ known.astype(float))
    total = np.asarray(shares @ np.where(known, values, 0.0))
    return np.asarray(np.divide(total, weight, out=np.full(len(cells), np.nan), where=weight > 0))


def _cut(area: Any, hexagons: np.ndarray) -> np.ndarray:
    """Return the surface that each hexagon shares with an area, tile by tile."""
    import shapely

    surface = np.zeros(len(hexagons))
    bounds = shapely.bounds(hexagons)
    tile = np.floor(bounds[:, :2] / TILE_DEGREES).astype(int)
    for column, row in np.unique(tile, axis=0):
        members = np.flatnonzero((tile == (column, row)).all(axis=1))
        west, south = bounds[members, :2].min(axis=0)
        east, north = bounds[members, 2:].max(axis=0)
        piece = shapely.clip_by_rect(area, west, south, east, north)
        surface[members] = shapely.area(shapely.intersection(shapely.make_valid(piece), hexagons[members]))
    return surface
