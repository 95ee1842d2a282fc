"""What an LSTM reads of the features of a block: squashed, scaled, gaps marked, all learned on the training days."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import xarray as xr

from htgeo.core.blocks import in_space, iter_blocks, two_axes

KINDS = ("both", "cell", "time")
SKEWED = 1.0
"""Numbers with a skewness above this are squashed."""
KNEE = 0.1
"""Squashing is linear up to so many mean sizes, logarithmic beyond."""
Rows = slice | np.ndarray
Arrays = dict[str, np.ndarray]
"""Variables of a block by name: ``(cell, time)``, ``(cell, 1)`` or ``(1, time)``."""


@dataclass(frozen=True)
class Inputs:
    """The features of a fitted LSTM and how they are scaled.

    What lies on ``(cell)`` or on ``(time)`` alone is scaled once and never repeated for each cell-day.

    Attributes
    ----------
    numbers, categories : dict
        Names by kind: ``both`` axes, ``cell``, ``time``.
    gaps : dict
        By kind the features whose gaps the network sees; features that lack the same cell-days share one.
    scaling : dict
        ``[knee, center, spread]`` of each number; a knee of 0 squashes nothing.
    sizes : dict
        Number of categories of each categorical feature.
    """

    numbers: dict[str, list[str]]
    categories: dict[str, list[str]]
    gaps: dict[str, list[str]]
    scaling: dict[str, list[float]]
    sizes: dict[str, int]

    @classmethod
    def learn(cls, cube: xr.Dataset, names: Sequence[str], blocks: Iterable[Arrays], days: int) -> Self:
        """Learn from the first `days` days of blocks, which are gone through twice."""
        kind = {name: _kind(cube[name]) for name in names}
        categorical = {name: len(cube[name].attrs["categories"]) for name in names if "categories" in cube[name].attrs}
        plain = [name for name in names if name not in categorical]
        knees, gaps = _knees(plain, blocks, days), _Gaps(kind)
        moments = _Moments(plain)
        for block in blocks:
            for name in plain:
                values = block[name][:, :days]
                moments.add(name, squash(values, knees[name]))
                gaps.add(name, values)
        scaling = {name: [knees[name], *moments.center_and_spread(name)] for name in plain}
        by_kind = {k: [name for name in names if kind[name] == k] for k in KINDS}
        return cls(
            {k: [n for n in some if n not in categorical] for k, some in by_kind.items()},
            {k: [n for n in some if n in categorical] for k, some in by_kind.items()},
            gaps.leaders(),
            scaling,
            categorical,
        )

    @property
    def width(self) -> int:
        """Numbers that the network reads each day."""
        return sum(map(len, [*self.numbers.values(), *self.gaps.values()]))

    @property
    def tables(self) -> list[int]:
        """Sizes of the categorical features, in the order of the codes."""
        return [self.sizes[name] for some in self.categories.values() for name in some]

    def columns(self, embedding: int) -> list[str]:
        """Return the feature of each number that the network reads in a day, a category being `embedding` numbers."""
        kinds = [kind for kind, names in self.numbers.items() if names]
        numbers = [name for kind in kinds for name in (*self.numbers[kind], *self.gaps[kind])]
        return numbers + [name for some in self.categories.values() for name in some for _ in range(embedding)]

    def cut(self, block: Arrays, rows: Rows, days: slice) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return what the network reads of some cells and days of a block.

        Parameters
        ----------
        block
            All features.
        rows, days
            Cells and days of the block.

        Returns
        -------
        numbers
            Float32 arrays, shape ``(day, cell, number)``, ``(1, cell, number)`` and ``(day, 1, number)``.
        codes
            Int64 arrays, one a categorical feature, shape ``(day, cell)``, ``(1, cell)`` or ``(day, 1)``; 0 is missing.
        """
        numbers = [
            self._numbers([_cut(block[name], rows, days) for name in names], kind)
            for kind, names in self.numbers.items()
            if names
        ]
        names = [name for some in self.categories.values() for name in some]
        return numbers, [_codes(_cut(block[name], rows, days), self.sizes[name]) for name in names]

    def _numbers(self, arrays: list[np.ndarray], kind: str) -> np.ndarray:
        from htgeo.models.lstm_kernel import scale_by_day

        names = self.numbers[kind]
        knee, center, spread = np.array([self.scaling[name] for name in names]).T
        stack = np.empty((len(arrays), *arrays[0].shape), np.float32)
        for row, array, at in zip(stack, arrays, knee, strict=True):
            row[:] = squash(array, at)
        gaps = np.array([names.index(name) for name in self.gaps[kind]], np.intp)
        out = np.empty((stack.shape[2], stack.shape[1], len(names) + len(gaps)), np.float32)
        scale_by_day(stack, center.astype(np.float32), (1 / spread).astype(np.float32), gaps, out)
        return out


def _kind(variable: xr.DataArray) -> str:
    """Return which axes a variable has: ``both``, ``cell`` (or area) or ``time``."""
    if len(variable.dims) > 1:
        return "both"
    return "cell" if in_space(variable) else "time"


