"""What a cube holds to be scored: one sample a forecast, all over the same cell-days."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import near
from htgeo.cube.schema import (
    as_day,
    check_cube,
    even_steps,
    layer_names,
    require,
    role_of,
    space,
    step_days,
    variables_of,
)
from htgeo.evaluation.base import SCORES, Sample, Score
from htgeo.evaluation.bootstrap import BLOCK_DAYS, block_of, effective_events
from htgeo.evaluation.embargo import fresh_from, learned_from
from htgeo.grid.cells import parents
from htgeo.labels.within import coming_sum

Resample = Literal["time", "space-time"]
PLACE_LEVELS = 2
"""Blocks of places are parent cells so many levels up: 49 cells each."""
PARTS_OF_TIME = ("month", "quarter", "year")


@dataclass(frozen=True)
class Samples:
    """Samples by model over the same cell-days.

    Attributes
    ----------
    by_model : dict of Sample
        Forecasts and outcomes by model.
    times : array, shape (time,)
        The days scored, those whose label is over.
    counts : array, shape (cell, day)
        Events of all days that the labels cover.
    covered : array, shape (day,)
        These days.
    label
        Name of the label.
    horizon, block_days
        Days a label covers, and days that are resampled together.
    space, step
        The spatial dimension, and days of a step of time.
    """

    by_model: dict[str, Sample]
    times: np.ndarray
    counts: np.ndarray
    covered: np.ndarray
    label: str
    horizon: int
    space: str
    step: int
    block_days: int

    @property
    def units(self) -> int:
        """Number of blocks that are resampled."""
        return next(iter(self.by_model.values())).units

    def select(self, cells: np.ndarray, times: np.ndarray) -> "Samples":
        """Return the samples of some cells and days, given as masks."""
        part = {name: _part(sample, cells, times) for name, sample in self.by_model.items()}
        reach = np.zeros(len(self.covered), bool)
        for lead in range(self.horizon // self.step):
            ahead = self.times[times] + np.timedelta64(lead * self.step, "D")
            reach |= np.isin(self.covered, ahead)
        return replace(
            self,
            by_model=part,
            times=self.times[times],
            counts=self.counts[cells][:, reach],
            covered=self.covered[reach],
        )

    def facts(self) -> dict[str, float]:
        """Return how much is scored: cell-days, events (each once), positives, prevalence, and effective events."""
        sample = next(iter(self.by_model.values()))
        observed = sample.observed[sample.known]
        of_day = np.nan_to_num(self.counts).sum(axis=0)
        block = block_of(self.covered, self.block_days)
        return {
            "cell_days": float(len(observed)),
            "events": float(of_day.sum()),
            "positives": float(observed.sum()),
            "prevalence": float(observed.mean()) if len(observed) else float("nan"),
            "effective_events": effective_events(np.bincount(block, of_day), np.bincount(block)),
        }


def _part(sample: Sample, cells: np.ndarray, times: np.ndarray) -> Sample:
    def cut(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[cells][:, times])

    unit = np.unique(cut(sample.unit), return_inverse=True)[1].reshape(cells.sum(), times.sum())
    return Sample(
        forecast=cut(sample.forecast),
        observed=cut(sample.observed),
        events=cut(sample.events),
        area=sample.area[cells],
        lon=sample.lon[cells],
        lat=sample.lat[cells],
        base_rate=sample.base_rate,
        unit=unit.astype(np.int32),
        cell=sample.cell[cells],
        day=None if sample.day is None else sample.day[times],
    )


def forecasts(cube: xr.Dataset, names: Sequence[str] = ()) -> dict[str, str]:
    """Return {model: variable} of all forecasts of a cube; the `names` must be among them."""
    check_cube(cube)
    risks, counts = (
        {name.removeprefix(f"{role}_"): name for name in variables_of(cube, role)} for role in ("risk", "expected")
    )
    if risks and counts:
        message = f"the cube has risks ({', '.join(risks.values())}) and expected counts ({', '.join(counts.values())}), which have no score in common; drop one kind with cube.drop_vars"
        raise CubeError(message)
    found = risks or counts
    if not found:
        message = "the cube has no risk to score; add one: htgeo.add_risk(cube, htgeo.HistoricalRate().fit(train))"
        raise CubeError(message)
    for name in names:
        if name not in found and f"risk_{name}" in cube:
            message = f"'risk_{name}' is in the cube but not marked as a risk of its label; add forecasts with htgeo.add_risk(cube, model, name='risk_{name}')"
            raise InputError(message)
        if name not in found:
            message = f"the cube has no risk of {name!r}; it has {', '.join(found)}{near(name, list(found))}"
            raise InputError(message)
    return found


def fitting_scores(cube: xr.Dataset, asked: Sequence[str] | None) -> dict[str, Score]:
    """Return the scores asked for, or all that fit; one that does not fit the forecasts is refused."""
    counts = any(role_of(cube[name]) == "expected" for name in forecasts(cube).values())
    kind = "count" if counts else "probability"
    chosen = {name: SCORES[name]() for name in (SCORES if asked is None else asked)}
    fitting = {name: scorer for name, scorer in chosen.items() if scorer.scores in (kind, "both")}
    for name in [] if asked is None else set(chosen) - set(fitting):
        message = f"{name!r} scores a forecast of {'probabilities' if counts else 'counts'}; those of this cube are {'expected counts' if counts else 'probabilities'}"
        raise InputError(message)
    return fitting


def samples(
    cube: xr.Dataset,
    models: Sequence[str] | None = None,
    *,
    start: str | None = None,
    stop: str | None = None,
    resample: Resample = "time",
) -> Samples:
    """Load forecasts and outcomes of some days, over the cell-days where every forecast and the label are known.

    Parameters
    ----------
    cube
        A cube with a label and forecasts of it.
    models
        Names without ``risk_`` or ``expected_``; None takes all.
    start, stop
        First and last day; by default the first after the training days of all of them, and the last of the cube.
    resample
        Blocks of the bootstrap: ``time``, weeks (or twice the horizon); ``space-time``, weeks by parent cells two
        levels up (by areas, where the cube has areas instead of cells).

    Raises
    ------
    CubeError
        If the cube has no forecast, forecasts of different labels, no day to score, or a hole among the days.

    Warns
    -----
    UserWarning
        If `start` names a day that trained a forecast.
    """
    if resample not in ("time", "space-time"):
        message = f"resample must be 'time' or 'space-time', not {resample!r}"
        raise InputError(message)
    found = forecasts(cube, models or ())
    chosen = {name: variable for name, variable in found.items() if models is None or name in models}
    label = _label(cube, list(chosen.values()))
    days = _days(cube, list(chosen.values()), start, stop)
    step, horizon = step_days(cube), int(label.attrs["horizon"])
    reach = days["time"].values[-1] + np.timedelta64(horizon - step, "D")
    counts = _counts(cube, str(label.attrs["layer"]), days["time"].values[0], reach)
    loaded = days[[*chosen.values(), str(label.name)]].transpose(space(cube), "time", ...).compute()
    events = coming_sum(counts.values, horizon // step)[:, : days.sizes["time"]]
    observed = loaded[str(label.name)].values
    known = np.logical_and.reduce(
        [~np.isnan(values) for values in (observed, events, *(loaded[name].values for name in chosen.values()))]
    )
    if not known.any():
        first, last = (str(day)[:10] for day in days["time"].values[[0, -1]])
        message = f"no cell-day from {first} to {last} has a forecast of every model ({', '.join(chosen)}) and a label that is over (horizon {horizon} days)"
        raise CubeError(message)
    over = known.any(axis=0)  # days whose label is over; the others would only dilute the bootstrap
    covered = np.convolve(over, np.ones(horizon // step))[: counts.sizes["time"]].astype(bool)
    block_days = max(BLOCK_DAYS, 2 * horizon, step)
    known, times = known[:, over], days["time"].values[over]
    unit = _units(cube, times, block_days, resample)
    by_model = {
        model: Sample(
            forecast=np.where(known, loaded[name].values[:, over], np.nan),
            observed=np.where(known, observed[:, over], np.nan),
            events=np.where(known, events[:, over], 0.0),
            area=cube["cell_area"].values,
            lon=cube["lon"].values,
            lat=cube["lat"].values,
            base_rate=float(cube[name].attrs.get("base_rate", observed[:, over][known].mean())),
            unit=unit,
            cell=cube[space(cube)].values,
            day=(times - times[0]) // np.timedelta64(step, "D"),
        )
        for model, name in chosen.items()
    }
    return Samples(
        by_model,
        times,
        counts.values[:, : len(covered)][:, covered],
        counts["time"].values[: len(covered)][covered],
        str(label.name),
        horizon,
        space(cube),
        step,
        block_days,
    )


def _days(cube: xr.Dataset, names: list[str], start: str | None, stop: str | None) -> xr.Dataset:
    """Return the cube from `start`, by default the first day that trained none of the forecasts, to `stop`."""
    if not cube.indexes["time"].is_monotonic_increasing:
        message = "the days are not sorted, so they cannot be scored; sort the cube first: cube.sortby('time')"
        raise CubeError(message)
    first, learned = as_day(start), {name: day for name in names if (day := fresh_from(cube[name])) is not None}
    last = max(learned, key=lambda name: learned[name], default="")
    if last and learned_from(cube[last], first):
        message = f"the days to {cube[last].attrs['training_days'][-10:]} trained {last!r}; with its horizon scores are honest on the days from {str(learned[last])[:10]} on, before that they flatter, unless it was trained in other places"
        warnings.warn(message, UserWarning, stacklevel=4)
    first = learned[last] if last and first is None else first
    days = cube.sel(time=slice(first, as_day(stop)))
    if not days.sizes["time"]:
        has = [str(day)[:10] for day in cube["time"].values[[0, -1]]] if cube.sizes["time"] else []
        after = f" after the training days of {last!r}; name the first day with start= to score these" if last else ""
        message = (
            f"no day to score between {str(first)[:10]} and {stop}{after}; the cube has {' to '.join(has) or 'no day'}"
        )
        raise CubeError(message)
    return days


def _counts(cube: xr.Dataset, layer: str, first: np.datetime64, last: np.datetime64) -> xr.DataArray:
    """Return the events of all days that the labels reach into; a label cannot be followed over a hole."""
    days = cube.sel(time=slice(first, last))
    if not even_steps(days):
        ends = " to ".join(str(day)[:10] for day in days["time"].values[[0, -1]])
        message = f"the days {ends} have holes, over which the events of a label cannot be counted; score the whole cube, and parts of it with start, stop or by='month'"
        raise CubeError(message)
    return require(days, layer, "layer").transpose(space(cube), "time").compute()


def _label(cube: xr.Dataset, names: list[str]) -> xr.DataArray:
    labels = {cube[name].attrs["label"] for name in names}
    if len(labels) > 1:
        message = f"the risks forecast different labels ({', '.join(sorted(labels))}) and cannot be scored together; drop some with cube.drop_vars"
        raise CubeError(message)
    return require(cube, labels.pop(), "label")


def _units(cube: xr.Dataset, times: np.ndarray, block_days: int, resample: Resample) -> np.ndarray:
    """Return the block of each cell-day, shape (cell, time)."""
    block = block_of(times, block_days).astype(np.int32)
    cells = cube[space(cube)].values
    if resample == "time":
        return np.broadcast_to(block, (len(cells), len(times)))
    places = np.arange(len(cells))
    if space(cube) == "cell":
        above = parents(cells, max(int(cube["cell"].attrs["level"]) - PLACE_LEVELS, 0))
        places = np.unique(above, return_inverse=True)[1]
    return np.asarray(places[:, None] * (int(block.max()) + 1) + block, np.int32)


def groups(cube: xr.Dataset, times: np.ndarray, by: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return masks of cells and of days by group: of a region layer, or of month, quarter, year or weekday."""
    every_cell, every_time = np.ones(cube.sizes[space(cube)], bool), np.ones(len(times), bool)
    if by in layer_names(cube):
        values = cube[by].values.astype(str)
        return {name: (values == name, every_time) for name in np.unique(values).tolist() if name}
    if by in PARTS_OF_TIME:
        parts = _parts_of_time(times, by)
    elif by == "weekday":
        parts = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])[_weekday(times)]
    else:
        known = [*layer_names(cube), *PARTS_OF_TIME, "weekday"]
        message = f"there are no groups by {by!r}; choose {', '.join(known)}{near(by, known)}"
        raise InputError(message)
    return {name: (every_cell, parts == name) for name in dict.fromkeys(parts.tolist())}


def _weekday(times: np.ndarray) -> np.ndarray:
    return np.asarray((times.astype("datetime64[D]").astype(np.int64) + 3) % 7)


def _parts_of_time(times: np.ndarray, by: str) -> np.ndarray:
    months = times.astype("datetime64[M]")
    if by == "month":
        return months.astype(str)
    years = months.astype("datetime64[Y]").astype(str)
    if by == "year":
        return np.asarray(years)
    quarter = months.astype(np.int64) % 12 // 3 + 1
    return np.char.add(np.char.add(years, "-Q"), quarter.astype(str))


def outcome_facts(found: Samples) -> dict[str, Any]:
    """Return what a table of scores says of itself."""
    return {
        "label": found.label,
        "horizon": found.horizon,
        "days": f"{str(found.times[0])[:10]} to {str(found.times[-1])[:10]}",
        "block_days": found.block_days,
        "units": found.units,
        "scored": f"{found.space}-{'days' if found.step == 1 else 'weeks'}",
        **found.facts(),
    }
