"""What boosted trees share, whichever library grows them."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_cube
from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import near
from htgeo.models.base import known_layer
from htgeo.models.calibration import probability
from htgeo.models.learner import OFFSET, Learner
from htgeo.tensors.matrix import Matrix, fill_columns, pick, require_features, to_matrix

ROWS_AT_ONCE = 100_000
"""Samples that a worker predicts together."""


@dataclass(eq=False, kw_only=True)
class Booster(Learner):
    """Boosted trees: every positive, a weighted sample of negatives, early stopping on a later block.

    Parameters
    ----------
    seed, validation_days, offset
        See `Learner`.
    objective
        ``"binary"`` for a label that is a probability (shares between 0 and 1 are taken as they are); ``"poisson"`` or
        ``"tweedie"`` for counts.
    balance
        ``"sample"``: keep every positive and `negatives_per_positive` negatives for each, with weights that restore
        the base rate. ``"class_weight"``: keep all, positives weigh as much as negatives together; the log-odds are
        shifted back afterwards, so the risk is a probability in either case.
    negatives_per_positive, draw
        How many negatives are kept for each positive, and how they are drawn: see `to_matrix`.
    monotone
        ``{feature: 1}``: risk never falls where the feature grows; -1: never rises.
    max_trees, patience
        Most trees, and how many trees without a better validation loss end the training.
    params
        Settings of the library that replace the safe ones.

    Attributes
    ----------
    trees_ : int
        Number of trees.
    shift_ : float
        What class weights added to the log-odds.
    """

    objectives: ClassVar[dict[str, str]]
    """Names of the objectives in the library."""

    objective: Literal["binary", "poisson", "tweedie"] = "binary"
    balance: Literal["sample", "class_weight"] = "sample"
    negatives_per_positive: float = 30.0
    draw: Literal["uniform", "stratified"] = "uniform"
    monotone: dict[str, int] = field(default_factory=dict)
    max_trees: int = 1000
    patience: int = 50
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_positive("negatives_per_positive", "max_trees", "patience")
        if wrong := {name: sign for name, sign in self.monotone.items() if sign not in (-1, 1)}:
            message = f"monotone must be 1 (never falls) or -1 (never rises) for each feature, not {wrong!r}"
            raise InputError(message)
        if self.balance == "class_weight" and self.objective != "binary":
            message = f"balance='class_weight' needs objective='binary', not {self.objective!r}; use balance='sample'"
            raise InputError(message)

    @property
    def _counts(self) -> bool:
        return self.objective != "binary"

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:  # noqa: ARG002  # the matrix holds it
        first = self._before_validation(cube)
        keep = self.negatives_per_positive if self.balance == "sample" else None
        samples = to_matrix(cube, negatives_per_positive=keep, draw=self.draw, seed=self.seed)
        self.features_ = samples.names
        self.categories_ = {name: list(cube[name].attrs["categories"]) for name in samples.categorical}
        self._check_monotone(samples.names)
        before, after = samples.time < first, samples.time >= cube.sizes["time"] - self.validation_days
        self._require_events(samples, training=before, validation=after)
        weight, self.shift_ = self._weights(samples)
        line = self._lines(self._start(cube, first), cube, samples)
        self.trees_ = self._grown(samples, weight, line, before, after)
        self.offset_ = self._start(cube)
        self._grow(samples, weight, self._lines(self.offset_, cube, samples))

    def _lines(self, start: Any, cube: xr.Dataset, samples: Matrix) -> np.ndarray | None:
        """Return the offset of each sample, None where training starts from the base rate."""
        for line in self._start_line(start, cube).values():
            return pick(line, samples.cell, samples.time)
        return None

    def _weights(self, samples: Matrix) -> tuple[np.ndarray, float]:
        """Return the weight of each sample, and what weights by class add to the log-odds."""
        if self.balance == "sample":
            return samples.weight, 0.0
        positive = float(samples.y.sum(dtype=float))
        factor = (len(samples.y) - positive) / positive
        return np.where(samples.y > 0, np.float32(factor), np.float32(1)), float(np.log(factor))

    def _check_monotone(self, names: tuple[str, ...]) -> None:
        for name in self.monotone:
            if name not in names:
                message = f"monotone names {name!r}, which is no feature of the cube{near(name, list(names))}"
                raise CubeError(message)
            if name in self.categories_:
                message = f"monotone names {name!r}, a feature of categories, which have no order"
                raise CubeError(message)

    @property
    def _signs(self) -> list[int]:
        """Monotone sign of each feature."""
        return [self.monotone.get(name, 0) for name in self.features_]

    @abstractmethod
    def _grown(
        self, samples: Matrix, weight: np.ndarray, line: np.ndarray | None, before: np.ndarray, after: np.ndarray
    ) -> int:
        """Return the number of trees with the lowest loss on the samples `after`, grown on those `before`."""

    @abstractmethod
    def _grow(self, samples: Matrix, weight: np.ndarray, line: np.ndarray | None) -> None:
        """Grow `trees_` trees on all samples and keep them."""

    @abstractmethod
    def _margin(self, rows: np.ndarray) -> np.ndarray:
        """Return log-odds or log rates of rows, float32 ``(sample, feature)``, without the offset, on one thread."""

    @abstractmethod
    def _contributions(self, rows: np.ndarray) -> np.ndarray:
        """Return what each feature adds to the margin of rows, ``(sample, feature + 1)``; the last is the base."""

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        like = known_layer(cube, self.label_["layer"])
        return map_cube(self._block_risk, self.inputs(cube), like)

    @property
    def log_odds(self) -> bool:
        """Whether contributions add up to log-odds."""
        return self.objective == "binary"

    @property
    def contribution_names(self) -> tuple[str, ...]:
        """The features, the offset where there is one, and the base."""
        return (*self.features_, *([OFFSET] if self.offset is not None else []), "base")

    def block_contributions(self, values: dict[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
        """Return what each feature, the offset and the base add to the margin of a block."""
        added = np.empty((len(self.contribution_names), *shape), np.float32)
        for slab, rows in self._slabs(values, shape):
            parts = self._contributions(rows).T.reshape(-1, slab.stop - slab.start, shape[1])
            added[: len(parts) - 1, slab] = parts[:-1]
            added[-1, slab] = parts[-1] - np.float32(self.shift_)
        if OFFSET in values:
            added[-2] = values[OFFSET]
        return added

    def inputs(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return features and offset, lazily."""
        features = require_features(cube, self.features_, self.categories_)
        return {**features, **self._start_line(self.offset_, cube)}

    def _block_risk(self, values: dict[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
        """Return the risk of one block, a slab of cells at a time."""
        risk = np.empty(shape, np.float32)
        for slab, rows in self._slabs(values, shape):
            margin = self._margin(rows).reshape(-1, shape[1]) - np.float32(self.shift_)
            if OFFSET in values:
                margin += values[OFFSET][slab]
            risk[slab] = self._from_margin(margin)
        return risk

    def _slabs(self, values: dict[str, np.ndarray], shape: tuple[int, int]) -> Any:
        """Yield some cells of a block, and their rows ``(sample, feature)``."""
        cells, days = shape
        arrays = [values[name] for name in self.features_]
        size = max(1, ROWS_AT_ONCE // days)
        for start in range(0, cells, size):
            slab = slice(start, min(start + size, cells))
            cut = [array if array.shape[0] == 1 else array[slab] for array in arrays]
            columns = np.empty((len(arrays), (slab.stop - start) * days), np.float32)
            fill_columns(columns, cut, *_every(slab.stop - start, days))
            yield slab, np.ascontiguousarray(columns.T)

    def _from_margin(self, margin: np.ndarray) -> np.ndarray:
        if self.objective == "binary":
            return probability(margin)
        expected = np.exp(margin, dtype=np.float32)
        return np.asarray(np.minimum(expected, np.float32(1))) if self.label_["probability"] else expected


def _every(cells: int, days: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return cell and day of every cell-day, and the shape."""
    cell, time = (axis.ravel() for axis in np.mgrid[0:cells, 0:days])
    return cell, time, (cells, days)
