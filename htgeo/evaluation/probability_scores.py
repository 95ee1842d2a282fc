"""Scores of probabilities."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.evaluation.base import Sample, Score

TINY = 1e-7


@dataclass(frozen=True)
class Sums:
    """Sums by day: of the loss, of the loss of the reference, and the number of cell-days."""

    loss: np.ndarray
    reference: np.ndarray
    size: np.ndarray


class _Squared(Score, abstract=True):
    """A score of squared differences."""

    def prepare(self, sample: Sample) -> Sums:
        """Sum by day."""
        loss = (sample.forecast - sample.observed) ** 2
        reference = (sample.base_rate - sample.observed) ** 2
        return Sums(np.nansum(loss, axis=0), np.nansum(reference, axis=0), (~np.isnan(loss)).sum(axis=0))


class Brier(_Squared):
    """Mean squared difference between probability and outcome (Brier 1950); 0 to 1, lower is better."""

    name: ClassVar[str] = "brier"
    summary: ClassVar[str] = "mean squared difference between probability and outcome; lower is better"
    best: ClassVar[float] = 0.0

    def value(self, stats: Sums, weights: np.ndarray) -> float:
        """Return the mean."""
        return float(weights @ stats.loss / (weights @ stats.size))


class BrierSkill(_Squared):
    """Share of the Brier score of the constant training base rate that the forecast removes; at most 1, 0 = no skill."""

    name: ClassVar[str] = "brier_skill"
    summary: ClassVar[str] = "Brier score against the constant base rate of the training days; no skill = 0"
    best: ClassVar[float] = 1.0

    def value(self, stats: Sums, weights: np.ndarray) -> float:
        """Return one minus the ratio."""
        reference = float(weights @ stats.reference)
        return float(1 - weights @ stats.loss / reference) if reference > 0 else float("nan")


class LogLoss(Score):
    """Mean negative log-likelihood of the outcome; 0 or more, lower is better. Probabilities are kept within 1e-7."""

    name: ClassVar[str] = "log_loss"
    summary: ClassVar[str] = "mean negative log-likelihood of the outcome; lower is better"
    best: ClassVar[float] = 0.0

    def prepare(self, sample: Sample) -> Sums:
        """Sum by day."""
        p = np.clip(sample.forecast.astype(float), TINY, 1 - TINY)
        loss = -(sample.observed * np.log(p) + (1 - sample.observed) * np.log1p(-p))
        return Sums(np.nansum(loss, axis=0), np.zeros(loss.shape[1]), (~np.isnan(loss)).sum(axis=0))

    def value(self, stats: Sums, weights: np.ndarray) -> float:
        """Return the mean."""
        return float(weights @ stats.loss / (weights @ stats.size))
