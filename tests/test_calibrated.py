"""Maps from scores to risk against plain ones, and models calibrated on days they did not learn from."""

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, PoissonRegressor

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, UnknownNameError
from htgeo.models.calibrated import Calibrated
from htgeo.models.calibration import (
    BetaMap,
    IsotonicMap,
    LogisticMap,
    LogLinearMap,
    fit_nonnegative,
    log_expected,
    log_loss,
    log_odds,
    probability,
)

RNG = np.random.default_rng(0)
SCORE = RNG.normal(-2, 1.2, 6000)
LABEL = RNG.binomial(1, probability(0.6 * SCORE + 0.3)).astype(float)
WEIGHT = RNG.uniform(0.2, 3, 6000)


def slow_pools(mean: list[float], weight: list[float]) -> list[float]:
    """Return the monotone steps of least squares: neighbours out of order are pooled until none is left."""
    pools = [[m, w, 1] for m, w in zip(mean, weight, strict=True)]
    while (at := next((i for i in range(len(pools) - 1) if pools[i][0] > pools[i + 1][0]), None)) is not None:
        (a, v, n), (b, w, m) = pools[at : at + 2]
        pools[at : at + 2] = [[(a * v + b * w) / (v + w), v + w, n + m]]
    return [mean for mean, _, size in pools for _ in range(size)]


def test_platt__equals_scikit_learn() -> None:
    plain = LogisticRegression(C=np.inf, tol=1e-10).fit(SCORE[:, None], LABEL, sample_weight=WEIGHT)
    found = LogisticMap.fit(SCORE, LABEL, WEIGHT)
    assert found.slope == pytest.approx(plain.coef_[0, 0], rel=1e-4)
    assert found.intercept == pytest.approx(plain.intercept_[0], rel=1e-4)


def test_poisson__equals_scikit_learn() -> None:
    counts = RNG.poisson(np.exp(0.5 * SCORE + 0.4)).astype(float)
    plain = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(SCORE[:, None], counts, sample_weight=WEIGHT)
    found = LogLinearMap.fit(SCORE, counts, WEIGHT)
    assert found.slope == pytest.approx(plain.coef_[0], rel=1e-4)
    assert found.intercept == pytest.approx(plain.intercept_, rel=1e-4)


@pytest.mark.parametrize("turn", [1.0, -1.0], ids=["too bold", "ranks the wrong way"])
def test_beta__is_the_greatest_likelihood_with_factors_of_at_least_0(turn: float) -> None:
    p = probability(SCORE + 2).astype(float)
    label = RNG.binomial(1, probability(turn * (1.5 * np.log(p) - 0.4 * np.log1p(-p)) + 0.5)).astype(float)

    def loss(factors: np.ndarray) -> float:
        line = factors[0] + factors[1] * np.log(p) - factors[2] * np.log1p(-p)
        return log_loss(1 / (1 + np.exp(-line)), label)

    plain = minimize(loss, [0, 1, 1], bounds=[(None, None), (0, None), (0, None)], tol=1e-12)
    found = BetaMap.fit(log_odds(p), label)
    assert min(found.a, found.b) >= 0
    assert log_loss(found(log_odds(p)), label) == pytest.approx(plain.fun, abs=1e-6)


def test_beta__leaves_a_calibrated_risk_alone() -> None:
    score = RNG.normal(0, 2, 200_000)
    found = BetaMap.fit(score, probability(score))
    np.testing.assert_allclose([found.intercept, found.a, found.b], [0, 1, 1], atol=1e-3)


@given(
    st.lists(
        st.tuples(st.integers(-6, 6), st.sampled_from([0.0, 0.25, 1.0]), st.integers(1, 4)), min_size=2, max_size=40
    )
)
def test_isotonic__equals_slow_pooling(rows: list[tuple[int, float, int]]) -> None:
    score, label, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    values = np.unique(score)
    total = [weight[score == v].sum() for v in values]
    mean = [np.average(label[score == v], weights=weight[score == v]) for v in values]
    expected = np.array(slow_pools(mean, total))
    found = IsotonicMap.fit(score, label, weight)
    inner = (expected > 1e-9) & (expected < 1 - 1e-9)
    np.testing.assert_allclose(found(values)[inner], expected[inner], rtol=1e-6)
    dense = found(np.linspace(-8, 8, 997))
    assert (np.diff(dense) >= 0).all()
    assert (np.diff(found(values)) >= 0).all()


def test_isotonic__equals_scikit_learn_and_never_turns() -> None:
    found = IsotonicMap.fit(SCORE, LABEL, WEIGHT)
    plain = IsotonicRegression(out_of_bounds="clip").fit(SCORE, LABEL, sample_weight=WEIGHT)
    at = np.sort(np.concatenate([SCORE, RNG.normal(-2, 3, 20_000)]))
    expected = plain.predict(at)
    inner = (expected >= found.risk[2]) & (expected <= found.risk[-3])  # the outer steps are drawn in
    assert inner.mean() > 0.5
    np.testing.assert_allclose(found(at)[inner], expected[inner], rtol=1e-5)
    assert (np.diff(found(at)) >= 0).all()


