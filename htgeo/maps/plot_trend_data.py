"""What a trend shows: events expected and observed by area and period, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import near
from htgeo.cube.aggregate import forecast_of
from htgeo.cube.land import land_shares
from htgeo.cube.periods import FREQS, first_days
from htgeo.cube.schema import area_names, layer_names, require, role_of, select_days, space, step_days, variables_of
from htgeo.labels.within import coming_sum
from htgeo.models.intervals import PERIODS, expected_counts, scale_of, span_of

CODES = {"day": "D", "week": "W", "month": "M", "year": "Y"}
LONGER = {"day": 1, "week": 7, "month": 31, "year": 366}
"""Days from the first day of a period on that reach into the next one, and not beyond it."""
WHOLE, WHOLE_LAYER = "whole city", "whole_city"
MOST_AREAS = 12
DAYS = 90
"""Days on which intervals are learned."""
COUNTS = ("count", "known_count")
FORECASTS = ("risk", "expected")
MOST_DAYS = 365
"""Days that tell how many events come together, where no calibration days do."""


@dataclass(frozen=True)
class Trend:
    """Numbers by area and whole period.

    Attributes
    ----------
    names
        Names of the areas.
    freq
        ``day``, ``week`` or ``month``.
    first, middle : arrays, shape (period,)
        First day and middle of each period that lies wholly in the days.
    expected, low, high, observed : arrays, shape (area, period), or None
        Events forecast with their interval, and counted.
    learned : array of bool, shape (period,)
        Whether the interval is learned from earlier forecasts; else it is that of chance alone.
    left_out
        Periods with a day that is not in the data or has no forecast.
    """

    names: tuple[str, ...]
    freq: str
    first: np.ndarray
    middle: np.ndarray
    expected: np.ndarray | None
    low: np.ndarray | None
    high: np.ndarray | None
    observed: np.ndarray | None
    learned: np.ndarray
    left_out: int


def trend_values(
    cube: xr.Dataset,
    variable: str,
    *,
    by: str | None,
    areas: Sequence[str] | None,
    freq: str,
    time: str | slice | None,
    events: str | None,
    level: float,
) -> Trend:
    """Return what `plot_trend` draws; see there for the parameters."""
    cube, by = _with_layer(cube, by)
    names = _names(cube, by, areas)
    forecast = variable if role_of(cube[variable]) in FORECASTS else None
    counts = variable if forecast is None else events
    wanted = list(dict.fromkeys(name for name in (forecast, counts) if name is not None))
    days = cube[wanted] if time is None else select_days(cube[wanted], time)
    sums = _by_step(days, wanted, _shares(cube, by, names))
    into, first, middle, left_out = _periods(days, freq, np.all([np.isfinite(s).all(axis=0) for s in sums.values()], 0))
    observed = None if counts is None else sums[counts] @ into
    found: dict[str, Any] = {
        "names": names,
        "freq": freq,
        "first": first,
        "middle": middle,
        "observed": observed,
        "left_out": left_out,
    }
    if forecast is None:
        return Trend(**found, expected=None, low=None, high=None, learned=np.zeros(len(first), bool))
    expected = sums[forecast] @ into * _together(cube, forecast)
    ends = dict(zip(("low", "high"), _chance_alone(expected, level), strict=True), expected=expected)
    table = _learned(cube, forecast, by, freq, level, first)
    learned = np.isin(first.astype("datetime64[ns]"), [] if table is None else table["time"].values)
    for name, values in ends.items():
        if table is not None:
            values[:, learned] = (
                table[name].sel({by: list(names), "time": first[learned].astype("datetime64[ns]")}).values
            )
    return Trend(**found, **ends, learned=learned)


def default_variable(cube: xr.Dataset) -> str:
    """Return the one forecast of a cube, or say which there are."""
    known = [*variables_of(cube, "risk"), *variables_of(cube, "expected")]
    if len(known) != 1:
        message = f"the cube has {len(known)} forecasts ({', '.join(known) or 'none'}); name the one to draw, or a layer of counts: plot_trend(cube, {(known or ['crime'])[0]!r})"
        raise CubeError(message)
    return known[0]


def counts_of(cube: xr.Dataset, name: str, what: str) -> str:
    """Return the name of a layer of counts, or raise where it is none."""
    if role_of(require(cube, name, what)) not in COUNTS:
        message = f"{what} must be a layer of counts ({', '.join(variables_of(cube, 'count'))}), not {name!r}"
        raise InputError(message)
    return name


def freq_of(cube: xr.Dataset, freq: str | None) -> str:
    """Return the length of the periods of a trend; by default a month, or the step of a cube of longer steps."""
    own = FREQS[str(cube.attrs.get("freq", "D" if step_days(cube) == 1 else "W"))]
    allowed = list(CODES)[:3] if own == "day" else [own]
    if freq is None:
        return "month" if own == "day" else own
    if freq not in allowed:
        message = f"freq must be {' or '.join(map(repr, allowed))} for a cube of {own}s, not {freq!r}{near(str(freq), allowed)}"
        raise InputError(message)
    return freq


def exposure_values(cube: xr.Dataset, layer: str, time: str | slice | None) -> tuple[str, np.ndarray, np.ndarray]:
    """Return by what period a layer is counted in the whole city, the middles of the whole periods, and the counts."""
    freq = freq_of(cube, None)
    days = cube[[layer]] if time is None else select_days(cube[[layer]], time)
    sums = _by_step(days, [layer], np.ones((1, cube.sizes[space(cube)])))[layer]
    into, _, middle, _ = _periods(days, freq, np.isfinite(sums).all(axis=0))
    return freq, middle, (sums @ into)[0]


def _with_layer(cube: xr.Dataset, by: str | None) -> tuple[xr.Dataset, str]:
    """Return a cube that has the layer; without one, a layer of one area is added."""
    known = layer_names(cube)
    if by is None:
        label = (space(cube), np.full(cube.sizes[space(cube)], WHOLE), {"names": [WHOLE]})
        return cube.assign_coords({WHOLE_LAYER: label}).assign_attrs(layers=[*known, WHOLE_LAYER]), WHOLE_LAYER
    if by not in known:
        message = f"the cube has no region layer {by!r}{near(by, known)}; it has {', '.join(known) or 'none'}; by=None draws the whole city"
        raise InputError(message)
    return cube, by


def _names(cube: xr.Dataset, by: str, areas: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the areas to draw, those in which a place of the cube lies, or those asked for."""
    held = set(map(str, cube[by].values))
    known = [name for name in area_names(cube, by) if name in held]
    for name in areas or []:
        if name not in known:
            message = f"no place of the cube lies in a {by} {name!r}{near(str(name), known)}; there are {', '.join(known[:MOST_AREAS])}"
            raise InputError(message)
    names = tuple(areas or known)
    if len(names) > MOST_AREAS:
        message = f"{len(names)} panels are too many to be read: choose up to {MOST_AREAS} with areas=[{names[0]!r}, …], or give by=a layer of larger areas ({', '.join(layer_names(cube))})"
        raise InputError(message)
    return names


