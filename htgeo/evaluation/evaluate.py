"""Scores of every forecast in a cube, with intervals and against baselines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.core.progress import steps
from htgeo.evaluation.base import SCORES, Score
from htgeo.evaluation.bootstrap import MIN_BLOCKS, check_draws, draw_units, interval
from htgeo.evaluation.samples import Resample, Samples, fitting_scores, forecasts, groups, outcome_facts, samples


def evaluate(
    cube: xr.Dataset,
    *,
    against: Sequence[str] = (),
    by: str | None = None,
    scores: Sequence[str] | None = None,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    level: float = 0.95,
    resample: Resample = "time",
    seed: int = 0,
) -> xr.Dataset:
    """Score every forecast of a cube against what happened.

    Intervals come from a bootstrap over blocks: seven days, or twice the horizon where that is longer, since labels of
    neighbouring days overlap; none are given for fewer than five blocks. All models and all scores share the same
    draws, so differences to a baseline are paired.

    Parameters
    ----------
    cube
        A cube with a label and one or more risks (or expected counts).
    against
        Models (names without ``risk_``) whose difference to every other one is given too.
    by
        Score parts of the cube each for itself: a region layer such as ``borough``, or ``month``, ``quarter``, ``year``
        or ``weekday``. Hotspots are then flagged within the part.
    scores
        Names of scores; None takes all that fit. ``htgeo list scores`` shows them.
    start, stop
        First and last day to score; by default the first after the days that trained the forecasts, and the last day of
        the cube. Days whose label is not over are left out.
    draws
        Bootstrap draws; 0 gives no intervals.
    level
        Level of the intervals.
    resample
        Blocks that are drawn: ``time`` keeps all places of a week together, which holds for the places scored;
        ``space-time`` draws weeks of neighbouring cells (parent cells two levels up), which takes neighbouring places
        for exchangeable.
    seed
        Seed of the draws.

    Returns
    -------
    Dataset
        ``value``, ``low``, ``high`` on (model, score); ``difference``, ``difference_low``, ``difference_high`` on
        (baseline, model, score); ``cell_days``, ``events`` (each once), ``positives``, ``prevalence`` and
        ``effective_events`` (how many independent events would scatter as much). With `by` all have it as first
        dimension. `htgeo.score_table` makes it readable.

    Raises
    ------
    CubeError
        If the cube has no risk, not one label, no day to score, or a hole among its days.
    UnknownNameError
        If there is no such score.
    InputError
        If there are no groups by that name, or a score does not fit the forecast.

    Warns
    -----
    UserWarning
        If `start` names a day that trained a forecast: its scores flatter, unless other places trained it.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> table = ht.evaluate(cube, start="2021-05-01", scores=["roc_auc"], draws=50)
    >>> bool(table["value"].sel(model="historical_rate", score="roc_auc") > 0.5)
    True
    """
    check_draws(draws, level, seed)
    against = [against] if isinstance(against, str) else against
    models = list(forecasts(cube, against))
    names = fitting_scores(cube, [scores] if isinstance(scores, str) else scores)
    found = samples(cube, start=start, stop=stop, resample=resample)
    parts = {"": found} if by is None else _parts(cube, found, by)
    with steps("scoring", len(parts) * len(models) * len(names)) as advance:
        tables = [_scored(part, names, draws, seed, level, list(against), advance) for part in parts.values()]
    whole = tables[0] if by is None else xr.concat(tables, dim=xr.Variable(by, list(parts)), join="exact")
    return whole.assign_attrs(**outcome_facts(found), draws=draws if found.units >= MIN_BLOCKS else 0, level=level)


def score(
    cube: xr.Dataset, name: str, model: str, *, start: str | None = None, stop: str | None = None
) -> xr.DataArray:
    """Return one score of one model, lazily: nothing is loaded before it is computed.

    Parameters
    ----------
    cube
        A cube with a label and the risk of the model.
    name
        Name of the score.
    model
        Name of the model.
    start, stop
        First and last day to score, as for `evaluate`.

    Returns
    -------
    DataArray
        Without dimensions; its attributes say what it is, its best value and its source.

    Raises
    ------
    CubeError
        If the cube has no risk.
    UnknownNameError
        If there is no such score.
    InputError
        If the cube has no such forecast, or the score does not fit it.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> bool(ht.score(cube, "brier_skill", "historical_rate", start="2021-05-01") > 0)
    True
    """
    import dask.array as da
    from dask import delayed

    scorer = fitting_scores(cube, [name])[name]
    variable = forecasts(cube, [model])[model]
    kept = cube[[variable, cube[variable].attrs["label"], *_inputs(cube, variable)]]
    value = delayed(_value)(kept, name, model, start, stop)
    facts = {"long_name": scorer.summary, "units": "1", "best": scorer.best, "source": scorer.source}
    return xr.DataArray(da.from_delayed(value, shape=(), dtype=float), name=name, attrs=facts)


def _inputs(cube: xr.Dataset, variable: str) -> list[str]:
    label = cube[cube[variable].attrs["label"]]
    return [str(label.attrs["layer"])]


def _value(cube: xr.Dataset, name: str, model: str, start: str | None, stop: str | None) -> np.ndarray:
    scorer = SCORES[name]()
    sample = samples(cube, [model], start=start, stop=stop).by_model[model]
    return np.asarray(scorer.values(scorer.prepare(sample), np.ones((1, sample.units)))[0])


def _parts(cube: xr.Dataset, found: Samples, by: str) -> dict[str, Samples]:
    """Return the samples of each group that has a known cell-day."""
    parts = {name: found.select(*masks) for name, masks in groups(cube, found.times, by).items()}
    scored = {name: part for name, part in parts.items() if part.facts()["cell_days"]}
    if not scored:
        message = f"no group by {by!r} has a cell-day to score"
        raise CubeError(message)
    return scored


def _scored(
    part: Samples, names: dict[str, Score], draws: int, seed: int, level: float, against: list[str], advance: Any
) -> xr.Dataset:
    """Return the table of one group."""
    models = list(part.by_model)
    weights = draw_units(part.units, draws=draws, seed=seed)
    values = np.full((len(models), len(names), len(weights)), np.nan)
    for i, sample in enumerate(part.by_model.values()):
        for j, scorer in enumerate(names.values()):
            values[i, j] = scorer.values(scorer.prepare(sample), weights)
            advance()
    low, high = interval(values, level, part.units)
    dims = ("model", "score")
    table = xr.Dataset(
        {"value": (dims, values[..., 0]), "low": (dims, low), "high": (dims, high), **part.facts()},
        coords={"model": models, "score": list(names)},
    )
    if not against:
        return table
    difference = values[None] - values[[models.index(name) for name in against]][:, None]
    low, high = interval(difference, level, part.units)
    on = ("baseline", *dims)
    return table.assign(
        difference=(on, difference[..., 0]), difference_low=(on, low), difference_high=(on, high)
    ).assign_coords(baseline=against)
