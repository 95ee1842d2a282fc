"""Events captured against area flagged: the curve, and the area under it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.evaluation.achievable_scores import achievable, true_rates
from htgeo.evaluation.base import Sample, Score, ratio
from htgeo.evaluation.bootstrap import check_draws, draw_units, interval
from htgeo.evaluation.count_scores import Totals, mean_of
from htgeo.evaluation.samples import outcome_facts, samples

SHARES = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
TEXTS = {
    "hit_rate": "share of the events in the flagged area",
    "low": "low end of the interval of the hit rate",
    "high": "high end of the interval of the hit rate",
    "achievable": "hit rate of a map of the true rates, on average",
    "clairvoyant": "hit rate of maps that knew every day",
}


@dataclass(frozen=True)
class Depth:
    """Cell-days with events: share of the area before them in an order of the day, their own, events and block."""

    before: np.ndarray
    own: np.ndarray
    events: np.ndarray
    unit: np.ndarray

    def by_block(self, part: np.ndarray, units: int) -> np.ndarray:
        """Return the sum of a part of the events by block."""
        return np.bincount(self.unit, part * self.events, units)

    def captured(self, share: float) -> np.ndarray:
        """Return what part of each cell-day is flagged within a share of the area."""
        return np.asarray(np.clip((share - self.before) / self.own, 0.0, 1.0))


def depth(sample: Sample, order: np.ndarray) -> Depth:
    """Return how deep in an order of the cells of each day the events lie; `order` has shape (cell, time)."""
    day = np.arange(order.shape[1])
    area = sample.area[order] * sample.known[order, day]
    before = np.cumsum(area, axis=0) - area
    hit = np.nonzero(sample.events[order, day])
    cell, total = order[hit], area.sum(axis=0)[hit[1]]
    return Depth(before[hit] / total, area[hit] / total, sample.events[cell, hit[1]], sample.unit[cell, hit[1]])


class CaptureArea(Score):
    """Area under the curve of events captured against area flagged each day; no skill 0.5.

    Twice it minus one is the Gini coefficient of the Lorenz curve. It weighs all shares of the area alike, also those
    that nobody could ever staff: read it beside the hit rates.
    """

    name: ClassVar[str] = "capture_area"
    summary: ClassVar[str] = "area under the curve of events captured against area flagged; no skill = 0.5"
    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Lorenz 1905; Gini 1914"
    scores: ClassVar[Literal["probability", "count", "both"]] = "both"

    def prepare(self, sample: Sample) -> Totals:
        """Sum by block how little of the area comes before each event, half of its own cell counted."""
        found = depth(sample, sample.day_order)
        after = found.by_block(1 - found.before - found.own / 2, sample.units)
        return Totals(after, sample.total(sample.events))

    def values(self, stats: Totals, weights: np.ndarray) -> np.ndarray:
        """Return the mean over the events."""
        return mean_of(stats, weights)


def capture_curve(
    cube: xr.Dataset,
    model: str,
    *,
    shares: Sequence[float] = SHARES,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Return the share of the events in the flagged part of the map, for several shares of the area.

    Parameters
    ----------
    cube
        A cube with a label and the forecast of the model.
    model
        Name of the model, without ``risk_``.
    shares
        Shares of the area flagged each day, above 0 and at most 1, ascending.
    start, stop
        First and last day to score; by default the first after the training days, and the last of the cube.
    draws
        Bootstrap draws of blocks of days; 0 gives no intervals.
    level
        Level of the intervals.
    seed
        Seed of the draws.

    Returns
    -------
    Dataset
        On ``share``: ``hit_rate`` with ``low`` and ``high``; ``achievable``, what a map of the true rates would capture
        on average; ``clairvoyant``, what maps that knew each day would.

    Raises
    ------
    InputError
        If the shares are not ascending between 0 and 1, or the cube has no such forecast.
    CubeError
        If there is no day to score.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> curve = ht.capture_curve(cube, "historical_rate", shares=[0.1, 0.2], start="2021-05-01", draws=50)
    >>> bool(curve["hit_rate"][1] > 0.2)
    True
    """
    check_draws(draws, level, seed)
    wanted = _checked(shares)
    found = samples(cube, [model], start=start, stop=stop)
    sample = found.by_model[model]
    weights = draw_units(found.units, draws=draws, seed=seed).T
    total = sample.total(sample.events)
    caught, best = (_captured(sample, order, wanted) for order in (sample.day_order, sample.clairvoyant_order))
    rates = true_rates(sample)
    possible = np.array([achievable(sample, share, rates).sum() for share in wanted])
    hit_rate = ratio(caught @ weights, np.broadcast_to(total @ weights, (len(wanted), weights.shape[1])))
    low, high = interval(hit_rate, level, found.units)
    every = np.full(len(wanted), total.sum())
    achieved = {"achievable": ratio(possible, every), "clairvoyant": ratio(best.sum(axis=1), every)}
    columns = {"hit_rate": hit_rate[:, 0], "low": low, "high": high, **achieved}
    return xr.Dataset(
        {name: ("share", values, {"units": "1", "long_name": TEXTS[name]}) for name, values in columns.items()},
        coords={"share": ("share", wanted, {"units": "1", "long_name": "share of the area flagged each day"})},
        attrs={**outcome_facts(found), "model": model, "level": level},
    )


def _checked(shares: Sequence[float]) -> np.ndarray:
    """Return the shares as an array, or raise where they cannot be used."""
    try:
        wanted = np.asarray(shares, float)
    except (TypeError, ValueError):
        wanted = np.empty(0)
    if wanted.ndim != 1 or not len(wanted) or not (wanted[0] > 0 and wanted[-1] <= 1 and (np.diff(wanted) > 0).all()):
        message = f"shares must ascend, above 0 and at most 1, like [0.01, 0.05, 0.1], not {shares!r}"
        raise InputError(message)
    return wanted


def _captured(sample: Sample, order: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the events captured within each share of the area, by block: (share, unit)."""
    found = depth(sample, order)
    return np.stack([found.by_block(found.captured(share), sample.units) for share in shares])
