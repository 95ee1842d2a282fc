"""The one place that talks to dask.

A cube in memory is cut into blocks of cells, each with its whole time axis, so that windows over days and predictions
are local to a block, and memory is bounded by the block.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    import dask.array as da
    from scipy.sparse import csr_array

MAX_BLOCK_VALUES = 750_000
"""Most values of one variable in a block (3 MB): 512 cells by four years; memory stays bounded when days are added."""
MAX_BLOCK_CELLS = 512
MIN_BLOCK_CELLS = 64


def cell_blocks(cells: int, days: int) -> tuple[int, ...]:
    """Return the sizes of the blocks that `cells` cells by `days` days are cut into: equal but for the last one."""
    most = min(MAX_BLOCK_CELLS, max(MIN_BLOCK_CELLS, MAX_BLOCK_VALUES // max(days, 1)))
    size = min(most, max(MIN_BLOCK_CELLS, -(-cells // 4)))
    full, rest = divmod(cells, size)
    return (size,) * full + ((rest,) if rest else ())


def from_blocks(
    make: Callable[..., np.ndarray],
    arguments: Sequence[tuple[Any, ...]],
    chunks: tuple[int, ...],
    days: int,
    dtype: type,
) -> "da.Array":
    """Return a lazy ``(cell, time)`` array whose block i is ``make(*arguments[i])``."""
    import dask
    import dask.array as da

    lazy = dask.delayed(make, pure=False)
    parts = [
        da.from_delayed(lazy(*args), shape=(size, days), dtype=dtype)
        for args, size in zip(arguments, chunks, strict=True)
    ]
    return da.concatenate(parts, axis=0)


def whole_time(data: xr.DataArray) -> xr.DataArray:
    """Return `data` with the time axis in one chunk; numpy data stay as they are."""
    return data.chunk(time=-1) if data.chunks is not None and "time" in data.dims else data


def map_blocks(kernel: Callable[..., np.ndarray], data: xr.DataArray, **options: object) -> xr.DataArray:
    """Apply ``kernel(values, **options) -> float32 (cell, time)`` to each block of cells."""
    mapped: xr.DataArray = xr.apply_ufunc(
        kernel,
        whole_time(data),
        kwargs=options,
        input_core_dims=[["time"]],
        output_core_dims=[["time"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        keep_attrs=False,
    )
    return mapped


def neighbor_sum(data: xr.DataArray, matrix: "csr_array") -> xr.DataArray:
    """Return ``matrix @ data`` over the cells, block by block: each block reads itself and its neighbours."""
    if data.chunks is None:
        return data.copy(data=np.asarray(matrix @ data.values, dtype=np.float32))
    import dask.array as da

    lazy = whole_time(data).data
    parts, start = [], 0
    for size in lazy.chunks[0]:
        rows = matrix[start : start + size]
        needed = np.unique(rows.indices)
        block = lazy[needed].rechunk((-1, -1))
        parts.append(
            da.map_blocks(
                _times, block, matrix=rows[:, needed], dtype=np.float32, chunks=((size,), lazy.chunks[1]), meta=_META
            )
        )
        start += size
    return data.copy(data=da.concatenate(parts, axis=0))


_META = np.empty((0, 0), dtype=np.float32)


def _times(block: np.ndarray, matrix: "csr_array") -> np.ndarray:
    return np.asarray(matrix @ block, dtype=np.float32)


def map_cube(
    kernel: Callable[[dict[str, np.ndarray], tuple[int, int]], np.ndarray],
    variables: Mapping[str, xr.DataArray],
    like: xr.DataArray,
) -> xr.DataArray:
    """Apply `kernel` to aligned blocks of several variables, giving one float32 ``(cell, time)`` variable.

    Parameters
    ----------
    kernel
        Gets ``{name: array}``, where an array is ``(cell, time)``, ``(cell, 1)`` or ``(1, time)``, and the shape of
        the block.
    variables
        Variables on ``(cell, time)``, ``(cell)`` or ``(time)``.
    like
        A variable on ``(cell, time)`` whose chunks the result takes.

    Returns
    -------
    DataArray
        Lazy where `like` is lazy.
    """
    names = list(variables)
    shaped = [two_axes(variables[name]) for name in names]

    def run(block: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
        return kernel(dict(zip(names, arrays, strict=True)), (block.shape[0], block.shape[1]))

    if like.chunks is None:
        return like.copy(data=run(like.values, *map(np.asarray, shaped)))
    import dask.array as da

    block = whole_time(like).data
    lazy = [da.asarray(s).rechunk((block.chunks[0] if s.shape[0] > 1 else (1,), -1)) for s in shaped]
    return like.copy(data=da.map_blocks(run, block, *lazy, dtype=np.float32, chunks=block.chunks, meta=_META))


def two_axes(variable: xr.DataArray) -> Any:
    """Return the data with axes (cell, time), an absent one having length 1."""
    if variable.dims == ("cell", "time"):
        return variable.data
    return variable.data[:, None] if variable.dims == ("cell",) else variable.data[None, :]
