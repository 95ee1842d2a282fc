"""Negative controls: validations on cases that a forecast cannot know, which must fail."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import require, role_of, space, variables_of
from htgeo.evaluation.base import ratio
from htgeo.evaluation.bootstrap import check_draws
from htgeo.evaluation.case_areas import area_levels, case_counts, rank_correlation
from htgeo.evaluation.case_levels import Forecast
from htgeo.evaluation.case_places import PlacedCases
from htgeo.evaluation.cases import Placing, place_and_rank
from htgeo.sources.events import Events

if TYPE_CHECKING:
    import pandas as pd

NO_SKILL = {"percentile_day": 50.0, "percentile_own": 50.0, "rank correlation": 0.0}
RELIABLE = 0.05
"""Largest p value of a real score that differs from its control."""


def negative_controls(
    cube: xr.Dataset,
    model: str,
    cases: Events,
    *,
    unrelated: Sequence[str] = (),
    start: str | None = None,
    stop: str | None = None,
    error_km: float = 0.0,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> "pd.DataFrame":
    """Score the forecast on cases whose places, days or kind were changed at random, beside the real ones.

    Each control breaks one thing, and is scored by what depends on it:

    ``shuffled places``
        Each place (cell or area) is exchanged for another, drawn by land, with all its cases. The percentile of the day
        must become 50. The rank correlation over areas, whose counts are exchanged, must become 0; it is of counts by
        km2, since large areas have more of everything. Days stay as they are. Cells are taken as exchangeable: where
        hot cells lie together, the p value is too small.
    ``shifted dates``
        All cases are moved by the same number of days, around the end of the validated days. The map stays as it is, so
        the percentile among all places hardly changes and says nothing. What must become 50 is the percentile of the
        day among the days of its own place. Short shifts are among the draws, and slow changes of risk make the range
        wide. A forecast that never changes has 50 to begin with: nothing to break.
    ``unrelated``
        As many events of another layer of the cube, drawn at random, take the place of the cases, at the same levels.
        The percentile of the day must be 50 where the layer really is unrelated. Most events of a city keep to where
        people are: where this control passes, that part of the real percentile is not about the cases.

    Parameters
    ----------
    cube, model, cases, start, stop
        As for `validate_cases`.
    unrelated
        Layers of counts.
    error_km
        Assumed error of points, km.
    draws
        Random changes for each control, at least 20.
    level
        Level of the range of the control.
    seed
        Seed of the changes.

    Returns
    -------
    DataFrame
        One row a control, level and score: ``real``, ``drawn`` (mean of the draws), their range ``low`` to ``high``,
        ``no_skill``, ``p_value`` (share of the draws at least as high as the real score, the real one among them), and a
        ``verdict``: ``fails as it must`` (the control has no skill, the real cases score higher), ``no skill either``
        (the real cases do not), ``control passes`` (the score is high without the cases), ``nothing to break``.

    Raises
    ------
    CubeError
        If the cube has no such forecast or layer, or no case can be compared.
    InputError
        If there are too few draws, or a layer does not hold counts.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-06-30")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> cases = ht.read_events("tahub_cases", folder / "cases.csv", areas=[boroughs])
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-03-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> table = ht.negative_controls(cube, "historical_rate", cases, draws=20)
    >>> sorted(set(table["control"]))
    ['shifted dates', 'shuffled places']
    """
    import pandas as pd

    check_draws(draws, level, seed)
    if draws < 1 / RELIABLE:
        message = f"draws must be at least {1 / RELIABLE:.0f}, not {draws!r}"
        raise InputError(message)
    found = place_and_rank(cube, model, cases, start, stop, [error_km])
    rng = np.random.default_rng(seed)
    rows = []
    for one in found.placed:
        by_day, own = (found.ranks[one.level].percentiles[name] for name in ("percentile_day", "percentile_own"))
        land = found.levels[one.level].area
        moved = [_mean(one, _exchanged(by_day, land, rng), one.day) for _ in range(draws)]
        rows.append(("shuffled places", one.level, "percentile_day", _mean(one, by_day, one.day), moved))
        shifted = [_mean(one, own, _shifted(one.day, found.forecast, rng)) for _ in range(draws)]
        rows.append(("shifted dates", one.level, "percentile_own", _mean(one, own, one.day), shifted))
        for layer in unrelated:
            draw = _drawer(cube, layer, found, one, rng)
            others = [_known_mean(by_day[draw()]) for _ in range(draws)]
            rows.append((f"unrelated: {layer}", one.level, "percentile_day", _mean(one, by_day, one.day), others))
    rows += _over_areas(cube, found, draws, rng)
    return pd.DataFrame([_judged(*row, level) for row in rows])


def _over_areas(
    cube: xr.Dataset, found: Placing, draws: int, rng: np.random.Generator
) -> list[tuple[str, str, str, float, list[float]]]:
    """Return the rank correlations over the areas of each layer, by km2, and those of exchanged counts."""
    rows = []
    levels = area_levels(cube, found.forecast, found.placed)
    for name, one in levels.items():
        counts = case_counts(cube, found.forecast, one, {**found.levels, **levels}, found.placed).sum(axis=1)
        expected, counts = (ratio(values, one.area) for values in (np.nansum(one.expected, axis=1), counts))
        moved = [rank_correlation(expected, rng.permutation(counts)) for _ in range(draws)]
        rows.append(("shuffled places", name, "rank correlation", rank_correlation(expected, counts), moved))
    return rows


def _mean(placed: PlacedCases, values: np.ndarray, day: np.ndarray) -> float:
    """Return the mean of values over the cases that have one."""
    found = placed.over_place(values, day)
    known = ~np.isnan(found)
    return float(np.average(found[known], weights=placed.weight[known])) if known.any() else float("nan")


def _known_mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _exchanged(values: np.ndarray, land: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the values of other places, drawn by their land."""
    return np.asarray(values[rng.choice(len(land), len(land), p=land / land.sum())])


