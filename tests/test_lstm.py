"""The LSTM: causal, streamed, repeatable, and better than the base rate where there is something to learn."""

import sys

import dask
import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, HtgeoError, InputError
from htgeo.cube.schema import stamp
from htgeo.models.calibration import log_loss, log_odds
from htgeo.models.lstm import LSTM
from htgeo.models.lstm_inputs import Blocks, Inputs, squash
from htgeo.models.lstm_training import Training

SPLIT = "2021-05-10"
SMALL = {"hidden": 8, "epochs": 4, "validation_days": 20, "batch_cells": 32, "chunk_days": 40}


@pytest.fixture
def some(cube: xr.Dataset) -> xr.Dataset:
    """A cube with a few features of every kind: gaps, heavy tails, categories, on both axes and on one."""
    features = [ht.RollingSum("crime", days=[7, 28]), ht.Calendar(["weekday"], harmonics=1), ht.Static()]
    return ht.add_label(ht.add_features(cube, features), ht.AnyWithin("crime", days=7))


@pytest.fixture
def train(some: xr.Dataset) -> xr.Dataset:
    return ht.split_time(some, SPLIT)[0]


def risk_of(cube: xr.Dataset, **options: object) -> np.ndarray:
    return LSTM(**{**SMALL, **options}).fit(ht.split_time(cube, SPLIT)[0]).predict(cube).values


def made_up(cube: xr.Dataset, values: np.ndarray, **features: np.ndarray) -> xr.Dataset:
    """Return a cube with a label of one day and features that are made up."""
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=1))
    label = cube["crime_any_within_1"]
    cube = cube.assign(crime_any_within_1=label.copy(data=values.astype(np.float32)))
    for name, column in features.items():
        dims = ("time",) if column.ndim == 1 else ("cell", "time")
        made = xr.DataArray(column.astype(np.float32), dims=dims)
        categories = {"categories": ["a", "b", "c", "d", "e", "f", "g"]} if name == "day" else {}
        cube[name] = stamp(made, name, "feature", "1", "made up", **categories)
    return cube


def test_risk__lazy_float32_in_the_chunks_of_the_cube(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**SMALL).fit(train)
    with no_compute():
        risk = model.predict(some)
    assert risk.dtype == np.float32
    assert risk.chunks == some["crime"].chunks
    assert ((risk.values > 0) & (risk.values < 1)).all()


def test_future__changes_nothing(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**SMALL).fit(train)
    changed = some.compute().copy(deep=True)
    late = changed["time"].values >= np.datetime64("2021-03-01")
    changed["crime_sum_7"].values[:, late] = 99
    early = slice(None, "2021-02-28")
    before, after = (model.predict(c).sel(time=early).values for c in (some.compute(), changed))
    np.testing.assert_array_equal(before, after)
    assert (model.predict(changed).values[:, late] != model.predict(some).values[:, late]).any()


def test_training__reads_no_label_of_validation_or_gap(some: xr.Dataset) -> None:
    train = ht.split_time(some, SPLIT)[0].compute()
    changed = train.copy(deep=True)
    label = changed["crime_any_within_7"].values
    first = label.shape[1] - 20
    label[:, first - 6 : first] = np.nan
    label[:, first:] = 1 - label[:, first:]
    options = {**SMALL, "epochs": 1, "refit": False}
    one, two = LSTM(**options).fit(train), LSTM(**options).fit(changed)
    assert one.losses_ != two.losses_
    assert all((one.weights_[name] == two.weights_[name]).all() for name in one.weights_)


def test_unknown_labels__are_masked(train: xr.Dataset) -> None:
    cube = train.compute()
    cube["crime_any_within_7"].values[3] = np.nan
    assert np.isfinite(LSTM(**SMALL).fit(cube).predict(cube).values).all()


