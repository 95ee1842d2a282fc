"""Scores of ranking over all cell-days."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.evaluation.base import Sample, Score, ratio

TOGETHER = 16
"""Draws that share one pass over the cell-days."""


@dataclass(frozen=True)
class Ranked:
    """Cell-days from the highest forecast down: outcome, block, and where a group of equal forecasts ends."""

    observed: np.ndarray
    unit: np.ndarray
    last: np.ndarray


class _Ranking(Score, abstract=True):
    """A score of the order of the cell-days."""

    def prepare(self, sample: Sample) -> Ranked:
        """Rank the cell-days."""
        ranked = sample.forecast.ravel()[sample.order]
        last = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
        return Ranked(sample.observed.ravel()[sample.order], sample.unit.ravel()[sample.order], last)


def _areas(stats: Ranked, weights: np.ndarray) -> np.ndarray:
    """Return average precision and ROC area, not yet divided, weight of positives and of all: (draw, 4)."""
    from htgeo.evaluation.curve_kernel import curve_areas

    out = np.empty((len(weights), 4))
    for start in range(0, len(weights), TOGETHER):
        part = slice(start, start + TOGETHER)
        curve_areas(stats.observed, stats.unit, stats.last, np.ascontiguousarray(weights[part].T), out[part])
    return out


class PrAuc(_Ranking):
    """Area under the precision-recall curve as average precision (step-wise, as scikit-learn).

    Its value for a forecast without skill is the prevalence: read it beside the prevalence.
    """

    name: ClassVar[str] = "pr_auc"
    summary: ClassVar[str] = "area under the precision-recall curve (average precision); no skill = prevalence"
    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Davis and Goadrich 2006"

    def values(self, stats: Ranked, weights: np.ndarray) -> np.ndarray:
        """Return the average precision."""
        precision, _, positive, _ = _areas(stats, weights).T
        return ratio(precision, positive)


class RocAuc(_Ranking):
    """Area under the ROC curve: chance that a positive ranks above a negative; no skill 0.5."""

    name: ClassVar[str] = "roc_auc"
    summary: ClassVar[str] = "chance that an event cell-day ranks above another; no skill = 0.5"
    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Hanley and McNeil 1982"

    def values(self, stats: Ranked, weights: np.ndarray) -> np.ndarray:
        """Return the area by trapezes."""
        _, area, positive, total = _areas(stats, weights).T
        return ratio(area, positive * (total - positive))
