"""Compiled loop over ranked cell-days."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def curve_areas(
    observed: np.ndarray, unit: np.ndarray, last: np.ndarray, weights: np.ndarray, out: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Fill in average precision, ROC area, and weights of positives and of all, for each draw.

    `observed`, `unit` and `last` (ends of the groups of equal forecasts) are sorted by forecast, highest first;
    `weights` is (unit, draw); `out` is (draw, 4). The draws are the inner loop, so they share one pass.
    """
    draws = weights.shape[1]
    positive, total = np.zeros(draws), np.zeros(draws)
    positive0, total0 = np.zeros(draws), np.zeros(draws)
    precision, area = np.zeros(draws), np.zeros(draws)
    found = False
    for i in range(len(observed)):
        row = weights[unit[i]]
        y = np.float64(observed[i])
        if y > 0:
            found = True
        for k in range(draws):
            positive[k] += row[k] * y
            total[k] += row[k]
        if not last[i]:
            continue
        for k in range(draws):
            up = positive[k] - positive0[k]
            area[k] += (total[k] - total0[k] - up) * (positive0[k] + 0.5 * up)
        if found:
            for k in range(draws):
                if total[k] > 0:
                    precision[k] += (positive[k] - positive0[k]) * positive[k] / total[k]
        for k in range(draws):
            positive0[k], total0[k] = positive[k], total[k]
        found = False
    for k in range(draws):
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = precision[k], area[k], positive[k], total[k]
