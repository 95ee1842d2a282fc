"""The cube: an ordinary xarray.Dataset on (cell, time), its schema, its counts, its store."""

from htgeo.cube.context import add_places, add_series
from htgeo.cube.gridding import grid_events
from htgeo.cube.schema import validate
from htgeo.cube.store import open_cube, save_cube

__all__ = ["add_places", "add_series", "grid_events", "open_cube", "save_cube", "validate"]
