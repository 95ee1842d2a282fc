"""STAC: a folder with one cloud-optimised GeoTIFF a day and a catalogue of them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import numpy as np

from htgeo.core.errors import InputError
from htgeo.export.base import Writer
from htgeo.export.cog import raster_tags, write_cog
from htgeo.export.product import Product
from htgeo.export.raster_bands import RasterBands, raster_bands
from htgeo.export.raster_style import qgis_style
from htgeo.grid.pixels import How, PixelGrid

STAC_VERSION = "1.1.0"
EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/datacube/v2.2.0/schema.json",
]
COLLECTION = "collection.json"
MEDIA = "image/tiff; application=geotiff; profile=cloud-optimized"


@dataclass(frozen=True)
class Stac(Writer):
    """A folder: ``collection.json``, and ``<day>.tif``, ``<day>.json`` (item) and ``<day>.qml`` (style) for each day.

    ``<variable>.vrt`` shows all days as bands of one raster. In QGIS the days follow each other in the temporal
    controller. Links are relative: the folder can be moved, or put on a web server as it is.

    Parameters
    ----------
    crs, pixel, how, compress
        As for ``.tif``.
    """

    name: ClassVar[str] = "stac"
    summary: ClassVar[str] = "STAC: a folder with a cloud-optimised GeoTIFF a day, a collection with items, and a VRT"
    crs: str | None = None
    pixel: float | None = None
    how: How | None = None
    compress: Literal["deflate", "zstd"] = "deflate"

    def write(self, product: Product, path: Path) -> None:
        """Write the folder day by day."""
        days = [str(day) for day in product.days]
        if not days:
            message = f"a STAC collection needs days, and {', '.join(product.variables)} has none; export it to a .tif"
            raise InputError(message)
        path.mkdir()
        with TemporaryDirectory(prefix=".part-", dir=path.parent) as scratch:
            bands = raster_bands(product, Path(scratch), crs=self.crs, pixel=self.pixel, how=self.how)
            tags = raster_tags(product, bands)
            for number, day in enumerate(days):
                write_cog(bands, tags | {"days": day}, days, [number], path / f"{day}.tif", self.compress)
                style = qgis_style(json.loads(tags["classes"]), (day, _after(product, day)))
                (path / f"{day}.qml").write_text(style, "utf-8")
                _write_json(path / f"{day}.json", _item(product, bands, tags, day))
        _write_json(path / COLLECTION, _collection(product, bands, tags))
        vrt = path / f"{tags['variable']}.vrt"
        vrt.write_text(_vrt(bands, tags, days), "utf-8")
        vrt.with_suffix(".qml").write_text(qgis_style(json.loads(tags["classes"])), "utf-8")


def _write_json(path: Path, facts: dict[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n", "utf-8")


def _item(product: Product, bands: RasterBands, tags: dict[str, str], day: str) -> dict[str, Any]:
    west, south, east, north = _degrees(bands.grid)
    start, end = _moments(product, day)
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": EXTENSIONS,
        "id": f"{tags['variable']}-{day}",
        "collection": tags["variable"],
        "geometry": _outline(west, south, east, north),
        "bbox": [west, south, east, north],
        "properties": {
            "title": f"{bands.layer.title}, {day}",
            "description": bands.layer.about,
            "datetime": None,
            "start_datetime": start,
            "end_datetime": end,
            **_facts(tags),
            **_projection(bands.grid),
            **_datacube(product, bands, tags, [day]),
        },
        "links": [{"rel": rel, "href": f"./{COLLECTION}", "type": "application/json"} for rel in ("root", "parent", "collection")],
        "assets": {
            "data": {"href": f"./{day}.tif", "type": MEDIA, "roles": ["data"], "bands": [_band(bands, tags)]},
            "style": {"href": f"./{day}.qml", "type": "application/xml", "roles": ["style"], "title": "QGIS style"},
        },
    }  # fmt: skip


def _outline(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """Return a box as GeoJSON: in two parts where it crosses the 180th meridian, so that west is above east."""
    edges = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [[[[w, south], [e, south], [e, north], [w, north], [w, south]]] for w, e in edges]
    return {"type": "Polygon", "coordinates": rings[0]} if len(rings) == 1 else {"type": "MultiPolygon", "coordinates": rings}  # fmt: skip


def _collection(product: Product, bands: RasterBands, tags: dict[str, str]) -> dict[str, Any]:
    days = [str(day) for day in product.days]
    start, end = _moments(product, days[0])[0], _moments(product, days[-1])[1]
    items = [
        {"rel": "item", "href": f"./{day}.json", "type": "application/geo+json", "title": day} for day in days
    ]  # fmt: skip
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": EXTENSIONS,
        "id": tags["variable"],
        "title": bands.layer.title,
        "description": tags["TIFFTAG_IMAGEDESCRIPTION"],
        "license": "other",
        "keywords": ["H3", product.audience],
        "extent": {"spatial": {"bbox": [list(_degrees(bands.grid))]}, "temporal": {"interval": [[start, end]]}},
        "summaries": _projection(bands.grid, summary=True) | {name: [text] for name, text in _facts(tags).items()},
        **_datacube(product, bands, tags, days),
        "links": [{"rel": "root", "href": f"./{COLLECTION}", "type": "application/json"}, *items],
        "assets": {
            "all_days": {
                "href": f"./{tags['variable']}.vrt",
                "type": "application/xml",
                "roles": ["data"],
                "title": "All days as bands of one raster",
            }
        },
    }


def _facts(tags: dict[str, str]) -> dict[str, str]:
    """Return what the catalogue says beyond the standard's own fields."""
    apart = ("title", "days", "variable", "classes")
    return {f"htgeo:{key}": text for key, text in tags.items() if key not in apart and not key.startswith("TIFFTAG")}


