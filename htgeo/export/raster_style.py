"""The look of a raster: the classes and colours of the map, as a table in the file and as a QGIS style beside it."""

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

from htgeo.export.raster_bands import RasterBands

if TYPE_CHECKING:
    from htgeo.maps.layers import Layer


def raster_classes(bands: RasterBands) -> list[dict[str, Any]]:
    """Return the classes of a raster from low to high: `label`, `color`, and `value` or `below`.

    A pixel is of the first class whose `below` is above its value; the last one has none.
    """
    scale = bands.scale
    looks = [{"label": label, "color": color} for label, color in zip(scale.labels, scale.colors, strict=True)]
    if scale.breaks is None:
        return [{**look, "value": float(code)} for look, code in zip(looks, scale.codes, strict=True)]
    edges = [*(float(f"{edge:.12g}") for edge in scale.breaks * bands.part), None]
    return [{**look, "below": edge} for look, edge in zip(looks, edges, strict=True)]


def palette(layer: "Layer") -> dict[int, tuple[int, int, int, int]]:
    """Return the colours of the classes of a layer by code."""
    return {
        int(code): (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16), 255)
        for code, color in zip(layer.codes, layer.colors, strict=True)
    }


def qgis_style(classes: list[dict[str, Any]], step: tuple[str, str] | None = None) -> str:
    """Return a QGIS style that paints the first band in the classes; with a place in time from a day to before another."""
    renderer = _paletted(classes) if "value" in classes[0] else _discrete(classes)
    return "\n".join(
        [
            "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>",
            '<qgis version="3.22.0" styleCategories="Symbology|Temporal">',
            *_temporal(step),
            " <pipe>",
            *renderer,
            " </pipe>",
            " <blendMode>0</blendMode>",
            "</qgis>",
            "",
        ]
    )


def _discrete(classes: list[dict[str, Any]]) -> list[str]:
    """Return a renderer by classes: QGIS asks for the highest value of each."""
    highest = [_below(one["below"]) for one in classes]
    items = [
        f'     <item alpha="255" value="{value}" label={quoteattr(one["label"])} color="{one["color"]}"/>'
        for one, value in zip(classes, highest, strict=True)
    ]
    last = classes[-2]["below"] if len(classes) > 1 else 1
    return [
        f'  <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" nodataColor="" classificationMin="0" classificationMax="{last!r}">',
        "   <rasterTransparency/>",
        "   <rastershader>",
        f'    <colorrampshader colorRampType="DISCRETE" classificationMode="1" clip="0" minimumValue="0" maximumValue="{last!r}" labelPrecision="6">',
        *items,
        "    </colorrampshader>",
        "   </rastershader>",
        "  </rasterrenderer>",
    ]


def _below(edge: float | None) -> str:
    """Return the highest number below an edge."""
    return "inf" if edge is None else repr(float(np.nextafter(edge, -np.inf)))


def _paletted(classes: list[dict[str, Any]]) -> list[str]:
    entries = [
        f'    <paletteEntry value="{one["value"]:g}" label={quoteattr(one["label"])} color="{one["color"]}" alpha="255"/>'
        for one in classes
    ]
    return [
        '  <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">',
        "   <rasterTransparency/>",
        "   <colorPalette>",
        *entries,
        "   </colorPalette>",
        "  </rasterrenderer>",
    ]


def _temporal(step: tuple[str, str] | None) -> list[str]:
    if step is None:
        return []
    first, last = step[0], np.datetime64(step[1]) - np.timedelta64(1, "D")
    return [
        ' <temporal enabled="1" mode="0" fetchMode="0">',
        f"  <fixedRange><start>{first}T00:00:00Z</start><end>{last}T23:59:59Z</end></fixedRange>",
        " </temporal>",
    ]
