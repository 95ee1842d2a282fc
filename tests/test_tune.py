"""Search for options over rolling-origin folds."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.evaluation.space_splits import leave_one_out
from htgeo.evaluation.splits import cross_blocks, rolling_origin
from htgeo.models.calibration import log_loss
from htgeo.models.tune import Tuned, tune

tuning = import_module("htgeo.models.tune")  # the function of the same name hides the module

SPACE = {"half_life": (2, 200, "log")}
FEW = {"trials": 4, "folds": 2, "fold_days": 14, "seed": 3}


@pytest.fixture
def train(cube: xr.Dataset) -> xr.Dataset:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    return ht.split_time(cube, "2021-05-20")[0].compute()


@pytest.fixture
def learnable(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, "2021-05-20")[0].compute()


def booster(name: str, **options: Any) -> ht.Model:
    return ht.models.MODELS[name](**{"max_trees": 15, "validation_days": 14, **options})


def counted_losses(monkeypatch: pytest.MonkeyPatch, stop_after: float = np.inf) -> list[float]:
    """Record the loss of each fold; interrupt after so many."""
    losses: list[float] = []
    loss = tuning._loss

    def counted(*arguments: Any) -> float:
        if len(losses) >= stop_after:
            raise KeyboardInterrupt
        losses.append(loss(*arguments))
        return losses[-1]

    monkeypatch.setattr(tuning, "_loss", counted)
    return losses


def assert_same_search(one: Tuned, other: Tuned) -> None:
    assert one.options == other.options
    assert one.trials.equals(other.trials)


def test_folds__learn_before_the_gap_and_score_later_days(train: xr.Dataset) -> None:
    days = train.sizes["time"]
    assert tuning._spans(train, 2, 14) == [(days - 34, days - 28, days - 14), (days - 20, days - 14, days)]
    found = tune(ht.EwmaRate(half_life=30), train, {"half_life": [30]}, **{**FEW, "trials": 1})
    for number, (learned, first, end) in enumerate(tuning._spans(train, 2, 14), start=1):
        risk = ht.EwmaRate(half_life=30).fit(train.isel(time=slice(learned))).predict(train)
        label = train["crime_any_within_7"].values
        expected = log_loss(risk.values[:, first:end].ravel(), label[:, first:end].ravel())
        assert found.trials[f"loss_{number}"][0] == pytest.approx(expected, rel=1e-9)


def test_folds__may_be_given(train: xr.Dataset) -> None:
    number = tune(ht.EwmaRate(), train, SPACE, **FEW)
    first_test = str(train["time"].values[-28])[:10]
    later = rolling_origin(train, first_test=first_test, test_days=14)
    assert_same_search(tune(ht.EwmaRate(), train, SPACE, **{**FEW, "folds": later}), number)


def test_folds__in_space_score_their_cells_alone(learnable: xr.Dataset) -> None:
    first_test = str(learnable["time"].values[-28])[:10]
    later = rolling_origin(learnable, first_test=first_test, test_days=28)
    folds = cross_blocks(time=later, space=leave_one_out(learnable, by="borough")[:2])
    model = booster("lightgbm")
    found = tune(model, learnable, {"max_trees": [15]}, trials=1, folds=folds)
    for number, fold in enumerate(folds, start=1):
        risk = fold.test(learnable.assign(risk=model.fit(fold.train(learnable)).predict(learnable)))
        expected = log_loss(risk["risk"].values.ravel(), risk["crime_any_within_7"].values.ravel())
        assert found.trials[f"loss_{number}"][0] == pytest.approx(expected, rel=1e-6)


def test_result__best_options_in_a_model_that_is_not_fitted(train: xr.Dataset) -> None:
    given = ht.EwmaRate(half_life=30)
    found = tune(given, train, SPACE, **FEW)
    assert list(found.trials) == ["half_life", "loss", "loss_1", "loss_2"]
    assert len(found.trials) == 4
    assert found.loss == found.trials["loss"].min()
    np.testing.assert_allclose(found.trials["loss"], found.trials[["loss_1", "loss_2"]].mean(axis=1))
    assert found.trials["half_life"][0] == given.half_life == 30  # the first trial is the model as given
    assert found.trials["half_life"].nunique() > 1
    assert found.model.half_life == found.options["half_life"]
    assert not hasattr(found.model, "label_")
    assert not hasattr(given, "label_")


def test_same_seed__same_search(train: xr.Dataset) -> None:
    one, other = (tune(ht.EwmaRate(), train, SPACE, **FEW) for _ in range(2))
    assert_same_search(one, other)
    assert not tune(ht.EwmaRate(), train, SPACE, **{**FEW, "seed": 4}).trials.equals(one.trials)


def test_interrupted_search__goes_on_and_finds_the_same(
    train: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**FEW, "trials": 13}  # the last ones are chosen by what the first found
    whole = tune(ht.EwmaRate(), train, SPACE, **options)
    path = tmp_path / "search" / "trials.jsonl"
    with monkeypatch.context() as patch:
        counted_losses(patch, stop_after=2 * 11 + 1)
        with pytest.raises(KeyboardInterrupt):
            tune(ht.EwmaRate(), train, SPACE, storage=path, **options)
    losses = counted_losses(monkeypatch)
    assert_same_search(tune(ht.EwmaRate(), train, SPACE, storage=path, **options), whole)
    assert len(losses) == 2 * 2
    assert_same_search(tune(ht.EwmaRate(), train, SPACE, storage=path, **options), whole)
    assert len(losses) == 2 * 2  # all trials were there


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"model": ht.EwmaRate(half_life=9)}, "the model differ"),
        ({"space": {"half_life": (2, 100, "log")}}, "the space differ"),
        ({"fold_days": 7}, "the folds differ"),
        ({"seed": 5, "folds": 1}, "the folds and the seed differ"),
    ],
)
def test_other_search_in_the_file__refused(
    train: xr.Dataset, tmp_path: Path, change: dict[str, Any], differs: str
) -> None:
    plain = {"model": ht.EwmaRate(), "cube": train, "space": SPACE, "storage": tmp_path / "trials", **FEW, "trials": 1}
    tune(**plain)
    with pytest.raises(InputError, match=f"of another search: {differs}; give another storage"):
        tune(**{**plain, **change})


def test_other_cube_in_the_file__refused(train: xr.Dataset, tmp_path: Path) -> None:
    options = {**FEW, "trials": 1, "storage": tmp_path / "trials"}
    tune(ht.EwmaRate(), train, SPACE, **options)
    with pytest.raises(InputError, match="the cube differ"):
        tune(ht.EwmaRate(), train.isel(time=slice(1, None)), SPACE, **options)


def test_file_of_something_else__refused(train: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trials"
    path.write_text("half a life\nmore of it\n", "utf-8")
    with pytest.raises(InputError, match="trials is no file of trials that tune wrote"):
        tune(ht.EwmaRate(), train, SPACE, storage=path, **FEW)


@pytest.mark.parametrize(("name", "setting"), [("lightgbm", "num_leaves"), ("xgboost", "max_leaves")])
def test_booster__has_a_space_and_settings_of_its_library(learnable: xr.Dataset, name: str, setting: str) -> None:
    found = tune(booster(name, params={"max_bin": 31}), learnable, trials=2, folds=1, fold_days=14)
    assert found.trials[f"params.{setting}"][0] == found.model.safe[setting]
    assert found.trials[f"params.{setting}"][1] != found.model.safe[setting]
    assert found.model.params["max_bin"] == 31
    assert found.model.params[setting] == found.options[f"params.{setting}"]
    found.model.fit(learnable)


def test_booster__days_that_are_not_scored_are_not_forecast(learnable: xr.Dataset) -> None:
    model = booster("lightgbm", offset="historical_rate").fit(learnable)
    some = model.risk_on(learnable, slice(90, 104))
    assert some.sizes["time"] == 14
    np.testing.assert_array_equal(some.values, model.predict(learnable).values[:, 90:104])


def test_counts__poisson_loss(cube: xr.Dataset) -> None:
    counted = ht.add_label(cube, ht.CountWithin("crime", days=7))
    train = ht.split_time(counted, "2021-05-20")[0].compute()
    found = tune(ht.EwmaRate(), train, SPACE, **FEW)
    learned, first, end = tuning._spans(train, 2, 14)[0]
    model = ht.EwmaRate(half_life=found.trials["half_life"][0]).fit(train.isel(time=slice(learned)))
    mean = model.predict(train).values[:, first:end].astype(float)
    label = train["crime_count_within_7"].values[:, first:end]
    assert found.trials["loss_1"][0] == pytest.approx((mean - label * np.log(mean)).mean(), rel=1e-6)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (None, "'ewma_rate' has no search space of its own; give one"),
        ({"half_live": (1, 2)}, "space names 'half_live', which is no option of 'ewma_rate'; did you mean 'half_life'"),
        ({"half_life": (200, 2)}, "the space of 'half_life' must be"),
        ({"half_life": (0, 2, "log")}, "the space of 'half_life' must be"),
        ({"half_life": (1, 2, "lin")}, "the space of 'half_life' must be"),
        ({"half_life": 3}, "the space of 'half_life' must be"),
        ({"half_life": []}, "the space of 'half_life' must be"),
        ({"params.half_life": (1, 2)}, r"space names 'params\.half_life'"),
    ],
)
def test_bad_space__message_says_what_is_allowed(train: xr.Dataset, space: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tune(ht.EwmaRate(), train, space, **FEW)


def test_settings_of_a_library__are_named_with_their_option(learnable: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"called 'params\.<name>'"):
        tune(booster("lightgbm"), learnable, {"num_leaves": (4, 8)}, **FEW)


def test_too_few_days_or_trials__told(train: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="40 folds of 14 days and a gap of 6 leave 0 of"):
        tune(ht.EwmaRate(), train, SPACE, **{**FEW, "folds": 40})
    with pytest.raises(InputError, match="trials must be at least 1, not 0"):
        tune(ht.EwmaRate(), train, SPACE, **{**FEW, "trials": 0})


def test_optuna_absent__message_names_the_extra(train: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'htgeo\[tune\]'"):
        tune(ht.EwmaRate(), train, SPACE, **FEW)
