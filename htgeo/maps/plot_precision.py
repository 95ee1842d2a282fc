"""Where events are known exactly, and where a coordinate would only stand for an area."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.core.version import VERSION
from htgeo.maps.figure import framed, plotting
from htgeo.maps.panels import panels
from htgeo.maps.share_bars import Bar, Part, bars_height, share_bars, share_text
from htgeo.maps.style import MISSING, SERIES
from htgeo.maps.surface import EAST, NORTH, flat, surface
from htgeo.sources.events import Events
from htgeo.sources.precision import CITY
from htgeo.sources.region import Region

POINT = "point"
EDGES = (0.0, 0.25, 0.5, 0.75, 1.0)
CLASSES = (
    ("no event", MISSING),
    ("none", "#ffffff"),
    ("below 25 %", "#deebf7"),
    ("25 to 50 %", "#9ecae1"),
    ("50 to 75 %", "#4292c6"),
    ("75 % and more", "#08519c"),
    ("all", "#08306b"),
)
"""Share of the events of an area that are known exactly, and its colour (ColorBrewer Blues)."""
FEW = 12
"""Areas of a layer up to which the events known only to each are written on the map."""
RINGED = "number known only\nto that area"
RING_TEXT = "#1f2932"
"""Of numbers on white: dark in dark mode too."""
WIDTH, MAP_HEIGHT = 860, 700
SHARE = "share of the events, %"


def plot_precision(
    events: Mapping[str, Events] | Events,
    areas: Region | Sequence[Region],
    *,
    mapped: str | None = None,
    layer: str | None = None,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw how precisely events are known: by source, and on a map the share that is known exactly.

    An event known only to an area has no place of its own. The map counts it as the cube does: spread over the land of
    all it may have happened in, never at the point that stood for it. White circles give the number known only to a
    borough (a layer of few areas).

    Parameters
    ----------
    events
        ``{name: events}``, or events.
    areas
        Region layers, as given to `read_events`.
    mapped
        The source that the map shows; by default the first.
    layer
        The layer whose areas are coloured; by default the one with the most areas.
    title
        Heading.
    source
        What the events are, for the line below.

    Returns
    -------
    holoviews.Layout
        Bars by source and a map.

    Raises
    ------
    InputError
        If there is no event, a name is unknown, or no layer is given.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> precincts = ht.read_region(folder / "precincts.geojson", name_column="precinct", layer="precinct")
    >>> crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz", areas=[boroughs, precincts])
    >>> ht.save_figure(ht.plot_precision({"crime": crimes}, [boroughs, precincts]), "precision.png").name
    'precision.png'
    """
    named = {events.report.source: events} if isinstance(events, Events) else dict(events)
    layers = [areas] if isinstance(areas, Region) else list(areas)
    mapped = _chosen(mapped, [name for name, one in named.items() if len(one)] or list(named), "source")
    layer = _chosen(layer, [region.layer for region in by_size(layers)], "region layer")
    region = next(region for region in layers if region.layer == layer)
    if not len(named[mapped]):
        message = f"{mapped!r} has no event"
        raise InputError(message)
    bars = [_bar(name, one, layers) for name, one in named.items()]
    drawn, key = _map(named[mapped], layers, region)
    weight, point = named[mapped].table["weight"], named[mapped].table["precision"] == POINT
    exact = share_text(float(weight[point].sum()), float(weight.sum()))
    head = title or f"{mapped}: {exact} of the events are known to a point, the others to an area only"
    made_from = " ".join(filter(None, [source, f"{len(region)} areas ({region.layer}). htgeo {VERSION}."]))
    tall = bars_height(bars) - 90
    parts = [
        framed(share_bars(bars, SHARE), title="By source", width=WIDTH, height=tall, legend=None, foot=False),
        framed(
            drawn,
            title=f"{mapped}: share known to a point, by {region.layer}",
            source=made_from,
            width=WIDTH,
            height=MAP_HEIGHT,
            is_map=True,
            key=key,
        ),
    ]
    return panels(parts, title=head, width=WIDTH, height=tall + MAP_HEIGHT)


def _chosen(name: str | None, known: Sequence[str], what: str) -> str:
    if not known:
        message = f"there is no {what}; give events and the region layers they may be known to: plot_precision({{'case': cases}}, [boroughs])"
        raise InputError(message)
    if name is not None and name not in known:
        message = f"there is no {what} {name!r}{near(str(name), list(known))}; known are {', '.join(known)}"
        raise InputError(message)
    return name or known[0]


def by_size(areas: Sequence[Region]) -> list[Region]:
    """Return the layers, that of the most areas first."""
    return sorted(areas, key=len, reverse=True)


def _bar(name: str, events: Events, areas: Sequence[Region]) -> Bar:
    counts = events.table.groupby("precision", observed=True)["weight"].sum()
    layers = [region.layer for region in by_size(areas)]
    others = [str(kind) for kind in counts.index if kind not in (POINT, CITY, *layers)]
    colors = dict(zip([POINT, *layers, *others], (SERIES[0], SERIES[5], SERIES[4], SERIES[3], SERIES[2]), strict=False))
    kinds = [*colors, CITY]
    words = {POINT: "known to a point", CITY: "known to the city only"}
    parts = [
        Part(words.get(kind, f"known to a {kind}"), float(counts.get(kind, 0)), colors.get(kind, SERIES[1]), kind != POINT)
        for kind in kinds
    ]  # fmt: skip
    return Bar(f"{name}: {len(events):,} events", parts, "there are no events")


