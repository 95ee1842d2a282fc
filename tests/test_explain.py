"""Explanations: contributions add up, words name the strongest, importance finds what matters."""

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.models import MODELS
from htgeo.models.lstm_explain import integrated_gradients
from htgeo.models.lstm_inputs import arrays_of

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
    with pytest.raises(CubeError, match="historical_rate gives no contributions of features: boosted trees and"):
        ht.add_contributions(labelled, ht.HistoricalRate().fit(train))


SMALL = {"hidden": 4, "epochs": 3, "validation_days": 20, "learning_rate": 0.02, "chunk_days": 40}


@pytest.fixture
def short(cube: xr.Dataset) -> xr.Dataset:
    """Eighty days with a few features of every kind: gaps, heavy tails, categories, on both axes and on one."""
    features = [ht.RollingSum("crime", days=[7, 28]), ht.Calendar(["weekday"], harmonics=1), ht.Static()]
    cube = ht.add_features(cube.isel(time=slice(80)), features)
    return ht.add_label(cube, ht.AnyWithin("crime", days=7))


def contributions(cube: xr.Dataset) -> xr.Dataset:
    return cube[[name for name in cube if cube[name].attrs.get("role") == "contribution"]]


@pytest.mark.parametrize(
    "options",
    [{}, {"layers": 2}, {"offset": "historical_rate"}, {"windowed": 7}, {"positive_weight": 5.0}, {"loss": "poisson"}],
    ids=str,
)
def test_lstm__contributions_add_up_to_the_forecast(short: xr.Dataset, options: dict[str, object]) -> None:
    if "loss" in options:
        short = ht.add_label(short.drop_vars("crime_any_within_7"), ht.CountWithin("crime", days=7))
    model = ht.LSTM(**SMALL, **options).fit(short)
    days = slice("2021-01-03", "2021-01-12") if "windowed" in options else slice("2021-03-01", "2021-03-10")
    with no_compute():
        why = ht.add_contributions(short, model, time=days)
    ht.validate(why)
    names = ["crime_sum_7", *(["offset"] if "offset" in options else []), "base"]
    assert all(f"contribution_{name}" in why for name in names)
    total = sum(contributions(why).values())
    assert total.chunks == short["crime"].sel(time=days).chunks
    risk = model.predict(short).sel(time=days).values
    np.testing.assert_allclose(total.values, np.log(risk / (1 - risk)) if model.log_odds else np.log(risk), atol=1e-4)
    assert np.ptp(contributions(why)["contribution_crime_sum_28"].values) > 0.01


def test_lstm__contributions_are_integrated_gradients(short: xr.Dataset) -> None:
    """The sum over all days read of torch's own gradients, at many points of the path."""
    import torch

    model = ht.LSTM(**SMALL).fit(short)
    network, inputs = model._reader().network, model._reader().inputs
    block = arrays_of(xr.Dataset(model.inputs(short)).isel(cell=slice(6)).compute())
    numbers, codes = inputs.cut(block, slice(6), slice(60))
    tables = [table.weight.numpy() for table in network["tables"]]
    parts = [*numbers, *(table[code] for table, code in zip(tables, codes, strict=True))]
    x = np.concatenate([np.broadcast_to(part, (60, 6, part.shape[-1])) for part in parts], -1)
    zero = np.concatenate([np.zeros(inputs.width, np.float32), *(table[1:].mean(0) for table in tables)])
    total = np.zeros((6, x.shape[-1]))
    for point in (np.arange(200, dtype=np.float32) + 0.5) / 200:
        at = torch.tensor(zero + point * (x - zero), requires_grad=True)
        line = network["from_state"](network["lstm"](at)[0]) + network["from_input"](at)
        (gradient,) = torch.autograd.grad(line[-1].sum(), at)
        total += (gradient.numpy() * (x - zero)).sum(0) / 200 * model.to_risk_.slope
    day = str(short["time"].values[59])[:10]
    why = ht.add_contributions(short, model, time=day).isel(cell=slice(6))
    own = {name: total[:, [n == name for n in inputs.columns(4)]].sum(1) for name in model.features_}
    for name, values in own.items():
        np.testing.assert_allclose(why[f"contribution_{name}"].values[:, 0], values, atol=1e-3)
    assert max(np.abs(values).max() for values in own.values()) > 0.2


def test_lstm__contributions_add_up_where_memories_flip(short: xr.Dataset) -> None:
    """Weights so large that a memory jumps along the path: its gradients at a few points miss the jump."""
    model = ht.LSTM(**SMALL).fit(short)
    model.weights_ = {name: values if "lstm" not in name else 4 * values for name, values in model.weights_.items()}
    total = sum(contributions(ht.add_contributions(short, model, time="2021-03-10")).values())
    risk = model.predict(short).sel(time="2021-03-10").values
    np.testing.assert_allclose(total.values[:, 0], np.log(risk / (1 - risk)), atol=1e-4)


def test_lstm__few_days_equal_the_whole(short: xr.Dataset) -> None:
    model = ht.LSTM(**SMALL).fit(short)
    days = slice("2021-02-10", "2021-02-12")
    whole, few = ht.add_contributions(short, model), ht.add_contributions(short, model, time=days)
    for name, values in contributions(few).items():
        np.testing.assert_array_equal(values.values, whole[name].sel(time=days).values)


@pytest.mark.parametrize(("window", "until"), [(None, 80), (7, 67)])
def test_lstm__a_feature_counts_on_its_day_and_after(short: xr.Dataset, window: int | None, until: int) -> None:
    model = ht.LSTM(**SMALL, windowed=window).fit(short)
    changed = short.assign(crime_sum_7=short["crime_sum_7"].compute().copy(deep=True))
    changed["crime_sum_7"].values[:, 60] += 50
    few = slice("2021-02-25", None)
    one, two = (
        ht.add_contributions(cube, model, time=few)["contribution_crime_sum_7"].values for cube in (short, changed)
    )
    first = short.sizes["time"] - one.shape[1]
    moved = np.flatnonzero((one != two).any(axis=0)) + first
    assert first < 60
    assert (moved[0], moved[-1]) == (60, until - 1)


def test_lstm__explain_reads_one_cell(short: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ht.LSTM(**SMALL).fit(short)
    shapes = []

    def spied(*args: object) -> np.ndarray:
        shapes.append(args[3])
        return integrated_gradients(*args)

    monkeypatch.setattr("htgeo.models.lstm.integrated_gradients", spied)
    why = ht.explain(short, model, time="2021-03-01", cell=int(short["cell"][7]), reasons=2)
    assert shapes == [(1, 1)]
    assert why.risk == pytest.approx(float(model.predict(short).sel(time="2021-03-01")[7]), abs=1e-5)
    assert why.table.index[0] in str(why)
    assert str(why).endswith("Each factor counts the feature on that day and on all days before.")
    assert list(why.table.index) != list(model.features_)
    assert set(why.table.index) == set(model.features_)


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
