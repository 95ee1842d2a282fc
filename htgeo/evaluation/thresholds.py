"""Thresholds under a budget: from which forecast on a cell is flagged, chosen on validation days."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import as_day
from htgeo.evaluation.alerts import NUMBER, AlertRule, places_of, sweep_table
from htgeo.evaluation.base import Sample, ratio
from htgeo.evaluation.bootstrap import check_draws, draw_units, interval
from htgeo.evaluation.budgets import BUDGETS, WEEK, Budget, Cost, FBeta, Objective, Recall
from htgeo.evaluation.day_ranks import day_ranks, in_order, keep_places
from htgeo.evaluation.embargo import fresh_from, learned_from
from htgeo.evaluation.samples import Samples, forecasts, samples

DRAWN_THRESHOLDS = 1000
"""Thresholds that a draw of the bootstrap chooses from; the denser, the higher."""
SWEPT_THRESHOLDS = 100
Table = dict[str, np.ndarray]
"""What thresholds reach: columns of shape (threshold, draw)."""


@dataclass(frozen=True)
class Tally:
    """What is flagged at each of some thresholds, the highest first, by block.

    Attributes
    ----------
    cells, area, hits : arrays, shape (threshold, unit)
        Cell-days flagged, their area in km2, and those of them with an event within the horizon.
    days, land, positives : arrays, shape (unit,)
        Days, and the area and the events there are in all cell-days.
    """

    cells: np.ndarray
    area: np.ndarray
    hits: np.ndarray
    days: np.ndarray
    land: np.ndarray
    positives: np.ndarray


def choose_threshold(
    cube: xr.Dataset,
    model: str,
    *,
    budget: Budget | None = None,
    objective: Literal["recall"] | Objective = "recall",
    every_day: bool = False,
    minimum_shares: Mapping[str, float] | None = None,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> AlertRule:
    """Choose from which forecast on cells are flagged: the best threshold that a budget allows, on validation days.

    The rule is ``forecast >= threshold``, so a quiet day has few alerts and a bad day has many: the budget holds on
    average over the validation days. With `every_day` it also cuts by rank, so that no day exceeds it; with the
    objective ``recall`` the rank alone then cuts. Of thresholds that are equally good the lowest is taken.

    Parameters
    ----------
    cube
        A cube with a label and the forecast of the model. Its days after the training days are the validation days:
        give no test days, or `stop`. Days whose label reaches beyond the last one are left out.
    model
        Name of the model, without ``risk_``.
    budget
        ``CellsPerDay``, ``AreaShare``, ``VisitsPerWeek`` or ``FalseAlertsPerTrue``; None only where the objective weighs
        alerts against misses.
    objective
        ``"recall"``, ``FBeta(beta)``, or ``Cost(false_alert, missed_event, visit)``.
    every_day
        Whether the budget holds on every day, and not only on average.
    minimum_shares
        Least share of the flagged cells of a day by area of a region layer, such as ``{"Queens": 0.1}``, rounded down
        to whole cells. Its best cells then take the place of the weakest others; a day has no more alerts for it.
    start, stop
        First and last validation day; by default the first after the training days, and the last day of the cube.
    draws
        Bootstrap draws of blocks of seven days (or twice the horizon); 0 gives no intervals.
    level
        Level of the intervals.
    seed
        Seed of the draws.

    Returns
    -------
    AlertRule
        The threshold; its interval, had it been chosen on other weeks; what it reaches on the validation days, with
        intervals; and what every other threshold would.

    Raises
    ------
    InputError
        If the budget cannot be met, the objective needs one, or the days trained the model.
    CubeError
        If there is no validation day, or no event in them.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-04-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> rule = ht.choose_threshold(cube, "historical_rate", budget=ht.CellsPerDay(10), stop="2021-05-15", draws=20)
    >>> rule.reached["cells_per_day"]["value"] <= 10
    True
    """
    check_draws(draws, level, seed)
    aim = _aim(objective, budget, every_day=every_day)
    days = _validation_days(cube, model, start, stop)
    found = samples(days, [model])
    sample, positive = found.by_model[model], _positive(found, model)
    step, shares = found.step, dict(minimum_shares or {})
    ranked = _in_rank_order(days, sample, shares, budget if every_day else None, step)
    threshold, ends = _candidates(ranked)
    if every_day:
        threshold[-1] = 0.0  # whatever the rank lets through

    once = _table(_tally(sample, ranked, positive, ends, blocks=False), np.ones((1, 1)), step, aim)
    best = int(_best(once, budget, aim)[0])
    if best == 0:
        _refuse(once, threshold, budget, aim)
    some = _spread(len(ends), best, DRAWN_THRESHOLDS)
    weights = draw_units(found.units, draws=draws, seed=seed)
    drawn = _table(_tally(sample, ranked, positive, ends[some], blocks=True), weights, step, aim)
    chosen = threshold[some][np.maximum(_best(drawn, budget, aim), 1)]  # a draw that allows none takes the highest
    chosen[0] = threshold[best]
    shown = _spread(len(ends), best, SWEPT_THRESHOLDS)[1:]
    return AlertRule(
        model=model,
        label=found.label,
        places=places_of(cube),
        threshold=float(threshold[best]),
        interval=_ends(chosen, level, found.units),
        budget=budget,
        objective=aim,
        every_day=every_day,
        minimum_shares=shares,
        span=learned_span(found),
        reached={
            name: _number(values[np.searchsorted(some, best)], level, found.units) for name, values in drawn.items()
        },
        level=level,
        sweep=sweep_table({"threshold": threshold[shown], **{name: values[shown, 0] for name, values in once.items()}}),
    )


def _aim(objective: Literal["recall"] | Objective, budget: Budget | None, *, every_day: bool) -> Objective:
    """Return the objective, or raise where it and the budget cannot be used together."""
    aim = Recall() if objective == "recall" else objective
    if not isinstance(aim, Objective):
        message = (
            f"objective must be 'recall', FBeta(beta) or Cost(false_alert, missed_event, visit), not {objective!r}"
        )
        raise InputError(message)
    if budget is not None and not isinstance(budget, Budget):
        message = f"a budget is one of {', '.join(kind.__name__ for kind in BUDGETS.values())}, such as CellsPerDay(50), not {budget!r}"
        raise InputError(message)
    if budget is None and (every_day or isinstance(aim, Recall)):
        message = f"{'every_day' if every_day else 'the objective recall'} needs a budget, such as CellsPerDay(50)"
        raise InputError(message)
    return aim


def _positive(found: Samples, model: str) -> np.ndarray:
    """Return 1 for each cell-day with an event within the horizon, 0 for others; there must be one."""
    positive: np.ndarray = np.nan_to_num(np.minimum(found.by_model[model].observed, 1))
    if not positive.any():
        message = f"no cell has an event within the horizon on the validation days {_text(found.times[0])} to {_text(found.times[-1])}: give more days"
        raise CubeError(message)
    return positive


def learned_span(found: Samples) -> tuple[str, str]:
    """Return the first and the last day whose events the labels of the samples hold."""
    reach = found.times[-1] + np.timedelta64(found.horizon - 1, "D")
    return _text(found.times[0]), _text(reach)


def _text(day: np.datetime64) -> str:
    return str(day)[:10]


def _validation_days(cube: xr.Dataset, model: str, start: str | None, stop: str | None) -> xr.Dataset:
    """Return the days of a cube that a rule may be chosen on: none that the model was trained on."""
    forecast = cube[forecasts(cube, [model])[model]]
    first, fresh = as_day(start), fresh_from(forecast)
    if fresh is not None:
        if learned_from(forecast, start):
            message = f"the days to {forecast.attrs['training_days'][-10:]} trained {forecast.name!r}; with its horizon a threshold can be chosen on the days from {_text(fresh)} on, not from {start}"
            raise InputError(message)
        first = first or fresh
    days = cube.sel(time=slice(first, as_day(stop)))
    if not days.sizes["time"]:
        message = f"the cube has no validation day: they begin at {_text(first)}, after the training days, and end at {stop or _text(cube['time'].values[-1])}"
        raise CubeError(message)
    return days


def _in_rank_order(
    cube: xr.Dataset, sample: Sample, shares: Mapping[str, float], daily: Budget | None, step: int
) -> Sample:
    """Return the sample with forecasts that a threshold cuts as the rule does.

    The cell in place r of a day gets the r-th highest forecast of that day, which is its own unless places are kept for
    areas; cells beyond a daily budget get none.
    """
    if not shares and daily is None:
        return sample
    rank = day_ranks(sample.forecast, keep_places(cube, shares))
    sorted_ = -np.sort(np.where(sample.known, -sample.forecast, np.inf), axis=0)
    place = np.where(sample.known, rank, 1).astype(np.int64) - 1
    forecast = np.where(sample.known, np.take_along_axis(sorted_, place, axis=0), np.nan)
    if daily is not None:
        forecast[rank > daily.cells(in_order(sample.area[:, None], rank, 0.0), step)] = np.nan
    return replace(sample, forecast=forecast)


def _candidates(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Return all thresholds, highest first, and the last position of `sample.order` that each flags; first is nothing."""
    values = sample.forecast.ravel()[sample.order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True)[: len(values)])
    return np.concatenate([[np.inf], values[ends]]), np.concatenate([[-1], ends])