def test_same_seed__same_bytes(some: xr.Dataset) -> None:
    import torch

    torch.manual_seed(7)
    state = torch.get_rng_state()
    one = risk_of(some)
    assert one.tobytes() == risk_of(some.compute()).tobytes()
    assert one.tobytes() != risk_of(some, seed=1).tobytes()
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_threads__same_bytes(some: xr.Dataset, train: xr.Dataset) -> None:
    lazy = LSTM(**SMALL).fit(train).predict(some)
    with dask.config.set(scheduler="synchronous"):
        alone = lazy.values
    with dask.config.set(scheduler="threads", num_workers=4):
        assert lazy.values.tobytes() == alone.tobytes()


def test_stepping__equals_the_full_pass(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**SMALL, layers=2).fit(train)
    whole = model.predict(some).sel(time=slice("2021-05-01", "2021-05-06"))
    state = model.state(some.sel(time=slice(None, "2021-04-30")))
    for day in whole["time"].values[:2]:
        risk, state = model.step(some.sel(time=[day]), state)
        np.testing.assert_allclose(risk.values, whole.sel(time=[day]).values, rtol=1e-4)
    risk, state = model.step(some.sel(time=slice(None, "2021-05-06")), state)
    np.testing.assert_allclose(risk.values, whole.isel(time=slice(2, None)).values, rtol=1e-4)
    assert state.day == "2021-05-06"
    with pytest.raises(CubeError, match="the state is that after 2021-05-06"):
        model.step(some.sel(time=["2021-05-09"]), state)
    with pytest.raises(CubeError, match="the cells of the cube are not those of the state"):
        model.step(some.isel(cell=slice(3)), state)


def test_stepping__with_an_offset(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**SMALL, offset="historical_rate").fit(train)
    state = model.state(some.sel(time=slice(None, "2021-04-30")))
    risk, _ = model.step(some.sel(time=slice(None, "2021-05-02")), state)
    np.testing.assert_allclose(risk.values, model.predict(some).sel(time=risk["time"]).values, rtol=1e-4)


def test_windowed__reads_so_many_days_and_no_more(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**{**SMALL, "epochs": 2}, windowed=7).fit(train)
    changed = some.compute().copy(deep=True)
    changed["crime_sum_7"].values[:, 60] += 50
    one, two = model.predict(some).values, model.predict(changed).values
    moved = np.abs(one - two).max(axis=0) > 0
    assert moved[60:67].all()
    assert not moved[:60].any()
    assert not moved[67:].any()
    with pytest.raises(CubeError, match="reads windows of 7 days keeps no state"):
        model.state(some)


def test_windowed__one_day_equals_its_window_alone(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**{**SMALL, "epochs": 1}, windowed=7).fit(train)
    causal = LSTM(**SMALL)
    causal.__dict__.update({name: value for name, value in vars(model).items() if name.endswith("_")})
    last, _ = causal.step(some.isel(time=slice(40, 47)), _nothing(causal, some.isel(time=slice(40, 47))))
    np.testing.assert_allclose(last.values[:, -1], model.predict(some).values[:, 46], rtol=1e-4)


def _nothing(model: LSTM, cube: xr.Dataset):
    """Return a state as if nothing had been seen."""
    from dataclasses import replace

    state = model.state(cube)
    day = str(cube["time"].values[0] - np.timedelta64(1, "D"))[:10]
    return replace(state, day=day, hidden=state.hidden * 0, memory=state.memory * 0)


def test_weekday__is_learned_through_the_embedding(cube: xr.Dataset) -> None:
    cells, days = cube["crime"].shape
    day = np.arange(days) % 7
    rate = np.where(day == 3, 0.5, 0.05)
    label = np.random.default_rng(0).random((cells, days)) < rate
    made = made_up(cube, label, day=day)
    train, _ = ht.split_time(made, SPLIT)
    options = {**SMALL, "epochs": 20, "learning_rate": 0.02}
    model = LSTM(**options).fit(train)
    late = made["time"].values >= np.datetime64(SPLIT)
    risk, seen = model.predict(made).values[:, late], label[:, late].astype(float)
    base = np.full(seen.shape, model.base_rate_)
    assert log_loss(risk, seen) < 0.85 * log_loss(base, seen)
    assert abs(log_loss(risk, seen) - log_loss(np.broadcast_to(rate[late], seen.shape), seen)) < 0.02


