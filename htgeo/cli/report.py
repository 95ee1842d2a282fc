"""The command that writes the report of a run again."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[Path, typer.Argument(help="output folder of a run")],
    page: Annotated[
        Path | None, typer.Option("--page", help="file to write; default: report.html in the folder")
    ] = None,
) -> None:
    """Write the report of an output folder again: one page for a reader who was not there."""
    from htgeo.study.report import write_report

    typer.echo(f"wrote {write_report(out, page)}: open it in a browser, it needs no internet")
