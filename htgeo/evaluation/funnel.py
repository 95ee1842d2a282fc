"""The funnel: from all cell-days over those flagged and reviewed to the events and verified cases that this covers."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.cube.schema import as_day, require, role_of, variables_of
from htgeo.evaluation.alerts import AlertRule, flag, forecast_of
from htgeo.evaluation.base import ratio
from htgeo.evaluation.bootstrap import check_draws, draw_units, interval
from htgeo.evaluation.day_ranks import keep_places
from htgeo.evaluation.samples import Samples, samples
from htgeo.evaluation.thresholds import learned_span

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Stage:
    """A stage of a funnel.

    Attributes
    ----------
    name
        ``scored``, ``flagged``, ``reviewed``, ``with_event`` (cell-days); ``events``, ``events_covered``; ``cases``,
        ``cases_covered``.
    count
        How many there are; None where it is hidden.
    of
        The stage that `rate` is a share of; empty for those that are whole.
    rate, low, high
        The share, and the ends of its interval; None where there is none, or it is hidden.
    """

    name: str
    count: float | None
    of: str = ""
    rate: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Funnel:
    """What `funnel` found.

    Attributes
    ----------
    model, label
        Names of the model and of the label.
    days
        First and last day scored.
    horizon
        Days that a forecast covers.
    reviewed_per_day
        Cells that can be reviewed a day; None if all that are flagged.
    cases
        The layer of verified cases; None if none was given.
    hide_below
        Counts below this are hidden.
    level
        Level of the intervals.
    stages
        The stages, in order.
    """

    model: str
    label: str
    days: tuple[str, str]
    horizon: int
    reviewed_per_day: float | None
    cases: str | None
    hide_below: float
    level: float
    stages: tuple[Stage, ...]

    def __getitem__(self, name: str) -> Stage:
        stages = {stage.name: stage for stage in self.stages}
        if name not in stages:
            message = f"the funnel has no stage {name!r}; it has {', '.join(stages)}{near(name, list(stages))}"
            raise InputError(message)
        return stages[name]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``scores.json``."""
        return {**asdict(self), "days": list(self.days), "stages": [asdict(stage) for stage in self.stages]}

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a stage, with ``count``, ``of``, ``rate``, ``low`` and ``high``."""
        import pandas as pd

        return pd.DataFrame([asdict(stage) for stage in self.stages]).set_index("name").rename_axis("stage")

    def __str__(self) -> str:
        head = f"{self.model}, {self.label}, {' to '.join(self.days)}"
        return "\n".join([head, *(_line(stage) for stage in self.stages)])

    __repr__ = __str__


def _line(stage: Stage) -> str:
    count = "hidden" if stage.count is None else f"{stage.count:,.6g}"
    text = f"{stage.name:>15} {count:>12}"
    if stage.rate is None:
        return text
    ends = "" if stage.low is None else f" [{stage.low:.2%}, {stage.high:.2%}]"
    return f"{text}  {stage.rate:.2%}{ends} of {stage.of}"


def funnel(
    cube: xr.Dataset,
    rule: AlertRule,
    *,
    reviewed_per_day: float | None = None,
    cases: str | None = None,
    hide_below: float = 0,
    allow_learned: bool = False,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> Funnel:
    """Count what a rule does on test days, from all cell-days to the events and verified cases that it covers.

    Cell-days scored; flagged by the rule; reviewed, the first of each day that there is capacity for; those with an
    event within the horizon. Then events, and cases, each counted once: one is covered if its cell was reviewed on its
    day or within the horizon before. An event known to an area only counts in each cell by its share.

    Parameters
    ----------
    cube
        A cube with a label and the forecast of the rule, on test days. Days whose label is not over are left out.
    rule
        From `choose_threshold`, chosen on earlier days.
    reviewed_per_day
        Cells that can be reviewed a day (seven times as many a step, in a cube of weeks); None for all that are flagged.
    cases
        Name of a layer of counts by day of occurrence that holds the verified cases.
    hide_below
        Counts below this become None, with their rates; so does what is covered where what is not could be told from it.
    allow_learned
        Whether days that the rule was chosen on may be counted; they flatter it.
    start, stop
        First and last day; by default the first after the training days, and the last of the cube.
    draws
        Bootstrap draws of blocks of seven days (or twice the horizon); 0 gives no intervals.
    level
        Level of the intervals.
    seed
        Seed of the draws.

    Returns
    -------
    Funnel
        Counts and rates with intervals; ``to_frame()`` is a table, ``to_dict()`` plain values.

    Raises
    ------
    InputError
        If the rule was chosen on these days, or an option cannot be used.
    CubeError
        If the forecast is of another label than the rule, or there is no day to score.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-04-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> rule = ht.choose_threshold(cube, "historical_rate", budget=ht.CellsPerDay(10), stop="2021-05-15", draws=20)
    >>> found = ht.funnel(cube, rule, start="2021-05-16", reviewed_per_day=5, draws=20)
    >>> found["reviewed"].count <= found["flagged"].count
    True
    """
    check_draws(draws, level, seed)
    if hide_below < 0 or (reviewed_per_day is not None and not reviewed_per_day > 0):
        message = (
            f"reviewed_per_day must be above 0 and hide_below at least 0, not {reviewed_per_day!r} and {hide_below!r}"
        )
        raise InputError(message)
    forecast_of(cube, rule)
    days = cube.sel(time=slice(as_day(start), as_day(stop)))
    found = samples(days, [rule.model])
    _check_unseen(found, rule, allow_learned)
    sample = found.by_model[rule.model]
    kept = keep_places(cube, rule.minimum_shares)
    alert, rank = flag(sample.forecast, rule=rule, area=sample.area, kept=kept, step=found.step)
    capacity = np.inf if reviewed_per_day is None else reviewed_per_day * found.step
    reviewed = alert & (rank <= capacity)
    sums = {
        "scored": sample.total(sample.known),
        "flagged": sample.total(alert),
        "reviewed": sample.total(reviewed),
        "with_event": sample.total(np.minimum(sample.observed, 1) * reviewed),
    }
    covered = _covered(found, reviewed)
    sums |= _events(found, sample.unit[0], covered, found.counts, "events")
    if cases is not None:
        sums |= _events(found, sample.unit[0], covered, _case_counts(cube, cases, found), "cases")
    weights = draw_units(found.units, draws=draws, seed=seed)
    drawn = {name: weights @ values for name, values in sums.items()}
    return Funnel(
        model=rule.model,
        label=found.label,
        days=(str(found.times[0])[:10], str(found.times[-1])[:10]),
        horizon=found.horizon,
        reviewed_per_day=reviewed_per_day,
        cases=cases,
        hide_below=hide_below,
        level=level,
        stages=tuple(_stage(name, drawn, hide_below, level, found.units) for name in drawn),
    )


OF = {
    "flagged": "scored",
    "reviewed": "flagged",
    "with_event": "reviewed",
    "events_covered": "events",
    "cases_covered": "cases",
}
"""What the rate of a stage is a share of."""


def _check_unseen(found: Samples, rule: AlertRule, allow_learned: bool) -> None:
    """Raise if the rule has seen events of the days to be scored."""
    first, last = learned_span(found)
    if not allow_learned and first <= rule.span[1] and last >= rule.span[0]:
        message = f"the rule was chosen on events of {' to '.join(rule.span)}; scored on {first} to {last} it would be flattered: give later days with start=, or allow_learned=True"
        raise InputError(message)


def _covered(found: Samples, reviewed: np.ndarray) -> np.ndarray:
    """Return the cells and days (of `found.covered`) that a review covers: its day and the horizon after it."""
    out = np.zeros((len(reviewed), len(found.covered)), bool)
    for lead in range(found.horizon // found.step):
        ahead = found.times + np.timedelta64(lead * found.step, "D")
        out[:, np.searchsorted(found.covered, ahead)] |= reviewed
    return out


def _case_counts(cube: xr.Dataset, layer: str, found: Samples) -> np.ndarray:
    """Return the counts of a layer on the days that the scored labels cover, shape (cell, day)."""
    counts = require(cube, layer, "layer of cases")
    if role_of(counts) != "count":
        message = f"cases must be a layer of counts by day of occurrence ({', '.join(variables_of(cube, 'count'))}), not {layer!r}"
        raise InputError(message)
    return np.asarray(counts.sel(time=found.covered).values)


def _events(
    found: Samples, unit: np.ndarray, covered: np.ndarray, counts: np.ndarray, name: str
) -> dict[str, np.ndarray]:
    """Return the events and those covered, by block: an event belongs to the block of the last scored day up to it."""
    block = unit[np.searchsorted(found.times, found.covered, side="right") - 1]
    counts = np.nan_to_num(counts)
    every, caught = counts.sum(axis=0), (counts * covered).sum(axis=0)
    return {name: np.bincount(block, every, found.units), f"{name}_covered": np.bincount(block, caught, found.units)}


def _stage(name: str, drawn: dict[str, np.ndarray], hide_below: float, level: float, units: int) -> Stage:
    of = OF.get(name, "")
    count = float(drawn[name][0])
    rest = float(drawn[of][0]) - count if name.endswith("_covered") else np.inf
    if count < hide_below or 0 < rest < hide_below:
        return Stage(name, None, of)
    if not of:
        return Stage(name, count)
    rates = ratio(drawn[name], drawn[of])
    low, high = interval(rates, level, units)
    return Stage(name, count, of, *(float(value) if np.isfinite(value) else None for value in (rates[0], low, high)))
