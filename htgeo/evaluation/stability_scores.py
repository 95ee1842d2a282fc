"""Whether the flagged part of the map stays where it is from day to day."""

from typing import ClassVar, Literal

import numpy as np

from htgeo.evaluation.base import Sample, Score
from htgeo.evaluation.count_scores import Totals, mean_of


def flagged(sample: Sample, share: float) -> np.ndarray:
    """Return what part of each cell is flagged each day within a share of the area, shape (cell, time)."""
    order, day = sample.day_order, np.arange(sample.forecast.shape[1])
    area = sample.area[order] * sample.known[order, day]
    left = share * area.sum(axis=0) - (np.cumsum(area, axis=0) - area)
    part = np.empty(area.shape)
    part[order, day] = np.clip(np.divide(left, area, out=np.zeros(area.shape), where=area > 0), 0.0, 1.0)
    return part


class Stability(Score, abstract=True):
    """Area flagged on a day and on the next over the area flagged on either (Jaccard index).

    1 where the same cells are flagged every day. No value is best: a map that never moves needs no daily forecast, one
    that jumps cannot be staffed. Of maps that capture alike, the calmer one is easier to use.
    """

    share: ClassVar[float]
    best: ClassVar[float] = float("nan")
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Jaccard 1912; Adepeju, Rosser and Cheng 2016"
    scores: ClassVar[Literal["probability", "count", "both"]] = "both"

    def prepare(self, sample: Sample) -> Totals:
        """Sum the areas by block, each pair of days in the block of the later one."""
        area = flagged(sample, self.share) * sample.area[:, None]
        both, either = np.zeros(area.shape), np.zeros(area.shape)
        paired = sample.known[:, 1:] & sample.known[:, :-1]
        if sample.day is not None:
            paired = paired & (np.diff(sample.day) == 1)
        both[:, 1:] = np.minimum(area[:, 1:], area[:, :-1]) * paired
        either[:, 1:] = np.maximum(area[:, 1:], area[:, :-1]) * paired
        return Totals(sample.total(both), sample.total(either))

    def values(self, stats: Totals, weights: np.ndarray) -> np.ndarray:
        """Return the ratio; NaN where no two days follow each other."""
        return mean_of(stats, weights)


def _register_shares() -> None:
    """Register the score at 1, 5, 10 and 20 % of the area."""
    for percent in (1, 5, 10, 20):
        body = {
            "name": f"stability_{percent}",
            "summary": f"overlap of the {percent} % of the area flagged on one day and on the next; 1 = the same cells",
            "share": percent / 100,
            "__module__": __name__,
            "__doc__": Stability.__doc__,
        }
        type(f"Stability{percent}", (Stability,), body)


_register_shares()
