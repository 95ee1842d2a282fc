"""The bias audit: what flags cost and give each part of the city, and how they concentrate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import near
from htgeo.cube.schema import layer_names, require, role_of, space, variables_of
from htgeo.evaluation.base import SCORES, Sample, ratio
from htgeo.evaluation.bias_report import ALL, STATEMENT, UNKNOWN, BiasReport
from htgeo.evaluation.bootstrap import check_draws, draw_units, interval
from htgeo.evaluation.samples import samples

TOP = (0.01, 0.05, 0.10)


@dataclass(frozen=True)
class Quantiles:
    """Groups of cells by the size of a variable: as many cells in each.

    Parameters
    ----------
    variable
        Name of a variable on the cells, such as one that `add_attributes` joined.
    groups
        Number of groups; equal values stay together, so that there may be fewer.
    exposure
        Whether the variable says how many people there are (population) and may be a feature. All else that
        describes who lives somewhere may not, and the report says so where it is.
    """

    variable: str
    groups: int = 4
    exposure: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.groups, int) or self.groups < 2:  # noqa: PLR2004  # one group compares nothing
            message = f"groups must be a whole number of at least 2, not {self.groups!r}"
            raise InputError(message)

    def codes(self, cube: xr.Dataset) -> tuple[np.ndarray, list[str]]:
        """Return the group of each cell, and the names of the groups; cells without a value are ``unknown``."""
        variable = require(cube, self.variable)
        if variable.dims != (space(cube),) or variable.dtype.kind not in "fiu":
            message = f"{self.variable!r} must be numbers on ({space(cube)!r}), not {variable.dtype} on {variable.dims}"
            raise InputError(message)
        values = variable.values.astype(float)
        known = np.isfinite(values)
        if not known.any():
            message = f"{self.variable!r} has no value in any cell"
            raise CubeError(message)
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, self.groups + 1)))
        last = max(len(edges) - 2, 0)
        code = np.where(known, np.clip(np.searchsorted(edges, values, side="right") - 1, 0, last), last + 1)
        names = [
            f"{number + 1}: {edges[number]:.6g} to {edges[min(number + 1, len(edges) - 1)]:.6g}"
            for number in range(last + 1)
        ]
        return code, names + ([] if known.all() else [UNKNOWN])


def audit_bias(
    cube: xr.Dataset,
    model: str,
    *,
    by: str | Quantiles,
    start: str | None = None,
    stop: str | None = None,
    alert: str | None = None,
    share: float = 0.05,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> BiasReport:
    """Compare flags with outcomes by part of the city.

    Rates that hang on how common events are (precision, F1) differ between groups without any bias, so they are left
    out; the burden (false alarms), the benefit (hit rate), calibration and ranking are shown.

    Parameters
    ----------
    cube
        A cube with a label and a forecast of it.
    model
        Name of the forecast, without ``risk_`` or ``expected_``.
    by
        A region layer (``"borough"``), or `Quantiles` of a variable on the cells.
    start, stop
        First and last day; by default the first after the training days, and the last of the cube.
    alert
        A variable ``(cell, time)`` that is above 0 where a cell is flagged; None flags the highest forecasts.
    share
        Share of the surface that is then flagged each day; the last cell counts in part.
    draws, level, seed
        Bootstrap of blocks of days (a week, or twice the horizon), and the level of its intervals.

    Returns
    -------
    BiasReport

    Raises
    ------
    InputError
        If there are no such groups, or the share is not between 0 and 1.
    CubeError
        If the cube has no such forecast or variable.

    References
    ----------
    Chouldechova 2017, Fair prediction with disparate impact; Lum and Isaac 2016, To predict and serve?

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=1))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> report = ht.audit_bias(cube, "historical_rate", by="borough", start="2021-05-01", draws=50)
    >>> report.table["value"].sel(area="all", statistic="share_of_flags").item()
    1.0
    """
    check_draws(draws, level, seed)
    if not 0 < share < 1:
        message = f"share must lie between 0 and 1, not {share!r}"
        raise InputError(message)
    code, names = _codes(cube, by)
    raised = None if alert is None else _alert(cube, alert)
    scored = samples(cube, [model], start=start, stop=stop)
    sample = scored.by_model[model]
    flags = _top(sample, share) if raised is None else _raised(raised, scored.times, sample)
    weights = draw_units(scored.units, draws=draws, seed=seed)
    values = _statistics(sample, flags, code, len(names), weights)
    facts = {
        "model": model,
        "by": by if isinstance(by, str) else f"{by.variable} in {len(names)} groups",
        "flags": f"{share:.0%} of the surface each day" if alert is None else alert,
        "days": f"{str(scored.times[0])[:10]} to {str(scored.times[-1])[:10]}",
        "level": level,
        "draws": len(weights) - 1,
        "block_days": scored.block_days,
        "statement": STATEMENT,
    }
    table = _table(values, "area", [*names, ALL], level, scored.units).assign_attrs(facts)
    table["events"] = ("area", _events(scored.counts, code, len(names)))
    made_up = () if isinstance(by, str) or by.exposure else _as_features(cube, by.variable)
    return BiasReport(table, _concentration(sample, flags, weights, level), made_up)


def _codes(cube: xr.Dataset, by: str | Quantiles) -> tuple[np.ndarray, list[str]]:
    """Return the group of each cell and the names of the groups."""
    if isinstance(by, Quantiles):
        return by.codes(cube)
    known = layer_names(cube)
    if by not in known:
        message = f"there are no groups by {by!r}; choose {', '.join(known)}{near(by, known)}, or Quantiles of a variable: {', '.join(variables_of(cube, 'place')) or 'none here'}"
        raise InputError(message)
    names, code = np.unique(np.where(cube[by].values == "", UNKNOWN, cube[by].values.astype(str)), return_inverse=True)
    return code, names.tolist()


def _as_features(cube: xr.Dataset, variable: str) -> tuple[str, ...]:
    made = (variable, f"static_{variable}")
    return tuple(name for name in made if name in cube and role_of(cube[name]) == "feature")


def _top(sample: Sample, share: float) -> np.ndarray:
    """Return how much of each cell is flagged each day (cell, time): the highest forecasts up to a share of the surface."""
    order = sample.day_order
    surface = np.take_along_axis(sample.area[:, None] * sample.known, order, axis=0)
    before = np.cumsum(surface, axis=0) - surface
    left = share * surface.sum(axis=0) - before
    part = np.clip(np.divide(left, surface, out=np.zeros_like(surface), where=surface > 0), 0, 1)
    flags = np.zeros(part.shape)
    np.put_along_axis(flags, order, part, axis=0)
    return flags


def _alert(cube: xr.Dataset, alert: str) -> xr.DataArray:
    """Return the alerts of a cube, on (cell, time)."""
    variable = require(cube, alert, "alert")
    if set(variable.dims) != {space(cube), "time"}:
        message = f"{alert!r} must be on ({space(cube)}, time), not {variable.dims}"
        raise InputError(message)
    return variable.transpose(space(cube), "time")


def _raised(alert: xr.DataArray, times: np.ndarray, sample: Sample) -> np.ndarray:
    """Return 1 where an alert was raised on a cell-day that is scored, 0 elsewhere."""
    values = alert.sel(time=times).values
    return np.asarray((values > 0) & sample.known, dtype=float)


def _statistics(
    sample: Sample, flags: np.ndarray, code: np.ndarray, groups: int, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return each statistic of each group and of everything, under each draw: (area, draw)."""
    outcome = np.minimum(np.nan_to_num(sample.observed), 1)
    none = np.where(sample.known, 1 - outcome, 0)
    made = {
        "size": sample.known,
        "flags": flags,
        "events": sample.events,
        "hits": sample.events * flags,
        "quiet": none,
        "false": none * flags,
        "forecast": sample.forecast,
        "outcome": sample.observed,
    }
    total = {key: _by_group(sample, values, code, groups) @ weights.T for key, values in made.items()}
    surface = np.bincount(code, sample.area, groups) / sample.area.sum()
    shares = {key: ratio(total[key], total[key][-1:].repeat(groups + 1, axis=0)) for key in ("events", "flags")}
    return {
        "share_of_area": np.broadcast_to(np.append(surface, 1.0)[:, None], total["size"].shape),
        "share_of_events": shares["events"],
        "share_of_flags": shares["flags"],
        "flags_per_event": ratio(shares["flags"], shares["events"]),
        "flagged": ratio(total["flags"], total["size"]),
        "hit_rate": ratio(total["hits"], total["events"]),
        "false_alarm_rate": ratio(total["false"], total["quiet"]),
        "expected_over_observed": ratio(total["forecast"], total["outcome"]),
        "roc_auc": _roc_auc(replace(sample, observed=np.minimum(sample.observed, 1)), code, groups, weights),
    }


