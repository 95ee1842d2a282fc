"""Tables with shapes through GDAL, as one stream of batches: memory is bounded by a block of the cube."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from htgeo.export.product import DATE, Product

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

GEOMETRY = "geom"
NO_DATE = "1970-01-01T00:00:00.000Z"
"""What stands where a format wants the moment of writing, so that the same cube gives the same bytes."""


def write_stream(product: Product, path: Path, *, layer: str, driver: str, **options: Any) -> dict[str, np.ndarray]:
    """Write the rows of a product as polygons in EPSG:4326 and return the values of its first variable by its name."""
    import pyarrow as pa
    import pyogrio
    import shapely

    shapes = product.flat_shapes()
    several = bool((shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOLYGON).any())
    if several:
        shapes = np.array([shapely.multipolygons(shapely.get_parts(shape)) for shape in shapes])
    wkb = np.asarray(shapely.to_wkb(shapes), object)
    schema = _schema(product)
    first, seen = product.variables[0], []
    faults: list[Exception] = []
    ids = [name for name in product.variables if product.cube[name].dtype == np.uint64]

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for table, place in product.blocks():
                seen.append(table[first].to_numpy())
                plain = table.astype(dict.fromkeys(ids, str))
                arrow = pa.Table.from_pandas(plain, schema=schema.remove(len(schema) - 1), preserve_index=False)
                arrow = arrow.append_column(schema.field(GEOMETRY), pa.array(wkb[place], pa.binary()))
                yield from arrow.to_batches()
        except Exception as error:  # it would come back from GDAL as a text only
            faults.append(error)
            raise

    with _gdal(faults):
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
    if driver == "GPKG":
        _check_index(path, layer)
    else:
        _read_again(path)
    return {first: np.concatenate(seen)}


def append_layer(table: "GeoDataFrame", path: Path, layer: str, geometry_type: str) -> None:
    """Add a small table in memory to a GeoPackage as one more layer."""
    import pyarrow as pa
    import pyogrio

    rows = pa.table(table.rename_geometry(GEOMETRY).to_arrow(index=False))
    with _gdal():
        pyogrio.write_arrow(
            rows,
            path,
            layer=layer,
            driver="GPKG",
            append=True,
            geometry_name=GEOMETRY,
            geometry_type=geometry_type,
            crs="EPSG:4326",
        )
    _check_index(path, layer)


def _check_index(path: Path, layer: str) -> None:
    """Raise where a full disk had no room for the spatial index, which GDAL makes at the end and does not tell."""
    names = (f'"{name.replace(chr(34), chr(34) * 2)}"' for name in (layer, f"rtree_{layer}_{GEOMETRY}_rowid"))
    counts = " = ".join(f"(SELECT count(*) FROM {name})" for name in names)  # noqa: S608  # they are quoted
    with closing(sqlite3.connect(path)) as file:
        try:
            (complete,) = file.execute(f"SELECT {counts}").fetchone()
        except sqlite3.Error:
            complete = 0
    if not complete:
        message = "there was no room for the spatial index"
        raise OSError(message)


def _read_again(path: Path) -> None:
    """Raise where a full disk has cut the end off, which GDAL writes when it closes and does not tell."""
    import pyarrow as pa
    import pyogrio

    with _gdal(), pyogrio.open_arrow(path) as (_, stream):
        for _ in pa.RecordBatchReader.from_stream(stream):
            pass


def _schema(product: Product) -> Any:
    """Return the columns of a table of the product: text, a real date, numbers, and the shape; ids beyond 2^63 as text."""
    import pyarrow as pa

    fields = [pa.field(name, pa.string()) for name in product.text]
    fields += [pa.field(DATE, pa.date32())] if product.dated else []
    kinds = {name: product.cube[name].dtype for name in product.variables}
    fields += [pa.field(n, pa.string() if k == np.uint64 else pa.from_numpy_dtype(k)) for n, k in kinds.items()]
    return pa.schema([*fields, pa.field(GEOMETRY, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})])


@contextmanager
def _gdal(faults: Sequence[Exception] = ()) -> Iterator[None]:
    """Let GDAL write no moment of writing; raise the first fault that is not its own, or what it says as an OSError."""
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": NO_DATE})
    try:
        yield
    except Exception as error:
        if faults:
            raise faults[0] from error
        message = f"GDAL says: {error}"
        raise OSError(message) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
