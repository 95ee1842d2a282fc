"""From the files of a study to its counts: sources, grid and cube."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from htgeo.core.errors import SettingsError
from htgeo.cube import add_attributes, add_lines, add_places, add_raster, add_series, grid_areas, grid_events
from htgeo.grid import Grid, make_grid
from htgeo.sources import (
    AreaAttributes,
    AreaCounts,
    Events,
    Lines,
    Places,
    Raster,
    Region,
    Series,
    read_region,
    read_source,
)
from htgeo.study.settings import TARGET, RegionSettings, SourceSettings, Study

Say = Callable[[str], None]


def study_region(settings: RegionSettings) -> Region:
    """Return a layer of named polygons."""
    return read_region(settings.file, name_column=settings.name_column, layer=settings.layer)


def read_sources(study: Study, areas: list[Region], out: Path, tell: Say) -> dict[str, Any]:
    """Read every source and write ``rows.json`` and the quarantined rows."""
    read = {}
    for name, source in study.sources.items():
        item = read_source(source.kind, source.file, areas=areas, **(source.model_extra or {}))
        tell(f"{name}: {item.report}")
        read[name] = _taken(item, source, study.seed)
    _remove_products(out)
    for name, item in read.items():
        if len(item.report.quarantine):
            (out / "quarantine").mkdir(exist_ok=True)
            item.report.write_quarantine(out / "quarantine" / f"{name}.csv")
    rows = {name: item.report.to_dict() for name, item in read.items()}
    write_json(out / "rows.json", rows)
    return read


def _taken(item: Any, source: SourceSettings, seed: int) -> Any:
    """Return what a study takes of a source: of events or counts some categories; events thinned, known later."""
    if isinstance(item, AreaCounts) and source.select:
        return item.select(source.select)
    if not isinstance(item, Events):
        return item
    events = item.select(category=source.select)
    events = events if source.thin is None else events.thin(source.thin, seed=seed)
    return events.delay(source.delay) if source.delay else events


def _remove_products(out: Path) -> None:
    """Remove what an earlier run wrote, but for the store, which keeps its history."""
    for pattern in (
        "rows.json",
        "scores.json",
        "truth.json",
        "report.html",
        "maps/risk.html",
        "export/risk.*",
        "quarantine/*.csv",
    ):
        for path in out.glob(pattern):
            path.unlink()


def study_grid(study: Study, areas: list[Region]) -> Grid:
    """Return the cells and days."""
    g, people = study.grid, study.population
    if g.resolution is None:
        message = "this study has no cells (grid.resolution): its places are the areas of the region"
        raise SettingsError(message)
    population = None
    if people is not None:
        population = read_region(people.file, name_column=people.name_column, attributes=[people.column])
        population = replace(population, attributes={"population": population.attribute(people.column)})
    return make_grid(
        areas[0],
        resolution=g.resolution,
        start=str(g.start),
        end=str(g.end),
        time_zone=g.time_zone,
        layers=areas[1:],
        edge=g.edge,
        population=population,
    )


def count_areas(study: Study, sources: dict[str, Any], areas: list[Region], tell: Say) -> xr.Dataset:
    """Return the cube of a study of areas: counts by area and week or day."""
    g = study.grid
    cube = grid_areas(
        {name: item for name, item in sources.items() if isinstance(item, AreaCounts)},
        areas[0],
        start=str(g.start),
        end=str(g.end),
        freq=g.freq,
        merge=g.merge,
        layers=areas[1:],
        time_zone=g.time_zone,
    )
    tell(
        f"grid: {cube.sizes[areas[0].layer]:,} areas ({areas[0].layer}), {cube.sizes['time']:,} {'weeks' if g.freq == 'W' else 'days'}"
    )
    return cube


def count_events(study: Study, sources: dict[str, Any], grid: Grid, tell: Say) -> xr.Dataset:
    """Grid all events, join series and places."""
    label = study.label
    events = {name: item for name, item in sources.items() if isinstance(item, Events)}
    point = "point" if label.precision == "point" else None
    target = events[label.source].select(category=label.categories, precision=point)
    layers = events if len(target) == len(events[label.source]) else {**events, TARGET: target}
    c = study.counts
    cube = grid_events(layers, grid, parts=c.parts, known_within=c.known_within, delays=c.delays, spread=c.spread)
    for name, item in sources.items():
        if isinstance(item, Series):
            cube = add_series(cube, name, item)
        elif isinstance(item, Places):
            cube = add_places(cube, name, item)
        elif isinstance(item, Lines):
            cube = add_lines(cube, name, item)
        elif isinstance(item, Raster):
            cube = add_raster(cube, name, item)
        elif isinstance(item, AreaAttributes):
            cube = add_attributes(cube, item.region, item.how, audit_only=item.audit_only)
    for name in layers:
        facts = cube[name].attrs
        by_land = ", ".join(facts.get("spread_by_land", []))
        tell(
            f"{name}: {facts['events']:,.0f} events in the days, of which {facts['outside_cells']:,.0f} outside all cells and {facts['known_to_area']:,.0f} known to an area{f' (by land, as nobody lives there: {by_land})' if by_land else ''}; {facts['outside_days']:,.0f} outside the days"
        )
    return cube


def write_json(path: Path, content: Any) -> None:
    """Write plain values as JSON."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
