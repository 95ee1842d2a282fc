"""A fitted model as a folder: native files, arrays, JSON and a card. Nothing in it is run when it is loaded."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import HtgeoError, InputError
from htgeo.core.version import VERSION
from htgeo.models.base import MODELS, Model
from htgeo.models.calibration import CALIBRATIONS, Calibration
from htgeo.models.card import model_card
from htgeo.sources.events import RowReport

FORMAT = 1
STATE, ARRAYS, MANIFEST, CARD = "model.json", "arrays.safetensors", "manifest.json", "card.md"


class ModelFileError(HtgeoError, OSError):
    """A folder of a model that cannot be written or read."""


def save_model(
    model: Model,
    path: str | Path,
    *,
    scores: xr.Dataset | None = None,
    reports: Mapping[str, RowReport] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Path:
    """Write a fitted model to a folder; an older model there is replaced.

    Parameters
    ----------
    model
        A fitted model.
    path
        Folder to make.
    scores
        Table of `evaluate`, for the card: the scores of this model and of those it was compared with.
    reports
        Row reports of the sources by name, for the card.
    notes
        Further findings by title, for the card: an audit, a validation.

    Returns
    -------
    Path
        The folder: ``model.json`` (options and what was learned), ``arrays.safetensors``, native files of the trees,
        ``card.md``, and ``manifest.json`` with the hash of each.

    Raises
    ------
    InputError
        If the model is not fitted, or the folder holds something else.
    ModelFileError
        If it cannot be written.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> folder = ht.save_model(ht.HistoricalRate().fit(train), "rate.model")
    >>> ht.load_model(folder).name
    'historical_rate'
    """
    path = Path(path)
    if not hasattr(model, "label_"):
        message = f"this {type(model).__name__} is not fitted; call fit(training_cube) before saving it"
        raise InputError(message)
    if path.exists() and not (path / MANIFEST).exists() and (not path.is_dir() or any(path.iterdir())):
        message = f"{str(path)!r} exists and is no model; choose another folder"
        raise InputError(message)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(mkdtemp(prefix=f".part-{path.name}-", dir=path.parent))
        try:
            _write(model, part)
            (part / CARD).write_text(model_card(model, scores, reports or {}, notes or {}), "utf-8")
            _write_manifest(part)
            if path.exists():
                shutil.rmtree(path)
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        message = f"the model cannot be written to {str(path)!r}: {error}"
        raise ModelFileError(message) from error
    return path


def load_model(path: str | Path) -> Model:
    """Read a model that `save_model` wrote. Nothing is run; hashes and versions are checked.

    Parameters
    ----------
    path
        The folder.

    Returns
    -------
    Model
        Fitted, as it was saved.

    Raises
    ------
    ModelFileError
        If a file is missing, cut short or was changed, or the format is newer than this version reads.
    UnknownNameError
        If it is a kind of model that this installation does not know.
    """
    path = Path(path)
    if not (path / MANIFEST).is_file():
        message = f"{str(path)!r} is no model: it has no {MANIFEST}; htgeo.save_model(model, path) writes one"
        raise ModelFileError(message)
    try:
        _check_manifest(path)
        return _read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, HtgeoError):
            raise
        message = f"the model in {str(path)!r} cannot be read: {error}"
        raise ModelFileError(message) from error


def _write(model: Model, folder: Path) -> None:
    """Write options and learned attributes of a model, models inside it in folders of their own."""
    from safetensors.numpy import save_file

    arrays: dict[str, np.ndarray] = {}
    learned = {name: value for name, value in vars(model).items() if name.endswith("_")}
    state = {
        "name": model.name,
        "options": {f.name: _encoded(getattr(model, f.name), f.name, folder, arrays) for f in fields(model)},  # type: ignore[arg-type]  # every model is a dataclass
        "learned": {name: _encoded(value, name, folder, arrays) for name, value in learned.items()},
    }
    (folder / STATE).write_text(json.dumps(state, indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
    save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, folder / ARRAYS)


def _read(folder: Path) -> Model:
    from safetensors.numpy import load_file

    state = json.loads((folder / STATE).read_text("utf-8"))
    arrays = load_file(folder / ARRAYS)
    model = MODELS[state["name"]](**{k: _decoded(v, folder, arrays) for k, v in state["options"].items()})
    for name, value in state["learned"].items():
        if not name.endswith("_"):
            message = f"{name!r} is no learned attribute"
            raise ValueError(message)
        setattr(model, name, _decoded(value, folder, arrays))
    return model


def _encoded(value: Any, name: str, folder: Path, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON; what JSON cannot hold goes to `arrays` or to a file, and is named by a ``$`` key."""

    def inside(item: Any, key: object) -> Any:
        return _encoded(item, f"{name}.{key}", folder, arrays)

    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"$array": name}
    if isinstance(value, list | tuple):
        items = [inside(item, n) for n, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict):
        return {"$dict": [[inside(key, "key"), inside(item, key)] for key, item in value.items()]}
    if isinstance(value, Calibration):
        learned = {f.name: inside(getattr(value, f.name), f.name) for f in fields(value)}  # type: ignore[arg-type]  # every calibration is a dataclass
        return {"$calibration": value.name, "is": learned}
    if isinstance(value, Model):
        (folder / name).mkdir()
        _write(value, folder / name)
        return {"$model": name}
    return _native(value, name, folder)


