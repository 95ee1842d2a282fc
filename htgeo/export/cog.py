"""Cloud-optimised GeoTIFF: risk on a regular grid."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Literal

from htgeo.core.errors import InputError
from htgeo.core.version import VERSION
from htgeo.export.base import Writer
from htgeo.export.product import Product
from htgeo.export.raster_bands import RasterBands, raster_bands
from htgeo.export.raster_style import palette, qgis_style, raster_classes
from htgeo.grid.pixels import How

MOST_DAYS = 100
"""Most bands of a file: a reader unpacks all bands of a tile to show one."""
TEXTS = {
    "sum": "totals of the places, split by surface: the sum over all pixels is the sum over all places",
    "mean": "mean of the places, weighted by surface; of pixels that they cover by half",
    "majority": "value of the place that covers most of the pixel",
}


@dataclass(frozen=True)
class Cog(Writer):
    """One variable on a regular grid, a band a day; the QGIS style of the map lies beside it (``.qml``).

    Parameters
    ----------
    crs
        Coordinate system of the grid; by default the UTM zone of the places.
    pixel
        Size of a pixel in units of `crs` (metres in UTM); by default about a tenth of the edge of a cell.
    how
        How pixels follow from places: ``sum`` (default for counts: the total is kept), ``mean`` (default for risk and
        other numbers: weighted by surface), ``majority`` (default for flags and classes). Means and majorities are
        drawn where places cover half of a pixel: value times surface over all pixels is that over all places. A sum
        is drawn wherever a place is, so what a pixel on the shore holds counts as spread over all of it, and
        `add_raster` finds a part of it outside the cells: a third to a half percent with the default pixel, less with
        a smaller one.
    compress
        ``deflate``, which all readers know, or ``zstd``.
    """

    name: ClassVar[str] = "tif"
    summary: ClassVar[str] = (
        "cloud-optimised GeoTIFF: a variable on a regular grid, a band a day, with the map's classes"
    )
    crs: str | None = None
    pixel: float | None = None
    how: How | None = None
    compress: Literal["deflate", "zstd"] = "deflate"

    def write(self, product: Product, path: Path) -> None:
        """Write the bands one after the other, and the style beside the file."""
        days = [str(day) for day in product.days]
        if len(days) > MOST_DAYS:
            message = f"a .tif holds at most {MOST_DAYS} days, one band each, not {len(days)}; choose fewer with time=, or a folder with one file a day: export to NAME.stac"
            raise InputError(message)
        with TemporaryDirectory(prefix=".part-", dir=path.parent) as scratch:
            bands = raster_bands(product, Path(scratch), crs=self.crs, pixel=self.pixel, how=self.how)
            write_cog(bands, raster_tags(product, bands), days, range(len(bands.table)), path, self.compress)
            step = (days[0], str(product.ends[0])) if len(days) == 1 else None
            path.with_suffix(".qml").write_text(qgis_style(raster_classes(bands), step), "utf-8")


def raster_tags(product: Product, bands: RasterBands) -> dict[str, str]:
    """Return what a raster says of itself, plain text by name."""
    about = product.about() | product.about_variable(product.variables[0])
    units = about.get("units", "1")
    return {
        **about,
        "variable": product.variables[0],
        "units": f"{units} per pixel" if bands.how == "sum" else units,
        "pixel_values": TEXTS[bands.how],
        "classes": json.dumps(raster_classes(bands)),
        "TIFFTAG_IMAGEDESCRIPTION": f"{bands.layer.about}. {about['intended_use']} Audience: {product.audience}.",
        "TIFFTAG_SOFTWARE": f"htgeo {VERSION}",
    }


def write_cog(
    bands: RasterBands, tags: dict[str, str], days: Sequence[str], numbers: Sequence[int], path: Path, compress: str
) -> None:
    """Write some days of a raster as one file.

    Parameters
    ----------
    bands
        The raster.
    tags
        What the file says of itself.
    days
        The days of all bands; empty where the variable has none.
    numbers
        The days to be written.
    path, compress
        The file, and its compression.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import rasterio
    from rasterio.shutil import copy

    number = bands.how != "majority"
    with (
        TemporaryDirectory(prefix=".part-", dir=path.parent) as scratch,
        rasterio.Env(GDAL_PAM_ENABLED="NO", GDAL_NUM_THREADS="1", GDAL_CACHEMAX=256 << 20),
    ):
        plain = Path(scratch) / "plain.tif"
        try:
            _write_plain(bands, tags, days, numbers, plain)
            copy(
                plain,
                path,
                driver="COG",
                compress=compress,
                predictor="yes",
                blocksize=512 if len(numbers) == 1 else 256,
                overview_resampling="average" if number else "mode",
                bigtiff="if_safer",
            )
            _read_again(path)
        except rasterio._err.CPLE_BaseError as error:  # noqa: SLF001  # the copy raises what GDAL says as it is
            raise OSError(str(error)) from error


def _write_plain(
    bands: RasterBands, tags: dict[str, str], days: Sequence[str], numbers: Sequence[int], path: Path
) -> None:
    """Write the bands as a plain tiled file, from which GDAL makes the cloud-optimised one."""
    import rasterio

    grid = bands.grid
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=grid.width,
        height=grid.height,
        count=len(numbers),
        dtype=bands.dtype,
        nodata=bands.missing,
        crs=rasterio.CRS.from_wkt(grid.crs.to_wkt()),
        transform=rasterio.Affine(grid.pixel[0], 0, grid.west, 0, -grid.pixel[1], grid.north),
        tiled=True,
        interleave="band",
        compress="zstd",
        zstd_level=1,
        bigtiff="if_safer",
    ) as file:
        file.update_tags(**tags)
        if bands.dtype == "uint8" and len(numbers) == 1:
            file.write_colormap(1, palette(bands.layer))
        for at, number in enumerate(numbers, start=1):
            file.write(bands.band(number), at)
            file.set_band_description(at, days[number] if days else tags["variable"])
            file.set_band_unit(at, tags["units"])


def _read_again(path: Path) -> None:
    """Raise where a full disk has cut the file short, which GDAL does not tell when it writes."""
    import rasterio

    with rasterio.open(path) as file:
        for band in file.indexes:
            for _, window in file.block_windows(band):
                file.read(band, window=window)
