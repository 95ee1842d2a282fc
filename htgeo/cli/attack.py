"""The command that attacks one's own releases."""

from pathlib import Path
from typing import Annotated

import typer


def attack(
    releases: Annotated[list[Path], typer.Argument(help="files of releases: .csv, .json or .parquet")],
    k: Annotated[int, typer.Option("--k", help="counts of 1 to k-1 are secrets")] = 11,
) -> None:
    """Try to recover small counts from all releases together; exit code 1 if any is found."""
    from htgeo.disclosure.attack import attack as run

    found = run(releases, k=k)
    if found.empty:
        typer.echo(f"nothing below {k} could be recovered from {len(releases)} releases")
        return
    for row in found.to_dict("records"):
        what = "changed by" if row["how"] == "changed" else "is"
        count = f"{row['low']:.0f}" if row["low"] == row["high"] else f"{row['low']:.0f} to {row['high']:.0f}"
        where = f"{row['layer']}, {row['place']}, {row['start']} to {row['end']}"
        typer.echo(f"{row['how']}: {where} {what} {count} (releases {row['releases']})")
    typer.echo(f"{len(found)} counts below {k} could be recovered; do not publish these files together")
    raise typer.Exit(1)
