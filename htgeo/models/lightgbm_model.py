"""LightGBM with settings that are safe for rare positives."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_cube
from htgeo.core.errors import CubeError, InputError
from htgeo.core.progress import steps
from htgeo.models.base import Model, known_layer
from htgeo.tensors.matrix import Matrix, fill_columns, require_features, to_matrix

SAFE: dict[str, Any] = {
    "objective": "binary",
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
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}
ROWS_AT_ONCE = 100_000


@dataclass(eq=False, kw_only=True)
class LightGBM(Model):
    """Boosted trees on all features: every positive, a weighted sample of negatives, early stopping on a later block.

    Weights restore the base rate, so the risk is a probability. Categorical features are used natively.

    Parameters
    ----------
    seed
        Seed of the sample and of the trees.
    negatives_per_positive
        How many negatives to keep for each positive.
    validation_days
        Last training days that decide when to stop; they lie behind a gap as long as the horizon. The model is then
        fitted again on all training days with the number of trees found.
    max_trees, patience
        Most trees, and how many trees without a better validation loss end the training.
    params
        Settings of LightGBM that replace the safe ones.

    Attributes
    ----------
    trees_ : int
        Number of trees.
    features_ : tuple of str
        Features used, in order.
    categories_ : dict
        Names of the categories of each categorical feature.

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

    seed: int = 0
    negatives_per_positive: float = 30.0
    validation_days: int = 60
    max_trees: int = 1000
    patience: int = 50
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("negatives_per_positive", "validation_days", "max_trees", "patience"):
            if not getattr(self, what) > 0:
                message = f"{what} must be above 0, not {getattr(self, what)!r}"
                raise InputError(message)

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        if self.label_["soft"]:
            message = (
                f"the label {label.name!r} holds shares of events known only to an area; LightGBM needs 0 or 1. Take the "
                "label from point-precise events: events.select(precision='point'), or label: {precision: point} in a study "
                "file; the rates take such a label as it is"
            )
            raise CubeError(message)
        samples = to_matrix(cube, negatives_per_positive=self.negatives_per_positive, seed=self.seed)
        first = cube.sizes["time"] - self.validation_days
        before = samples.time < first - self.label_["horizon"] + 1
        after = samples.time >= first
        for what, rows in (("training", before), ("validation", after)):
            if not (samples.y[rows] > 0).any():
                message = f"no event falls into the {what} days; the cube has {cube.sizes['time']} training days, of which the last {self.validation_days} validate: change validation_days"
                raise CubeError(message)
        self.features_ = samples.names
        self.categories_ = {name: list(cube[name].attrs["categories"]) for name in samples.categorical}
        self.trees_ = self._train(samples, before, after).best_iteration
        self.booster_ = self._train(samples, np.ones(len(samples.y), bool), None)

    def _train(self, samples: Matrix, rows: np.ndarray, validation: np.ndarray | None) -> Any:
        import lightgbm as lgb

        def dataset(chosen: np.ndarray, reference: Any = None) -> Any:
            return lgb.Dataset(
                samples.X[chosen],
                samples.y[chosen],
                weight=samples.weight[chosen],
                feature_name=list(samples.names),
                categorical_feature=list(samples.categorical),
                reference=reference,
                free_raw_data=True,
            )

        params = {**SAFE, "seed": self.seed, **self.params}
        train = dataset(rows)
        trees = self.trees_ if validation is None else self.max_trees
        with steps("choosing the number of trees" if validation is not None else "fitting LightGBM", trees) as advance:
            callbacks: list[Any] = [lambda _: advance()]
            if validation is None:
                return lgb.train(params, train, num_boost_round=trees, callbacks=callbacks)
            callbacks.append(lgb.early_stopping(self.patience, verbose=False))
            return lgb.train(
                params, train, num_boost_round=trees, valid_sets=[dataset(validation, train)], callbacks=callbacks
            )

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        features = require_features(cube, self.features_, self.categories_)
        like = known_layer(cube, self.label_["layer"])
        return map_cube(self._block_risk, features, like)

    def _block_risk(self, values: dict[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
        """Return the risk of one block, a slab of cells at a time."""
        cells, days = shape
        arrays = [values[name] for name in self.features_]
        risk = np.empty(shape, np.float32)
        slab = max(1, ROWS_AT_ONCE // days)
        for start in range(0, cells, slab):
            cell, time = (axis.ravel() for axis in np.mgrid[start : min(start + slab, cells), 0:days])
            columns = np.empty((len(arrays), len(cell)), np.float32)
            fill_columns(columns, arrays, cell, time, shape)
            rows = np.ascontiguousarray(columns.T)
            risk[cell, time] = self.booster_.predict(rows, num_threads=1)
        return risk
