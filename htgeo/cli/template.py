"""The command that writes a file to start from."""

from pathlib import Path
from typing import Annotated

import typer


def template(
    kind: Annotated[str, typer.Argument(help="a source (htgeo list sources), region, npz_squares or squares")],
    out: Annotated[Path | None, typer.Option("--out", help="file to write; by default named after the kind")] = None,
) -> None:
    """Write a small made-up file in exactly the format that a kind of source reads."""
    from htgeo.sources.file_templates import TEMPLATES, write_template

    path = write_template(kind, out or Path(TEMPLATES[kind].file))
    typer.echo(f"wrote {path}: {TEMPLATES[kind].summary[:1].lower()}{TEMPLATES[kind].summary[1:]}")
    typer.echo(f"read it with: {TEMPLATES[kind].python_call(str(path))}")
