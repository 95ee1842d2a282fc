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
    """A map of scores to risk; a subclass is a frozen dataclass of what it learned.

    `probability` and `counts` say which labels it can be learned from: those between 0 and 1, and counts.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    probability: ClassVar[bool] = True
    counts: ClassVar[bool] = False

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
    """``log-odds = intercept + slope * score`` (Cox 1958, Platt 1999; without Platt's prior on the labels)."""

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
    probability: ClassVar[bool] = False
    counts: ClassVar[bool] = True
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
        return cls(*fit_nonnegative(columns, label, family="binomial", weight=weight, ridge=1e-6, start=1.0).tolist())

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities."""
        columns = _beta_columns(np.ravel(score))
        return probability(self.intercept + columns @ np.array([self.a, self.b])).reshape(np.shape(score))


@dataclass(frozen=True, eq=False)
class IsotonicMap(Calibration):
    """The monotone map of least squares, a straight line between its steps (Zadrozny & Elkan 2002).

    The lowest step, where it saw no event, would rule events out: it gets half an event, at most the risk of the next
    step; likewise the highest step, where it saw nothing else (Krichevsky & Trofimov 1981).
    """

    name: ClassVar[str] = "isotonic"
    summary: ClassVar[str] = "monotone map of least squares; wants thousands of events"
    counts: ClassVar[bool] = True
    score: np.ndarray
    risk: np.ndarray

    @classmethod
    def fit(cls, score: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn by pooling neighbours that break the order."""
        from scipy.optimize import isotonic_regression

        weight = np.ones(len(score)) if weight is None else np.asarray(weight, float)
        some = weight > 0
        values, at = np.unique(np.asarray(score, float)[some], return_inverse=True)
        total = np.bincount(at, weight[some])
        mean = np.bincount(at, weight[some] * np.asarray(label, float)[some]) / total
        found = isotonic_regression(mean, weights=total)
        first, last = found.blocks[:-1], found.blocks[1:] - 1
        risk = _within_certainty(found.x[first], np.add.reduceat(total, first), counts=bool(np.max(label) > 1))
        ends = np.stack([first, last], axis=1).ravel()  # rounded here, so that no line between two steps passes them
        return cls(values[ends], np.repeat(risk, 2).astype(np.float32))

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return risk; beyond the scores seen, that of the nearest."""
        return np.asarray(np.interp(score, self.score, self.risk), np.float32)


def fit_nonnegative(
    columns: np.ndarray,
    y: np.ndarray,
    *,
    family: str,
    weight: np.ndarray | None = None,
    ridge: float = 0.0,
    start: float = 0.0,
) -> np.ndarray:
    """Return intercept and coefficients of at least 0 of a generalised linear model, shape (1 + column,).

    A column whose coefficient would be negative is left out, the worst first, until none is left that would.

    Parameters
    ----------
    columns : array, shape (sample, column)
    y, family, weight
        As `fit_glm` takes them.
    ridge, start
        Half of `ridge` times the sum of squared distances of the coefficients to `start` is taken from the
        log-likelihood.

    Examples
    --------
    >>> x = np.linspace(0, 1, 500)
    >>> columns = np.stack([x, x**2], axis=1)
    >>> fit_nonnegative(columns, np.exp(1 + x - 0.1 * x**2), family="poisson").round(2)
    array([1.02, 0.89, 0.  ])
    """
    found = np.zeros(1 + columns.shape[1])
    spread = np.std(columns, axis=0, dtype=float)
    kept = np.arange(columns.shape[1])
    while True:
        part = columns[:, kept]
        offset = part.sum(axis=1, dtype=float) * start
        intercept, *moved = fit_glm(part, y, family=family, weight=weight, offset=offset, ridge=ridge)
        factors = start + np.array(moved)
        if not len(kept) or factors.min() >= 0:
            found[0], found[1 + kept] = intercept, factors
            return found
        kept = np.delete(kept, np.argmin(factors * spread[kept]))


def probability(log_odds: np.ndarray) -> np.ndarray:
    """Return probabilities of log-odds, float32."""
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), np.float32)


def log_odds(risk: np.ndarray) -> np.ndarray:
    """Return log-odds of probabilities, float32, at most `MAX_LOG_ODDS` either way."""
    p = np.asarray(risk, float)
    with np.errstate(divide="ignore"):
        odds = np.log(p) - np.log1p(-p)
    return np.asarray(np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS), np.float32)


def log_expected(expected: np.ndarray) -> np.ndarray:
    """Return logs of expected counts, float32, at least ``-MAX_LOG_ODDS``."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(np.log(expected, dtype=np.float32), np.float32(-MAX_LOG_ODDS)))


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


def _within_certainty(risk: np.ndarray, weight: np.ndarray, *, counts: bool) -> np.ndarray:
    """Return the steps of a monotone map with the outer ones, where they are certain, drawn in by half an event."""
    risk = risk.copy()
    if risk[0] == 0 and len(risk) > 1:
        risk[0] = min(0.5 / (weight[0] + 1), risk[1])
    if risk[-1] == 1 and len(risk) > 1 and not counts:
        risk[-1] = max(1 - 0.5 / (weight[-1] + 1), risk[-2])
    return risk
