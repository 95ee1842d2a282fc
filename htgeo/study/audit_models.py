"""Checks of models: two fits compared bit by bit, and fits on shuffled counts that must have no skill."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from htgeo.cube.schema import only_label
from htgeo.evaluation.base import SCORES, Sample
from htgeo.evaluation.bootstrap import draw_units, interval
from htgeo.evaluation.probability_scores import TINY, log_losses
from htgeo.evaluation.samples import samples
from htgeo.evaluation.splits import split_time
from htgeo.models import Model, add_risk
from htgeo.study.counterfactual import Maker, changed_from, shuffled
from htgeo.study.findings import Finding

DRAWS = 200
"""Draws of cells, and shuffled outcomes, that skill by chance is known from."""
LEVEL = 0.99


def audit_fits(
    maker: Maker, models: Mapping[str, Model], first_test: str, step: int, later: int, seed: int
) -> list[Finding]:
    """Return whether each model learns from training days only, and whether its risk knows the future.

    Parameters
    ----------
    maker
        Makes label and columns.
    models
        Unfitted models by name; copies are fitted.
    first_test, step
        First test day and its position; what is learned comes from earlier days.
    later
        Position of a later test day, from which on the future is changed for the risk.
    seed
        Seed of the changed counts.
    """
    base, changed, late = (maker.make(), *(maker.make(changed_from(maker, at, seed)) for at in (step, later)))
    days = np.datetime_as_string(base["time"].values, unit="D")
    findings = []
    for name, model in models.items():
        one, two = (_fit(model, cube, first_test) for cube in (base, changed))
        risk = one.predict(base).values
        fitted = _difference(risk, two.predict(base).values, days[: step + 1])
        if fitted and _difference(risk, _fit(model, base, first_test).predict(base).values, days[: step + 1]):
            detail = "two fits on the same training days differ: give it a seed"
            findings.append(Finding("repeatable", name, False, detail))
        else:
            when = f"{fitted} when all from {first_test} on is changed and it is fitted again"
            findings.append(Finding("training days", name, not fitted, when if fitted else ""))
        seen = _difference(risk, one.predict(changed).values, days[: step + 1])
        seen = seen or _difference(risk, one.predict(late).values, days[: later + 1])
        when = f"{seen} when all from that day on is changed"
        findings.append(Finding("risk", name, not seen, when if seen else ""))
    return findings


def _fit(model: Model, cube: xr.Dataset, first_test: str) -> Model:
    return deepcopy(model).fit(split_time(cube, first_test)[0])


def _difference(one: np.ndarray, two: np.ndarray, days: np.ndarray) -> str:
    """Return how much two risks differ on the first days; nothing where they are the same."""
    one, two = one[:, : len(days)], two[:, : len(days)]
    differs = ~((one == two) | (np.isnan(one) & np.isnan(two)))
    if not differs.any():
        return ""
    largest = np.max(np.abs(one - two), where=differs, initial=0)
    return f"{differs.sum():,} of {differs.size:,} risks up to {days[-1]} change, by up to {largest:.2g},"


def audit_chance(maker: Maker, models: Mapping[str, Model], first_test: str, seed: int) -> list[Finding]:
    """Return whether each model, fitted on shuffled counts, has as little skill as it must."""
    findings = []
    for of_cells, judge in ((True, _beyond_map), (False, _beyond_chance)):
        cube = maker.make(shuffled(maker, seed, within_cells=of_cells))
        for name, model in models.items():
            forecast = add_risk(cube, _fit(model, cube, first_test))
            sample = samples(forecast, [model.name], start=first_test).by_model[model.name]
            findings.append(judge(name, sample, only_label(cube).values, seed))
    return findings


def _beyond_map(name: str, sample: Sample, label: np.ndarray, seed: int) -> Finding:
    """Compare with the mean of each cell over all days, the test days too, which no honest forecast beats."""
    cells = len(sample.cell)
    by_cell = replace(sample, unit=np.broadcast_to(np.arange(cells)[:, None], sample.forecast.shape))
    gain = by_cell.total(
        _losses(np.nanmean(label, axis=1)[:, None], sample.observed) - _losses(sample.forecast, sample.observed)
    )
    weights = draw_units(cells, draws=DRAWS, seed=seed)
    gains = (weights @ gain) / (weights @ by_cell.size)
    low, high = interval(gains, LEVEL, cells)
    detail = f"gain in log loss over the map of the whole period {gains[0]:+.5f} [{low:+.5f}, {high:+.5f}]"
    return Finding("shuffled in time", name, not low > 0, detail)


def _losses(forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return negative log-likelihoods: of probabilities, or of expected counts where some outcome is above 1."""
    if np.nanmax(observed) <= 1:
        return log_losses(forecast, observed)
    mean = np.maximum(forecast.astype(float), TINY)
    return np.asarray(mean - observed * np.log(mean))


def _beyond_chance(name: str, sample: Sample, label: np.ndarray, seed: int) -> Finding:  # noqa: ARG001  # as _beyond_map
    """Compare with forecasts of other cells, which are as good where all cell-days are shuffled."""
    rng = np.random.default_rng(seed)
    positive = replace(sample, observed=np.minimum(sample.observed, 1))
    found = _pr_auc(positive)
    chance = [_pr_auc(replace(positive, observed=rng.permutation(positive.observed))) for _ in range(DRAWS)]
    most = float(np.quantile(chance, LEVEL))
    prevalence = float(np.nanmean(positive.observed))
    detail = f"PR-AUC {found:.4f}, prevalence {prevalence:.4f}, by chance up to {most:.4f}"
    return Finding("shuffled over cells", name, found <= most, detail)


def _pr_auc(sample: Sample) -> float:
    score: Any = SCORES["pr_auc"]()
    return float(score.values(score.prepare(sample), np.ones((1, sample.units)))[0])
