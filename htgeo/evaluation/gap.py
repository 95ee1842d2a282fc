"""How much of the way from a baseline to a map that knows the test days a model goes."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from htgeo.evaluation.base import Sample
from htgeo.evaluation.bootstrap import check_draws, draw_units, interval
from htgeo.evaluation.compare import direction
from htgeo.evaluation.samples import fitting_scores, samples


@dataclass(frozen=True)
class GapClosed:
    """What `gap_closed` found.

    Attributes
    ----------
    value, low, high
        Share of the gap that the model closes: 0 = as the baseline, 1 = as the map that knows.
    score, model, baseline
        Names.
    model_score, baseline_score, known_score
        Scores of the model, the baseline, and the map that knows the test days.
    """

    value: float
    low: float
    high: float
    score: str
    model: str
    baseline: str
    model_score: float
    baseline_score: float
    known_score: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; numbers that are not finite become None."""
        whole = asdict(self).items()
        return {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in whole}

    def __str__(self) -> str:
        ends = "" if np.isnan(self.low) else f" [{self.low:.0%}, {self.high:.0%}]"
        return (
            f"{self.model} closes {self.value:.0%}{ends} of the gap in {self.score} between "
            f"{self.baseline} ({self.baseline_score:.4g}) and a map that knows the days ({self.known_score:.4g})"
        )

    __repr__ = __str__


def gap_closed(
    cube: xr.Dataset,
    model: str,
    *,
    baseline: str = "historical_rate",
    score: str = "pr_auc",
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> GapClosed:
    """Return how much of the gap between a baseline and a map that knows the test days a model closes.

    The map that knows is the mean of the label over the scored days, by cell. It knows their chance too, which no model
    can: the gap is wider than what can be closed, the more so the rarer the events are.

    Parameters
    ----------
    cube
        A cube with a label and both forecasts.
    model, baseline
        Names of the models, without ``risk_``.
    score
        Name of the score.
    start, stop
        First and last day to score; by default the first after the training days, and the last of the cube.
    draws
        Bootstrap draws of blocks of days, the same for all three; 0 gives no interval.
    level
        Level of the interval.
    seed
        Seed of the draws.

    Returns
    -------
    GapClosed
        The share with its interval, and the three scores; NaN where the map that knows scores as the baseline.

    Raises
    ------
    InputError
        If the cube lacks one of the forecasts.
    UnknownNameError
        If there is no such score.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> for one in (ht.HistoricalRate(), ht.EwmaRate()):
    ...     cube = ht.add_risk(cube, one.fit(train))
    >>> ht.gap_closed(cube, "historical_rate", start="2021-05-01", draws=0).value
    0.0
    """
    check_draws(draws, level, seed)
    scorer = fitting_scores(cube, [score])[score]
    direction(score)
    found = samples(cube, [model, baseline], start=start, stop=stop)
    by_model = found.by_model
    weights = draw_units(found.units, draws=draws, seed=seed)
    own, base, known = (
        scorer.values(scorer.prepare(sample), weights)
        for sample in (by_model[model], by_model[baseline], that_knows(by_model[model]))
    )
    gap = known - base
    closed = np.divide(own - base, gap, out=np.full(gap.shape, np.nan), where=gap != 0)
    low, high = interval(closed, level, found.units)
    return GapClosed(
        float(closed[0]),
        float(low),
        float(high),
        score,
        model,
        baseline,
        float(own[0]),
        float(base[0]),
        float(known[0]),
    )


def that_knows(sample: Sample) -> Sample:
    """Return the sample with a forecast that knows the outcomes: their mean over the known days of each cell."""
    days = sample.known.sum(axis=1, keepdims=True)
    mean = np.nansum(sample.observed, axis=1, keepdims=True) / np.maximum(days, 1)
    return replace(sample, forecast=np.where(sample.known, mean, np.nan))