def test_memory__of_days_past_is_learned(cube: xr.Dataset) -> None:
    """The label follows the signal of three days before, which no feature of the day itself shows."""
    cells, days = cube["crime"].shape
    rng = np.random.default_rng(0)
    signal = rng.random((cells, days)) < 0.3
    label = np.roll(signal, 3, axis=1) & (rng.random((cells, days)) < 0.9)
    made = made_up(cube, label, signal=signal)
    model = LSTM(**{**SMALL, "hidden": 16, "epochs": 30, "learning_rate": 0.02}).fit(ht.split_time(made, SPLIT)[0])
    late = made["time"].values >= np.datetime64(SPLIT)
    risk, seen = model.predict(made).values[:, late], label[:, late].astype(float)
    assert log_loss(risk, seen) < 0.5 * log_loss(np.full(seen.shape, model.base_rate_), seen)


@pytest.mark.parametrize("options", [{"positive_weight": 10.0}, {"loss": "focal"}])
def test_reweighting__is_undone_by_the_calibration(some: xr.Dataset, options: dict) -> None:
    late = slice("2021-04-01", "2021-05-01")
    risk = xr.DataArray(risk_of(some, **options, epochs=10), coords=some["crime"].coords, dims=("cell", "time"))
    seen = some["crime_any_within_7"].sel(time=late).values
    assert risk.sel(time=late).values.mean() == pytest.approx(seen.mean(), rel=0.1)


def test_counts__poisson(cube: xr.Dataset) -> None:
    made = ht.add_label(ht.add_features(cube, [ht.RollingSum("crime", days=[28])]), ht.CountWithin("crime", days=7))
    train = ht.split_time(made, SPLIT)[0]
    with pytest.raises(CubeError, match="is a count, lstm forecasts a probability"):
        LSTM(**SMALL).fit(train)
    model = LSTM(**{**SMALL, "epochs": 10}, loss="poisson").fit(train)
    late = slice("2021-04-01", "2021-05-01")
    expected, seen = model.predict(made).sel(time=late).values, made["crime_count_within_7"].sel(time=late).values
    assert expected.mean() == pytest.approx(seen.mean(), rel=0.1)
    assert np.corrcoef(expected.mean(axis=1), seen.mean(axis=1))[0, 1] > 0.8


def test_missing_values__are_marked_not_spread(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**SMALL).fit(train)
    assert model.inputs_["gaps"]["both"] == ["crime_sum_7", "crime_sum_28"]
    holes = some.compute().copy(deep=True)
    holes["crime_sum_28"].values[:, 100:] = np.nan
    holes["weekday"].values[3] = np.nan
    assert np.isfinite(model.predict(holes).values).all()


def test_inputs__are_scaled_by_the_training_days_alone(train: xr.Dataset) -> None:
    names = ["crime_sum_7", "year_sin_1", "static_lon", "weekday", "static_borough"]
    inputs = [Inputs.learn(c, names, Blocks.of(c[names], gb), 60) for c in (train, train.compute()) for gb in (0, 4)]
    assert all(one == inputs[0] for one in inputs)
    knee, center, spread = inputs[0].scaling["crime_sum_7"]
    values = train["crime_sum_7"].values[:, 7:60].astype(float)
    assert knee == pytest.approx(0.1 * values.mean())
    squashed = squash(values, knee)
    assert (center, spread) == pytest.approx((squashed.mean(), squashed.std()))
    block = {name: np.asarray(a) for name, a in next(iter(Blocks.of(train[names], 4))).items()}
    numbers, codes = inputs[0].cut(block, slice(2, 7), slice(10, 13))
    assert [part.shape for part in numbers] == [(3, 5, 2), (1, 5, 1), (3, 1, 1)]
    assert [part.shape for part in codes] == [(1, 5), (3, 1)]
    np.testing.assert_allclose(
        numbers[0][..., 0], (squash(block["crime_sum_7"][2:7, 10:13], knee).T - center) / spread, rtol=1e-4
    )
    assert inputs[0].columns(2) == [
        *("crime_sum_7", "crime_sum_7", "static_lon", "year_sin_1"),
        *("static_borough", "static_borough", "weekday", "weekday"),
    ]
    np.testing.assert_array_equal(codes[1][:, 0], train["weekday"].values[10:13] + 1)


