"""Events captured against the share of the area that is flagged, for every model and both bounds."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from htgeo.evaluation.capture import SHARES, capture_curve
from htgeo.maps.curves import band, curves_of, line, looks, reference, scored_line
from htgeo.maps.figure import framed, plotting
from htgeo.maps.style import INK, SOFT

FLAGGED = "share of the area flagged each day (%)"
CAUGHT = "events in the flagged area (%)"
TICKS = (0.5, 1, 2, 3, 5, 10, 20, 30, 50, 100)
DRAWN_SHARES = (0.005, *SHARES)


def plot_capture(
    found: xr.Dataset | Sequence[xr.Dataset],
    models: Sequence[str] | None = None,
    *,
    shares: Sequence[float] = DRAWN_SHARES,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw which share of the events lies in the flagged part of the map, for every model of a cube.

    Beside the models stand three lines: what a map drawn at random captures, what one of the true rates would on
    average (nobody can be expected to do better), and what maps that knew each day would. Shares of the area are on a
    logarithmic axis: what can be staffed are the first few per cent.

    Parameters
    ----------
    found
        A cube with a label and forecasts, or what `capture_curve` returned: one curve, or a list of them.
    models
        Models to draw, names without ``risk_``; all of the cube by default.
    shares
        Shares of the area, above 0 and at most 1, ascending.
    start, stop
        First and last day to score; by default the first after the training days, and the last of the cube.
    draws
        Bootstrap draws of blocks of days; 0 gives no bands.
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
        If the cube has no such forecast, or there is no curve.
    CubeError
        If there is no day to score.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(ht.split_time(cube, "2021-05-01")[0]))
    >>> figure = ht.plot_capture(cube, start="2021-05-01", draws=20)
    >>> "historical_rate" in [part.label for part in figure]
    True
    """
    hv = plotting()
    curve = partial(capture_curve, shares=shares, start=start, stop=stop, draws=draws)
    curves = curves_of(found, models, "share", curve)
    bands, lines = [], []
    for (model, one), look in zip(curves.items(), looks(len(curves)), strict=True):
        x, low, high = (100 * one[name].values for name in ("share", "low", "high"))
        bands += band(x, low, high, FLAGGED, CAUGHT, look.color)
        lines.append(line({FLAGGED: x, CAUGHT: 100 * one["hit_rate"].values}, FLAGGED, CAUGHT, model, look))
    overlay = hv.Overlay([*bands, *_bounds(next(iter(curves.values()))), *lines]).collate()
    overlay = overlay.opts(hv.opts.Overlay(logx=True, xticks=_ticks(curves), ylim=(0, 102), backend="bokeh"))
    overlay = overlay.opts(hv.opts.Overlay(logx=True, xticks=_ticks(curves), ylim=(0, 102), backend="matplotlib"))
    text = title or "How many of the events lie in the part of the map that a model flags"
    return framed(overlay, title=text, source=scored_line(found, curves, source), legend="right")


def _bounds(curve: xr.Dataset) -> list[Any]:
    """Return the lines that models are read against: chance, and two bounds."""
    x = 100 * curve["share"].values
    even = np.geomspace(x[0], x[-1], 50)
    return [
        reference(x, 100 * curve["clairvoyant"].values, FLAGGED, CAUGHT, "knew every day", SOFT, ("dotted", ":")),
        reference(
            x, 100 * curve["achievable"].values, FLAGGED, CAUGHT, "achievable: true rates", INK, ("dashed", "--")
        ),
        reference(even, even, FLAGGED, CAUGHT, "at random", SOFT, ("solid", "-")),
    ]


def _ticks(curves: dict[str, xr.Dataset]) -> list[tuple[float, str]]:
    shares = np.concatenate([100 * one["share"].values for one in curves.values()])
    return [(tick, f"{tick:g}") for tick in TICKS if shares.min() * 0.99 <= tick <= shares.max() * 1.01]
