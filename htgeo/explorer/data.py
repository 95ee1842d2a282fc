"""What the explorer reads from a cube: its coordinates at once, a day or a cell when it is looked at."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import near
from htgeo.cube.schema import CELL, area_names, check_cube, layer_names, role_of, space, step_days
from htgeo.grid.cells import cell_hex
from htgeo.maps.layers import FLAGGED as FLAG_COLORS
from htgeo.maps.layers import Layer, difference_layer, variable_layer
from htgeo.maps.page_scale import Scale, scale_of

MOST_SPANS = 64
"""Days, or ranges of days, of a layer that are kept in memory: one value a cell each."""
MOST_SERIES = 32
SCALE_REACH, SCALE_STRIDE = 182, 13
"""Classes of a day are those of days among the last so many, so that a colour means the same on every day."""
FORECAST, DIFFERENCE, FLAGGED, OBSERVED = "forecast", "difference", "flagged", "observed"
FORECAST_ROLES = ("risk", "expected")


@dataclass(frozen=True)
class Selection:
    """What is looked at.

    Attributes
    ----------
    model
        Name of a model of the store; empty where it has none.
    layer
        A key of `Explored.layers`.
    first, last
        Positions of the first and the last step on the time axis, from 0, both included.
    area
        Region layer and name of an area; None for all cells.
    other
        The model that `model` is compared with by the layer ``difference``.
    threshold
        The least forecast that is flagged, for the layer ``flagged``.
    """

    model: str
    layer: str
    first: int
    last: int
    area: tuple[str, str] | None = None
    other: str = ""
    threshold: float = 1.0

    @property
    def before(self) -> "Selection | None":
        """The equally long time before; None where the cube begins too late for it."""
        first = 2 * self.first - self.last - 1
        return replace(self, first=first, last=self.first - 1) if first >= 0 else None


class Explored:
    """A cube of cells as the explorer reads it.

    Making one computes nothing. What is read is kept in caches of bounded size, shared by all browser tabs.

    Parameters
    ----------
    cube
        A cube on ``(cell, time)``, most often from `htgeo.open_cube`.

    Attributes
    ----------
    cube : Dataset
        The cube.
    days : array of datetime64[D], shape (time,)
        First days of the steps.
    hexes, places : arrays of str, shape (cell,)
        Ids of the cells, and the areas of the first two region layers that they lie in.
    models : dict of str
        The variable of each model.
    layers : dict of str
        What a map can show: a title for each key.
    areas : dict of list
        The areas of each region layer.

    Raises
    ------
    CubeError
        If the places of the cube are areas, or it has nothing on ``(cell, time)``.

    Examples
    --------
    >>> import htgeo as ht
    >>> from htgeo.explorer.data import Explored, Selection
    >>> explored = Explored(ht.demo_cube())
    >>> explored.values(Selection("", "crime", first=3, last=3)).shape
    (153,)
    """

    def __init__(self, cube: xr.Dataset) -> None:
        check_cube(cube)
        if space(cube) != CELL:
            message = f"the explorer shows cells, the places of this cube are areas ({space(cube)}); draw it with htgeo.map_risk(cube, variable, region=region)"
            raise CubeError(message)
        self.cube = cube
        self.days = cube["time"].values.astype("datetime64[D]")
        self.hexes = cell_hex(cube[CELL].values)
        self.areas = {layer: area_names(cube, layer) for layer in layer_names(cube)}
        self.places = _places(cube)
        self.models = _models(cube)
        self._variables = _variables(cube)
        if not self._variables:
            message = "the cube has nothing on ('cell', 'time') to show; make one with htgeo.grid_events({'crime': events}, grid)"
            raise CubeError(message)
        self.layers = self._titles()
        self._read = lru_cache(MOST_SPANS)(self._read_values)
        self._cell = lru_cache(MOST_SERIES)(self._read_cell)
        self._scale = lru_cache(MOST_SERIES)(self._day_scale)

    @property
    def step(self) -> str:
        """What a step is called: ``day`` or ``week``."""
        return "day" if step_days(self.cube) == 1 else "week"

    def mask(self, area: tuple[str, str] | None) -> np.ndarray:
        """Return which cells lie in an area, bool (cell,).

        Raises
        ------
        InputError
            If the cube has no such area.
        """
        if area is None:
            return np.ones(len(self.hexes), bool)
        layer, name = area
        known = self.areas.get(layer, [])
        if name not in known:
            message = f"the cube has no area {name!r} of the layer {layer!r}{near(name, known)}"
            raise InputError(message)
        return np.asarray(self.cube[layer].values.astype(str) == name)

    def forecast(self, model: str) -> xr.DataArray:
        """Return the forecast of a model, lazily.

        Raises
        ------
        InputError
            If the cube has no such model.
        """
        if model not in self.models:
            message = f"the store has no model {model!r}; it has {', '.join(self.models) or 'none'}{near(model, list(self.models))}"
            raise InputError(message)
        return self.cube[self.models[model]]

    def events(self, model: str) -> str | None:
        """Return the name of the events that a model forecasts; of the first of the cube where there is no model."""
        if model in self.models:
            name = str(self.forecast(model).attrs.get("layer", ""))
            return name if name in self._variables else None
        return next((name for name, layer in self._variables.items() if layer.observed), None)

    def layer(self, selection: Selection) -> Layer:
        """Return the layer of a selection; nothing is computed.

        Raises
        ------
        InputError
            If there is no such layer, or not of this model.
        """
        key, model = selection.layer, selection.model
        if key == DIFFERENCE:
            return difference_layer(self.cube, model, selection.other)
        if key == FLAGGED:
            values = self.forecast(model)
            flags: dict[str, Any] = {"codes": (0.0, 1.0), "labels": ("not flagged", "flagged"), "colors": FLAG_COLORS}
            about = f"Whether the forecast of {model} is at least the threshold"
            return Layer(name=key, title=self.layers[key], about=about, values=values, kind="binary", **flags)
        if key == FORECAST:
            return self._variables[str(self.forecast(model).name)]
        name = self.events(model) if key == OBSERVED else key
        if name not in self._variables:
            message = f"the store has no layer {key!r} of the model {model!r}; it has {', '.join(self.layers)}"
            raise InputError(message)
        return self._variables[str(name)]

    def values(self, selection: Selection) -> np.ndarray:
        """Return what the map shows, float32 (cell,), missing outside the area.

        Of a range it is the sum of events, the share of its days with a flag, the last class, or the mean.
        """
        values = self._read(_cleaned(selection))
        return np.where(self.mask(selection.area), values, np.float32(np.nan))

    def scale(self, selection: Selection) -> tuple[str, Scale]:
        """Return the unit of what the map shows, and its classes: of a day the same for every day."""
        layer, is_range = self.layer(selection), selection.last > selection.first
        if layer.kind == "binary" and is_range:
            layer = replace(layer, kind="number", unit="probability")
        if layer.kind != "number":
            return layer.unit, scale_of(layer, np.array([]))
        if is_range:
            return layer.unit, scale_of(layer, self._read(_cleaned(selection)))
        return layer.unit, self._scale(replace(_cleaned(selection), first=0, last=0))

    def cell(self, selection: Selection, number: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the whole series of a cell: the forecast (or the layer, where there is no model), and its events."""
        layer = FORECAST if selection.model else selection.layer
        events = self.events(selection.model)
        shown = self._cell(self.layer(replace(selection, layer=layer)).name, number)
        return shown, None if events is None else self._cell(events, number)

    def _titles(self) -> dict[str, str]:
        titles: dict[str, str] = {}
        if self.models:
            titles |= {FORECAST: "Forecast of the model", FLAGGED: "Flagged at the threshold"}
        if any(self.events(model) for model in self.models):
            titles[OBSERVED] = "Observed events"
        if len(self.models) > 1:
            titles[DIFFERENCE] = "Difference of two models"
        forecasts = self.models.values()
        return titles | {name: layer.title for name, layer in self._variables.items() if name not in forecasts}

    def _read_values(self, selection: Selection) -> np.ndarray:
        layer = self.layer(selection)
        part = layer.values.isel(time=slice(selection.first, selection.last + 1))
        if layer.name == FLAGGED:
            part = (part >= np.float32(selection.threshold)).where(part.notnull())
        if selection.first == selection.last or layer.kind == "categorical":
            found = part.isel(time=-1)
        elif layer.observed:
            found = part.sum("time", dtype=np.float64, min_count=1)
        else:
            found = part.mean("time", dtype=np.float64)
        return np.asarray(found.values, np.float32)

    def _day_scale(self, selection: Selection) -> Scale:
        layer = self.layer(selection)
        days = layer.values.isel(time=slice(-SCALE_REACH, None, None if layer.observed else SCALE_STRIDE)).values
        return scale_of(layer, np.append(days, 1.0) if layer.observed else days)  # one event is always told from none

    def _read_cell(self, name: str, number: int) -> np.ndarray:
        return np.asarray(self._variables[name].values.isel(cell=number).values, np.float32)


def _cleaned(selection: Selection) -> Selection:
    """Return the selection without what does not change its values, so that they are read once."""
    return replace(
        selection,
        area=None,
        other=selection.other if selection.layer == DIFFERENCE else "",
        threshold=selection.threshold if selection.layer == FLAGGED else 1.0,
    )


def _places(cube: xr.Dataset) -> np.ndarray:
    labels = [cube[layer].values.astype(str) for layer in layer_names(cube)[:2]]
    if not labels:
        return np.full(cube.sizes[CELL], "", object)
    return np.array([", ".join(filter(None, names)) for names in zip(*labels, strict=True)], object)


def _models(cube: xr.Dataset) -> dict[str, str]:
    found = [str(name) for name in cube.data_vars if role_of(cube[name]) in FORECAST_ROLES]
    return {name.removeprefix("risk_").removeprefix("expected_"): name for name in found}


def _variables(cube: xr.Dataset) -> dict[str, Layer]:
    """Return every variable by cell and day as a layer, lazily."""
    names = [
        str(name) for name, one in cube.data_vars.items() if one.dims == (CELL, "time") and one.dtype.kind in "fiub"
    ]
    return {name: variable_layer(cube, name) for name in names}
