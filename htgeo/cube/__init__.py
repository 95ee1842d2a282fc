"""The cube: an ordinary xarray.Dataset on (cell, time), its schema, its counts, its store."""

from htgeo.cube.aggregate import aggregate
from htgeo.cube.areas import grid_areas
from htgeo.cube.checks import diff, verify
from htgeo.cube.clip import clip
from htgeo.cube.commits import Freed, expire, history, rollback, tag_commit
from htgeo.cube.context import add_attributes, add_places, add_series
from htgeo.cube.days import amend_days, append_days
from htgeo.cube.gridding import grid_events
from htgeo.cube.levels import to_resolution
from htgeo.cube.lines import add_lines
from htgeo.cube.rasters import add_raster
from htgeo.cube.schema import validate
from htgeo.cube.store import open_cube, save_cube

__all__ = [
    "Freed",
    "add_attributes",
    "add_lines",
    "add_places",
    "add_raster",
    "add_series",
    "aggregate",
    "amend_days",
    "append_days",
    "clip",
    "diff",
    "expire",
    "grid_areas",
    "grid_events",
    "history",
    "open_cube",
    "rollback",
    "save_cube",
    "tag_commit",
    "to_resolution",
    "validate",
    "verify",
]
