"""Rasters as context: population, land cover, night lights, elevation."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from htgeo.core.errors import InputError
from htgeo.sources.antimeridian import beside
from htgeo.sources.base import Source, read_source
from htgeo.sources.events import RowReport
from htgeo.sources.files import existing
from htgeo.sources.projected import parse_crs as parse_crs  # noqa: PLC0414  # exports take it from here
from htgeo.sources.region import Region

if TYPE_CHECKING:
    from pyproj import CRS

WINDOW = 2048
"""Pixels on a side of what is read at once (32 MB): files larger than memory are read window by window."""
USUAL_NODATA = frozenset({-9999.0, -99999.0, -32768.0, -2147483648.0, *(sign * float(np.finfo(kind).max) for sign in (-1, 1) for kind in ("float32", "float64"))})  # fmt: skip
"""Numbers that stand for missing pixels; -3.4e38 and -1.8e308 are the least numbers of the two float types."""


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
        The value of pixels without data; None: the file declares none.
    how
        How `add_raster` joins it unless told otherwise.
    bands
        How many bands the file has.
    classes
        Whether the file has a colour table: its numbers are names of classes, not amounts.
    near
        Bounds of the study area, in units of `crs`; the report is about the pixels there. None: about all of them.
    """

    path: Path
    band: int
    crs: "CRS"
    bounds: tuple[float, float, float, float]
    pixel: tuple[float, float]
    nodata: float | None
    how: Literal["sum", "mean", "majority"]
    bands: int = 1
    classes: bool = False
    near: tuple[float, float, float, float] | None = None

    @cached_property
    def report(self) -> RowReport:
        """How many pixels have data; they are read, window by window, when this is first asked for."""
        looked_at, known = np.sum([(w.known.size, w.known.sum()) for w in self.windows(self.near)] or [(0, 0)], axis=0)
        missing = int(looked_at - known)
        return RowReport(
            source=Rasters.name,
            files=(self.path.name,),
            rows=int(looked_at),
            kept=int(known),
            repaired=0,
            quarantined=missing,
            repairs={},
            reasons={"no data": missing} if missing else {},
            notes=(
                f"pixels of {self.pixel[0]:g} x {self.pixel[1]:g} in {self.crs.name}",
                *([f"band {self.band} of {self.bands}"] if self.bands > 1 else []),
                *(["only pixels in the bounds of the study area were looked at"] if self.near else []),
            ),
        )

    @property
    def pixel_area(self) -> float:
        """Surface of a pixel in squared units of the coordinate system."""
        return self.pixel[0] * self.pixel[1]

    def windows(self, bounds: Sequence[float] | None = None) -> Iterator[RasterWindow]:
        """Yield windows of pixels, all of them or those that touch `bounds` (west, south, east, north).

        Values are scaled as the file says; a pixel has data unless the file masks it or it is not a number. Degrees of
        longitude repeat after 360, so bounds at -74 find the pixels at 286.
        """
        around = (-360, 0, 360) if bounds is not None and self.crs.is_geographic else (0,)
        with _opened(self.path) as file:
            for turn in around:
                near = None if bounds is None else (bounds[0] + turn, bounds[1], bounds[2] + turn, bounds[3])
                for window in _windows(file, self.band, self.nodata, self.bounds, self.pixel, near):
                    yield replace(window, west=window.west - turn)


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

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Raster:
        """Read what one file says of itself; its pixels are read when asked for."""
        if len(paths) != 1:
            message = (
                f"the source {self.name!r} takes one file, not {len(paths)}; make one of tiles: gdalbuildvrt all.vrt …"
            )
            raise InputError(message)
        path = existing(paths[0])
        with _opened(path) as file:
            crs, bounds, pixel = self._checked(file, path.name)
            nodata = file.nodatavals[self.band - 1] if self.nodata is None else self.nodata
            classes = file.colorinterp[self.band - 1].name == "palette"
            near = _bounds_in(crs, areas[0]) if areas else None
            return Raster(path, self.band, crs, bounds, pixel, nodata, self.how, file.count, classes, near)

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
        crs = _checked_crs(self.crs if self.crs is not None else file.crs.to_wkt(), name)
        return crs, bounds, (abs(turn.a), abs(turn.e))


def read_raster(path: str | Path, **options: Any) -> Raster:
    """Read one band of a raster file: a GeoTIFF, a VRT of tiles, or what else GDAL reads.

    The values stay in the file, which may be larger than memory: `add_raster` reads the pixels around the cells, window by
    window.

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
        If the file or an option cannot be used.

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


def _checked_crs(text: str, name: str) -> "CRS":
    """Return a coordinate system, or raise where it does not say a place on earth."""
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    crs = parse_crs(text)
    try:
        Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    except ProjError as error:
        message = f"the coordinate system of {name}, {crs.name!r}, has no place on earth; give the right one, e.g. crs='EPSG:32618'"
        raise InputError(message) from error
    return crs


def _bounds_in(crs: "CRS", region: Region) -> tuple[float, float, float, float] | None:
    """Return the bounds of a region in a coordinate system, None where it lies beyond its reach."""
    from pyproj import Transformer

    change = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    west, south, east, north = change.transform_bounds(*beside(np.array([region.outline]))[0].bounds)
    return (west, south, east, north) if np.isfinite([west, south, east, north]).all() else None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a raster file, and say in plain words why it cannot be read."""
    try:
        import exactextract  # noqa: F401  # joins what is read
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning, RasterioError
    except ImportError as error:
        message = f"rasters need {error.name}; install it with: pip install 'htgeo[rasters]'"
        raise InputError(message) from error

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # told as an error by the checks
        try:
            with rasterio.open(path) as file:
                yield file
        except RasterioError as error:
            message = f"{path.name} cannot be read as a raster, or is damaged: {error.__cause__ or error}; fetch the file again"
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
            if nodata is None and known.any():
                _check_marks(found.data[known], Path(file.name).name)
            values = found.data.astype(float) * float(file.scales[band - 1]) + float(file.offsets[band - 1])
            yield RasterWindow(west + column * pixel[0], north - row * pixel[1], values, known)


def _check_marks(values: np.ndarray, name: str) -> None:
    """Raise where a file that declares no nodata value holds one of the usual ones."""
    ends = {float(values.min()), float(values.max())}
    marks = sorted(ends & USUAL_NODATA)
    if marks:
        message = f"{name} does not declare its nodata value, and has pixels of {marks[0]:.17g}: give nodata={marks[0]:.17g}, or another number if this is a real value"
        raise InputError(message)


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
