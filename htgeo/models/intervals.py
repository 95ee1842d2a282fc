"""Intervals of the counts expected by area and month, learned on days after the training days."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.aggregate import forecast_of
from htgeo.cube.land import land_shares
from htgeo.cube.schema import area_names, as_day, layer_names, require_days, role_of, space, variables_of
from htgeo.labels.within import coming_sum
from htgeo.models.base import Model, add_risk

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PERIODS = {"week": 7, "month": 30}
"""Days over which deviations from the forecast are measured, by the length of a period."""
SMALL = 1e-9
UNLIKELY = 1e-3
USUAL_DEVIATION = 0.1
"""Relative deviation of an area's forecast that is as often exceeded as not, before any day is seen."""


@dataclass(frozen=True)
class Span:
    """Days on which intervals are learned, ``first`` to ``stop - 1``, and the first day they are given for."""

    first: int
    stop: int
    given: int

    def facts(self, days: np.ndarray, level: float) -> dict[str, Any]:
        """Return what a result says of itself."""
        return {"level": level, "calibration_days": self.text(days)}

    def text(self, days: np.ndarray) -> str:
        """Return the first and the last day on which intervals are learned."""
        return " to ".join(str(days[i])[:10] for i in (self.first, self.stop - 1))


def expected_counts(
    cube: xr.Dataset,
    model: Model | str,
    *,
    by: str = "borough",
    freq: str = "month",
    level: float = 0.9,
    start: str | None = None,
    days: int = 90,
) -> xr.Dataset:
    """Sum the forecasts of all days and cells to expected counts by area and month, with intervals.

    Each day adds the forecast made at its start (for longer horizons: the mean of its coming days), so a month is
    forecast day by day, not at its start. Counts are negative binomial around the sum (McCullagh & Nelder 1989): its
    dispersion is what areas deviated from the forecast on the calibration days, over times as long as the periods, and
    the interval averages over all dispersions by how likely these days make each (Gelman et al. 2013), since few
    areas and months settle none. Deviations of areas are taken as independent; where the level of the whole city
    moves, all miss together. In simulations intervals of 0.9 held 0.90 to 0.92 of the counts when learned from 20 areas
    by 12 months, and 0.87 to 0.95 from 5 areas by 4 months.

    Parameters
    ----------
    cube
        The cube from its first day on.
    model
        A fitted model, or the name of a risk in the cube; learned on days before the calibration days.
    by
        Layer of areas. Cells count to areas by their shares; in a cube cut to some cells, to the one that holds most.
    freq
        ``"week"`` (from Monday) or ``"month"``.
    level
        Chance that a count lies in its interval, between 0 and 1.
    start
        First day counted; the earliest by default.
    days
        The dispersion is learned on so many days before `start`, all after the training days; the more, the narrower
        the intervals.

    Returns
    -------
    Dataset
        ``expected``, ``low``, ``high`` and ``observed`` on (by, time), ``days`` counted on (time); time is the first day
        of the period. Whole counts make intervals hold more than `level` where few events are expected. Where a cell has
        no forecast on a day, the period of its area has none.

    Raises
    ------
    CubeError
        If the calibration days would overlap the training days or have no forecast, or no day is left.
    InputError
        If an option cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=1))
    >>> train, _ = ht.split_time(cube, "2021-03-01")
    >>> table = ht.expected_counts(cube, ht.HistoricalRate().fit(train), by=cube.attrs["layers"][0], days=60)
    >>> bool((table["low"] <= table["expected"]).all() and (table["expected"] <= table["high"]).all())
    True
    """
    require_days(cube, "expected_counts")
    cube, risk = with_risk(cube, model, level)
    if freq not in PERIODS or by not in layer_names(cube):
        message = f"freq must be {' or '.join(map(repr, PERIODS))} and by one of {', '.join(layer_names(cube))}, not {freq!r} and {by!r}"
        raise InputError(message)
    if days < PERIODS[freq]:
        message = f"days must be at least {PERIODS[freq]} for freq={freq!r}, not {days}"
        raise InputError(message)
    span = span_of(cube, risk, start, days)
    forecast, seen, missing = _area_days(cube, risk, land_shares(cube, by), span)
    forecast *= scale_of(cube, risk, *counted(cube, risk, span)) / int(cube[risk].attrs["horizon"])
    learned = [_chunks(values[:, span.first : span.stop], PERIODS[freq]) for values in (forecast, seen)]
    periods, at = np.unique(_first_days(cube["time"].values[span.given :], freq), return_inverse=True)
    into = np.eye(len(periods))[at]
    expected, observed = forecast[:, span.given :] @ into, seen[:, span.given :] @ into
    deviation, chance = _deviations(*learned)
    ends = [_quantile(expected, deviation, chance, q) for q in ((1 - level) / 2, (1 + level) / 2)]
    unknown = missing[:, span.given :] @ into > 0
    made = {
        name: np.where(unknown, np.nan, one)
        for name, one in zip(("expected", "low", "high"), (expected, *ends), strict=True)
    }
    made["observed"] = observed
    texts = ("expected count", "lower end of the interval", "upper end of the interval", "count of the cube")
    variables = {
        name: ((by, "time"), values, {"units": "1", "long_name": text})
        for (name, values), text in zip(made.items(), texts, strict=True)
    }
    return xr.Dataset(
        {**variables, "days": ("time", into.sum(axis=0).astype(int), {"units": "1", "long_name": "days counted"})},
        coords={by: area_names(cube, by), "time": periods.astype("datetime64[ns]")},
        attrs={**span.facts(cube["time"].values, level), "model": cube[risk].attrs["model"], "freq": freq},
    )


