"""Rasters as context: population, land cover, night lights, elevation."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from htgeo.core.errors import InputError
from htgeo.sources.base import Source, read_source
from htgeo.sources.events import RowReport
from htgeo.sources.files import existing
from htgeo.sources.region import Region

if TYPE_CHECKING:
    from pyproj import CRS

WINDOW = 2048
"""Pixels on a side of what is read at once (32 MB): files larger than memory are read window by window."""


@dataclass(frozen=True)
class RasterWindow:
    """Some pixels of a raster.

    Attributes
    ----------
    west, north
        Outer corner of the first pixel.
    values, known
        The values (float64) and whether a pixel has data, shape (row, column), from the north-west.
    """

    west: float
    north: float
    values: np.ndarray
    known: np.ndarray


@dataclass(frozen=True, eq=False)
class Raster:
    """One band of a raster file, read when asked for.

    Attributes
    ----------
    path
        The file.
    band
        Number of the band, from 1.
    crs
        Coordinate system, with or without a code.
    bounds
        West, south, east and north, in units of `crs`.
    pixel
        Width and height of a pixel, in the same units.
    nodata
        The value of pixels without data; None: only what the file itself masks.
    how
        How `add_raster` joins it unless told otherwise.
    report
        How many pixels have data.
    """

    path: Path
    band: int
    crs: "CRS"
    bounds: tuple[float, float, float, float]
    pixel: tuple[float, float]
    nodata: float | None
    how: Literal["sum", "mean", "majority"]
    report: RowReport

    @property
    def pixel_area(self) -> float:
        """Surface of a pixel in squared units of the coordinate system."""
        return self.pixel[0] * self.pixel[1]

    def windows(self, bounds: Sequence[float] | None = None) -> Iterator[RasterWindow]:
        """Yield windows of pixels, all of them or those that touch `bounds` (west, south, east, north).

        Values are scaled as the file says; a pixel has data unless the file masks it or it is not a number.
        """
        with _opened(self.path) as file:
            yield from _windows(file, self.band, self.nodata, self.bounds, self.pixel, bounds)


@dataclass(frozen=True)
class Rasters(Source):
    """One band of a raster (GeoTIFF, VRT …); it becomes a static variable of the cells.

    Parameters
    ----------
    how
        ``mean`` (default; elevation, brightness), ``sum`` (people: totals split by surface) or ``majority`` (land
        cover).
    band
        Number of the band, from 1.
    crs
        Coordinate system, for a file that does not say its own: a code such as ``EPSG:32618``, or WKT.
    nodata
        Value of pixels without data, for a file that does not say it.
    """

    name: ClassVar[str] = "rasters"
    gives: ClassVar[str] = "raster"
    summary: ClassVar[str] = "a band of a raster as context (population, land cover), joined by exact shares of pixels"
    how: Literal["sum", "mean", "majority"] = "mean"
    band: int = 1
    crs: str | None = None
    nodata: float | None = None

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Raster:  # noqa: ARG002  # a raster is joined to any grid
        """Read one file, window by window, and count the pixels that have data."""
        if len(paths) != 1:
            message = (
                f"the source {self.name!r} takes one file, not {len(paths)}; make one of tiles: gdalbuildvrt all.vrt …"
            )
            raise InputError(message)
        path = existing(paths[0])
        with _opened(path) as file:
            crs, bounds, pixel = self._checked(file, path.name)
            size = file.width * file.height
            known = sum(int(w.known.sum()) for w in _windows(file, self.band, self.nodata, bounds, pixel, None))
        if not known:
            message = f"no pixel of {path.name}, band {self.band}, has data; its nodata value is {self.nodata if self.nodata is not None else file.nodata}"
            raise InputError(message)
        report = RowReport(
            source=self.name,
            files=(path.name,),
            rows=size,
            kept=known,
            repaired=0,
            quarantined=size - known,
            repairs={},
            reasons={"no data": size - known} if known < size else {},
            notes=(f"pixels of {pixel[0]:g} x {pixel[1]:g} in {crs.name}",),
        )
        return Raster(path, self.band, crs, bounds, pixel, self.nodata, self.how, report)

    def _checked(self, file: Any, name: str) -> tuple["CRS", tuple[float, float, float, float], tuple[float, float]]:
        """Return coordinate system, bounds and pixel of an open file, or raise where it is no map."""
        if not 1 <= self.band <= file.count:
            message = f"{name} has no band {self.band}; it has {file.count}, numbered from 1"
            raise InputError(message)
        if np.dtype(file.dtypes[self.band - 1]).kind == "c":
            message = f"{name} holds complex numbers; give a raster of real numbers"
            raise InputError(message)
        if self.crs is None and file.crs is None:
            message = f"{name} does not say its coordinate system; give it, e.g. crs='EPSG:32618'"
            raise InputError(message)
        turn = file.transform
        if turn.b or turn.d or turn.is_identity:
            message = f"{name} is not a grid along x and y of its coordinate system; warp it first: gdalwarp {name} straight.tif"
            raise InputError(message)
        left, bottom, right, top = file.bounds
        bounds = (min(left, right), min(bottom, top), max(left, right), max(bottom, top))
        crs = parse_crs(self.crs if self.crs is not None else file.crs.to_wkt())
        return crs, bounds, (abs(turn.a), abs(turn.e))


def read_raster(path: str | Path, **options: Any) -> Raster:
    """Read one band of a raster file: a GeoTIFF, a VRT of tiles, or what else GDAL reads.

    The values stay in the file; `add_raster` reads them window by window.

    Parameters
    ----------
    path
        The file.
    **options
        ``how``, ``band``, ``crs``, ``nodata``: see `Rasters`.

    Returns
    -------
    Raster

    Raises
    ------
    InputError
        If the file or an option cannot be used, or no pixel has data.

    Examples
    --------
    >>> import htgeo as ht
    >>> path = ht.export(ht.demo_cube(), "crime.tif", "crime", time="2021-03-01")
    >>> ht.read_raster(path, how="sum").crs.to_epsg()
    32618
    """
    raster = read_source("rasters", path, **options)
    assert isinstance(raster, Raster)  # noqa: S101  # for the type checker
    return raster


def parse_crs(text: str) -> "CRS":
    """Return a coordinate system by its code or WKT."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        message = f"there is no coordinate system {text!r}; give a code such as crs='EPSG:32618', or WKT"
        raise InputError(message) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a raster file, and say in plain words why it cannot be read."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # told as an error by the checks
        try:
            with rasterio.open(path) as file:
                yield file
        except RasterioError as error:
            message = f"{path.name} cannot be read as a raster, or is damaged: {error}"
            raise InputError(message) from error


