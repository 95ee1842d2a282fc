"""Scores of every risk in a cube, with intervals and against baselines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.progress import steps
from htgeo.core.registry import near
from htgeo.cube.schema import as_day, check_cube, require, variables_of
from htgeo.evaluation.base import SCORES, Sample
from htgeo.labels.within import coming_sum

BLOCK_DAYS = 7
"""Shortest bootstrap block: a week."""
MIN_BLOCKS = 5
"""With fewer blocks no interval is given."""


def evaluate(
    cube: xr.Dataset,
    *,
    against: Sequence[str] = (),
    scores: Sequence[str] | None = None,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Score every risk of a cube against what happened.

    Intervals come from a bootstrap over blocks of days: seven, or twice the horizon where that is longer, since labels
    of neighbouring days overlap; none are given for fewer than five blocks. All models and all scores share the same
    draws, so differences to a baseline are paired. With long horizons and short tests intervals stay too narrow.

    Parameters
    ----------
    cube
        A cube with a label and one or more risks.
    against
        Models (names without ``risk_``) whose difference to every other one is given too.
    scores
        Names of scores; None takes all. ``htgeo list scores`` shows them.
    start, stop
        First and last day to score; the days of the cube by default. Days whose label is not over are left out.
    draws
        Bootstrap draws; 0 gives no intervals.
    level
        Level of the intervals.
    seed
        Seed of the draws.

    Returns
    -------
    Dataset
        ``value``, ``low``, ``high`` on (model, score); ``difference``, ``difference_low``, ``difference_high`` on
        (baseline, model, score); attributes say how many cell-days, events and positives were scored.

    Raises
    ------
    CubeError
        If the cube has no risk, not one label, or no day to score.
    UnknownNameError
        If there is no such score.

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
    check_cube(cube)
    if draws < 0 or not 0 < level < 1:
        message = f"draws must be 0 or more and level between 0 and 1, not {draws!r} and {level!r}"
        raise InputError(message)
    names = list(scores) if scores is not None else list(SCORES)
    scorers = [SCORES[name]() for name in names]
    risks = _risks(cube, against)
    samples, facts = _samples(cube, list(risks.values()), start, stop)
    block_days = max(BLOCK_DAYS, 2 * facts["horizon"])
    weights = _draws(samples[0].forecast.shape[1], draws, seed, block_days)
    values = np.full((len(risks), len(names), len(weights)), np.nan)
    with steps("scoring", len(samples) * len(scorers)) as advance:
        for i, sample in enumerate(samples):
            for j, scorer in enumerate(scorers):
                stats = scorer.prepare(sample)
                values[i, j] = [scorer.value(stats, w) for w in weights]
                advance()
    return _table(
        values,
        list(risks),
        names,
        list(against),
        level,
        {**facts, "draws": len(weights) - 1, "level": level, "block_days": block_days},
    )


def _risks(cube: xr.Dataset, against: Sequence[str]) -> dict[str, str]:
    """Return {model: variable} of all risks."""
    risks = {name.removeprefix("risk_"): name for name in variables_of(cube, "risk")}
    if not risks:
        message = "the cube has no risk to score; add one: htgeo.add_risk(cube, htgeo.HistoricalRate().fit(train))"
        raise CubeError(message)
    for name in against:
        if name not in risks:
            message = (
                f"the cube has no risk of {name!r} to compare with; it has {', '.join(risks)}{near(name, list(risks))}"
            )
            raise InputError(message)
    return risks


def _samples(
    cube: xr.Dataset, risks: list[str], start: str | None, stop: str | None
) -> tuple[list[Sample], dict[str, Any]]:
    """Return one sample a risk, over the same cell-days: those where every risk and the label are known."""
    labels = {cube[name].attrs["label"] for name in risks}
    if len(labels) > 1:
        message = f"the risks forecast different labels ({', '.join(sorted(labels))}) and cannot be scored together; drop some with cube.drop_vars"
        raise CubeError(message)
    label = require(cube, labels.pop(), "label")
    days = cube.sel(time=slice(as_day(start), as_day(stop)))
    if not days.sizes["time"]:
        message = f"no day to score between {start} and {stop}; the cube has {str(cube.time.values[0])[:10]} to {str(cube.time.values[-1])[:10]}"
        raise CubeError(message)
    counts = cube[label.attrs["layer"]].sel(time=slice(as_day(start), None)).compute()
    loaded = days[[*risks, str(label.name)]].compute()
    events = coming_sum(counts.values, int(label.attrs["horizon"]))[:, : days.sizes["time"]]
    observed = loaded[str(label.name)].values
    known = (
        ~np.isnan(observed)
        & ~np.isnan(events)
        & np.logical_and.reduce([~np.isnan(loaded[name].values) for name in risks])
    )
    if not known.any():
        message = f"no cell-day between {start} and {stop} has a forecast and a label that is over (horizon {label.attrs['horizon']} days)"
        raise CubeError(message)
    horizon = int(label.attrs["horizon"])
    over = known.any(axis=0)  # days whose label is over; the others would only dilute the bootstrap
    covered = np.convolve(over, np.ones(horizon)) > 0  # an event counts once, however many windows it falls into
    known, observed, events = known[:, over], observed[:, over], events[:, over]
    samples = [
        Sample(
            forecast=np.where(known, loaded[name].values[:, over], np.nan),
            observed=np.where(known, observed, np.nan),
            events=np.where(known, events, 0.0),
            area=cube["cell_area"].values,
            base_rate=float(cube[name].attrs.get("base_rate", observed[known].mean())),
        )
        for name in risks
    ]
    facts = {
        "label": str(label.name),
        "horizon": horizon,
        "days": " to ".join(str(day)[:10] for day in days["time"].values[over][[0, -1]]),
        "cell_days": int(known.sum()),
        "events": float(counts.values[:, covered[: counts.sizes["time"]].nonzero()[0]].sum()),
        "positives": float(observed[known].sum()),
        "prevalence": float(observed[known].mean()),
    }
    return samples, facts


def _draws(days: int, draws: int, seed: int, block_days: int) -> np.ndarray:
    """Return how often each day counts: all ones first, then one row a bootstrap draw of blocks of days."""
    blocks = -(-days // block_days)
    draws = draws if blocks >= MIN_BLOCKS else 0
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, blocks, size=(draws, blocks))
    counts = np.stack([np.bincount(row, minlength=blocks) for row in chosen]) if draws else np.zeros((0, blocks))
    return np.concatenate([np.ones((1, days)), np.repeat(counts, block_days, axis=1)[:, :days]]).astype(float)


def _table(
    values: np.ndarray, models: list[str], names: list[str], against: list[str], level: float, facts: dict[str, Any]
) -> xr.Dataset:
    low, high = _interval(values, level)
    coords = {"model": models, "score": names}
    table = xr.Dataset(
        {
            "value": (("model", "score"), values[..., 0]),
            "low": (("model", "score"), low),
            "high": (("model", "score"), high),
        },
        coords=coords,
        attrs=facts,
    )
    if against:
        base = np.array([models.index(name) for name in against])
        difference = values[None] - values[base][:, None]
        low, high = _interval(difference, level)
        dims = ("baseline", "model", "score")
        table = table.assign(
            difference=(dims, difference[..., 0]), difference_low=(dims, low), difference_high=(dims, high)
        ).assign_coords(baseline=against)
    return table


def _interval(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    drawn = values[..., 1:]
    if drawn.shape[-1] == 0:
        empty = np.full(values.shape[:-1], np.nan)
        return empty, empty
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return low, high


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
                    b: {
                        key: _finite(table[name].sel({**at, "baseline": b}))
                        for key, name in (
                            ("difference", "difference"),
                            ("low", "difference_low"),
                            ("high", "difference_high"),
                        )
                    }
                    for b in others
                }
            out[model][score] = entry
    return out


def _finite(value: xr.DataArray) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None