def _band(bands: RasterBands, tags: dict[str, str]) -> dict[str, Any]:
    return {
        "name": tags["variable"],
        "description": bands.layer.about,
        "data_type": bands.dtype,
        "nodata": "nan" if np.isnan(bands.missing) else bands.missing,
        "unit": tags["units"],
    }


def _moments(product: Product, day: str) -> tuple[str, str]:
    """Return the first and the last second of the step that begins on a local day, in UTC."""
    zone = ZoneInfo(product.about().get("time_zone", "UTC"))
    first, after = (
        datetime.fromisoformat(one).replace(tzinfo=zone).astimezone(UTC) for one in (day, _after(product, day))
    )
    return (f"{first:%Y-%m-%dT%H:%M:%SZ}", f"{after - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}")


def _after(product: Product, day: str) -> str:
    """Return the first day after the step that begins on a day."""
    return str(product.ends[product.days == np.datetime64(day)][0])


def _degrees(grid: PixelGrid) -> tuple[float, float, float, float]:
    """Return the bounds of a grid in degrees (west, south, east, north)."""
    from pyproj import Transformer

    change = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    west, south, east, north = (round(float(edge), 7) for edge in change.transform_bounds(*grid.bounds))
    return west, south, east, north


def _code(grid: PixelGrid) -> str | None:
    authority = grid.crs.to_authority()
    return ":".join(authority) if authority else None


def _projection(grid: PixelGrid, *, summary: bool = False) -> dict[str, Any]:
    """Return the fields of the projection extension."""
    code = _code(grid)
    system = (
        {"proj:code": [code] if summary else code}
        if code
        else {"proj:wkt2": [grid.crs.to_wkt()] if summary else grid.crs.to_wkt()}
    )
    if summary:
        return system
    transform = [grid.pixel[0], 0.0, grid.west, 0.0, -grid.pixel[1], grid.north]
    shape = [grid.height, grid.width]
    return {**system, "proj:shape": shape, "proj:transform": transform, "proj:bbox": list(grid.bounds)}


def _datacube(product: Product, bands: RasterBands, tags: dict[str, str], days: list[str]) -> dict[str, Any]:
    """Return the fields of the datacube extension."""
    grid = bands.grid
    west, south, east, north = grid.bounds
    system = grid.crs.to_epsg() or grid.crs.to_json_dict()
    moments = [_moments(product, day)[0] for day in days]
    axes = {
        axis: {"type": "spatial", "axis": axis, "extent": list(extent), "step": step, "reference_system": system}
        for axis, extent, step in (("x", (west, east), grid.pixel[0]), ("y", (south, north), grid.pixel[1]))
    }
    time = {"type": "temporal", "extent": [moments[0], _moments(product, days[-1])[1]], "values": moments}
    variable = {
        "dimensions": ["time", "y", "x"],
        "type": "data",
        "description": bands.layer.about,
        "unit": tags["units"],
    }
    return {"cube:dimensions": {**axes, "time": time}, "cube:variables": {tags["variable"]: variable}}


def _vrt(bands: RasterBands, tags: dict[str, str], days: list[str]) -> str:
    """Return a virtual raster with a band for each file."""
    grid = bands.grid
    size = f'xOff="0" yOff="0" xSize="{grid.width}" ySize="{grid.height}"'
    kind = {"uint8": "Byte", "float32": "Float32"}[bands.dtype]
    lines = [
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">',
        f"  <SRS>{escape(grid.crs.to_wkt())}</SRS>",
        f"  <GeoTransform>{grid.west!r}, {grid.pixel[0]!r}, 0, {grid.north!r}, 0, {-grid.pixel[1]!r}</GeoTransform>",
        "  <Metadata>",
        *(f'    <MDI key="{key}">{escape(text)}</MDI>' for key, text in tags.items() if not key.startswith("TIFFTAG")),
        "  </Metadata>",
    ]
    for number, day in enumerate(days, start=1):
        lines += [
            f'  <VRTRasterBand dataType="{kind}" band="{number}">',
            f"    <Description>{day}</Description>",
            f"    <NoDataValue>{bands.missing}</NoDataValue>",
            f'    <SimpleSource><SourceFilename relativeToVRT="1">{day}.tif</SourceFilename><SourceBand>1</SourceBand>',
            f"      <SrcRect {size}/><DstRect {size}/></SimpleSource>",
            "  </VRTRasterBand>",
        ]
    return "\n".join([*lines, "</VRTDataset>", ""])