def _windows(
    file: Any,
    band: int,
    nodata: float | None,
    bounds: tuple[float, float, float, float],
    pixel: tuple[float, float],
    near: Sequence[float] | None,
) -> Iterator[RasterWindow]:
    """Yield windows of an open file whose first row is the northern one, or the southern one."""
    from rasterio.windows import Window

    west, _, _, north = bounds
    columns, rows = _span(bounds, pixel, file.width, file.height, near)
    upside_down = file.transform.e > 0
    for row in range(rows.start, rows.stop, WINDOW):
        height = min(WINDOW, rows.stop - row)
        first = file.height - row - height if upside_down else row
        for column in range(columns.start, columns.stop, WINDOW):
            window = Window(column, first, min(WINDOW, columns.stop - column), height)
            found = file.read(band, window=window, masked=True)
            found = found[::-1] if upside_down else found
            known = ~np.ma.getmaskarray(found) & np.isfinite(found.data)
            known &= True if nodata is None else found.data != nodata
            values = found.data.astype(float) * float(file.scales[band - 1]) + float(file.offsets[band - 1])
            yield RasterWindow(west + column * pixel[0], north - row * pixel[1], values, known)


def _span(
    bounds: tuple[float, float, float, float],
    pixel: tuple[float, float],
    width: int,
    height: int,
    near: Sequence[float] | None,
) -> tuple[range, range]:
    """Return the columns and rows, from the north-west, that touch the bounds `near`; all of them if None."""
    if near is None:
        return range(width), range(height)
    (west, _, _, north), (left, bottom, right, top) = bounds, near
    edges = [(left - west) / pixel[0], (right - west) / pixel[0], (north - top) / pixel[1], (north - bottom) / pixel[1]]
    first, last, upper, lower = np.add(edges, [-1, 1, -1, 1])
    return (
        range(int(np.clip(first, 0, width)), int(np.clip(last, 0, width))),
        range(int(np.clip(upper, 0, height)), int(np.clip(lower, 0, height))),
    )
