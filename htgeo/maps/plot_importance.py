"""Which features matter: bars of what a forecast loses without them, or of what they add to it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.version import VERSION
from htgeo.cube.schema import space
from htgeo.evaluation.bootstrap import block_of, draw_units, interval
from htgeo.maps.curves import above_grid
from htgeo.maps.feature_names import PREFIX, contributions_of, label, scale_of, small_labels, words
from htgeo.maps.figure import framed, plotting, source_line
from htgeo.maps.style import INK, SERIES

if TYPE_CHECKING:
    import pandas as pd

MOST = 20
BLOCK_DAYS, DRAWS, LEVEL = 7, 500, 0.95
UP = "feature"
LOSS = "increase of the mean loss"
BAR, FRAME = 54, 130
"""Pixels for a bar, and for title, axis and foot."""
THICK = 0.34
"""Half the height of a bar."""
Bars = list[tuple[str, float, float, float]]
"""Feature, value, and the ends of its interval."""


def plot_importance(
    found: "xr.Dataset | pd.DataFrame | Sequence[pd.DataFrame]",
    *,
    cube: xr.Dataset | None = None,
    most: int = 12,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw which features matter most, as bars with intervals.

    Of tables, a bar is the increase of the loss when a family of features is shuffled; give several tables with other
    seeds, then the whiskers run from the least to the greatest of them. Of a cube with contributions, it is the mean
    size of what a feature adds to the log-odds, whichever way; the whiskers hold 95 % of draws of whole weeks.
    Importance is about the model, not about what causes events.

    Parameters
    ----------
    found
        What `permutation_importance` returned: one table, or several of other seeds; or a cube from
        `add_contributions`.
    cube
        The cube of the tables, so that its features are also named in words.
    most
        Most bars, 1 to 20; the others are left out and counted.
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
    InputError
        If there is no table, tables of other features, or `most` is out of range.
    CubeError
        If the cube has no contributions.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar()])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> model = ht.LightGBM(max_trees=20).fit(ht.split_time(cube, "2021-05-01")[0])
    >>> tables = [ht.permutation_importance(cube, model, time=slice("2021-05-01", None), seed=n) for n in range(3)]
    >>> [part.label for part in ht.plot_importance(tables, cube=cube)]
    ['importance', '', '']
    """
    if not isinstance(most, int) or not 1 <= most <= MOST:
        message = f"most must be a whole number, 1 to {MOST}, not {most!r}"
        raise InputError(message)
    if isinstance(found, xr.Dataset):
        bars, what = _of_contributions(found), source_line(found, source)
        across = f"mean |contribution| ({scale_of(found)})"
        kind = "add most to forecasts, up or down"
        note = f"Whiskers: {100 * LEVEL:g} % of draws of whole weeks."
    else:
        tables = _tables(found)
        bars, across = _of_tables(tables), LOSS
        what = source_line(cube, source) if cube is not None else f"{source} htgeo {VERSION}.".strip()
        kind = "a model would miss most"
        note = (
            f"Mean of {len(tables)} shuffles; whiskers from the least to the greatest."
            if len(tables) > 1
            else "One shuffle: give tables of other seeds for whiskers."
        )
    bars = sorted(bars, key=lambda bar: -bar[1])
    left_out = f"{len(bars) - most} more are not shown." if len(bars) > most else ""
    line = " ".join(filter(None, [what, note, left_out, "Importance is about the model, not about causes."]))
    named = found if isinstance(found, xr.Dataset) else cube
    shown = bars[:most]
    height = FRAME + BAR * max(len(shown), 3)
    head = title or f"Which features {kind}"
    return small_labels(framed(_drawn(shown, named, across), title=head, source=line, height=height, legend=None))


def _tables(found: Any) -> "list[pd.DataFrame]":
    import pandas as pd

    tables = [found] if isinstance(found, pd.DataFrame) else list(found)
    if not tables or not all(isinstance(one, pd.DataFrame) and "increase" in one for one in tables):
        message = "importance is drawn from what htgeo.permutation_importance(cube, model) returned, one table or several of other seeds, or from a cube of htgeo.add_contributions"
        raise InputError(message)
    if any(set(one.index) != set(tables[0].index) for one in tables):
        message = "the tables are of different features; give those of one model that differ in seed only"
        raise InputError(message)
    return tables


def _of_tables(tables: "list[pd.DataFrame]") -> Bars:
    """Return the mean increase of each family over the shuffles, and the least and the greatest."""
    names = list(tables[0].index)
    values = np.array([one.loc[names, "increase"].to_numpy(float) for one in tables])
    ends = (values.min(axis=0), values.max(axis=0)) if len(tables) > 1 else (np.full(len(names), np.nan),) * 2
    return list(zip(map(str, names), values.mean(axis=0).tolist(), *(end.tolist() for end in ends), strict=True))


def _of_contributions(cube: xr.Dataset) -> Bars:
    """Return the mean size of each contribution over all places and days, with the interval over weeks."""
    features = contributions_of(cube)
    sizes = abs(cube[[PREFIX + name for name in features]]).mean(space(cube)).compute()
    block = block_of(cube["time"].values, BLOCK_DAYS)
    weights = draw_units(int(block.max()) + 1, draws=DRAWS, seed=0)[:, block]
    bars = []
    for name in features:
        daily = sizes[PREFIX + name].values.astype(float)
        known = np.isfinite(daily)
        means = weights[:, known] @ daily[known] / np.maximum(weights[:, known].sum(axis=1), 1e-9)
        low, high = interval(means, LEVEL, int(block.max()) + 1)
        bars.append((name, float(means[0]), float(low), float(high)))
    return bars


def _drawn(bars: Bars, cube: xr.Dataset | None, across: str) -> Any:
    hv = plotting()
    rows = list(enumerate(bars))
    boxes = [(0.0, row - THICK, value, row + THICK, name, words(cube, name)) for row, (name, value, *_) in rows]
    whiskers = [(low, row, high, row) for row, (_, _, low, high) in rows if np.isfinite([low, high]).all()]
    color = SERIES[0]
    filled = hv.Rectangles(boxes, [across, UP, "until", "to"], ["name", "meaning"], label="importance").opts(
        hv.opts.Rectangles(
            color=color, line_color=None, tools=["hover"], backend="bokeh",
            hover_tooltips=[("feature", "@name"), ("", "@meaning"), (across, "@until")],
        ),
        hv.opts.Rectangles(color=color, facecolor=color, edgecolor="none", hooks=[above_grid], backend="matplotlib"),
    )  # fmt: skip
    lines = hv.Segments(whiskers, [across, UP, "high", "same"]).opts(
        hv.opts.Segments(color=INK, line_width=2, backend="bokeh"),
        hv.opts.Segments(color=INK, linewidth=1.6, backend="matplotlib"),
    )
    least = min([0.0, *(box[2] for box in boxes), *(end[0] for end in whiskers)])
    most = max([*(box[2] for box in boxes), *(end[2] for end in whiskers), 1e-9])
    zero = hv.VLine(0.0).opts(
        hv.opts.VLine(color=INK, line_width=1, backend="bokeh"),
        hv.opts.VLine(color=INK, linewidth=1, backend="matplotlib"),
    )
    axis = {
        "yticks": [(row, label(cube, name)) for row, (name, *_) in rows],
        "ylim": (len(bars) - 0.4, -0.6),
        "xlim": (least * 1.05, most * 1.05),
        "ylabel": "",
    }
    overlay = hv.Overlay([filled, zero, lines])
    return overlay.opts(hv.opts.Overlay(backend="bokeh", **axis), hv.opts.Overlay(backend="matplotlib", **axis))
