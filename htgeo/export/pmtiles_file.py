"""PMTiles: vector tiles for the web in one file, coarser as one zooms out."""

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.core.progress import steps
from htgeo.export.base import Writer
from htgeo.export.gpkg import facts_of
from htgeo.export.product import Product
from htgeo.export.tile_levels import Level, levels_of, view_of
from htgeo.export.tiles import EXTENT, Tile, bounds_of, tiles
from htgeo.export.web_style import attribution, map_style


@dataclass(frozen=True)
class PmTiles(Writer):
    """Vector tiles with one layer of polygons: hex ids as text, region layers, and the values of a day or of some days.

    Where a cell would be too small to be seen, its H3 parents stand for it, with values by the rules of `to_resolution`:
    counts are summed, a risk becomes an expected count. Where the first variable does not add up (alerts, features), and
    in a cube of areas, the places are the same at all zooms. Beside the file stands ``<stem>-style.json``, a MapLibre
    style with the classes and colours of the web map. All values are in memory, the tiles are made one by one.

    Attributes
    ----------
    layer
        Name of the layer; that of the first variable by default.
    days
        Most days that are written, each as an attribute ``<variable>_<day>``; a single day is ``<variable>``.
    """

    name: ClassVar[str] = "pmtiles"
    summary: ClassVar[str] = "PMTiles: vector tiles for web maps, with H3 parents at low zooms and a MapLibre style"
    layer: str = ""
    days: int = 31

    def write(self, product: Product, path: Path) -> None:
        """Write the tiles zoom by zoom, then the style beside them."""
        try:
            import mapbox_vector_tile  # noqa: F401  # asked for before anything is computed
            from pmtiles.writer import Writer as Archive
        except ImportError as error:
            message = "vector tiles need pmtiles and mapbox-vector-tile: pip install 'htgeo[web]'; or choose .geojson, which needs nothing more"
            raise InputError(message) from error
        if len(product.days) > self.days:
            message = f"tiles of {len(product.days):,} days are large for the web (at most {self.days}): choose fewer days or sum them with htgeo.aggregate, export to .parquet or .gpkg, or set days={len(product.days)}"
            raise InputError(message)
        layer = self.layer or product.variables[0]
        levels = levels_of(product)
        style = map_style(product, levels, layer, path.name)
        with path.open("wb") as file:
            archive = Archive(file)
            with closing(archive.tile_f):
                for number, data in _encoded(levels, layer):
                    archive.write_tile(number, data)
                archive.finalize(_header(levels), _metadata(product, levels, layer, style))
        path.with_name(f"{path.stem}-style.json").write_text(json.dumps(style, indent=1) + "\n", "utf-8")


def _encoded(levels: list[Level], layer: str) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of all tiles, in order."""
    with steps("tiles", sum(len(level.zooms) for level in levels)) as advance:
        for level in levels:
            columns = level.columns()
            for zoom in level.zooms:
                for tile in tiles(level.shapes, zoom):
                    yield tile.number, _encode(tile, columns, layer)
                advance()


def _encode(tile: Tile, columns: dict[str, np.ndarray], layer: str) -> bytes:
    """Return a tile as it is stored; a value that is missing is no attribute."""
    from mapbox_vector_tile import encode
    from mapbox_vector_tile.encoder import on_invalid_geometry_make_valid

    rows = zip(*(values[tile.places].tolist() for values in columns.values()), strict=True)
    features = [
        {"geometry": shape, "properties": {k: v for k, v in zip(columns, row, strict=True) if _known(v)}}
        for shape, row in zip(tile.shapes, rows, strict=True)
    ]
    options = {"y_coord_down": True, "extents": EXTENT, "on_invalid_geometry": on_invalid_geometry_make_valid}
    return gzip.compress(encode([{"name": layer, "features": features}], default_options=options), mtime=0)


def _known(value: Any) -> bool:
    return not isinstance(value, float) or bool(np.isfinite(value))


def _header(levels: list[Level]) -> dict[str, Any]:
    from pmtiles.tile import Compression, TileType

    center, zoom = view_of(levels)
    ends = [round(end * 1e7) for end in (*bounds_of(levels[-1].shapes), *center)]
    names = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7", "center_lon_e7", "center_lat_e7")
    kind = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP}
    return {**kind, "center_zoom": zoom, **dict(zip(names, ends, strict=True))}


def _metadata(product: Product, levels: list[Level], layer: str, style: dict[str, Any]) -> dict[str, Any]:
    """Return what the file says of itself: names that web maps know, and all facts under ``htgeo``."""
    about = facts_of(product)
    fields = {name: _type(values) for level in levels[::-1] for name, values in level.columns().items()}
    sentences = {
        str(name): f"{level.cube[name].attrs.get('long_name', name)} [{level.cube[name].attrs.get('units', '1')}]"
        for level in levels[::-1]
        for name in level.cube.data_vars
    }
    text = f"{'; '.join(sentences.values())}. {about['intended_use']} Audience: {about['audience']}."
    zooms = {"minzoom": levels[0].zooms[0], "maxzoom": levels[-1].zooms[-1]}
    return {
        "name": about["title"],
        "description": text,
        "attribution": attribution(about),
        "type": "overlay",
        "generator": f"htgeo {about['htgeo_version']}",
        "vector_layers": [{"id": layer, "description": text, **zooms, "fields": fields}],
        "htgeo": {
            **about,
            "days": product.days.astype(str).tolist(),
            "variables": sentences,
            "levels": [painted["metadata"] for painted in style["layers"]],
        },
    }


def _type(values: np.ndarray) -> str:
    return {"b": "Boolean", "O": "String", "U": "String", "T": "String"}.get(values.dtype.kind, "Number")
