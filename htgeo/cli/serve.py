"""The command that opens the explorer."""

from typing import Annotated

import typer

from htgeo.explorer.security import LOOPBACK, PASSWORD_VARIABLE, TOKEN_VARIABLE


def serve(
    store: Annotated[str, typer.Argument(help="a store, the output folder of a study, or a folder with several")],
    port: Annotated[int, typer.Option("--port", help="port; 0 takes a free one")] = 5006,
    show: Annotated[bool, typer.Option("--show/--no-show", help="open it in the browser of this machine")] = True,
    address: Annotated[str, typer.Option("--address", help="listen there; other machines need a password or a token")] = LOOPBACK,
    host: Annotated[list[str] | None, typer.Option("--host", help="name by which browsers call this machine; can be repeated")] = None,
    password: Annotated[str | None, typer.Option("--password", envvar=PASSWORD_VARIABLE, help="ask for this password; the variable keeps it out of the list of processes")] = None,
    token: Annotated[str | None, typer.Option("--token", envvar=TOKEN_VARIABLE, help="ask for this token; the variable keeps it out of the list of processes")] = None,
) -> None:  # fmt: skip
    """Look at a store in the browser: map, series, thresholds, changes; this machine alone can reach it."""
    from htgeo.explorer.security import read_access
    from htgeo.explorer.server import serve as start

    access = read_access(address=address, port=port, password=password, token=token, hosts=host or [])
    start(store, access, show=show, say=_say)


def _say(text: str) -> None:
    typer.echo(text)  # at once, also into a pipe
