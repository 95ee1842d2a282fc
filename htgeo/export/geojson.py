"""GeoJSON (RFC 7946) for small selections."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from htgeo.core.errors import InputError
from htgeo.export.base import Writer
from htgeo.export.gpkg import facts_of
from htgeo.export.ogr import write_stream
from htgeo.export.product import Product


@dataclass(frozen=True)
class GeoJson(Writer):
    """One feature a place and day, hex ids and dates as text; the intended use stands in the file's ``metadata``.

    Attributes
    ----------
    rows
        Most rows that are written: text of this kind grows large and slow.
    """

    name: ClassVar[str] = "geojson"
    summary: ClassVar[str] = "GeoJSON (RFC 7946) for small selections"
    rows: int = 20_000

    def write(self, product: Product, path: Path) -> None:
        """Write the features; raise where there are too many rows."""
        import json

        if product.rows > self.rows:
            message = f"GeoJSON of {product.rows:,} rows is too large (at most {self.rows:,}): choose fewer days or an area, export to .gpkg, .fgb or .parquet, or set rows={product.rows}"
            raise InputError(message)
        about = json.dumps({"metadata": facts_of(product)}, ensure_ascii=False)
        write_stream(
            product,
            path,
            layer=product.variables[0],
            driver="GeoJSON",
            layer_options={"RFC7946": "YES", "NATIVE_DATA": about, "NATIVE_MEDIA_TYPE": "application/vnd.geo+json"},
        )
