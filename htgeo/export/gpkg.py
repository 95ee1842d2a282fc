"""GeoPackage: places for QGIS and ArcGIS, with their style, days and facts inside."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from string import punctuation
from typing import ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.export.base import Writer
from htgeo.export.ogr import GEOMETRY, NO_DATE, write_stream
from htgeo.export.product import DATE, Product
from htgeo.export.qgis_style import style_xml

STYLES = """
CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))
"""
COLUMNS = """
CREATE TABLE IF NOT EXISTS gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT,
title TEXT, description TEXT, mime_type TEXT, constraint_name TEXT,
CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name), CONSTRAINT gdc_tn UNIQUE (table_name, name))
"""
EXTENSION = (
    "gpkg_data_columns",
    None,
    "gpkg_schema",
    "http://www.geopackage.org/spec121/#extension_schema",
    "read-write",
)


@dataclass(frozen=True)
class GeoPackage(Writer):
    """One layer of polygons in EPSG:4326 with hex ids as text and a real Date field.

    Its default style in QGIS has the classes and colours of the web map and moves through the days; units, label,
    horizon, model, commit, audience and intended use are metadata of the layer.

    Attributes
    ----------
    layer
        Name of the layer; that of the first variable by default.
    """

    name: ClassVar[str] = "gpkg"
    summary: ClassVar[str] = "GeoPackage: polygons with style, days and metadata, hex id as text, EPSG:4326"
    layer: str = ""

    def write(self, product: Product, path: Path) -> None:
        """Write one layer as a stream of blocks, then its style and the sentences of its columns."""
        write_layer(product, path, self.layer or product.variables[0])


def write_layer(product: Product, path: Path, layer: str) -> np.ndarray:
    """Write a product as the layer of a new GeoPackage and return the values of its first variable, shape (row,)."""
    if layer.startswith(("gpkg_", "rtree_", "sqlite_")) or layer == "layer_styles":
        message = f"a layer of a GeoPackage cannot be called {layer!r}: gpkg_, rtree_ and sqlite_ are reserved; name it with layer="
        raise InputError(message)
    if layer[0] in punctuation.replace("_", ""):
        message = f"a layer of a GeoPackage cannot begin with {layer[0]!r} as {layer!r} does; name it with layer="
        raise InputError(message)
    about = product.about()
    sentences = [product.about_variable(name).get("long_name", name) for name in product.variables]
    values = write_stream(
        product,
        path,
        layer=layer,
        driver="GPKG",
        dataset_options={"VERSION": "1.2"},
        layer_metadata=facts_of(product),
        layer_options={
            "IDENTIFIER": about["title"],
            "DESCRIPTION": f"{'; '.join(sentences)}. {about['intended_use']} Audience: {about['audience']}.",
        },
    )[product.variables[0]]
    style = style_xml(product, values)
    try:
        with closing(sqlite3.connect(path)) as file, file:
            _add_style(file, layer, style, sentences[0])
            _add_columns(file, layer, product)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
    return values


def facts_of(product: Product) -> dict[str, str]:
    """Return what a layer says of itself: facts of the product, and those of a variable as ``<variable>.<fact>``."""
    facts = product.about()
    for name in product.variables:
        facts |= {f"{name}.{key}": text for key, text in product.about_variable(name).items()}
    return facts


def _add_style(file: sqlite3.Connection, layer: str, style: str, sentence: str) -> None:
    file.execute(STYLES)
    file.execute(
        "INSERT INTO layer_styles VALUES (1, '', '', ?, ?, ?, ?, '', 1, ?, '', NULL, ?)",
        (layer, GEOMETRY, layer[:30], style, sentence, NO_DATE),
    )
    file.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?)",
        (NO_DATE,),
    )


def _add_columns(file: sqlite3.Connection, layer: str, product: Product) -> None:
    """Write a title and a sentence for each column, with its units."""
    file.execute(COLUMNS)
    known = file.execute("SELECT 1 FROM gpkg_extensions WHERE extension_name = 'gpkg_schema'").fetchone()
    if not known:
        file.execute("INSERT INTO gpkg_extensions VALUES (?, ?, ?, ?, ?)", EXTENSION)
    rows = [
        (layer, name, name, name, "id of the place" if name == product.space else f"{name} of the place")
        for name in product.text
    ]
    rows += (
        [(layer, DATE, DATE, DATE, f"local civil day, {product.about().get('time_zone', '')}")] if product.dated else []
    )
    for name in product.variables:
        about = product.about_variable(name)
        units = about.get("units", "1")
        title = name if units == "1" else f"{name} [{units}]"
        rows.append((layer, name, title, title, f"{about.get('long_name', name)} [{units}]"))
    file.executemany("INSERT OR REPLACE INTO gpkg_data_columns VALUES (?, ?, ?, ?, ?, NULL, NULL)", rows)
