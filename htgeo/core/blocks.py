"""The one place that talks to dask.

A cube in memory is cut into blocks of cells, each with its whole time axis, so that windows over days and predictions
are local to a block, and memory is bounded by the block. Its spatial dimension, ``cell`` or an area layer, comes first. The same work on the same data gets the same name, so that
features which share a step share its tasks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    if data.chunks is None:
        return data.copy(data=kernel(data.values, **options))
    block = whole_time(data).data
    name = _name(kernel, block, options)
    tasks = {(name, i, 0): (_call, kernel, (block.name, i, 0), options) for i in range(block.numblocks[0])}
    return data.copy(data=_array(name, tasks, block))


def map_columns(
    kernel: Callable[..., np.ndarray], data: xr.DataArray, columns: int, **options: object
) -> list[xr.DataArray]:
    """Apply ``kernel(values, **options) -> float32 (column, cell, time)`` to each block; return the columns apart."""
    if data.chunks is None:
        return [data.copy(data=values) for values in kernel(data.values, **options)]
    from operator import getitem

    block = whole_time(data).data
    name = _name(kernel, block, options)
    stacks = {(name, i): (_call, kernel, (block.name, i, 0), options) for i in range(block.numblocks[0])}
    made = []
    for number in range(columns):
        column = f"{name}-{number}"
        tasks = {(column, i, 0): (getitem, (name, i), number) for i in range(block.numblocks[0])}
        made.append(data.copy(data=_array(column, tasks, block, {name: stacks})))
    return made


def neighbor_sum(data: xr.DataArray, matrix: "csr_array") -> xr.DataArray:
    """Return ``matrix @ data`` over the cells, block by block: each block reads itself and its neighbours.

    Parameters
    ----------
    data
        Counts ``(cell, time)``.
    matrix
        Weights, shape (cell, cell); the same matrix for the same cells makes the same tasks, shared by all features.
    """
    if data.chunks is None:
        return data.copy(data=_near_sum([matrix], data.values))
    from dask.base import tokenize

    block = whole_time(data).data
    near = "near-" + tokenize(matrix.indptr, matrix.indices, matrix.data, block.chunks[0])
    name = _name(_near_sum, block, {"matrix": near})
    bounds = np.concatenate([[0], np.cumsum(block.chunks[0])])
    weights: dict[Any, Any] = {}
    tasks = {}
    for i in range(block.numblocks[0]):
        rows = matrix[bounds[i] : bounds[i + 1]]
        sources = np.unique(np.searchsorted(bounds, rows.indices, side="right") - 1).tolist()
        weights[near, i] = [rows[:, bounds[j] : bounds[j + 1]] for j in sources] or [rows[:, :0]]
        blocks = [(block.name, j, 0) for j in sources] or [(block.name, i, 0)]
        tasks[name, i, 0] = (_near_sum, (near, i), *blocks)
    return data.copy(data=_array(name, tasks, block, {near: weights}))


def _near_sum(weights: "Sequence[csr_array]", *blocks: np.ndarray) -> np.ndarray:
    """Return the sum of ``weights[j] @ blocks[j]``, float32."""
    from htgeo.core.sparse_kernel import add_product

    out = np.zeros((weights[0].shape[0], blocks[0].shape[1]), np.float32)
    for matrix, block in zip(weights, blocks, strict=True):
        add_product(matrix.indptr, matrix.indices, matrix.data, block, out)
    return out


def sum_blocks(
    kernel: Callable[..., np.ndarray], data: xr.DataArray, weights: "csr_array", shape: tuple[int, int]
) -> "np.ndarray | da.Array":
    """Return the sum over blocks of ``kernel(weights (area, cell) of the block, values)``, float32 of a shape."""
    if data.chunks is None:
        return kernel(weights, data.values).astype(np.float32)
    import dask
    import dask.array as da

    array = whole_time(data).data
    bounds = np.concatenate([[0], np.cumsum(array.chunks[0])])
    lazy = dask.delayed(kernel, pure=False)
    parts = [
        da.from_delayed(lazy(weights[:, bounds[i] : bounds[i + 1]], block), shape, np.float64)
        for i, block in enumerate(array.to_delayed().ravel())
    ]
    return sum(parts[1:], parts[0]).astype(np.float32)


def map_cube(
    kernel: Callable[[dict[str, np.ndarray], tuple[int, int]], np.ndarray],
    variables: Mapping[str, xr.DataArray],
    like: xr.DataArray,
) -> xr.DataArray:
    """Apply `kernel` to aligned blocks of several variables, giving one float32 ``(cell, time)`` variable.

    One task makes all variables of a block, applies the kernel and forgets them, so that memory is bounded by the
    blocks at work, however many variables there are. Variables on ``(time)`` are made once for all blocks.

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
    if like.chunks is None:
        arrays = {name: np.asarray(two_axes(variable)) for name, variable in variables.items()}
        return like.copy(data=kernel(arrays, (like.shape[0], like.shape[1])))
    from dask.base import tokenize

    block = whole_time(like).data
    shared = {name: variable.chunk(time=-1) for name, variable in variables.items() if not in_space(variable)}
    steps = _block_steps({n: v for n, v in variables.items() if n not in shared}, block.chunks[0])
    series = [array.data for array in shared.values()]
    name = "map_cube-" + tokenize(kernel, block.name, [a.name for a in series], [step.keys for step in steps])
    keys = [(array.name, 0) for array in series]
    tasks = {
        (name, i, 0): (_run, kernel, step, (size, block.shape[1]), list(shared), keys)
        for i, (size, step) in enumerate(zip(block.chunks[0], steps, strict=True))
    }
    return like.copy(data=_array(name, tasks, block, also=series))


