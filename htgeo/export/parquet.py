"""Parquet: GeoParquet 1.1 with polygons, or a plain table without them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from htgeo.export.base import Writer
from htgeo.export.product import DATE, Product

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

GROUP_ROWS, MOST_GROUP_ROWS = 100_000, 150_000
"""Rows of a row group: GeoParquet advises 50,000 to 150,000; only a smaller file has one below."""
ONE_FILE_ROWS = 10_000_000
"""A table of more rows is partitioned by month: 7,400 cells by four years, of which one day is asked for."""
ZSTD_LEVEL = 9
PLACE, GEOMETRY, BBOX = "_place", "geometry", "bbox"
SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Parquet(Writer):
    """GeoParquet 1.1: WKB polygons in EPSG:4326 with a box each, hex ids as text, real dates, rows in spatial order.

    Intended use, audience, resolution and the facts of the variables are key-values of the file.

    Attributes
    ----------
    geometry
        False for a plain table without polygons and boxes.
    partition
        ``month`` writes a folder with ``month=2024-05/part-0.parquet`` …, ``none`` one file; by default a folder where
        there are more than ten million rows.
    """

    name: ClassVar[str] = "parquet"
    summary: ClassVar[str] = "GeoParquet 1.1: polygons, hex id as text, zstd; a folder by month where large"

    geometry: bool = True
    partition: Literal["auto", "month", "none"] = "auto"

    def write(self, product: Product, path: Path) -> None:
        """Write the rows block by block: the values of a month or a file wait as numbers until they fill a row group."""
        places = _places(product, geometry=self.geometry)
        about = _about(product, places)
        by_month = self.partition == "month" or (self.partition == "auto" and product.rows > ONE_FILE_ROWS)
        parts: dict[str, _Part] = {}
        for table, place in product.blocks():
            rows = table[[*([DATE] if product.dated else []), *product.variables]].assign(**{PLACE: place})
            for month, chosen in _months(rows) if by_month and product.dated else [("", rows)]:
                if month not in parts:
                    file = path / f"month={month}" / "part-0.parquet" if month else path
                    parts[month] = _Part(file, places, about)
                parts[month].add(chosen)
        for part in parts.values():
            part.close()


@dataclass
class _Part:
    """One file, and its rows that wait: date and values with the position of the place, without text and polygons."""

    file: Path
    places: "pa.Table"
    about: dict[str, str]
    waiting: list["pa.Table"] = field(default_factory=list)
    writer: "pq.ParquetWriter | None" = None

    def add(self, rows: pd.DataFrame) -> None:
        """Let rows wait; write row groups of what is enough."""
        import pyarrow as pa

        self.waiting.append(pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata())
        if sum(part.num_rows for part in self.waiting) < MOST_GROUP_ROWS:
            return
        table = pa.concat_tables(self.waiting)
        while table.num_rows >= MOST_GROUP_ROWS:
            self._write(table.slice(0, GROUP_ROWS))
            table = table.slice(GROUP_ROWS)
        self.waiting = [table.combine_chunks()]

    def close(self) -> None:
        """Write the rest as the last row group."""
        import pyarrow as pa

        self._write(pa.concat_tables(self.waiting))
        if self.writer is not None:
            self.writer.close()

    def _write(self, rows: "pa.Table") -> None:
        """Write a row group, with the text and the polygon of its places put in as dictionaries."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        found, number = np.unique(rows[PLACE].to_numpy(), return_inverse=True)
        here = self.places.take(found)
        columns = {
            name: _spread(here[name].combine_chunks(), pa.array(number, pa.int32())) for name in here.column_names
        }
        values = {name: rows[name] for name in rows.column_names if name != PLACE}
        shape = {name: columns.pop(name) for name in (GEOMETRY, BBOX) if name in columns}
        table = pa.table({**columns, **values, **shape})
        if self.writer is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.writer = pq.ParquetWriter(
                self.file, table.schema, compression="zstd", compression_level=ZSTD_LEVEL, store_schema=False
            )
            self.writer.add_key_value_metadata(self.about)
        self.writer.write_table(table, row_group_size=MOST_GROUP_ROWS)


def _spread(values: "pa.Array", number: "pa.Array") -> "pa.Array":
    """Return the value of each row; text and polygons as a dictionary, which is written once a row group."""
    import pyarrow as pa

    return (values if pa.types.is_struct(values.type) else values.dictionary_encode()).take(number)


def _months(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the rows of each month, which lie together only where the block has one day after the other."""
    month = rows[DATE].to_numpy().astype("datetime64[M]")
    for one in np.unique(month):
        yield str(one), rows[month == one]


def _places(product: Product, *, geometry: bool) -> "pa.Table":
    """Return the columns that a place has on all days, a row each: text, polygon, box."""
    import pyarrow as pa
    import shapely

    from htgeo.grid.cells import cell_hex

    ids = product.cube[product.space].values
    columns: dict[str, Any] = {product.space: cell_hex(ids) if product.space == "cell" else ids}
    columns |= {name: product.cube[name].values for name in product.text[1:]}
    columns = {name: pa.array(np.asarray(values, object), pa.string()) for name, values in columns.items()}
    if geometry:
        shapes = product.flat_shapes()
        columns[GEOMETRY] = pa.array(shapely.to_wkb(shapes), pa.binary())
        columns[BBOX] = pa.StructArray.from_arrays(list(map(pa.array, shapely.bounds(shapes).T)), names=list(SIDES))
    return pa.table(columns)


def _about(product: Product, places: "pa.Table") -> dict[str, str]:
    """Return the key-values of a file."""
    facts = product.about()
    variables = {name: product.about_variable(name) for name in product.variables}
    facts["variables"] = json.dumps(variables, ensure_ascii=False)
    if GEOMETRY in places.column_names:
        facts["geo"] = json.dumps(_geo(product))
    return facts


def _geo(product: Product) -> dict[str, Any]:
    """Return the metadata that GeoParquet 1.1.0 asks for."""
    import pyproj
    import shapely

    shapes = product.flat_shapes()
    column = {
        "encoding": "WKB",
        "geometry_types": sorted({shape.geom_type for shape in shapes}),
        "crs": pyproj.CRS("EPSG:4326").to_json_dict(),
        "edges": "planar",
        "orientation": "counterclockwise",
        "bbox": shapely.total_bounds(shapes).tolist(),
        "covering": {BBOX: {side: [BBOX, side] for side in SIDES}},
    }
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
