"""Rolling sums over 1, 7, 28, 91 and 365 days before each day, five results of 8,000 cells x four years, float32."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import rolling_mlforecast
from harness import PEERS, Bench, Row, faster, load, task_count, within

DAYS = (1, 7, 28, 91, 365)
CELLS, LENGTH = 8000, 1461
Work = Callable[[], dict[str, np.ndarray]]


def _named(results: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"sum_{days}": values for days, values in zip(DAYS, results, strict=True)}


def columns(folder: Path) -> Work:
    """The feature columns of a lazy cube, all in one computation, into memory that is there already."""
    import dask.array as da
    from inputs import lazy_cube, square_grid

    import htgeo as ht

    (values,) = load(folder, "counts")
    cube = lazy_cube(square_grid(*values.shape), values)
    lazy = [c.data for c in ht.RollingSum("crime", days=DAYS).columns(cube).values()]
    out = [np.zeros_like(values) for _ in DAYS]

    def work() -> dict[str, np.ndarray]:
        da.store(lazy, out, lock=False)
        return _named(out)

    return work


def kernel(folder: Path) -> Work:
    """The compiled kernel on the whole array, fresh results."""
    from htgeo.features.kernels import past_sums

    (values,) = load(folder, "counts")
    windows = np.array(DAYS)
    past_sums(values[:1], windows=windows)
    return lambda: _named(list(past_sums(values, windows=windows)))


def block_kernel(folder: Path) -> Callable[[], None]:
    """The compiled kernel block by block as in a cube, where the results of a block take the place of the last one's."""
    from htgeo.core.blocks import cell_blocks
    from htgeo.features.kernels import past_sums

    (values,) = load(folder, "counts")
    windows = np.array(DAYS)
    blocks = np.split(values, np.cumsum(cell_blocks(*values.shape))[:-1])
    past_sums(values[:1], windows=windows)

    def work() -> None:
        for block in blocks:
            past_sums(block, windows=windows)

    return work


def floor_reused(folder: Path) -> Callable[[], None]:
    """What any method must do: write five results, here into memory that is there already."""
    (values,) = load(folder, "counts")
    out = [np.zeros_like(values) for _ in DAYS]

    def work() -> None:
        for result in out:
            np.copyto(result, values)

    return work


def floor_fresh(folder: Path) -> Callable[[], None]:
    """The same into memory fresh from the system."""
    (values,) = load(folder, "counts")

    def work() -> None:
        results = [values.copy() for _ in DAYS]
        results.clear()

    return work


def pandas_groupby(folder: Path) -> Work:
    """The usual spelling: a long table, rolling within each cell."""
    import pandas as pd

    (values,) = load(folder, "counts")
    cells, length = values.shape
    table = pd.DataFrame({"cell": np.repeat(np.arange(cells), length), "count": values.ravel()})

    def work() -> dict[str, np.ndarray]:
        by_cell = table.groupby("cell", sort=False)["count"]
        sums = [by_cell.rolling(days).sum() for days in DAYS]
        return _named([s.to_numpy(np.float32).reshape(values.shape) for s in sums])

    return work


def pandas_wide(folder: Path) -> Work:
    """The better spelling: one column a cell."""
    import pandas as pd

    (values,) = load(folder, "counts")
    table = pd.DataFrame(values.T)
    return lambda: _named([table.rolling(days).sum().to_numpy(np.float32).T for days in DAYS])


def polars_over(folder: Path) -> Work:
    import polars as pl

    (values,) = load(folder, "counts")
    cells, length = values.shape
    table = pl.DataFrame({"cell": np.repeat(np.arange(cells, dtype=np.int32), length), "count": values.ravel()})

    def work() -> dict[str, np.ndarray]:
        sums = table.select(
            pl.col("count").rolling_sum(days, min_samples=days).over("cell").alias(str(days)) for days in DAYS
        )
        return _named([sums[str(days)].to_numpy().reshape(values.shape) for days in DAYS])

    return work


def xarray_rolling(folder: Path) -> Work:
    """`DataArray.rolling` on the same lazy blocks."""
    import dask
    import xarray as xr

    from htgeo.core.blocks import cell_blocks

    (values,) = load(folder, "counts")
    lazy = xr.DataArray(values, dims=("cell", "time")).chunk(cell=cell_blocks(*values.shape), time=-1)
    return lambda: _named([v.values for v in dask.compute(*(lazy.rolling(time=days).sum() for days in DAYS))])


def agrees(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], shift: int = 1) -> bool:
    """Compare our sums before a day with the peer's up to `shift` days earlier, where windows are full."""
    length = ours["sum_1"].shape[1]
    return all(
        np.allclose(ours[name][:, days:], theirs[name][:, days - shift : length - shift], atol=1e-2)
        for name, days in zip(ours, DAYS, strict=True)
    )


def rows(bench: Bench) -> Iterator[Row]:
    from inputs import counts

    cells, length = bench.size(CELLS, 90), bench.size(LENGTH, 400)
    bench.save(counts=counts(cells, length))
    work = f"rolling sums 1, 7, 28, 91, 365 days, {cells:,} cells x {length:,} days"
    ours, whole, blocks = (bench.measure(piece, repeats=7) for piece in (columns, kernel, block_kernel))
    reused, fresh = (bench.measure(piece, repeats=7) for piece in (floor_reused, floor_fresh))
    found = bench.result(columns)
    same = agrees(found, bench.result(kernel), shift=0)
    into_reused, into_fresh = (f"writing five results, {memory} memory" for memory in ("reused", "fresh"))
    yield within(f"{work}: columns of a lazy cube, copied into memory", ours, into_reused, reused, 1.6, agrees=same)
    yield within(f"{work}: kernel, block by block", blocks, into_reused, reused, 1.6)
    yield within(f"{work}: kernel, all at once", whole, into_fresh, fresh, 1.6, agrees=same)
    for peer, name, must, repeats in (
        (pandas_groupby, "pandas groupby.rolling (the usual spelling)", 15, 1),
        (pandas_wide, "pandas rolling over one column a cell", None, 3),
        (polars_over, "polars rolling_sum.over", 8, 3),
        (xarray_rolling, "DataArray.rolling on dask", 100, 1),
    ):
        theirs = bench.measure(peer, repeats=repeats)
        yield faster(work, ours, name, theirs, must, agrees=agrees(found, bench.result(peer)))
    if PEERS.exists():
        theirs = bench.measure(rolling_mlforecast.mlforecast, repeats=1, python=PEERS)
        same = agrees(found, bench.result(rolling_mlforecast.mlforecast), shift=0)
        yield faster(work, ours, "mlforecast preprocess", theirs, 25, agrees=same)


def tasks(cells: int, days: int) -> int:
    """Return the number of tasks of the columns."""
    from inputs import counts, lazy_cube, square_grid

    import htgeo as ht

    cube = lazy_cube(square_grid(cells, days), counts(cells, days))
    return task_count(c.data for c in ht.RollingSum("crime", days=DAYS).columns(cube).values())
