"""Scores of a forecast on cases: percentiles, capture curve, and the risk in the days before a case became known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from htgeo.evaluation.base import ratio
from htgeo.evaluation.bootstrap import MIN_BLOCKS, block_of, block_weights, interval
from htgeo.evaluation.case_levels import Forecast, Level
from htgeo.evaluation.case_places import PlacedCases

if TYPE_CHECKING:
    import pandas as pd

AREA_SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
LEAD_DAYS = 28
PERCENTILES = ("percentile_day", "percentile_all", "percentile_own")
"""Rank of the place and day of a case: among all places that day, among all places and days, among the days of its own
place; 50 without skill."""


@dataclass(frozen=True)
class Draws:
    """How the days are drawn again: weeks, or twice the horizon.

    Attributes
    ----------
    weights : array, shape (draw + 1, time)
        How often each draw holds each step; ones first.
    block : array, shape (time,)
        Block of each step.
    level
        Level of the intervals.
    """

    weights: np.ndarray
    block: np.ndarray
    level: float

    def mean(self, values: np.ndarray, weight: np.ndarray, day: np.ndarray) -> tuple[float, float, float]:
        """Return the mean of values by case, and the ends of its interval; all have the shape (case,).

        Draws without a case are passed over. No interval is given where fewer than five blocks hold cases.
        """
        known = ~np.isnan(values)
        drawn = self.weights[:, day[known]]
        means = ratio(drawn @ (weight[known] * values[known]), drawn @ weight[known])
        blocks = len(np.unique(self.block[day[known]]))
        low, high = interval(means[~np.isnan(means)] if blocks >= MIN_BLOCKS else means[:1], self.level, blocks)
        return float(means[0]), float(low), float(high)


def make_draws(forecast: Forecast, *, draws: int, seed: int, level: float) -> Draws:
    """Return draws of blocks of the validated days."""
    block_days = max(7, 2 * forecast.horizon)
    weights = block_weights(forecast.times, draws=draws, seed=seed, block_days=block_days)
    return Draws(weights, block_of(forecast.times, block_days), level)


@dataclass(frozen=True)
class Ranks:
    """Where each unit and day stands in the order of the forecast.

    Attributes
    ----------
    above, through : arrays, shape (unit, time)
        Share of the land of the day that ranks above the unit, and that plus the land of its equals: a budget of land
        between the two flags the unit in part.
    percentiles : dict of arrays, shape (unit, time)
        See `PERCENTILES`.
    """

    above: np.ndarray
    through: np.ndarray
    percentiles: dict[str, np.ndarray]


def rank_units(level: Level) -> Ranks:
    """Rank the units of a level by their forecast; a unit counts by its land, a tie half."""
    density, area = level.density, level.area
    above, through = (np.empty(density.shape, np.float32) for _ in range(2))
    for day in range(density.shape[1]):
        above[:, day], through[:, day] = _ranked(density[:, day], area)
    of_all = _ranked(density.ravel(), np.repeat(area, density.shape[1]))
    same = np.ones(density.shape[1])
    own = np.array([np.mean(_ranked(row, same), axis=0) for row in density])
    values = ((above + through) / 2, np.mean(of_all, axis=0).reshape(density.shape), own)
    found = {name: (100 * (1 - one)).astype(np.float32) for name, one in zip(PERCENTILES, values, strict=True)}
    return Ranks(above, through, found)


def _ranked(values: np.ndarray, area: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the area that ranks above each value, and that plus its equals; NaN where it is unknown."""
    out = np.full((2, len(values)), np.nan)
    order = np.argsort(-values, kind="stable")[: np.count_nonzero(~np.isnan(values))]  # NaN sort last
    reached = np.cumsum(area[order])
    last = np.append(values[order][1:] != values[order][:-1], True)[: len(order)]
    group = np.cumsum(last) - last
    ends = reached[last]
    starts = np.concatenate([[0.0], ends[:-1]])
    out[:, order] = np.stack([starts[group], ends[group]]) / max(reached[-1:].sum(), 1e-12)
    return out[0], out[1]


def percentile_table(placed: Sequence[PlacedCases], ranks: dict[str, Ranks], forecast: Forecast) -> "pd.DataFrame":
    """Return the percentiles of each case at each error: one row a case and error."""
    import pandas as pd

    parts = []
    for one in placed:
        columns = {name: one.over_place(values, one.day) for name, values in ranks[one.level].percentiles.items()}
        facts = {"case": one.case, "day": forecast.times[one.day], "level": one.level, "error_km": one.error_km}
        parts.append(pd.DataFrame({**facts, "weight": one.weight, **columns}))
    return pd.concat(parts, ignore_index=True)


def summary_table(placed: Sequence[PlacedCases], ranks: dict[str, Ranks], draws: Draws) -> "pd.DataFrame":
    """Return the mean percentiles by level and error, with intervals: one row a level, error and percentile."""
    import pandas as pd

    rows = [
        {
            "level": one.level,
            "error_km": one.error_km,
            "cases": one.weight.sum(),
            "score": name,
            **_mean(draws, one.over_place(values, one.day), one.weight, one.day),
        }
        for one in placed
        for name, values in ranks[one.level].percentiles.items()
    ]
    return pd.DataFrame(rows)


def capture_table(placed: Sequence[PlacedCases], ranks: dict[str, Ranks], draws: Draws) -> "pd.DataFrame":
    """Return the share of cases in the flagged land, by the share of land flagged each day.

    A case counts by the share of its place that is flagged. The area under the curve is the mean of `percentile_day`
    over 100.
    """
    import pandas as pd

    rows = []
    for one in placed:
        above, through = ranks[one.level].above, ranks[one.level].through
        for share in AREA_SHARES:
            flagged = np.clip((share - above) / np.maximum(through - above, 1e-9), 0, 1)
            mean = _mean(draws, one.over_place(flagged, one.day), one.weight, one.day)
            rows.append({"level": one.level, "error_km": one.error_km, "area_share": share, **mean})
    return pd.DataFrame(rows).rename(columns={"mean": "capture"})


def lead_table(
    placed: Sequence[PlacedCases], ranks: dict[str, Ranks], forecast: Forecast, draws: Draws
) -> "pd.DataFrame":
    """Return the mean percentile of the place of a case on the days before it became known.

    The same cases at each lead: those known at least `LEAD_DAYS` days after the first day validated, so that the curve
    bends by the risk and not by a change of cases.
    """
    import pandas as pd

    steps = LEAD_DAYS // forecast.step
    rows = []
    for one in placed:
        far = one.known >= steps
        for lead in range(steps, -1, -1):
            day = np.where(far, one.known - lead, 0)
            for name in ("percentile_day", "percentile_own"):
                values = np.where(far, one.over_place(ranks[one.level].percentiles[name], day), np.nan)
                facts = {"level": one.level, "error_km": one.error_km, "lead_days": lead * forecast.step}
                mean = _mean(draws, values, one.weight, one.day)
                rows.append({**facts, "cases": one.weight[far].sum(), "score": name, **mean})
    return pd.DataFrame(rows)


def _mean(draws: Draws, values: np.ndarray, weight: np.ndarray, day: np.ndarray) -> dict[str, float]:
    mean, low, high = draws.mean(values, weight, day)
    return {"mean": mean, "low": low, "high": high}
