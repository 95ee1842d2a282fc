"""Boosted trees: labels of every kind, offsets, weights, monotone constraints."""

import numpy as np
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.models import MODELS
from htgeo.models.calibration import log_loss, log_odds
from htgeo.tensors.matrix import STRATUM_DAYS, _drawn_evenly

SPLIT = "2021-05-10"
BOTH = ("lightgbm", "xgboost")


def make(name: str, **options):
    return MODELS[name](**{"max_trees": 40, "validation_days": 20, **options})


@pytest.fixture
def train(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, SPLIT)[0]


@pytest.fixture
def counted(cube: xr.Dataset) -> xr.Dataset:
    return ht.add_label(ht.add_features(cube, "default"), ht.CountWithin("crime", days=7))


@pytest.fixture
def daily(cube: xr.Dataset) -> xr.Dataset:
    return ht.add_label(ht.add_features(cube, "default"), ht.AnyWithin("crime", days=1))


def later_days(cube: xr.Dataset, name: str) -> np.ndarray:
    return cube[name].sel(time=slice(SPLIT, "2021-06-24")).values


@pytest.mark.parametrize("name", BOTH)
def test_missing_feature__is_named(labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
    model = make(name).fit(train)
    with pytest.raises(CubeError, match="the cube has no feature 'crime_lag_1'"):
        model.predict(labelled.drop_vars("crime_lag_1"))


@pytest.mark.parametrize("name", BOTH)
def test_feature_order_of_the_cube__does_not_matter(labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
    model = make(name).fit(train)
    turned = labelled[list(labelled.data_vars)[::-1]]
    np.testing.assert_array_equal(model.predict(turned).values, model.predict(labelled).values)


@pytest.mark.parametrize("name", BOTH)
def test_soft_label__shares_add_up(crimes: ht.Events, grid: ht.Grid, name: str) -> None:
    cube = ht.add_features(ht.grid_events({"crime": crimes}, grid), "default")
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=1))
    cube = ht.add_risk(cube, make(name).fit(ht.split_time(cube, SPLIT)[0]))
    risk, label = (later_days(cube, v) for v in (f"risk_{name}", "crime_any_within_1"))
    assert (label % 1 > 0).mean() > 0
    assert risk.mean() == pytest.approx(label.mean(), rel=0.15)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("objective", ["poisson", "tweedie"])
def test_count_label__is_forecast_as_expected_count(counted: xr.Dataset, name: str, objective: str) -> None:
    cube = ht.add_risk(counted, make(name, objective=objective).fit(ht.split_time(counted, SPLIT)[0]))
    expected, label = (later_days(cube, v) for v in (f"expected_{name}", "crime_count_within_7"))
    ht.validate(cube)
    assert expected.sum() == pytest.approx(label.sum(), rel=0.15)
    assert np.corrcoef(expected.ravel(), label.ravel())[0, 1] > 0.5


@pytest.mark.parametrize("name", BOTH)
def test_count_label__binary_objective_says_what_to_do(counted: xr.Dataset, name: str) -> None:
    with pytest.raises(CubeError, match=r"objective='poisson'"):
        make(name).fit(ht.split_time(counted, SPLIT)[0])


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("objective", ["poisson", "tweedie"])
def test_any_label__count_objectives_give_probabilities(
    labelled: xr.Dataset, train: xr.Dataset, name: str, objective: str
) -> None:
    risk = later_days(ht.add_risk(labelled, make(name, objective=objective).fit(train)), f"risk_{name}")
    assert 0 <= risk.min() <= risk.max() <= 1
    assert risk.mean() == pytest.approx(later_days(labelled, "crime_any_within_7").mean(), rel=0.25)


@pytest.mark.parametrize("name", BOTH)
def test_class_weight__risk_is_a_probability_all_the_same(daily: xr.Dataset, name: str) -> None:
    train = ht.split_time(daily, SPLIT)[0]
    model = make(name, balance="class_weight").fit(train)
    share = float(train["crime_any_within_1"].mean())
    assert model.shift_ == pytest.approx(np.log((1 - share) / share), rel=1e-3)
    risk = later_days(ht.add_risk(daily, model), f"risk_{name}")
    assert risk.mean() == pytest.approx(later_days(daily, "crime_any_within_1").mean(), rel=0.2)


@pytest.mark.parametrize("name", BOTH)
def test_offset__training_starts_from_another_model(labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
    start = ht.HistoricalRate().fit(train)
    few = make(name, offset="historical_rate", max_trees=1, params={"learning_rate": 1e-6}).fit(train)
    np.testing.assert_allclose(
        log_odds(few.predict(labelled).values), log_odds(start.predict(labelled).values), atol=1e-3
    )
    more = make(name, offset="historical_rate").fit(train)
    label = train["crime_any_within_7"].values
    known = ~np.isnan(label)
    losses = [log_loss(m.predict(train).values[known], label[known]) for m in (start, more)]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("name", BOTH)
def test_monotone__risk_never_falls_where_the_feature_grows(labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
    model = make(name, monotone={"crime_sum_28": 1}).fit(train)
    day = labelled.isel(time=[150]).compute()
    cells = day.sizes["cell"]
    rows = np.tile([float(day[f].isel(dict.fromkeys(day[f].dims, 0))) for f in model.features_], (cells, 1)).astype(
        np.float32
    )
    rows[:, model.features_.index("crime_sum_28")] = np.linspace(0, 40, cells)
    assert (np.diff(model._margin(rows)) >= -1e-6).all()
    with pytest.raises(CubeError, match="monotone names 'crime_sum_29', which is no feature"):
        make(name, monotone={"crime_sum_29": 1}).fit(train)
    with pytest.raises(InputError, match="monotone must be 1"):
        make(name, monotone={"crime_sum_28": 2})


@pytest.mark.parametrize("name", BOTH)
def test_bad_options__are_named(name: str) -> None:
    with pytest.raises(InputError, match="max_trees must be above 0"):
        make(name, max_trees=0)
    with pytest.raises(InputError, match="offset must be a model that learns without features"):
        make(name, offset="lightgbm")
    with pytest.raises(InputError, match="balance='class_weight' needs objective='binary'"):
        make(name, balance="class_weight", objective="poisson")


def test_stratified_draw__every_cell_and_season_keeps_its_share() -> None:
    kept = _drawn_evenly(np.random.default_rng(0), (400, 2 * STRATUM_DAYS), 0.3)
    counts = kept.reshape(400, 2, STRATUM_DAYS).sum(axis=2)
    assert set(np.unique(counts)) == {27, 28}  # 27.3, rounded by chance
    assert counts.mean() == pytest.approx(27.3, abs=0.06)
    assert kept.mean(axis=0).std() < 0.05  # no day is preferred


def test_stratified_draw__weights_restore_the_base_rate(daily: xr.Dataset) -> None:
    some = ht.to_matrix(daily, negatives_per_positive=1, draw="stratified", seed=1)
    every = ht.to_matrix(daily)
    assert some.y.sum() == every.y.sum()
    assert len(some.y) < 0.9 * len(every.y)
    assert (some.y * some.weight).sum() / some.weight.sum() == pytest.approx(every.y.mean(), rel=0.03)
