"""Sums of the first and the second ring around each cell, 8,000 cells x four years, float32."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Row, load, task_count, within

CELLS, LENGTH, RINGS = 8000, 1461, (1, 2)
Work = Callable[[], dict[str, np.ndarray]]


def htgeo(folder: Path) -> Work:
    """The step of the ring features on the lazy blocks of a cube."""
    import dask.array as da
    from inputs import lazy_cube, square_grid

    from htgeo.core.blocks import neighbor_sum
    from htgeo.grid.neighbors import ring_matrix

    (values,) = load(folder, "counts")
    cube = lazy_cube(square_grid(*values.shape), values)
    lazy = [neighbor_sum(cube["crime_known"], ring_matrix(cube["cell"].values, k)).data for k in RINGS]
    out = [np.zeros_like(values) for _ in RINGS]

    def work() -> dict[str, np.ndarray]:
        da.store(lazy, out, lock=False)
        return {f"ring{k}": sums for k, sums in zip(RINGS, out, strict=True)}

    return work


def scipy_product(folder: Path) -> Work:
    """Bare scipy: a sparse matrix times the whole array."""
    from inputs import square_grid

    from htgeo.grid.neighbors import ring_matrix

    (values,) = load(folder, "counts")
    matrices = [ring_matrix(square_grid(*values.shape).cells, k) for k in RINGS]
    return lambda: {f"ring{k}": matrix @ values for k, matrix in zip(RINGS, matrices, strict=True)}


def rows(bench: Bench) -> Iterator[Row]:
    from inputs import counts

    cells, length = bench.size(CELLS, 600), bench.size(LENGTH, 40)
    bench.save(counts=counts(cells, length))
    ours, bare = bench.measure(htgeo, repeats=7), bench.measure(scipy_product, repeats=7)
    found, expected = bench.result(htgeo), bench.result(scipy_product)
    same = all(np.array_equal(found[name], expected[name]) for name in expected)
    work = f"ring sums k = 1, 2, {cells:,} cells x {length:,} days"
    yield within(work, ours, "scipy.sparse CSR @ dense", bare, 1.3, agrees=same)


def tasks(cells: int, days: int) -> int:
    """Return the number of tasks of two ring features."""
    from inputs import counts, lazy_cube, square_grid

    import htgeo as ht

    cube = lazy_cube(square_grid(cells, days), counts(cells, days))
    return task_count(c.data for c in ht.RingSum("crime", k=2, days=7).columns(cube).values())
