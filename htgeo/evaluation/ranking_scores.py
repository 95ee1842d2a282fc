"""Scores of ranking over all cell-days."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.evaluation.base import Sample, Score


@dataclass(frozen=True)
class Ranked:
    """Cell-days from the highest forecast down, with the ends of the groups of equal forecasts."""

    observed: np.ndarray
    day: np.ndarray
    ends: np.ndarray


def _curves(stats: Ranked, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of positives and of negatives down to the end of each group."""
    weight = weights[stats.day]
    positive = np.cumsum(weight * stats.observed)[stats.ends]
    return positive, np.cumsum(weight)[stats.ends] - positive


class _Ranking(Score, abstract=True):
    """A score of the order of the cell-days."""

    def prepare(self, sample: Sample) -> Ranked:
        """Rank the cell-days."""
        known = ~np.isnan(sample.forecast)
        day = np.broadcast_to(np.arange(sample.forecast.shape[1]), sample.forecast.shape)[known]
        forecast, observed = sample.forecast[known], sample.observed[known]
        order = np.argsort(-forecast, kind="stable")
        ranked = forecast[order]
        ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
        return Ranked(observed[order].astype(float), day[order], ends)


class PrAuc(_Ranking):
    """Area under the precision-recall curve as average precision (step-wise, as scikit-learn); 0 to 1.

    Its value for a forecast without skill is the prevalence: read it beside the prevalence.
    """

    name: ClassVar[str] = "pr_auc"
    summary: ClassVar[str] = "area under the precision-recall curve (average precision); no skill = prevalence"
    best: ClassVar[float] = 1.0

    def value(self, stats: Ranked, weights: np.ndarray) -> float:
        """Return the average precision."""
        positive, negative = _curves(stats, weights)
        if positive[-1] == 0:
            return float("nan")
        flagged = positive + negative
        precision = np.divide(positive, flagged, out=np.zeros_like(positive), where=flagged > 0)
        return float((np.diff(positive, prepend=0.0) * precision).sum() / positive[-1])


class RocAuc(_Ranking):
    """Area under the ROC curve: chance that a positive ranks above a negative; 0 to 1, no skill 0.5."""

    name: ClassVar[str] = "roc_auc"
    summary: ClassVar[str] = "chance that an event cell-day ranks above another; no skill = 0.5"
    best: ClassVar[float] = 1.0

    def value(self, stats: Ranked, weights: np.ndarray) -> float:
        """Return the area by trapezes."""
        positive, negative = _curves(stats, weights)
        if positive[-1] == 0 or negative[-1] == 0:
            return float("nan")
        hit, alarm = np.append(0.0, positive / positive[-1]), np.append(0.0, negative / negative[-1])
        return float(np.trapezoid(hit, alarm))