def with_risk(cube: xr.Dataset, model: Model | str, level: float) -> tuple[xr.Dataset, str]:
    """Return the cube with the risk of a model, and the name of the variable."""
    if not 0 < level < 1:
        message = f"level must lie between 0 and 1, not {level!r}"
        raise InputError(message)
    if isinstance(model, Model):
        made = add_risk(cube, model)
        return made, str(list(made.data_vars)[-1])
    names = [*variables_of(cube, "risk"), *variables_of(cube, "expected")]
    found = [name for name in names if model in (name, name.removeprefix("risk_"), name.removeprefix("expected_"))]
    if not found:
        message = f"the cube has no risk of {model!r}; it has {', '.join(names) or 'none'}: htgeo.add_risk(cube, model) adds one"
        raise CubeError(message)
    return cube, found[0]


def span_of(cube: xr.Dataset, risk: str, start: str | None, days: int) -> Span:
    """Return the calibration days before `start`: none is a training day, and their labels are over at `start`."""
    if not days > 0:
        message = f"days must be above 0, not {days!r}"
        raise InputError(message)
    if "training_days" not in cube[risk].attrs:
        message = f"{risk!r} does not say which days trained it, so no later days can be told; add it with htgeo.add_risk(cube, model)"
        raise CubeError(message)
    time, gap = cube["time"].values, int(cube[risk].attrs["horizon"]) - 1
    trained = np.datetime64(cube[risk].attrs["training_days"][-10:])
    earliest = int(np.searchsorted(time, trained, side="right")) + gap
    given = earliest + days + gap if start is None else int(np.searchsorted(time, as_day(start)))
    first = given - gap - days
    if first < earliest or given >= len(time):
        message = (
            f"intervals from {start or 'the earliest day'} on are learned on the {days} days before, which must come after the "
            f"training days (to {trained}) and leave a day of the cube (to {str(time[-1])[:10]}), with gaps of {gap} days: give fewer days, another start, or fit the model on earlier days"
        )
        raise CubeError(message)
    return Span(first, first + days, given)


def counted(cube: xr.Dataset, risk: str, span: Span) -> tuple[np.ndarray, np.ndarray]:
    """Return forecasts and counts of the calibration days over their horizon, shape (sample,)."""
    probability, horizon = role_of(cube[risk]) == "risk", int(cube[risk].attrs["horizon"])
    forecast = forecast_of(cube[risk].isel(time=slice(span.first, span.stop)).values, probability=probability)
    days = slice(span.first, span.stop + horizon - 1)
    counts = coming_sum(cube[cube[risk].attrs["layer"]].isel(time=days).values, horizon)[:, : forecast.shape[1]]
    known = ~(np.isnan(forecast) | np.isnan(counts))
    if not known.any():
        message = f"no calibration day of {risk!r} ({span.text(cube['time'].values)}) has a forecast: add it to the whole cube with htgeo.add_risk, or give another start"
        raise CubeError(message)
    return forecast[known], counts[known].astype(float)


