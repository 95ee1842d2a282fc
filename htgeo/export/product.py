"""What is exported: chosen variables, days and places of a cube, handed to a writer block by block."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.blocks import MAX_BLOCK_VALUES, iter_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.core.progress import steps
from htgeo.core.registry import near
from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.cube.schema import CELL, area_names, layer_names, require, select_days, space, step_days
from htgeo.grid.cells import cell_hex, cell_polygons
from htgeo.sources.antimeridian import cut_at_antimeridian
from htgeo.sources.region import Region

if TYPE_CHECKING:  # maps load when something is exported, so that the import of htgeo stays light
    from htgeo.maps.layers import Layer

AUDIENCES = ("internal", "public")
DATE = "date"
MONTHS = {"M": 1, "Q": 3, "Y": 12}
"""Months of a step that is no number of days."""
RESERVED = (DATE, "fid", "geom", "geometry", "bbox")
"""Columns that formats add themselves."""


@dataclass(frozen=True)
class Product:
    """Variables of a cube for the days and places asked for, not computed yet.

    Attributes
    ----------
    cube
        The chosen variables on (place, time), (place) or both, lazy.
    audience
        ``internal`` or ``public``; every format says which.
    region
        Shapes of the places where these are areas; None for cells.
    """

    cube: xr.Dataset
    audience: str = "internal"
    region: Region | None = None

    @property
    def variables(self) -> list[str]:
        """Names of the variables, in the order asked for."""
        return [str(name) for name in self.cube.data_vars]

    @property
    def space(self) -> str:
        """The spatial dimension, which is also the name of the column of ids."""
        return space(self.cube)

    @property
    def days(self) -> np.ndarray:
        """The days, datetime64[D]; empty where no variable has days."""
        return np.asarray(self.cube["time"].values.astype("datetime64[D]")) if self.dated else np.empty(0, "M8[D]")

    @property
    def ends(self) -> np.ndarray:
        """The first day after each step (a day, a week, a month …), datetime64[D], as many as `days`."""
        months = MONTHS.get(str(self.cube.attrs.get("freq", "D")))
        if months is None:
            return np.asarray(self.days + step_days(self.cube))
        return np.asarray((self.days.astype("M8[M]") + months).astype("M8[D]"))

    @property
    def dated(self) -> bool:
        """Whether any variable has days."""
        return any("time" in self.cube[name].dims for name in self.variables)

    @property
    def rows(self) -> int:
        """How many rows a table of it has."""
        return int(self.cube.sizes[self.space] * max(len(self.days), 1))

    @property
    def text(self) -> list[str]:
        """Names of the columns of text: the id and the region layers."""
        return [self.space, *(name for name in layer_names(self.cube) if name != self.space)]

    def shapes(self) -> np.ndarray:
        """Return a polygon for each place, in EPSG:4326, counterclockwise on the globe."""
        import shapely

        if self.space == CELL:
            return np.asarray(cell_polygons(self.cube[CELL].values))
        if self.region is None:
            message = f"shapes of areas ({self.space}) are not in the cube; give region=htgeo.read_region(file, name_column=..., layer={self.space!r})"
            raise CubeError(message)
        shape = dict(zip(map(str, self.region.names), self.region.geometries, strict=True))
        missing = [str(name) for name in self.cube[self.space].values if str(name) not in shape]
        if missing:
            message = (
                f"the region has no {self.space} {', '.join(missing[:5])}; it has {', '.join(list(shape)[:5])} ..."
            )
            raise CubeError(message)
        return np.asarray(shapely.orient_polygons([shape[str(name)] for name in self.cube[self.space].values]))

    def flat_shapes(self) -> np.ndarray:
        """Return the shapes as RFC 7946 has them: cut where a cell crosses the 180th meridian, counterclockwise."""
        import shapely

        shapes = self.shapes()
        if self.space == CELL:
            shapes = cut_at_antimeridian(shapes)
            joined = ~shapely.is_valid(shapes)  # the parts of a cell on a pole share an edge
            shapes[joined] = shapely.make_valid(shapes[joined], method="structure", keep_collapsed=False)
        return np.asarray(shapely.orient_polygons(shapes))

    def area_shapes(self, layer: str) -> dict[str, Any]:
        """Return the shape of each area of a layer in EPSG:4326: as the region has it, or around its places."""
        import shapely

        if self.region is not None and self.region.layer == layer:
            shapes = zip(map(str, self.region.names), self.region.geometries, strict=True)
            here = set(self.cube[layer].values.astype(str)) if layer in self.text else None
            return {name: shape for name, shape in shapes if here is None or name in here}
        names = self.cube[layer].values.astype(str)
        places = self.flat_shapes()
        return {str(name): shapely.union_all(places[names == name]) for name in np.unique(names)}

    def blocks(self) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """Yield tables of computed rows with the place of each row as its position in the cube.

        A block has some places, in the order of the cube, with all days: day by day within the block.
        """
        for block, places in self.computed():
            yield self._table(block, places), np.tile(places, max(len(self.days), 1))

    def computed(self) -> Iterator[tuple[xr.Dataset, np.ndarray]]:
        """Yield the cube block by block, in memory, with the positions of its places; a terminal sees a bar."""
        start = 0
        blocks = max(len(self.cube[name].chunksizes.get(self.space, ())) for name in self.variables)
        with steps("export", max(blocks, 1)) as advance:
            for block in iter_blocks(self.cube):
                size = block.sizes[self.space]
                yield block, np.arange(start, start + size)
                start += size
                advance()

    def _table(self, block: xr.Dataset, places: np.ndarray) -> pd.DataFrame:
        days, size = self.days, len(places)
        repeats = max(len(days), 1)
        ids = self.cube[self.space].values[places]
        columns: dict[str, Any] = {self.space: cell_hex(ids) if self.space == CELL else ids.astype(object)}
        columns |= {name: self.cube[name].values[places].astype(object) for name in self.text[1:]}
        columns = {name: np.tile(np.asarray(values, object), repeats) for name, values in columns.items()}
        if self.dated:
            columns[DATE] = np.repeat(days.astype(object), size)
        for name in self.variables:
            values = block[name].values
            columns[name] = values.T.ravel() if values.ndim > 1 else np.tile(values, repeats)
        return pd.DataFrame(columns)

    def layer(self) -> "Layer":
        """Return the first variable as a layer of the web map."""
        from htgeo.maps.layers import variable_layer

        cube = self.cube if self.dated else self.cube.assign_coords(time=self.days.astype("M8[ns]"))
        return variable_layer(cube, self.variables[0])

    def about(self) -> dict[str, str]:
        """Return what every file says of itself: plain text by name."""
        attrs = self.cube.attrs
        days = self.days
        facts = {
            "title": ", ".join(self.variables),
            "audience": self.audience,
            "intended_use": str(attrs.get("intended_use", INTENDED_USE)),
            "places": f"{self.cube.sizes[self.space]} {'H3 cells' if self.space == CELL else f'areas ({self.space})'}",
            "resolution": str(attrs.get("resolution", "")),
            "days": f"{days[0]} to {self.ends[-1] - 1}" if len(days) else "",
            "time_zone": str(attrs.get("time_zone", "")),
            "commit": str(self.cube.encoding.get("commit", "")),
            "htgeo_version": VERSION,
        }
        return {name: text for name, text in facts.items() if text}

    def about_variable(self, name: str) -> dict[str, str]:
        """Return what is known of a variable: its sentence, units, label, horizon, model …, plain text by name."""
        wanted = (
            "long_name",
            "units",
            "role",
            "label",
            "horizon",
            "model",
            "training_days",
            "base_rate",
            "layer",
            "threshold",
        )
        attrs = self.cube[name].attrs
        return {key: str(attrs[key]) for key in wanted if key in attrs}


def choose(
    cube: xr.Dataset,
    variables: Sequence[str],
    *,
    time: str | slice | None,
    area: Mapping[str, str | Sequence[str]] | None,
    audience: str,
    region: Region | None,
) -> Product:
    """Return the product that an export writes, or raise where it cannot be had."""
    if audience not in AUDIENCES:
        message = f"there is no audience {audience!r}; allowed are {', '.join(AUDIENCES)}"
        raise InputError(message)
    if not variables:
        message = "no variable to export; name one or several of the cube"
        raise InputError(message)
    dim = space(cube)
    for name in variables:
        _check_name(name)
        if require(cube, name).dims not in ((dim, "time"), (dim,)):
            message = f"{name!r} is on {cube[name].dims}; an export needs variables on ({dim!r}, 'time') or ({dim!r},)"
            raise CubeError(message)
    if audience == "public":
        from htgeo.disclosure.public import check_public

        check_public(cube, variables)
    inside = _inside(cube, area or {})
    chosen = cube[list(variables)].isel({dim: np.flatnonzero(inside)}) if area else cube[list(variables)]
    if "time" in chosen.coords and not chosen.sizes["time"]:
        message = "the cube has no days; nothing was written"
        raise InputError(message)
    chosen = select_days(chosen, time) if "time" in chosen.coords else chosen
    if not chosen.chunks:  # what is in memory is written in blocks as well
        chosen = chosen.chunk({dim: max(1, MAX_BLOCK_VALUES // chosen.sizes.get("time", 1))})
    chosen.encoding.update(cube.encoding)
    return Product(chosen, audience, region)


def _check_name(name: str) -> None:
    """Raise where a variable cannot be a column, an array or a part of a file name."""
    if name.lower() in RESERVED or not name.strip() or {"/", "\\", "\0"} & set(name):
        message = f"a file cannot hold a variable called {name!r}: / and \\ divide folders, and {', '.join(RESERVED)} are columns that formats add; rename it: cube.rename({{{name!r}: 'another_name'}})"
        raise InputError(message)


def _inside(cube: xr.Dataset, area: Mapping[str, str | Sequence[str]]) -> np.ndarray:
    """Return which places lie in an area of every layer named, bool, shape (place,); raise where none does."""
    inside = np.ones(cube.sizes[space(cube)], bool)
    if not inside.size:
        message = "the cube has no places; nothing was written"
        raise InputError(message)
    for layer, names in area.items():
        inside &= _in_area(cube, layer, names)
    if not inside.any():
        message = f"no place of the cube lies in {dict(area)}; nothing was written"
        raise InputError(message)
    return inside


def _in_area(cube: xr.Dataset, layer: str, names: str | Sequence[str]) -> np.ndarray:
    if layer not in layer_names(cube):
        known = layer_names(cube)
        message = f"the cube has no region layer {layer!r}{near(layer, known)}; it has {', '.join(known) or 'none'}"
        raise InputError(message)
    wanted = [names] if isinstance(names, str) else [str(name) for name in names]
    known = area_names(cube, layer)
    for name in wanted:
        if name not in known:
            message = f"{layer} has no area {name!r}{near(name, known)}; it has {', '.join(known[:10])}"
            raise InputError(message)
    return np.asarray(np.isin(cube[layer].values.astype(str), wanted))