def _native(value: Any, name: str, folder: Path) -> dict[str, str]:
    """Write the trees of a library in its own format."""
    library = type(value).__module__.partition(".")[0]
    if library == "lightgbm":
        value.save_model(folder / f"{name}.txt")
        return {"$lightgbm": f"{name}.txt"}
    if library == "xgboost":
        value.save_model(folder / f"{name}.ubj")
        return {"$xgboost": f"{name}.ubj"}
    message = f"the attribute {name!r} of type {type(value).__name__} cannot be saved"
    raise TypeError(message)


def _decoded(value: Any, folder: Path, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the value that `_encoded` wrote."""

    def inside(item: Any) -> Any:
        return _decoded(item, folder, arrays)

    if isinstance(value, list):
        return [inside(item) for item in value]
    if not isinstance(value, dict):
        return value
    readers: dict[str, Callable[[Any], Any]] = {
        "$float": float,
        "$array": lambda name: arrays[name],
        "$tuple": lambda items: tuple(map(inside, items)),
        "$dict": lambda items: {inside(key): inside(item) for key, item in items},
        "$calibration": lambda name: CALIBRATIONS[name](**{k: inside(v) for k, v in value["is"].items()}),
        "$model": lambda name: _read(_within(folder, name)),
        "$lightgbm": lambda name: _lightgbm(_within(folder, name)),
        "$xgboost": lambda name: _xgboost(_within(folder, name)),
    }
    kind = next(iter(value))
    return readers[kind](value[kind])


def _within(folder: Path, name: str) -> Path:
    if Path(name).name != name:
        message = f"{name!r} is no name of a file"
        raise ValueError(message)
    return folder / name


def _lightgbm(path: Path) -> Any:
    import lightgbm

    try:
        return lightgbm.Booster(model_file=path)
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(str(error)) from error


def _xgboost(path: Path) -> Any:
    from htgeo.models.xgboost_model import ready_to_predict, xgboost_library

    xgboost = xgboost_library()
    booster = xgboost.Booster()
    try:
        booster.load_model(path)
    except xgboost.core.XGBoostError as error:
        raise ValueError(str(error)) from error
    return ready_to_predict(booster)


def _write_manifest(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix(): _digest(path) for path in _files(folder)}
    manifest = {"format": FORMAT, "htgeo_version": VERSION, "libraries": _libraries(), "sha256": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")


def _check_manifest(folder: Path) -> None:
    """Raise unless the files are those of the manifest, byte by byte, and the format is known."""
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    if manifest["format"] > FORMAT:
        message = f"the model in {str(folder)!r} has format {manifest['format']}, htgeo {VERSION} reads up to {FORMAT}: install htgeo {manifest['htgeo_version']} or newer"
        raise ModelFileError(message)
    expected, found = manifest["sha256"], {path.relative_to(folder).as_posix() for path in _files(folder)}
    faults = [f"{name} is missing" for name in sorted(expected.keys() - found)]
    faults += [f"{name} does not belong to it" for name in sorted(found - expected.keys())]
    faults += [
        f"{name} was changed or cut short"
        for name in sorted(found & expected.keys())
        if _digest(folder / name) != expected[name]
    ]
    if faults:
        message = f"the model in {str(folder)!r} is not as it was saved: {'; '.join(faults)}. Copy the folder again, or fit the model anew"
        raise ModelFileError(message)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _libraries() -> dict[str, str]:
    """Return the versions of the libraries that may have a part in a model."""
    found = {}
    for name in ("lightgbm", "xgboost", "xgboost-cpu", "torch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
