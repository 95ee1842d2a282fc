"""Exact shares of pixels in polygons: the bridge between hexagons and rasters, both ways."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from htgeo.core.errors import InputError
from htgeo.grid.cells import cell_polygons
from htgeo.sources.rasters import Raster, RasterWindow

if TYPE_CHECKING:
    from pyproj import CRS
    from scipy.sparse import csr_array

How = Literal["sum", "mean", "majority"]
HOWS = ("sum", "mean", "majority")
POLYGONS_AT_ONCE = 2000
MOST_PIXELS = 25_000_000
MOST_CLASSES = 256
ROUNDING = 1e-9
"""Shares below this are where outlines touch."""


@dataclass(frozen=True)
class PixelGrid:
    """A regular north-up grid of pixels.

    Attributes
    ----------
    west, north
        Outer corner of the first pixel, in units of the coordinate system.
    pixel
        Width and height of a pixel, in the same units.
    width, height
        Number of pixels.
    crs
        Coordinate system.
    """

    west: float
    north: float
    pixel: tuple[float, float]
    width: int
    height: int
    crs: "CRS"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north."""
        return (
            self.west,
            self.north - self.height * self.pixel[1],
            self.west + self.width * self.pixel[0],
            self.north,
        )


def pixel_grid(polygons: np.ndarray, crs: "CRS", pixel: float) -> PixelGrid:
    """Return the pixels of one size that cover polygons; edges lie on multiples of the size.

    Parameters
    ----------
    polygons
        Shapely polygons in `crs`.
    crs
        Coordinate system of the grid.
    pixel
        Size of a pixel in units of `crs`.

    Raises
    ------
    InputError
        If there would be more pixels than 25 million.
    """
    import shapely

    west, south, east, north = shapely.total_bounds(polygons) / pixel
    columns, rows = int(np.ceil(east) - np.floor(west)), int(np.ceil(north) - np.floor(south))
    if columns * rows > MOST_PIXELS:
        least = float(f"{pixel * np.sqrt(columns * rows / MOST_PIXELS) * 1.05:.1g}")
        message = f"pixels of {pixel:g} make {columns:,} x {rows:,}, more than {MOST_PIXELS:,}; give a larger pixel, e.g. pixel={least:g}"
        raise InputError(message)
    return PixelGrid(float(np.floor(west)) * pixel, float(np.ceil(north)) * pixel, (pixel, pixel), columns, rows, crs)


def project(polygons: np.ndarray, crs: "CRS") -> np.ndarray:
    """Return polygons of EPSG:4326 in another coordinate system.

    Longitudes west of the antimeridian are counted on from 180 where the polygons lie on both sides of it.
    """
    import shapely
    from pyproj import Transformer

    west, _, east, _ = shapely.total_bounds(polygons)
    change = Transformer.from_crs("EPSG:4326", crs, always_xy=True)

    def transform(points: np.ndarray) -> np.ndarray:
        lon, lat = points.T
        lon = np.where(lon < 0, lon + 360, lon) if east - west > 180 else lon  # noqa: PLR2004  # half the globe
        return np.column_stack(change.transform(lon, lat))

    made = np.asarray(shapely.transform(polygons, transform))
    if not np.isfinite(shapely.bounds(made)).all():
        message = f"some places lie outside the area of {crs.name!r}; choose a coordinate system that covers them all"
        raise InputError(message)
    return made


def pixel_shares(polygons: np.ndarray, grid: PixelGrid) -> "csr_array":
    """Return the share of each pixel that lies in each polygon, exact for polygons with straight edges.

    Parameters
    ----------
    polygons
        Shapely polygons in the coordinate system of the grid; those beyond it have no pixels.
    grid
        The pixels, row by row from the north-west.

    Returns
    -------
    csr_array, shape (polygon, pixel)
        Values in (0, 1].
    """
    from scipy.sparse import csr_array, vstack

    parts = [_shares(polygons[i : i + POLYGONS_AT_ONCE], grid) for i in range(0, len(polygons), POLYGONS_AT_ONCE)]
    return csr_array(vstack(parts, format="csr")) if parts else csr_array((0, grid.width * grid.height))


def _shares(polygons: np.ndarray, grid: PixelGrid) -> "csr_array":
    import geopandas as gpd
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource
    from scipy.sparse import csr_array

    empty = np.broadcast_to(np.float32(0), (grid.height, grid.width))
    pixels = NumPyRasterSource(empty, *grid.bounds, srs_wkt=grid.crs.to_wkt())
    frame = gpd.GeoDataFrame(geometry=polygons, crs=grid.crs)
    found = exact_extract(pixels, frame, ["cell_id", "coverage"], output="pandas")
    numbers, shares = (
        [np.asarray(values, kind) for values in found[name]]
        for name, kind in (("cell_id", np.int64), ("coverage", float))
    )
    starts = np.concatenate([[0], np.cumsum([len(values) for values in numbers])])
    matrix = csr_array(
        (np.concatenate(shares), np.concatenate(numbers), starts), shape=(len(polygons), grid.width * grid.height)
    )
    matrix.data[matrix.data < ROUNDING] = 0
    matrix.eliminate_zeros()
    return matrix


