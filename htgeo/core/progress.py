"""Progress for whatever takes more than two seconds; silent when not on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(title: str) -> Iterator[None]:
    """Show a bar over the dask tasks run inside the ``with`` block, once they take two seconds."""
    if not sys.stderr.isatty():
        yield
        return
    from dask.diagnostics import ProgressBar

    sys.stderr.write(f"{title}\n")
    with ProgressBar(minimum=2.0, out=sys.stderr):
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
