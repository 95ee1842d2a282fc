"""Cubes by area instead of cell, and by week, month or year instead of day."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import from_blocks, sum_blocks, whole_time
from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.cube.areas import area_attrs, time_facts
from htgeo.cube.land import SMALL, labels_of, land_shares, middles, touching
from htgeo.cube.near import border_coords
from htgeo.cube.periods import FREQS, STEP_DAYS, check_freq, dropped_days, whole_periods
from htgeo.cube.schema import CELL, area_names, check_cube, even_steps, layer_names, role_of, space, stamp, step_days

if TYPE_CHECKING:
    from scipy.sparse import csr_array

HIGHEST_RISK = 1 - 1e-6
OUTSIDE = "_outside"
"""Suffix of the counts of cells, or parts of them, that lie in no area."""
SUMMED = ("count", "known_count")
AS_OF = ("within_count", "series")
"""Roles whose value for a step is that of its first day: what was known at the start of the step."""


@dataclass(frozen=True)
class _Into:
    """How a cube is put together: weights (area, cell), None to keep the places; names of the areas; steps and days."""

    weights: "csr_array | None"
    names: np.ndarray
    place: str
    steps: np.ndarray
    starts: np.ndarray
    days: slice
    freq: str


def aggregate(cube: xr.Dataset, by: str | None = None, freq: str = "D") -> xr.Dataset:
    """Sum a cube to areas and longer steps, lazily: the same features, labels, models and scores work on the result.

    Counts add up, each cell spread over the areas by its land in them; where cells lie in no area, what they hold is
    ``<name>_outside`` on ``(time)``, so that no event is lost. Expected counts add up too. A risk becomes an
    expected count (the events it stands for if they come alone), since neither the mean nor the sum of probabilities is
    a probability. What was known at the start of a day (series, counts of the last days) is taken from the first day of
    a step. Features and labels are left out, since they do not add up: add them again. ``aggregated`` in the attributes
    says what was done and left out.

    Parameters
    ----------
    cube
        A cube of cells and days, or of areas and days or weeks.
    by
        Region layer of the cube that becomes the spatial dimension; None keeps the places.
    freq
        ``"D"``, ``"W"`` (weeks from Monday); ``"M"`` and ``"Y"`` for reports only, as features, labels and models need
        steps of a fixed length. Incomplete periods at both ends are left out.

    Returns
    -------
    Dataset
        A cube ``(<by>, time)`` whose `time` is the first day of each step, with ``lon`` and ``lat`` of a cell in the area,
        ``cell_area`` (km2 of land) and the borders between areas, which are those between their cells.

    Raises
    ------
    InputError
        If there is no such layer or frequency, or the steps of the cube do not make up the new ones.
    CubeError
        If no period is whole.

    Examples
    --------
    >>> import htgeo as ht
    >>> weekly = ht.aggregate(ht.demo_cube(), by="borough", freq="W")
    >>> weekly["crime"].dims, weekly.attrs["step_days"]
    (('borough', 'time'), 7)
    """
    check_cube(cube)
    check_freq(freq)
    into = _plan(cube, by, freq)
    made = _skeleton(cube, into)
    left_out = []
    for name in map(str, cube.data_vars):
        variables = _aggregated(cube[name], cube, into)
        made = made.assign(variables)
        left_out += [] if variables else [name]
    return made.assign_attrs(aggregated=_statement(cube, into, left_out))


def forecast_of(risk: np.ndarray, *, probability: bool) -> np.ndarray:
    """Return the events that a risk stands for if they come alone (Poisson), float64; expected counts as they are."""
    expected = risk.astype(float)
    return np.asarray(-np.log1p(-np.minimum(expected, HIGHEST_RISK)) if probability else expected)


def _plan(cube: xr.Dataset, by: str | None, freq: str) -> _Into:
    """Return how to put a cube together, or raise where it cannot be."""
    if by is not None and by not in layer_names(cube):
        message = (
            f"the cube has no region layer {by!r}{near(by, layer_names(cube))}; it has {', '.join(layer_names(cube))}"
        )
        raise InputError(message)
    step = step_days(cube)
    if "freq" in cube.attrs or not even_steps(cube) or (step > 1 and freq != "W"):
        message = f"a cube whose steps are {step} days, or of no fixed length, cannot be aggregated by freq={freq!r}; aggregate the cube of days"
        raise InputError(message)
    days = (cube["time"].values.astype("datetime64[D]")[:, None] + np.arange(step)).ravel()
    steps, whole = whole_periods(days, freq)
    kept = slice(whole.start // step, whole.stop // step)
    starts = (steps - steps[0]).astype(int) // step
    weights, names = None, cube[space(cube)].values
    if by is not None and by != space(cube):
        weights, names = land_shares(cube, by), np.array(area_names(cube, by))
        held = np.diff(weights.indptr) > 0  # areas in which some place lies
        weights, names = weights[held], names[held]
    if weights is None and STEP_DAYS.get(freq) == step:
        message = f"the cube is by {space(cube)} and {FREQS[freq]} already; give by=a region layer, or a longer freq"
        raise InputError(message)
    return _Into(weights, names, by or space(cube), steps, starts, kept, freq)


def _skeleton(cube: xr.Dataset, into: _Into) -> xr.Dataset:
    """Return the new cube with its coordinates and no variables."""
    zone = str(cube.attrs.get("time_zone"))
    time = ("time", into.steps.astype("datetime64[ns]"), time_facts(into.freq, zone))
    step = {"step_days": STEP_DAYS[into.freq]} if into.freq in STEP_DAYS else {"freq": into.freq}
    if into.weights is None:
        kept = cube.drop_vars([*cube.data_vars, "time"]).assign_coords(time=time)
        attrs = {key: value for key, value in cube.attrs.items() if key not in ("step_days", "freq")}
        return kept.drop_attrs(deep=False).assign_attrs({**attrs, **(step if step != {"step_days": 1} else {})})
    others = {n: labels_of(cube, into.place, into.weights, n) for n in layer_names(cube) if n != into.place}
    attrs = area_attrs(into.place, into.freq, zone, list(others))
    coords = {
        into.place: (into.place, into.names, {"long_name": into.place, "names": area_names(cube, into.place)}),
        "time": time,
        **middles(cube, into.place, into.weights),
        **others,
        **border_coords(into.place, into.names, touching(cube, into.weights)),
    }
    return xr.Dataset(coords=coords, attrs=attrs)


def _aggregated(data: xr.DataArray, cube: xr.Dataset, into: _Into) -> dict[str, xr.Variable]:
    """Return a variable of the new cube by name, with what lies in no area; nothing where it does not add up."""
    name, role = str(data.name), role_of(data)
    if "time" not in data.dims or space(cube) not in data.dims:
        return _of_one_axis(data, cube, into)
    if role in SUMMED:
        return {name: _like(data, _reduced(data, into, "sum"), role, into), **_outside(data, into)}
    if role in AS_OF:
        return {name: _like(data, _reduced(data, into, "first"), role, into)}
    if role in ("risk", "expected"):
        return _expected(data, into, step_days(cube))
    return {}


def _of_one_axis(data: xr.DataArray, cube: xr.Dataset, into: _Into) -> dict[str, xr.Variable]:
    """Return a city series, a triangle of days, or a variable of places."""
    name, role = str(data.name), role_of(data)
    if role == "series":
        return {name: data.isel(time=into.days).isel(time=into.starts).variable}
    if role == "triangle" and into.freq == "D":
        return {name: data.isel(time=into.days).variable}
    if role != "place":
        return {}
    if into.weights is None:
        return {name: data.variable}
    how = data.attrs.get("how")
    if how not in ("sum", "mean"):
        return {}
    weights = into.weights if how == "sum" else into.weights * cube["cell_area"].values[None, :]
    values = np.asarray(weights @ data.values.astype(float))
    if how == "mean":
        values = values / np.maximum(np.asarray(weights.sum(axis=1)).ravel(), SMALL)
    return {name: _like(data, values.astype(np.float32), "place", into)}


def _expected(data: xr.DataArray, into: _Into, step: int) -> dict[str, xr.Variable]:
    """Return the expected count of a forecast: summed where it is of one step, taken where its horizon is the new step."""
    facts = {key: value for key, value in data.attrs.items() if key != "base_rate"}
    horizon, longer = int(facts["horizon"]), STEP_DAYS.get(into.freq)
    if longer == step:
        how = "first"
    elif horizon in (step, longer):
        how = "sum" if horizon == step else "first"
    else:
        return {}
    name = str(data.name)
    short = name.removeprefix("risk_").removeprefix("expected_")
    made = f"expected_{short}"
    facts["horizon"] = horizon if how == "first" or longer is None else longer
    facts["label"] = f"{facts['layer']}_count_within_{facts['horizon']}"
    text = f"expected count of {facts['layer']} forecast by {facts['model']}, from {name}"
    values = _reduced(data, into, how, probability=role_of(data) == "risk")
    plain = {k: v for k, v in facts.items() if k not in ("role", "role_of", "clock", "units", "long_name")}
    return {made: stamp(_variable(values, into, data), made, "expected", "1", text, **plain)}


def _outside(data: xr.DataArray, into: _Into) -> dict[str, xr.Variable]:
    """Return the counts of what lies in no area on ``(time)``, where there is any such place."""
    from scipy.sparse import csr_array

    if into.weights is None:
        return {}
    rest = 1 - np.asarray(into.weights.sum(axis=0)).ravel()
    rest = np.where(rest > SMALL, rest, 0)
    if not rest.any():
        return {}
    values = _reduced(data, into, "sum", csr_array(rest[None, :]))[0]
    text = f"{data.name}: events of cells, or parts of them, that lie in no {into.place}"
    return {f"{data.name}{OUTSIDE}": xr.Variable("time", values, {"units": "1", "long_name": text})}


def _reduced(
    data: xr.DataArray, into: _Into, how: str, weights: "csr_array | None" = None, *, probability: bool = False
) -> Any:
    """Return the lazy sums over places and steps, float32."""
    weights = into.weights if weights is None else weights
    options: dict[str, Any] = {"days": into.days, "starts": into.starts, "how": how, "probability": probability}
    if weights is not None:
        shape = weights.shape[0], len(into.steps)
        return sum_blocks(partial(_of_areas, **options), data, weights, shape)
    if data.chunks is None:
        return _over_time(data.values, **options).astype(np.float32)
    array = whole_time(data).data
    kernel = partial(_of_places, **options)
    return from_blocks(
        kernel, [(block,) for block in array.to_delayed().ravel()], array.chunks[0], len(into.steps), np.float32
    )


def _of_places(values: np.ndarray, **options: Any) -> np.ndarray:
    return _over_time(values, **options).astype(np.float32)


def _of_areas(weights: "csr_array", values: np.ndarray, **options: Any) -> np.ndarray:
    return np.asarray(weights @ _over_time(values, **options))


def _over_time(values: np.ndarray, days: slice, starts: np.ndarray, how: str, *, probability: bool) -> np.ndarray:
    """Return the sums of the steps, or the values of their first days, float64 (cell, step)."""
    kept = values[:, days]
    kept = kept[:, starts] if how == "first" else kept
    events = forecast_of(kept, probability=probability)
    return events if how == "first" else np.add.reduceat(events, starts, axis=1)


def _like(data: xr.DataArray, values: Any, role: str, into: _Into) -> xr.Variable:
    """Return new values as a variable with the attributes of the old one."""
    attrs = {key: value for key, value in data.attrs.items() if key not in ("role", "role_of", "clock")}
    units, text = attrs.pop("units", "1"), attrs.pop("long_name", str(data.name))
    return stamp(_variable(values, into, data), str(data.name), role, units, text, **attrs)


def _variable(values: Any, into: _Into, data: xr.DataArray) -> xr.DataArray:
    place = into.place if into.weights is not None else data.dims[0]
    return xr.DataArray(values, dims=(place, "time")[: values.ndim])


def _statement(cube: xr.Dataset, into: _Into, left_out: list[str]) -> str:
    """Return what was done and left out, in words."""
    days = cube["time"].values.astype("datetime64[D]")
    said = [f"by {into.place} and {FREQS[into.freq]}", dropped_days(days, into.days)]
    if any(role_of(cube[name]) == "risk" for name in cube.data_vars):
        said.append("risks became expected counts: neither the mean nor the sum of probabilities is a probability")
    if left_out:
        said.append(f"left out, as they do not add up: {', '.join(left_out)}")
    if into.weights is not None:
        if f"{into.place}_share" not in cube.coords:
            said.append(
                f"the cube has no shares of cells in areas, so each counts to the {into.place} that holds most of it"
            )
        if empty := sorted(set(area_names(cube, into.place)) - set(into.names.tolist())):
            said.append(f"areas in which no {space(cube)} lies are left out: {', '.join(empty)}")
        rest = 1 - np.asarray(into.weights.sum(axis=0)).ravel()
        if (cells := int((rest > SMALL).sum())) and space(cube) == CELL:
            said.append(f"{cells} cells lie outside all areas or in part: see the variables …{OUTSIDE}")
    return "; ".join(part for part in said if part)
