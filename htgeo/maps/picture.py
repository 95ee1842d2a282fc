"""The map of a day as a figure for notebooks and print."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from htgeo.cube.schema import CELL, select_days, space
from htgeo.grid.cells import points_to_cells
from htgeo.maps.audience import Audience, check_audience
from htgeo.maps.figure import framed, plotting, save_figure, source_line
from htgeo.maps.layers import Layer, map_layers
from htgeo.maps.page import step_name, write_map_page
from htgeo.maps.page_scale import scale_of, shown
from htgeo.maps.style import MISSING
from htgeo.maps.surface import EAST, NORTH, flat, outline_paths, scale_bar, surface
from htgeo.sources.region import KM_PER_DEGREE, Region

WIDTH, HEIGHT = 780, 700
MOST_SHAPES = 20_000
"""Cells that a figure draws as shapes; more of them are drawn as an image."""
PIXELS = 1200
"""Of the longer side of an image."""


def map_risk(
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
) -> Any:
    """Return the map of a day as a figure; its ``save(path)`` writes the interactive page of all days and layers.

    Parameters
    ----------
    cube
        A cube of cells, or of areas (which needs `region` for their shapes).
    variable
        The layer shown; by default the first risk, or the first of `layers`.
    layers
        What the reader of the page can switch between; see `map_page`.
    time
        A day, or a slice of days; the last day by default. The figure shows the last of them, the page all.
    region
        Layer to outline; by default the cells of each area of the cube's first layer.
    title
        Heading.
    tiles
        Lay the map of the page over a street map, which the browser then fetches from the internet; the figure has none.
    events
        What the events are, in words; the name of their layer by default.
    source
        A line that says what the map was made from.
    audience
        ``"internal"``, or ``"public"``: marked as such, and only what `public_view` and `release_view` made is shown,
        without reasons.

    Returns
    -------
    holoviews.Overlay
        Places by class with outlines. ``save("map.html")`` writes the page of `write_map_page`, ``save("map.png")`` and
        ``save("map.svg")`` the figure for print. For the page itself in a notebook see `map_page`.

    Raises
    ------
    CubeError
        If the cube has no such variable or day, or the extra ``maps`` is not installed.
    InputError
        If something shown is not for the audience.

    Examples
    --------
    >>> import htgeo as ht
    >>> picture = ht.map_risk(ht.demo_cube(), "crime", time="2021-03-01")
    >>> picture.save("map.html").name
    'map.html'
    """
    made = map_layers(cube, variable, layers, events)
    check_audience(cube, made, audience)
    first, chosen = made[0], select_days(cube.drop_vars(list(cube.data_vars)), time)
    values = _values(first, space(cube), time)
    scale, day = scale_of(first, values), values[:, -1]
    classes = list(zip(scale.labels, scale.colors, strict=True))
    codes = scale.classes(day)
    unknown = [(first.gap, MISSING)] if (codes < 0).any() else []
    date = f", {step_name(cube).lower()}{str(chosen['time'].values[-1])[:10]}" if "time" in first.values.dims else ""
    picture = framed(
        _drawn(cube, codes, classes, {first.title: _texts(first, day, codes), "rank": _ranks(day)}, region, first.gap),
        title=title or f"{first.about}{date}",
        source=source_line(chosen, source),
        width=WIDTH,
        height=HEIGHT,
        key=[*unknown, *classes],
        is_map=True,
        audience=audience,
    )
    picture.save = _Writer(
        picture,
        {"cube": cube, "variable": variable, "layers": layers, "time": time, "region": region, "title": title, "tiles": tiles, "events": events, "source": source, "audience": audience},
    )  # fmt: skip
    return picture


def _drawn(
    cube: xr.Dataset,
    codes: np.ndarray,
    classes: list[tuple[str, str]],
    hover: dict[str, np.ndarray],
    region: Region | None,
    gap: str,
) -> Any:
    """Return the places by class: as shapes, or, where there are many cells, as an image."""
    if space(cube) != CELL or cube.sizes[CELL] <= MOST_SHAPES:
        return surface(cube, codes, classes, hover=hover, region=region, gap=gap)
    import shapely

    hv = plotting()
    centers = np.stack([cube["lon"].values, cube["lat"].values], axis=1)
    colors = np.array([[*bytes.fromhex(color[1:]), 255] for _, color in [*classes, ("", MISSING)]], np.uint8)
    east, north, rows = _pixels(cube, flat(cube, centers))
    image = np.where(rows[..., None] >= 0, colors[codes[rows]], np.uint8(0))
    parts = [hv.RGB((east, north, *np.moveaxis(image, 2, 0)), [EAST, NORTH], vdims=list("RGBA"))]
    for label, color in classes:  # an image has no legend: points that are nowhere have one
        point = hv.Points([(np.nan, np.nan)], [EAST, NORTH], label=label)
        parts.append(
            point.opts(
                hv.opts.Points(color=color, marker="square", size=12, show_legend=True, backend="bokeh"),
                hv.opts.Points(color=color, backend="matplotlib"),
            )
        )
    return hv.Overlay([*parts, outline_paths(cube, region), scale_bar(cube, shapely.points(centers))])


def _pixels(cube: xr.Dataset, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middles of columns and rows of an image, km, and the row of the cube that each pixel shows (-1: none)."""
    low, high = centers.min(axis=0) - 1, centers.max(axis=0) + 1
    step = (high - low).max() / PIXELS
    east, north = (np.arange(a, b, step) for a, b in zip(low, high, strict=True))
    points = np.stack(np.meshgrid(east, north[::-1]), axis=-1).reshape(-1, 2)
    lon, lat = unflat(cube, points).T
    cells = cube[CELL].values
    asked = points_to_cells(lon, lat, int(cube.attrs["resolution"]))
    at = np.minimum(np.searchsorted(cells, asked), len(cells) - 1)
    return east, north[::-1], np.where(cells[at] == asked, at, -1).reshape(len(north), len(east))


