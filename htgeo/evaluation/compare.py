"""Tables of scores for people, comparisons of models, and the plain values of ``scores.json``."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.progress import steps
from htgeo.core.registry import near
from htgeo.evaluation.base import SCORES, Sample
from htgeo.evaluation.bootstrap import check_seed
from htgeo.evaluation.samples import fitting_scores, samples

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 4
ENTRY = {"difference": "difference", "low": "difference_low", "high": "difference_high"}


def score_table(table: xr.Dataset, *, decimals: int = DECIMALS) -> "pd.DataFrame":
    """Return the scores of `evaluate` as readable text: one row a score, one column a model (and group).

    Parameters
    ----------
    table
        What `evaluate` returned.
    decimals
        Significant digits.

    Returns
    -------
    DataFrame
        ``value [low, high]`` as text.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> table = ht.evaluate(cube, start="2021-05-01", scores=["roc_auc"], by="borough", draws=0)
    >>> ht.score_table(table).index.tolist()
    ['roc_auc']
    """
    long = table[["value", "low", "high"]].to_dataframe()
    long["text"] = [_text(row, decimals) for row in long[["value", "low", "high"]].to_numpy(float)]
    others = [str(dim) for dim in table["value"].dims if dim != "score"]
    return long.pivot_table("text", index="score", columns=others, aggfunc="first", sort=False)


def _text(ends: np.ndarray, decimals: int) -> str:
    value, low, high = ends
    if np.isnan(value):
        return "n/a"
    return f"{value:.{decimals}g}" + ("" if np.isnan(low) else f" [{low:.{decimals}g}, {high:.{decimals}g}]")


def compare(table: xr.Dataset, score: str = "log_loss") -> "pd.DataFrame":
    """Rank the models of a table by a score, each beside its difference to every baseline.

    Parameters
    ----------
    table
        What ``evaluate(cube, against=[…])`` returned, without `by`.
    score
        Name of the score.

    Returns
    -------
    DataFrame
        One row a model, the best first: ``value``, ``low``, ``high``; for each baseline ``gain over <baseline>`` (above
        zero is better), its ends, and ``against <baseline>``: better, worse, or not clear.

    Raises
    ------
    InputError
        If the table lacks the score, was made with `by`, or the score ranks nothing (such as `bias`, best at 1).

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> for model in (ht.HistoricalRate(), ht.EwmaRate()):
    ...     cube = ht.add_risk(cube, model.fit(train))
    >>> table = ht.evaluate(cube, against=["historical_rate"], start="2021-05-01", scores=["log_loss"], draws=50)
    >>> sorted(ht.compare(table).index)
    ['ewma_rate', 'historical_rate']
    """
    known = table["score"].values.tolist()
    if table["value"].dims != ("model", "score"):
        message = f"a table made with by= ({table['value'].dims[0]}) ranks no models; choose a part first: table.sel({table['value'].dims[0]}=…)"
        raise InputError(message)
    if score not in known:
        message = f"the table has no score {score!r}; it has {', '.join(known)}{near(score, known)}"
        raise InputError(message)
    one = table.sel(score=score)
    rows = one[["value", "low", "high"]].to_dataframe()[["value", "low", "high"]]
    sign = direction(score)
    for baseline in one["baseline"].values.tolist() if "baseline" in one.coords else []:
        at = one.sel(baseline=baseline)
        ends = np.sort(np.stack([sign * at["difference_low"].values, sign * at["difference_high"].values]), axis=0)
        gain = f"gain over {baseline}"
        rows[gain] = sign * at["difference"].values
        rows[f"{gain}, low"], rows[f"{gain}, high"] = ends
        rows[f"against {baseline}"] = np.select([ends[0] > 0, ends[1] < 0], ["better", "worse"], "not clear")
        rows.loc[baseline, f"against {baseline}"] = ""
    return rows.sort_values("value", ascending=sign < 0)


def direction(score: str) -> float:
    """Return 1 where higher is better, -1 where lower is; a score that is best in the middle ranks nothing."""
    best, (low, high) = SCORES[score].best, SCORES[score].bounds
    if best == high:
        return 1.0
    if best == low:
        return -1.0
    message = f"{score!r} ranks no models: its best value is {best:g}, neither its lowest nor its highest; read it with htgeo.score_table, or compare by log_loss"
    raise InputError(message)


def permutation_test(
    cube: xr.Dataset,
    model: str,
    baseline: str,
    *,
    score: str = "log_loss",
    start: str | None = None,
    stop: str | None = None,
    permutations: int = 200,
    seed: int = 0,
) -> dict[str, float]:
    """Test whether two forecasts score alike: swap them in blocks of days chosen at random, many times.

    Parameters
    ----------
    cube
        A cube with a label and both risks.
    model, baseline
        Names of the two models.
    score
        Name of the score.
    start, stop
        First and last day to score; by default the first after the training days, and the last of the cube.
    permutations
        Number of random swaps.
    seed
        Seed of the swaps.

    Returns
    -------
    dict
        ``difference`` of the score (model minus baseline) and ``p_value``: the share of swaps with at least as large a
        difference (Good 2005), the observed one among them.

    Raises
    ------
    InputError
        If the cube lacks one of the risks, or the permutations or the seed cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> for model in (ht.HistoricalRate(), ht.EwmaRate()):
    ...     cube = ht.add_risk(cube, model.fit(train))
    >>> test = ht.permutation_test(cube, "ewma_rate", "historical_rate", start="2021-05-01", permutations=20)
    >>> 0 < test["p_value"] <= 1
    True
    """
    if not isinstance(permutations, int) or permutations < 1:
        message = f"permutations must be a whole number of at least 1, not {permutations!r}"
        raise InputError(message)
    check_seed(seed)
    scorer = fitting_scores(cube, [score])[score]
    found = samples(cube, [model, baseline], start=start, stop=stop)
    one, other = found.by_model[model], found.by_model[baseline]
    ones = np.ones((1, one.units))
    rng = np.random.default_rng(seed)

    def difference(swap: np.ndarray) -> float:
        first, second = (
            scorer.values(scorer.prepare(_mixed(a, b, swap)), ones)[0] for a, b in ((one, other), (other, one))
        )
        return float(first - second)

    real = difference(np.zeros(one.units, bool))
    larger = 1
    with steps("permuting", permutations) as advance:
        for _ in range(permutations):
            larger += abs(difference(rng.integers(0, 2, one.units) > 0)) >= abs(real) * (1 - 1e-12)
            advance()
    return {"difference": real, "p_value": larger / (permutations + 1)}


def _mixed(one: Sample, other: Sample, swap: np.ndarray) -> Sample:
    return replace(one, forecast=np.where(swap[one.unit], other.forecast, one.forecast))


def scores_to_dict(table: xr.Dataset) -> dict[str, Any]:
    """Return the scores as plain values for ``scores.json``: ``{model: {score: {value, low, high}}}``.

    With baselines each score also has ``against``: ``{baseline: {difference, low, high}}``. Numbers that are not
    finite become None.
    """
    out: dict[str, Any] = {}
    for model in table["model"].values.tolist():
        out[model] = {}
        for score in table["score"].values.tolist():
            at = {"model": model, "score": score}
            entry: dict[str, Any] = {key: _finite(table[key].sel(at)) for key in ("value", "low", "high")}
            others = [b for b in table["baseline"].values.tolist() if b != model] if "baseline" in table.coords else []
            if others:
                entry["against"] = {
                    b: {key: _finite(table[name].sel({**at, "baseline": b})) for key, name in ENTRY.items()}
                    for b in others
                }
            out[model][score] = entry
    return out


def _finite(value: xr.DataArray) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None
