"""The compiled product of a sparse matrix with a block (cell, time)."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, fastmath={"contract"})  # type: ignore[untyped-decorator]  # numba has no types
def add_product(
    indptr: np.ndarray, indices: np.ndarray, weights: np.ndarray, block: np.ndarray, out: np.ndarray
) -> None:
    """Add the product of a CSR matrix with `block` to `out`, row by row: a row of `out` stays in the cache."""
    length = block.shape[1]
    for row in range(len(indptr) - 1):
        for p in range(indptr[row], indptr[row + 1]):
            source, weight = indices[p], weights[p]
            for t in range(length):
                out[row, t] += weight * block[source, t]
