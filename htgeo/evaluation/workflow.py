"""The response workflow: what became of the places flagged, from the user's own records, with small numbers hidden."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.evaluation.funnel import Stage

if TYPE_CHECKING:
    import pandas as pd

PART_OF = {
    "flagged": (),
    "reviewed": ("flagged",),
    "referred": ("reviewed", "flagged"),
    "confirmed": ("referred", "reviewed", "flagged"),
    "harm_reported": ("reviewed", "flagged"),
}
"""Stages of the response, in order, and the stages that each is a part of, the nearest first."""
HIDE_BELOW = 10
"""Records of people are few: counts below this are hidden unless told otherwise."""
LEAST = 3
"""Least number to hide below: of what is hidden below 2, it is known whether it is 0 or 1."""
LEVEL = 0.95


@dataclass(frozen=True)
class Workflow:
    """What `response_workflow` found.

    Attributes
    ----------
    hide_below
        Counts below this are hidden.
    level
        Level of the intervals.
    stages
        The stages given, in order. A count is None where it is hidden.
    nearly_all
        Stages that are hidden since they leave fewer than `hide_below` out; the others hidden are below it themselves.
    """

    hide_below: float
    level: float
    stages: tuple[Stage, ...]
    nearly_all: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Stage:
        stages = {stage.name: stage for stage in self.stages}
        if name not in stages:
            message = f"the workflow has no stage {name!r}; it has {', '.join(stages)}{near(name, list(stages))}"
            raise InputError(message)
        return stages[name]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, none of them hidden ones."""
        stages = [asdict(stage) for stage in self.stages]
        return {**asdict(self), "stages": stages, "nearly_all": list(self.nearly_all)}


def response_workflow(
    counts: "Mapping[str, float] | pd.Series | pd.DataFrame", *, hide_below: float = HIDE_BELOW, level: float = LEVEL
) -> Workflow:
    """Check the counts of a response workflow, and hide what could point to single persons.

    A stage is hidden where its count is below `hide_below`. It is hidden as well where what it leaves out of a stage
    that it is a part of is a small number, which would else follow by subtraction (complementary suppression: Willenborg
    & de Waal 2001, chapter 4). Rates are shares of the nearest stage that is not hidden, so none gives a hidden count
    away; their intervals are Wilson's (1927), and take records as independent of each other.

    Parameters
    ----------
    counts
        Number of records by stage: a mapping, a Series, or a table with the columns ``stage`` and ``count``. Stages are
        ``flagged``, ``reviewed``, ``referred``, ``confirmed`` (each a part of the one before) and ``harm_reported`` (of
        those reviewed); any may be left out.
    hide_below
        Counts below this, at least 3, are hidden, those of 0 too; 0 hides none.
    level
        Level of the intervals.

    Returns
    -------
    Workflow

    Raises
    ------
    InputError
        If a stage is unknown or given twice, a count is no number of at least 0, a stage is larger than the one that it
        is a part of, or an option cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> found = ht.response_workflow({"flagged": 400, "reviewed": 180, "referred": 60, "confirmed": 4})
    >>> found["referred"].count, found["confirmed"].count
    (60.0, None)
    """
    if not (hide_below == 0 or hide_below >= LEAST) or not 0 < level < 1:
        message = f"hide_below must be 0, which hides none, or at least {LEAST} (a count hidden below {LEAST - 1} can be guessed), and level between 0 and 1, not {hide_below!r} and {level!r}"
        raise InputError(message)
    known = _checked(counts)
    shown: dict[str, float] = {}
    stages, nearly_all = [], []
    for name, count in known.items():
        wholes = [whole for whole in PART_OF[name] if whole in shown]
        of = wholes[0] if wholes else ""
        if count < hide_below:
            stages.append(Stage(name, None, of))
        elif any(0 < shown[whole] - count < hide_below for whole in wholes):
            stages.append(Stage(name, None, of))
            nearly_all.append(name)
        else:
            shown[name] = count
            stages.append(Stage(name, count, of, *(_rate(count, shown[of], level) if of else ())))
    return Workflow(hide_below, level, tuple(stages), tuple(nearly_all))


def _checked(counts: "Mapping[str, float] | pd.Series | pd.DataFrame") -> dict[str, float]:
    """Return the counts in the order of the stages, or raise where they cannot be."""
    pairs = _pairs(counts)
    names = [name for name, _ in pairs]
    for name, count in pairs:
        if name not in PART_OF:
            message = f"there is no stage {name!r} in the response workflow; stages are {', '.join(PART_OF)}{near(str(name), list(PART_OF))}"
            raise InputError(message)
        if names.count(name) > 1:
            message = f"the stage {name!r} is given {names.count(name)} times; give the sum of its records once"
            raise InputError(message)
        if isinstance(count, bool) or not isinstance(count, Real) or not isfinite(count) or count < 0:
            message = f"the count of the stage {name!r} must be a number of at least 0, not {count!r}"
            raise InputError(message)
    if not pairs:
        message = (
            f"the response workflow has no stage; give counts of {', '.join(PART_OF)}, as many of them as you record"
        )
        raise InputError(message)
    known = {name: float(count) for name, count in pairs}
    known = {name: known[name] for name in PART_OF if name in known}
    for name, count in known.items():
        for whole in PART_OF[name]:
            if count > known.get(whole, count):
                message = f"{count:g} records are {name} but only {known[whole]:g} are {whole}, of which they are a part; count what became of those {whole}"
                raise InputError(message)
    return known


def _pairs(counts: Any) -> list[tuple[str, Any]]:
    import pandas as pd

    if isinstance(counts, pd.DataFrame):
        missing = [name for name in ("stage", "count") if name not in counts.columns]
        if missing:
            message = f"a table of the response workflow has the columns stage and count; this one lacks {' and '.join(missing)}, it has {', '.join(map(str, counts.columns))}"
            raise InputError(message)
        return list(zip(counts["stage"].tolist(), counts["count"].tolist(), strict=True))
    if not isinstance(counts, Mapping | pd.Series):
        message = f"the response workflow is a mapping such as {{'flagged': 400, 'reviewed': 180}}, a Series or a table, not {type(counts).__name__}"
        raise InputError(message)
    return [(str(name), value) for name, value in counts.items()]


def _rate(count: float, whole: float, level: float) -> tuple[float | None, float | None, float | None]:
    """Return a share and its interval (Wilson 1927); nothing of nothing is no share."""
    from scipy.stats import norm

    if whole == 0:
        return None, None, None
    rate, z2 = count / whole, float(norm.ppf((1 + level) / 2)) ** 2
    middle = (rate + z2 / (2 * whole)) / (1 + z2 / whole)
    half = np.sqrt(z2 * (rate * (1 - rate) / whole + z2 / (4 * whole**2))) / (1 + z2 / whole)
    return rate, max(float(middle - half), 0.0), min(float(middle + half), 1.0)


__all__ = ["Stage", "Workflow", "response_workflow"]
