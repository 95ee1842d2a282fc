"""Compiled loop that places the cells of each day where areas have places kept for them."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def place_cells(
    order: np.ndarray,
    known: np.ndarray,
    area: np.ndarray,
    kept_area: np.ndarray,
    kept_number: np.ndarray,
    out: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Fill in the place of each cell and day, 1 the first.

    Place i goes to the best cell of area ``kept_area[i]``, if fewer than ``kept_number[i]`` cells of it have a place;
    otherwise to the best cell left. `order` (cell, time) holds the cells of each day from the best down, the first
    ``known[t]`` of which have a forecast; `area` (cell,) is the area of each cell, -1 for those without kept places;
    `out` (cell, time) keeps what it has where there is no forecast.
    """
    cells, days = order.shape
    areas = max(area.max(), kept_area.max()) + 1
    for t in range(days):
        taken = np.zeros(cells, np.bool_)
        held = np.zeros(areas, np.int64)
        upto = np.zeros(areas + 1, np.int64)  # before these all are taken: of each area, and of all
        for i in range(known[t]):
            kept = kept_area[i]
            wanted = kept if kept >= 0 and held[kept] < kept_number[i] else -1
            k = upto[wanted]
            while k < known[t] and (taken[order[k, t]] or (wanted >= 0 and area[order[k, t]] != wanted)):
                k += 1
            if k == known[t]:  # no cell of the area is left
                upto[wanted] = k
                wanted = -1
                k = upto[wanted]
                while taken[order[k, t]]:
                    k += 1
            upto[wanted] = k
            cell = order[k, t]
            taken[cell] = True
            out[cell, t] = i + 1
            if area[cell] >= 0:
                held[area[cell]] += 1