def _shares(cube: xr.Dataset, by: str, names: Sequence[str]) -> np.ndarray:
    """Return the share of each area in the land of each place, shape (area, place)."""
    every = area_names(cube, by)
    return np.asarray(land_shares(cube, by).toarray())[[every.index(name) for name in names]]


def _by_step(cube: xr.Dataset, names: Sequence[str], shares: np.ndarray) -> dict[str, np.ndarray]:
    """Return the sums of variables by area and step, block of places by block; a forecast as events of its step."""
    sums = {name: np.zeros((len(shares), cube.sizes["time"])) for name in names}
    start, dim = 0, space(cube)
    for block in iter_blocks(cube):
        part = shares[:, start : start + block.sizes[dim]]
        part, kept = part[:, part.any(axis=0)], part.any(axis=0)
        for name in names:
            values = block[name].transpose(dim, "time").values[kept]
            role = role_of(cube[name])
            if role in FORECASTS:
                values = forecast_of(values, probability=role == "risk") / _steps_ahead(cube, name)
            sums[name] += part @ values
        start += block.sizes[dim]
    return sums


def _steps_ahead(cube: xr.Dataset, forecast: str) -> float:
    """Return how many steps of the cube a forecast covers."""
    return max(int(cube[forecast].attrs["horizon"]) / step_days(cube), 1.0)