def map_cube_columns(
    kernel: Callable[[dict[str, np.ndarray], tuple[int, int]], np.ndarray],
    variables: Mapping[str, xr.DataArray],
    like: xr.DataArray,
    columns: int,
) -> list[xr.DataArray]:
    """Apply a kernel that gives several columns, float32 ``(column, cell, time)``; return them apart. See `map_cube`."""
    if like.chunks is None:
        arrays = {name: np.asarray(two_axes(variable)) for name, variable in variables.items()}
        return [like.copy(data=values) for values in kernel(arrays, (like.shape[0], like.shape[1]))]
    from operator import getitem

    block = map_cube(kernel, variables, like).data
    made = []
    for number in range(columns):
        name = f"{block.name}-{number}"
        tasks = {(name, i, 0): (getitem, (block.name, i, 0), number) for i in range(block.numblocks[0])}
        made.append(like.copy(data=_array(name, tasks, block)))
    return made


def iter_blocks(cube: xr.Dataset) -> Iterator[xr.Dataset]:
    """Yield a cube block by block, computed: a way through all its features with memory bounded by the block.

    Parameters
    ----------
    cube
        A cube, or some of its variables, on ``(cell, time)``, ``(cell)`` or ``(time)``.

    Yields
    ------
    Dataset
        The cells of one block with all days, in memory.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), "default")
    >>> total = sum(float(block["crime_sum_7"].sum()) for block in ht.iter_blocks(cube[["crime_sum_7", "crime_lag_1"]]))
    >>> total == float(cube["crime_sum_7"].sum())
    True
    """
    lazy = [name for name in cube.data_vars if cube[name].chunks is not None and in_space(cube[name])]
    rest = cube.drop_vars(lazy).compute()
    if not lazy:
        yield rest
        return
    from dask.base import get_scheduler

    first = next((name for name in lazy if "time" in cube[name].dims), lazy[0])
    space = cube[first].dims[0]
    chunks = cube[first].variable.chunksizes[space]
    variables = {name: cube[name] for name in lazy}
    get = get_scheduler(collections=[cube[lazy[0]].data])  # threads, or the active client
    start = 0
    for size, step in zip(chunks, _block_steps(variables, chunks), strict=True):
        values = get(step.graph, [key for key, _ in step.keys.values()])
        part = rest.isel({space: slice(start, start + size)}, missing_dims="ignore")
        made = {name: (cube[name].dims, block, cube[name].attrs) for name, block in zip(step.keys, values, strict=True)}
        yield part.assign(made)[list(cube.data_vars)]
        start += size


