"""What alerts may cost, and what they are to achieve: budgets and objectives of `choose_threshold`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.evaluation.base import ratio

WEEK = 7
ROUNDING = 1e-9


def is_number(value: object) -> bool:
    """Return whether a value is a real number."""
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True)
class Budget(ABC):
    """The most that may be spent, on average over the days.

    Parameters
    ----------
    most
        The most, above 0.
    """

    column: ClassVar[str]
    most: float

    def __post_init__(self) -> None:
        if not (is_number(self.most) and 0 < self.most < np.inf):
            message = f"{type(self).__name__} must be a number above 0, not {self.most!r}"
            raise InputError(message)

    def holds(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return where a table of thresholds keeps the budget; flagging nothing, its first row, always does."""
        holds = np.asarray(table[self.column] <= self.most * (1 + ROUNDING))
        holds[0] = True
        return holds

    @abstractmethod
    def cells(self, area: np.ndarray, step: int) -> np.ndarray:
        """Return how many cells may be flagged on each day, if none may exceed the budget.

        Parameters
        ----------
        area : array, shape (cell, time)
            Areas of the cells of each day in the order in which they are flagged, 0 where there is no forecast.
        step
            Days of a step of the time axis.
        """


class CellsPerDay(Budget):
    """Cells flagged at a time (areas, in a cube of areas): each day; in a cube of weeks, each week.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.CellsPerDay(50).most
    50
    """

    column: ClassVar[str] = "cells_per_day"

    def cells(self, area: np.ndarray, step: int) -> np.ndarray:
        """Return the budget, whole cells."""
        del step
        return np.full(area.shape[1], np.floor(self.most))


class AreaShare(Budget):
    """Share of the area flagged at a time, above 0 and at most 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.AreaShare(0.05).most
    0.05
    """

    column: ClassVar[str] = "area_share"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most > 1:
            message = f"AreaShare is a share of the area, at most 1, not {self.most!r}; 5 % is 0.05"
            raise InputError(message)

    def cells(self, area: np.ndarray, step: int) -> np.ndarray:
        """Return how many of the first cells lie within the share."""
        del step
        reached = np.cumsum(area, axis=0)
        within = (reached <= self.most * (1 + ROUNDING) * reached[-1:]) & (area > 0)
        return np.asarray(within.sum(axis=0, dtype=float))


class VisitsPerWeek(Budget):
    """Visits a week, one to each flagged cell and step of the time axis: each day, or once a week in a cube of weeks.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.VisitsPerWeek(140).most
    140
    """

    column: ClassVar[str] = "visits_per_week"

    def cells(self, area: np.ndarray, step: int) -> np.ndarray:
        """Return an equal part of the week for each step, whole cells."""
        return np.full(area.shape[1], np.floor(self.most * step / WEEK))


class FalseAlertsPerTrue(Budget):
    """False alerts for each true one: cell-days flagged without an event within the horizon, by those with one.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.FalseAlertsPerTrue(9).most
    9
    """

    column: ClassVar[str] = "false_alerts_per_true"

    def cells(self, area: np.ndarray, step: int) -> np.ndarray:
        """Refuse: which alerts are true is known only afterwards."""
        del area, step
        message = "a budget of false alerts for each true one can hold on average only; leave out every_day, or give CellsPerDay, AreaShare or VisitsPerWeek"
        raise InputError(message)


class Objective(ABC):
    """What a threshold is chosen for."""

    @abstractmethod
    def worth(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return how good each threshold of a table is; higher is better."""


@dataclass(frozen=True)
class Recall(Objective):
    """The share of cell-days with an event within the horizon that are flagged."""

    def worth(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the recall."""
        return np.asarray(table["recall"])


@dataclass(frozen=True)
class FBeta(Objective):
    """Weighted harmonic mean of precision and recall (van Rijsbergen 1979).

    Parameters
    ----------
    beta
        How many times recall matters as much as precision, above 0.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.FBeta(2.0).beta
    2.0
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        if not (is_number(self.beta) and 0 < self.beta < np.inf):
            message = f"beta must be a number above 0, not {self.beta!r}"
            raise InputError(message)

    def worth(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return F-beta, 0 where nothing is flagged."""
        precision, recall = np.nan_to_num(table["precision"]), np.nan_to_num(table["recall"])
        weight = self.beta**2
        return np.asarray(np.nan_to_num(ratio((1 + weight) * precision * recall, weight * precision + recall)))


@dataclass(frozen=True)
class Cost(Objective):
    """Expected cost, to be made small; any unit, the same for all three.

    With calibrated risks the least cost is where the risk exceeds
    ``(false_alert + visit) / (false_alert + missed_event)`` (Elkan 2001).

    Parameters
    ----------
    false_alert
        Cost of a cell-day flagged without an event within the horizon, at least 0.
    missed_event
        Cost of a cell-day not flagged though an event comes within the horizon, above 0.
    visit
        Cost of any flagged cell-day, true or false, at least 0.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.Cost(false_alert=1, missed_event=20).visit
    0.0
    """

    false_alert: float
    missed_event: float
    visit: float = 0.0

    def __post_init__(self) -> None:
        costs = (self.false_alert, self.missed_event, self.visit)
        if not (all(is_number(cost) and 0 <= cost < np.inf for cost in costs) and self.missed_event > 0):
            message = f"costs are numbers of at least 0, that of a missed event above 0, not {self}"
            raise InputError(message)

    def worth(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return minus the cost a day."""
        false, missed = self.false_alert * table["false_alerts_per_day"], self.missed_event * table["missed_per_day"]
        return np.asarray(-(false + missed + self.visit * table["visits_per_week"] / WEEK))


BUDGETS: dict[str, type[Budget]] = {
    kind.column: kind for kind in (CellsPerDay, AreaShare, VisitsPerWeek, FalseAlertsPerTrue)
}
OBJECTIVES: dict[str, type[Objective]] = {"recall": Recall, "f_beta": FBeta, "cost": Cost}


def budget_to_dict(budget: Budget | None) -> dict[str, float] | None:
    """Return a budget as ``{"cells_per_day": 50}``."""
    return None if budget is None else {budget.column: budget.most}


def budget_from_dict(facts: Mapping[str, float] | None) -> Budget | None:
    """Return the budget that `budget_to_dict` wrote."""
    if facts is None:
        return None
    ((name, most),) = facts.items()
    return BUDGETS[name](most)


def objective_to_dict(objective: Objective) -> dict[str, Any]:
    """Return an objective as ``{"f_beta": {"beta": 2}}``."""
    name = next(name for name, kind in OBJECTIVES.items() if type(objective) is kind)
    return {name: asdict(objective)}  # type: ignore[call-overload]  # every objective is a dataclass


def objective_from_dict(facts: Mapping[str, Any]) -> Objective:
    """Return the objective that `objective_to_dict` wrote."""
    ((name, options),) = facts.items()
    return OBJECTIVES[name](**options)
