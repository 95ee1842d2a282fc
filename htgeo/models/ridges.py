"""Ridges of groups of columns, each that of the greatest marginal likelihood."""

import numpy as np

from htgeo.core.glm import MAX_LINE, fit_glm
from htgeo.models.rate_columns import Rows

MOST_STEPS = 8
SETTLED = 1.1
"""The search ends where no ridge changes by more than this factor."""
START = 30.0
LEAST, MOST = 1e-6, 1e5
"""No ridge is beyond these: at the greatest, a column is as good as left out."""


def group_ridges(rows: Rows, groups: np.ndarray, *, family: str, least: float) -> np.ndarray:
    """Return the ridge of each group of columns, shape (group,).

    A ridge is the precision of a normal prior on the coefficients of its group; the greatest marginal likelihood, by
    Laplace's approximation, is approached by the steps of Wood & Fasiolo (2017, Biometrics 73): the effective number of
    coefficients of the group over their sum of squares. Few events thus shrink what they cannot tell, and many do not.

    Parameters
    ----------
    rows
        Columns of mean 0 and unit spread.
    groups : array of int, shape (column,)
        Number of the group of each column, from 0 on.
    family
        ``"poisson"`` or ``"cloglog"``; see `fit_glm`.
    least
        Smallest ridge.
    """
    ridges = np.full(groups.max() + 1, max(START, least))
    for _ in range(MOST_STEPS):
        found = fit_ridged(rows, ridges[groups], family=family)
        unsure = ridges[groups] * _variances(rows, found, ridges[groups], family)
        told = np.bincount(groups, 1 - unsure)
        squares = np.maximum(np.bincount(groups, found[1:] ** 2), 1 / MOST**2)
        before, ridges = ridges, np.clip(told / squares, max(least, LEAST), max(least, MOST))
        if np.abs(np.log(ridges / before)).max() < np.log(SETTLED):
            break
    return ridges


def fit_ridged(rows: Rows, ridges: np.ndarray, *, family: str) -> np.ndarray:
    """Return intercept and coefficients, as `fit_glm` does, with a ridge for each column."""
    scale = 1 / np.sqrt(ridges)
    found = fit_glm(rows.x * scale.astype(np.float32), rows.y, family=family, weight=rows.weight, ridge=1.0)
    found[1:] *= scale
    return found


def _variances(rows: Rows, found: np.ndarray, ridges: np.ndarray, family: str) -> np.ndarray:
    """Return the posterior variance of each coefficient, by Laplace's approximation."""
    rate = np.exp(np.clip(found[0] + rows.x @ found[1:], -MAX_LINE, MAX_LINE))
    spread = rate if family == "poisson" else rate**2 * np.exp(-rate) / -np.expm1(-rate)
    x = np.column_stack([np.ones(len(rows.x)), rows.x])
    information = (x * (rows.weight * spread)[:, None]).T @ x + np.diag([0.0, *ridges])
    return np.asarray(np.diag(np.linalg.inv(information))[1:])
