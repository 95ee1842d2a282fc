"""The command that writes files for other tools."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    store: Annotated[str, typer.Argument(help="a store: the folder cube/ of a run, or s3://bucket/prefix")],
    out: Annotated[Path, typer.Option("--out", help="file to write; the format follows from the suffix: htgeo list exports")],
    variables: Annotated[str, typer.Option("--variables", help="names with commas between them: risk_lightgbm,crime")],
    first: Annotated[str | None, typer.Option("--from", help="first day, 2024-05-14; without --from and --to the last day alone")] = None,
    last: Annotated[str | None, typer.Option("--to", help="last day")] = None,
    area: Annotated[list[str] | None, typer.Option("--area", help="only places there: borough=Queens; can be repeated")] = None,
    audience: Annotated[str, typer.Option("--audience", help="internal or public")] = "internal",
    option: Annotated[list[str] | None, typer.Option("--option", help="option of the format: partition=month; can be repeated")] = None,
) -> None:  # fmt: skip
    """Write variables of a store to a file for QGIS, ArcGIS, R or a spreadsheet."""
    from htgeo.core.errors import InputError
    from htgeo.cube.store import open_cube
    from htgeo.export import export as write

    areas: dict[str, list[str]] = {}
    for layer, name in _pairs("--area", "borough=Queens", area):
        areas.setdefault(layer, []).append(name)
    names = [name.strip() for name in variables.split(",") if name.strip()]
    days = slice(first, last) if first or last else None
    options = dict(_pairs("--option", "partition=month", option))
    if taken := sorted(options.keys() & {"time", "area", "audience", "region"}):
        message = f"--option {taken[0]} is no option of a format; days, places and audience have options of their own: --from, --to, --area, --audience"
        raise InputError(message)
    path = write(open_cube(store), out, names, time=days, area=areas, audience=audience, **options)  # type: ignore[arg-type]  # it is checked there
    typer.echo(f"wrote {path}: {', '.join(names)}, for {audience} use")


def _pairs(option: str, example: str, given: list[str] | None) -> list[tuple[str, str]]:
    """Return ``name=value`` texts as pairs."""
    from htgeo.core.errors import InputError

    for text in given or []:
        if not all(text.partition("=")):
            message = f"{option} {text!r} is no name=value; write {option} {example}"
            raise InputError(message)
    return [(name, value) for name, _, value in (text.partition("=") for text in given or [])]
