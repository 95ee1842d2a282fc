"""The logistic line: log-odds as a straight line of one score."""

import numpy as np

MAX_STEPS = 60
CONVERGED = 1e-10
"""Gain in mean log-likelihood below which the fit ends."""


def fit_line(score: np.ndarray, events: np.ndarray, trials: np.ndarray | float = 1.0) -> tuple[float, float]:
    """Return intercept and slope of greatest likelihood, by Newton steps that are halved until they gain.

    Parameters
    ----------
    score : array, shape (sample,)
    events : array, shape (sample,)
        Number (or expected share) of events among the trials.
    trials : array, shape (sample,), or 1
        Number of trials.
    """
    score = np.asarray(score, float)
    trials = np.broadcast_to(np.asarray(trials, float), score.shape)
    center, spread = float(np.average(score, weights=trials)), max(float(np.ptp(score)), 1e-12)
    design = np.stack([np.ones_like(score), (score - center) / spread])
    rate = float(np.clip(events.sum() / trials.sum(), 1e-12, 1 - 1e-12))
    beta = np.array([np.log(rate / (1 - rate)), 0.0])
    total = trials.sum()

    def likelihood(b: np.ndarray) -> float:
        line = b @ design
        return float((events * line - trials * np.logaddexp(0.0, line)).sum() / total)

    best = likelihood(beta)
    for _ in range(MAX_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(beta @ design, -700, 700)))
        hessian = (design * (trials * p * (1 - p))) @ design.T + 1e-12 * total * np.eye(2)
        step = np.linalg.solve(hessian, design @ (events - trials * p))
        while (gained := likelihood(beta + step)) < best and np.abs(step).max() > 1e-12:  # noqa: PLR2004  # no step left
            step = step / 2
        beta, gain, best = beta + step, gained - best, gained
        if gain < CONVERGED:
            break
    return float(beta[0] - beta[1] * center / spread), float(beta[1] / spread)