def _by_group(sample: Sample, values: np.ndarray, code: np.ndarray, groups: int) -> np.ndarray:
    """Return sums by group and block, then of everything: (group + 1, unit)."""
    place = (code[:, None] * sample.units + sample.unit).ravel()
    sums = np.bincount(place, np.nan_to_num(values).ravel(), groups * sample.units).reshape(groups, sample.units)
    return np.concatenate([sums, sums.sum(axis=0, keepdims=True)])


def _roc_auc(sample: Sample, code: np.ndarray, groups: int, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve within each group and over everything: (group + 1, draw)."""
    score = SCORES["roc_auc"]()
    members = [*(np.flatnonzero(code == group) for group in range(groups)), np.arange(len(code))]
    parts = [
        replace(sample, forecast=sample.forecast[rows], observed=sample.observed[rows], unit=sample.unit[rows])
        for rows in members
    ]
    return np.stack([score.values(score.prepare(part), weights) for part in parts])


def _events(counts: np.ndarray, code: np.ndarray, groups: int) -> np.ndarray:
    """Return the number of events of each group and of everything, each event once."""
    of_group = np.bincount(code, np.nan_to_num(counts).sum(axis=1), groups)
    return np.append(of_group, of_group.sum())


def _concentration(sample: Sample, flags: np.ndarray, weights: np.ndarray, level: float) -> xr.Dataset:
    """Return how flags and events concentrate; the cells that have most are those of all days, in every draw."""
    cells = np.arange(len(flags))
    found = [
        _concentrated_in(_by_group(sample, values, cells, len(cells))[:-1] @ weights.T)
        for values in (flags, sample.events)
    ]
    values = {key: np.stack([one[key] for one in found]) for key in found[0]}
    return _table(values, "what", ["flags", "events"], level, sample.units)


def _concentrated_in(totals: np.ndarray) -> dict[str, np.ndarray]:
    """Return shares of the first cells and the Gini coefficient of totals (cell, draw)."""
    ordered = totals[np.argsort(-totals[:, 0], kind="stable")]
    cells, everything = len(ordered), ordered.sum(axis=0)
    rank = np.arange(cells)
    found = {
        f"top_{share:.0%}".rstrip("%"): ratio(np.clip(share * cells - rank, 0, 1) @ ordered, everything)
        for share in TOP
    }
    return {**found, "gini": (cells + 1 - 2 * ratio((rank + 1) @ ordered, everything)) / cells}


def _table(values: Mapping[str, np.ndarray], dim: str, names: list[str], level: float, blocks: int) -> xr.Dataset:
    """Return value, low and high on (dim, statistic) of statistics by draw."""
    stacked = np.stack(list(values.values()), axis=1)
    low, high = interval(stacked, level, blocks)
    dims = (dim, "statistic")
    return xr.Dataset(
        {"value": (dims, stacked[..., 0]), "low": (dims, low), "high": (dims, high)},
        coords={dim: names, "statistic": list(values)},
    )
