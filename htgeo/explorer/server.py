"""Starting the explorer."""

import os
import secrets
import socket
import webbrowser
from collections.abc import Callable
from pathlib import Path

from htgeo.core.errors import CubeError, InputError
from htgeo.explorer.security import Access, find_stores

Say = Callable[[str], None]


def serve(path: str | Path, access: Access | None = None, *, show: bool = False, say: Say = print) -> None:
    """Open the explorer of some stores and wait until it is ended (Ctrl+C).

    Parameters
    ----------
    path
        A store, the output folder of a study, or a folder that holds several of either.
    access
        Who can reach it; this machine alone by default.
    show
        Whether to open it in the browser of this machine.
    say
        Gets what is said at the start; the secret is never said.

    Raises
    ------
    StoreError
        If there is no store.
    CubeError
        If panel is not installed.
    InputError
        If the port is taken, or the address is not one of this machine.
    """
    access = access or Access()
    stores = find_stores(path)
    try:
        import panel as pn
    except ModuleNotFoundError as error:
        message = f"the explorer needs {error.name}; install it with: pip install 'htgeo[explorer]'"
        raise CubeError(message) from error
    from panel.theme.fast import Fast

    from htgeo.explorer.app import page_maker
    from htgeo.explorer.guard import Guard
    from htgeo.explorer.map_view import shapes_of
    from htgeo.explorer.stores import Stores
    from htgeo.explorer.work import POOL

    opener = Stores(stores)
    if len(stores) == 1:
        opened = opener.open(next(iter(stores)))  # what cannot be shown is told here
        POOL.submit(shapes_of, opened.explored)  # while the browser starts
    port = access.port or _free_port(access.address)
    os.environ.pop("BOKEH_ALLOW_WS_ORIGIN", None)  # would go before the list of hosts
    os.environ.pop("BOKEH_RESOURCES", None)  # pages are served with their code
    pn.extension("tabulator")
    Fast._resources.pop("font", None)  # noqa: SLF001  # panel would fetch it from the internet
    try:
        server = pn.serve(
            {"/": page_maker(opener)}, port=port, address=access.address, websocket_origin=access.allowed(port), show=False, start=False,
            verbose=False, title="htgeo explorer", auth_provider=Guard(access, port), cookie_secret=secrets.token_urlsafe(32),
            sign_sessions=True, secret_key=secrets.token_urlsafe(32), include_headers=[], include_cookies=[],
        )  # fmt: skip
    except OSError as error:
        message = f"cannot listen on {access.address} port {port}: {error.strerror or error}; choose another with --port (0 takes any free one)"
        raise InputError(message) from error
    url = f"http://{access.allowed(port)[0]}"
    say(f"{', '.join(stores)}: {url} (Ctrl+C ends it)")
    server.start()
    if show:
        server.io_loop.add_callback(webbrowser.open, url)
    server.io_loop.start()


def _free_port(address: str) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        try:
            one.bind((address, 0))
        except OSError as error:
            message = f"{address!r} is no address of this machine: {error.strerror or error}"
            raise InputError(message) from error
        return int(one.getsockname()[1])
