"""Maps from a score (log-odds or a log rate) to risk, learned on days that a model did not train on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from htgeo.core.glm import fit_glm, line_of
from htgeo.core.registry import Registry

CALIBRATIONS: "Registry[type[Calibration]]" = Registry("calibration")
MAX_LOG_ODDS = 27.0
"""Scores are cut here: a risk of 2e-12."""


class Calibration(ABC):
    """A map of scores to risk; a subclass is a frozen dataclass of what it learned."""

    name: ClassVar[str]
    summary: ClassVar[str]

    def __init_subclass__(cls) -> None:
        CALIBRATIONS.add(cls.name, cls)

    @classmethod
    @abstractmethod
    def fit(cls, score: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn from scores and labels, shape (sample,); labels may be shares between 0 and 1."""

    @abstractmethod
    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return risk, float32, of the shape of `score`."""


@dataclass(frozen=True)
class LogisticMap(Calibration):
    """``log-odds = intercept + slope * score`` (Platt 1999)."""

    name: ClassVar[str] = "platt"
    summary: ClassVar[str] = "log-odds as a straight line of the score"
    intercept: float
    slope: float

    @classmethod
    def fit(cls, score: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn by greatest likelihood."""
        return cls(*line_of(score, label, family="binomial", weight=weight))

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities."""
        return probability(self.intercept + self.slope * score)


@dataclass(frozen=True)
class LogLinearMap(Calibration):
    """``log(expected count) = intercept + slope * score``, for labels that are counts."""

    name: ClassVar[str] = "poisson"
    summary: ClassVar[str] = "log of the expected count as a straight line of the score"
    intercept: float
    slope: float

    @classmethod
    def fit(cls, score: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn by greatest Poisson likelihood."""
        return cls(*line_of(score, label, family="poisson", weight=weight))

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return expected counts."""
        return np.exp(self.intercept + self.slope * score).astype(np.float32)


@dataclass(frozen=True)
class BetaMap(Calibration):
    """``log-odds = intercept + a log(p) - b log(1 - p)`` of the probability p of the score (Kull et al. 2017)."""

    name: ClassVar[str] = "beta"
    summary: ClassVar[str] = "beta calibration: also mends risks that are too bold or too shy at one end"
    intercept: float
    a: float
    b: float

    @classmethod
    def fit(cls, score: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn by greatest likelihood; a term whose factor would be negative is left out, as in the paper."""
        columns = _beta_columns(score)
        intercept, *factors = fit_glm(columns, label, family="binomial", weight=weight, ridge=1e-6)
        if min(factors) < 0:
            keep = int(factors[0] < 0)
            intercept, one = fit_glm(columns[:, [keep]], label, family="binomial", weight=weight)
            factors = [0.0, 0.0]
            factors[keep] = max(one, 0.0)
        return cls(float(intercept), *map(float, factors))

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities."""
        columns = _beta_columns(np.ravel(score))
        return probability(self.intercept + columns @ np.array([self.a, self.b])).reshape(np.shape(score))


@dataclass(frozen=True, eq=False)
class IsotonicMap(Calibration):
    """The monotone map of least squares, a straight line between its steps (Zadrozny & Elkan 2002)."""

    name: ClassVar[str] = "isotonic"
    summary: ClassVar[str] = "monotone map of least squares; wants thousands of events"
    score: np.ndarray
    risk: np.ndarray

    @classmethod
    def fit(cls, score: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn by pooling neighbours that break the order."""
        from scipy.optimize import isotonic_regression

        weight = np.ones(len(score)) if weight is None else np.asarray(weight, float)
        values, at = np.unique(np.asarray(score, float), return_inverse=True)
        total = np.bincount(at, weight)
        mean = np.bincount(at, weight * label) / total
        found = isotonic_regression(mean, weights=total)
        edges = found.blocks
        first, last = edges[:-1], edges[1:] - 1
        ends = np.unique(np.concatenate([first, last]))
        return cls(values[ends], found.x[ends])

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities; beyond the scores seen, those of the nearest."""
        return np.interp(score, self.score, self.risk).astype(np.float32)


def probability(log_odds: np.ndarray) -> np.ndarray:
    """Return probabilities of log-odds, float32."""
    return (1.0 / (1.0 + np.exp(-log_odds))).astype(np.float32)


def log_odds(risk: np.ndarray) -> np.ndarray:
    """Return log-odds of probabilities, float32, at most `MAX_LOG_ODDS` either way."""
    p = np.asarray(risk, float)
    with np.errstate(divide="ignore"):
        odds = np.log(p) - np.log1p(-p)
    return np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS).astype(np.float32)


def log_loss(probability: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean log loss."""
    p = np.clip(probability.astype(float), 1e-12, 1 - 1e-12)
    return float(np.average(-(label * np.log(p) + (1 - label) * np.log1p(-p)), weights=weight))


def poisson_loss(expected: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean negative Poisson log-likelihood, without the term of the label alone."""
    mean = np.maximum(expected.astype(float), 1e-12)
    return float(np.average(mean - label * np.log(mean), weights=weight))


def _beta_columns(score: np.ndarray) -> np.ndarray:
    """Return log p and -log(1 - p) of scores, shape (sample, 2)."""
    score = np.clip(np.asarray(score, float), -MAX_LOG_ODDS, MAX_LOG_ODDS)
    return np.stack([-np.logaddexp(0, -score), np.logaddexp(0, score)], axis=1)
