"""Turns stacked features of cells into what a network reads, day by day."""

import numba
import numpy as np

LARGEST = 10.0
"""Scaled features are cut here, in spreads from the center."""
LINE = 16
"""Days that share a line of the processor's cache."""


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def scale_by_day(stack: np.ndarray, center: np.ndarray, rate: np.ndarray, gaps: np.ndarray, out: np.ndarray) -> None:
    """Write ``(value - center) * rate``, 0 where missing, then 1 where one of the features `gaps` is missing.

    Parameters
    ----------
    stack : array of float32, shape (feature, cell, day)
    center, rate : arrays of float32, shape (feature,)
    gaps : array of int, shape (gap,)
        Features whose gaps are shown.
    out : array of float32, shape (day, cell, feature + gap)
    """
    features, cells, days = stack.shape
    for c in range(cells):
        for start in range(0, days, LINE):
            stop = min(start + LINE, days)
            for f in range(features):
                middle, factor = center[f], rate[f]
                for t in range(start, stop):
                    value = (stack[f, c, t] - middle) * factor
                    out[t, c, f] = 0.0 if np.isnan(value) else min(max(value, -LARGEST), LARGEST)
            for g in range(len(gaps)):
                for t in range(start, stop):
                    out[t, c, features + g] = 1.0 if np.isnan(stack[gaps[g], c, t]) else 0.0
