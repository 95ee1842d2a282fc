"""Events to counts by cell and day, on both clocks."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.blocks import cell_blocks, from_blocks
from htgeo.core.errors import InputError, PrecisionWarning
from htgeo.cube.schema import cube_attrs, stamp
from htgeo.grid import Grid
from htgeo.grid.days import civil_days
from htgeo.sources.events import Events
from htgeo.sources.precision import CITY

if TYPE_CHECKING:
    import dask.array as da
    from scipy.sparse import csr_array

KNOWN = "_known"
"""Suffix of the counts by the day events became known."""


def grid_events(events: Mapping[str, Events], grid: Grid) -> xr.Dataset:
    """Count events by cell and day into a lazy cube.

    A point counts in its cell. An event known only to an area is spread over the cells of the area by land area, with
    its weight kept; where the grid lacks the layer, over the whole study area, with a `PrecisionWarning`. Each layer gives two variables: ``name`` by the day events occurred (for labels and maps) and
    ``name_known`` by the day they became known (for features).

    Parameters
    ----------
    events
        ``{name: events}``; names become variables.
    grid
        Cells and days, with the region layers that events are known to.

    Returns
    -------
    Dataset
        A cube ``(cell, time)`` of dask arrays in blocks of cells. Attributes of each variable say how many events fell
        outside the cells or the days.

    Raises
    ------
    InputError
        If a name cannot be a variable, an area is unknown, or no event falls into the days of the grid.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> precincts = ht.read_region(folder / "precincts.geojson", name_column="precinct", layer="precinct")
    >>> grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-01-31", layers=[precincts])
    >>> crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz", areas=[boroughs, precincts])
    >>> cube = ht.grid_events({"crime": crimes}, grid)
    >>> cube["crime"].dims
    ('cell', 'time')
    """
    cube = empty_cube(grid)
    for name, layer in events.items():
        _check_name(name, cube)
        for suffix, clock, role, text in (
            ("", "occurred", "count", "events by the day they occurred"),
            (KNOWN, "known", "known_count", "events by the day they became known"),
        ):
            counts, facts = _lazy_counts(name, layer.table, clock, grid)
            variable = xr.DataArray(counts, dims=("cell", "time"))
            cube[name + suffix] = stamp(
                variable, name + suffix, role, "1", f"{name}: {text}", cell_methods="time: sum", **facts
            )
    return cube


def empty_cube(grid: Grid) -> xr.Dataset:
    """Return a cube with the coordinates of the grid, its region labels and shares, and no counts."""
    lon, lat = grid.centers
    coords: dict[str, Any] = {
        # xdggs takes every attribute of the cells as a parameter of the grid: these two and no more
        "cell": ("cell", grid.cells, {"grid_name": "h3", "level": grid.resolution}),
        "time": (
            "time",
            grid.days.astype("datetime64[ns]"),
            {"standard_name": "time", "axis": "T", "long_name": f"local civil day, {grid.time_zone}"},
        ),
        "lon": (
            "cell",
            lon,
            {"units": "degrees_east", "standard_name": "longitude", "long_name": "longitude of the cell centre"},
        ),
        "lat": (
            "cell",
            lat,
            {"units": "degrees_north", "standard_name": "latitude", "long_name": "latitude of the cell centre"},
        ),
        "cell_area": ("cell", grid.cell_area, {"units": "km2", "long_name": "area of the cell"}),
    }
    cube = xr.Dataset(
        coords=coords, attrs=cube_attrs(grid.resolution, grid.time_zone, grid.edge, [r.layer for r in grid.layers])
    )
    for region in grid.layers:
        shares = grid.shares(region.layer).tocoo()
        layer, pair = region.layer, f"{region.layer}_pair"
        cube = cube.assign_coords(
            {layer: ("cell", grid.labels(layer), {"long_name": f"{layer} that holds most of the cell"})}
        )
        facts = {"long_name": f"share of a cell that lies in a {layer}", "units": "1", "names": list(region.names)}
        cube = cube.assign_coords(
            {
                f"{layer}_share": (pair, shares.data, facts),
                f"{layer}_share_cell": (pair, shares.row.astype("int32"), {"long_name": "row of the cell"}),
                f"{layer}_share_area": (pair, shares.col.astype("int32"), {"long_name": "number of the area in names"}),
            }
        )
    return cube


def _check_name(name: str, cube: xr.Dataset) -> None:
    if not name.isidentifier() or name in cube or name + KNOWN in cube:
        message = f"a layer cannot be called {name!r}: use letters, digits and _, and none of {', '.join(map(str, cube.variables))}"
        raise InputError(message)


def _lazy_counts(name: str, table: pd.DataFrame, clock: str, grid: Grid) -> tuple["da.Array", dict[str, Any]]:
    """Return lazy counts and the facts about what fell outside."""
    days = civil_days(table[clock], grid.time_zone)
    day = (days - grid.days[0]).astype("int64")
    inside = (day >= 0) & (day < len(grid.days))
    if clock == "occurred" and not inside.any():
        span = f"{days.min()} to {days.max()}" if len(days) else "none"
        message = f"no event of {name!r} falls into {grid.days[0]} to {grid.days[-1]}; the events are of {span}. Change start and end of the grid, or the file"
        raise InputError(message)
    weight = table["weight"].to_numpy(float)
    is_point = (table["precision"] == "point").to_numpy()
    points = is_point & inside
    row = grid.rows(table["lon"].to_numpy(float)[points], table["lat"].to_numpy(float)[points])
    hit = row >= 0
    placed = _Points.sorted(row[hit].astype("int64") * len(grid.days) + day[points][hit], weight[points][hit])
    area_rows = ~is_point & inside
    spread, area_days = _area_counts(table[area_rows], day[area_rows], grid)
    facts = {
        "events": float(weight[inside].sum()),
        "outside_days": float(weight[~inside].sum()),
        "outside_cells": float(weight[points][~hit].sum()),
        "known_to_area": float(weight[area_rows].sum()),
        "whole": int((weight[points] % 1 == 0).all()),
    }
    chunks = cell_blocks(len(grid.cells), len(grid.days))
    starts = np.concatenate([[0], np.cumsum(chunks)])
    blocks = [
        (placed.between(a * len(grid.days), b * len(grid.days)), spread[a:b], area_days, (b - a, len(grid.days)))
        for a, b in pairwise(starts)
    ]
    return from_blocks(_count_block, blocks, chunks, len(grid.days), np.float32), facts


@dataclass(frozen=True)
class _Points:
    """Events as sorted integer codes ``row * days + day`` with weights."""

    codes: np.ndarray
    weights: np.ndarray

    @classmethod
    def sorted(cls, codes: np.ndarray, weights: np.ndarray) -> "_Points":
        order = np.argsort(codes, kind="stable")
        return cls(codes[order], weights[order])

    def between(self, start: int, stop: int) -> "_Points":
        """Return the events of one block, with codes counted from its start."""
        a, b = np.searchsorted(self.codes, [start, stop])
        return _Points(self.codes[a:b] - start, self.weights[a:b])


def _count_block(points: _Points, spread: "csr_array", area_days: "csr_array", shape: tuple[int, int]) -> np.ndarray:
    """Return the counts of one block: points by their code, areas by their share of each cell."""
    counts = np.bincount(points.codes, points.weights, minlength=shape[0] * shape[1]).astype(float).reshape(shape)
    if area_days.shape[0]:
        counts += (spread @ area_days).toarray()
    return counts.astype(np.float32)


def _area_counts(table: pd.DataFrame, day: np.ndarray, grid: Grid) -> tuple["csr_array", "csr_array"]:
    """Return the share of each area in each cell (cell, area), and the weight by area and day (area, time)."""
    from scipy.sparse import coo_array, csr_array, hstack

    if table.empty:
        return csr_array((len(grid.cells), 0)), csr_array((0, len(grid.days)))
    table = table.assign(precision=_known_layers(table["precision"], grid))
    keys = pd.MultiIndex.from_frame(table[["precision", "area"]])
    codes, areas = pd.factorize(keys)
    spread = hstack([_spread(str(layer), str(area), grid) for layer, area in areas], format="csr")
    entries = (table["weight"].to_numpy(float), (codes, day))
    return csr_array(spread), csr_array(coo_array(entries, shape=(len(areas), len(grid.days))).tocsr())


def _known_layers(precision: pd.Series, grid: Grid) -> pd.Series:
    """Return the precision of area events, with layers that the grid lacks replaced by the whole study area."""
    layers = [region.layer for region in grid.layers]
    lacking = precision[~precision.isin([*layers, CITY])]
    for layer, size in lacking.value_counts().items():
        message = f"{size:,} events are known to a {layer}, but the grid has no such layer: they are spread over the whole study area. Add it with make_grid(…, layers=[read_region(path, name_column=…, layer={layer!r})]), or layers: in a study file"
        warnings.warn(message, PrecisionWarning, stacklevel=4)
    return precision.where(precision.isin(layers), CITY)


def _spread(layer: str, area: str, grid: Grid) -> "csr_array":
    """Return how one event known to an area is spread over the cells: by land area, summing to 1 (cell, 1)."""
    from scipy.sparse import csr_array

    region = grid.layers[0] if layer == CITY else grid.layer(layer)
    names = region.names if layer == CITY else tuple(area.split("|"))
    unknown = [name for name in names if name not in region.names]
    if unknown:
        message = f"the region layer {layer!r} has no area {', '.join(unknown)}; read the events with areas=[…], then such rows go to quarantine"
        raise InputError(message)
    shares = grid.shares(region.layer)
    land = np.asarray(shares[:, [region.names.index(name) for name in names]].sum(axis=1)).ravel() * grid.cell_area
    if land.sum() == 0:
        message = (
            f"no cell of the grid lies in the {layer} {area}; use a finer resolution, edge='touch', or a larger region"
        )
        raise InputError(message)
    return csr_array((land / land.sum())[:, None])