def test_larger_than_memory__reads_block_by_block(some: xr.Dataset, train: xr.Dataset) -> None:
    model = LSTM(**SMALL, memory_gb=1e-9).fit(train)
    assert model.losses_[-1] < model.losses_[0]
    assert np.isfinite(model.predict(some).values).all()


def test_refit__has_the_level_of_all_training_days(train: xr.Dataset) -> None:
    seen = train["crime_any_within_7"].values.mean()
    again, once = (LSTM(**SMALL, refit=refit).fit(train) for refit in (True, False))
    assert again.predict(train).values.mean() == pytest.approx(seen, rel=1e-4)
    assert once.predict(train).values.mean() != pytest.approx(seen, rel=1e-4)
    assert again.to_risk_.slope == once.to_risk_.slope
    assert again.epochs_ == once.epochs_


def test_dropout__only_while_training(some: xr.Dataset, train: xr.Dataset) -> None:
    one, two = (LSTM(**SMALL, dropout=0.5).fit(train) for _ in range(2))
    assert one.predict(some).values.tobytes() == two.predict(some).values.tobytes()
    plain = LSTM(**SMALL).fit(train)
    assert (one.weights_["from_input.weight"] != plain.weights_["from_input.weight"]).any()


def test_divergence__is_told(train: xr.Dataset, monkeypatch) -> None:
    monkeypatch.setattr(Training, "mean_loss", lambda *_: float("nan"))
    with pytest.raises(CubeError, match=r"no epoch gave a finite validation loss; lower learning_rate \(now 0.003\)"):
        LSTM(**SMALL).fit(train)


def test_offset__is_where_training_starts(some: xr.Dataset, train: xr.Dataset) -> None:
    start = ht.HistoricalRate().fit(train).predict(some).values
    options = {**SMALL, "epochs": 1, "learning_rate": 1e-9, "offset": "historical_rate"}
    risk = LSTM(**options).fit(train).predict(some).values
    assert np.corrcoef(log_odds(start[:, 100]), log_odds(risk[:, 100]))[0, 1] > 0.9999


def test_bad_use__clear_messages(some: xr.Dataset, train: xr.Dataset, cube: xr.Dataset, monkeypatch) -> None:
    with pytest.raises(InputError, match="hidden must be above 0, not 0"):
        LSTM(hidden=0)
    with pytest.raises(InputError, match="windowed must be above 0, not -7"):
        LSTM(windowed=-7)
    with pytest.raises(InputError, match="dropout must be at least 0 and below 1, not 1"):
        LSTM(dropout=1)
    with pytest.raises(InputError, match="loss must be 'bce', 'focal' or 'poisson', not 'mse'"):
        LSTM(loss="mse")
    with pytest.raises(CubeError, match="loss='poisson' needs a label that counts"):
        LSTM(**SMALL, loss="poisson").fit(train)
    with pytest.raises(CubeError, match=r"has no features; add some: htgeo.add_features"):
        LSTM(**SMALL).fit(ht.add_label(cube, ht.AnyWithin("crime", days=7)))
    with pytest.raises(CubeError, match=r"not fitted; call fit\(training_cube\) first"):
        LSTM().state(some)
    quiet = train.compute().copy(deep=True)
    quiet["crime_any_within_7"].values[:, -20:] = 0
    with pytest.raises(CubeError, match="no event falls into the validation days"):
        LSTM(**SMALL).fit(quiet)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(HtgeoError, match=r"pip install 'htgeo\[lstm\]'"):
        LSTM(**SMALL).fit(train)
