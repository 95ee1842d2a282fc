"""A cube as (sample, step, feature): for each cell-day the days up to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks, two_axes
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import even_steps, only_label, space, variables_of


@dataclass(frozen=True)
class SequenceBlock:
    """The sequences of the cells of one block.

    Attributes
    ----------
    X : array of float32, shape (cell, day, step, feature)
        Every window of the block: a read-only strided view, in which neighbouring windows share their memory. The last
        step of a window is the day of its sample.
    first : int
        Row of the block's first cell in the cube.
    y : array of float32, shape (sample,)
    cell, time : arrays of int32, shape (sample,)
        Row and day of each sample in the cube.
    """

    X: np.ndarray
    first: int
    y: np.ndarray
    cell: np.ndarray
    time: np.ndarray

    def samples(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the windows of some samples of the block as a copy, shape (sample, step, feature)."""
        some = slice(start, stop)
        return np.asarray(self.X[self.cell[some] - self.first, self.time[some] - (self.X.shape[2] - 1)])


@dataclass(frozen=True)
class Sequences:
    """Samples of a cube, each with the features of the `steps` days up to its own; made block by block when asked for.

    Samples are the days from the number `steps` on whose label is known. Iterating yields a `SequenceBlock` for each
    block of cells.

    Attributes
    ----------
    cube
        Features and label.
    steps
        Days of a window.
    names, categorical
        Names of the features, and those of them that hold categories.
    """

    cube: xr.Dataset
    steps: int
    names: tuple[str, ...]
    categorical: tuple[str, ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of samples of each block."""
        label = only_label(self.cube)
        blocks = iter_blocks(label.to_dataset())
        return tuple(int(_known(block[label.name].values, self.steps).sum()) for block in blocks)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Samples, steps and features of all blocks together."""
        return sum(self.sizes), self.steps, len(self.names)

    def __len__(self) -> int:
        return len(_cells(self.cube))

    def __iter__(self) -> Iterator[SequenceBlock]:
        first = 0
        for block in iter_blocks(self.cube):
            made = self._made(block, first)
            yield made
            first += block.sizes[space(self.cube)]

    def block(self, number: int) -> SequenceBlock:
        """Return the sequences of one block; only this block is computed.

        Raises
        ------
        InputError
            If there is no such block.
        """
        if not 0 <= number < len(self):
            message = f"there is no block {number!r}; the cube has {len(self)}, counted from 0"
            raise InputError(message)
        edges = np.cumsum([0, *_cells(self.cube)])
        first, last = edges[number], edges[number + 1]
        return self._made(self.cube.isel({space(self.cube): slice(first, last)}).compute(), int(first))

    def back(self, values: np.ndarray) -> np.ndarray:
        """Put one value a sample, in the order of the blocks, onto (cell, time) again; NaN where there is no sample."""
        label = only_label(self.cube)
        known = _known(label.values, self.steps)
        out = np.full(label.shape, np.nan, np.float32)
        out[:, self.steps - 1 :][known] = values
        return out

    def _made(self, block: xr.Dataset, first: int) -> SequenceBlock:
        """Return the windows of a computed block whose cells begin at `first`."""
        label = only_label(block).values
        features = np.empty((*label.shape, len(self.names)), np.float32)
        for number, name in enumerate(self.names):
            features[..., number] = two_axes(block[name])
        windows = np.lib.stride_tricks.sliding_window_view(features, self.steps, axis=1)
        cell, day = (at.astype(np.int32) for at in np.nonzero(_known(label, self.steps)))
        time = day + np.int32(self.steps - 1)
        return SequenceBlock(windows.transpose(0, 1, 3, 2), first, label[cell, time], cell + np.int32(first), time)


def to_sequences(cube: xr.Dataset, steps: int = 28) -> Sequences:
    """Slice features and label of a cube into windows of days, block of cells by block.

    Parameters
    ----------
    cube
        A cube with features and one label.
    steps
        Days of a window: the day of the sample and the ``steps - 1`` before it.

    Returns
    -------
    Sequences
        Samples whose label is known and whose window lies in the cube; missing features stay NaN.

    Raises
    ------
    CubeError
        If the cube has no features, not exactly one label, a hole among its days, or fewer days than a window.
    InputError
        If `steps` is no whole number of at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Lag("crime", days=[1])])
    >>> sequences = ht.to_sequences(ht.add_label(cube, ht.AnyWithin("crime", days=1)), steps=7)
    >>> block = sequences.block(0)
    >>> block.X.shape[2:], block.samples().shape == (block.y.size, 7, 1)
    ((7, 1), True)
    """
    if not isinstance(steps, int) or steps < 1:
        message = f"steps must be a whole number of days of at least 1, not {steps!r}"
        raise InputError(message)
    names = variables_of(cube, "feature")
    if not names:
        message = "the cube has no features; add some: htgeo.add_features(cube, 'default')"
        raise CubeError(message)
    label = only_label(cube)
    if cube.sizes["time"] < steps:
        message = f"the cube has {cube.sizes['time']} days, fewer than a window of {steps}; give fewer steps"
        raise CubeError(message)
    if not even_steps(cube):
        message = "a window needs a time axis in order and without holes; take its days from the whole cube with cube.sel(time=slice(…))"
        raise CubeError(message)
    lazy = [cube[name] for name in names if cube[name].chunks is not None and space(cube) in cube[name].dims]
    if lazy:
        label = label.chunk({space(cube): lazy[0].chunksizes[space(cube)], "time": -1})
    categorical = tuple(name for name in names if "categories" in cube[name].attrs)
    chosen = cube[[*names, str(label.name)]].assign({str(label.name): label})
    return Sequences(chosen, steps, tuple(names), categorical)


def _cells(cube: xr.Dataset) -> tuple[int, ...]:
    """Return the number of cells of each block."""
    label = only_label(cube)
    return label.chunksizes[space(cube)] if label.chunks is not None else (cube.sizes[space(cube)],)


def _known(label: np.ndarray, steps: int) -> np.ndarray:
    """Return which windows have a known label, shape (cell, day of a whole window)."""
    return np.asarray(~np.isnan(label[:, steps - 1 :]))