class CellValues(NamedTuple):
    """A raster by cell.

    Attributes
    ----------
    values
        float64, shape (cell,); NaN where no pixel has data.
    covered
        Share of the surface of each cell that has data, 0 to 1; float64, shape (cell,).
    around
        Total of the pixels in the box of the cells and a cell's width around it, in a cell or not.
    """

    values: np.ndarray
    covered: np.ndarray
    around: float


def cell_values(cells: np.ndarray, raster: Raster, how: How) -> CellValues:
    """Return a raster by cell, by the exact shares of its pixels in the cells, window by window.

    Parameters
    ----------
    cells
        H3 ids, uint64, shape (cell,).
    raster
        From `read_raster`.
    how
        ``"sum"``: pixels hold totals (people), split by surface. ``"mean"``: the mean over the part of a cell that has
        data. ``"majority"``: the value that covers most of it, the lowest of equals.

    Returns
    -------
    CellValues

    Raises
    ------
    InputError
        If `how` is none of the three, or a majority is asked of more than 256 different values.
    """
    import shapely

    if how not in HOWS:
        message = f"a raster is joined by {', '.join(map(repr, HOWS))}, not {how!r}"
        raise InputError(message)
    hexagons = project(cell_polygons(cells), raster.crs)
    tally: _Sums | _Classes = _Classes(len(cells)) if how == "majority" else _Sums(len(cells), how)
    around = 0.0
    for rows, shares, window in _meetings(hexagons, raster):
        tally.add(rows, shares, window)
        around += float(window.values[window.known].sum())
    covered = tally.pixels * raster.pixel_area / shapely.area(hexagons)
    return CellValues(tally.values(), np.minimum(covered, 1.0), around)


def _meetings(hexagons: np.ndarray, raster: Raster) -> Iterator[tuple[np.ndarray, "csr_array", RasterWindow]]:
    """Yield the windows around hexagons, with the rows of those that lie in them and the shares of their pixels."""
    import shapely

    west, south, east, north = shapely.bounds(hexagons).T
    wide, high = (east - west).max(), (north - south).max()
    for window in raster.windows((west.min() - wide, south.min() - high, east.max() + wide, north.max() + high)):
        grid = PixelGrid(
            window.west, window.north, raster.pixel, window.values.shape[1], window.values.shape[0], raster.crs
        )
        left, bottom, right, top = grid.bounds
        rows = np.flatnonzero((east > left) & (west < right) & (north > bottom) & (south < top))
        yield rows, pixel_shares(hexagons[rows], grid), window


class _Sums:
    """Sums of values and of shares by cell."""

    def __init__(self, size: int, how: str) -> None:
        self._how, self._total, self.pixels = how, np.zeros(size), np.zeros(size)

    def add(self, rows: np.ndarray, shares: "csr_array", window: RasterWindow) -> None:
        self._total[rows] += shares @ np.where(window.known, window.values, 0.0).ravel()
        self.pixels[rows] += shares @ window.known.ravel().astype(float)

    def values(self) -> np.ndarray:
        below = self.pixels if self._how == "mean" else np.ones(len(self.pixels))
        return np.asarray(np.divide(self._total, below, out=np.full(len(below), np.nan), where=self.pixels > 0))


class _Classes:
    """Sums of shares by cell and value."""

    def __init__(self, size: int) -> None:
        self._found: dict[float, np.ndarray] = {}
        self.pixels = np.zeros(size)

    def add(self, rows: np.ndarray, shares: "csr_array", window: RasterWindow) -> None:
        values = np.where(window.known, window.values, np.nan).ravel()
        classes = np.unique(values[window.known.ravel()]).tolist()
        if len(self._found.keys() | set(classes)) > MOST_CLASSES:
            message = f"a majority needs classes; this raster has more than {MOST_CLASSES} different values: join it by 'mean' or 'sum'"
            raise InputError(message)
        for value in classes:
            pixels = shares @ (values == value).astype(float)
            self._found.setdefault(value, np.zeros(len(self.pixels)))[rows] += pixels
            self.pixels[rows] += pixels

    def values(self) -> np.ndarray:
        best, most = np.full(len(self.pixels), np.nan), np.zeros(len(self.pixels))
        for value in sorted(self._found):
            more = self._found[value] > most
            best[more], most[more] = value, self._found[value][more]
        return best
