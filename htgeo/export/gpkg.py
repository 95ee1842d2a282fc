"""GeoPackage: hexagons for QGIS and ArcGIS."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from htgeo.export.base import Writer
from htgeo.export.product import Product

LAYER = "risk"


@dataclass(frozen=True)
class GeoPackage(Writer):
    """One layer of polygons in EPSG:4326 with hex ids as text and a real Date field; intended use in its description."""

    name: ClassVar[str] = "gpkg"
    summary: ClassVar[str] = "GeoPackage: hexagons, hex id as text, real dates, EPSG:4326"

    def write(self, product: Product, path: Path) -> None:
        """Write one layer, block by block."""
        import pyarrow as pa
        import pyogrio
        import shapely

        shapes = np.asarray(shapely.to_wkb(product.shapes()), dtype=object)
        facts = [
            f"{name}: {about.get('long_name', '')} [{about.get('units', '1')}]"
            for name, about in ((name, product.about_variable(name)) for name in product.variables)
        ]
        for number, (table, place) in enumerate(product.blocks()):
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            pyogrio.write_arrow(
                arrow.append_column("geom", pa.array(shapes[place], pa.binary())),
                path,
                layer=LAYER,
                driver="GPKG",
                geometry_name="geom",
                geometry_type="Polygon",
                crs="EPSG:4326",
                append=number > 0,
                layer_options={
                    "GEOMETRY_NAME": "geom",
                    "DESCRIPTION": "; ".join([*facts, product.about()["intended_use"]]),
                }
                if number == 0
                else {},
            )
