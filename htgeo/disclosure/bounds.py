"""What published sums say about hidden counts: exact ranges by linear programming."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TOLERANCE = 1e-6
"""Of the bounds of the linear program, in counts."""
RANDOM_GOALS = 8


@dataclass(frozen=True)
class Statement:
    """What a release says: the count of `places` from day `first` to `last` is between `low` and `high`.

    Attributes
    ----------
    places
        Ids of the smallest places that the count is of.
    first, last
        Days since 1970-01-01, both included.
    low, high
        What is said of the count; 0 and infinity where it is hidden.
    """

    places: frozenset[Any]
    first: int
    last: int
    low: float
    high: float

    @property
    def hidden(self) -> bool:
        """Whether nothing is said of the count."""
        return self.high == np.inf


def possible(low: float, high: float) -> float:
    """Return how many whole counts lie in a range."""
    return float(np.floor(high + TOLERANCE) - np.ceil(low - TOLERANCE) + 1)


def reveals(low: float, high: float, k: int) -> bool:
    """Return whether a range gives a count below `k` away: one of 1 to k-1 is possible, and fewer than k counts are."""
    return low < k - TOLERANCE and high > 1 - TOLERANCE and possible(low, high) < k


class Statements:
    """All that is said of one layer, as a linear system over its atoms: the parts that no statement divides."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = list(statements)
        self.matrix = _incidence(self.statements)
        self.low = np.array([one.low for one in self.statements])
        self.high = np.array([one.high for one in self.statements])

    def ranges(self, k: int) -> np.ndarray | None:
        """Return the range of the count of each statement and then of each atom; None if they contradict each other.

        A range that is shown to hold `k` counts is not widened any further, as it is safe. That of what is published is
        as it is said, and of an atom that is published nothing is returned (NaN).

        Returns
        -------
        array
            (statements + atoms, 2), the lowest and the highest count.
        """
        from scipy.sparse import csr_array, eye_array, vstack
        from scipy.sparse.csgraph import connected_components

        hidden = np.isinf(self.high)
        _, part = connected_components(self.matrix.T @ self.matrix, directed=False)
        targets = csr_array(vstack([self.matrix, eye_array(self.matrix.shape[1])]))
        found = np.full((targets.shape[0], 2), np.nan)
        found[: len(hidden)] = np.stack([self.low, self.high], axis=1)
        asked = np.concatenate([hidden, ~np.isin(np.arange(self.matrix.shape[1]), self._single())])
        part_of = part[targets.indices[targets.indptr[:-1]]]
        for number in range(part.max() + 1):
            rows, atoms = part_of[: len(hidden)] == number, part == number
            program = _Program(self.matrix[rows][:, atoms], self.low[rows], self.high[rows], k)
            wanted = asked & (part_of == number)
            ranges = program.ranges(targets[wanted][:, atoms], k)
            if ranges is None:
                return None
            found[wanted] = ranges
        return found

    def _single(self) -> np.ndarray:
        """Return the atoms that are a statement of their own."""
        alone = np.diff(self.matrix.indptr) == 1
        return np.asarray(self.matrix.indices[self.matrix.indptr[:-1][alone]])


class _Program:
    """Feasible counts of some atoms."""

    def __init__(self, matrix: "csr_array", low: np.ndarray, high: np.ndarray, k: int) -> None:
        from scipy.sparse import vstack

        said = np.isfinite(high)
        self.matrix, self.limits = None, None
        self.ceiling = float(high[said].max(initial=0)) + 10 * k  # beyond it nothing is learnt
        if said.any():
            self.matrix = vstack([matrix[said], -matrix[said]])
            self.limits = np.concatenate([high[said], -low[said]])

    def solve(self, goal: np.ndarray) -> np.ndarray | None:
        """Return the counts of the atoms that make `goal` largest; None if no counts are feasible."""
        from scipy.optimize import linprog

        done = linprog(-goal, A_ub=self.matrix, b_ub=self.limits, bounds=(0, self.ceiling), method="highs")
        return None if done.x is None else np.asarray(done.x)

    def ranges(self, targets: "csr_array", k: int) -> np.ndarray | None:
        """Return the range of each target: every solution widens those of all, so few targets need their own."""
        generator = np.random.default_rng(0)
        found = np.tile([np.inf, -np.inf], (targets.shape[0], 1))
        for _ in range(RANDOM_GOALS):
            counts = self.solve(generator.normal(size=targets.shape[1]))
            if counts is None:
                return None
            _widen(found, targets @ counts)
        for row in range(targets.shape[0]):
            for sign in (1, -1):
                if possible(*found[row]) < k:
                    counts = self.solve(sign * targets[[row]].toarray().ravel())
                    if counts is None:
                        return None
                    _widen(found, targets @ counts)
        return found


def _widen(found: np.ndarray, counts: np.ndarray) -> None:
    np.minimum(found[:, 0], counts, out=found[:, 0])
    np.maximum(found[:, 1], counts, out=found[:, 1])


def _incidence(statements: list[Statement]) -> "csr_array":
    """Return which atoms (columns) each statement (rows) is the sum of."""
    from scipy.sparse import csr_array

    sets = {places: number for number, places in enumerate(dict.fromkeys(one.places for one in statements))}
    inside: dict[Any, list[int]] = {}
    for places, number in sets.items():
        for place in places:
            inside.setdefault(place, []).append(number)
    groups = np.unique([np.isin(np.arange(len(sets)), found) for found in inside.values()], axis=0)
    edges = np.unique([[one.first, one.last + 1] for one in statements])
    starts = edges[:-1]
    parts = []
    for one in statements:
        days = (starts >= one.first) & (starts <= one.last)
        parts.append(np.flatnonzero(np.logical_and.outer(groups[:, sets[one.places]], days)))
    ends = np.cumsum([0, *map(len, parts)])
    columns = np.concatenate(parts)
    atoms, columns = np.unique(columns, return_inverse=True)
    return csr_array((np.ones(len(columns)), columns, ends), shape=(len(parts), len(atoms)))
