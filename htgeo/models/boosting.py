"""What boosted trees share, whichever library grows them."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_cube
from htgeo.core.errors import CubeError, InputError
from htgeo.core.progress import progress
from htgeo.core.registry import near
from htgeo.models.base import known_layer
from htgeo.models.calibration import probability
from htgeo.models.distributed import WorkerRows, in_blocks, require_client, rows_on_workers, watched
from htgeo.models.learner import OFFSET, Learner
from htgeo.models.streaming import read_samples
from htgeo.tensors.matrix import Matrix, Samples, draw_samples, fill_columns, pick, require_features

ROWS_AT_ONCE = 16_000
"""Samples that a worker predicts together: so few that they stay in the cache while they are turned into rows."""
FIRST_ROUND_SAMPLES = 1_000_000
"""Most samples on which the number of trees is found before workers grow them."""


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
    trees
        Number of trees; None finds it in the first round.
    memory_limit
        Features of the samples that are larger than so many GB are kept in a temporary file while the trees grow.
    distributed
        Grow the trees on the workers of the active dask client, where the features of the samples are made and stay.
        The number of trees is `trees`, or found here on a sample of `FIRST_ROUND_SAMPLES`. The trees depend on how
        many workers there are; LightGBM numbers them at random, so its trees differ a little from run to run.
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
    safe: ClassVar[dict[str, Any]]
    """Settings of the library that are safe for rare positives."""
    space: ClassVar[dict[str, Any]]
    """What `tune` searches where it is not told."""

    objective: Literal["binary", "poisson", "tweedie"] = "binary"
    balance: Literal["sample", "class_weight"] = "sample"
    negatives_per_positive: float = 30.0
    draw: Literal["uniform", "stratified"] = "uniform"
    monotone: dict[str, int] = field(default_factory=dict)
    max_trees: int = 1000
    patience: int = 50
    trees: int | None = None
    memory_limit: float = 4.0
    distributed: bool = False
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_positive("negatives_per_positive", "max_trees", "patience", "memory_limit")
        if self.trees is not None:
            self._check_positive("trees")
        if wrong := {name: sign for name, sign in self.monotone.items() if sign not in (-1, 1)}:
            message = f"monotone must be 1 (never falls) or -1 (never rises) for each feature, not {wrong!r}"
            raise InputError(message)
        if self.balance == "class_weight" and self.objective != "binary":
            message = f"balance='class_weight' needs objective='binary', not {self.objective!r}; use balance='sample'"
            raise InputError(message)

    @property
    def _counts(self) -> bool:
        return self.objective != "binary"

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:  # noqa: ARG002  # the samples hold it
        client = require_client() if self.distributed else None
        keep = self.negatives_per_positive if self.balance == "sample" else None
        source = cube if client is None else in_blocks(cube)
        samples = draw_samples(source, negatives_per_positive=keep, draw=self.draw, seed=self.seed)
        self.features_ = samples.names
        self.categories_ = {name: list(cube[name].attrs["categories"]) for name in samples.categorical}
        self._check_monotone(samples.names)
        if client is None:
            with read_samples(samples, self.memory_limit) as matrix:
                self.trees_ = self.trees or self._best_trees(cube, matrix)
                self.offset_ = self._start(cube)
                weight, self.shift_ = self._weights(matrix)
                self._grow(matrix, weight, self._lines(self.offset_, cube, matrix))
        else:
            self._fit_on_workers(client, cube, samples)

    def _fit_on_workers(self, client: Any, cube: xr.Dataset, samples: Samples) -> None:
        if self.trees is None:
            with read_samples(samples.thinned(FIRST_ROUND_SAMPLES, self.seed), self.memory_limit) as matrix:
                self.trees_ = self._best_trees(cube, matrix)
        else:
            self.trees_ = self.trees
        self.offset_ = self._start(cube)
        weight, self.shift_ = self._weights(samples)
        line = self._start_line(self.offset_, cube)
        with progress(f"fitting {self.name} on the workers"), rows_on_workers(client, samples, weight, line) as rows:
            self.booster_ = watched(client, lambda: self._grown_on_workers(client, rows))

    def _best_trees(self, cube: xr.Dataset, samples: Matrix) -> int:
        """Return the number of trees with the lowest loss on the days that validate."""
        first = self._before_validation(cube)
        before, after = samples.time < first, samples.time >= cube.sizes["time"] - self._validation
        self._require_events(samples, training=before, validation=after)
        weight, _ = self._weights(samples)
        return self._grown(samples, weight, self._lines(self._start(cube, first), cube, samples), before, after)

    def _lines(self, start: Any, cube: xr.Dataset, samples: Matrix) -> np.ndarray | None:
        """Return the offset of each sample, None where training starts from the base rate."""
        for line in self._start_line(start, cube).values():
            return pick(line, samples.cell, samples.time)
        return None

    def _weights(self, samples: Matrix | Samples) -> tuple[np.ndarray, float]:
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
    def _grown_on_workers(self, client: Any, rows: WorkerRows) -> Any:
        """Return the booster of `trees_` trees grown on rows that workers hold."""

    @abstractmethod
    def _margin(self, rows: np.ndarray) -> np.ndarray:
        """Return log-odds or log rates of rows, float32 ``(sample, feature)``, without the offset, on one thread."""

    @abstractmethod
    def _contributions(self, rows: np.ndarray) -> np.ndarray:
        """Return what each feature adds to the margin of rows, ``(sample, feature + 1)``; the last is the base."""

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        return self.risk_on(cube, slice(None))

    def risk_on(self, cube: xr.Dataset, days: slice) -> xr.DataArray:
        """Return the lazy risk of some days of a cube that has those before, too; no other day is forecast."""
        like = known_layer(cube, self.label_["layer"]).isel(time=days)
        inputs = {name: line.isel(time=days, missing_dims="ignore") for name, line in self.inputs(cube).items()}
        return map_cube(self._block_risk, inputs, like)

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
