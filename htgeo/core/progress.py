"""Progress for whatever takes more than two seconds; silent when not on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from htgeo.core.cluster import current_client

if TYPE_CHECKING:
    from distributed import Client

QUIET_SECONDS = 2.0
EVERY_SECONDS = 0.5


@contextmanager
def progress(title: str) -> Iterator[None]:
    """Show a bar over the dask tasks run inside the ``with`` block, on threads or a cluster, once they take two seconds."""
    if not sys.stderr.isatty():
        yield
        return
    client = current_client()
    with _on_threads(title) if client is None else _on_cluster(title, client):
        yield


@contextmanager
def steps(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar of known steps; the block gets a function that advances it by one."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def _on_threads(title: str) -> Iterator[None]:
    from dask.diagnostics import ProgressBar

    sys.stderr.write(f"{title}\n")
    with ProgressBar(minimum=QUIET_SECONDS, out=sys.stderr):
        yield


@contextmanager
def _on_cluster(title: str, client: "Client") -> Iterator[None]:
    """Show a bar that asks the scheduler how far it is, in a thread of its own."""
    ended = Event()
    watch = Thread(target=_watch, args=(title, client, ended), daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _watch(title: str, client: "Client", ended: Event) -> None:
    from rich.console import Console
    from rich.progress import Progress

    before, _ = task_counts(client)
    if ended.wait(QUIET_SECONDS):
        return
    with (
        suppress(OSError),
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):  # the run tells a lost scheduler
        task = bar.add_task(title, total=None)
        while not ended.wait(EVERY_SECONDS):
            done, open_ = task_counts(client)
            bar.update(task, completed=done - before, total=done - before + open_)


def task_counts(client: Any) -> tuple[int, int]:
    """Return how many tasks the scheduler has seen done since it started, and how many are still open."""

    def count(dask_scheduler: Any) -> tuple[int, int]:  # sent by value: a scheduler need not have htgeo
        prefixes = dask_scheduler.task_prefixes.values()
        done = sum(prefix.state_counts["memory"] for prefix in prefixes)
        states = ("waiting", "queued", "no-worker", "processing")
        return done, sum(prefix.states[state] for prefix in prefixes for state in states)

    counted: tuple[int, int] = client.run_on_scheduler(count)
    return counted
