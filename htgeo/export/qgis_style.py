"""The style of a layer for QGIS: the classes and colours of the web map, its legend, and its days."""

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from htgeo.cube.schema import step_days
from htgeo.export.product import DATE, Product

if TYPE_CHECKING:  # maps load when something is exported, so that the import of htgeo stays light
    from htgeo.maps.layers import Layer
    from htgeo.maps.page_scale import Scale

UNKNOWN = -1e300
"""What stands for a missing value in a graduated style, which has no class for NULL."""
VERSION = "3.22.0"


def layer_of(product: Product) -> "Layer":
    """Return the first variable of a product as a layer of the web map."""
    from htgeo.maps.layers import variable_layer

    return variable_layer(product.cube, product.variables[0])


def style_xml(product: Product, values: np.ndarray) -> str:
    """Return the style of the first variable as QML, by all of its values that are written.

    Parameters
    ----------
    product
        What is exported.
    values
        The values of its first variable, shape (row,).

    Returns
    -------
    str
        A graduated renderer for numbers, a categorized one for flags; no edges between cells; the days as they are.
    """
    root = ET.Element("qgis", version=VERSION, styleCategories="AllStyleCategories")
    fill_style(root, product, values)
    ET.indent(root)
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, "unicode") + "\n"


def fill_style(root: ET.Element, product: Product, values: np.ndarray) -> None:
    """Append the parts of a style to an element: of a style file, or of a layer in a project."""
    from htgeo.maps.page_scale import scale_of

    layer, numbers = layer_of(product), np.asarray(values, float)
    if product.dated:
        root.append(_temporal(product))
    root.append(_renderer(layer, scale_of(layer, numbers), numbers))
    ET.SubElement(root, "userNotes", value=_notes(product, layer))
    aliases = ET.SubElement(root, "aliases")
    for name in product.variables:
        units = product.about_variable(name).get("units", "1")
        ET.SubElement(aliases, "alias", field=name, name=name if units == "1" else f"{name} [{units}]", index="0")
    ET.SubElement(root, "blendMode").text = "0"
    ET.SubElement(root, "layerGeometryType").text = "2"


def _notes(product: Product, layer: "Layer") -> str:
    about = product.about()
    return f"{layer.about}. {about['intended_use']} Audience: {about['audience']}."


def _renderer(layer: "Layer", scale: "Scale", values: np.ndarray) -> ET.Element:
    graduated = scale.breaks is not None
    kind, field = ("graduatedSymbol", f'"{layer.name}"') if graduated else ("categorizedSymbol", layer.name)
    missing = bool(np.isnan(values).any())
    if graduated and missing:
        field = f"coalesce({field}, {UNKNOWN!r})"
    root = ET.Element("renderer-v2", type=kind, attr=field, symbollevels="0", enableorderby="0", forceraster="0")
    if graduated:
        root.set("graduatedMethod", "GraduatedColor")
        classes = ET.SubElement(root, "ranges")
        rows = _ranges(layer, scale, values, missing=missing)
    else:
        classes = ET.SubElement(root, "categories")
        rows = _categories(layer, scale, missing=missing)
    symbols = ET.SubElement(root, "symbols")
    for number, (facts, label, color) in enumerate(rows):
        tag = "range" if graduated else "category"
        ET.SubElement(classes, tag, {**facts, "label": label, "render": "true", "symbol": str(number)})
        symbols.append(fill_symbol(str(number), color))
    return root


def _ranges(
    layer: "Layer", scale: "Scale", values: np.ndarray, *, missing: bool
) -> list[tuple[dict[str, str], str, str]]:
    """Return the classes from high to low: the first that holds a value draws it, and an edge belongs to the upper."""
    from htgeo.maps.style import MISSING

    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    edges = [low, *(float(edge) for edge in scale.breaks), high]  # type: ignore[union-attr]  # graduated
    rows = [
        ({"lower": repr(edges[i]), "upper": repr(edges[i + 1])}, _with_unit(label, layer), color)
        for i, (label, color) in enumerate(zip(scale.labels, scale.colors, strict=True))
    ]
    unknown = [({"lower": repr(UNKNOWN), "upper": repr(UNKNOWN)}, "not known", MISSING)] if missing else []
    return [*rows[::-1], *unknown]


def _categories(layer: "Layer", scale: "Scale", *, missing: bool) -> list[tuple[dict[str, str], str, str]]:
    from htgeo.maps.style import MISSING

    truth = layer.values.dtype.kind == "b"
    rows = []
    for code, label, color in zip(scale.codes, scale.labels, scale.colors, strict=True):
        facts = (
            {"value": str(bool(code)).lower(), "type": "bool"} if truth else {"value": f"{code:g}", "type": "double"}
        )
        rows.append((facts, label, color))
    return [*rows, *([({"value": "", "type": "string"}, "not known", MISSING)] if missing else [])]


def _with_unit(label: str, layer: "Layer") -> str:
    if layer.unit in ("", "probability") or label in ("none", "all"):
        return label
    return f"{label} {layer.unit}"


def fill_symbol(name: str, color: str, *, style: str = "solid") -> ET.Element:
    """Return a fill with edges of its own colour: nothing shines through between two cells."""
    facts = {
        "color": rgba(color),
        "style": style,
        "outline_color": rgba(color),
        "outline_style": "solid",
        "outline_width": "0.1",
        "outline_width_unit": "MM",
        "joinstyle": "miter",
    }
    return _symbol(name, "fill", "SimpleFill", facts)


def line_symbol(color: str, width: float) -> ET.Element:
    """Return a fill without inside: an outline."""
    facts = {"style": "no", "outline_color": rgba(color), "outline_style": "solid", "outline_width": str(width), "outline_width_unit": "MM"}  # fmt: skip
    return _symbol("0", "fill", "SimpleFill", facts)


def _symbol(name: str, kind: str, layer_class: str, facts: dict[str, str]) -> ET.Element:
    symbol = ET.Element("symbol", {"type": kind, "name": name, "alpha": "1", "clip_to_extent": "1"})
    layer = ET.SubElement(symbol, "layer", {"class": layer_class, "enabled": "1", "pass": "0", "locked": "0"})
    options = ET.SubElement(layer, "Option", type="Map")
    for key, value in facts.items():
        ET.SubElement(options, "Option", name=key, type="QString", value=value)
        ET.SubElement(layer, "prop", k=key, v=value)
    return symbol


def rgba(color: str) -> str:
    """Return ``#rrggbb`` as QGIS writes it."""
    return ",".join(str(part) for part in (*bytes.fromhex(color[1:]), 255))


def _temporal(product: Product) -> ET.Element:
    """Return how long a row is shown from its date on: a step of the cube."""
    freq = str(product.cube.attrs.get("freq", "D"))
    length, unit = {"M": (1, "mon"), "Y": (1, "y")}.get(freq, (step_days(product.cube), "d"))
    facts = {
        "enabled": "1",
        "mode": "1",
        "startField": DATE,
        "endField": "",
        "fixedDuration": str(length),
        "durationUnit": unit,
        "durationField": "",
        "accumulate": "0",
        "limitMode": "0",
        "startExpression": "",
        "endExpression": "",
    }
    return ET.Element("temporal", facts)
