"""Scores against scikit-learn and slow plain versions; splits; the bootstrap."""

import json

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, UnknownNameError
from htgeo.evaluation import SCORES, scores_to_dict
from htgeo.evaluation.base import Sample


def sample(seed: int = 0, cells: int = 60, days: int = 30) -> Sample:
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 0.3, (cells, 1)) * np.ones((1, days))
    events = rng.poisson(rate).astype(float)
    forecast = np.clip(np.round(1 - np.exp(-rate * rng.lognormal(0, 0.3, rate.shape)), 3), 0.001, 0.999)  # with ties
    return Sample(forecast, np.minimum(events, 1), events, rng.uniform(0.7, 0.8, cells), 0.1)


def score(name: str, s: Sample, weights: np.ndarray | None = None) -> float:
    scorer = SCORES[name]()
    return scorer.value(scorer.prepare(s), np.ones(s.forecast.shape[1]) if weights is None else weights)


PEERS = {
    "pr_auc": lambda y, p, w: average_precision_score(y, p, sample_weight=w),
    "roc_auc": lambda y, p, w: roc_auc_score(y, p, sample_weight=w),
    "brier": lambda y, p, w: brier_score_loss(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: log_loss(y, p, sample_weight=w),
    "brier_skill": lambda y, p, w: 1 - np.average((y - p) ** 2, weights=w) / np.average((y - 0.1) ** 2, weights=w),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores__equal_scikit_learn_with_day_weights(name: str, seed: int) -> None:
    s = sample(seed)
    weights = np.random.default_rng(seed).integers(0, 3, s.forecast.shape[1]).astype(float)
    every = np.broadcast_to(weights, s.forecast.shape)
    assert score(name, s, weights) == pytest.approx(
        PEERS[name](s.observed.ravel(), s.forecast.ravel(), every.ravel()), abs=1e-9
    )


def test_calibration_slope__equals_a_logistic_regression() -> None:
    s = sample(3, cells=400, days=60)
    logit = np.log(s.forecast / (1 - s.forecast)).ravel()
    expected = LogisticRegression(C=1e9, tol=1e-10).fit(logit[:, None], s.observed.ravel()).coef_[0, 0]
    assert score("calibration_slope", s) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("percent", [1, 5, 10, 20])
def test_hotspot_scores__equal_a_plain_loop(percent: int) -> None:
    s = sample(4)
    s = Sample(s.forecast + np.arange(60)[:, None] * 1e-7, s.observed, s.events, s.area, 0.1)  # no ties
    captured = possible = 0.0
    for day in range(s.forecast.shape[1]):
        captured += _captured(s.forecast[:, day], s.events[:, day], s.area, percent / 100)
        possible += _captured(s.events[:, day] / s.area, s.events[:, day], s.area, percent / 100)
    rate = captured / s.events.sum()
    assert score(f"hit_rate_{percent}", s) == pytest.approx(rate)
    assert score(f"pai_{percent}", s) == pytest.approx(rate / (percent / 100))
    assert score(f"pei_{percent}", s) == pytest.approx(captured / possible, rel=1e-3)


def _captured(value: np.ndarray, events: np.ndarray, area: np.ndarray, share: float) -> float:
    left, total = share * area.sum(), 0.0
    for cell in np.argsort(-value, kind="stable"):
        part = min(1.0, left / area[cell])
        total += part * events[cell]
        left -= part * area[cell]
        if left <= 0:
            break
    return total


@pytest.mark.parametrize("name", list(SCORES))
class TestEveryScore:
    def test_perfect_forecast__gets_the_best_value(self, name: str) -> None:
        s = sample()
        perfect = Sample(s.observed.copy(), s.observed, s.observed, np.full_like(s.area, 0.74), 0.1)
        other = Sample(s.forecast, s.observed, s.observed, perfect.area, 0.1)
        best = SCORES[name].best
        if name == "calibration_slope":
            rng = np.random.default_rng(0)  # probabilities that mean what they say
            p = rng.uniform(0.01, 0.6, (500, 200))
            s = Sample(p, (rng.random(p.shape) < p).astype(float), s.events, s.area, 0.1)
            assert score(name, s) == pytest.approx(1, abs=0.02)
        elif name.startswith(("pai", "hit_rate")):  # bounded by the area: the best is what a PEI of 1 stands for
            efficiency = "pei_" + name.rsplit("_", 1)[1]
            assert score(efficiency, perfect) == pytest.approx(1)
            assert score(name, other) / score(efficiency, other) == pytest.approx(score(name, perfect))
        else:
            assert score(name, perfect) == pytest.approx(best, abs=1e-5)

    def test_missing_values__are_left_out(self, name: str) -> None:
        s = sample()
        gone = np.zeros(s.forecast.shape, bool)
        gone[:, 20:] = True
        holes = Sample(
            np.where(gone, np.nan, s.forecast),
            np.where(gone, np.nan, s.observed),
            np.where(gone, 0, s.events),
            s.area,
            0.1,
        )
        short = Sample(s.forecast[:, :20], s.observed[:, :20], s.events[:, :20], s.area, 0.1)
        assert score(name, holes) == pytest.approx(score(name, short), rel=1e-6)


@pytest.fixture
def scored(labelled: xr.Dataset) -> xr.Dataset:
    train, _ = ht.split_time(labelled, "2021-05-10")
    cube = ht.add_risk(labelled, ht.HistoricalRate().fit(train))
    return ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(train))


def test_evaluate__values_intervals_differences(scored: xr.Dataset) -> None:
    table = ht.evaluate(scored, start="2021-03-01", against=["historical_rate"], draws=100)
    days = scored.sel(time=slice("2021-03-01", None))
    observed, risk = days["crime_any_within_7"].values, days["risk_ewma_rate"].values
    known = ~np.isnan(observed)
    assert float(table["value"].sel(model="ewma_rate", score="pr_auc")) == pytest.approx(
        average_precision_score(observed[known], risk[known])
    )
    inner = table[["low", "value", "high"]].sel(score=["pr_auc", "log_loss", "hit_rate_10"]).compute()
    assert (inner["low"] <= inner["value"]).all()
    assert (inner["value"] <= inner["high"]).all()
    gap = table["value"].sel(model="ewma_rate") - table["value"].sel(model="historical_rate")
    xr.testing.assert_allclose(table["difference"].sel(baseline="historical_rate", model="ewma_rate", drop=True), gap)
    assert table.attrs["cell_days"] == known.sum()
    assert table.attrs["positives"] == observed[known].sum()
    plain = scores_to_dict(table)
    assert set(plain["ewma_rate"]["pr_auc"]) == {"value", "low", "high", "against"}
    json.dumps(plain, allow_nan=False)


def test_evaluate__counts_events_in_the_window(scored: xr.Dataset) -> None:
    table = ht.evaluate(scored, start="2021-05-10", stop="2021-05-12", scores=["hit_rate_10"], draws=0)
    assert table.attrs["events"] == float(
        scored["crime"].sel(time=slice("2021-05-10", "2021-05-18")).sum()
    )  # each once


def test_evaluate__interval_holds_the_truth_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = np.broadcast_to(rng.uniform(0.05, 0.5, (40, 1)), (40, 140))
        s = Sample(p, (rng.random(p.shape) < p).astype(float), np.zeros(p.shape), np.ones(40), 0.1)
        truth = (p * (1 - p)).mean()
        scorer = SCORES["brier"]()
        stats = scorer.prepare(s)
        from htgeo.evaluation.evaluate import _draws

        low, high = np.quantile([scorer.value(stats, w) for w in _draws(140, 300, seed, 7)[1:]], [0.025, 0.975])
        inside += low <= truth <= high
    assert 50 <= inside <= 60


def test_evaluate__clear_messages(scored: xr.Dataset, labelled: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="no risk to score; add one"):
        ht.evaluate(labelled)
    with pytest.raises(UnknownNameError, match=r"no score 'prauc'; .* did you mean 'pr_auc'"):
        ht.evaluate(scored, scores=["prauc"])
    with pytest.raises(InputError, match="no risk of 'historical' to compare with"):
        ht.evaluate(scored, against=["historical"])
    with pytest.raises(CubeError, match="no day to score between 2030-01-01"):
        ht.evaluate(scored, start="2030-01-01")
    with pytest.raises(CubeError, match="label that is over"):
        ht.evaluate(scored, start="2021-06-28")


def test_split_time__gap_follows_from_the_horizon(labelled: xr.Dataset) -> None:
    with no_compute():
        train, test = ht.split_time(labelled, "2021-05-10")
    assert str(train.time.values[-1])[:10] == "2021-05-03"  # its label covers 3 to 9 May
    assert str(test.time.values[0])[:10] == "2021-05-10"
    longer, _ = ht.split_time(labelled, "2021-05-10", gap=91)
    assert longer.sizes["time"] == train.sizes["time"] - 85
    with pytest.raises(InputError, match="horizon of 7 days demands at least 6"):
        ht.split_time(labelled, "2021-05-10", gap=2)
    with pytest.raises(InputError, match="leaves no test day"):
        ht.split_time(labelled, "2022-05-10")
    with pytest.raises(InputError, match="a day looks like"):
        ht.split_time(labelled, "May")
