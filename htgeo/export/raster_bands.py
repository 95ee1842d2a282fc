"""A variable of a cube as pixels: one band a day, made one at a time."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from htgeo.core.errors import InputError
from htgeo.cube.schema import role_of
from htgeo.export.product import Product
from htgeo.grid.pixels import HOWS, How, PixelGrid, pixel_grid, pixel_shares, project
from htgeo.sources.rasters import parse_crs

if TYPE_CHECKING:  # maps load when something is exported, so that the import of htgeo stays light
    from scipy.sparse import csr_array

    from htgeo.maps.layers import Layer
    from htgeo.maps.page_scale import Scale

SUMMED = ("count", "known_count", "within_count", "expected")
"""Roles whose values are totals of a cell: their pixels are totals too."""
PIXELS_PER_EDGE = 10
HEXAGON = 1.5 * np.sqrt(3)
"""Surface of a hexagon by the square of its edge."""
BYTE_MISSING = 255
HALF = 0.5


@dataclass(frozen=True, eq=False)
class RasterBands:
    """One variable by pixel and day.

    Attributes
    ----------
    layer
        What it shows, as a map says it.
    how
        How pixels follow from places: ``sum`` keeps the total over all pixels, ``mean`` is weighted by surface,
        ``majority`` is the value of the place that covers most of a pixel. The last two leave out what is covered by
        less than a half, so that value times surface over all pixels is that over all places.
    grid
        The pixels.
    areas
        Surface of each place in squared units of the coordinate system, shape (place,).
    shares
        Share of each pixel in each place, shape (pixel, place).
    table
        The values by day, float32, shape (day, place); one row where the variable has no days.
    """

    layer: "Layer"
    how: How
    grid: PixelGrid
    areas: np.ndarray
    shares: "csr_array"
    table: np.ndarray

    @property
    def dtype(self) -> str:
        """Type of the pixels: bytes for classes that fit, 32-bit floats otherwise."""
        codes = np.asarray(self.layer.codes)
        whole = bool(codes.size) and bool(((codes >= 0) & (codes < BYTE_MISSING) & (codes == np.rint(codes))).all())
        return "uint8" if self.how == "majority" and whole else "float32"

    @property
    def missing(self) -> float:
        """Value of pixels without a value."""
        return BYTE_MISSING if self.dtype == "uint8" else np.nan

    @cached_property
    def scale(self) -> "Scale":
        """Classes and colours of the map, by the values of the places."""
        from htgeo.maps.page_scale import scale_of

        return scale_of(self.layer, np.asarray(self.table))

    @property
    def part(self) -> float:
        """What a pixel has of the value of the place around it: 1, or for totals its part of the largest place.

        Places of one grid differ in size by a percent; of the largest, so that a whole number stays in its class.
        """
        return float(np.prod(self.grid.pixel) / self.areas.max() * (1 - 1e-6)) if self.how == "sum" else 1.0

    def band(self, number: int) -> np.ndarray:
        """Return the pixels of a day, shape (row, column)."""
        values = np.asarray(self.table[number], float)
        made = self._dominant(values) if self.how == "majority" else self._weighted(values)
        made = np.where(np.isfinite(made), made, self.missing).astype(self.dtype)
        return np.asarray(made.reshape(self.grid.height, self.grid.width))

    def _weighted(self, values: np.ndarray) -> np.ndarray:
        known = np.isfinite(values)
        covered = self.shares @ known.astype(float)
        if self.how == "sum":
            values, below, drawn = values * np.prod(self.grid.pixel) / self.areas, np.ones(len(covered)), covered > 0
        else:
            below, drawn = covered, self._drawn(known)
        total = self.shares @ np.where(known, values, 0.0)
        return np.asarray(np.divide(total, below, out=np.full(len(covered), np.nan), where=drawn))

    def _dominant(self, values: np.ndarray) -> np.ndarray:
        return np.where(self._drawn(np.isfinite(values)), values[self._most], np.nan)

    def _drawn(self, known: np.ndarray) -> np.ndarray:
        """Return which pixels have a value: those half covered by known places, and one of each place without such."""
        drawn = self.shares @ known.astype(float) >= HALF
        unseen = known & (self._largest >= 0) & (self.shares.T @ drawn.astype(float) == 0)
        drawn[self._largest[unseen]] = True
        return np.asarray(drawn)

    @cached_property
    def _most(self) -> np.ndarray:
        """The place that covers most of each pixel, shape (pixel,)."""
        return _largest_of_rows(self.shares)

    @cached_property
    def _largest(self) -> np.ndarray:
        """The pixel that is covered most by each place, shape (place,)."""
        return _largest_of_rows(self.shares.T.tocsr())


def _largest_of_rows(matrix: "csr_array") -> np.ndarray:
    """Return the column of the largest value of each row, the first of equals, -1 in a row without any."""
    sizes = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-matrix.indices, matrix.data))
    most = np.full(len(sizes), -1)
    most[rows[order]] = matrix.indices[order]
    return most


def raster_bands(
    product: Product, folder: Path, *, crs: str | None, pixel: float | None, how: str | None
) -> RasterBands:
    """Return the variable of a product as pixels.

    Parameters
    ----------
    product
        With one variable.
    folder
        Where the values lie while the bands are made.
    crs
        Coordinate system; by default the UTM zone of the places.
    pixel
        Size of a pixel in units of `crs`; by default about a tenth of the edge of a cell.
    how
        ``sum``, ``mean`` or ``majority``; by default what fits the variable.

    Raises
    ------
    InputError
        If there are several variables, or an option cannot be used.
    """
    import shapely
    from scipy.sparse import csr_array

    if len(product.variables) != 1:
        message = f"a raster holds one variable, not {', '.join(product.variables)}; export each to its own file"
        raise InputError(message)
    if pixel is not None and not 0 < pixel < np.inf:
        message = f"pixel must be a size above 0 in units of the coordinate system, not {pixel!r}"
        raise InputError(message)
    layer = product.layer()
    shapes = product.shapes()
    polygons = project(shapes, parse_crs(crs if crs is not None else utm_zone(shapes)))
    _check_whole(polygons, crs)
    areas = shapely.area(polygons)
    size = pixel if pixel is not None else _round(float(np.sqrt(np.median(areas) / HEXAGON)) / PIXELS_PER_EDGE)
    grid = pixel_grid(polygons, parse_crs(crs if crs is not None else utm_zone(shapes)), size)
    shares = csr_array(pixel_shares(polygons, grid).T.tocsr())
    return RasterBands(layer, _how(layer, how), grid, areas, shares, _table(product, folder))


def _check_whole(polygons: np.ndarray, crs: str | None) -> None:
    """Raise where the edge of a map runs through places: an outline torn there is turned around."""
    import shapely

    parts, place = shapely.get_parts(polygons, return_index=True)
    torn = np.unique(place[~shapely.is_ccw(shapely.get_exterior_ring(parts))])
    if len(torn):
        message = f"the edge of the map in {crs!r} tears {len(torn)} of {len(polygons)} places apart; choose another coordinate system, or leave crs= out for the UTM zone of the places"
        raise InputError(message)


def _how(layer: "Layer", how: str | None) -> How:
    attrs = layer.values.attrs
    if layer.kind != "number":
        fitting = "majority"
    else:
        fitting = str(attrs.get("how", "sum" if role_of(layer.values) in SUMMED else "mean"))
    chosen = fitting if how is None else how
    if chosen not in HOWS:
        message = f"pixels follow from places by {', '.join(map(repr, HOWS))}, not {chosen!r}"
        raise InputError(message)
    return chosen  # type: ignore[return-value]  # one of the three


def _table(product: Product, folder: Path) -> np.ndarray:
    """Return the values by day and place, on disk; they are not mapped while written: a full disk would end the process."""
    file = folder / "values"
    with file.open("wb") as values:
        for block, places in product.computed():
            part = block[product.variables[0]].values.reshape(len(places), -1)
            values.write(np.ascontiguousarray(part, np.float32).data)
    return np.memmap(file, np.float32, "r", shape=(product.cube.sizes[product.space], max(len(product.days), 1))).T


def utm_zone(shapes: np.ndarray) -> str:
    """Return the code of the UTM zone that the middle of the places lies in."""
    import shapely

    points = shapely.get_coordinates(shapes)
    lon, lat = np.degrees(np.angle(np.exp(1j * np.radians(points[:, 0])).mean())), points[:, 1].mean()
    zone = int((lon + 180) // 6) % 60 + 1
    return f"EPSG:{326 if lat >= 0 else 327}{zone:02d}"


def _round(size: float) -> float:
    """Return the nearest of 1, 2 or 5 times a power of ten."""
    power = 10 ** np.floor(np.log10(size))
    return float(min((power * step for step in (1, 2, 5, 10)), key=lambda near: abs(np.log(near / size))))
