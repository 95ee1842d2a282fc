"""A cube as (sample, feature), for learners."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks, two_axes
from htgeo.core.errors import CubeError, InputError
from htgeo.core.progress import steps
from htgeo.cube.schema import only_label, require, role_of, space, variables_of

STRATUM_DAYS = 91


@dataclass(frozen=True)
class Matrix:
    """Samples of a cube.

    Attributes
    ----------
    X : array of float32, shape (sample, feature)
        Column by column in memory, as boosters bin it.
    y : array of float32, shape (sample,)
    weight : array of float32, shape (sample,)
        What a sample stands for: weights restore the base rate after sampling.
    cell, time : arrays of int32, shape (sample,)
        Row and day of each sample in the cube.
    names, categorical
        Names of the features, and those of them that hold categories.
    shape
        Size of the cube (cell, time).
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    cell: np.ndarray
    time: np.ndarray
    names: tuple[str, ...]
    categorical: tuple[str, ...]
    shape: tuple[int, int]

    def back(self, values: np.ndarray) -> np.ndarray:
        """Put one value a sample onto (cell, time) again; NaN where there is no sample."""
        out = np.full(self.shape, np.nan, np.float32)
        out[self.cell, self.time] = values
        return out


@dataclass(frozen=True)
class Samples:
    """Samples drawn from a cube; their features are read block by block when they are asked for.

    Attributes
    ----------
    cube : Dataset
        Features and label.
    y, weight, cell, time, names, categorical
        As in `Matrix`; samples are in the order of the blocks.
    edges, cells : array
        First sample and first cell of each block, and the ends.
    """

    cube: xr.Dataset
    y: np.ndarray
    weight: np.ndarray
    cell: np.ndarray
    time: np.ndarray
    names: tuple[str, ...]
    categorical: tuple[str, ...]
    edges: np.ndarray
    cells: np.ndarray

    @property
    def nbytes(self) -> int:
        """Size of all features of all samples."""
        return 4 * len(self.names) * len(self.y)

    def read(self, features: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield the features of each block, float32 ``(feature, sample)``: parts of `features` where it is given."""
        with steps("reading features", len(self.cells) - 1) as advance:
            for n, block in enumerate(iter_blocks(self.cube)):
                rows = self.rows(n)
                size = rows.stop - rows.start
                part = np.empty((len(self.names), size), np.float32) if features is None else features[:, rows]
                arrays = [two_axes(block[name]) for name in self.names]
                shape = int(self.cells[n + 1] - self.cells[n]), block.sizes["time"]
                fill_columns(part, arrays, self.cell[rows] - self.cells[n], self.time[rows], shape)
                yield part
                advance()

    def rows(self, block: int) -> slice:
        """Return which samples lie in a block."""
        return slice(int(self.edges[block]), int(self.edges[block + 1]))

    def thinned(self, most: int, seed: int) -> Self:
        """Return at most so many of the samples, drawn at random."""
        if len(self.y) <= most:
            return self
        kept = np.sort(np.random.default_rng(seed).choice(len(self.y), most, replace=False))
        some = {name: getattr(self, name)[kept] for name in ("y", "weight", "cell", "time")}
        return replace(self, **some, edges=np.searchsorted(kept, self.edges))

    def matrix(self, rows: np.ndarray) -> Matrix:
        """Return the samples with their features, shape (sample, feature)."""
        shape = int(self.cells[-1]), self.cube.sizes["time"]
        return Matrix(rows, self.y, self.weight, self.cell, self.time, self.names, self.categorical, shape)


def to_matrix(
    cube: xr.Dataset,
    *,
    negatives_per_positive: float | None = None,
    draw: Literal["uniform", "stratified"] = "uniform",
    seed: int = 0,
) -> Matrix:
    """Slice features and label of a cube into samples, block of cells by block.

    Parameters
    ----------
    cube
        A cube with features and one label.
    negatives_per_positive
        Keep every sample with a label above 0 and at most so many others for each, drawn at random; their weights
        restore the base rate. None keeps all.
    draw
        ``"uniform"``: every other sample is kept with the same chance. ``"stratified"`` by place and time: of the days
        of each cell in each 91 days, the same share is kept.
    seed
        Seed of the draw.

    Returns
    -------
    Matrix
        Samples whose label is known; missing features stay NaN.

    Raises
    ------
    CubeError
        If the cube has no features or not exactly one label.
    InputError
        If negatives cannot be drawn so.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Lag("crime", days=[1])])
    >>> matrix = ht.to_matrix(ht.add_label(cube, ht.AnyWithin("crime", days=1)))
    >>> matrix.X.shape == (matrix.y.size, 1)
    True
    """
    samples = draw_samples(cube, negatives_per_positive=negatives_per_positive, draw=draw, seed=seed)
    features = np.empty((len(samples.names), len(samples.y)), np.float32)
    for _ in samples.read(features):
        pass
    return samples.matrix(features.T)


def draw_samples(
    cube: xr.Dataset,
    *,
    negatives_per_positive: float | None = None,
    draw: Literal["uniform", "stratified"] = "uniform",
    seed: int = 0,
) -> Samples:
    """Return the samples of `to_matrix` without their features, which are still to be read."""
    _check_draw(negatives_per_positive, draw, seed)
    names = variables_of(cube, "feature")
    if not names:
        message = "the cube has no features; add some: htgeo.add_features(cube, 'default')"
        raise CubeError(message)
    label = only_label(cube)
    place = space(cube)
    lazy = [cube[name].variable for name in names if place in cube[name].dims and cube[name].chunks is not None]
    if lazy:
        label = label.chunk({place: lazy[0].chunksizes[place], "time": -1})
    cube = cube[names].assign({label.name: label})
    keep = _share_of_negatives(label, negatives_per_positive)
    rng = np.random.default_rng(seed)
    drawn = _drawn_evenly if draw == "stratified" else _drawn
    chosen = [_chosen(block[label.name].values, keep, rng, drawn) for block in iter_blocks(label.to_dataset())]
    edges = np.concatenate([[0], np.cumsum([len(y) for _, _, y in chosen])])
    first = np.cumsum([0, *label.variable.chunksizes.get(place, (label.sizes[place],))])
    for (rows, _, _), start in zip(chosen, first, strict=False):
        np.add(rows, start, out=rows, casting="same_kind")
    cell, time, y = (part[0] if len(part) == 1 else np.concatenate(part) for part in zip(*chosen, strict=True))
    weight = np.ones_like(y) if keep == 1 else np.where(y > 0, np.float32(1), np.float32(1 / keep))
    categorical = tuple(name for name in names if "categories" in cube[name].attrs)
    return Samples(cube, y, weight, cell, time, tuple(names), categorical, edges, first)


def _check_draw(per_positive: float | None, draw: str, seed: int) -> None:
    """Raise unless samples can be drawn so."""
    if per_positive is not None and not (isinstance(per_positive, Real) and per_positive > 0):
        message = f"negatives_per_positive must be a number above 0, or None to keep all, not {per_positive!r}"
        raise InputError(message)
    if draw not in ("uniform", "stratified"):
        message = f"draw must be 'uniform' or 'stratified', not {draw!r}"
        raise InputError(message)
    if not isinstance(seed, Integral) or seed < 0:
        message = f"seed must be a whole number of at least 0, not {seed!r}"
        raise InputError(message)


def _share_of_negatives(label: xr.DataArray, per_positive: float | None) -> float:
    """Return the share of the other samples to keep."""
    if per_positive is None:
        return 1.0
    positive = float((label > 0).sum())
    known = float(label.notnull().sum())
    if positive == 0:
        message = f"the label {label.name!r} has no event, so negatives cannot be drawn by the number of positives; choose more days or give negatives_per_positive=None"
        raise CubeError(message)
    return min(1.0, per_positive * positive / max(known - positive, 1.0))


def pick(variable: xr.DataArray, cell: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return a variable ``(cell, time)`` at some cell-days, shape (sample,), block by block.

    Parameters
    ----------
    variable
        In memory or lazy.
    cell, time
        Row and day of each sample, shape (sample,), in any order.
    """
    out = np.empty(len(cell), np.float32)
    first = 0
    for block in iter_blocks(variable.rename("picked").reset_coords(drop=True).to_dataset()):
        values = block["picked"].values
        here = (cell >= first) & (cell < first + len(values))
        out[here] = values[cell[here] - first, time[here]]
        first += len(values)
    return out


