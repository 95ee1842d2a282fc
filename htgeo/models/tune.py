"""Search for good options of a model over rolling-origin folds inside the training cube."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.blocks import iter_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.core.progress import steps
from htgeo.core.registry import near
from htgeo.cube.schema import check_cube, only_label, space, step_days, variables_of
from htgeo.models.base import Model
from htgeo.models.boosting import Booster
from htgeo.models.calibration import log_loss, poisson_loss

Space = Mapping[str, Sequence[Any]]
NAME = "htgeo"
"""Name of the study in its file."""


class Split(Protocol):
    """What selects the parts of a cube to learn from and to score, such as a fold of `rolling_origin`."""

    def train(self, cube: xr.Dataset, /) -> xr.Dataset:
        """Return the part to learn from."""

    def test(self, cube: xr.Dataset, /) -> xr.Dataset:
        """Return the part to score."""


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes
    ----------
    model : Model
        A model with the best options, not fitted.
    options : dict
        The best options, by their names in the search space.
    loss : float
        Their mean loss over the folds.
    trials : DataFrame
        One row a trial, in order: an option a column, ``loss``, and the loss of each fold, ``loss_1`` the earliest.
    """

    model: Model
    options: dict[str, Any]
    loss: float
    trials: pd.DataFrame


def tune(
    model: Model,
    cube: xr.Dataset,
    space: Space | None = None,
    *,
    trials: int = 30,
    folds: int | Sequence[Split] = 3,
    fold_days: int = 28,
    storage: str | Path | None = None,
    seed: int = 0,
) -> Tuned:
    """Search for the options of a model with the lowest loss on later days (rolling-origin evaluation: Tashman 2000).

    The last days of the training cube are cut into folds. Each trial fits the model anew on all days before a fold,
    but for a gap of ``horizon - 1`` days, and scores the days of the fold: log loss, for labels that are counts
    Poisson loss. Trials are chosen by tree-structured Parzen estimators (Bergstra et al. 2011); the first is the model
    as given, where its options lie in the space. Features that are lazy are made anew for each fit: give a cube that
    is stored or in memory.

    Parameters
    ----------
    model
        A model with its other options; it stays as it is.
    cube
        The training cube, as `split_time` gives it.
    space
        For each option what to search: ``(low, high)`` or ``(low, high, "log")``, whole numbers where both ends are,
        or a list of choices. ``params.<name>`` is a setting of the booster's library. None takes the space of the
        model, which `LightGBM` and `XGBoost` have.
    trials
        Number of trials, those in `storage` included.
    folds, fold_days
        Number of folds, and days of each; or the folds themselves, made of this cube: `rolling_origin`,
        `spatial_blocks`, `leave_one_out`, `cross_blocks`.
    storage
        File that keeps the trials (JSON lines): a search that was interrupted goes on there, and finds what it would
        have found. None keeps them in memory.
    seed
        Seed of the search; the same seed finds the same.

    Returns
    -------
    Tuned

    Raises
    ------
    InputError
        If the space does not fit the model, the file is of another search, or optuna is not installed.
    CubeError
        If the cube has too few days for the folds.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> tuned = ht.tune(ht.EwmaRate(), train, {"half_life": (15, 480, "log")}, trials=3, fold_days=14)
    >>> tuned.model.half_life == tuned.options["half_life"]
    True
    """
    optuna = _optuna()
    check_cube(cube)
    count = folds if isinstance(folds, int) else len(folds)
    for what, number in (("trials", trials), ("folds", count), ("fold_days", fold_days)):
        if number < 1:
            message = f"{what} must be at least 1, not {number!r}"
            raise InputError(message)
    wanted = _wanted(model, space)
    ranges = {name: _range(optuna, name, what) for name, what in wanted.items()}
    parts = _parts(cube, folds, fold_days)
    cut = [folds, fold_days] if isinstance(folds, int) else [_places_and_days(*part) for part in parts]
    search = {"model": repr(model), "space": repr(ranges), "folds": cut, "seed": seed}
    study = _study(optuna, storage, {**search, "cube": _digest(cube)} if storage else search)
    with steps(f"tuning {model.name}", trials) as advance:
        for number in range(trials):
            if number >= len(_done(study)):
                draws = np.random.SeedSequence([seed, number]).generate_state(1)  # its own: a search can go on
                study.sampler = optuna.samplers.TPESampler(seed=int(draws[0]), constant_liar=False)
                if number == 0:
                    study.enqueue_trial(_start(model, wanted))
                trial = study.ask(ranges)
                losses = [_loss(_with(model, trial.params), cube, *part) for part in parts]
                trial.set_user_attr("losses", losses)
                study.tell(trial, float(np.mean(losses)))
            advance()
    done = _done(study)[:trials]
    best = min(done, key=lambda trial: trial.value)
    rows = [{**one.params, "loss": one.value, **_by_fold(one.user_attrs["losses"])} for one in done]
    return Tuned(_with(model, best.params), dict(best.params), best.value, pd.DataFrame(rows))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        message = "tune needs optuna; install it with: pip install 'htgeo[tune]'"
        raise InputError(message) from error
    return optuna


