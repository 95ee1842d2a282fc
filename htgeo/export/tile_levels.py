"""The places of a product at each zoom: themselves, and their H3 parents where they would be too small to be seen."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from htgeo.cube.levels import to_resolution
from htgeo.cube.schema import CELL, layer_names, space
from htgeo.export.product import Product
from htgeo.export.tiles import middle_of, to_mercator, zooms_of
from htgeo.grid.cells import cell_hex, cell_polygons

RESOLUTION = "resolution"
"""Attribute of a cell: its H3 resolution, by which a style tells cells from their parents."""
FITTING = 2
"""Zooms from the lowest one, where all places are small, to the one where they fill a small screen."""


@dataclass(frozen=True)
class Level:
    """Places of one size, and the zooms that show them.

    Attributes
    ----------
    cube
        Their values, in memory.
    shapes
        Their polygons in the square of web maps; shape (place,).
    zooms
        The zooms.
    shown
        The variable that a map shows: the first one, or the expected count it became.
    """

    cube: xr.Dataset
    shapes: np.ndarray
    zooms: range
    shown: str

    @property
    def resolution(self) -> int | None:
        """H3 resolution; None for areas."""
        return int(self.cube.attrs["resolution"]) if space(self.cube) == CELL else None

    def attribute(self, name: str, day: int = -1) -> str:
        """Return the attribute that holds a variable on a day, by the position of the day."""
        if "time" not in self.cube[name].dims or self.cube.sizes["time"] == 1:
            return name
        return f"{name}_{self.cube['time'].values[day].astype('datetime64[D]')}"

    def columns(self) -> dict[str, np.ndarray]:
        """Return the attributes of the places, each of shape (place,): text, then numbers."""
        place = space(self.cube)
        ids = self.cube[place].values
        made: dict[str, np.ndarray] = {place: cell_hex(ids) if place == CELL else ids}
        made |= {name: self.cube[name].values for name in layer_names(self.cube) if name != place}
        if self.resolution is not None:
            made[RESOLUTION] = np.full(len(ids), self.resolution)
        for name in map(str, self.cube.data_vars):
            values = self.cube[name].values.reshape(len(ids), -1)
            made |= {self.attribute(name, day): values[:, day] for day in range(values.shape[1])}
        return made


def levels_of(product: Product) -> list[Level]:
    """Return the places and, for the low zooms, their H3 parents, from coarse to fine; computed."""
    cube, first = _in_memory(product), product.variables[0]
    shapes = to_mercator(product.shapes())
    coarsest = _coarsest(product)
    levels = []
    for up, zooms in zooms_of(shapes, coarsest).items():
        if up:
            coarse = to_resolution(cube, int(cube.attrs["resolution"]) - up)
            parents = to_mercator(cell_polygons(coarse[CELL].values))
            levels.append(Level(coarse, parents, zooms, str(_shown(coarse, first))))
        else:
            levels.append(Level(cube, shapes, zooms, first))
    return levels[::-1]


def _in_memory(product: Product) -> xr.Dataset:
    """Return the cube of a product, computed block by block."""
    cube = product.cube
    blocks = [block for block, _ in product.computed()]
    values = {
        name: (cube[name].dims, np.concatenate([block[name].values for block in blocks]), cube[name].attrs)
        for name in product.variables
    }
    return _with_days(cube.assign(values))


def _with_days(cube: xr.Dataset) -> xr.Dataset:
    """Return a cube of static variables with a day, which a cube has."""
    return cube if "time" in cube.coords else cube.assign_coords(time=("time", np.zeros(1, "datetime64[ns]")))


def _coarsest(product: Product) -> int | None:
    """Return how many levels of parents the first variable has a value for; None for areas."""
    if product.space != CELL:
        return None
    level = int(product.cube.attrs["resolution"])
    first = product.variables[0]
    adds_up = level and _shown(to_resolution(_with_days(product.cube[[first]]), level - 1), first)
    return level if adds_up else 0


def _shown(coarse: xr.Dataset, first: str) -> str | None:
    """Return what a variable is called in a cube of parents; None where it does not add up."""
    return next((name for name in (first, f"expected_{first.removeprefix('risk_')}") if name in coarse), None)


def view_of(levels: list[Level]) -> tuple[list[float], int]:
    """Return where a map opens, all places on the screen: (lon, lat) of the middle, and the zoom."""
    zoom = min(levels[0].zooms[0] + FITTING, levels[-1].zooms[-1])
    return middle_of(levels[-1].shapes), zoom