def test_isotonic__is_never_certain() -> None:
    found = IsotonicMap.fit(np.array([0.0, 1, 2, 3, 4, 5]), np.array([0.0, 0, 0, 1, 0, 1]))
    np.testing.assert_allclose(found(np.array([-9, 0, 2, 3, 4, 5, 9])), [1 / 8, 1 / 8, 1 / 8, 0.5, 0.5, 0.75, 0.75])
    counts = IsotonicMap.fit(np.array([0.0, 1, 2]), np.array([0.0, 1, 3]))
    assert counts(np.array([2.0])) == 3
    unseen = IsotonicMap.fit(np.array([0.0, 1, 2]), np.array([0.0, 1, 0]), np.array([1.0, 1, 0]))
    assert unseen.score.max() == 1


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_nonnegative__is_the_greatest_likelihood(family: str) -> None:
    columns = RNG.normal(size=(2000, 1)) + 0.5 * RNG.normal(size=(2000, 4))
    line = columns @ np.array([0.7, -0.4, 0.3, 0.05]) - 1
    y = RNG.binomial(1, probability(line)) if family == "binomial" else RNG.poisson(np.exp(line))

    def loss(beta: np.ndarray) -> float:
        line = beta[0] + columns @ beta[1:]
        each = np.logaddexp(0, line) if family == "binomial" else np.exp(line)
        return float((each - y * line).sum() + 2.5 * ((beta[1:] - 0.25) ** 2).sum())

    plain = minimize(loss, np.zeros(5), bounds=[(None, None)] + [(0, None)] * 4, tol=1e-12)
    found = fit_nonnegative(columns, y, family=family, ridge=5.0, start=0.25)
    assert found[2] == 0
    np.testing.assert_allclose(found, plain.x, atol=2e-3)


def test_scores__of_0_and_1_are_finite() -> None:
    assert np.isfinite(log_odds(np.array([0, 1e-30, 1], np.float32))).all()
    assert np.isfinite(log_expected(np.array([0, 1e-30, 9], np.float32))).all()


@pytest.fixture
def train(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, "2021-05-10")[0]


@pytest.mark.parametrize("method", ["platt", "beta", "isotonic"])
def test_calibrated__learns_its_map_on_days_the_model_has_not_seen(
    labelled: xr.Dataset, train: xr.Dataset, method: str
) -> None:
    model = Calibrated(model="ewma_rate", options={"half_life": 30}, method=method, days=40).fit(train)
    assert model.inner_.span_[1] == str(train["time"].values[-1 - 40 - 6])[:10]
    last = ht.add_risk(labelled, model)["risk_calibrated"].sel(time=train["time"].values[-40:]).values
    observed = train["crime_any_within_7"].values[:, -40:]
    assert last.mean() == pytest.approx(observed.mean(), rel=0.01)
    plain = model.inner_.predict(labelled).sel(time=train["time"].values[-40:]).values
    assert log_loss(last, observed) <= log_loss(plain, observed) + 1e-6


def test_calibrated__maps_the_risk_lazily(labelled: xr.Dataset, train: xr.Dataset) -> None:
    model = Calibrated(model="historical_rate", method="isotonic", days=60).fit(train)
    with no_compute():
        risk = model.predict(labelled)
    assert risk.chunks == labelled["crime"].chunks
    plain = model.inner_.predict(labelled).values
    np.testing.assert_array_equal(risk.values, model.to_risk_(log_odds(plain)))
    assert (np.diff(risk.values.ravel()[np.argsort(plain.ravel(), kind="stable")]) >= 0).all()


def test_calibrated__refit_takes_all_days(train: xr.Dataset) -> None:
    assert Calibrated(refit=True, days=30).fit(train).inner_.span_ == Calibrated(days=30).fit(train).span_


def test_calibrated__takes_a_model_for_its_name_and_options(labelled: xr.Dataset, train: xr.Dataset) -> None:
    given = Calibrated(model=ht.EwmaRate(half_life=30), days=40)
    assert (given.model, given.options) == ("ewma_rate", {"half_life": 30})
    named = Calibrated(model="ewma_rate", options={"half_life": 30}, days=40)
    np.testing.assert_array_equal(given.fit(train).predict(labelled), named.fit(train).predict(labelled))
    nested = Calibrated(model=named, days=20).fit(train)
    assert nested.inner_.inner_.name == "ewma_rate"


def test_calibrated__counts(cube: xr.Dataset) -> None:
    counts = ht.add_label(cube, ht.CountWithin("crime", days=7))
    train = ht.split_time(counts, "2021-05-10")[0]
    for method in (None, "isotonic"):
        model = Calibrated(method=method, days=40).fit(train)
        expected = ht.add_risk(counts, model)["expected_calibrated"].sel(time=train["time"].values[-40:])
        assert float(expected.mean()) == pytest.approx(float(train["crime_count_within_7"][:, -40:].mean()), rel=0.01)
    with pytest.raises(CubeError, match="'beta' does not calibrate an expected count; allowed are poisson, isotonic"):
        Calibrated(method="beta").fit(train)


def test_calibrated__bad_options(train: xr.Dataset) -> None:
    with pytest.raises(UnknownNameError, match="there is no model 'ewma'"):
        Calibrated(model="ewma")
    with pytest.raises(InputError, match="'ewma_rate' has no option 'halflife'; did you mean 'half_life'"):
        Calibrated(model="ewma_rate", options={"halflife": 3})
    with pytest.raises(UnknownNameError, match="there is no calibration 'plat'"):
        Calibrated(method="plat")
    with pytest.raises(InputError, match="days must be above 0"):
        Calibrated(days=0)
    with pytest.raises(CubeError, match="no day is left to learn from; change days"):
        Calibrated(days=400).fit(train)
    with pytest.raises(CubeError, match="'poisson' does not calibrate a probability"):
        Calibrated(method="poisson").fit(train)
