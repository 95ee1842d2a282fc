"""The trend test of Mann and Kendall, for many series at once."""

from typing import NamedTuple

import numpy as np

from htgeo.core.errors import InputError
from htgeo.hotspots.significance import two_sided

TOGETHER = 4096
"""Series that are worked on together: memory stays bounded."""


class MannKendall(NamedTuple):
    """Result of the test, each of shape (series,): score S, Kendall's tau-b, z score and two-sided p value."""

    s: np.ndarray
    tau: np.ndarray
    z: np.ndarray
    p: np.ndarray


def mann_kendall(values: np.ndarray) -> MannKendall:
    r"""Test whether series rise or fall over time, whatever the shape of the trend.

    S is the number of pairs of steps of which the later is higher, minus that of those of which it is lower. Without a
    trend, and with ties in groups of t,

    .. math:: \operatorname{var} S = \frac{n (n - 1) (2 n + 5) - \sum t (t - 1) (2 t + 5)}{18}

    and z is S, one closer to 0, over its root (Mann 1945, Kendall 1975). The steps are taken to be independent: where
    each is like the one before it, p values are too small.

    Parameters
    ----------
    values
        Shape (series, time); NaN are left out, series by series.

    Returns
    -------
    MannKendall
        Shape (series,) each; NaN for series of fewer than three values; z 0 and tau NaN where all values are the same.

    Raises
    ------
    InputError
        If the values are not on two axes.

    Examples
    --------
    >>> import numpy as np
    >>> trend = mann_kendall(np.array([[1.0, 2, 2, 3, 5, 4, 6, 8]]))
    >>> round(float(trend.z[0]), 2), round(float(trend.p[0]), 4)
    (2.99, 0.0028)
    """
    values = np.asarray(values, float)
    if values.ndim != 2:  # noqa: PLR2004  # series and time
        message = f"mann_kendall needs values of shape (series, time), not {values.shape}; one series: values[None, :]"
        raise InputError(message)
    parts = [_tested(values[at : at + TOGETHER]) for at in range(0, len(values), TOGETHER)]
    return MannKendall(*(np.concatenate(column) for column in zip(*parts, strict=True))) if parts else _tested(values)


def _tested(values: np.ndarray) -> MannKendall:
    known = np.isfinite(values)
    values = np.where(known, values, np.nan)
    n = known.sum(axis=1)
    s = np.zeros(len(values))
    for lag in range(1, values.shape[1]):
        s += np.nan_to_num(np.sign(values[:, lag:] - values[:, :-lag])).sum(axis=1)
    t = _tie_sizes(values)
    pairs, tied = n * (n - 1) / 2, np.where(known, t - 1, 0).sum(axis=1) / 2
    variance = (n * (n - 1) * (2 * n + 5) - np.where(known, (t - 1) * (2 * t + 5), 0).sum(axis=1)) / 18
    few = n < 3  # noqa: PLR2004  # of two values none can tell
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = s / np.sqrt(pairs * (pairs - tied))
        z = np.where(variance > 0, (s - np.sign(s)) / np.sqrt(variance), 0)
    s, tau, z = (np.where(few, np.nan, column) for column in (s, tau, z))
    return MannKendall(s, tau, z, two_sided(z))


def _tie_sizes(values: np.ndarray) -> np.ndarray:
    """Return for each value how many values of its series are the same, itself included, shape of the values."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    first = np.ones(values.shape, bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = np.cumsum(first.ravel()) - 1
    sizes = np.bincount(group)[group].reshape(values.shape) if values.size else np.zeros(values.shape, int)
    back = np.empty_like(sizes)
    np.put_along_axis(back, order, sizes, axis=1)
    return back
