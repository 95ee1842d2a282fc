"""FlatGeobuf: polygons with a spatial index, read in part over the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from htgeo.export.base import Writer
from htgeo.export.gpkg import facts_of
from htgeo.export.ogr import write_stream
from htgeo.export.product import Product


@dataclass(frozen=True)
class FlatGeobuf(Writer):
    """One layer of polygons in EPSG:4326, ordered in space, with hex ids as text and the intended use in its description.

    The format knows moments and no days: ``date`` is the midnight at which the day begins, without a time zone.
    """

    name: ClassVar[str] = "fgb"
    summary: ClassVar[str] = "FlatGeobuf: polygons with a spatial index, EPSG:4326"

    def write(self, product: Product, path: Path) -> None:
        """Write one layer as a stream of blocks; the index is made at the end."""
        about = product.about()
        write_stream(
            product,
            path,
            layer=product.variables[0],
            driver="FlatGeobuf",
            layer_metadata=facts_of(product),
            layer_options={
                "TITLE": about["title"],
                "DESCRIPTION": f"{about['intended_use']} Audience: {about['audience']}.",
                "TEMPORARY_DIR": str(path.parent),
            },
        )
