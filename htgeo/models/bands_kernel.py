"""Compiled loops over the counts of one cell and day, the most likely first."""

from math import exp, floor, lgamma, log

import numba
import numpy as np

LEAST_SPREAD = 1e-6
"""A dispersion below this is none: the counts are Poisson."""
LEAST_CHANCE = 1e-15
"""Counts less likely than this are never reached."""


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _mode(mean: float, dispersion: float) -> tuple[int, float]:
    """Return the most likely count and its chance."""
    if dispersion < LEAST_SPREAD:
        most = floor(mean)
        return most, exp(most * log(mean) - mean - lgamma(most + 1.0))
    size = 1.0 / dispersion
    most = max(floor(mean * (1.0 - dispersion)), 0)
    chance = lgamma(most + size) - lgamma(size) - lgamma(most + 1.0)
    return most, exp(chance + most * log(mean / (size + mean)) - size * log(1.0 + dispersion * mean))


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _smallest(mean: float, dispersion: float, enough: float, target: int) -> tuple[int, int, int, float, float]:
    """Return low, high, the count taken last, the chance of those before it, and its own.

    Counts are taken by falling chance until `enough` is reached or `target` is taken.
    """
    mean = max(mean, LEAST_CHANCE)
    odds = mean / (1.0 + dispersion * mean)
    last, chance = _mode(mean, dispersion)
    low = high = last
    left = chance * low / (odds * (1.0 + dispersion * (low - 1.0))) if low > 0 else 0.0
    right = chance * (1.0 + dispersion * high) * odds / (high + 1.0)
    before = 0.0
    while before + chance < enough and last != target and (max(left, right) > LEAST_CHANCE or target > high):
        before += chance
        if left > right:
            low, last, chance = low - 1, low - 1, left
            left = chance * low / (odds * (1.0 + dispersion * (low - 1.0))) if low > 0 else 0.0
        else:
            high, last, chance = high + 1, high + 1, right
            right = chance * (1.0 + dispersion * high) * odds / (high + 1.0)
    return low, high, last, before, chance


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def ranks(means: np.ndarray, dispersion: float, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the chance of all counts likelier than each count seen, and its own chance, shape (sample,)."""
    before, own = np.empty(len(means)), np.empty(len(means))
    for i in range(len(means)):
        _, _, _, before[i], own[i] = _smallest(means[i], dispersion, 2.0, counts[i])
    return before, own


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def fill_bands(means: np.ndarray, dispersion: float, edges: np.ndarray, enough: np.ndarray, out: np.ndarray) -> None:
    """Write low, high, edge and the share of the edge of each cell and day into `out` (4, cell, time)."""
    cells, days = means.shape
    for c in range(cells):
        for t in range(days):
            mean = means[c, t]
            if np.isnan(mean):
                out[:, c, t] = np.nan
                continue
            wanted = enough[np.searchsorted(edges, mean, side="right")]
            low, high, last, before, chance = _smallest(mean, dispersion, wanted, -1)
            out[0, c, t], out[1, c, t], out[2, c, t] = low, high, last
            out[3, c, t] = min((wanted - before) / chance, 1.0)
