"""Where dask computes: threads of this process, a cluster made for one run, or a running scheduler."""

import logging
import re
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from htgeo.core.errors import HtgeoError, InputError

if TYPE_CHECKING:
    from distributed import Client, Future

SECONDS_TO_CONNECT = 5
LOCAL = re.compile(r"local(?::(?P<workers>[1-9]\d*)x(?P<threads>[1-9]\d*))?")
REMOTE = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")
MUST_MATCH = ("htgeo", "dask", "distributed", "icechunk", "numba", "numpy", "xarray", "zarr")
"""Packages whose objects travel to the workers."""
IN_FLIGHT = 2
"""Items at work for each thread of the workers."""
Item = TypeVar("Item")
Made = TypeVar("Made")
Told = TypeVar("Told")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


@contextmanager
def scheduler(address: str | None = None) -> Iterator["Client | None"]:
    """Run what dask computes inside the ``with`` block on a cluster.

    Parameters
    ----------
    address
        None: the active client of a notebook where there is one, else threads of this process. ``local``: worker
        processes on this machine, ended with the block; ``local:4x2`` for 4 processes of 2 threads. ``tcp://host:port``:
        a running scheduler, whose workers have htgeo installed and share the file system of the store and of the
        files that are read batch by batch.

    Yields
    ------
    Client or None
        The client in use; None for threads.

    Raises
    ------
    InputError
        If the address cannot be used, nothing listens there, it has no workers, or distributed is not installed.
    HtgeoError
        If worker processes cannot be started, workers die of a task, or the scheduler is lost.

    Examples
    --------
    >>> import htgeo as ht
    >>> from htgeo.core.cluster import scheduler
    >>> with scheduler() as client:
    ...     mean = float(ht.demo_cube()["crime"].mean())
    >>> client is None
    True
    """
    if address is None:
        yield current_client()
    elif found := LOCAL.fullmatch(address):
        with _local(**{name: int(count) for name, count in found.groupdict().items() if count}) as client:
            yield client
    elif REMOTE.fullmatch(address):
        with _remote(address) as client:
            yield client
    else:
        message = (
            f"the scheduler {address!r} cannot be used; give 'local' (worker processes on this machine), 'local:4x2' "
            "(4 processes of 2 threads) or the address that a running scheduler prints, such as 'tcp://127.0.0.1:8786'"
        )
        raise InputError(message)


def current_client() -> "Client | None":
    """Return the active client; distributed is not imported for it, since who has a client has imported it."""
    distributed = sys.modules.get("distributed")
    try:
        return None if distributed is None else distributed.Client.current()
    except ValueError:
        return None


def in_order(
    begin: Callable[[Item], tuple[Made, Told]],
    between: Callable[[Told], Answer],
    end: Callable[[Made, Answer], Result],
    items: Iterable[Item],
) -> Iterator[Result]:
    """Yield ``end(made, between(told))`` for each item, in order, where ``made, told = begin(item)``.

    Without an active client, one item after the other. With one, `begin` and `end` run on its workers, where what is
    made stays, so many items at a time that memory is bounded; `between` runs here, on one item after the other.

    Parameters
    ----------
    begin
        Starts the work on an item; the same each time it is run.
    between
        Knows the items before.
    end
        Ends the work on an item.
    items
        Items; those given at the same time are in memory together.
    """

    def work(item: Item) -> Result:
        made, told = begin(item)
        return end(made, between(told))

    client = current_client()
    return map(work, items) if client is None else _on_workers(client, begin, between, end, iter(items))


