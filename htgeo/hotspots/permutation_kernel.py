"""The compiled draws of permutation tests."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def count_draws(
    values: np.ndarray,
    degrees: np.ndarray,
    observed: np.ndarray,
    permutations: int,
    tolerance: float,
    rng: np.random.Generator,
    at_least: np.ndarray,
    at_most: np.ndarray,
) -> None:
    """Count the draws in which the neighbours of a place sum up to at least, and to at most, what they do.

    Each draw takes as many values as the place has neighbours, without replacement, from all other places: the first
    steps of a shuffle of a pool that may stay shuffled. Sums that differ by the tolerance only count both ways.
    """
    others = len(values) - 1
    pool = np.empty(others, np.float64)
    for place in range(others + 1):
        pool[:place] = values[:place]
        pool[place:] = values[place + 1 :]
        for _ in range(permutations if degrees[place] else 0):
            total = 0.0
            for drawn in range(degrees[place]):
                pick = drawn + int(rng.random() * (others - drawn))
                pool[drawn], pool[pick] = pool[pick], pool[drawn]
                total += pool[drawn]
            at_least[place] += total >= observed[place] - tolerance
            at_most[place] += total <= observed[place] + tolerance


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def draw_sums(pool: np.ndarray, size: int, rng: np.random.Generator, out: np.ndarray) -> None:
    """Write sums of `size` values that are drawn without replacement; the pool stays shuffled."""
    for draw in range(len(out)):
        total = 0.0
        for drawn in range(size):
            pick = drawn + int(rng.random() * (len(pool) - drawn))
            pool[drawn], pool[pick] = pool[pick], pool[drawn]
            total += pool[drawn]
        out[draw] = total
