"""Getis-Ord Gi and Gi*: whether a place and those around it hold more, or less, than chance would give them."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.core.blocks import neighbor_sum
from htgeo.core.errors import InputError
from htgeo.cube.schema import check_cube, stamp
from htgeo.hotspots.classes import GETIS_ORD, NOT_KNOWN, flag_attrs
from htgeo.hotspots.fields import check_varied, facts, in_words, layer_of, neighborhood, step_means
from htgeo.hotspots.significance import LEVELS, check_permutations, cutoffs, drawn_p, two_sided

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FLAT = 1e-12
"""Variance below which values are all alike, as a share of their mean square."""


def add_getis_ord(
    cube: xr.Dataset,
    layer: str,
    *,
    k: int = 1,
    time: str | slice | None = None,
    each_step: bool = False,
    star: bool = True,
    permutations: int = 999_999,
    fdr: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    r"""Add the Getis-Ord statistic of a layer to a cube: where high, or low, values lie side by side.

    The z score of place i among n places with values x, their mean m and their standard deviation s is

    .. math:: G_i^* = \frac{\sum_j w_{ij} (x_j - m)}{s \sqrt{(n W_i - W_i^2) / (n - 1)}}, \quad W_i = \sum_j w_{ij}

    where the weight is 1 for places at most `k` rings away and the place itself, else 0 (Ord & Getis 1995). Without
    `star` the place itself is left out on both sides. Values are means a day; places and days without a value do not
    count. p values are for deviations both ways. They come from draws of as many places as the neighbourhood has from
    all places; or from a normal distribution, which needs about 30 events in a neighbourhood: where there are fewer, it
    takes chance for hot spots (with 7, on 28 days of 100 random ones; with 1.4, on 70, even with `fdr`).

    Parameters
    ----------
    cube
        A cube; also one of areas that knows their borders (`htgeo.aggregate`, `htgeo.grid_areas`).
    layer
        Name of a variable on ``(cell, time)``, usually counts.
    k
        Rings of neighbours, 1 to 10.
    time
        A day or a range of days; None for all.
    each_step
        Whether each step of the cube is a field of its own, lazily; by default one field, the mean of the days, which
        is computed now, block by block.
    star
        Whether the place itself counts as its neighbour (Gi*) or not (Gi; a place without neighbours then has no value).
    permutations
        Number of draws that p values come from, at least 99; 0 for the normal distribution, which is always taken with
        `each_step`. The smallest p is ``2 / (permutations + 1)``.
    fdr
        Whether classes bound the share of false ones among those found, in each field (false discovery rate,
        Benjamini & Hochberg 1995), instead of the error rate of a single place. With `each_step` this holds one
        float32 number for each place and step while it is computed. p values are never corrected.
    seed
        Seed of the draws.

    Returns
    -------
    Dataset
        The cube with ``<layer>_gi_z`` and ``<layer>_gi_p`` (float32) and ``<layer>_gi_class`` (int8; -3 cold with
        99 % confidence … 3 hot with 99 %, see ``flag_meanings``) on ``(cell)``, or ``(cell, time)`` with `each_step`;
        variables of these names are replaced. Steps on which all places are alike have no value.

    Raises
    ------
    CubeError
        If there is no such layer, or it has one value everywhere.
    InputError
        If `k` is no number of rings, `permutations` no number of draws, `time` no day, or `time` is given together with `each_step`.

    Warns
    -----
    PrecisionWarning
        If most events are known to an area only: hot spots then follow the borders of areas.

    References
    ----------
    Getis & Ord (1992), Geographical Analysis 24, 189-206. Ord & Getis (1995), Geographical Analysis 27, 286-306.
    Benjamini & Hochberg (1995), J. R. Statist. Soc. B 57, 289-300.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = add_getis_ord(ht.demo_cube(), "crime")
    >>> int((cube["crime_gi_class"] > 0).sum())  # hot cells
    6
    """
    check_cube(cube)
    if each_step and time is not None:
        message = (
            f"each_step goes over all steps of the cube; cut the cube first: cube.sel(time=...), not time={time!r}"
        )
        raise InputError(message)
    if permutations:
        check_permutations(permutations)
    data, near = layer_of(cube, layer, time), neighborhood(cube, k, star=star)
    if each_step:
        values = data
    else:
        field = step_means(data, np.array([0]))
        check_varied(field, data, "Gi*" if star else "Gi")
        values = xr.DataArray(field, dims=data.dims)
    z = standard_scores(values, near, over=(data.dims[0],), star=star)
    if permutations and not each_step:
        p = z.copy(data=permuted(values.values, near, permutations, seed))
    else:
        p = xr.apply_ufunc(two_sided, z, dask="parallelized", output_dtypes=[np.float32])
    critical = cutoffs(p, LEVELS, fdr=fdr)
    classes = xr.apply_ufunc(
        _classes, z, p, critical, input_core_dims=[[], [], ["level"]], dask="parallelized", output_dtypes=[np.int8]
    )
    name = "Gi*" if star else "Gi"
    said = facts(data, statistic=name, k=k, fdr=int(fdr), method=f"{name}, {in_words(k, fdr=fdr)}")
    said["permutations"] = 0 if each_step else permutations
    made = {
        "gi_z": ("local_statistic", z, f"{layer}: z score of {name}", {}),
        "gi_p": ("local_statistic", p, f"{layer}: p value of {name}, two-sided, uncorrected", {}),
        "gi_class": ("hotspot", classes, f"hot and cold spots of {layer}", flag_attrs(GETIS_ORD)),
    }
    variables = {}
    for suffix, (role, found, text, more) in made.items():
        found = found if each_step else found.isel(time=0)  # noqa: PLW2901
        variables[f"{layer}_{suffix}"] = stamp(found, f"{layer}_{suffix}", role, "1", text, **said, **more)
    return cube.assign(variables)


def standard_scores(
    values: xr.DataArray, near: "csr_array", *, over: tuple[Hashable, ...], star: bool = True, back: int = 0
) -> xr.DataArray:
    """Return the z scores of Gi* or Gi, float32 (place, time); lazy where the values are.

    Parameters
    ----------
    values
        Values (place, time); NaN where nothing is known.
    near
        Weights 1 and 0, shape (place, place).
    over
        Dimensions that mean and spread are taken over: the places of each step, or all places and steps.
    star
        Whether a place is its own neighbour.
    back
        Number of earlier steps that also are neighbours.
    """
    values = values.where(np.isfinite(values))
    known = values.notnull()
    n = known.sum(list(over)).astype(float)
    apart = (values.astype(float) - values.mean(list(over), dtype=float)).where(known, 0).astype(np.float32)
    total, links = (neighbor_sum(one, near) for one in (apart, known.astype(np.float32)))
    if back:
        total, links = (_with_earlier(one, back) for one in (total, links))
    square = (apart.astype(float) ** 2).sum(list(over))
    size = (values.astype(float) ** 2).sum(list(over))
    square = square.where(square > FLAT * size)  # all alike: no value
    score: xr.DataArray = xr.apply_ufunc(
        _score,
        *(total, links, apart, known, square, n),
        kwargs={"star": star},
        dask="parallelized",
        output_dtypes=[np.float32],
    )
    return score


def permuted(values: np.ndarray, near: "csr_array", permutations: int, seed: int, back: int = 0) -> np.ndarray:
    """Return p values of the sums over neighbourhoods, drawn from all places and steps, float32 (place, step).

    Parameters
    ----------
    values
        Values (place, step); NaN where nothing is known.
    near
        Weights 1 and 0, shape (place, place).
    permutations, seed
        Number and seed of the draws.
    back
        Number of earlier steps that also are neighbours.
    """
    known = np.isfinite(values)
    apart = np.where(known, (values - values[known].mean()) / values[known].std(), 0.0)
    sums = (xr.DataArray(near.astype(float) @ one, dims=("place", "time")) for one in (apart, known.astype(float)))
    totals, links = (_with_earlier(one, back).values for one in sums)
    return drawn_p(apart[known], np.where(known, links, 0).astype(int), totals, permutations, seed)


def _with_earlier(values: xr.DataArray, back: int) -> xr.DataArray:
    """Return the sum of each step and the `back` steps before it."""
    return sum((values.shift(time=lag, fill_value=0) for lag in range(1, back + 1)), values)


def _score(
    total: np.ndarray,
    links: np.ndarray,
    apart: np.ndarray,
    known: np.ndarray,
    square: np.ndarray,
    n: np.ndarray,
    *,
    star: bool,
) -> np.ndarray:
    """Return the z score from sums of what places are apart from the mean; without `star` the place itself is taken out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if star:
            others, shift, variance = n, 0.0, square / n
        else:
            others, shift = n - 1, apart.astype(float) / (n - 1)
            variance = (square - apart.astype(float) ** 2) / others - shift**2
        spread = np.sqrt(variance * (others * links.astype(float) - links.astype(float) ** 2) / (others - 1))
        score = (total + links * shift) / spread
    return np.where(known & (spread > 0), score, np.nan).astype(np.float32)


def _classes(z: np.ndarray, p: np.ndarray, critical: np.ndarray) -> np.ndarray:
    steps = (p[..., None] <= critical).sum(axis=-1)
    found = np.where(np.isfinite(z), np.sign(z) * steps, NOT_KNOWN)
    return found.astype(np.int8)
