"""A QGIS project as XML: layers of one file, legend, days, and the title on the map."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import numpy as np

from htgeo.export.product import Product
from htgeo.export.qgis_style import VERSION, frame_of

DEGREES = "EPSG:4326"
ANIMATED = 1
"""The temporal controller is on when the project opens."""
TOP_CENTER, BOTTOM_LEFT = 4, 0
WIDTH = 90
"""Letters of a line below the map."""


@dataclass(frozen=True, eq=False)
class MapLayer:
    """A layer of a project.

    Attributes
    ----------
    table
        Name of the layer in its file.
    title
        What the legend calls it.
    geometry
        ``Polygon`` or ``Point``.
    about
        What it shows.
    style
        An element whose children are the parts of the style.
    """

    table: str
    title: str
    geometry: str
    about: str
    style: ET.Element

    @property
    def key(self) -> str:
        """What the project calls it: QGIS gives ids of ten letters and less away."""
        return f"htgeo_layer_{self.table}"


def project_xml(
    product: Product, layers: Sequence[MapLayer], *, file: str, crs: str, bounds: Sequence[float], notes: str, mark: str
) -> str:
    """Return a project.

    Parameters
    ----------
    product
        What is exported: title, days and facts.
    layers
        From the topmost to the lowest.
    file
        Name of the GeoPackage beside the project.
    crs
        Coordinate system of the map.
    bounds
        West, south, east and north of the first view, in `crs`.
    notes
        What must be known to read the map.
    mark
        For whom it is.
    """
    title = layers[-1].title
    root = ET.Element("qgis", version=VERSION, projectname=title)
    ET.SubElement(root, "homePath", path="")
    ET.SubElement(root, "title").text = title
    ET.SubElement(root, "projectCrs").append(_crs(crs)[0])
    root.append(_tree(layers, file, mark))
    root.append(_canvas(crs, bounds))
    shown = ET.SubElement(root, "projectlayers")
    shown.extend(_layer(layer, file) for layer in layers)
    order = ET.SubElement(root, "layerorder")
    for layer in layers:
        ET.SubElement(order, "layer", id=layer.key)
    root.append(_properties(product, title, mark))
    root.append(_metadata(title, notes, mark))
    view = ET.SubElement(ET.SubElement(root, "ProjectViewSettings", UseProjectScales="0"), "DefaultViewExtent", _box(bounds))  # fmt: skip
    view.append(_crs(crs)[0])
    if product.dated:
        root.append(_time(product))
    ET.indent(root)
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, "unicode") + "\n"


def _crs(code: str) -> ET.Element:
    root = ET.Element("srs")
    facts = ET.SubElement(root, "spatialrefsys")
    ET.SubElement(facts, "srsid").text = code.partition(":")[2]  # QGIS reads authid only where this is a number
    ET.SubElement(facts, "authid").text = code
    return root


def _box(bounds: Sequence[float]) -> dict[str, str]:
    return dict(zip(("xmin", "ymin", "xmax", "ymax"), map(repr, map(float, bounds)), strict=True))


def _tree(layers: Sequence[MapLayer], file: str, mark: str) -> ET.Element:
    root = ET.Element("layer-tree-group")
    group = ET.SubElement(root, "layer-tree-group", name=mark, checked="Qt::Checked", expanded="1")
    for layer in layers:
        ET.SubElement(
            group,
            "layer-tree-layer",
            id=layer.key,
            name=layer.title,
            source=_source(file, layer),
            providerKey="ogr",
            checked="Qt::Checked",
            expanded="1",
        )
    return root


def _source(file: str, layer: MapLayer) -> str:
    return f"./{file}|layername={layer.table}"


def _canvas(crs: str, bounds: Sequence[float]) -> ET.Element:
    root = ET.Element("mapcanvas", name="theMapCanvas", annotationsVisible="1")
    extent = ET.SubElement(root, "extent")
    for name, value in _box(bounds).items():
        ET.SubElement(extent, name).text = value
    destination = _crs(crs)
    destination.tag = "destinationsrs"
    root.append(destination)
    return root


def _layer(layer: MapLayer, file: str) -> ET.Element:
    root = ET.Element(
        "maplayer", type="vector", geometry=layer.geometry, labelsEnabled="1", styleCategories="AllStyleCategories"
    )
    for tag, text in (("id", layer.key), ("datasource", _source(file, layer)), ("layername", layer.title)):
        ET.SubElement(root, tag).text = text
    root.append(_crs(DEGREES))
    about = ET.SubElement(root, "resourceMetadata")
    for tag, text in (("type", "dataset"), ("title", layer.title), ("abstract", layer.about)):
        ET.SubElement(about, tag).text = text
    ET.SubElement(root, "provider", encoding="UTF-8").text = "ogr"
    root.extend(layer.style)
    return root


def _properties(product: Product, title: str, mark: str) -> ET.Element:
    """Return relative paths, the title and the intended use on the map, and the temporal controller switched on."""
    days = product.days
    heading = title
    if len(days):
        shown = f"coalesce(format_date(@map_start_time, 'yyyy-MM-dd'), 'all days, {days[-1]} on top')"
        heading = f"{title}, [% {shown} %]"
    entries: dict[str, dict[str, str | int | bool]] = {
        "Paths": {"Absolute": False},
        "SpatialRefSys": {"ProjectionsEnabled": 1},
        "TitleLabel": {
            "Enabled": True,
            "Label": f"{heading}. {mark}",
            "Placement": TOP_CENTER,
            "BackgroundColor": "255,255,255,220",
            "MarginH": 0,
            "MarginV": 2,
        },
        "CopyrightLabel": {"Enabled": True, "Label": textwrap.fill(product.about()["intended_use"], WIDTH), "Placement": BOTTOM_LEFT, "MarginH": 2, "MarginV": 2},
    }  # fmt: skip
    if len(days):
        entries["TemporalControllerWidget"] = {
            "NavigationMode": ANIMATED,
            "StartDateTime": _moment(days[0]),
            "EndDateTime": _end(product),
        }
    root = ET.Element("properties")
    for scope, facts in entries.items():
        group = ET.SubElement(root, scope)
        for name, value in facts.items():
            kind = {bool: "bool", int: "int"}.get(type(value), "QString")
            ET.SubElement(group, name, type=kind).text = str(value).lower() if kind == "bool" else str(value)
    return root


def _metadata(title: str, notes: str, mark: str) -> ET.Element:
    root = ET.Element("projectMetadata")
    for tag, text in (("title", title), ("abstract", f"{mark} {notes}")):
        ET.SubElement(root, tag).text = text
    return root


def _time(product: Product) -> ET.Element:
    length, unit = frame_of(product)
    root = ET.Element("ProjectTimeSettings", timeStep=str(length), timeStepUnit=unit, frameRate="1", cumulativeTemporalRange="0")  # fmt: skip
    span = ET.SubElement(root, "TemporalRange")
    ET.SubElement(span, "start").text = _moment(product.days[0])
    ET.SubElement(span, "end").text = _end(product)
    return root


def _moment(day: np.datetime64) -> str:
    return f"{day}T00:00:00Z"


def _end(product: Product) -> str:
    """Return the last second of the last step: whole frames, and none after them."""
    return f"{product.ends[-1].astype('M8[s]') - 1}Z"
