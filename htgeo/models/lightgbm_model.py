"""LightGBM with settings that are safe for rare positives."""

from dataclasses import dataclass
from typing import Any, ClassVar
from warnings import catch_warnings, filterwarnings

import numpy as np

from htgeo.core.progress import steps
from htgeo.models.boosting import Booster
from htgeo.models.distributed import WorkerRows
from htgeo.models.streaming import PIECE_ROWS, Pieces
from htgeo.tensors.matrix import Matrix

SAFE: dict[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "min_sum_hessian_in_leaf": 1.0,  # LightGBM's 1e-3 collapses on rare positives (training AP 0.20 against 0.98)
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "cat_smooth": 50.0,
    "max_bin": 127,
    "data_random_seed": 38,  # what seed=0 gives; without it, bins of samples in a file differ from those in memory
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(eq=False, kw_only=True)
class LightGBM(Booster):
    """Boosted trees on all features (Ke et al. 2017); categorical features are used natively.

    Parameters
    ----------
    seed, validation_days, offset, objective, balance, negatives_per_positive, draw, monotone, max_trees, patience, trees, memory_limit, distributed
        See `Booster`.
    params
        Settings of LightGBM that replace the safe ones.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The trees.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), "default")
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> model = ht.LightGBM(seed=0, max_trees=20).fit(train)
    >>> model.trees_ <= 20
    True
    """

    name: ClassVar[str] = "lightgbm"
    summary: ClassVar[str] = "boosted trees (LightGBM), weighted sample of negatives, early stopping on a later block"
    objectives: ClassVar[dict[str, str]] = {"binary": "binary", "poisson": "poisson", "tweedie": "tweedie"}
    safe: ClassVar[dict[str, Any]] = SAFE
    space: ClassVar[dict[str, Any]] = {
        "params.num_leaves": (4, 63, "log"),
        "params.learning_rate": (0.01, 0.1, "log"),
        "params.min_data_in_leaf": (20, 2000, "log"),
        "params.feature_fraction": (0.2, 1.0),
        "params.bagging_fraction": (0.4, 1.0),
        "params.lambda_l2": (0.1, 100.0, "log"),
    }

    def _grown(
        self, samples: Matrix, weight: np.ndarray, line: np.ndarray | None, before: np.ndarray, after: np.ndarray
    ) -> int:
        import lightgbm as lgb

        train = self._dataset(samples, weight, line, before)
        validation = self._dataset(samples, weight, line, after, reference=train)
        with steps("choosing the number of trees", self.max_trees) as advance:
            found = lgb.train(
                self._settings(),
                train,
                num_boost_round=self.max_trees,
                valid_sets=[validation],
                callbacks=[lambda _: advance(), lgb.early_stopping(self.patience, verbose=False)],
            )
        return int(found.best_iteration)

    def _grow(self, samples: Matrix, weight: np.ndarray, line: np.ndarray | None) -> None:
        import lightgbm as lgb

        train = self._dataset(samples, weight, line, slice(None))
        with steps("fitting LightGBM", self.trees_) as advance:
            self.booster_ = lgb.train(
                self._settings(), train, num_boost_round=self.trees_, callbacks=[lambda _: advance()]
            )

    def _grown_on_workers(self, client: Any, rows: WorkerRows) -> Any:
        from lightgbm.dask import DaskLGBMRegressor

        grower = DaskLGBMRegressor(client=client, n_estimators=self.trees_, **self._settings())
        with catch_warnings():
            filterwarnings("ignore", "Parameter n_jobs will be ignored")  # it is LightGBM's own
            grower.fit(
                rows.X,
                rows.y,
                sample_weight=rows.weight,
                init_score=rows.line,
                feature_name=list(self.features_),
                categorical_feature=list(self.categories_),
            )
        return grower.booster_

    def _settings(self) -> dict[str, Any]:
        """Return the settings; the logistic loss for shares between 0 and 1 has a name of its own in LightGBM."""
        soft = self.objective == "binary" and self.label_["soft"]
        settings = {**self.safe, "objective": "cross_entropy" if soft else self.objectives[self.objective]}
        if self.monotone:
            settings["monotone_constraints"] = self._signs
        return {**settings, "seed": self.seed, **self.params}

    def _dataset(
        self,
        samples: Matrix,
        weight: np.ndarray,
        line: np.ndarray | None,
        rows: np.ndarray | slice,
        reference: Any = None,
    ) -> Any:
        import lightgbm as lgb

        return lgb.Dataset(
            _sequences(Pieces(samples.X, rows)) if isinstance(samples.X, np.memmap) else samples.X[rows],
            samples.y[rows],
            weight=weight[rows],
            init_score=None if line is None else line[rows],
            feature_name=list(samples.names),
            categorical_feature=list(samples.categorical),
            reference=reference,
            free_raw_data=True,
        )

    def _margin(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster_.predict(rows, raw_score=True, num_threads=1), np.float32)

    def _contributions(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster_.predict(rows, pred_contrib=True, num_threads=1), np.float32)


def _sequences(pieces: Pieces) -> list[Any]:
    """Return pieces of a file as LightGBM reads them."""
    import lightgbm as lgb

    class Piece(lgb.Sequence):  # type: ignore[misc]  # the library has no types
        batch_size = PIECE_ROWS

        def __init__(self, number: int) -> None:
            self.number = number

        def __getitem__(self, index: Any) -> np.ndarray:
            return np.asarray(pieces[self.number][index], np.float64)

        def __len__(self) -> int:
            return len(pieces.rows(self.number))

    return [Piece(number) for number in range(len(pieces))]