def _wanted(model: Model, space: Space | None) -> Space:
    """Return the space to search, or say which options there are."""
    known = [f.name for f in fields(model)]  # type: ignore[arg-type]  # every model is a dataclass
    space = getattr(model, "space", {}) if space is None else space
    if not space:
        message = f"the model {model.name!r} has no search space of its own; give one, such as space={{'half_life': (15, 480, 'log')}}; its options are {', '.join(known) or 'none'}"
        raise InputError(message)
    for name in space:
        option, _, key = name.partition(".")
        if option not in known or bool(key) != isinstance(getattr(model, option), dict):
            message = f"space names {name!r}, which is no option of {model.name!r}{near(name, known)}; its options are {', '.join(known)}, and a setting of a booster's library is called 'params.<name>'"
            raise InputError(message)
    return space


def _range(optuna: Any, name: str, what: Sequence[Any]) -> Any:
    """Return what optuna calls a distribution."""
    kinds = optuna.distributions
    try:
        if isinstance(what, list):
            return kinds.CategoricalDistribution(what)
        low, high, *scale = what
        kind = kinds.IntDistribution if isinstance(low, int) and isinstance(high, int) else kinds.FloatDistribution
        if scale not in ([], ["log"]) or not low < high:
            raise ValueError  # noqa: TRY301  # told below, as optuna's own is
        return kind(low, high, log=bool(scale))
    except (TypeError, ValueError) as error:
        message = f"the space of {name!r} must be (low, high), (low, high, 'log') with low above 0, or a list of choices, not {what!r}"
        raise InputError(message) from error


def _spans(cube: xr.Dataset, folds: int, fold_days: int) -> list[tuple[int, int, int]]:
    """Return how many days each fold learns from, and its first day and end, the earliest fold first."""
    step = step_days(cube)
    size, gap, fold = cube.sizes["time"], int(only_label(cube).attrs["horizon"]) // step - 1, max(fold_days // step, 1)
    firsts = [size - (left + 1) * fold for left in reversed(range(folds))]
    if firsts[0] - gap < fold:
        message = f"{folds} folds of {fold_days} days and a gap of {gap * step} leave {max(firsts[0] - gap, 0) * step} of {size * step} training days to learn from in the first fold, fewer than the fold has; give more days, or fewer folds or fold_days"
        raise CubeError(message)
    return [(first - gap, first, first + fold) for first in firsts]


def _parts(cube: xr.Dataset, folds: int | Sequence[Split], fold_days: int) -> list[tuple[xr.Dataset, xr.Dataset]]:
    """Return what each fold learns from and what it is scored on."""
    if not isinstance(folds, int):
        return [(fold.train(cube), fold.test(cube)) for fold in folds]
    spans = _spans(cube, folds, fold_days)
    return [(cube.isel(time=slice(stop)), cube.isel(time=slice(first, end))) for stop, first, end in spans]


