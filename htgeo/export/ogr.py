"""Tables with shapes through GDAL, as one stream of batches: memory is bounded by a block of the cube."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from htgeo.core.errors import HtgeoError, InputError
from htgeo.export.product import DATE, Product

GEOMETRY = "geom"
NO_DATE = "1970-01-01T00:00:00.000Z"
"""What stands where a format wants the moment of writing, so that the same cube gives the same bytes."""


def write_stream(product: Product, path: Path, *, layer: str, driver: str, **options: Any) -> dict[str, np.ndarray]:
    """Write the rows of a product as polygons in EPSG:4326 and return the values of its first variable by its name."""
    import pyarrow as pa
    import pyogrio
    import shapely

    shapes = product.shapes()
    several = bool((shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOLYGON).any())
    if several:
        shapes = np.array([shapely.multipolygons(shapely.get_parts(shape)) for shape in shapes])
    wkb = np.asarray(shapely.to_wkb(shapes), object)
    schema = _schema(product)
    first, seen, faults = product.variables[0], [], []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for table, place in product.blocks():
                seen.append(table[first].to_numpy())
                arrow = pa.Table.from_pandas(table, schema=schema.remove(len(schema) - 1), preserve_index=False)
                arrow = arrow.append_column(schema.field(GEOMETRY), pa.array(wkb[place], pa.binary()))
                yield from arrow.to_batches()
        except Exception as error:  # it would come back from GDAL as a text only
            faults.append(error)
            raise

    try:
        with _no_date():
            pyogrio.write_arrow(
                pa.RecordBatchReader.from_batches(schema, batches()),
                path,
                layer=layer,
                driver=driver,
                geometry_name=GEOMETRY,
                geometry_type="MultiPolygon" if several else "Polygon",
                crs="EPSG:4326",
                **options,
            )
    except Exception as error:
        if faults:
            raise faults[0] from error
        if isinstance(error, HtgeoError):
            raise
        message = (
            f"the file cannot be written (GDAL: {error}); check the space left on the disk and the rights of the folder"
        )
        raise InputError(message) from error
    return {first: np.concatenate(seen)}


def _schema(product: Product) -> Any:
    """Return the columns of a table of the product: text, a real date, numbers, and the shape."""
    import pyarrow as pa

    fields = [pa.field(name, pa.string()) for name in product.text]
    fields += [pa.field(DATE, pa.date32())] if product.dated else []
    fields += [pa.field(name, pa.from_numpy_dtype(product.cube[name].dtype)) for name in product.variables]
    return pa.schema([*fields, pa.field(GEOMETRY, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})])


@contextmanager
def _no_date() -> Iterator[None]:
    """Let GDAL write no moment of writing."""
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": NO_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
