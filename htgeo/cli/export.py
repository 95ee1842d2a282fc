"""The command that writes files for other tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import xarray as xr

    from htgeo.sources import Region


def export(
    store: Annotated[str, typer.Argument(help="a store: the folder cube/ of a run, or s3://bucket/prefix")],
    out: Annotated[Path, typer.Option("--out", help="file to write; the format follows from the suffix: htgeo list exports")],
    variables: Annotated[str, typer.Option("--variables", help="names with commas between them: risk_lightgbm,crime")],
    first: Annotated[str | None, typer.Option("--from", help="first day, 2024-05-14; without --from and --to the last day alone")] = None,
    last: Annotated[str | None, typer.Option("--to", help="last day")] = None,
    area: Annotated[list[str] | None, typer.Option("--area", help="only places there: borough=Queens; can be repeated")] = None,
    region: Annotated[Path | None, typer.Option("--region", help="file with the shapes of the areas of a store of areas, or the outlines of a .qgz: precincts.geojson")] = None,
    name_column: Annotated[str | None, typer.Option("--name-column", help="its column with the names of the areas; that of their layer by default: precinct")] = None,
    audience: Annotated[str, typer.Option("--audience", help="internal (said in the file), or public: only what went through disclosure control")] = "internal",
    option: Annotated[list[str] | None, typer.Option("--option", help="option of the format: partition=month; can be repeated")] = None,
) -> None:  # fmt: skip
    """Write variables of a store to a file for QGIS, ArcGIS, R or a spreadsheet.

    Cells have their shapes; those of areas are given:
    htgeo export run/cube --out precincts.gpkg --variables crime --region precincts.geojson
    """
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
    cube = open_cube(store)
    shapes = _shapes(cube, region, name_column)
    path = write(cube, out, names, time=days, area=areas, audience=audience, region=shapes, **options)  # type: ignore[arg-type]  # it is checked there
    typer.echo(f"wrote {path}: {', '.join(names)}, for {audience} use")


def _shapes(cube: "xr.Dataset", file: Path | None, name_column: str | None) -> "Region | None":
    """Return the shapes of the areas of a cube, or of the first region layer of its cells, where a file has them."""
    from htgeo.core.errors import InputError
    from htgeo.cube.schema import CELL, layer_names, space
    from htgeo.sources import read_region

    if file is None:
        if name_column is not None:
            message = f"--name-column {name_column!r} names a column of a file of shapes; give that with --region"
            raise InputError(message)
        return None
    layer = space(cube) if space(cube) != CELL else next(iter(layer_names(cube)), "area")
    return read_region(file, name_column=name_column or layer, layer=layer)


def _pairs(option: str, example: str, given: list[str] | None) -> list[tuple[str, str]]:
    """Return ``name=value`` texts as pairs."""
    from htgeo.core.errors import InputError

    for text in given or []:
        if not all(text.partition("=")):
            message = f"{option} {text!r} is no name=value; write {option} {example}"
            raise InputError(message)
    return [(name, value) for name, _, value in (text.partition("=") for text in given or [])]
