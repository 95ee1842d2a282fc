"""Expected events and cases by area and week or month: tables, shares and rank correlations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import layer_names, space
from htgeo.evaluation.base import ratio
from htgeo.evaluation.bootstrap import BLOCK_DAYS, block_of, block_weights, interval
from htgeo.evaluation.case_levels import Forecast, Level, make_level, shares_of
from htgeo.evaluation.case_places import PlacedCases
from htgeo.evaluation.case_scores import Draws

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FREQS = ("week", "month")
BLOCKS = {"week": BLOCK_DAYS, "month": 28}
"""Days of a block when whole periods are drawn again: one period a block."""
SMALL = 1e-12
HIGHEST = 0.9999
"""Correlations above are taken as this one on Fisher's scale."""
DECIMALS = 9
"""Changes smaller than that are rounding."""


def area_levels(cube: xr.Dataset, forecast: Forecast, placed: Sequence[PlacedCases]) -> dict[str, Level]:
    """Return the layers whose areas hold cases known as finely as that."""
    sizes = {
        name: make_level(cube, forecast, name)
        for name in dict.fromkeys([*layer_names(cube), space(cube)])
        if name != "cell"
    }
    return {name: level for name, level in sizes.items() if any(counted_at(one, level, sizes) for one in placed)}


def counted_at(placed: PlacedCases, level: Level, levels: dict[str, Level]) -> bool:
    """Return whether cases are known finely enough to be counted by the areas of a level."""
    return placed.level in ("cell", level.name) or len(levels[placed.level].names) > len(level.names)


def case_counts(
    cube: xr.Dataset, forecast: Forecast, level: Level, levels: dict[str, Level], placed: Sequence[PlacedCases]
) -> np.ndarray:
    """Return the cases by area and step, shape (area, time).

    Cases known to a point count by the shares of their cells, those known to smaller areas in the area that holds most
    of theirs. Of several assumed errors the first counts.
    """
    counts = np.zeros((len(level.names), len(forecast.times)))
    for name, one in {one.level: one for one in reversed(placed)}.items():
        if counted_at(one, level, levels):
            part = one.mass @ _into(cube, name, level).T
            mass = part.tocoo()
            np.add.at(counts, (mass.col, one.day[mass.row]), one.weight[mass.row] * mass.data)
    return counts


def _into(cube: xr.Dataset, name: str, level: Level) -> "csr_array":
    """Return how the units of one level belong to the areas of another, shape (area, unit)."""
    from scipy.sparse import csr_array, eye_array

    if name == level.name:
        return csr_array(eye_array(len(level.names)))
    if name == "cell":
        return level.into
    shared = (level.into @ shares_of(cube, name).multiply(cube["cell_area"].values[None, :]).T).toarray()
    main = shared.argmax(axis=0)
    return csr_array((np.ones(len(main)), (main, np.arange(len(main)))), shape=shared.shape)


def area_table(level: Level, counts: np.ndarray, forecast: Forecast, exposure: np.ndarray | None) -> pd.DataFrame:
    """Return expected events and cases of each area by week and month, and their shares of all areas.

    Parameters
    ----------
    level
        The areas.
    counts : array, shape (area, time)
        Cases.
    forecast
        The days.
    exposure : array, shape (area, time), or None
        Cases collected; gives ``cases_per_collected``.
    """
    tables = []
    for freq in FREQS:
        periods, into = periods_of(forecast.times, freq)
        expected, cases = level.expected @ into, counts @ into
        columns = {
            "expected": expected,
            "cases": cases,
            "expected_share": ratio(expected, expected.sum(axis=0)),
            "case_share": ratio(cases, cases.sum(axis=0)),
        }
        if exposure is not None:
            columns["cases_per_collected"] = ratio(cases, exposure @ into)
        index = pd.MultiIndex.from_product([level.names, periods], names=["area", "period"])
        table = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index).reset_index()
        tables.append(table.assign(layer=level.name, freq=freq))
    whole = pd.concat(tables, ignore_index=True)
    return whole[["layer", "freq", "period", "area", *columns]]