def _loss(model: Model, cube: xr.Dataset, train: xr.Dataset, test: xr.Dataset) -> float:
    """Return the mean loss on the test part of a model fitted on the training part; the whole past is forecast from."""
    model.fit(train)
    first, end = (int(np.searchsorted(cube["time"], test["time"][edge])) for edge in (0, -1))
    days, past = slice(first, end + 1), cube.isel(time=slice(end + 1))
    risk = model.risk_on(past, days) if isinstance(model, Booster) else model.predict(past).isel(time=days)
    label, place = only_label(test), space(cube)
    if test.sizes[place] < cube.sizes[place]:
        risk = risk.isel({place: np.isin(cube[place], test[place])})
    loss_of = log_loss if label.attrs["probability"] else poisson_loss
    total = known = 0.0
    for block in iter_blocks(xr.Dataset({"risk": risk.variable, "label": label.variable})):
        some = ~np.isnan(block["label"].values)
        if some.any():
            known += some.sum()
            total += some.sum() * loss_of(block["risk"].values[some], block["label"].values[some])
    if not known:
        span = " to ".join(str(test["time"].values[edge])[:10] for edge in (0, -1))
        message = f"no label is known in the fold of {span}; give the training cube as htgeo.split_time gives it"
        raise CubeError(message)
    return total / known


def _with(model: Model, options: Mapping[str, Any]) -> Model:
    """Return an unfitted copy of a model with some options."""
    changed: dict[str, Any] = {}
    for name, value in options.items():
        option, _, key = name.partition(".")
        changed[option] = {**changed.get(option, getattr(model, option)), key: value} if key else value
    copy: Model = replace(model, **changed)  # type: ignore[type-var]  # every model is a dataclass
    return copy


def _start(model: Model, space: Space) -> dict[str, Any]:
    """Return the options of the model as it is, where they lie in the space."""
    settings = {**getattr(model, "safe", {}), **getattr(model, "params", {})}
    own = {name: settings.get(name[7:]) if name.startswith("params.") else getattr(model, name) for name in space}

    def inside(value: Any, what: Sequence[Any]) -> bool:
        if isinstance(what, list):
            return value in what
        whole = isinstance(what[0], int) and isinstance(what[1], int)
        return isinstance(value, int if whole else int | float) and what[0] <= value <= what[1]

    return {name: value for name, value in own.items() if inside(value, space[name])}


def _study(optuna: Any, storage: str | Path | None, search: dict[str, Any]) -> Any:
    """Return the study, of the file where it goes on; a file of another search is refused."""
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if storage is None:
        return optuna.create_study(study_name=NAME)
    Path(storage).parent.mkdir(parents=True, exist_ok=True)
    try:
        journal = optuna.storages.JournalStorage(JournalFileBackend(str(storage)))
        study = optuna.create_study(study_name=NAME, storage=journal, load_if_exists=True)
        before = study.user_attrs.get("search")
    except (KeyError, TypeError, ValueError) as error:
        message = f"{storage} is no file of trials that tune wrote; give another storage"
        raise InputError(message) from error
    if before is None:
        study.set_user_attr("search", search)
    elif other := [name for name in search if before.get(name) != search[name]]:
        message = f"the trials in {storage} are of another search: the {' and the '.join(other)} differ; give another storage, or the same {' and '.join(other)} as before"
        raise InputError(message)
    return study


def _done(study: Any) -> list[Any]:
    from optuna.trial import TrialState

    done: list[Any] = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return done


def _by_fold(losses: Sequence[float]) -> dict[str, float]:
    return {f"loss_{number}": loss for number, loss in enumerate(losses, start=1)}


def _places_and_days(*parts: xr.Dataset) -> str:
    """Return a hash of the places and days of some parts of a cube."""
    axes = (part[axis].values.tobytes() for part in parts for axis in (space(part), "time"))
    return blake2b(b"|".join(axes), digest_size=16).hexdigest()


def _digest(cube: xr.Dataset) -> str:
    """Return a hash of cells, days, label and counts of a cube, and of the names of its features."""
    label = only_label(cube)
    found = blake2b(repr(variables_of(cube, "feature")).encode(), digest_size=16)
    for axis in (space(cube), "time"):
        found.update(cube[axis].values.tobytes())
    for block in iter_blocks(cube[[label.name, f"{label.attrs['layer']}_known"]]):
        for values in block.data_vars.values():
            found.update(np.ascontiguousarray(values.values).tobytes())
    return found.hexdigest()