def squash(values: np.ndarray, knee: float) -> np.ndarray:
    """Return ``sign(x) log(1 + |x| / knee)``; the values themselves for a knee of 0."""
    if knee == 0:
        return values
    out = np.abs(values)
    out *= np.float32(1 / knee)
    out += 1
    np.log(out, out)
    return np.asarray(np.copysign(out, values, out))


@dataclass(frozen=True)
class Blocks:
    """A cube that can be gone through again and again, block by block.

    Attributes
    ----------
    cube
        Variables on ``(cell, time)``, ``(cell)`` or ``(time)``.
    held
        All of it in memory as one block; None where each way through reads the cube again.
    """

    cube: xr.Dataset
    held: Arrays | None

    @classmethod
    def of(cls, cube: xr.Dataset, memory_gb: float) -> Self:
        """Read a cube into memory if it takes at most `memory_gb`, else block by block whenever it is asked for."""
        lazy = Blocks(cube, None)
        return cls(cube, _joined(lazy) if cube.nbytes <= memory_gb * 1e9 else None)

    def replace(self, variables: dict[str, xr.DataArray]) -> Self:
        """Return the same blocks with some variables ``(cell, time)`` instead of those of the same names."""
        held = self.held and {**self.held, **{name: variable.values for name, variable in variables.items()}}
        return type(self)(self.cube.assign(variables), held)

    def __iter__(self) -> Iterator[Arrays]:
        if self.held is not None:
            yield self.held
            return
        for block in iter_blocks(self.cube):
            yield arrays_of(block)


def arrays_of(block: xr.Dataset) -> Arrays:
    """Return the variables of a block in memory as arrays with two axes."""
    return {str(name): np.asarray(two_axes(variable)) for name, variable in block.data_vars.items()}


def _joined(blocks: Blocks) -> Arrays:
    """Return all blocks as one; what is in memory already is not copied."""
    held: Arrays = {}
    first = 0
    for block in blocks:
        for name, values in block.items():
            variable = blocks.cube[name]
            if variable.chunks is None or not in_space(variable):
                held[name] = np.asarray(two_axes(variable.compute())) if name not in held else held[name]
                continue
            whole = held.setdefault(name, np.empty((len(variable), values.shape[1]), values.dtype))
            whole[first : first + len(values)] = values
        first += max(len(values) for values in block.values())
    return held


class _Moments:
    """Sums of each feature over its known cell-days; cell by cell first, so that blocks do not change a bit of them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._sums: dict[str, list[np.ndarray]] = {name: [] for name in names}

    def add(self, name: str, values: np.ndarray) -> None:
        known = np.where(np.isnan(values), 0.0, values.astype(float))
        powers = [(~np.isnan(values)).sum(1), *(power.sum(1) for power in (known, known**2, known**3, np.abs(known)))]
        self._sums[name].append(np.stack(powers, 1))

    def means(self, name: str) -> tuple[float, ...]:
        """Return the means of x, x², x³ and |x|."""
        number, *sums = np.concatenate(self._sums[name]).sum(0)
        return tuple(float(s / max(number, 1)) for s in sums)

    def center_and_spread(self, name: str) -> tuple[float, float]:
        mean, square, *_ = self.means(name)
        spread = float(np.sqrt(max(square - mean**2, 0.0)))
        return mean, spread if spread > 1e-6 * max(abs(mean), 1e-6) else 1.0  # constant

    def knee(self, name: str) -> float:
        mean, _, cube, size = self.means(name)
        _, spread = self.center_and_spread(name)
        skewness = (cube - 3 * mean * spread**2 - mean**3) / spread**3
        return KNEE * size if skewness > SKEWED else 0.0


class _Gaps:
    """Which features have gaps, and which of them the same."""

    def __init__(self, kind: dict[str, str]) -> None:
        self._kind = kind
        self._digests = {name: blake2b() for name in kind}
        self._some: dict[str, bool] = {}

    def add(self, name: str, values: np.ndarray) -> None:
        missing = np.isnan(values)
        self._some[name] = self._some.get(name, False) or bool(missing.any())
        self._digests[name].update(np.packbits(missing).tobytes())

    def leaders(self) -> dict[str, list[str]]:
        """Return by kind the first feature of each pattern of gaps."""
        found: dict[Any, str] = {}
        for name, some in self._some.items():
            if some:
                found.setdefault((self._kind[name], self._digests[name].digest()), name)
        return {kind: [name for (k, _), name in found.items() if k == kind] for kind in KINDS}


def _knees(names: Sequence[str], blocks: Iterable[Arrays], days: int) -> dict[str, float]:
    """Return where the squashing of each feature turns logarithmic; 0 for those without a heavy tail."""
    moments = _Moments(names)
    for block in blocks:
        for name in names:
            moments.add(name, block[name][:, :days])
    return {name: moments.knee(name) for name in names}


def _cut(array: np.ndarray, rows: Rows, days: slice) -> np.ndarray:
    """Return some cells and days of a variable; an axis of length 1 stays."""
    some = array[:, days] if array.shape[1] > 1 else array
    return some[rows] if array.shape[0] > 1 else some


def _codes(values: np.ndarray, size: int) -> np.ndarray:
    """Return categories counted from 1, shape (day, cell); 0 where missing or unknown."""
    known = (values >= 0) & (values < size)
    return np.where(known, values + 1, 0).T.astype(np.int64)
