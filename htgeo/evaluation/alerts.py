"""A rule that says which cells of a day are flagged, and the alerts it writes into a cube."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import xarray as xr

from htgeo.core.blocks import MAX_BLOCK_VALUES
from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE
from htgeo.cube.schema import CELL, space, stamp, step_days
from htgeo.evaluation.budgets import (
    Budget,
    Objective,
    budget_from_dict,
    budget_to_dict,
    objective_from_dict,
    objective_to_dict,
)
from htgeo.evaluation.day_ranks import KeptPlaces, day_ranks, in_order, keep_places
from htgeo.evaluation.samples import forecasts

NUMBER = dict[str, float]
"""A value with the ends of its interval: ``value``, ``low``, ``high``."""


@dataclass(frozen=True)
class AlertRule:
    """A rule that flags cells: those whose forecast is at least `threshold`; made by `choose_threshold`.

    With `every_day` no more of them than the budget allows on that day. With `minimum_shares` as many as are above the
    threshold, but each area named has at least its share of them, rounded down to whole cells.

    Attributes
    ----------
    model
        Name of the model, without ``risk_``.
    label
        Name of the label that the forecast is of.
    places
        Places and steps of the cube it was chosen on, such as ``cells of resolution 8 by 1 days``; empty if not known.
    threshold
        The least forecast that is flagged.
    interval : tuple of float
        Interval of the threshold, had it been chosen on other weeks.
    budget, objective, every_day, minimum_shares
        As given to `choose_threshold`.
    span : tuple of str
        First and last day that the choice has seen, those that the labels of the last days reach into included.
    reached : dict
        What the rule reached on these days: ``{"recall": {"value", "low", "high"}, "precision": …}``.
    level
        Level of the intervals.
    sweep : Dataset
        What each threshold would have reached, on ``threshold``, highest first.
    """

    model: str
    label: str
    places: str
    threshold: float
    interval: tuple[float, float]
    budget: Budget | None
    objective: Objective
    every_day: bool
    minimum_shares: dict[str, float]
    span: tuple[str, str]
    reached: dict[str, NUMBER]
    level: float
    sweep: xr.Dataset = field(compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``scores.json``; numbers that are not finite become None."""
        columns = {str(name): self.sweep[name].values.tolist() for name in ("threshold", *self.sweep.data_vars)}
        return {
            "model": self.model,
            "label": self.label,
            "places": self.places,
            "threshold": self.threshold,
            "interval": _plain(list(self.interval)),
            "budget": budget_to_dict(self.budget),
            "objective": objective_to_dict(self.objective),
            "every_day": self.every_day,
            "minimum_shares": dict(self.minimum_shares),
            "span": list(self.span),
            "reached": {
                name: dict(zip(one, _plain(list(one.values())), strict=True)) for name, one in self.reached.items()
            },
            "level": self.level,
            "sweep": {name: _plain(values) for name, values in columns.items()},
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Return the rule that `to_dict` wrote."""
        low, high = _numbers(facts["interval"])
        first, last = facts["span"]
        reached = {name: dict(zip(one, _numbers(one.values()), strict=True)) for name, one in facts["reached"].items()}
        return cls(
            **{name: facts[name] for name in ("model", "label", "threshold", "every_day", "minimum_shares", "level")},
            places=facts.get("places", ""),
            interval=(low, high),
            budget=budget_from_dict(facts["budget"]),
            objective=objective_from_dict(facts["objective"]),
            span=(first, last),
            reached=reached,
            sweep=sweep_table({name: np.array(_numbers(values)) for name, values in facts["sweep"].items()}),
        )

    def __str__(self) -> str:
        limit = (
            "no budget"
            if self.budget is None
            else f"{self.budget.column} at most {self.budget.most:g} {'every day' if self.every_day else 'on average'}"
        )
        shown = dict.fromkeys([*([self.budget.column] if self.budget else []), "recall", "precision"])
        found = (f"{name} {_text(**self.reached[name])}" for name in shown if name in self.reached)
        cut = _text(self.threshold, *self.interval)
        ((best, options),) = objective_to_dict(self.objective).items()
        aim = best + "".join(f", {name} {value:g}" for name, value in options.items())
        return f"{self.model} >= {cut}; {limit}; best {aim}; {' to '.join(self.span)}: {', '.join(found)}"

    __repr__ = __str__


TEXTS = {
    "threshold": "least forecast that is flagged",
    "cells_per_day": "cells flagged at a time",
    "area_share": "share of the area flagged at a time",
    "visits_per_week": "visits a week, one to each flagged cell and step",
    "precision": "share of the flagged cell-days with an event within the horizon",
    "recall": "share of the cell-days with an event within the horizon that are flagged",
    "f_beta": "weighted harmonic mean of precision and recall",
    "false_alerts_per_true": "flagged cell-days without an event by those with one; missing where none has",
    "false_alerts_per_day": "cells flagged without an event, a day",
    "missed_per_day": "cells with an event not flagged, a day",
    "cost_per_day": "expected cost a day",
}


def sweep_table(columns: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Return what thresholds reach as a Dataset on ``threshold``."""
    made = {name: ("threshold", values, {"units": "1", "long_name": TEXTS[name]}) for name, values in columns.items()}
    return xr.Dataset(
        {name: one for name, one in made.items() if name != "threshold"}, {"threshold": made["threshold"]}
    )


def add_alert(cube: xr.Dataset, rule: AlertRule) -> xr.Dataset:
    """Add the alerts of a rule to a cube, and the order in which its cells are flagged, lazily.

    Parameters
    ----------
    cube
        A cube with the forecast of the rule's model. A rule with `every_day` or `minimum_shares` compares cells of a
        day: give the whole study area.
    rule
        From `choose_threshold`.

    Returns
    -------
    Dataset
        The cube with ``alert_<model>`` (bool; False where there is no forecast) and ``rank_<model>`` (float32; 1 is
        flagged first, that is the highest forecast of the day unless places are kept for areas; equal forecasts in an
        order drawn by a fixed seed; missing where there is no forecast), in the dimensions and chunks of the forecast.

    Raises
    ------
    CubeError
        If the forecast of the cube is of another label than the rule, or on other places or steps.
    InputError
        If the cube has no such forecast, or lacks an area with a minimum share.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-04-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> rule = ht.choose_threshold(cube, "historical_rate", budget=ht.CellsPerDay(10), stop="2021-05-15", draws=20)
    >>> cube = ht.add_alert(cube, rule)
    >>> bool(cube["rank_historical_rate"].sel(time="2021-06-01").min() == 1)
    True
    """
    forecast = forecast_of(cube, rule)
    across = space(cube)
    days = max(1, MAX_BLOCK_VALUES // max(cube.sizes[across], 1))
    lazy = forecast.chunks is not None
    alert, rank = xr.apply_ufunc(
        flag,
        forecast.chunk({across: -1, "time": days}) if lazy else forecast,
        kwargs={
            "rule": rule,
            "area": cube["cell_area"].values,
            "kept": keep_places(cube, rule.minimum_shares),
            "step": step_days(cube),
        },
        output_core_dims=[[], []],
        dask="parallelized",
        output_dtypes=[bool, np.float32],
    )
    if lazy:
        alert, rank = (one.chunk(forecast.chunksizes) for one in (alert, rank))
    facts = {
        "model": rule.model,
        "label": rule.label,
        "horizon": forecast.attrs["horizon"],
        "threshold": rule.threshold,
        "chosen_on": " to ".join(rule.span),
        "intended_use": INTENDED_USE,
    }
    texts = (f"flagged by the rule of {rule.model}", f"place of the cell in the order of {rule.model}, 1 the first")
    made = {
        f"{role}_{rule.model}": stamp(one, f"{role}_{rule.model}", role, "1", text, **facts)
        for role, one, text in zip(("alert", "rank"), (alert, rank), texts, strict=True)
    }
    return cube.assign(made)


def forecast_of(cube: xr.Dataset, rule: AlertRule) -> xr.DataArray:
    """Return the forecast that a rule is for."""
    if not isinstance(rule, AlertRule):
        message = (
            f"a rule comes from htgeo.choose_threshold, or from AlertRule.from_dict; this is {type(rule).__name__}"
        )
        raise InputError(message)
    forecast = cube[forecasts(cube, [rule.model])[rule.model]]
    if forecast.attrs["label"] != rule.label:
        message = f"the rule was chosen for the label {rule.label!r}, the forecast {forecast.name!r} is of {forecast.attrs['label']!r}: choose one for it with htgeo.choose_threshold"
        raise CubeError(message)
    if rule.places not in ("", places_of(cube)):
        message = f"the rule was chosen on {rule.places}, the cube has {places_of(cube)}: a threshold holds for the places and steps that it was chosen on; choose one for this cube with htgeo.choose_threshold"
        raise CubeError(message)
    return forecast.transpose(space(cube), "time")


def places_of(cube: xr.Dataset) -> str:
    """Return in words what a cell-day of a cube is."""
    places = (
        f"cells of resolution {cube[CELL].attrs.get('level')}" if space(cube) == CELL else f"areas of {space(cube)}"
    )
    return f"{places} by {step_days(cube)} days"


def flag(
    forecast: np.ndarray, *, rule: AlertRule, area: np.ndarray, kept: KeptPlaces | None, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which cells of each day a rule flags, and their places; both (cell, time).

    Parameters
    ----------
    forecast : array, shape (cell, time)
        Forecasts of all cells on some days.
    rule
        The rule.
    area : array, shape (cell,)
        Areas of the cells.
    kept
        Places kept for areas.
    step
        Days of a step of the time axis.
    """
    rank = day_ranks(forecast, kept)
    flagged = (forecast >= rule.threshold).sum(axis=0)
    if rule.every_day and rule.budget is not None:
        flagged = np.minimum(flagged, rule.budget.cells(in_order(area[:, None], rank, 0.0), step))
    return rank <= flagged, rank


def _text(value: float, low: float, high: float) -> str:
    return f"{value:.4g}" + (f" [{low:.4g}, {high:.4g}]" if np.isfinite(low) else "")


def _plain(values: list[float]) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values]


def _numbers(values: Any) -> list[float]:
    return [np.nan if value is None else value for value in values]
