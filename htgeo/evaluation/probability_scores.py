"""Scores of probabilities."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.evaluation.base import Sample, Score, ratio

TINY = 1e-7


@dataclass(frozen=True)
class Sums:
    """Sums by block: of the loss, of the loss of the reference, and the number of cell-days."""

    loss: np.ndarray
    reference: np.ndarray
    size: np.ndarray


def mean_loss(stats: Sums, weights: np.ndarray) -> np.ndarray:
    """Return the mean loss of each draw."""
    return ratio(weights @ stats.loss, weights @ stats.size)


def skill(stats: Sums, weights: np.ndarray) -> np.ndarray:
    """Return the share of the loss of the reference that the forecast removes, in each draw."""
    return np.asarray(1 - ratio(weights @ stats.loss, weights @ stats.reference))


def log_losses(forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return the negative log-likelihood of each outcome; probabilities are kept within 1e-7 of 0 and 1."""
    p = np.clip(forecast.astype(float), TINY, 1 - TINY)
    return np.asarray(-(observed * np.log(p) + (1 - observed) * np.log1p(-p)))


class _Squared(Score, abstract=True):
    """A score of squared differences."""

    source: ClassVar[str] = "Brier 1950"

    def prepare(self, sample: Sample) -> Sums:
        """Sum by block."""
        loss = sample.total((sample.forecast - sample.observed) ** 2)
        return Sums(loss, sample.total((sample.base_rate - sample.observed) ** 2), sample.size)


class Brier(_Squared):
    """Mean squared difference between probability and outcome (Brier 1950); lower is better."""

    name: ClassVar[str] = "brier"
    summary: ClassVar[str] = "mean squared difference between probability and outcome; lower is better"
    best: ClassVar[float] = 0.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, stats: Sums, weights: np.ndarray) -> np.ndarray:
        """Return the mean."""
        return mean_loss(stats, weights)


class BrierSkill(_Squared):
    """Share of the Brier score of the constant training base rate that the forecast removes; 0 = no skill."""

    name: ClassVar[str] = "brier_skill"
    summary: ClassVar[str] = "Brier score against the constant base rate of the training days; no skill = 0"
    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (-np.inf, 1.0)

    def values(self, stats: Sums, weights: np.ndarray) -> np.ndarray:
        """Return one minus the ratio."""
        return skill(stats, weights)


class _LogLoss(Score, abstract=True):
    """A score of log-likelihoods."""

    source: ClassVar[str] = "Good 1952"

    def prepare(self, sample: Sample) -> Sums:
        """Sum by block."""
        base = np.full(1, sample.base_rate)
        losses, reference = log_losses(sample.forecast, sample.observed), log_losses(base, sample.observed)
        return Sums(sample.total(losses), sample.total(reference), sample.size)


class LogLoss(_LogLoss):
    """Mean negative log-likelihood of the outcome; lower is better. Probabilities are kept within 1e-7 of 0 and 1."""

    name: ClassVar[str] = "log_loss"
    summary: ClassVar[str] = "mean negative log-likelihood of the outcome; lower is better"
    best: ClassVar[float] = 0.0
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    def values(self, stats: Sums, weights: np.ndarray) -> np.ndarray:
        """Return the mean."""
        return mean_loss(stats, weights)


class LogLossSkill(_LogLoss):
    """Share of the log loss of the constant training base rate that the forecast removes; 0 = no skill.

    The score to rank models by when events are very rare.
    """

    name: ClassVar[str] = "log_loss_skill"
    summary: ClassVar[str] = "log loss against the constant base rate of the training days; no skill = 0"
    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (-np.inf, 1.0)

    def values(self, stats: Sums, weights: np.ndarray) -> np.ndarray:
        """Return one minus the ratio."""
        return skill(stats, weights)
