"""Compiled loops over one block (cell, time): each value uses earlier days only."""

import numba
import numpy as np

EVENT_DAY = 0.5
"""A day counts as having an event from this count on: an area event spread thin over many cells is no event of a cell."""


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def past_sum(counts: np.ndarray, days: int) -> np.ndarray:
    """Sum of the `days` days before each day; NaN until so many days have passed."""
    cells, length = counts.shape
    out = np.empty((cells, length), np.float32)
    for c in range(cells):
        total = 0.0
        for t in range(length):
            out[c, t] = total if t >= days else np.nan
            total += counts[c, t]
            if t >= days:
                total -= counts[c, t - days]
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_value(counts: np.ndarray, days: int) -> np.ndarray:
    """Value `days` days before each day; NaN until so many days have passed."""
    cells, length = counts.shape
    out = np.empty((cells, length), np.float32)
    for c in range(cells):
        for t in range(length):
            out[c, t] = counts[c, t - days] if t >= days else np.nan
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_rate(counts: np.ndarray, half_life: float) -> np.ndarray:
    """Mean per day of all days before each day, older days fading by half every `half_life` days (inf: none fades)."""
    cells, length = counts.shape
    keep = 0.5 ** (1.0 / half_life)
    out = np.empty((cells, length), np.float32)
    for c in range(cells):
        total, weight = 0.0, 0.0
        for t in range(length):
            out[c, t] = total / weight if t > 0 else np.nan
            total = keep * total + counts[c, t]
            weight = keep * weight + 1.0
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def days_since(counts: np.ndarray) -> np.ndarray:
    """Days since the last earlier day with an event; NaN before the first."""
    cells, length = counts.shape
    out = np.empty((cells, length), np.float32)
    for c in range(cells):
        last = -1
        for t in range(length):
            out[c, t] = t - last if last >= 0 else np.nan
            if counts[c, t] >= EVENT_DAY:
                last = t
    return out
