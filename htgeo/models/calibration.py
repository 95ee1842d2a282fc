"""Scores to probabilities by a logistic map of one variable (Platt 1999)."""

from dataclasses import dataclass

import numpy as np

MAX_STEPS = 50
RIDGE = 1e-6


@dataclass(frozen=True)
class LogisticMap:
    """``log-odds = intercept + slope * score``."""

    intercept: float
    slope: float

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, float32."""
        return (1.0 / (1.0 + np.exp(-(self.intercept + self.slope * score)))).astype(np.float32)


def fit_logistic_map(score: np.ndarray, label: np.ndarray) -> LogisticMap:
    """Return the map of greatest likelihood, by Newton steps; labels may be shares between 0 and 1."""
    design = np.stack([np.ones_like(score, dtype=float), score.astype(float)])
    mean = float(np.clip(label.mean(), 1e-9, 1 - 1e-9))
    beta = np.array([np.log(mean / (1 - mean)), 0.0])
    for _ in range(MAX_STEPS):
        p = 1.0 / (1.0 + np.exp(-(beta @ design)))
        gradient = design @ (label - p)
        hessian = (design * (p * (1 - p))) @ design.T + RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:  # noqa: PLR2004  # far below any difference in a risk
            break
    return LogisticMap(float(beta[0]), float(beta[1]))


def log_loss(probability: np.ndarray, label: np.ndarray) -> float:
    """Return the mean log loss."""
    p = np.clip(probability.astype(float), 1e-12, 1 - 1e-12)
    return float(-(label * np.log(p) + (1 - label) * np.log1p(-p)).mean())
