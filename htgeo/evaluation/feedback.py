"""A simulation of the loop from map to visits to records to map: where a map sees its own visits, it steers its data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import check_cube, only_label, require, space, step_days, variables_of
from htgeo.evaluation.base import ratio
from htgeo.evaluation.bootstrap import check_seed

RULES = {
    "uncorrected": "all records count alike",
    "corrected": "records count by how surely they would have been made",
    "even": "as many visits, spread evenly: what chance alone does",
}
LAST_WEEKS = 4
"""Weeks at the end over which the drift is averaged."""
DAYS_OF_WEEK = 7
PRIOR_EVENTS = 1.0
"""A cell's rate is drawn to the mean by the time in which a mean cell has so many events."""


@dataclass(frozen=True)
class FeedbackReport:
    """What a map believes of the cells that it flags, and what is true of them, week by week.

    Attributes
    ----------
    table : Dataset
        On ``(rule, week)``, means over the runs: ``map_share``, the share of all events that the map expects in the
        flagged cells; ``true_share``, what truly happens there; ``drift``, how much further apart they are than where
        visits are spread evenly, with ``drift_low`` and ``drift_high`` (95 % of the runs); ``rank_correlation`` of
        map and truth (Spearman).
    """

    table: xr.Dataset

    @property
    def drift_cut(self) -> float:
        """The share of the drift of the last four weeks that the correction removes; NaN where nothing drifts."""
        drift = self._last("drift")
        before, after = abs(drift["uncorrected"]), abs(drift["corrected"])
        discovers = self.table.attrs["visited"] > self.table.attrs["report"]
        return 1 - after / before if discovers and before else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``scores.json``: the facts, and the last four weeks by rule."""
        names = ("map_share", "true_share", "drift", "rank_correlation")
        rules = {rule: {name: _finite(self._last(name)[rule]) for name in names} for rule in RULES}
        return {**self.table.attrs, "drift_cut": _finite(self.drift_cut), "rules": rules}

    def __str__(self) -> str:
        """Return the last four weeks by rule, and how much of the drift the correction removes."""
        facts = self.table.attrs
        lines = [
            f"Feedback simulation: {facts['weeks']} weeks, {facts['runs']} runs, {facts['cells']:,} cells, {facts['share']:.0%} visited a week",
            f"an event is recorded with probability {facts['report']:.2g}, where visited {facts['visited']:.2g}",
        ]
        for rule, meaning in RULES.items():
            map_share, true_share, ranks = (
                self._last(name)[rule] for name in ("map_share", "true_share", "rank_correlation")
            )
            lines.append(
                f"{rule}: the map expects {map_share:.1%} of the events in the flagged cells, {true_share:.1%} happen there; "
                f"rank correlation with the truth {ranks:.3f} ({meaning})"
            )
        lines.append(f"the correction removes {self.drift_cut:.0%} of the drift of the last {LAST_WEEKS} weeks")
        return "\n".join(lines)

    __repr__ = __str__

    def _last(self, name: str) -> dict[str, float]:
        values = self.table[name].isel(week=slice(-LAST_WEEKS, None)).mean("week")
        return dict(zip(values["rule"].values.tolist(), values.values.tolist(), strict=True))


def simulate_feedback(
    cube_or_rates: xr.Dataset | np.ndarray,
    *,
    weeks: int = 52,
    share: float = 0.05,
    report: float = 0.3,
    discover: float = 0.9,
    history: int = 8,
    runs: int = 20,
    seed: int = 0,
) -> FeedbackReport:
    """Simulate how records follow visits, with the rates of a city as the truth.

    Events happen in each cell at a fixed rate. Each is reported with the same probability everywhere; in the cells
    that were visited in that week, an event that was not reported may be discovered. Each week the map is the past
    rate of the records, the cells at its top are visited, and what is recorded there enters the map of the next week.

    The correction divides the records of a cell by the sum over the weeks of the probability that an event would have
    been recorded there: those of visited weeks count less (Ensign et al. 2018). It needs a log of the visits, and
    is as good as the probabilities it is given; here they are the true ones.

    Parameters
    ----------
    cube_or_rates
        A cube, whose mean counts of the layer of its label (or of its only layer) are taken as the truth; or events a
        week by cell, shape (cell,).
    weeks
        Weeks with visits.
    share
        Share of the cells that is visited each week.
    report
        Probability that an event is reported without a visit, above 0 and at most 1.
    discover
        Probability that an event not reported is discovered in a visited cell, 0 to 1.
    history
        Weeks of reports alone before the first visits, at least 1.
    runs
        How often all of it is simulated.
    seed
        Seed of the simulation.

    Returns
    -------
    FeedbackReport

    Raises
    ------
    InputError
        If a rate is negative or missing, or a probability is not one.

    References
    ----------
    Lum and Isaac 2016, To predict and serve?; Ensign et al. 2018, Runaway feedback loops in predictive policing.

    Examples
    --------
    >>> import numpy as np
    >>> import htgeo as ht
    >>> report = ht.simulate_feedback(np.linspace(0.5, 2.0, 200), runs=5)
    >>> report.drift_cut > 0.8
    True
    """
    rates = _rates(cube_or_rates)
    _check(weeks=weeks, history=history, runs=runs)
    check_seed(seed)
    if not (0 < share < 1 and 0 < report <= 1 and 0 <= discover <= 1):
        message = f"share must lie between 0 and 1, report above 0 up to 1, discover from 0 to 1, not {share!r}, {report!r} and {discover!r}"
        raise InputError(message)
    visited = report + (1 - report) * discover
    found = [_run(rule, rates, weeks, share, (report, visited), history, runs, seed) for rule in RULES]
    stacked = {name: np.stack([of_rule[name] for of_rule in found]) for name in found[0]}
    apart = stacked["map_share"] - stacked["true_share"]
    stacked["drift"] = apart - apart[list(RULES).index("even")].mean(axis=-1, keepdims=True)
    dims = ("rule", "week")
    table = xr.Dataset(
        {name: (dims, values.mean(axis=-1)) for name, values in stacked.items()},
        coords={"rule": list(RULES), "week": np.arange(1, weeks + 1)},
        attrs={
            "cells": len(rates),
            "weeks": weeks,
            "share": share,
            "report": report,
            "visited": visited,
            "history": history,
            "runs": runs,
            "seed": seed,
        },
    )
    low, high = np.quantile(stacked["drift"], [0.025, 0.975], axis=-1)
    return FeedbackReport(table.assign(drift_low=(dims, low), drift_high=(dims, high)))


def _rates(given: xr.Dataset | np.ndarray) -> np.ndarray:
    """Return events a week by cell."""
    if isinstance(given, xr.Dataset):
        return _rates_of(given)
    rates = np.asarray(given, float)
    if rates.ndim != 1 or len(rates) < 2 or not (np.isfinite(rates).all() and rates.min() >= 0 and rates.max() > 0):  # noqa: PLR2004
        message = f"rates must be events a week of at least two cells, 0 or more and not all 0, not {given!r:.80}"
        raise InputError(message)
    return rates


def _rates_of(cube: xr.Dataset) -> np.ndarray:
    """Return the mean counts of a cube, drawn to the mean of the city by one event."""
    check_cube(cube)
    layers = variables_of(cube, "count")
    layer = layers[0] if len(layers) == 1 else str(only_label(cube).attrs["layer"])
    counts = require(cube, layer, "layer").transpose(space(cube), "time").values
    steps = np.isfinite(counts).sum(axis=1)
    mean = np.nanmean(counts)
    if not mean > 0:
        message = f"the layer {layer!r} has no event"
        raise InputError(message)
    return np.asarray(
        (np.nansum(counts, axis=1) + PRIOR_EVENTS) / (steps + PRIOR_EVENTS / mean) * DAYS_OF_WEEK / step_days(cube)
    )


def _check(**counts: int) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            message = f"{name} must be a whole number of at least 1, not {value!r}"
            raise InputError(message)


def _run(
    rule: str,
    rates: np.ndarray,
    weeks: int,
    share: float,
    recorded: tuple[float, float],
    history: int,
    runs: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Return each figure of each week, shape (week, run)."""
    rng = np.random.default_rng(seed)
    report, visited = recorded
    flagged = max(round(share * len(rates)), 1)
    records = rng.binomial(rng.poisson(rates * history, (runs, len(rates))), report).astype(float)
    looked = np.full(records.shape, report * history)
    rows = []
    for week in range(weeks):
        belief = _map(records, looked if rule == "corrected" else np.full_like(looked, history + week))
        at = np.argsort(-belief, axis=1, kind="stable")[:, :flagged]
        rows.append(_figures(belief, rates, at))
        surely = np.full(records.shape, report if rule != "even" else report + share * (visited - report))
        if rule != "even":
            np.put_along_axis(surely, at, visited, axis=1)
        records += rng.binomial(rng.poisson(rates, records.shape), surely)
        looked += surely
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _map(records: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Return the rate of the records over their exposure, drawn to the mean (run, cell)."""
    mean = np.maximum(records.sum(axis=1, keepdims=True), PRIOR_EVENTS) / exposure.sum(axis=1, keepdims=True)
    return np.asarray((records + PRIOR_EVENTS) / (exposure + PRIOR_EVENTS / mean))


def _figures(belief: np.ndarray, rates: np.ndarray, at: np.ndarray) -> dict[str, np.ndarray]:
    """Return the figures of a week, one value a run."""
    map_share = np.take_along_axis(belief, at, axis=1).sum(axis=1) / belief.sum(axis=1)
    true_share = rates[at].sum(axis=1) / rates.sum()
    return {
        "map_share": map_share,
        "true_share": true_share,
        "rank_correlation": _rank_correlation(belief, rates),
    }


def _rank_correlation(belief: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of each run with the truth; NaN where all rates are the same."""
    from scipy.stats import rankdata

    one, two = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (rankdata(belief, axis=1), rankdata(rates)))
    return ratio(one @ two, np.sqrt((one**2).sum(axis=1) * (two**2).sum()))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
