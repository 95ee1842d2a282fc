"""Checks of columns that cannot be made again: none may be a plain mix of counts that nobody could know."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from htgeo.cube.schema import only_label, space, variables_of
from htgeo.study.findings import Finding

REACH = 15
"""Days before and after a day whose counts are tried."""
WHOLE = 1e-4
"""Share of the variance left over where a column is a mix of counts: the rounding of float32."""
PART = 1e-2
"""Share left over by counts of earlier days alone, where others are needed too."""


def audit_fixed(cube: xr.Dataset, why: Mapping[str, str]) -> list[Finding]:
    """Return a finding a column: failed where it is a mix of later counts or of means over all days, else not checked.

    Parameters
    ----------
    cube
        A small cube in memory, label included.
    why
        Why each column, on ``(cell, time)``, ``(cell)`` or ``(time)``, cannot be made again.
    """
    if not why:
        return []
    earlier, means = _earlier(cube), _means(cube)
    every = np.concatenate([earlier, _later(cube), means], axis=-1)
    findings = []
    for name, reason in why.items():
        values = cube[name].transpose(space(cube), "time", missing_dims="ignore").values
        if values.ndim == 2:  # noqa: PLR2004  # cell and time
            mixed, alone = _left_over(values, every), _left_over(values, earlier)
        else:  # one value a cell has no days; of one value a day nothing can be told
            mixed, alone = _left_over(values, means[:, 0]) if cube[name].dims == (space(cube),) else 1.0, 1.0
        leaks = mixed < WHOLE and alone > PART
        detail = f"a sum of counts of the same or later days, or of means over all days, is {1 - mixed:.2%} of it, counts of earlier days {1 - alone:.0%}"
        findings.append(Finding("future", name, False if leaks else None, detail if leaks else reason))
    return findings


def _left_over(values: np.ndarray, columns: np.ndarray) -> float:
    """Return the share of the variance of values that the best sum of columns leaves over; 1 where there is none."""
    flat, mixed = values.ravel().astype(float), columns.reshape(values.size, -1)
    rows = np.isfinite(flat) & np.isfinite(mixed).all(axis=1)
    if rows.sum() < 2 * mixed.shape[1] or not flat[rows].std() > 0:
        return 1.0
    flat, mixed = flat[rows] - flat[rows].mean(), mixed[rows] - mixed[rows].mean(axis=0)
    factors = np.linalg.lstsq(mixed.T @ mixed, mixed.T @ flat, rcond=1e-12)[
        0
    ]  # short sums: thousands of rows by few columns
    return float(np.var(flat - mixed @ factors) / np.var(flat))


def _earlier(cube: xr.Dataset) -> np.ndarray:
    """Return the counts of the days before each day, shape (cell, time, column); NaN at the ends."""
    return _stacked(cube, [cube[name].shift(time=lag) for name in _counts(cube) for lag in range(1, REACH + 1)])


def _later(cube: xr.Dataset) -> np.ndarray:
    """Return the label of each day, and the counts of the day and of those after it."""
    later = [cube[name].shift(time=-lead) for name in _counts(cube) for lead in range(REACH + 1)]
    return _stacked(cube, [only_label(cube), *later])


def _means(cube: xr.Dataset) -> np.ndarray:
    """Return the means of label and counts over all days of the cell, and over those of the same weekday."""
    weekday = cube["time"].dt.dayofweek
    means = []
    for name in (str(only_label(cube).name), *_counts(cube)):
        means += [cube[name].mean("time"), cube[name].groupby(weekday).mean("time").sel(dayofweek=weekday)]
    return _stacked(cube, means)


def _counts(cube: xr.Dataset) -> list[str]:
    return [*variables_of(cube, "count"), *variables_of(cube, "known_count")]


def _stacked(cube: xr.Dataset, columns: Sequence[xr.DataArray]) -> np.ndarray:
    like = only_label(cube)
    return np.stack([column.broadcast_like(like).transpose(*like.dims).values for column in columns], axis=-1)
