"""From a statistic to what is significant, also where many places are tested at once."""

import numpy as np
import xarray as xr

from htgeo.core.blocks import MAX_BLOCK_VALUES
from htgeo.core.errors import InputError

SAME = 1e-9
"""Sums of standardised values that differ by less are the same."""
LEVELS = (0.10, 0.05, 0.01)
"""Error rates of the classes of Gi*: 90, 95 and 99 % confidence."""


def check_alpha(alpha: float) -> None:
    """Raise unless `alpha` is an error rate."""
    if not isinstance(alpha, float) or not 0 < alpha < 1:
        message = f"alpha is an error rate between 0 and 1, such as 0.05, not {alpha!r}"
        raise InputError(message)


def check_permutations(permutations: int, least: int = 99) -> None:
    """Raise unless `permutations` is a number of draws that p values can come from."""
    if not isinstance(permutations, int) or permutations < least:
        message = f"permutations must be a whole number of at least {least}, not {permutations!r}"
        raise InputError(message)


def drawn_p(pool: np.ndarray, sizes: np.ndarray, totals: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Return two-sided p values of sums under draws without replacement, float32.

    p is twice the smaller share of draws beyond what was observed, which counts as one more draw.

    Parameters
    ----------
    pool
        All values, standardised.
    sizes, totals
        Number of values in each sum, and the sum, of one shape; p is NaN where the size is 0.
    permutations
        Number of draws for each size.
    seed
        Seed of the draws.
    """
    from htgeo.hotspots.permutation_kernel import draw_sums

    p = np.full(sizes.shape, np.nan, np.float32)
    rng, pool, sums = np.random.default_rng(seed), pool.copy(), np.empty(permutations)
    for size in np.unique(sizes[sizes > 0]).tolist():
        draw_sums(pool, size, rng, sums)
        sums.sort()
        at = sizes == size
        at_least = permutations - np.searchsorted(sums, totals[at] - SAME, side="left")
        at_most = np.searchsorted(sums, totals[at] + SAME, side="right")
        p[at] = np.minimum(2 * (1 + np.minimum(at_least, at_most)) / (permutations + 1), 1)
    return p


def two_sided(z: np.ndarray) -> np.ndarray:
    """Return the p value of standard normal scores, for deviations both ways, float32."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(z)), np.float32)


def critical_p(p: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Return the largest p value that is significant at each level under a false discovery rate.

    Of n tests sorted by p, the first k are significant for the largest k with ``p[k] <= k / n * level``
    (Benjamini & Hochberg 1995).

    Parameters
    ----------
    p
        Shape (..., test); tests without a value do not count.
    levels
        False discovery rates.

    Returns
    -------
    ndarray
        Shape (..., level), float32; -1 where no test is significant.
    """
    ordered = np.sort(p, axis=-1)  # those without a value come last
    tests = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    rank = np.arange(1, p.shape[-1] + 1)
    found = [
        np.where(ordered <= rank * level / np.maximum(tests, 1), ordered, -1).max(axis=-1, initial=-1)
        for level in levels
    ]
    return np.stack(found, axis=-1).astype(np.float32)


def cutoffs(p: xr.DataArray, levels: tuple[float, ...], *, fdr: bool) -> xr.DataArray:
    """Return the largest significant p value of each step and level, dims ``([time,] level)``; lazy where `p` is lazy."""
    if not fdr:
        return xr.DataArray(np.array(levels, np.float32), dims="level")
    place = p.dims[0]
    if p.chunks is not None:
        p = p.chunk({place: -1, "time": max(1, MAX_BLOCK_VALUES // p.sizes[place])})
    found: xr.DataArray = xr.apply_ufunc(
        critical_p,
        p,
        input_core_dims=[[place]],
        output_core_dims=[["level"]],
        kwargs={"levels": levels},
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {"level": len(levels)}},
    )
    return found.chunk(time=-1) if found.chunks is not None else found
