"""Saved models: equal when read back, refused when changed, nothing run."""

import json
import shutil
from pathlib import Path

import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.models import MODELS
from htgeo.models.saving import ModelFileError

SPLIT = "2021-05-10"
LEARNER = {"validation_days": 20}
OPTIONS = {
    "lightgbm": {"max_trees": 5, **LEARNER},
    "xgboost": {"max_trees": 5, **LEARNER},
    "lstm": {"hidden": 4, "epochs": 1, **LEARNER},
}


@pytest.fixture
def labelled(labelled: xr.Dataset) -> xr.Dataset:
    """The cube with one more layer, for the models that need it."""
    return labelled.assign(other_known=labelled["crime_known"].assign_attrs(role_of="other_known"))


@pytest.fixture
def train(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, SPLIT)[0]


@pytest.fixture
def saved(train: xr.Dataset, tmp_path: Path) -> Path:
    model = ht.LightGBM(max_trees=3, validation_days=20, offset="historical_rate").fit(train)
    return ht.save_model(model, tmp_path / "model")


@pytest.mark.parametrize("name", list(MODELS))
def test_save_load_predict__equal(labelled: xr.Dataset, train: xr.Dataset, tmp_path: Path, name: str) -> None:
    model = MODELS[name](**OPTIONS.get(name, {})).fit(train)
    again = ht.load_model(ht.save_model(model, tmp_path / name))
    assert type(again) is type(model)
    assert again.facts() == model.facts()
    assert again.predict(labelled).values.tobytes() == model.predict(labelled).values.tobytes()


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_offset__is_saved_with_the_model(labelled: xr.Dataset, train: xr.Dataset, tmp_path: Path, name: str) -> None:
    model = MODELS[name](**OPTIONS[name], offset="ewma_rate").fit(train)
    again = ht.load_model(ht.save_model(model, tmp_path / name))
    assert again.offset_.choice_ == model.offset_.choice_
    assert again.predict(labelled).values.tobytes() == model.predict(labelled).values.tobytes()


def test_saving__replaces_an_older_model_only(saved: Path, train: xr.Dataset, tmp_path: Path) -> None:
    model = ht.HistoricalRate().fit(train)
    assert ht.load_model(ht.save_model(model, saved)).name == "historical_rate"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(InputError, match="exists and is no model"):
        ht.save_model(model, tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "model"]
    with pytest.raises(InputError, match=r"not fitted; call fit\(training_cube\) before saving"):
        ht.save_model(ht.HistoricalRate(), tmp_path / "new")


def test_files__no_pickles_and_a_card(saved: Path) -> None:
    files = sorted(p.relative_to(saved).as_posix() for p in saved.rglob("*") if p.is_file())
    assert files == [
        "arrays.safetensors", "booster_.txt", "card.md", "manifest.json", "model.json",
        "offset_/arrays.safetensors", "offset_/model.json",
    ]  # fmt: skip
    card = (saved / "card.md").read_text()
    for part in ("Intended use", "outreach", "Known limits", "Base rate", "Training days", "crime_sum_7", "Not scored"):
        assert part in card


@pytest.mark.parametrize("file", ["model.json", "booster_.txt", "arrays.safetensors", "offset_/model.json", "card.md"])
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_damage__one_clear_error(saved: Path, file: str, damage: str) -> None:
    path = saved / file
    if damage == "missing":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-7] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ModelFileError, match=f"not as it was saved: {file} (is missing|was changed or cut short)"):
        ht.load_model(saved)


def test_load__foreign_files_newer_formats_and_nonsense(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"is no model: it has no manifest\.json"):
        ht.load_model(tmp_path)
    (saved / "run.py").write_text("raise SystemExit")
    with pytest.raises(ModelFileError, match=r"run\.py does not belong to it"):
        ht.load_model(saved)
    (saved / "run.py").unlink()
    manifest = json.loads((saved / "manifest.json").read_text())
    (saved / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ModelFileError, match=r"has format 99, htgeo .* reads up to 1"):
        ht.load_model(saved)
    (saved / "manifest.json").write_text("{")
    with pytest.raises(ModelFileError, match="cannot be read"):
        ht.load_model(saved)


def test_load__a_forged_state_runs_nothing(saved: Path, tmp_path: Path) -> None:
    """Files that agree with their manifest, but were written by someone else."""
    from htgeo.models.saving import _write_manifest

    state = json.loads((saved / "model.json").read_text())
    for forged in (
        {"$lightgbm": "../outside.txt"}, {"$model": "../model"}, {"$python": "print()"}, {"$array": "no such"},
    ):  # fmt: skip
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(saved, copy)
        (copy / "model.json").write_text(json.dumps({**state, "learned": {**state["learned"], "booster_": forged}}))
        _write_manifest(copy)
        with pytest.raises(ModelFileError, match="cannot be read"):
            ht.load_model(copy)
    (copy / "model.json").write_text(json.dumps({**state, "learned": {"_risk": 1}}))
    _write_manifest(copy)
    with pytest.raises(ModelFileError, match="'_risk' is no learned attribute"):
        ht.load_model(copy)