def area_precision(events: Events, areas: Sequence[Region], layer: str) -> pd.DataFrame:
    """Return the events of each area by precision; events known to a larger area are spread over it by land.

    Parameters
    ----------
    events
        Events read with these areas.
    areas
        Region layers.
    layer
        The layer whose areas are the rows.

    Returns
    -------
    DataFrame
        One row an area, one column a precision (``point``, a layer, ``city``); points outside all areas are left out.

    Raises
    ------
    InputError
        If an event names an area that its layer does not have.
    """
    import shapely

    regions = {region.layer: region for region in areas}
    drawn = regions[layer]
    middle, land = shapely.point_on_surface(drawn.geometries), shapely.area(drawn.geometries)
    table, counts = events.table, pd.DataFrame(index=list(drawn.names))
    point = (table["precision"] == POINT).to_numpy()
    number = drawn.locate(table["lon"].to_numpy(float)[point], table["lat"].to_numpy(float)[point])
    weight = table["weight"].to_numpy(float)[point]
    counts[POINT] = np.bincount(number[number >= 0], weight[number >= 0], minlength=len(drawn))
    known_to = table[~point].groupby(["precision", "area"], observed=True)["weight"].sum()
    for place, total in known_to.items():
        kind, area = map(str, place)  # type: ignore[call-overload]  # the index has two levels
        inside = _inside(kind, area, regions, drawn, middle)
        shares = np.where(inside, land, 0) / land[inside].sum()
        counts[kind] = counts.get(kind, 0.0) + float(total) * shares
    return counts


def _inside(kind: str, area: str, regions: Mapping[str, Region], drawn: Region, middle: np.ndarray) -> np.ndarray:
    """Return which drawn areas an event known to an area may have happened in (bool)."""
    import shapely

    if kind not in regions:  # the whole study area
        return np.ones(len(drawn), bool)
    names, known = area.split("|"), regions[kind].names
    unknown = [name for name in names if name not in known]
    if unknown:
        message = (
            f"the region layer {kind!r} has no area {', '.join(unknown)}; read the events with areas=[…], as given here"
        )
        raise InputError(message)
    if kind == drawn.layer:
        return np.isin(drawn.names, names)
    shape = shapely.union_all(regions[kind].geometries[[known.index(name) for name in names]])
    inside = np.asarray(shapely.intersects(shape, middle))
    return inside if inside.any() else np.asarray(shapely.intersects(drawn.geometries, shapely.point_on_surface(shape)))


def _map(events: Events, areas: Sequence[Region], region: Region) -> tuple[Any, list[tuple[str, str]]]:
    """Return the map, and label and colour of what it shows."""
    counts = area_precision(events, areas, region.layer)
    total = counts.sum(axis=1).to_numpy()
    share = np.divide(counts[POINT].to_numpy(), total, out=np.zeros(len(total)), where=total > 0)
    codes = np.where(share == 0, 1, 1 + np.digitize(share, EDGES))
    codes = np.where(total == 0, 0, np.where(share == 1, len(CLASSES) - 1, np.minimum(codes, len(CLASSES) - 2)))
    places = _places(region)
    hover = {"events": np.round(total, 1), "known exactly, %": np.round(100 * share, 1)}
    hover |= {
        f"known to a {kind}" if kind != CITY else "known to the city": np.round(counts[kind].to_numpy(), 1)
        for kind in counts
    }
    drawn = surface(places, codes, CLASSES, hover=hover, region=region)
    rings = [ring for one in areas if len(one) <= FEW for ring in _rings(events, one)]
    key = [named for code, named in enumerate(CLASSES) if (codes == code).any()]
    if not rings:
        return drawn, key
    return drawn * _circles(places, rings), [(RINGED, "white"), *key]


def _places(region: Region) -> xr.Dataset:
    """Return the areas as the coordinates that a map needs."""
    lon, lat = region.centroids.T
    coords = {region.layer: np.array(region.names), "lon": (region.layer, lon), "lat": (region.layer, lat)}
    return xr.Dataset(coords=coords, attrs={"space": region.layer, "layers": [region.layer]})


def _rings(events: Events, region: Region) -> Iterator[tuple[float, float, int]]:
    """Yield a point in each area and the number of events known only to that area."""
    import shapely

    table = events.table[events.table["precision"] == region.layer]
    counts = table.groupby("area", observed=True)["weight"].sum()
    points = shapely.get_coordinates(shapely.point_on_surface(region.geometries))
    for name, (lon, lat) in zip(region.names, points.tolist(), strict=True):
        if counts.get(name, 0):
            yield lon, lat, round(counts[name])


def _circles(places: xr.Dataset, rings: Sequence[tuple[float, float, int]]) -> Any:
    hv = plotting()
    at = flat(places, np.array([ring[:2] for ring in rings]))
    circles = hv.Points(at, [EAST, NORTH], label=RINGED).opts(
        hv.opts.Points(color="white", line_color=RING_TEXT, line_width=1.5, size=34, backend="bokeh"),
        hv.opts.Points(color="white", edgecolors=RING_TEXT, linewidth=1.3, s=620, backend="matplotlib"),
    )
    texts = [(x, y, f"{ring[2]:,}") for (x, y), ring in zip(at.tolist(), rings, strict=True)]
    labels = hv.Labels(texts, [EAST, NORTH], "text").opts(
        hv.opts.Labels(text_color=RING_TEXT, text_font_size="9pt", backend="bokeh"),
        hv.opts.Labels(color=RING_TEXT, size=9, backend="matplotlib"),
    )
    return circles * labels
