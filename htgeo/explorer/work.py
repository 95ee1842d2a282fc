"""Reading and summing beside the page: it stays alive meanwhile, and only the newest answer is shown."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from htgeo.core.errors import HtgeoError

T = TypeVar("T")
log = logging.getLogger("htgeo.explorer")
POOL = ThreadPoolExecutor(4, thread_name_prefix="explorer")
FAILED = "this could not be read; the terminal of htgeo serve says why"


class Work:
    """The work of one browser tab.

    Parameters
    ----------
    document
        The bokeh document of the tab, which answers are shown in.
    """

    def __init__(self, document: Any) -> None:
        self.document = document
        self.newest: Counter[str] = Counter()

    def __call__(
        self, kind: str, make: Callable[[], T], show: Callable[[T], None], fail: Callable[[str], None]
    ) -> None:
        """Make something in another thread and show it, unless the same kind was asked for again meanwhile.

        Parameters
        ----------
        kind
            What it is; of each kind only the newest is shown.
        make
            Called in another thread.
        show
            Gets what `make` returned, in the thread of the page.
        fail
            Gets the message where `make` raised.
        """
        self.newest[kind] += 1
        number = self.newest[kind]

        def stale() -> bool:
            return number != self.newest[kind]

        def finish(done: "Future[T | None]") -> None:
            if not stale():
                self.document.add_next_tick_callback(lambda: None if stale() else _show(done, show, fail))

        POOL.submit(lambda: None if stale() else make()).add_done_callback(finish)


def _show(done: "Future[Any]", show: Callable[[Any], None], fail: Callable[[str], None]) -> None:
    try:
        found = done.result()
    except HtgeoError as error:
        fail(str(error))
    except Exception:
        log.exception("the explorer could not read the store")
        fail(FAILED)
    else:
        show(found)
