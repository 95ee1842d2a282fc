"""Emerging hot spots: how places became, stay or ceased to be hot or cold."""

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.periods import FREQS
from htgeo.cube.schema import check_cube, stamp
from htgeo.hotspots.classes import EMERGING, NOT_KNOWN, flag_attrs
from htgeo.hotspots.fields import check_varied, facts, in_words, layer_of, neighborhood, step_means, step_starts
from htgeo.hotspots.getis_ord import permuted, standard_scores
from htgeo.hotspots.kendall import MannKendall, mann_kendall
from htgeo.hotspots.significance import check_alpha, check_permutations, critical_p, two_sided

FEWEST_STEPS = 10
OFTEN = 0.9
"""Share of the steps from which on a place is intensifying, persistent, diminishing or historical."""
HISTORICAL = 8


def add_emerging_hotspots(
    cube: xr.Dataset,
    layer: str,
    *,
    step: str | int | None = "M",
    k: int = 1,
    back: int = 1,
    alpha: float = 0.05,
    permutations: int = 999_999,
    fdr: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    """Add the class of emerging hot spot of each place to a cube.

    The layer is averaged by step (events a day, so that months of 28 and 31 days compare). Gi* of each place and step
    is taken over the places at most `k` rings away in this step and the `back` steps before it, against the mean and
    the spread of all places and all steps; a step of a place is hot or cold where this is significant. Then the test of
    Mann and Kendall asks whether the z scores of a place rise or fall: those of each step without the steps before it,
    since windows that overlap look like trends (on random counts, 17 % of the places have a trend at the 5 % level if
    `back` is 1, and 27 % if it is 2, instead of 5 %). The first of these that holds is the class, for hot spots (cold
    spots likewise, with z scores that fall as intensifying):

    1. new: hot in the last step for the first time.
    2. consecutive: hot in two or more steps up to the last without a break, never before, in less than 90 % of all.
    3. intensifying: hot in at least 90 % of the steps and in the last, z scores rise significantly.
    4. persistent: the same without a significant trend.
    5. diminishing: the same, z scores fall significantly.
    6. sporadic: hot in the last step and, with breaks, before; in less than 90 % of all; never cold.
    7. oscillating: the same, but cold in some step.
    8. historical: not hot in the last step, but in at least 90 % of all.

    Where the last step is hot or cold, the class says of which; else there may be a historical one, or no pattern.

    Everything is computed now: the means of the steps block by block, the rest on one number a place and step.

    Parameters
    ----------
    cube
        A cube; also one of areas that knows their borders.
    layer
        Name of a variable on ``(cell, time)``, usually counts.
    step
        ``"W"``, ``"M"``, ``"Y"`` or ``"D"``, or a number of days counted back from the last day; None for the steps of
        the cube. Incomplete ones are left out; at least 10 are needed.
    k
        Rings of neighbours, 1 to 10.
    back
        Number of earlier steps in the neighbourhood, 0 or more.
    alpha
        Error rate, both of hot and cold steps and of trends.
    permutations
        Number of draws that the p values of hot and cold steps come from, at least 99; 0 for a normal distribution,
        which needs about 30 events in a neighbourhood (see `add_getis_ord`).
    fdr
        Whether hot and cold steps bound the share of false ones among all places and steps found (false discovery rate,
        Benjamini & Hochberg 1995), instead of the error rate of a single one.
    seed
        Seed of the draws.

    Returns
    -------
    Dataset
        The cube with ``<layer>_emerging_class`` (int8; 1 to 8 hot as numbered above, -1 to -8 cold, 0 none; see
        ``flag_meanings``), ``<layer>_emerging_trend_z`` and ``_trend_p`` (Mann-Kendall), ``<layer>_emerging_hot`` and
        ``_cold`` (share of the steps; float32) on ``(cell)``; variables of these names are replaced. Places without a
        value in the last step, or with fewer than 10 steps, have no class.

    Raises
    ------
    CubeError
        If there is no such layer, too few steps, or one value everywhere.
    InputError
        If an option is out of its range.

    Warns
    -----
    PrecisionWarning
        If most events are known to an area only: hot spots then follow the borders of areas.

    References
    ----------
    Getis & Ord (1992), Geographical Analysis 24, 189-206. Ord & Getis (1995), Geographical Analysis 27, 286-306.
    Mann (1945), Econometrica 13, 245-259. Kendall (1975), Rank correlation methods. Benjamini & Hochberg (1995),
    J. R. Statist. Soc. B 57, 289-300. Esri, How Emerging Hot Spot Analysis works (public documentation).

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = add_emerging_hotspots(ht.demo_cube(), "crime", step="W")
    >>> cube["crime_emerging_class"].attrs["flag_meanings"].split()[-2]
    'historical_hot_spot'
    """
    check_cube(cube)
    check_alpha(alpha)
    if not isinstance(back, int) or back < 0:
        message = f"back must be a number of earlier steps, 0 or more, not {back!r}"
        raise InputError(message)
    if permutations:
        check_permutations(permutations)
    starts, kept = step_starts(cube, step)
    if len(starts) < FEWEST_STEPS:
        message = f"emerging hot spots need at least {FEWEST_STEPS} steps, {step!r} makes {len(starts)} whole ones of the cube; give a shorter step, such as 'W', or more days"
        raise CubeError(message)
    data = layer_of(cube, layer).isel(time=kept)
    means = step_means(data, starts)
    check_varied(means, data, "emerging hot spots")
    values = xr.DataArray(means, dims=data.dims)
    near = neighborhood(cube, k, star=True)
    alone = standard_scores(values, near, over=data.dims).values
    z = standard_scores(values, near, over=data.dims, back=back).values if back else alone
    p = permuted(means, near, permutations, seed, back) if permutations else two_sided(z)
    hit = p <= (critical_p(p.ravel(), (alpha,))[0] if fdr else alpha)
    hot, cold, known = hit & (z > 0), hit & (z < 0), np.isfinite(z)
    trend = mann_kendall(alone)
    said = facts(data, statistic="emerging hot spots", step=str(step), steps=len(starts), k=k, back=back)
    said |= {"alpha": alpha, "permutations": permutations, "fdr": int(fdr)}
    said["method"] = (
        f"Gi* of {len(starts)} {_steps(step)}, {in_words(k, fdr=fdr)} at {alpha:.0%}; trend of Mann-Kendall"
    )
    classes = emerging_classes(hot, cold, known, trend, alpha)
    many = np.maximum(known.sum(axis=1), 1)
    made = {
        "class": ("hotspot", classes, f"emerging hot and cold spots of {layer}", flag_attrs(EMERGING)),
        "trend_z": ("local_statistic", trend.z, f"{layer}: z score of the trend of Gi* (Mann-Kendall)", {}),
        "trend_p": ("local_statistic", trend.p, f"{layer}: p value of the trend of Gi* (Mann-Kendall)", {}),
        "hot": ("local_statistic", hot.sum(axis=1) / many, f"{layer}: share of the steps that are hot", {}),
        "cold": ("local_statistic", cold.sum(axis=1) / many, f"{layer}: share of the steps that are cold", {}),
    }
    variables = {}
    for suffix, (role, array, text, more) in made.items():
        name, dtype = f"{layer}_emerging_{suffix}", np.int8 if role == "hotspot" else np.float32
        column = xr.DataArray(array.astype(dtype), dims=data.dims[:1])
        variables[name] = stamp(column, name, role, "1", text, **said, **more)
    return cube.assign(variables)


def _steps(step: str | int | None) -> str:
    if isinstance(step, str):
        return f"{FREQS[step]}s"
    return "steps" if step is None else f"steps of {step} days"


def emerging_classes(
    hot: np.ndarray, cold: np.ndarray, known: np.ndarray, trend: MannKendall, alpha: float
) -> np.ndarray:
    """Return the class of each place, int8 (place,).

    Parameters
    ----------
    hot, cold, known
        Whether a step of a place is a hot spot, is a cold spot, and has a value, shape (place, step).
    trend
        Test of the trend of each place.
    alpha
        Error rate of the trend.
    """
    sure = trend.p <= alpha
    up, down = sure & (trend.z > 0), sure & (trend.z < 0)
    hot_kind, cold_kind = _kinds(hot, cold, known, up, down), _kinds(cold, hot, known, down, up)
    past = np.where(hot_kind == HISTORICAL, hot_kind, -cold_kind)
    found = np.select([hot[:, -1], cold[:, -1]], [hot_kind, -cold_kind], past)
    told = known[:, -1] & (known.sum(axis=1) >= FEWEST_STEPS)
    return np.where(told, found, NOT_KNOWN).astype(np.int8)


def _kinds(hit: np.ndarray, other: np.ndarray, known: np.ndarray, more: np.ndarray, less: np.ndarray) -> np.ndarray:
    """Return the kind of each place, 0 none, from its steps that are hot and cold (or cold and hot), and its trend."""
    last, count = hit[:, -1], hit.sum(axis=1)
    often = count >= OFTEN * known.sum(axis=1) - 1e-9  # 27 of 30, whatever 0.9 is in binary
    runs = hit[:, 0].astype(int) + (hit[:, 1:] & ~hit[:, :-1]).sum(axis=1)
    kinds = [
        last & (count == 1),
        last & (runs == 1) & ~often,
        last & often & more,
        last & often & ~more & ~less,
        last & often & less,
        last & ~often & ~other.any(axis=1),
        last & ~often,
        ~last & often & (count > 0),
    ]
    return np.select(kinds, range(1, len(kinds) + 1), 0)
