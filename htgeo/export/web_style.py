"""The style of vector tiles for MapLibre: the classes and colours of the web map, and its legend."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.export.gpkg import facts_of
from htgeo.export.product import Product
from htgeo.export.tile_levels import RESOLUTION, Level, view_of

if TYPE_CHECKING:  # maps load when something is exported, so that the import of htgeo stays light
    from htgeo.maps.layers import Layer
    from htgeo.maps.page_scale import Scale

SOURCE = "htgeo"


def map_style(product: Product, levels: list[Level], layer: str, name: str) -> dict[str, Any]:
    """Return a MapLibre style: a fill for the places of each size, at their zooms, on the last day."""
    about = facts_of(product)
    center, zoom = view_of(levels)
    source = {"type": "vector", "url": f"pmtiles://{name}", "promoteId": product.space}
    return {
        "version": 8,
        "name": about["title"],
        "metadata": about,
        "center": center,
        "zoom": zoom,
        "sources": {SOURCE: {**source, "attribution": attribution(about)}},
        "layers": [_painted(level, layer, last=level is levels[-1]) for level in levels],
    }


def _painted(level: Level, layer: str, *, last: bool) -> dict[str, Any]:
    """Return the fill for the places of one size; a style ends below its highest zoom, that of the last does not end."""
    look = _look(level.cube, level.shown, level.attribute(level.shown))
    zooms = {"minzoom": level.zooms[0], **({} if last else {"maxzoom": level.zooms[-1] + 1})}
    made = {**look, **zooms, "id": f"{layer}-areas", "source": SOURCE, "source-layer": layer}
    facts = {**look["metadata"], **zooms}
    if level.resolution is not None:  # so that no tile of another zoom is painted in these classes while one waits
        made |= {"id": f"{layer}-{level.resolution}", "filter": ["==", ["get", RESOLUTION], level.resolution]}
        facts |= {RESOLUTION: level.resolution, "how": level.cube.attrs.get("levels", "cells as they are")}
    return {**made, "metadata": facts}


def attribution(about: dict[str, str]) -> str:
    """Return what a map says below itself."""
    return f"Audience: {about['audience']}. {about['intended_use']}"


def _look(cube: xr.Dataset, name: str, attribute: str) -> dict[str, Any]:
    """Return the colours of a variable, by the classes of all its values, and its legend; it is in `attribute`."""
    from htgeo.maps.layers import variable_layer
    from htgeo.maps.page_scale import scale_of

    layer, values = variable_layer(cube, name), np.asarray(cube[name].values, float).ravel()
    scale = scale_of(layer, values)
    about = {"title": layer.title, "about": layer.about, "unit": layer.unit, "attribute": attribute}
    legend = _legend(layer, scale, missing=bool((scale.classes(values) < 0).any()))
    paint = {"fill-color": _color(layer, scale, attribute)}
    return {"type": "fill", "paint": paint, "metadata": {**about, "legend": legend}}


def _legend(layer: "Layer", scale: "Scale", *, missing: bool) -> list[dict[str, str]]:
    """Return the classes from low to high."""
    from htgeo.maps.style import MISSING

    rows = [*zip(scale.labels, scale.colors, strict=True), *([(layer.gap, MISSING)] if missing else [])]
    return [{"label": label, "color": color} for label, color in rows]


def _color(layer: "Layer", scale: "Scale", attribute: str) -> list[Any]:
    """Return the expression that gives a place the colour of its class."""
    from htgeo.maps.style import MISSING

    value = ["get", attribute]
    if scale.breaks is None:
        codes = [bool(code) if layer.values.dtype.kind == "b" else code for code in scale.codes]
        cases = [part for code, color in zip(codes, scale.colors, strict=True) for part in (["==", value, code], color)]
        return ["case", *cases, MISSING]
    upper = [part for edge, color in zip(scale.breaks, scale.colors[1:], strict=True) for part in (float(edge), color)]
    classes = ["step", value, scale.colors[0], *upper] if upper else scale.colors[0]  # an edge belongs to the upper
    return ["case", ["has", attribute], classes, MISSING]
