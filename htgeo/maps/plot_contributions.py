"""What features add to forecasts: a swarm of cell-days by feature, or the mean of one feature on a map."""

from itertools import pairwise
from typing import Any, Literal

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.cube.schema import CELL, layer_names, space
from htgeo.grid.cells import cell_hex
from htgeo.maps.feature_names import ODDS, PREFIX, contributions_of, label, scale_of, small_labels
from htgeo.maps.figure import framed, plotting, source_line
from htgeo.maps.style import INK, MISSING
from htgeo.maps.surface import surface
from htgeo.sources.region import Region

Kind = Literal["beeswarm", "map"]
UP = "feature"
FIFTHS = (
    ("lowest fifth", "#0072b2", ("inverted_triangle", "v")),
    ("low", "#56b4e9", ("circle", "o")),
    ("middle", "#b4bac2", ("circle", "o")),
    ("high", "#e69f00", ("circle", "o")),
    ("highest fifth", "#d55e00", ("triangle", "^")),
    ("category, several or unknown", MISSING, ("square", "s")),
)
"""Classes of the value of a feature among the cell-days drawn, with colour and marker; safe for colour-blind readers."""
NO_VALUE = len(FIFTHS) - 1
LOWER = ("#998ec3", "#542788", "#2d004b")
RAISE = ("#f1a340", "#b35806", "#7f3b08")
EVEN = "#e3e3e3"
"""Classes of a map that diverge from none (ColorBrewer PuOr, safe for colour-blind readers)."""
MOST_SIZE, PARTS = 0.98, (0.1, 0.35, 0.7)
"""Quantile of the sizes of contributions, and the parts of it where the classes of a map divide."""
BINS = 120
ROW, FRAME = 54, 140


