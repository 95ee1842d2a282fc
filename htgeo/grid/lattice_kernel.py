"""The compiled loop of the lattice: unit vector, gnomonic plane, hexagonal rounding, table look-up."""

import math

import numba
import numpy as np

MIN_COSINE = 0.5
"""No point of a face lies further than 37.4 degrees (cosine 0.79) from its centre; cells over the edge reach a little further."""


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def lattice_rows(
    lon: np.ndarray,
    lat: np.ndarray,
    matrix: np.ndarray,
    normal: np.ndarray,
    offset: np.ndarray,
    corner: np.ndarray,
    table: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the grid row of each point to `out`, -1 where the table has none."""
    radians = math.pi / 180
    rows, cols = table.shape
    for k in range(lon.size):
        cos_lat = math.cos(lat[k] * radians)
        x = cos_lat * math.cos(lon[k] * radians)
        y = cos_lat * math.sin(lon[k] * radians)
        z = math.sin(lat[k] * radians)
        depth = normal[0] * x + normal[1] * y + normal[2] * z
        out[k] = -1
        if not depth > MIN_COSINE:  # NaN too
            continue
        q = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z) / depth - offset[0]
        r = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z) / depth - offset[1]
        i, j, m = np.rint(q), np.rint(r), np.rint(-q - r)
        off_i, off_j, off_m = abs(i - q), abs(j - r), abs(m + q + r)
        if off_i > off_j and off_i > off_m:
            i = -j - m
        elif off_j > off_m:
            j = -i - m
        row, col = int(i) - corner[0], int(j) - corner[1]
        if 0 <= row < rows and 0 <= col < cols:
            out[k] = table[row, col]