def scale_of(cube: xr.Dataset, risk: str, forecast: np.ndarray, counts: np.ndarray) -> float:
    """Return how many events come where the forecast says one: more than one where events come in groups.

    It compares counts with counts capped at 1, and forecasts alike, so that the level stays the forecast's own.
    """
    if role_of(cube[risk]) != "risk":
        return 1.0
    together = counts.sum() / max(np.minimum(counts, 1).sum(), SMALL)
    return float(max(together, 1.0) * -np.expm1(-forecast).sum() / forecast.sum())


def _area_days(
    cube: xr.Dataset, risk: str, areas: "csr_array", span: Span
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return forecasts, counts, and cells without a forecast by area and day, block of cells by block.

    On the days that intervals are learned on, a cell without a forecast counts in neither of them.
    """
    layer, probability = cube[risk].attrs["layer"], role_of(cube[risk]) == "risk"
    forecast, seen, missing = (np.zeros((areas.shape[0], cube.sizes["time"])) for _ in range(3))
    start, learned = 0, np.arange(cube.sizes["time"]) < span.given
    for block in iter_blocks(cube[[risk, layer]]):
        part = areas[:, start : start + block.sizes[space(cube)]]
        values = forecast_of(block[risk].values, probability=probability)
        unknown = np.isnan(values)
        forecast += part @ np.where(unknown, 0.0, values)
        seen += part @ np.where(unknown & learned, 0.0, block[layer].values.astype(float))
        missing += part @ unknown.astype(float)
        start += block.sizes[space(cube)]
    return forecast, seen, missing


def _chunks(values: np.ndarray, days: int) -> np.ndarray:
    """Return sums over so many days each, the last days in whole chunks, shape (area * chunk,)."""
    chunks = values.shape[1] // days
    return np.asarray(
        values[:, values.shape[1] - chunks * days :].reshape(len(values), chunks, days).sum(axis=2).ravel()
    )


def _first_days(days: np.ndarray, freq: str) -> np.ndarray:
    """Return the first day of the week or month of each day."""
    if freq == "month":
        return np.asarray(days.astype("datetime64[M]").astype("datetime64[D]"))
    whole = days.astype("datetime64[D]")
    return np.asarray(whole - (whole.astype(int) + 3) % 7)  # day 0 was a Thursday


def _deviations(forecast: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return relative deviations of areas from their forecast, and the chance of each given what was seen.

    Before anything is seen they are half-Cauchy (Gelman 2006).
    """
    from scipy.special import gammaln

    deviation = np.geomspace(1e-3, 3, 100)
    size, mean, y = 1 / deviation[:, None] ** 2, np.maximum(forecast, SMALL)[None, :], seen[None, :]
    each = gammaln(y + size) - gammaln(size) + y * np.log(mean / (size + mean)) - size * np.log1p(mean / size)
    chance = each.sum(axis=1) + np.log(deviation) - np.log1p((deviation / USUAL_DEVIATION) ** 2)
    chance = np.exp(chance - chance.max())
    likely = chance > UNLIKELY
    return deviation[likely], chance[likely] / chance[likely].sum()


def _quantile(expected: np.ndarray, deviation: np.ndarray, chance: np.ndarray, level: float) -> np.ndarray:
    """Return the least count at which the chance of lower ones, with half its own, reaches `level` (Lancaster 1961)."""
    from scipy.special import betainc

    size = 1 / deviation**2
    share = size / (size + np.maximum(expected, SMALL)[..., None])

    def reached(count: np.ndarray) -> np.ndarray:
        below = betainc(size, np.maximum(count, SMALL)[..., None], share) @ chance
        until = betainc(size, count[..., None] + 1, share) @ chance
        return np.asarray((np.where(count > 0, below, 0.0) + until) / 2 >= level)

    low: np.ndarray = np.full_like(expected, -1.0)
    high: np.ndarray = np.ceil(10 * expected + 100)
    while not (enough := reached(high)).all():
        high = np.where(enough, high, 2 * high)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        enough = reached(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high
