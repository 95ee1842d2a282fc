"""GeoPackage: hexagons for QGIS and ArcGIS."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.use import INTENDED_USE
from htgeo.export.base import Writer
from htgeo.grid.cells import cell_polygons

LAYER = "risk"


class GeoPackage(Writer):
    """One layer of polygons in EPSG:4326 with hex ids as text and a real Date field; intended use in its description."""

    name: ClassVar[str] = "gpkg"
    summary: ClassVar[str] = "GeoPackage: hexagons, hex id as text, real dates, EPSG:4326"

    def write(self, table: pd.DataFrame, cells: np.ndarray, cube: xr.Dataset, path: Path) -> None:
        """Write one layer."""
        import pyarrow as pa
        import pyogrio
        import shapely

        unique, row = np.unique(cells, return_inverse=True)
        shapes = np.asarray(shapely.to_wkb(cell_polygons(unique)), dtype=object)[row]
        arrow = pa.Table.from_pandas(table, preserve_index=False).append_column("geom", pa.array(shapes, pa.binary()))
        facts = [
            f"{name}: {cube[name].attrs.get('long_name', '')} [{cube[name].attrs.get('units', '1')}]"
            for name in table.columns
            if name in cube.data_vars
        ]
        pyogrio.write_arrow(
            arrow,
            path,
            layer=LAYER,
            driver="GPKG",
            geometry_name="geom",
            geometry_type="Polygon",
            crs="EPSG:4326",
            layer_options={"GEOMETRY_NAME": "geom", "DESCRIPTION": "; ".join([*facts, INTENDED_USE])},
        )
