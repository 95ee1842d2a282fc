"""The style of a layer for QGIS: the classes and colours of the web map, its legend, and its days."""

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from htgeo.cube.schema import step_days
from htgeo.export.product import DATE, MONTHS, Product

if TYPE_CHECKING:  # maps load when something is exported, so that the import of htgeo stays light
    from htgeo.maps.layers import Layer
    from htgeo.maps.page_scale import Scale

UNKNOWN = -1e300
"""What stands for a missing value in a graduated style, which has no class for NULL."""
VERSION = "3.22.0"
NOWHERE, NO_CODE = "-2e+300", "-2147483648"
"""Where no value is, and no flag; a number, for QGIS asks the file for the numbers of all classes."""
BY_EXPRESSIONS = "4"
"""How QGIS counts the ways of telling when a row is shown."""
WHITE, CLEAR = "255,255,255,255", "0,0,0,0"


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
    from htgeo.maps.audience import MARKS

    root = ET.Element("qgis", version=VERSION, styleCategories="AllStyleCategories")
    fill_style(root, product, values, mark=MARKS[product.audience])
    ET.indent(root)
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, "unicode") + "\n"


def fill_style(root: ET.Element, product: Product, values: np.ndarray, *, mark: str = "") -> None:
    """Append the parts of a style to an element, with a last line in its legend that says for whom the layer is."""
    from htgeo.maps.page_scale import scale_of

    layer, numbers = product.layer(), np.asarray(values, float)
    if product.dated:
        root.append(temporal(product))
    root.append(_renderer(layer, scale_of(layer, numbers), numbers, mark))
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


def _renderer(layer: "Layer", scale: "Scale", values: np.ndarray, mark: str) -> ET.Element:
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
    if mark:  # a class that no value falls into
        rows.append(
            ({"lower": NOWHERE, "upper": NOWHERE} if graduated else {"value": NO_CODE, "type": "double"}, mark, "")
        )
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
    unknown = [({"lower": repr(UNKNOWN), "upper": repr(UNKNOWN)}, layer.gap, MISSING)] if missing else []
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
    return [*rows, *([({"value": "", "type": "string"}, layer.gap, MISSING)] if missing else [])]


def _with_unit(label: str, layer: "Layer") -> str:
    if layer.unit in ("", "probability") or label in ("none", "all"):
        return label
    return f"{label} {layer.unit}"


def fill_symbol(name: str, color: str) -> ET.Element:
    """Return a fill with edges of its own colour: nothing shines through between two cells; nothing without a colour."""
    if not color:
        return _symbol(name, "fill", {"SimpleFill": {"style": "no", "outline_style": "no"}})
    facts = {
        "color": rgba(color),
        "style": "solid",
        "outline_color": rgba(color),
        "outline_style": "solid",
        "outline_width": "0.1",
        "outline_width_unit": "MM",
        "joinstyle": "miter",
    }
    return _symbol(name, "fill", {"SimpleFill": facts})


def outline_symbol(color: str, width: float) -> ET.Element:
    """Return a fill without inside."""
    return _symbol("0", "fill", {"SimpleFill": _outline(color, width)})


def hatch_symbol(color: str) -> ET.Element:
    """Return parallel strokes with an outline."""
    strokes = {"angle": "45", "color": rgba(color), "distance": "3", "distance_unit": "MM", "line_width": "0.35", "line_width_unit": "MM"}  # fmt: skip
    return _symbol("0", "fill", {"LinePatternFill": strokes, "SimpleFill": _outline(color, 0.5)})


def _outline(color: str, width: float) -> dict[str, str]:
    return {"style": "no", "outline_color": rgba(color), "outline_style": "solid", "outline_width": str(width), "outline_width_unit": "MM"}  # fmt: skip


def circle_symbol(color: str, radius_km: float | None) -> ET.Element:
    """Return a circle as wide on the ground as the error of a place, or a dot."""
    dot = {"color": rgba(color), "size": "3", "size_unit": "MM", "outline_color": WHITE, "outline_width": "0.2"}
    circle = {"color": CLEAR, "size_unit": "RenderMetersInMapUnits", "outline_color": rgba(color), "outline_width": "0.6"}  # fmt: skip
    facts = dot if radius_km is None else {**circle, "size": repr(2000 * radius_km)}
    return _symbol("0", "marker", {"SimpleMarker": {"name": "circle", **facts}})


def single_renderer(symbol: ET.Element) -> ET.Element:
    """Return a renderer that draws all rows alike."""
    root = ET.Element("renderer-v2", type="singleSymbol", symbollevels="0", enableorderby="0", forceraster="0")
    ET.SubElement(root, "symbols").append(symbol)
    return root


def number_labels(color: str, expression: str) -> ET.Element:
    """Return labels of bold numbers on white."""
    root = ET.Element("labeling", type="simple")
    settings = ET.SubElement(root, "settings")
    text = ET.SubElement(settings, "text-style", fieldName=expression, isExpression="1", fontSize="13", fontSizeUnit="Point", fontWeight="75", textColor=rgba(color))  # fmt: skip
    ET.SubElement(text, "text-buffer", bufferDraw="1", bufferSize="1.2", bufferSizeUnits="MM", bufferColor=WHITE)
    ET.SubElement(settings, "placement", placement="0", centroidInside="1", centroidWhole="1")
    ET.SubElement(settings, "rendering", drawLabels="1", obstacle="0")
    return root


def _symbol(name: str, kind: str, layers: dict[str, dict[str, str]]) -> ET.Element:
    """Return a symbol of layers by their class, the lowest first."""
    symbol = ET.Element("symbol", {"type": kind, "name": name, "alpha": "1", "clip_to_extent": "1"})
    for layer_class, facts in layers.items():
        layer = ET.SubElement(symbol, "layer", {"class": layer_class, "enabled": "1", "pass": "0", "locked": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        for key, value in facts.items():
            ET.SubElement(options, "Option", name=key, type="QString", value=value)
            ET.SubElement(layer, "prop", k=key, v=value)
    return symbol


def rgba(color: str) -> str:
    """Return ``#rrggbb`` as QGIS writes it."""
    return ",".join(str(part) for part in (*bytes.fromhex(color[1:]), 255))


def frame_of(product: Product) -> tuple[int, str]:
    """Return the length of a step of the cube and its unit, as QGIS writes them."""
    months = MONTHS.get(str(product.cube.attrs.get("freq", "D")))
    return (step_days(product.cube), "d") if months is None else (months, "mon")


def temporal(product: Product) -> ET.Element:
    """Return from when to when a row is shown: from its date on for a step of the cube.

    A GeoPackage keeps a date as text and QGIS asks it to compare this with a moment, as text too: the date alone comes
    before midnight of its day, and the frame of a day would show two. Noon lies within the day, as text and as a moment.
    """
    noon = f""""{DATE}" || 'T12:00'"""
    length, unit = frame_of(product)
    words = {"d": "days", "mon": "months"}[unit]
    last = noon if (length, unit) == (1, "d") else f"""to_datetime("{DATE}") + to_interval('{length} {words}')"""
    facts = {"enabled": "1", "mode": BY_EXPRESSIONS, "startExpression": noon, "endExpression": last}
    return ET.Element("temporal", {**facts, "limitMode": "0", "accumulate": "0"})
