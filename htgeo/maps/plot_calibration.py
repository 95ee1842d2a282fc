"""Whether forecasts happen as often as they say: the reliability diagram of every model."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from htgeo.evaluation.reliability_scores import BINS, calibration_curve
from htgeo.maps.curves import Curves, band, curves_of, line, looks, reference, scored_line
from htgeo.maps.figure import framed, plotting
from htgeo.maps.panels import panels
from htgeo.maps.style import SOFT

SAID = "forecast, mean of the bin (%)"
HAPPENED = "observed (%)"
SIZE = "cell-days"
TICKS = tuple(step * 10.0**power for power in range(-4, 3) for step in (1, 2, 5))


def plot_calibration(
    found: xr.Dataset | Sequence[xr.Dataset],
    models: Sequence[str] | None = None,
    *,
    bins: int = BINS,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw how often forecasts came true, by bins from the lowest forecasts to the highest, for every model of a cube.

    On the diagonal forecasts come true as often as they say; above it they say too little, below it too much. Both axes
    are logarithmic, since most forecasts of rare events are small. Below stands how many cell-days have a forecast at
    least as high: few decide on the right end.

    Parameters
    ----------
    found
        A cube with a label and forecasts, or what `calibration_curve` returned: one curve, or a list of them.
    models
        Models to draw, names without ``risk_``; all of the cube by default.
    bins
        Number of bins, at least 1; equal forecasts share a bin.
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
    holoviews.Layout
        Two panels; `htgeo.save_figure` writes it.

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
    >>> figure = ht.plot_calibration(cube, bins=5, start="2021-05-01", draws=20)
    >>> len(figure)
    2
    """
    hv = plotting()
    curve = partial(calibration_curve, bins=bins, start=start, stop=stop, draws=draws)
    curves = curves_of(found, models, "bin", curve)
    low, high = _limits(curves)
    axis = {"logx": True, "logy": True, "xlim": (low, high)}
    ends = np.array([low, high])
    bands, lines, sizes = [], [], []
    for (model, one), look in zip(curves.items(), looks(len(curves)), strict=True):
        said, happened, below, above = (100 * one[name].values for name in ("forecast", "observed", "low", "high"))
        shown = happened > 0  # a logarithm has no place for never
        bands += band(said, np.maximum(below, low / 10), np.maximum(above, low / 10), SAID, HAPPENED, look.color)
        lines.append(line({SAID: said[shown], HAPPENED: happened[shown]}, SAID, HAPPENED, model, look))
        least = one["size"].values[::-1].cumsum()[::-1]
        sizes.append(line({SAID: said, SIZE: least}, SAID, SIZE, model, look))
    diagonal = reference(ends, ends, SAID, HAPPENED, "as often as said", SOFT, ("solid", "-"))
    tops = hv.Overlay([*bands, diagonal, *lines]).collate()
    marks = [(tick, f"{tick:g}") for tick in TICKS if low <= tick <= high]
    shape = axis | {"xticks": marks}
    tops = _shaped(tops, {**shape, "yticks": marks, "ylim": (low, high)})
    counts = _shaped(
        hv.Overlay(sizes).collate(),
        {**shape, "yticks": [(step * 10**n, f"{step * 10**n:,}") for n in range(9) for step in (1, 3)]},
    )
    text = title or "Do forecasts come true as often as they say?"
    line_below = scored_line(found, curves, source)
    return panels(
        [
            framed(tops, title="", height=440, legend="top_left", foot=False),
            framed(counts, title="Cell-days with at least this forecast", source=line_below, height=230, legend=None),
        ],
        title=text,
        source=line_below,
        height=700,
        gaps=(0, 0.3),
    )


def _limits(curves: Curves) -> tuple[float, float]:
    """Return the least and the highest per cent drawn, a little room around them."""
    values = np.concatenate([100 * one[name].values for one in curves.values() for name in ("forecast", "observed")])
    known = values[values > 0]
    return (float(known.min() / 1.3), float(known.max() * 1.3)) if known.size else (0.1, 100.0)


def _shaped(overlay: Any, options: dict[str, Any]) -> Any:
    hv = plotting()
    return overlay.opts(hv.opts.Overlay(backend="bokeh", **options), hv.opts.Overlay(backend="matplotlib", **options))
