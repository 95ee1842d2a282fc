"""A map page of its own: one HTML file that works offline, shapes sent once, days as a compact array."""

import base64
import json
from html import escape
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.cube.schema import require, role_of
from htgeo.grid.cells import cell_hex, cell_polygons
from htgeo.maps.geometry import days_of, outlines, place_layer
from htgeo.maps.style import MISSING, class_breaks, class_colors, describe, percent
from htgeo.sources.region import KM_PER_DEGREE, Region

EDGES = {"center": "whose centre lies in the region", "touch": "that touch the region"}
STEPS = 65_534
"""Values are sent as whole numbers from 0 to this many steps; one more means missing."""


def write_map_page(
    cube: xr.Dataset,
    variable: str,
    path: str | Path,
    *,
    time: str | slice | None = None,
    region: Region | None = None,
    title: str | None = None,
    events: str | None = None,
    source: str = "",
) -> Path:
    """Write a map of a variable with a day slider as one HTML file.

    Parameters
    ----------
    cube
        The cube.
    variable
        Name of a variable on ``(cell, time)``, most often a risk.
    path
        File to write.
    time
        A day, or a slice of days; the last day by default.
    region
        Layer to outline; by default the cells of each area of the cube's first layer.
    title
        Heading of the page.
    events
        What the events are, in words; the name of the layer by default.
    source
        A line that says what the map was made from.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CubeError
        If the cube has no such variable or day.

    Examples
    --------
    >>> import htgeo as ht
    >>> page = ht.write_map_page(ht.demo_cube(), "crime", "map.html", time="2021-03-01")
    >>> page.stat().st_size < 5_000_000
    True
    """
    data = days_of(require(cube, variable), time)
    values = data.values.T
    breaks = class_breaks(values)
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    step = (high - low) / STEPS or 1.0
    packed = np.where(known, np.rint((np.where(known, values, low) - low) / step), STEPS + 1).astype("<u2")
    is_risk = role_of(data) == "risk"
    settings = {
        "days": [str(day)[:10] for day in data["time"].values],
        "values": base64.b64encode(packed.tobytes()).decode(),
        "cells": data.sizes["cell"],
        "low": low,
        "step": step,
        "missing": STEPS + 1,
        "breaks": breaks.tolist(),
        "colors": class_colors(breaks),
        "missing_color": MISSING,
        "is_risk": is_risk,
    }
    script, figure = _figure(cube, region, is_risk)
    place = "" if source == "" else f"{source} "
    text = {
        "title": escape(title or f"{variable}, {settings['days'][0]} to {settings['days'][-1]}"),
        "subtitle": escape(describe(data, events)),
        "legend": _legend(breaks, class_colors(breaks), is_risk),
        "legend_title": "Probability" if is_risk else escape(str(data.attrs.get("units", ""))),
        "last": str(len(data["time"]) - 1),
        "only_one": "hidden" if len(data["time"]) == 1 else "",
        "use": escape(str(cube.attrs.get("intended_use", INTENDED_USE))),
        "source": escape(
            f"{place}H3 cells of resolution {cube.attrs.get('resolution', '?')} {EDGES.get(str(cube.attrs.get('edge')), '')}; days of {cube.attrs.get('time_zone', '?')}. htgeo {VERSION}."
        ),
        "settings": json.dumps(settings).replace("</", "<\\/"),
        "bokeh": _bokeh_code(),
        "figure": figure,
        "script": script,
    }
    template = Template(Path(__file__).with_name("page.html").read_text("utf-8"))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template.substitute(text), "utf-8")
    return path


def _figure(cube: xr.Dataset, region: Region | None, is_risk: bool) -> tuple[str, str]:
    """Return the script and the element of the figure: hexagons without values yet, and outlines."""
    import shapely
    from bokeh.embed import components
    from bokeh.models import ColumnDataSource, HoverTool
    from bokeh.plotting import figure

    center = np.array([float(cube["lon"].mean()), float(cube["lat"].mean())])
    km = KM_PER_DEGREE * np.array([np.cos(np.radians(center[1])), 1.0])

    def flat(points: np.ndarray) -> np.ndarray:
        return np.asarray(np.round((points - center) * km, 3))

    hexagons = [flat(shapely.get_coordinates(shape)[:-1]) for shape in cell_polygons(cube["cell"].values)]
    layer = place_layer(cube)
    cells = cube.sizes["cell"]
    columns: dict[str, Any] = {
        "xs": [h[:, 0].tolist() for h in hexagons],
        "ys": [h[:, 1].tolist() for h in hexagons],
        "cell": cell_hex(cube["cell"].values).tolist(),
        "place": cube[layer].values.tolist() if layer else [""] * cells,
        "color": [MISSING] * cells,
        "risk": [""] * cells,
        "rank": [""] * cells,
    }
    plot = figure(
        name="map", match_aspect=True, sizing_mode="stretch_both", tools="pan,wheel_zoom,reset,save", active_scroll="wheel_zoom", toolbar_location="right",
        background_fill_alpha=0, border_fill_alpha=0, outline_line_color=None, lod_threshold=None,
    )  # fmt: skip
    plot.axis.visible = plot.grid.visible = False
    plot.toolbar.logo = None
    hexes = plot.patches(
        "xs",
        "ys",
        source=ColumnDataSource(columns, name="cells"),
        fill_color="color",
        line_color="color",
        line_width=1,
    )
    rings = [flat(ring) for ring in outlines(cube, region)]
    plot.multi_line(
        [r[:, 0].tolist() for r in rings],
        [r[:, 1].tolist() for r in rings],
        line_color="#333b45",
        line_width=1.2,
        line_alpha=0.85,
    )
    tips = [
        ("Cell", "@cell"),
        (layer.capitalize() if layer else "Area", "@place"),
        ("Risk" if is_risk else "Value", "@risk"),
        ("Rank", "@rank"),
    ]
    plot.add_tools(HoverTool(renderers=[hexes], tooltips=tips, point_policy="follow_mouse"))
    script, element = components(plot, wrap_script=False)
    return script, element


def _bokeh_code() -> str:
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)


def _legend(breaks: np.ndarray, colors: list[str], is_risk: bool) -> str:
    """Return the classes as list items, the highest first."""
    show = percent if is_risk else lambda value: f"{value:g}"
    texts = [
        f"below {show(breaks[0])}" if len(breaks) else "all",
        *(f"{show(a)} to {show(b)}" for a, b in pairwise(breaks)),
    ]
    texts += [f"{show(breaks[-1])} and more"] if len(breaks) else []
    items = [
        f'<li><i style="background:{color}"></i>{escape(text)}</li>' for text, color in zip(texts, colors, strict=True)
    ]
    return "\n".join(reversed(items))
