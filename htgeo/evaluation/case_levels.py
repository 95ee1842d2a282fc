"""The forecast of the validated days by cell, and summed by area."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.schema import area_names, as_day, role_of, space, step_days
from htgeo.evaluation.base import ratio
from htgeo.evaluation.embargo import fresh_from, learned_from
from htgeo.evaluation.samples import forecasts

if TYPE_CHECKING:
    from scipy.sparse import csr_array

HIGHEST_RISK = 1 - 1e-6
SMALL = 1e-12


@dataclass(frozen=True)
class Forecast:
    """Expected events of the validated days by cell (or area, in a cube of areas).

    Attributes
    ----------
    name
        Variable of the cube.
    times : array, shape (time,)
        First days of the steps, datetime64[D].
    expected : array, shape (cell, time)
        Expected events in a step, NaN where there is no forecast.
    area : array, shape (cell,)
        km2.
    step
        Days of a step.
    horizon
        Days that the forecast covers.
    """

    name: str
    times: np.ndarray
    expected: np.ndarray
    area: np.ndarray
    step: int
    horizon: int

    def position(self, days: np.ndarray) -> np.ndarray:
        """Return the step that holds each day, -1 outside all."""
        at = (np.asarray(days, "datetime64[D]") - self.times[0]).astype(np.int64) // self.step
        return np.asarray(np.where((at >= 0) & (at < len(self.times)), at, -1))


def load_forecast(cube: xr.Dataset, model: str, start: str | None, stop: str | None) -> Forecast:
    """Load the forecast of the days to validate: from `start`, by default the first day after the training days.

    A risk ``p`` over a horizon of ``h`` days becomes ``-log(1 - p) / h`` expected events a day: what it stands for if
    events come alone and evenly over the horizon. An expected count is divided by ``h``.

    Raises
    ------
    CubeError
        If a day trained the model, or no day has a forecast.
    """
    called = model.removeprefix("risk_").removeprefix("expected_")
    name = forecasts(cube, [called])[called]
    step = step_days(cube)
    horizon = int(cube[name].attrs.get("horizon", step))
    first = _first_day(cube[name], start)
    risk = cube[name].sel(time=slice(first, as_day(stop))).transpose(space(cube), "time").compute()
    risk = risk.isel(time=np.flatnonzero(np.isfinite(risk.values).any(axis=0)))
    days = risk["time"].values.astype("datetime64[D]")
    if not len(days) or (np.diff(days) != np.timedelta64(step, "D")).any():
        message = f"{name!r} needs a forecast on every day from {start or first or 'the first day'} to {stop or 'the last day'}; it has {len(days)}: give start and stop of days without a gap, or add it with htgeo.add_risk"
        raise CubeError(message)
    values = risk.values
    if role_of(cube[name]) == "risk":
        values = -np.log1p(-np.minimum(values, np.float32(HIGHEST_RISK)))
    return Forecast(name, days, (values * (step / horizon)).astype(np.float32), cube["cell_area"].values, step, horizon)


def _first_day(risk: xr.DataArray, start: str | None) -> Any:
    """Return the first day validated; none whose label reaches into the training days."""
    first = fresh_from(risk)
    if first is None:
        return as_day(start)
    if learned_from(risk, start):
        trained = risk.attrs["training_days"][-10:]
        message = f"the days to {trained} trained {risk.name!r}, with a horizon of {risk.attrs.get('horizon', 1)} days: its cases are validated from {str(first)[:10]} on, not from {start}"
        raise CubeError(message)
    return first if start is None else as_day(start)


@dataclass(frozen=True)
class Level:
    """Cells, or the areas of a layer, that cases are compared at.

    Attributes
    ----------
    name
        ``cell``, or the layer.
    names
        Names of the areas; of cells none.
    into : sparse array, shape (unit, cell)
        Share of each unit in the land of each cell.
    area : array, shape (unit,)
        km2.
    expected : array, shape (unit, time)
        Expected events in a step; NaN for a cell without forecast.
    """

    name: str
    names: tuple[str, ...]
    into: "csr_array"
    area: np.ndarray
    expected: np.ndarray

    @cached_property
    def density(self) -> np.ndarray:
        """What ranks the units: the forecast of a cell as it is, that of an area by km2; shape (unit, time)."""
        return self.expected if self.name == "cell" else ratio(self.expected, self.area[:, None])

    @cached_property
    def main_unit(self) -> np.ndarray:
        """The unit that holds most of each cell, -1 where none does; shape (cell,)."""
        if self.name == "cell":
            return np.arange(len(self.area))
        whole = self.into.toarray()
        return np.asarray(np.where(whole.any(axis=0), whole.argmax(axis=0), -1))


def make_level(cube: xr.Dataset, forecast: Forecast, name: str) -> Level:
    """Return the cells, or the areas of a layer with their sums of expected events."""
    from scipy.sparse import eye_array

    if name == "cell":
        return Level(name, (), eye_array(len(forecast.area), format="csr"), forecast.area, forecast.expected)
    into = shares_of(cube, name)
    return Level(name, unit_names(cube, name), into, into @ forecast.area, into @ np.nan_to_num(forecast.expected))


def unit_names(cube: xr.Dataset, layer: str) -> tuple[str, ...]:
    """Return the names of the areas of a layer, in the order of its units."""
    return tuple(cube[layer].values.astype(str).tolist() if space(cube) == layer else area_names(cube, layer))


def shares_of(cube: xr.Dataset, layer: str) -> "csr_array":
    """Return the share of each area in the land of each cell, shape (area, cell); columns sum to 1, or 0 off land.

    In a cube of areas, or one cut to some cells, a cell belongs to the area that its coordinate names.
    """
    from scipy.sparse import csr_array, eye_array

    size = cube.sizes[space(cube)]
    if space(cube) == layer:
        return csr_array(eye_array(size))
    number = {name: n for n, name in enumerate(area_names(cube, layer))}
    main = np.array([number.get(str(name), -1) for name in cube[layer].values])
    inside = np.flatnonzero(main >= 0)
    whole = csr_array((np.ones(len(inside)), (main[inside], inside)), shape=(len(number), size))
    if space(cube) != "cell" or f"{layer}_share" not in cube:
        return whole
    cell, area = (cube[f"{layer}_share_{what}"].values for what in ("cell", "area"))
    if cell.max(initial=-1) >= size:
        return whole
    shares = csr_array((cube[f"{layer}_share"].values, (area, cell)), shape=whole.shape)
    land = shares.sum(axis=0)
    if (shares.max(axis=0).toarray().ravel()[inside] > shares[main[inside], inside] + SMALL).any():
        return whole  # the cube was cut to some cells, to which the shares no longer belong
    return csr_array(shares.multiply(1 / np.maximum(land, SMALL)[None, :]))
