"""Training on a dask cluster: the samples are made on its workers and stay there."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from operator import itemgetter
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import cell_blocks, map_cube
from htgeo.core.cluster import current_client
from htgeo.core.errors import HtgeoError, InputError
from htgeo.cube.schema import only_label, space, variables_of
from htgeo.models.learner import OFFSET
from htgeo.tensors.matrix import Samples, fill_columns

if TYPE_CHECKING:
    from distributed import Client

SECONDS_TO_TRAIN = 6 * 3600.0
"""Most seconds that the making of samples, and training, may each take."""
SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class WorkerRows:
    """Samples that workers hold, as dask arrays in the same pieces.

    Attributes
    ----------
    X : dask array of float32, shape (sample, feature)
    y, weight : dask arrays of float32, shape (sample,)
    line : dask array of float32, shape (sample,), or None
        Offset that training starts from.
    """

    X: Any
    y: Any
    weight: Any
    line: Any


def require_client() -> "Client":
    """Return the active client, or say how to get one."""
    client = current_client()
    if client is None:
        message = "distributed=True needs an active dask client: from distributed import Client, LocalCluster; client = Client(LocalCluster()), or Client('tcp://host:8786') of a running scheduler; or give distributed=False"
        raise InputError(message)
    return client


def in_blocks(cube: xr.Dataset) -> xr.Dataset:
    """Return features and label of a cube as lazy blocks, which workers can take one by one."""
    label = only_label(cube)
    names = [*variables_of(cube, "feature"), label.name]
    lazy = (cube[name].variable.chunksizes.get(space(cube)) for name in names)
    sizes = next((chunks for chunks in lazy if chunks), None) or cell_blocks(*label.shape)
    chunks: dict[Any, Any] = {space(cube): sizes, "time": -1}
    return cube.assign({name: cube[name].chunk({dim: chunks[dim] for dim in cube[name].dims}) for name in names})


@contextmanager
def rows_on_workers(
    client: "Client", samples: Samples, weight: np.ndarray, line: Mapping[str, xr.DataArray]
) -> Iterator[WorkerRows]:
    """Make the features of samples on the workers, block by block, and leave them there until the block ends.

    Parameters
    ----------
    client
        The active client.
    samples
        Drawn from a cube of lazy blocks.
    weight
        Weight of each sample, shape (sample,).
    line
        ``{"offset": lazy (cell, time)}``, or empty.
    """
    import dask
    import dask.array as da

    variables = {name: samples.cube[name] for name in samples.names} | dict(line)
    blocks = map_cube(_all_variables, variables, only_label(samples.cube)).data.to_delayed().ravel()
    workers, tasks, sizes = sorted(_workers(client)), [], []
    for worker, numbers in zip(workers, np.array_split(np.arange(len(blocks)), len(workers)), strict=True):
        some = [n for n in numbers.tolist() if samples.rows(n).stop > samples.rows(n).start]
        with dask.annotate(workers=[worker]):  # neighbours share what they read; the same pieces each time
            made = [dask.delayed(_rows, pure=False)(blocks[n], *_told(samples, n, weight), tuple(line)) for n in some]
            if made:
                tasks.append(dask.delayed(_joined, pure=False)(made))
                sizes.append(sum(samples.rows(n).stop - samples.rows(n).start for n in some))
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):  # cells, days, labels
        held = client.compute(tasks)  # type: ignore[no-untyped-call]  # dask has no types here

    def array(name: str, *width: int) -> Any:
        pieces = [
            da.from_delayed(dask.delayed(itemgetter(name))(one), (size, *width), np.float32)
            for one, size in zip(held, sizes, strict=True)
        ]
        return da.concatenate(pieces, axis=0)

    try:
        watched(client, lambda: [one.result() for one in client.map(bool, held)])
        yield WorkerRows(array("X", len(samples.names)), array("y"), array("weight"), array(OFFSET) if line else None)
    except BaseException:
        client.cancel(held, force=True)  # type: ignore[no-untyped-call]  # else those of a lost worker wait for it
        raise


def watched(client: "Client", work: Callable[[], Any]) -> Any:
    """Return ``work()``, or raise when a worker leaves or the time is over: the libraries would wait for ever.

    Raises
    ------
    HtgeoError
        If a worker leaves, the time is over, or the training fails there.
    """
    done, found, failed = Event(), [], []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that waits
            failed.append(error.with_traceback(None))  # its frames hold on to what lies on the workers
        done.set()

    begun, end = _workers(client), time.monotonic() + SECONDS_TO_TRAIN
    Thread(target=copy_context().run, args=(run,), daemon=True).start()  # there too, the client is the active one
    while not done.wait(SECONDS_BETWEEN_LOOKS):
        _require(client, begun)
        if time.monotonic() > end:
            message = f"training on the workers took more than {SECONDS_TO_TRAIN / 3600:g} h; look at the dashboard of the cluster, restart its workers and fit again with fewer trees, or raise htgeo.models.distributed.SECONDS_TO_TRAIN"
            raise HtgeoError(message)
    if failed:
        _require(client, begun, failed[0])
        message = f"training on the workers failed: {failed[0]}"
        raise HtgeoError(message) from failed[0]
    return found[0]


def _require(client: "Client", begun: set[str], error: Exception | None = None) -> None:
    """Raise if a worker has left."""
    if left := begun - _workers(client):
        message = f"{len(left)} of {len(begun)} workers left the cluster in the middle of the training: {', '.join(sorted(left))}; most often for want of memory. Restart the workers and fit again, with more memory or fewer negatives_per_positive"
        raise HtgeoError(message) from error


def _workers(client: "Client") -> set[str]:
    threads: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]  # dask has no types here
    return set(threads)


def _all_variables(values: dict[str, np.ndarray], shape: tuple[int, int]) -> Any:
    """Return the variables of a block as they are, and its shape."""
    return values, shape


def _told(samples: Samples, block: int, weight: np.ndarray) -> tuple[Any, ...]:
    """Return names, cells and days of the samples of a block, and what is known of them without their features."""
    rows = samples.rows(block)
    cell = samples.cell[rows] - np.int32(samples.cells[block])
    return samples.names, cell, samples.time[rows], {"y": samples.y[rows], "weight": weight[rows]}


def _rows(
    block: tuple[dict[str, np.ndarray], tuple[int, int]],
    names: tuple[str, ...],
    cell: np.ndarray,
    day: np.ndarray,
    known: dict[str, np.ndarray],
    line: tuple[str, ...],
) -> dict[str, np.ndarray]:
    """Return features, labels, weights and offset of the samples of a block."""
    values, shape = block
    columns = np.empty((len(names), len(cell)), np.float32)
    fill_columns(columns, [values[name] for name in names], cell, day, shape)
    return {"X": np.ascontiguousarray(columns.T), **known, **{name: values[name][cell, day] for name in line}}


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