def _tally(sample: Sample, ranked: Sample, positive: np.ndarray, ends: np.ndarray, *, blocks: bool) -> Tally:
    """Count what is flagged at some thresholds, given by the last position of the order; in one block if not by blocks."""
    order = ranked.order
    unit = sample.unit if blocks else np.zeros_like(sample.unit)
    units = int(unit.max()) + 1
    at = np.searchsorted(ends, np.arange(len(order))) * units + unit.ravel()[order]
    land = np.broadcast_to(sample.area[:, None], sample.known.shape)

    def flagged(weights: np.ndarray | None = None) -> np.ndarray:
        within = None if weights is None else weights.ravel()[order]
        size = (len(ends) + 1) * units  # what no threshold flags comes last
        return np.bincount(at, within, size).reshape(-1, units)[:-1].cumsum(axis=0)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(unit.ravel(), values.ravel(), units)

    days = np.bincount(unit[0], minlength=units)
    return Tally(flagged(), flagged(land), flagged(positive), days, total(land * sample.known), total(positive))


def _table(tally: Tally, weights: np.ndarray, step: int, objective: Objective) -> Table:
    """Return what thresholds reach under draws of the blocks, weights (draw, unit)."""
    cells, area, hits = (part @ weights.T for part in (tally.cells, tally.area, tally.hits))
    days, land, positives = (
        np.broadcast_to(weights @ part, cells.shape) for part in (tally.days, tally.land, tally.positives)
    )
    false = np.maximum(cells - hits, 0.0)
    table = {
        "cells_per_day": cells / days,
        "area_share": area / land,
        "visits_per_week": cells / days * WEEK / step,
        "precision": ratio(hits, cells),
        "recall": ratio(hits, positives),
        "false_alerts_per_true": ratio(false, hits),
        "false_alerts_per_day": false / (days * step),
        "missed_per_day": (positives - hits) / (days * step),
    }
    table["f_beta"] = (objective if isinstance(objective, FBeta) else FBeta()).worth(table)
    if isinstance(objective, Cost):
        table["cost_per_day"] = -objective.worth(table)
    return table