def _on_workers(
    client: "Client",
    begin: Callable[[Item], tuple[Made, Told]],
    between: Callable[[Told], Answer],
    end: Callable[[Made, Answer], Result],
    items: Iterator[Item],
) -> Iterator[Result]:
    import dask

    def submit(work: Callable[..., Any], *arguments: Any, priority: int = 0) -> "Future[Any]":
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):  # items may hold tables
            return client.submit(work, *arguments, priority=priority, pure=False)

    threads: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]  # dask has no types here
    most = IN_FLIGHT * max(1, sum(threads.values()))
    begin_there, end_there = submit(_itself, begin), submit(_itself, end)  # sent once, not with each item
    begun, ended = deque[tuple[Any, Any]](), deque[Any]()
    try:
        while True:
            for item in islice(items, most - len(begun) - len(ended)):
                both = submit(_begin, begin_there, item)
                begun.append((both, submit(itemgetter(1), both)))
            while begun and (not ended or begun[0][1].status == "finished"):
                both, told = begun[0]
                ended.append(submit(_end, end_there, both, between(told.result()), priority=1))
                begun.popleft()
            if not ended:
                return
            yield ended[0].result()
            ended.popleft()
    finally:
        for future in (begin_there, end_there, *chain.from_iterable(begun), *ended):
            future.release()  # an error would hold it


def _itself(work: Callable[..., Any]) -> Callable[..., Any]:
    return work


def _begin(begin: Callable[[Item], tuple[Made, Told]], item: Item) -> tuple[Made, Told]:
    return begin(item)


def _end(end: Callable[[Made, Answer], Result], both: tuple[Made, Told], answer: Answer) -> Result:
    return end(both[0], answer)


@contextmanager
def _local(workers: int | None = None, threads: int | None = None) -> Iterator["Client"]:
    distributed = _distributed()
    options = {"n_workers": workers, "threads_per_worker": threads, "dashboard_address": "127.0.0.1:0"}  # any free port
    try:
        cluster = distributed.LocalCluster(**options, silence_logs=logging.ERROR)
    except RuntimeError as error:
        message = (
            "the worker processes cannot be started; a script that asks for 'local' must run its work under "
            "if __name__ == '__main__':, since each worker imports the script"
        )
        raise HtgeoError(message) from error
    with cluster, distributed.Client(cluster) as client, _losses_told():
        yield client


@contextmanager
def _remote(address: str) -> Iterator["Client"]:
    distributed = _distributed()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", distributed.versions.VersionMismatchWarning)  # said below, in fewer words
            client = distributed.Client(address, timeout=SECONDS_TO_CONNECT)
    except OSError as error:
        message = (
            f"no scheduler answers at {address!r} within {SECONDS_TO_CONNECT} s; start one with: dask scheduler "
            f"--port {address.rpartition(':')[2]}, or give the address that it prints"
        )
        raise InputError(message) from error
    with client, _losses_told():
        _check_workers(client, address)
        yield client


@contextmanager
def _losses_told() -> Iterator[None]:
    """Say in plain words that workers or the scheduler were lost for good; one lost worker is made up for by dask."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        yield
    except KilledWorker as error:
        message = (
            f"workers of the cluster died over and over of one task, most often for want of memory: {error}; "
            "htgeo plan study.yaml says what a worker needs"
        )
        raise HtgeoError(message) from error
    except (CancelledError, CommClosedError) as error:
        message = f"the scheduler of the cluster was lost: {error}; start it and run again"
        raise HtgeoError(message) from error


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        message = "a cluster needs dask.distributed; install it with: pip install 'htgeo[cluster]'"
        raise InputError(message) from error
    return distributed


def _check_workers(client: "Client", address: str) -> None:
    """Raise unless there is a worker, and all have htgeo; warn where versions differ from those here."""
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
    except TimeoutError as error:
        message = f"the scheduler {address!r} has no workers; start some with: dask worker {address}"
        raise InputError(message) from error
    versions: Any = client.get_versions(packages=list(MUST_MATCH))
    here = versions["client"]["packages"]
    differing = []
    for name in ("python", *MUST_MATCH):
        there = {worker["packages"].get(name) for worker in versions["workers"].values()}
        if name == "htgeo" and None in there:
            message = f"a worker of {address!r} has no htgeo; install htgeo {here[name]} there, with the same Python"
            raise InputError(message)
        if there != {here[name]}:
            differing.append(f"{name} {here[name]} here, {', '.join(sorted(map(str, there)))} there")
    if differing:
        message = f"the workers of {address!r} have other versions, which may fail: {'; '.join(differing)}"
        warnings.warn(message, stacklevel=5)