def _periods(cube: xr.Dataset, freq: str, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return which step lies in which whole period (time, period), their first days and middles, and how many are cut.

    Parameters
    ----------
    cube
        The days.
    freq
        Length of the periods.
    known : array of bool, shape (time,)
        Steps with values.
    """
    days = cube["time"].values.astype("datetime64[D]")
    first, at = np.unique(first_days(days, CODES[freq]), return_inverse=True)
    after = first_days(first + LONGER[freq], CODES[freq])
    step = 1 if "freq" not in cube.attrs else None
    length = (after - first).astype(int)
    steps = length // step_days(cube) if step else np.ones(len(first), int)
    whole = np.bincount(at, known, len(first)) == steps
    if not whole.any():
        message = f"no {freq} lies wholly in the days drawn, {days[0]} to {days[-1]}, with a value for each; give more days, or a shorter freq"
        raise CubeError(message)
    into = np.eye(len(first))[at][:, whole] * known[:, None]
    middle = first.astype("datetime64[ns]") + (length * 12 * np.timedelta64(3600, "s"))
    return into, first[whole], middle[whole], int((~whole).sum())


def _together(cube: xr.Dataset, forecast: str) -> float:
    """Return how many events come where the forecast says one; see `htgeo.models.intervals.scale_of`."""
    layer = str(cube[forecast].attrs.get("layer"))
    if role_of(cube[forecast]) != "risk" or layer not in cube:
        return 1.0
    ahead, size = int(_steps_ahead(cube, forecast)), cube.sizes["time"]
    try:
        span = span_of(cube, forecast, None, DAYS) if _can_learn(cube, forecast) else None
    except CubeError:
        span = None
    chosen = slice(span.first, span.stop) if span else slice(max(0, size - MOST_DAYS), size - ahead + 1)
    means = forecast_of(cube[forecast].isel(time=chosen).values, probability=True)
    last = slice(chosen.start, chosen.stop + ahead - 1)
    counts = coming_sum(cube[layer].isel(time=last).values, ahead)[:, : means.shape[1]]
    known = ~(np.isnan(means) | np.isnan(counts))
    return scale_of(cube, forecast, means[known], counts[known].astype(float)) if known.any() else 1.0


def _can_learn(cube: xr.Dataset, forecast: str) -> bool:
    return step_days(cube) == 1 and "freq" not in cube.attrs and "training_days" in cube[forecast].attrs


def _learned(cube: xr.Dataset, forecast: str, by: str, freq: str, level: float, first: np.ndarray) -> xr.Dataset | None:
    """Return the expected counts of the whole periods after the calibration days, None where there are none."""
    layer = str(cube[forecast].attrs.get("layer"))
    if freq not in PERIODS or layer not in cube or not _can_learn(cube, forecast):
        return None
    try:
        span = span_of(cube, forecast, None, DAYS)
        if not np.isfinite(cube[forecast].isel({space(cube): 0, "time": slice(span.first, None)}).values).all():
            return None  # a day without a forecast
        table = expected_counts(cube, forecast, by=by, freq=freq, level=level, days=DAYS)
    except CubeError:
        return None
    days = table["time"].values.astype("datetime64[D]")
    whole = (first_days(days + LONGER[freq], CODES[freq]) - days).astype(int) == table["days"].values
    return table.isel(time=whole & np.isin(days, first))


def _chance_alone(expected: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of counts, were the expected ones exact: quantiles of the Poisson distribution."""
    from scipy.stats import poisson

    low, high = (poisson.ppf(q, np.maximum(expected, 1e-12)) for q in ((1 - level) / 2, (1 + level) / 2))
    return np.maximum(low, 0.0), high