def _drawn(rng: np.random.Generator, shape: tuple[int, int], keep: float) -> np.ndarray:
    """Return which cell-days are kept: each with the same chance."""
    return rng.random(shape) < keep


def _drawn_evenly(rng: np.random.Generator, shape: tuple[int, int], keep: float) -> np.ndarray:
    """Return which cell-days are kept: of each cell and each `STRATUM_DAYS` days the same share, rounded by chance."""
    cells, days = shape
    strata = -(-days // STRATUM_DAYS)
    order = rng.random((cells, strata, STRATUM_DAYS)).argsort(axis=2).argsort(axis=2)
    quota = STRATUM_DAYS * keep + rng.random((cells, strata, 1)) - 1
    return (order <= quota).reshape(cells, -1)[:, :days]


def _chosen(
    y: np.ndarray, keep: float, rng: np.random.Generator, drawn: Callable[..., np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, day and label of the samples of a block: all events, and a share of the others."""
    known = ~np.isnan(y)
    if keep < 1:
        known &= (y > 0) | drawn(rng, y.shape, keep)
    elif known.all():
        rows, days = (np.arange(size, dtype=np.int32) for size in y.shape)
        return np.repeat(rows, y.shape[1]), np.tile(days, y.shape[0]), y.flatten()
    cell, time = np.nonzero(known)
    return cell.astype(np.int32), time.astype(np.int32), y[known]


def fill_columns(
    columns: np.ndarray, arrays: Sequence[np.ndarray], cell: np.ndarray, time: np.ndarray, shape: tuple[int, ...]
) -> None:
    """Write the features of some cell-days of a block into `columns`.

    Parameters
    ----------
    columns
        Float32, shape (feature, sample).
    arrays
        One a feature: ``(cell, time)``, ``(cell, 1)`` or ``(1, time)``.
    cell, time
        Row and day of each sample, shape (sample,), in the order of the block.
    shape
        Cells and days of the block.
    """
    if len(cell) == shape[0] * shape[1]:  # all of them
        for column, array in zip(columns, arrays, strict=True):
            column.reshape(shape)[:] = array
        return
    both = cell.astype(np.intp) * shape[1] + time
    for column, array in zip(columns, arrays, strict=True):
        at = time if array.shape[0] == 1 else cell if array.shape[1] == 1 else both
        np.take(array.reshape(-1), at, out=column, mode="clip")


def require_features(
    cube: xr.Dataset, names: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> dict[str, xr.DataArray]:
    """Return the features of a fitted model from a cube, or say which are missing or have other categories."""
    found = {}
    for name in names:
        variable = require(cube, name, "feature")
        if role_of(variable) != "feature":
            message = f"{name!r} is a variable of the cube but no feature; add the features of the training cube with htgeo.add_features"
            raise CubeError(message)
        if list(variable.attrs.get("categories", [])) != list(categories.get(name, [])):
            message = f"the feature {name!r} has the categories {variable.attrs.get('categories')}, the model learned {list(categories.get(name, []))}"
            raise CubeError(message)
        found[name] = variable
    return found