def _shifted(day: np.ndarray, forecast: Forecast, rng: np.random.Generator) -> np.ndarray:
    """Return the steps moved by one number of steps, around the end of the validated days."""
    steps = len(forecast.times)
    return np.asarray((day + rng.integers(1, max(steps, 2))) % steps)


def _drawer(
    cube: xr.Dataset, layer: str, found: Placing, placed: PlacedCases, rng: np.random.Generator
) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """Return a function that draws as many events of a layer as there are cases: their units and steps."""
    if role_of(require(cube, layer, "layer")) != "count":
        message = (
            f"{layer!r} is no layer of counts by day of occurrence; those are {', '.join(variables_of(cube, 'count'))}"
        )
        raise InputError(message)
    times = found.forecast.times.astype("datetime64[ns]")
    counts = np.nan_to_num(cube[layer].sel(time=times).transpose(space(cube), "time").values)
    reached = np.cumsum(counts, dtype=float)
    if not reached[-1] > 0:
        message = f"the layer {layer!r} has no event from {found.forecast.times[0]} to {found.forecast.times[-1]}"
        raise InputError(message)
    unit = found.levels[placed.level].main_unit

    def draw() -> tuple[np.ndarray, np.ndarray]:
        at = np.searchsorted(reached, rng.random(len(placed.case)) * reached[-1], side="right")
        cell, day = np.divmod(at, len(times))
        inside = unit[cell] >= 0
        return unit[cell][inside], day[inside]

    return draw


def _judged(
    control: str, name: str, score: str, real: float, drawn: list[float], level: float
) -> dict[str, str | float]:
    """Return the row of a control with its verdict."""
    values = np.array([value for value in drawn if not np.isnan(value)] or [np.nan])  # a draw may find no case
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    no_skill, p_value = NO_SKILL[score], (1 + np.count_nonzero(values >= real)) / (len(values) + 1)
    if np.isnan(real) or (control == "shifted dates" and max(np.ptp(values), abs(real - no_skill)) < 1e-3):  # noqa: PLR2004  # rounding
        verdict = "nothing to break"
    elif low > no_skill:
        verdict = "control passes"
    else:
        verdict = "fails as it must" if p_value <= RELIABLE else "no skill either"
    numbers = {"real": real, "drawn": values.mean(), "low": low, "high": high, "no_skill": no_skill}
    return {"control": control, "level": name, "score": score, **numbers, "p_value": p_value, "verdict": verdict}
