"""The table of every kind of variable in a cube, and the checks and stamps made from it."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE

XarrayObject = TypeVar("XarrayObject", xr.Dataset, xr.DataArray)


@dataclass(frozen=True)
class Role:
    """What a variable of a cube is.

    Attributes
    ----------
    dims
        The allowed tuples of dimensions.
    dtypes
        The allowed types.
    clock
        When its value for a day can be used: ``occurred`` (only after everything is reported), ``known`` (counts by
        the day they became known: usable from the next day), ``as_of`` (known at the start of the day), ``static``.
    summary
        One sentence.
    """

    dims: tuple[tuple[str, ...], ...]
    dtypes: tuple[str, ...]
    clock: str
    summary: str


BOTH = (("cell", "time"),)
ROLES = {
    "count": Role(
        BOTH, ("float32",), "occurred", "Events by the day they occurred; area events are spread over their area."
    ),
    "known_count": Role(BOTH, ("float32",), "known", "The same events by the day they became known."),
    "within_count": Role(
        BOTH, ("float32",), "as_of", "Events of the last days that were known at the start of the day."
    ),
    "triangle": Role(
        (("time", "delay"),), ("float32",), "known", "Events by day of occurrence and days until they were known."
    ),
    "series": Role((("time",),), ("float32",), "as_of", "A city series, as published by the start of the day."),
    "place": Role((("cell",),), ("float32",), "static", "Places in the cell, or the distance to the nearest."),
    "feature": Role(
        (("cell", "time"), ("cell",), ("time",)), ("float32",), "as_of", "A feature: known at the start of the day."
    ),
    "label": Role(BOTH, ("float32",), "occurred", "What is to be forecast: looks ahead from the day."),
    "risk": Role(BOTH, ("float32",), "as_of", "Calibrated probability of the label, forecast at the start of the day."),
    "contribution": Role(BOTH, ("float32",), "as_of", "What a feature adds to the log-odds of a risk."),
    "expected": Role(BOTH, ("float32",), "as_of", "Expected count of the label, forecast at the start of the day."),
    "alert": Role(BOTH, ("bool",), "as_of", "Whether a rule flags the cell on the day."),
    "rank": Role(BOTH, ("float32",), "as_of", "Place of the cell among those of the day, 1 the first to be flagged."),
    "hotspot": Role((*BOTH, ("cell",)), ("int8",), "occurred", "Class of a hot-spot statistic; see its flag_meanings."),
    "local_statistic": Role(
        (*BOTH, ("cell",)), ("float32",), "occurred", "A hot-spot statistic of the cell: a score, p value or share."
    ),
    "cluster": Role((("cell",),), ("int32",), "occurred", "Cluster of events that most events of the cell belong to."),
}
COORDS = {"cell": "uint64", "lon": "float64", "lat": "float64", "cell_area": "float64"}
STEP_NAMES = {1: "day", 7: "week"}
CELL = "cell"
"""The spatial dimension of a cube of cells; that of a cube of areas is named after their layer."""


def stamp(data: xr.DataArray, name: str, role: str, units: str, long_name: str, **attrs: Any) -> xr.Variable:
    """Return the data as a variable to be put into a cube, with its role, units and one sentence as attributes.

    Attributes survive arithmetic, so a role names its variable and counts only while both agree.
    """
    stamped = {"role": role, "role_of": name, "clock": ROLES[role].clock, "units": units, "long_name": long_name}
    return xr.Variable(data.dims, data.data, {**stamped, **attrs})


def role_of(variable: xr.DataArray) -> str | None:
    """Return the role of a variable, None where it has none or inherited one from another variable."""
    attrs = variable.attrs
    return attrs.get("role") if attrs.get("role_of") == variable.name else None


def variables_of(cube: xr.Dataset, role: str) -> list[str]:
    """Return the names of the variables of one role, in the order of the cube."""
    return [str(name) for name in cube.data_vars if role_of(cube[name]) == role]


def layer_names(cube: xr.Dataset) -> list[str]:
    """Return the region layers of a cube, the study area first."""
    return [name for name in cube.attrs.get("layers", []) if name in cube.coords]


def area_names(cube: xr.Dataset, layer: str) -> list[str]:
    """Return all areas of a region layer, also those without a cell in this cube."""
    share = f"{layer}_share"
    if share in cube:
        names = cube[share].attrs["names"]
    else:
        names = cube[layer].attrs.get("names", np.unique(cube[layer].values).tolist())
    return [str(name) for name in names]


def only_label(cube: xr.Dataset) -> xr.DataArray:
    """Return the one label of a cube, or say how to get one."""
    names = variables_of(cube, "label")
    if len(names) != 1:
        message = f"the cube has {len(names)} labels ({', '.join(names) or 'none'}); exactly one is needed: htgeo.add_label(cube, htgeo.AnyWithin('case', days=7))"
        raise CubeError(message)
    return cube[names[0]]


def check_cube(cube: xr.Dataset) -> None:
    """Raise unless the dataset looks like a cube at all (cheap: names and dimensions only)."""
    if not isinstance(cube, xr.Dataset):
        message = f"a cube is an xarray.Dataset, this is {type(cube).__name__}; make one with htgeo.grid_events({{'crime': events}}, grid)"
        raise CubeError(message)
    for name in (space(cube), "time"):
        if name not in cube.coords:
            message = f"this Dataset has no {name!r} coordinate, so it is not a cube; make one with htgeo.grid_events({{'crime': events}}, grid)"
            raise CubeError(message)


def space(cube: xr.Dataset | xr.DataArray) -> str:
    """Return the spatial dimension: ``cell``, or the area layer of a cube made by `aggregate` or `grid_areas`."""
    return str(cube.attrs.get("space", CELL))


def step_days(cube: xr.Dataset | xr.DataArray) -> int:
    """Return how many days one step of the time axis is: 1, or 7 in a cube of weeks."""
    return int(cube.attrs.get("step_days", 1))


def steps(cube: xr.Dataset | xr.DataArray, days: int, what: str = "windows") -> int:
    """Return how many steps of the cube so many days are, or raise where they are no whole steps."""
    step = step_days(cube)
    whole, rest = divmod(int(days), step)
    if rest:
        least = step * max(1, round(days / step))
        message = f"{what} of {days} days are no whole steps: a step of this cube is {step} days; give {least} days"
        raise InputError(message)
    return whole


def require_cells(cube: xr.Dataset, what: str) -> None:
    """Raise where the places of a cube are areas and not cells."""
    if space(cube) != CELL:
        message = f"{what} needs H3 cells, the places of this cube are areas ({space(cube)}); use a cube of htgeo.grid_events (htgeo.aggregate makes areas of it afterwards), or leave it out"
        raise CubeError(message)


def require_days(cube: xr.Dataset, what: str) -> None:
    """Raise where a step of a cube is longer than a day."""
    if step_days(cube) != 1:
        message = f"{what} needs a cube of days, a step of this cube is {step_days(cube)} days; leave it out"
        raise CubeError(message)


def require(cube: xr.Dataset, name: str, what: str = "variable") -> xr.DataArray:
    """Return a variable of the cube, or say which there are."""
    check_cube(cube)
    if name not in cube:
        message = f"the cube has no {what} {name!r}; it has {', '.join(map(str, cube.data_vars)) or 'no variables'}"
        raise CubeError(message)
    return cube[name]


def as_day(day: Any) -> Any:
    """Return a day like ``2024-05-14`` as datetime64[ns]; None stays None."""
    if day is None:
        return None
    if isinstance(day, bool | int | float):
        message = f"a day looks like 2024-05-14 (a text or a date), not the number {day!r}"
        raise InputError(message)
    whole = not isinstance(day, str) or len(day) >= len("2024-05-14")  # "2024-05" is a month
    try:
        moment = np.datetime64(day if whole else "no day", "D")
    except ValueError as error:
        message = f"a day looks like 2024-05-14, not {day!r}"
        raise InputError(message) from error
    return moment.astype("datetime64[ns]")


def select_days(cube: XarrayObject, time: str | slice | None) -> XarrayObject:
    """Return a cube, or a variable of it, for a day or a range of days; the last day if None."""
    days = cube["time"].values
    if time is None:
        time = slice(days[-1], days[-1])
    first, last = (time.start, time.stop) if isinstance(time, slice) else (time, time)
    chosen = cube.sel(time=slice(as_day(first), as_day(last)))
    if not chosen.sizes["time"]:
        wanted = f"from {time.start or 'its first'} to {time.stop or 'its last'}" if isinstance(time, slice) else time
        message = f"the cube has no day {wanted}; it has {str(days[0])[:10]} to {str(days[-1])[:10]}"
        raise CubeError(message)
    return chosen


def validate(cube: xr.Dataset) -> xr.Dataset:
    """Check a cube against the table of variables, without computing anything.

    Parameters
    ----------
    cube
        A Dataset on ``(cell, time)``, or ``(<layer>, time)`` where its places are areas.

    Returns
    -------
    Dataset
        The same object.

    Raises
    ------
    CubeError
        Listing every variable with wrong dimensions or type, cells that are not sorted H3 ids of one resolution, or a
        time axis with holes.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> ht.validate(cube) is cube
    True
    """
    check_cube(cube)
    faults = [*_axis_faults(cube), *_variable_faults(cube)]
    if faults:
        message = "this is not a sound cube: " + "; ".join(faults)
        raise CubeError(message)
    return cube


def _axis_faults(cube: xr.Dataset) -> list[str]:
    faults = _cell_faults(cube) if space(cube) == CELL else _area_faults(cube)
    days = cube["time"].values.astype("datetime64[D]")
    if (cube["time"].values != days).any():
        faults.append("time has hours; a day is its midnight")
    if not even_steps(cube):
        faults.append(f"time is not one {STEP_NAMES.get(step_days(cube), 'step')} after the other")
    return faults


def even_steps(cube: xr.Dataset) -> bool:
    """Return whether each step of the time axis begins where the one before it ends."""
    unit = str(cube.attrs.get("freq", "D"))  # months and years are of no fixed length
    days = cube["time"].values.astype(f"datetime64[{unit}]")
    return bool((np.diff(days).astype(int) == step_days(cube)).all())


def _cell_faults(cube: xr.Dataset) -> list[str]:
    faults = []
    cells = cube[CELL].values
    if cells.dtype == np.uint64 and len(cells):
        if (cells[1:] <= cells[:-1]).any():
            faults.append("cell is not sorted ascending without doubles")
        level = (cells >> np.uint64(52)) & np.uint64(15)
        if (level != cube[CELL].attrs.get("level", -1)).any():
            faults.append("cell ids are not of the resolution in cell.attrs['level']")
    return faults


def _area_faults(cube: xr.Dataset) -> list[str]:
    names = cube[space(cube)].values
    faults = [] if names.dtype.kind == "U" else [f"{space(cube)} is not text: the names of the areas"]
    return [*faults, *([f"{space(cube)} names an area twice"] if len(set(names.tolist())) < len(names) else [])]


def _variable_faults(cube: xr.Dataset) -> list[str]:
    import pandera.xarray as px
    from pandera.errors import SchemaErrors

    roles = {name: ROLES[role] for name in cube.data_vars if (role := role_of(cube[name])) in ROLES}
    variables = {}
    for name, found in roles.items():
        allowed = [tuple(space(cube) if dim == CELL else dim for dim in dims) for dims in found.dims]
        dims = cube[name].dims if cube[name].dims in allowed else allowed[0]
        variables[name] = px.DataVar(dims=dims, dtype=found.dtypes[0])
    coords = {name: px.Coordinate(dtype=dtype) for name, dtype in COORDS.items() if name != CELL or space(cube) == CELL}
    try:
        px.DatasetSchema(data_vars=variables, coords=coords).validate(cube, lazy=True)
    except SchemaErrors as errors:
        return [
            f"{e['column']}: {e['error']}" for group in errors.message.values() for kind in group.values() for e in kind
        ]
    return []


def cube_attrs(title: str, time_zone: str, layers: list[str], **more: Any) -> dict[str, Any]:
    """Return the attributes of a new cube."""
    from htgeo.core.version import VERSION

    return {
        "Conventions": "CF-1.11",
        "title": title,
        **more,
        "time_zone": time_zone,
        "layers": layers,
        "htgeo_version": VERSION,
        "intended_use": INTENDED_USE,
    }
