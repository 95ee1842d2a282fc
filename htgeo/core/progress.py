"""Progress for whatever takes more than two seconds; silent when not on a terminal."""

import sys
from collections.abc import Iterator
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
