"""Scores to probabilities by a logistic map of one variable (Platt 1999)."""

from dataclasses import dataclass

import numpy as np

from htgeo.core.logistic import fit_line


@dataclass(frozen=True)
class LogisticMap:
    """``log-odds = intercept + slope * score``."""

    intercept: float
    slope: float

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, float32."""
        return (1.0 / (1.0 + np.exp(-(self.intercept + self.slope * score)))).astype(np.float32)


def fit_logistic_map(score: np.ndarray, label: np.ndarray) -> LogisticMap:
    """Return the map of greatest likelihood; labels may be shares between 0 and 1."""
    return LogisticMap(*fit_line(score, label))


def log_loss(probability: np.ndarray, label: np.ndarray) -> float:
    """Return the mean log loss."""
    p = np.clip(probability.astype(float), 1e-12, 1 - 1e-12)
    return float(-(label * np.log(p) + (1 - label) * np.log1p(-p)).mean())