def unflat(cube: xr.Dataset, points: np.ndarray) -> np.ndarray:
    """Return points (km east, km north) of `flat` as longitudes and latitudes."""
    middle = np.array([float(cube["lon"].mean()), float(cube["lat"].mean())])
    return np.asarray(middle + points / (KM_PER_DEGREE * np.array([np.cos(np.radians(middle[1])), 1.0])))


@dataclass(frozen=True)
class _Writer:
    """What ``save`` of a map does: the interactive page for ``.html``, else a picture."""

    picture: Any = field(repr=False)
    asked: dict[str, Any] = field(repr=False)

    def __call__(self, path: str | Path) -> Path:
        if Path(path).suffix.lower() == ".html":
            return write_map_page(path=path, **self.asked)
        return save_figure(self.picture, path)


def _values(layer: Layer, dim: str, time: str | slice | None) -> np.ndarray:
    """Return the values of a layer on the days asked for, (place, time); one column where it has no days."""
    values = layer.values
    chosen = select_days(values, time).transpose(dim, "time") if "time" in values.dims else values
    return np.asarray(chosen.values, float).reshape(values.sizes[dim], -1)


def _texts(layer: Layer, day: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the value of each place in words."""
    show = shown(layer.unit)
    words = [*layer.labels, layer.gap] if layer.kind != "number" else []
    texts = [words[code] if words else show(value) for value, code in zip(day, codes, strict=True)]
    return np.array([text if np.isfinite(value) else layer.gap for text, value in zip(texts, day, strict=True)], object)


def _ranks(day: np.ndarray) -> np.ndarray:
    """Return the rank of each place, 1 for the highest value; empty where it is not known."""
    known = np.sort(day[np.isfinite(day)])
    above = len(known) - np.searchsorted(known, day, side="right")
    return np.where(np.isfinite(day), (above + 1).astype(str), "")
