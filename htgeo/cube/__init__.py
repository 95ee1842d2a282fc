"""The cube: an ordinary xarray.Dataset on (cell, time), its schema, its counts, its store."""

from htgeo.cube.aggregate import aggregate
from htgeo.cube.areas import grid_areas
from htgeo.cube.checks import diff, verify
from htgeo.cube.commits import Freed, expire, history, rollback, tag_commit
from htgeo.cube.context import add_attributes, add_places, add_series
from htgeo.cube.days import amend_days, append_days
from htgeo.cube.gridding import grid_events
from htgeo.cube.schema import validate
from htgeo.cube.store import open_cube, save_cube

__all__ = [
    "Freed",
    "add_attributes",
    "add_places",
    "add_series",
    "aggregate",
    "amend_days",
    "append_days",
    "diff",
    "expire",
    "grid_areas",
    "grid_events",
    "history",
    "open_cube",
    "rollback",
    "save_cube",
    "tag_commit",
    "validate",
    "verify",
]
