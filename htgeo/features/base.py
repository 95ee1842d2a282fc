"""What a feature must state, and how features are added to a cube."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_columns
from htgeo.core.errors import CubeError, InputError, LookAheadError
from htgeo.core.registry import Registry
from htgeo.cube.gridding import KNOWN
from htgeo.cube.schema import (
    COORDS,
    check_cube,
    even_steps,
    layer_names,
    require,
    role_of,
    space,
    stamp,
    step_days,
    steps,
    variables_of,
)

if TYPE_CHECKING:
    import pandas as pd

FEATURES: "Registry[type[Feature]]" = Registry("feature")


class Feature(ABC):
    """Columns made from what was known at the start of each day; a subclass is a frozen dataclass.

    A new feature is one file with one subclass: set `name` and `summary`, implement `look_back` and `columns`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:  # what only gathers what features have in common is none
            FEATURES.add(cls.name, cls)

    @property
    @abstractmethod
    def look_back(self) -> int:
        """Days of history that the feature needs before its first value."""

    @abstractmethod
    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return lazy float32 columns by name; each has ``units`` and ``long_name`` attributes."""


def known_counts(cube: xr.Dataset, layer: str) -> xr.DataArray:
    """Return the counts of a layer by the day events became known: the only counts that features may use.

    In a cube of weeks the counts carry the length of a step, so that windows of days become windows of steps.
    """
    for name in (layer + KNOWN, layer):
        if name in cube and role_of(cube[name]) == "known_count":
            return cube[name] if step_days(cube) == 1 else cube[name].assign_attrs(step_days=step_days(cube))
    if layer in cube and role_of(cube[layer]) == "count":
        message = (
            f"{layer!r} is counted by the day events occurred, which looks ahead of what was known; a feature needs "
            f"{layer + KNOWN!r} beside it, as htgeo.grid_events makes"
        )
        raise LookAheadError(message)
    layers = [name.removesuffix(KNOWN) for name in variables_of(cube, "known_count")]
    message = f"the cube has no counts of {layer!r}; it has {', '.join(layers) or 'none'}"
    raise CubeError(message)


def column(values: xr.DataArray, units: str, long_name: str, **attrs: object) -> xr.DataArray:
    """Return values as float32 with the units and the sentence of a feature column."""
    values = values.astype("float32")
    values.attrs = {"units": units, "long_name": long_name, **attrs}
    return values


def in_days(days: int) -> str:
    """Return ``1 day`` or ``7 days``."""
    return "1 day" if days == 1 else f"{days} days"


def over_windows(
    kernel: Callable[..., np.ndarray], counts: xr.DataArray, days: Sequence[int]
) -> dict[int, xr.DataArray]:
    """Return ``{days: column}`` of a kernel that computes all its windows or lags, given in steps, in one pass."""
    windows = np.array([steps(counts, d) for d in days])
    return dict(zip(days, map_columns(kernel, counts, len(days), windows=windows), strict=True))


def a_day(rate: xr.DataArray, counts: xr.DataArray) -> xr.DataArray:
    """Return a rate a step of some counts as a rate a day."""
    return rate if step_days(counts) == 1 else rate / np.float32(step_days(counts))


def positive_days(days: Sequence[int], what: str) -> None:
    """Raise unless all days are whole numbers of at least 1: a feature uses earlier days only."""
    if not len(days):
        message = f"{what} must name at least one day"
        raise InputError(message)
    for day in days:
        if not isinstance(day, Integral) or day < 1:
            message = f"{what} must be whole days of at least 1, not {day!r}: day 0 and negative days were not known at the start of the day"
            raise LookAheadError(message)


def add_features(cube: xr.Dataset, features: "Sequence[Feature] | str") -> xr.Dataset:
    """Add features to a cube, lazily; a feature that looks ahead is refused.

    Each feature is first tried on a few cells of made-up numbers whose future, and whose counts by day of occurrence,
    are then changed: if a value of an earlier day changes, the feature is refused.

    In a cube of weeks, windows and lags still are days and must be whole weeks; a count, a lag, the largest of the last
    days or the share of days with an event is then one of whole weeks.

    Parameters
    ----------
    cube
        The cube.
    features
        Feature objects, or the name of a set: ``"default"``.

    Returns
    -------
    Dataset
        The cube with one variable a column, on ``(cell, time)``, ``(cell)`` or ``(time)``.

    Raises
    ------
    LookAheadError
        If a feature uses what was not known on its day.
    CubeError
        If the cube lacks an input, or has a column of that name; if a feature needs cells and the places of the cube are
        areas, or needs days and its steps are weeks.
    InputError
        If a window is not a whole number of steps.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Lag("crime", days=[1, 7]), ht.Calendar()])
    >>> cube["crime_lag_7"].attrs["look_back"]
    7
    """
    from htgeo.features.guard import Trials
    from htgeo.features.sets import feature_set

    check_cube(cube)
    if not even_steps(cube) or not cube.sizes[space(cube)]:
        message = "features need cells, and days one after the other; add them to the whole cube and select afterwards"
        raise CubeError(message)
    if "freq" in cube.attrs:
        message = f"features need steps of a fixed number of days, those of this cube are of freq={cube.attrs['freq']!r}; aggregate by freq='W' or 'D'"
        raise CubeError(message)
    if isinstance(features, str):
        features = feature_set(features, cube)
    trials = Trials(cube)
    for feature in features:
        if not isinstance(feature, Feature):
            message = f"features must be feature objects such as htgeo.Lag('crime', days=[1]), not {feature!r}"
            raise InputError(message)
        columns = feature.columns(cube)
        trials.refuse_look_ahead(feature)
        made = {}
        for name, values in columns.items():
            if name in cube.variables:
                message = (
                    f"the cube already has a variable {name!r}; drop it first (cube.drop_vars) or leave out {feature!r}"
                )
                raise CubeError(message)
            facts = {"feature": feature.name, "look_back": feature.look_back, **values.attrs}
            made[name] = stamp(values, name, "feature", **facts)
        cube = cube.assign(made)
        trials.add({name: cube[name] for name in made})
    return cube


def feature_table(cube: xr.Dataset) -> "pd.DataFrame":
    """Return a table of the features of a cube.

    Parameters
    ----------
    cube
        A cube with features.

    Returns
    -------
    DataFrame
        One row a column: its name, the feature that made it, dims, units, days looked back, clock (``as_of``: known at
        the start of the day) and a sentence.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Lag("crime", days=[1])])
    >>> ht.feature_table(cube).loc["crime_lag_1", "look_back"].item()
    1
    """
    import pandas as pd

    check_cube(cube)
    facts = ("feature", "units", "look_back", "clock", "long_name")
    rows = {name: cube[name] for name in variables_of(cube, "feature")}
    table = {name: {"dims": " x ".join(map(str, v.dims)), **{f: v.attrs[f] for f in facts}} for name, v in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index", columns=["dims", *facts])


def static_variable(cube: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable on (cell) that does not change over the days."""
    variable = require(cube, name, "static variable")
    if variable.dims != (space(cube),):
        message = f"{name!r} is on {variable.dims}; a static variable is on ({space(cube)!r},) only"
        raise CubeError(message)
    if name not in (*COORDS, *layer_names(cube)) and role_of(variable) != "place":
        message = f"{name!r} may hold what was not known on a day (a sum over all days, say); static are lon, lat, cell_area, the region layers, and places joined with htgeo.add_places"
        raise LookAheadError(message)
    if variable.attrs.get("audit_only"):
        message = f"{name!r} was joined for audits only (audit_only): who lives in a place is no feature; see htgeo.audit_bias"
        raise InputError(message)
    return variable