def periods_of(times: np.ndarray, freq: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the first days of the weeks (from Monday) or months, and which step lies in which, shape (time, period)."""
    days = times.astype("datetime64[D]")
    if freq == "month":
        first = days.astype("datetime64[M]").astype("datetime64[D]")
    else:
        first = days - (days.astype(np.int64) + 3) % 7  # day 0 was a Thursday
    periods, at = np.unique(first, return_inverse=True)
    return periods.astype("datetime64[ns]"), np.eye(len(periods))[at]


def correlation_table(
    level: Level, counts: np.ndarray, forecast: Forecast, draws: Draws, seed: int, exposure: np.ndarray | None
) -> pd.DataFrame:
    """Return rank correlations (Spearman 1904) of expected events and cases, with intervals.

    ``areas``: over the areas, both summed over all days; large areas have more of both, so that a map without skill is
    above 0 too. ``areas by km2``: the same by land, 0 without skill. ``areas and weeks`` (``months``): shares of the
    areas in each period, of periods with cases. ``trend by weeks`` (``months``): what a share deviates from the mean
    share of its area; given an exposure, what cases per collected case and expected events deviate from theirs.

    Intervals are of other weeks for the same areas; how little a few areas can show is seen from `negative_controls`.
    """
    expected = np.nan_to_num(level.expected)
    sums = [values @ draws.weights.T for values in (expected, counts)]
    rows = []
    for text, land in (("areas", (level.area > 0).astype(float)), ("areas by km2", level.area)):
        pairs = zip(*(ratio(values, land[:, None]).T for values in sums), strict=True)
        drawn = [rank_correlation(one, other) for one, other in pairs]
        rows.append(_row(level.name, text, len(level.names), drawn, int(draws.block.max()) + 1, draws.level))
    for freq in FREQS:
        periods, into = periods_of(forecast.times, freq)
        some = (counts @ into).sum(axis=0) > 0
        weights = block_weights(periods[some], draws=len(draws.weights) - 1, seed=seed, block_days=BLOCKS[freq])
        blocks = int(block_of(periods[some], BLOCKS[freq]).max(initial=-1)) + 1
        again = [np.repeat(np.arange(some.sum()), row.astype(int)) for row in weights]
        shares = [(one @ into / np.maximum((one @ into).sum(axis=0), SMALL))[:, some] for one in (expected, counts)]
        changes = shares
        if exposure is not None:
            changes = [(expected @ into / into.sum(axis=0))[:, some], ratio(counts @ into, exposure @ into)[:, some]]
        trend = [np.round(one - one.mean(axis=1, keepdims=True), DECIMALS) for one in changes]
        for text, (one, other) in ((f"areas and {freq}s", shares), (f"trend by {freq}s", trend)):
            drawn = [rank_correlation(one[:, at], other[:, at]) for at in again]
            rows.append(_row(level.name, text, one.size, drawn, blocks, draws.level))
    table = pd.DataFrame(rows)
    table.insert(1, "cases", counts.sum())
    return table


def _row(layer: str, over: str, size: int, drawn: list[float], blocks: int, level: float) -> dict[str, str | float]:
    """Return a correlation and its interval.

    Drawing adds the chance of the counts a second time and lowers each correlation: the draws are moved back by their
    mean shift, on Fisher's scale.
    """
    z = np.arctanh(np.clip(drawn, -HIGHEST, HIGHEST))
    z[1:] -= z[1:].mean() - z[0] if len(z) > 1 else 0.0
    low, high = interval(np.tanh(z), level, blocks)
    ends = {"low": float(low), "high": float(high)}
    return {"layer": layer, "over": over, "values": size, "spearman": drawn[0], **ends}


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Spearman's rank correlation of two arrays of one shape, NaN where one of them is constant."""
    from scipy.stats import rankdata

    known = ~(np.isnan(one) | np.isnan(other))
    a, b = rankdata(one[known]), rankdata(other[known])
    if len(a) == 0 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def exposure_steps(exposure: "pd.Series | pd.DataFrame", level: Level, forecast: Forecast) -> np.ndarray:
    """Return the cases collected by area and step from those by month, spread evenly over the days of a month.

    Parameters
    ----------
    exposure
        Cases collected, indexed by month: a Series for all areas together, or a DataFrame with a column an area.

    Returns
    -------
    array, shape (area, time)

    Raises
    ------
    InputError
        If a month or an area is missing, or a number is not above zero.
    """
    months = pd.PeriodIndex(forecast.times.astype("datetime64[ns]"), freq="M")
    try:
        table = exposure.set_axis(pd.PeriodIndex(exposure.index, freq="M"), axis=0)
    except (AttributeError, TypeError, ValueError) as error:
        message = f"the exposure is a Series or a DataFrame indexed by month, such as pandas.Series([12.0], ['2024-05']), not {type(exposure).__name__}: {error}"
        raise InputError(message) from error
    wanted = [] if isinstance(table, pd.Series) else [name for name in level.names if name not in table.columns]
    missing = [str(month) for month in months.unique() if month not in table.index]
    if missing or wanted:
        message = f"the exposure lacks {', '.join([*missing, *wanted])}: give the cases collected in each month validated, as a Series, or a DataFrame with a column for each {level.name}"
        raise InputError(message)
    if isinstance(table, pd.Series):
        values = np.broadcast_to(table.loc[months].to_numpy(float), (len(level.names), len(months)))
    else:
        values = table.loc[months, list(level.names)].to_numpy(float).T
    if not (values > 0).all():
        message = f"the exposure must be above zero in every month; the least is {values.min()}"
        raise InputError(message)
    return np.asarray(values * forecast.step / months.days_in_month.to_numpy())
