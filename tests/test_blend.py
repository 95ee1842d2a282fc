"""Blends of models: the mean of log-odds, and weights learned on days that no member has seen."""

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import InputError, UnknownNameError
from htgeo.core.options import build
from htgeo.models.blend import Blend
from htgeo.models.calibrated import Calibrated
from htgeo.models.calibration import log_loss, log_odds, probability

MEMBERS = ["historical_rate", {"ewma_rate": {"half_life": 20}}]


@pytest.fixture
def train(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, "2021-05-10")[0]


def test_mean__of_log_odds(labelled: xr.Dataset, train: xr.Dataset) -> None:
    model = Blend(models=MEMBERS).fit(train)
    with no_compute():
        risk = model.predict(labelled)
    assert risk.chunks == labelled["crime"].chunks
    assert risk.dtype == np.float32
    lines = [log_odds(m.fit(train).predict(labelled).values) for m in (ht.HistoricalRate(), ht.EwmaRate(half_life=20))]
    np.testing.assert_allclose(risk.values, probability(np.mean(lines, axis=0)), rtol=1e-5)


def test_stack__is_no_worse_than_the_mean_where_it_learned(train: xr.Dataset) -> None:
    stack = Blend(models=MEMBERS, weights="stack", days=40).fit(train)
    assert min(stack.weights_) >= 0
    assert [member.span_ for member in stack.members_] == [stack.span_] * 2
    mean = Blend(models=MEMBERS).fit(train)
    earlier = train.isel(time=slice(train.sizes["time"] - 46))
    members = [ht.HistoricalRate().fit(earlier), ht.EwmaRate(half_life=20).fit(earlier)]
    observed = train["crime_any_within_7"].values[:, -40:]
    losses = []
    for model in (stack, mean):
        model.members_ = members
        losses.append(log_loss(model._risk(train).values[:, -40:], observed))
    assert losses[0] <= losses[1]


def test_stack__of_a_strong_ridge_is_the_mean(train: xr.Dataset) -> None:
    weights = Blend(models=MEMBERS, weights="stack", days=40, ridge=1e9).fit(train).weights_
    np.testing.assert_allclose(weights, 0.5, atol=1e-4)


def test_stack__prefers_the_member_that_knows_places(labelled: xr.Dataset) -> None:
    features = labelled.drop_vars([v for v in labelled if labelled[v].attrs.get("role") == "feature"])
    cube = ht.add_features(features, [ht.Calendar()])
    train = ht.split_time(cube, "2021-05-10")[0]
    calendar = {"lightgbm": {"max_trees": 30, "validation_days": 20}}
    stack = Blend(models=["historical_rate", calendar], weights="stack", days=30).fit(train)
    assert stack.weights_[0] > 0.6
    test = slice("2021-05-10", "2021-06-24")
    observed = cube["crime_any_within_7"].sel(time=test).values
    losses = {}
    for weights in ((1.0, 0.0), (0.5, 0.5), tuple(stack.weights_)):
        stack.weights_ = list(weights)
        losses[weights] = log_loss(stack.predict(cube).sel(time=test).values, observed)
    assert list(losses.values())[2] < losses[0.5, 0.5]


def test_blend__counts(cube: xr.Dataset) -> None:
    counts = ht.add_label(cube, ht.CountWithin("crime", days=7))
    train = ht.split_time(counts, "2021-05-10")[0]
    members = [m.fit(train).predict(counts).values for m in (ht.HistoricalRate(), ht.EwmaRate(half_life=20))]
    mean = ht.add_risk(counts, Blend(models=MEMBERS).fit(train))["expected_blend"].values
    np.testing.assert_allclose(mean, np.exp(np.log(members).mean(axis=0)), rtol=1e-5)
    stack = Blend(models=MEMBERS, weights="stack", days=40).fit(train)
    expected = stack.predict(counts).sel(time=train["time"].values[-40:]).values
    assert expected.mean() == pytest.approx(train["crime_count_within_7"].values[:, -40:].mean(), rel=0.1)


def test_blend__members_by_name_options_or_model(labelled: xr.Dataset, train: xr.Dataset) -> None:
    by_model = Blend(models=["historical_rate", ht.EwmaRate(half_life=20)])
    assert by_model.models == [{"historical_rate": {}}, {"ewma_rate": {"half_life": 20}}]
    settings = build("model", Blend, {"models": MEMBERS, "weights": "stack", "days": 40})
    np.testing.assert_array_equal(
        settings.fit(train).predict(labelled),
        Blend(models=by_model.models, weights="stack", days=40).fit(train).predict(labelled),
    )
    calibrated = Calibrated(model=by_model, days=30).fit(train)
    assert len(calibrated.inner_.members_) == 2


def test_blend__bad_options() -> None:
    with pytest.raises(InputError, match="two or more models, not 1"):
        Blend(models=["ewma_rate"])
    with pytest.raises(UnknownNameError, match="there is no model 'ewma'"):
        Blend(models=["ewma", "historical_rate"])
    with pytest.raises(InputError, match="weights must be 'mean' or 'stack', not 'sum'"):
        Blend(weights="sum")
    with pytest.raises(InputError, match="as a name"):
        Blend(models=[{"ewma_rate": {}, "historical_rate": {}}, "ewma_rate"])
    with pytest.raises(InputError, match="ridge at least 0"):
        Blend(ridge=-1)
    with pytest.raises(InputError, match="option 'weights'"):
        build("model", Blend, {"weights": "sum"})
