"""How a cube is written: chunks, checksums, text as numbers; and how it is read back."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import cell_blocks
from htgeo.cube.schema import space

DISK_DAYS = 182
"""Days in a chunk on disk: a day that is added rewrites an eighth of a store of four years; each chunk costs a
millisecond, whatever its size."""
SERIES_DAYS = 4096
"""Days in a chunk of what has no cells."""
ZSTD_LEVEL = 1
"""Half the time of level 3 for a quarter more bytes."""
COUNTED = ("events", "outside_cells", "known_to_area")
ORDER = "variable_order"
"""Attribute of a store with the names of its variables, in order."""


def encoded(cube: xr.Dataset) -> xr.Dataset:
    """Return the cube with text as numbers, in blocks of equal numbers of cells."""
    cube = cube.drop_encoding()
    for name in [n for n in cube.coords if cube[n].dtype.kind in "UOT"]:
        names, codes = np.unique(cube[name].values.astype(str), return_inverse=True)
        attrs = {**cube[name].attrs, "text_values": names.tolist()}
        cube = cube.assign_coords({name: (cube[name].dims, codes.astype("int16"), attrs)})
    cube = cube.assign_attrs({ORDER: [str(name) for name in cube.variables]})
    place = space(cube)
    size = cell_blocks(cube.sizes[place], cube.sizes["time"])[0]
    large = on_both(cube)
    small = cube.drop_vars(large).compute()
    return small.assign({name: cube[name].chunk({place: size, "time": -1}) for name in large})


def encoding(cube: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return the chunks of each variable on disk, and a checksum for each chunk."""
    from zarr.codecs import ZstdCodec

    checked = {"compressors": [ZstdCodec(level=ZSTD_LEVEL, checksum=True)]}
    size = cell_blocks(cube.sizes[space(cube)], cube.sizes["time"])[0]
    days: dict[tuple[Hashable, ...], tuple[int, ...]] = {("time",): (SERIES_DAYS,), both(cube): (size, DISK_DAYS)}
    table = {
        str(name): {**checked, "chunks": days.get(variable.dims, tuple(max(size, 1) for size in variable.shape))}
        for name, variable in cube.variables.items()
    }
    table["time"] |= {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian", "dtype": "int64"}
    return table


def decoded(cube: xr.Dataset) -> xr.Dataset:
    """Return the cube with text as text, and its variables in the order in which they were saved.

    A store lists variables in any order; features, and so models, must not depend on it.
    """
    order = cube.attrs.get(ORDER, sorted(map(str, cube.variables)))
    attrs = {name: value for name, value in cube.attrs.items() if name != ORDER}
    coords = {name: cube.variables[name] for name in order if name in cube.coords}
    cube = xr.Dataset({name: cube.variables[name] for name in order if name in cube.data_vars}, coords, attrs)
    for name in [n for n in cube.coords if "text_values" in cube[n].attrs]:
        attrs = dict(cube[name].attrs)
        names = np.array(attrs.pop("text_values"))
        cube = cube.assign_coords({name: (cube[name].dims, names[cube[name].values], attrs)})
    return cube


def both(cube: xr.Dataset) -> tuple[str, str]:
    """Return the dimensions of the large variables: ``(cell, time)``, or ``(<layer>, time)`` of a cube of areas."""
    return space(cube), "time"


def on_both(cube: xr.Dataset) -> list[str]:
    """Return the names of the variables on ``(cell, time)``."""
    return [str(name) for name in cube.data_vars if cube[name].dims == both(cube)]


def on_time(cube: xr.Dataset) -> list[str]:
    """Return the names of the variables on ``(time)`` alone, with the days themselves."""
    return [str(name) for name, variable in cube.variables.items() if variable.dims == ("time",)]


def added_facts(stored: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a variable that got more days: what was counted adds up."""
    both = stored.keys() & more.keys()
    facts: dict[str, Any] = {name: float(stored[name] + more[name]) for name in COUNTED if name in both}
    if "whole" in both:
        facts["whole"] = int(min(stored["whole"], more["whole"]))
    return {**{name: value for name, value in stored.items() if name != "outside_days"}, **facts}