def plot_contributions(
    cube: xr.Dataset,
    *,
    feature: str | None = None,
    place: str | None = None,
    kind: Kind = "beeswarm",
    most: int = 12,
    points: int = 400,
    seed: int = 0,
    region: Region | None = None,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw what features add to the log-odds of a risk, over its places and days or as a map.

    The swarm has a row a feature, those that add most on top, and a point a cell-day: to the right the feature raised
    the forecast, to the left it lowered it. Its colour says whether the value of the feature was high or low among the
    cell-days drawn. The map shows the mean of one feature over the days, as the factor on the odds.

    Parameters
    ----------
    cube
        A cube from `add_contributions`; only contributions, and in a swarm the features drawn, are read.
    feature
        Feature of the map; of the swarm, the only one to draw.
    place
        Area of a region layer, or H3 id, to draw alone; all places by default.
    kind
        ``"beeswarm"`` or ``"map"``.
    most
        Most rows of the swarm, at least 1.
    points
        Cell-days drawn in a swarm, at most: a sample by `seed`, the same of all features.
    seed
        Seed of the sample.
    region
        Layer to outline on the map; shapes of the areas, where the cube has areas.
    title
        What is seen, in one sentence.
    source
        What the data are and where they come from.

    Returns
    -------
    holoviews.Overlay
        `htgeo.save_figure` writes it.

    Raises
    ------
    CubeError
        If the cube has no contributions.
    InputError
        If there is no such feature, place or kind, or a map has no feature.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar()])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> model = ht.LightGBM(max_trees=20).fit(ht.split_time(cube, "2021-05-01")[0])
    >>> why = ht.add_contributions(cube, model, time=slice("2021-05-10", "2021-05-16"))
    >>> figure = ht.plot_contributions(why, kind="map", feature="crime_sum_28")
    """
    features = contributions_of(cube)
    if kind not in ("beeswarm", "map"):
        message = f"kind must be 'beeswarm' or 'map', not {kind!r}"
        raise InputError(message)
    if feature is not None and feature not in features:
        message = f"the cube has no contribution of {feature!r}{near(feature, features)}; it has those of {', '.join(features)}"
        raise InputError(message)
    if min(most, points) < 1:
        message = f"most and points must be at least 1, not {most!r} and {points!r}"
        raise InputError(message)
    part = cube if place is None else cube.isel({space(cube): _places(cube, place)})
    where = f" in {place}" if place is not None else ""
    if kind == "map":
        if feature is None:
            message = f"a map shows one feature: give feature=, such as {features[0]!r}"
            raise InputError(message)
        return _map(part, feature, region, title or _head(part, feature, where), source)
    drawn = features if feature is None else [feature]
    return _swarm(part, drawn, most, points, seed, title or f"What features add to the forecasts{where}", source)


def _places(cube: xr.Dataset, place: str) -> np.ndarray:
    """Return the positions of a place: those of an area of any layer, or one cell."""
    dim = space(cube)
    for layer in dict.fromkeys([dim, *layer_names(cube)]):
        names = cell_hex(cube[CELL].values) if layer == CELL else cube[layer].values.astype(str)
        rows = np.flatnonzero(np.asarray(names, str) == place)
        if len(rows):
            return rows
    known = [str(name) for layer in layer_names(cube) for name in np.unique(cube[layer].values)]
    message = f"the cube has no place {place!r}{near(place, known)}; give the name of an area ({', '.join(known[:5])} ...) or an H3 id of it"
    raise InputError(message)


def _swarm(cube: xr.Dataset, features: list[str], most: int, points: int, seed: int, title: str, source: str) -> Any:
    hv = plotting()
    picked = _sample(cube, points, seed)
    added = picked[[PREFIX + name for name in features]].compute()
    size = {name: float(abs(added[PREFIX + name]).mean()) for name in features}
    ranked = sorted(features, key=lambda name: -size[name])
    shown, rest = ranked[:most], ranked[most:]
    known = picked[[name for name in shown if name in picked]].compute()
    rows = [(name, added[PREFIX + name].values.astype(float), _fifths(known, name)) for name in shown]
    names = [label(cube, name) for name in shown]
    if rest:
        others = np.sum([added[PREFIX + name].values for name in rest], axis=0, dtype=float)
        rows.append(("", others, np.full(len(others), NO_VALUE)))
        names.append(f"{len(rest)} other features\ntogether")
    wide = max(float(np.nanmax(np.abs(values))) for _, values, _ in rows) or 1.0
    heights = [row + _spread(values, wide) for row, (_, values, _) in enumerate(rows)]
    across, up, code = (np.concatenate(parts) for parts in ([v for _, v, _ in rows], heights, [c for _, _, c in rows]))
    text = f"contribution ({scale_of(cube)})"
    parts = [_points(across[code == k], up[code == k], k, text) for k in range(len(FIFTHS)) if (code == k).any()]
    zero = hv.Curve([(0.0, -0.6), (0.0, len(rows) - 0.4)], text, UP).opts(
        hv.opts.Curve(color=INK, line_width=1, backend="bokeh"),
        hv.opts.Curve(color=INK, linewidth=1, show_legend=False, backend="matplotlib"),
    )
    axis = {"yticks": list(enumerate(names)), "ylim": (len(rows) - 0.4, -0.6), "ylabel": ""}
    overlay = hv.Overlay([zero, *parts]).opts(
        hv.opts.Overlay(backend="bokeh", **axis), hv.opts.Overlay(backend="matplotlib", **axis)
    )
    line = f"{source_line(cube, source)} {len(rows[0][1]):,} cell-days drawn, of {cube.sizes[space(cube)] * cube.sizes['time']:,}."
    height = FRAME + ROW * max(len(rows), 3)
    return small_labels(framed(overlay, title=title, source=line, height=height, audience="internal"))


def _sample(cube: xr.Dataset, points: int, seed: int) -> xr.Dataset:
    """Return some cell-days of a cube along ``point``, drawn without return, in their order."""
    dim = space(cube)
    total = cube.sizes[dim] * cube.sizes["time"]
    drawn = np.sort(np.random.default_rng(seed).choice(total, size=min(points, total), replace=False))
    place, day = np.divmod(drawn, cube.sizes["time"])
    return cube.isel({dim: xr.DataArray(place, dims="point"), "time": xr.DataArray(day, dims="point")})


def _fifths(values: xr.Dataset, feature: str) -> np.ndarray:
    """Return the class of the value of a feature on each cell-day."""
    if feature not in values or "categories" in values[feature].attrs:
        return np.full(values.sizes["point"], NO_VALUE)
    found = values[feature].values.astype(float)
    if np.isfinite(found).any() and np.nanmin(found) == np.nanmax(found):  # a constant is neither low nor high
        return np.where(np.isfinite(found), NO_VALUE // 2, NO_VALUE)
    edges = np.unique(np.nanquantile(found, (0.2, 0.4, 0.6, 0.8))) if np.isfinite(found).any() else np.array([])
    place = np.searchsorted(np.append(edges, np.inf), found)
    return np.where(np.isfinite(found), np.round(place * (NO_VALUE - 1) / max(len(edges), 1)).astype(int), NO_VALUE)


def _spread(values: np.ndarray, wide: float) -> np.ndarray:
    """Return how far points stand above or below their row, so that a crowd is seen as one: -0.4 to 0.4."""
    bins = np.floor((np.nan_to_num(values) / wide + 1) * BINS / 2).astype(int)
    order = np.argsort(bins, kind="stable")
    _, first, count = np.unique(bins[order], return_index=True, return_counts=True)
    rank = np.arange(len(values)) - np.repeat(first, count)
    side = np.where(rank % 2, 1, -1) * ((rank + 1) // 2)
    out = np.empty(len(values))
    out[order] = side * min(0.08, 0.8 / max(int(count.max()), 1))
    return out


def _points(across: np.ndarray, up: np.ndarray, code: int, text: str) -> Any:
    hv = plotting()
    name, color, marker = FIFTHS[code]
    return hv.Scatter((across, up), text, UP, label=name).opts(
        hv.opts.Scatter(color=color, marker=marker[0], size=4, alpha=0.85, backend="bokeh"),
        hv.opts.Scatter(color=color, marker=marker[1], s=12, alpha=0.85, linewidth=0, backend="matplotlib"),
    )


def _map(cube: xr.Dataset, feature: str, region: Region | None, title: str, source: str) -> Any:
    mean = cube[PREFIX + feature].mean("time").compute().values.astype(float)
    classes, edges = _classes(mean)
    codes = np.where(np.isfinite(mean), np.searchsorted(edges, mean), -1)
    hover = {"mean contribution": np.round(mean, 4), "times": np.round(np.exp(mean), 3)}
    overlay = surface(cube, codes, classes, hover=hover, region=region)
    return framed(
        overlay, title=title, source=source_line(cube, source), width=900, height=700, is_map=True, key=classes
    )


def _head(cube: xr.Dataset, feature: str, where: str) -> str:
    what = "the odds" if scale_of(cube) == ODDS else "the expected count"
    return f"How many times {feature} multiplies {what}{where}, mean of {cube.sizes['time']} days"


def _classes(mean: np.ndarray) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Return classes of a contribution, alike on both sides of none, with label and colour, and the edges between."""
    sizes = np.abs(mean[np.isfinite(mean)])
    size = float(np.quantile(sizes, MOST_SIZE)) if sizes.size else 0.0
    steps = np.unique([float(f"{part * size:.1g}") for part in PARTS])
    steps = steps[steps > 0] if (steps > 0).any() else np.array([0.01])
    edges = np.concatenate([-steps[::-1], steps])
    digits = max(2, 1 - int(np.floor(np.log10(np.expm1(steps[0])))))
    factors = [f"{np.exp(edge):.{digits}f}" for edge in edges]
    between = [f"{a} to {b} times" for a, b in pairwise(factors)]
    labels = [f"less than {factors[0]} times", *between, f"more than {factors[-1]} times"]
    colors = [*LOWER[: len(steps)][::-1], EVEN, *RAISE[: len(steps)]]
    return list(zip(labels, colors, strict=True)), edges
