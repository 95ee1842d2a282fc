"""XGBoost with settings that are safe for rare positives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.core.progress import steps
from htgeo.models.boosting import Booster
from htgeo.models.distributed import WorkerRows
from htgeo.models.streaming import Pieces
from htgeo.tensors.matrix import Matrix

SAFE: dict[str, Any] = {
    "tree_method": "hist",
    "grow_policy": "lossguide",
    "learning_rate": 0.03,
    "max_leaves": 15,
    "max_depth": 0,
    "min_child_weight": 5.0,
    "colsample_bytree": 0.6,
    "subsample": 0.7,
    "reg_lambda": 10.0,
    "max_bin": 128,
    "verbosity": 0,
}


@dataclass(eq=False, kw_only=True)
class XGBoost(Booster):
    """Boosted trees on all features (Chen & Guestrin 2016); categorical features are used natively.

    Parameters
    ----------
    seed, validation_days, offset, objective, balance, negatives_per_positive, draw, monotone, max_trees, patience, trees, memory_limit, distributed
        See `Booster`.
    params
        Settings of XGBoost that replace the safe ones; ``device: cuda`` trains on a GPU.

    Attributes
    ----------
    booster_ : xgboost.Booster
        The trees.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), "default")
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> model = ht.XGBoost(seed=0, max_trees=20).fit(train)
    >>> model.trees_ <= 20
    True
    """

    name: ClassVar[str] = "xgboost"
    summary: ClassVar[str] = "boosted trees (XGBoost), weighted sample of negatives, early stopping on a later block"
    objectives: ClassVar[dict[str, str]] = {
        "binary": "binary:logistic",
        "poisson": "count:poisson",
        "tweedie": "reg:tweedie",
    }
    safe: ClassVar[dict[str, Any]] = SAFE
    space: ClassVar[dict[str, Any]] = {
        "params.max_leaves": (4, 63, "log"),
        "params.learning_rate": (0.01, 0.1, "log"),
        "params.min_child_weight": (0.5, 50.0, "log"),
        "params.colsample_bytree": (0.2, 1.0),
        "params.subsample": (0.4, 1.0),
        "params.reg_lambda": (0.1, 100.0, "log"),
    }

    def _grown(
        self, samples: Matrix, weight: np.ndarray, line: np.ndarray | None, before: np.ndarray, after: np.ndarray
    ) -> int:
        train = self._dataset(samples, weight, line, before)
        validation = self._dataset(samples, weight, line, after, reference=train)
        with steps("choosing the number of trees", self.max_trees) as advance:
            found = xgboost_library().train(
                self._settings(),
                train,
                num_boost_round=self.max_trees,
                evals=[(validation, "validation")],
                early_stopping_rounds=self.patience,
                callbacks=[_ticker(advance)],
                verbose_eval=False,
            )
        return int(found.best_iteration) + 1

    def _grow(self, samples: Matrix, weight: np.ndarray, line: np.ndarray | None) -> None:
        train = self._dataset(samples, weight, line, slice(None))
        with steps("fitting XGBoost", self.trees_) as advance:
            grown = xgboost_library().train(
                self._settings(), train, num_boost_round=self.trees_, callbacks=[_ticker(advance)]
            )
        self.booster_ = ready_to_predict(grown)

    def _grown_on_workers(self, client: Any, rows: WorkerRows) -> Any:
        xgboost_library()
        from xgboost import dask as cluster

        names = {"feature_names": list(self.features_), "feature_types": self._types}
        data = cluster.DaskQuantileDMatrix(
            client,
            rows.X,
            rows.y,
            weight=rows.weight,
            base_margin=rows.line,
            enable_categorical=True,
            max_bin=self._settings()["max_bin"],
            **names,
        )
        grown = cluster.train(client, self._settings(), data, num_boost_round=self.trees_)
        return ready_to_predict(grown["booster"])

    def _settings(self) -> dict[str, Any]:
        settings = {**self.safe, "objective": self.objectives[self.objective], "seed": self.seed}
        if self.offset is not None:  # XGBoost would add an intercept of its own to the offset
            settings["base_score"] = 0.5 if self.objective == "binary" else 1.0
        if self.monotone:
            settings["monotone_constraints"] = tuple(self._signs)
        return {**settings, **self.params}

    def _dataset(
        self,
        samples: Matrix,
        weight: np.ndarray,
        line: np.ndarray | None,
        rows: np.ndarray | slice,
        reference: Any = None,
    ) -> Any:
        def batch(features: np.ndarray, at: np.ndarray | slice) -> dict[str, Any]:
            start = None if line is None else line[at]
            labels = {"label": samples.y[at], "weight": weight[at], "base_margin": start}
            return {"data": features, **labels, "feature_names": list(samples.names), "feature_types": self._types}

        library, options = xgboost_library(), {"max_bin": self._settings()["max_bin"], "ref": reference}
        if isinstance(samples.X, np.memmap):
            return library.QuantileDMatrix(_batches(Pieces(samples.X, rows), batch), enable_categorical=True, **options)
        return library.QuantileDMatrix(**batch(samples.X[rows], rows), enable_categorical=True, **options)

    @property
    def _types(self) -> list[str]:
        return ["c" if name in self.categories_ else "float" for name in self.features_]

    def _margin(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster_.inplace_predict(rows, predict_type="margin", validate_features=False))

    def _contributions(self, rows: np.ndarray) -> np.ndarray:
        data = xgboost_library().DMatrix(
            rows, feature_names=list(self.features_), feature_types=self._types, enable_categorical=True
        )
        return np.asarray(self.booster_.predict(data, pred_contribs=True))


def ready_to_predict(booster: Any) -> Any:
    """Return trees that predict on the processor with one thread: dask has a thread for each block."""
    booster.set_param({"nthread": 1, "device": "cpu"})
    booster.save_config()  # takes the settings in: the first prediction would, and several threads at once must not
    return booster


def xgboost_library() -> Any:
    """Return XGBoost, or say how to install it."""
    try:
        import xgboost
    except ImportError as error:
        message = "the model 'xgboost' needs XGBoost; install it with: pip install 'htgeo[xgboost]'"
        raise InputError(message) from error
    return xgboost


def _ticker(advance: Any) -> Any:
    class Ticker(xgboost_library().callback.TrainingCallback):  # type: ignore[misc]  # the library loads late
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002  # as XGBoost calls it
            advance()
            return False

    return Ticker()


def _batches(pieces: Pieces, batch: Callable[[np.ndarray, np.ndarray], dict[str, Any]]) -> Any:
    """Return pieces of a file as XGBoost reads them, several times over."""

    class Batches(xgboost_library().DataIter):  # type: ignore[misc]  # the library loads late
        def __init__(self) -> None:
            self.number = 0
            super().__init__()

        def next(self, input_data: Callable[..., None]) -> bool:
            if self.number == len(pieces):
                return False
            input_data(**batch(pieces[self.number], pieces.rows(self.number)))
            self.number += 1
            return True

        def reset(self) -> None:
            self.number = 0

    return Batches()