@dataclass(frozen=True)
class _Step:
    """All that it takes to make some variables of one block: tasks, and the key and the axes of each variable."""

    graph: dict[Any, Any]
    keys: dict[Any, tuple[Any, tuple[Any, ...]]]


def _block_steps(variables: Mapping[Any, xr.DataArray], chunks: tuple[int, ...]) -> list[_Step]:
    """Return the steps of each block, in time proportional to their tasks."""
    import dask.array as da
    from dask.core import flatten
    from dask.highlevelgraph import HighLevelGraph
    from dask.optimization import cull

    arrays = {}
    for name, variable in variables.items():
        arrays[name] = da.asarray(variable.data).rechunk(tuple(-1 if d == "time" else chunks for d in variable.dims))
    every = [key for array in arrays.values() for key in flatten(array.__dask_keys__())]
    graph = dict(da.optimize(HighLevelGraph.merge(*(array.dask for array in arrays.values())), every))
    steps = []
    for i in range(len(chunks)):
        keys = {
            name: ((array.name, *(0 if dim == "time" else i for dim in variables[name].dims)), variables[name].dims)
            for name, array in arrays.items()
        }
        part, _ = cull(graph, [key for key, _ in keys.values()])
        steps.append(_Step(part, keys))
    return steps


def _run(
    kernel: Callable[..., np.ndarray],
    step: _Step,
    shape: tuple[int, int],
    names: Sequence[Any],
    series: Sequence[np.ndarray],
) -> np.ndarray:
    """Make the variables of a block in this thread and apply the kernel to them and to the series."""
    from dask.local import get_sync

    values = get_sync(step.graph, [key for key, _ in step.keys.values()])
    arrays = {name: one[None, :] for name, one in zip(names, series, strict=True)}
    for (name, (_, dims)), value in zip(step.keys.items(), values, strict=True):
        arrays[name] = value if len(dims) > 1 else value[:, None]
    return kernel(arrays, shape)


def two_axes(variable: xr.DataArray) -> Any:
    """Return the data with axes (cell, time), an absent one having length 1."""
    if variable.ndim > 1:
        return variable.data
    return variable.data[:, None] if in_space(variable) else variable.data[None, :]


def in_space(variable: xr.DataArray | xr.Variable) -> bool:
    """Return whether a variable has the spatial dimension, which comes first."""
    return variable.dims[:1] not in ((), ("time",))


_META = np.empty((0, 0), dtype=np.float32)


def _call(kernel: Callable[..., np.ndarray], values: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    return kernel(values, **options)


def _name(kernel: Callable[..., np.ndarray], block: "da.Array", options: Mapping[str, Any]) -> str:
    """Return the name of a step, the same for the same kernel, data and options."""
    from dask.base import tokenize

    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in options.items()}
    return f"{kernel.__name__}-{tokenize(kernel, block.name, sorted(plain.items()))}"


def _array(
    name: str,
    tasks: dict[Any, Any],
    block: "da.Array",
    before: Mapping[str, dict[Any, Any]] | None = None,
    also: "Sequence[da.Array]" = (),
) -> "da.Array":
    """Return a float32 array with the chunks of `block`, made by tasks that read `block`, others and steps `before`."""
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    layers, needs = dict(block.dask.layers), dict(block.dask.dependencies)
    for step, made in (before or {}).items():
        layers[step], needs[step] = made, {block.name}
    for other in also:
        layers.update(other.dask.layers)
        needs.update(other.dask.dependencies)
    layers[name], needs[name] = tasks, {block.name, *(before or {}), *(other.name for other in also)}
    return da.Array(HighLevelGraph(layers, needs), name, chunks=block.chunks, meta=_META)
