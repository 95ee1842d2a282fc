"""Explanations: contributions add up, words name the strongest, importance finds what matters."""

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.models import MODELS

SPLIT = "2021-05-10"
DAYS = slice("2021-05-12", "2021-05-20")


@pytest.fixture
def train(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, SPLIT)[0]


def make(name: str, **options):
    return MODELS[name](max_trees=15, validation_days=20, **options)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
@pytest.mark.parametrize(
    "options", [{}, {"offset": "historical_rate"}, {"balance": "class_weight"}, {"objective": "poisson"}], ids=str
)
def test_contributions__add_up_to_the_forecast(
    labelled: xr.Dataset, train: xr.Dataset, name: str, options: dict[str, str]
) -> None:
    model = make(name, **options).fit(train)
    with no_compute():
        why = ht.add_contributions(labelled, model, time=DAYS)
    ht.validate(why)
    total = sum(why[v] for v in why if why[v].attrs.get("role") == "contribution")
    assert total.chunks[0] == labelled["crime"].chunks[0]
    risk = model.predict(labelled).sel(time=DAYS).values
    expected = np.log(risk / (1 - risk)) if model.log_odds else np.log(risk)
    np.testing.assert_allclose(total.values, expected, atol=2e-4)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_explain__says_it_in_words(labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
    model = make(name).fit(train)
    cell = int(labelled["cell"][7])
    why = ht.explain(labelled, model, time="2021-05-15", cell=cell, reasons=3)
    assert why.risk == pytest.approx(float(model.predict(labelled).sel(time="2021-05-15")[7]), abs=1e-5)
    odds = why.start / (1 - why.start) * why.table["factor"].prod()
    assert odds / (1 + odds) == pytest.approx(why.risk, abs=1e-5)
    text = str(why)
    strongest = why.table.index[0]
    assert strongest in text
    assert labelled[strongest].attrs["long_name"] in text
    assert f"{cell:x}" in text
    assert text.count(" x  ") == 4
    assert str(ht.explain(labelled, model, time="2021-05-15", cell=f"{cell:x}", reasons=3)) == text


def test_explain__bad_use(labelled: xr.Dataset, train: xr.Dataset) -> None:
    model = make("lightgbm").fit(train)
    with pytest.raises(InputError, match="cell must be an H3 id"):
        ht.explain(labelled, model, time="2021-05-15", cell="Queens")
    with pytest.raises(CubeError, match="the cube has no cell 00000000000002a"):
        ht.explain(labelled, model, time="2021-05-15", cell=42)
    with pytest.raises(CubeError, match="the cube has no day 2031"):
        ht.explain(labelled, model, time="2031-05-15", cell=int(labelled["cell"][0]))
    with pytest.raises(CubeError, match="historical_rate gives no contributions of features: boosted trees do"):
        ht.add_contributions(labelled, ht.HistoricalRate().fit(train))


def test_importance__finds_the_features_that_matter(labelled: xr.Dataset, train: xr.Dataset) -> None:
    noise = np.random.default_rng(0).normal(size=labelled["crime"].shape).astype(np.float32)
    facts = {**labelled["crime_lag_1"].attrs, "role_of": "noise", "feature": "noise"}
    noisy = labelled.assign(noise=(("cell", "time"), noise, facts))
    model = make("lightgbm").fit(ht.split_time(noisy, SPLIT)[0])
    table = ht.permutation_importance(noisy, model, time=slice(SPLIT, None))
    assert table["features"].sum() == len(model.features_)
    assert table["increase"].iloc[0] > 0.01
    assert abs(table.loc["noise", "increase"]) < 0.1 * table["increase"].iloc[0]
    two = ht.permutation_importance(noisy, model, time=slice(SPLIT, None), families={"noise": ["noise"]})
    assert list(two.index) == ["noise"]
    with pytest.raises(InputError, match="does not use the feature 'crime_sum_8'; did you mean"):
        ht.permutation_importance(noisy, model, families={"x": ["crime_sum_8"]})
    with pytest.raises(CubeError, match="no feature has an importance"):
        ht.permutation_importance(labelled, ht.HistoricalRate().fit(train))


def test_importance__chunks_change_nothing(labelled: xr.Dataset, train: xr.Dataset) -> None:
    model = make("lightgbm").fit(train)
    one = ht.permutation_importance(labelled, model, time=DAYS, families={"sums": ["crime_sum_7", "crime_sum_28"]})
    two = ht.permutation_importance(
        labelled.compute(), model, time=DAYS, families={"sums": ["crime_sum_7", "crime_sum_28"]}
    )
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_partial_dependence__is_the_mean_forecast(labelled: xr.Dataset, train: xr.Dataset) -> None:
    model = make("lightgbm", monotone={"crime_rate_60": 1}).fit(train)
    table = ht.partial_dependence(labelled, model, "crime_rate_60", [0.0, 0.1, 1.0], time=DAYS)
    assert table["risk"].is_monotonic_increasing
    assert table["risk"].iloc[2] > table["risk"].iloc[0]
    fixed = labelled.assign(crime_rate_60=xr.full_like(labelled["crime_rate_60"], 0.1))
    assert table["risk"][1] == pytest.approx(float(model.predict(fixed).sel(time=DAYS).mean()))
