"""A map page of its own: one HTML file that works offline, shapes sent once, days as compact arrays."""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import dask
import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.cube.schema import CELL, layer_names, role_of, select_days, space, step_days, variables_of
from htgeo.grid.cells import cell_hex
from htgeo.maps.audience import MARKS, Audience, check_audience
from htgeo.maps.layers import Layer, map_layers
from htgeo.maps.page_pack import make_book, pack, pack_codes
from htgeo.maps.page_reasons import Reasons, top_reasons
from htgeo.maps.page_scale import scale_of
from htgeo.maps.page_shapes import page_lines, page_plane
from htgeo.maps.style import MISSING
from htgeo.sources.region import Region

EDGES = {"center": "whose centre lies in the region", "touch": "that touch the region"}
EXPLAINED = ("risk", "expected", "alert", "contribution")
"""Roles of layers that contributions give reasons for."""
SCRIPTS = ("page_data.js", "page_map.js", "page_cell.js", "page.js")
TILES = "https://*.basemaps.cartocdn.com"


class MapPage(str):
    """The text of a map page; a notebook shows it as the page itself."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{escape(self)}" title="Map" sandbox="allow-scripts" style="width:100%;height:720px;border:0"></iframe>'


def write_map_page(
    cube: xr.Dataset,
    variable: str | None,
    path: str | Path,
    *,
    layers: Sequence[str | Layer] | None = None,
    time: str | slice | None = None,
    region: Region | None = None,
    title: str | None = None,
    tiles: bool = False,
    events: str | None = None,
    source: str = "",
    audience: Audience = "internal",
) -> Path:
    """Write an interactive map as one HTML file that works offline; see `map_page`.

    Parameters
    ----------
    cube
        The cube.
    variable
        The layer shown first; None: the first risk.
    path
        File to write. A broken run leaves no half file under this name.
    layers, time, region, title, tiles, events, source, audience
        As in `map_page`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CubeError
        If the cube has no such variable or day.
    InputError
        If the file cannot be written, or something shown is not for the audience.

    Examples
    --------
    >>> import htgeo as ht
    >>> page = ht.write_map_page(ht.demo_cube(), "crime", "map.html", time="2021-03-01")
    >>> page.stat().st_size < 100_000
    True
    """
    text = map_page(
        cube, variable, layers=layers, time=time, region=region, title=title, tiles=tiles, events=events, source=source, audience=audience
    )  # fmt: skip
    path = Path(path)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        message = f"{str(path)!r} cannot be written: {error}"
        raise InputError(message) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def map_page(
    cube: xr.Dataset,
    variable: str | None = None,
    *,
    layers: Sequence[str | Layer] | None = None,
    time: str | slice | None = None,
    region: Region | None = None,
    title: str | None = None,
    tiles: bool = False,
    events: str | None = None,
    source: str = "",
    audience: Audience = "internal",
) -> MapPage:
    """Return an interactive map as the text of one HTML page, which makes no request to anywhere.

    The reader moves through the days, switches layers, zooms, looks up a place and opens its series. All cells and days
    lie in the page: values to two or three significant digits, compressed. The page can be put into another one with
    ``<iframe srcdoc>``; a notebook shows it inline where it is the last line of a cell.

    Parameters
    ----------
    cube
        A cube of cells, or of areas (which needs `region` for their shapes).
    variable
        The layer shown first; by default the first risk, or the first of `layers`.
    layers
        What the reader can switch between: names of variables on ``(cell, time)`` or ``(cell)``, and layers made with
        `difference_layer` or `band_layer`. By default, where a risk is shown: all risks, its alert, the events that
        its label counts, and some contributions; else the variable alone. A layer of observed events is also marked in
        the series of a cell.
    time
        A day, or a slice of days; the last day by default.
    region
        Layer to outline; by default the cells of each area of the cube's layers.
    title
        Heading of the page.
    tiles
        Lay the map over a street map, which the browser then fetches from CARTO (OpenStreetMap data): the only
        requests that such a page may make.
    events
        What the events are, in words; the name of their layer by default.
    source
        A line that says what the map was made from.
    audience
        ``"internal"``, or ``"public"``: marked as such, and only what `public_view` and `release_view` made is shown,
        without reasons.

    Returns
    -------
    MapPage
        A text.

    Raises
    ------
    CubeError
        If the cube has no such variable or day.
    InputError
        If something shown is not for the audience.

    Examples
    --------
    >>> import htgeo as ht
    >>> page = ht.map_page(ht.demo_cube(), "crime", time=slice("2021-03-01", "2021-03-31"))
    >>> "default-src 'none'" in page, "img-src" in page
    (True, False)
    """
    made = map_layers(cube, variable, layers, events)
    check_audience(cube, made, audience)
    days = select_days(cube["time"], time).values
    explained = [audience == "internal" and _explained(cube, layer) for layer in made]
    found, reasons = _values(cube, made, time, explained=any(explained))
    plane, rings = page_plane(cube, region)
    lines = page_lines(cube, region, plane, rings)
    blocks = {"shapes": rings.packed(), "places": _places(cube)}
    blocks |= {f"lines-{i}": packed for i, packed in enumerate(lines.values())}
    settings: dict[str, Any] = {
        "days": [str(day)[:10] for day in days],
        "step": step_name(cube),
        "space": "cell" if space(cube) == CELL else space(cube),
        "plane": {"west": plane.west, "north": plane.north, "step": plane.step, "km": plane.km},
        "lines": [name.capitalize() for name in lines],
        "missing": MISSING,
        "tiles": tiles,
        "layers": [],
        "reasons": None,
    }
    for i, (layer, values) in enumerate(zip(made, found, strict=True)):
        facts, blocks[f"layer-{i}"] = _pack_layer(layer, values)
        settings["layers"].append(facts | {"explained": explained[i]})
    if reasons is not None:
        settings["reasons"], blocks["reasons"] = _pack_reasons(reasons)
    first = made[0]
    span = settings["days"][0] if len(days) == 1 else f"{settings['days'][0]} to {settings['days'][-1]}"
    return _fill(
        cube, settings, blocks, title=title or f"{first.title}, {span}", about=first.about, source=source, tiles=tiles, audience=audience
    )  # fmt: skip


def _values(
    cube: xr.Dataset, layers: list[Layer], time: str | slice | None, *, explained: bool
) -> tuple[list[np.ndarray], Reasons | None]:
    """Return the values (place, step) of each layer and the reasons, computed in one go."""
    dim, reasons = space(cube), top_reasons(cube) if explained else None
    lazy = [_chosen(layer.values, dim, time) for layer in layers]
    lazy += [] if reasons is None else [_chosen(reasons.codes, dim, time)]
    done = list(dask.compute(*(one.data for one in lazy)))
    if reasons is not None:
        reasons = Reasons(reasons.words, lazy[-1].copy(data=done.pop()))
    return [np.asarray(one, float).reshape(len(one), -1) for one in done], reasons


def _explained(cube: xr.Dataset, layer: Layer) -> bool:
    """Return whether the contributions of a cube are those of the model that a layer shows."""
    names = variables_of(cube, "contribution")
    model = cube[names[0]].attrs.get("model") if names else None
    return model is not None and role_of(layer.values) in EXPLAINED and layer.values.attrs.get("model") == model


def _chosen(values: xr.DataArray, dim: str, time: str | slice | None) -> xr.DataArray:
    return (select_days(values, time) if "time" in values.dims else values).transpose(
        dim, "time", ..., missing_dims="ignore"
    )


def _pack_layer(layer: Layer, values: np.ndarray) -> tuple[dict[str, Any], str]:
    """Return what the page must know of a layer, and its values packed."""
    book, scale = make_book(values, layer.digits), scale_of(layer, values)
    packed, width = pack_codes(book.codes, book.missing)
    return {
        "title": layer.title,
        "about": layer.about,
        "unit": layer.unit,
        "kind": layer.kind,
        "observed": layer.observed,
        "gap": layer.gap,
        "book": book.values.tolist(),
        "class_of": scale.classes(book.values).tolist(),
        "labels": scale.labels,
        "colors": scale.colors,
        "steps": values.shape[1],
        "width": width,
        "gaps": bool((book.codes == book.missing).any()),
    }, packed


def _pack_reasons(reasons: Reasons) -> tuple[dict[str, Any], str]:
    codes = reasons.codes.values
    rows = np.moveaxis(codes, 2, 0).reshape(-1, codes.shape[1])  # all places of the first reason, of the second ...
    packed, width = pack_codes(rows, 2 * len(reasons.words))
    return {"words": reasons.words, "width": width, "count": codes.shape[2], "steps": codes.shape[1]}, packed


def _places(cube: xr.Dataset) -> str:
    """Return the id of each place and the areas that it lies in, packed."""
    dim = space(cube)
    ids = cell_hex(cube[CELL].values) if dim == CELL else cube[dim].values.astype(str)
    areas = []
    for layer in layer_names(cube):
        if layer != dim:
            names, at = np.unique(cube[layer].values.astype(str), return_inverse=True)
            areas.append({"layer": layer, "names": names.tolist(), "at": at.tolist()})
    return pack(json.dumps({"ids": ids.tolist(), "areas": areas}).encode())


def step_name(cube: xr.Dataset) -> str:
    """Return what a step of the time axis is called before its first day; nothing for a day."""
    freq = {"M": "Month from ", "Q": "Quarter from ", "Y": "Year from "}.get(str(cube.attrs.get("freq", "D")), "")
    return freq or {1: "", 7: "Week from "}.get(step_days(cube), f"{step_days(cube)} days from ")


def _fill(
    cube: xr.Dataset, settings: dict[str, Any], blocks: dict[str, str], *, title: str, about: str, source: str, tiles: bool, audience: str
) -> MapPage:  # fmt: skip
    """Return the page; all texts of the data are escaped, and the browser runs the scripts of htgeo only."""
    folder = Path(__file__)
    style = folder.with_name("page.css").read_text("utf-8")
    code = "\n".join(folder.with_name(name).read_text("utf-8") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{code}}})();'
    places = f"H3 cells of resolution {cube.attrs.get('resolution', '?')} {EDGES.get(str(cube.attrs.get('edge')), '')}"
    where = places.strip() if space(cube) == CELL else f"Areas ({space(cube)})"
    made = f"{source} {where}; days of {cube.attrs.get('time_zone', '?')}. htgeo {VERSION}.".strip()
    return MapPage(
        Template(folder.with_name("page.html").read_text("utf-8")).substitute(
            title=escape(title),
            about=escape(about),
            use=escape(str(cube.attrs.get("intended_use", INTENDED_USE))),
            source=escape(made),
            audience=audience,
            mark=escape(MARKS[audience]),
            head=escape(f"{title} (internal use)" if audience == "internal" else title),
            policy=f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; base-uri 'none'; form-action 'none'"
            + (f"; img-src {TILES}" if tiles else ""),
            style=style,
            script=script,
            settings=json.dumps(settings, allow_nan=False).replace("<", "\\u003c"),
            blocks="\n".join(
                f'<script type="text/plain" id="data-{name}">{text}</script>' for name, text in blocks.items()
            ),
        )
    )


def _digest(text: str) -> str:
    """Return the hash by which a content security policy knows a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
