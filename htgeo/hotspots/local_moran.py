"""Local Moran's I: places that are like their neighbours, and places that stand out from them."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.cube.schema import check_cube, stamp
from htgeo.hotspots.classes import LOCAL_MORAN, NOT_KNOWN, flag_attrs
from htgeo.hotspots.fields import check_varied, facts, in_words, layer_of, neighborhood, step_means
from htgeo.hotspots.significance import SAME, check_alpha, check_permutations, critical_p

if TYPE_CHECKING:
    from scipy.sparse import csr_array

HIGH_HIGH, LOW_HIGH, LOW_LOW, HIGH_LOW = 1, 2, 3, 4


def add_local_moran(
    cube: xr.Dataset,
    layer: str,
    *,
    k: int = 1,
    time: str | slice | None = None,
    permutations: int = 9999,
    alpha: float = 0.05,
    fdr: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    r"""Add local Moran's I of a layer to a cube: clusters of high or low values, and outliers among their neighbours.

    With z the values minus their mean over their standard deviation, n places and the mean over the neighbours of i,

    .. math:: I_i = \frac{n - 1}{n} \, z_i \, \bar z_{N(i)}

    (Anselin 1995, scaled as esda does). p values come from conditional permutation: the value of the place stays, its
    neighbours are drawn from all other places; p is twice the smaller share of draws beyond what was observed, at least
    ``2 / (permutations + 1)``. (esda and GeoDa give half of it, a one-sided p value.)

    Everything is computed now: the mean of the days block by block, then the draws, place by place.

    Parameters
    ----------
    cube
        A cube; also one of areas that knows their borders.
    layer
        Name of a variable on ``(cell, time)``, usually counts.
    k
        Rings of neighbours, 1 to 10; the place itself is none.
    time
        A day or a range of days; None for all.
    permutations
        Number of draws for each place, at least 99. With `fdr` and thousands of places, 999 are too few to find anything.
    alpha
        Error rate of the classes.
    fdr
        Whether `alpha` is the share of false ones among those found (false discovery rate, Benjamini & Hochberg 1995)
        or the error rate of a single place. p values are never corrected.
    seed
        Seed of the draws.

    Returns
    -------
    Dataset
        The cube with ``<layer>_moran_i`` and ``<layer>_moran_p`` (float32) and ``<layer>_moran_class`` (int8; 1
        high-high, 2 low-high, 3 low-low, 4 high-low: the place first, its neighbours second) on ``(cell)``; variables
        of these names are replaced. Places without a value or without neighbours have none.

    Raises
    ------
    CubeError
        If there is no such layer, or it has one value everywhere.
    InputError
        If an option is out of its range.

    Warns
    -----
    PrecisionWarning
        If most events are known to an area only: such places are like their neighbours by construction.

    References
    ----------
    Anselin (1995), Geographical Analysis 27, 93-115. Benjamini & Hochberg (1995), J. R. Statist. Soc. B 57, 289-300.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = add_local_moran(ht.demo_cube(), "crime", fdr=False)
    >>> int((cube["crime_moran_class"] == 1).sum())  # high among high
    11
    """
    check_cube(cube)
    check_alpha(alpha)
    check_permutations(permutations)
    data = layer_of(cube, layer, time)
    values = step_means(data, np.array([0]))[:, 0]
    check_varied(values, data, "local Moran's I")
    z, lag, degrees = _lags(values, neighborhood(cube, k, star=False))
    known = degrees > 0
    n = np.isfinite(z).sum()
    p = np.full(len(z), np.nan, np.float32)
    p[known] = _permuted(z, lag, degrees, permutations, seed)[known]
    critical = critical_p(p, (alpha,))[0] if fdr else np.float32(alpha)
    quadrant = np.select(
        [(z > 0) & (lag > 0), (z <= 0) & (lag > 0), (z <= 0) & (lag <= 0)], [HIGH_HIGH, LOW_HIGH, LOW_LOW], HIGH_LOW
    )
    classes = np.where(known, np.where(p <= critical, quadrant, 0), NOT_KNOWN).astype(np.int8)
    said = facts(data, statistic="local Moran's I", k=k, permutations=permutations, alpha=alpha, fdr=int(fdr))
    said["method"] = f"local Moran's I, {in_words(k, fdr=fdr)} at {alpha:.0%}"
    made = {
        "moran_i": ("local_statistic", ((n - 1) / n * z * lag).astype(np.float32), f"{layer}: local Moran's I", {}),
        "moran_p": ("local_statistic", p, f"{layer}: p value of local Moran's I, two-sided, uncorrected", {}),
        "moran_class": ("hotspot", classes, f"clusters and outliers of {layer}", flag_attrs(LOCAL_MORAN)),
    }
    variables = {}
    for suffix, (role, array, text, more) in made.items():
        name, column = f"{layer}_{suffix}", xr.DataArray(array, dims=data.dims[:1])
        variables[name] = stamp(column, name, role, "1", text, **said, **more)
    return cube.assign(variables)


def _lags(values: np.ndarray, near: "csr_array") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return standardised values, their means over the known neighbours, NaN without any, and how many these are."""
    known = np.isfinite(values)
    z = (values - values[known].mean(dtype=float)) / values[known].std(dtype=float)
    degrees = np.where(known, near.astype(float) @ known.astype(float), 0).astype(np.int64)
    total = near.astype(float) @ np.where(known, z, 0)
    return z, np.divide(total, degrees, out=np.full(len(z), np.nan), where=degrees > 0), degrees


def _permuted(z: np.ndarray, lag: np.ndarray, degrees: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Return two-sided p values by conditional permutation, NaN where a place has no value."""
    from htgeo.hotspots.permutation_kernel import count_draws

    known = np.isfinite(z)
    at_least, at_most = np.zeros((2, known.sum()), np.int64)
    observed = np.where(degrees > 0, lag * degrees, 0)[known]
    rng = np.random.default_rng(seed)
    count_draws(z[known], degrees[known], observed, permutations, SAME, rng, at_least, at_most)
    p = np.full(len(z), np.nan)
    p[known] = np.minimum(2 * (1 + np.minimum(at_least, at_most)) / (permutations + 1), 1)
    p[np.abs(z) < SAME] = 1.0  # a place at the mean is like any neighbours
    return p