def _best(table: Table, budget: Budget | None, objective: Objective) -> np.ndarray:
    """Return the number of the best threshold within the budget of each draw, of equal ones the lowest."""
    worth = np.nan_to_num(objective.worth(table))
    if budget is not None:
        worth = np.where(budget.holds(table), worth, -np.inf)
    return np.asarray(len(worth) - 1 - np.argmax(worth[::-1], axis=0))


def _refuse(table: Table, threshold: np.ndarray, budget: Budget | None, objective: Objective) -> None:
    """Raise: flagging nothing is the best, or all that the budget allows."""
    if len(threshold) == 1:
        message = f"{budget} leaves no cell to flag on any day; the least is one cell a day"
    elif budget is not None and not budget.holds(table)[1:].any():
        nearest = 1 + int(np.nanargmin(table[budget.column][1:, 0]))
        message = f"no threshold meets {budget}: the nearest possible is {table[budget.column][nearest, 0]:.4g}, at {threshold[nearest]:.4g}; allow that, or a budget of cells or area with every_day=True, which cuts equal forecasts by a drawn order"
    else:
        message = f"with {objective} it is best to flag nothing: the best threshold, {threshold[1 + int(np.argmax(objective.worth(table)[1:, 0]))]:.4g}, costs more than no alert"
    raise InputError(message)


def _spread(count: int, best: int, most: int) -> np.ndarray:
    """Return numbers of at most about `most` thresholds: nothing, the chosen one, and others the denser the higher."""
    others = np.geomspace(1, max(count - 1, 1), most).astype(np.int64)
    return np.unique(np.concatenate([[0, best, count - 1], others]))


def _ends(values: np.ndarray, level: float, units: int) -> tuple[float, float]:
    low, high = interval(values, level, units)
    return float(low), float(high)


def _number(values: np.ndarray, level: float, units: int) -> NUMBER:
    low, high = _ends(values, level, units)
    return {"value": float(values[0]), "low": low, "high": high}
