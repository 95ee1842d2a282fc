"""What a map can show: the variables of a cube as layers, and layers made of two or three of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import check_cube, require, role_of, space, variables_of
from htgeo.maps.style import SERIES, describe

Kind = Literal["number", "binary", "categorical"]
MOST_CONTRIBUTIONS = 6
"""Contributions shown as layers unless asked for by name; the reasons in words count all."""
GAP = "not known"
NOT_FEATURES = ("contribution_base", "contribution_offset")
FLAGGED = ("#dde3e8", "#b3380f")


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """One thing that a map shows, by place and day or by place alone.

    Attributes
    ----------
    name
        Short name, unlike those of the other layers.
    title
        What the layer is called in the list of layers.
    about
        What it shows, in one sentence.
    values : DataArray
        ``(cell, time)`` or ``(cell)``; of a cube of areas their dimension; lazy or not.
    unit
        ``probability`` (shown as percent), ``points`` (a difference of probabilities, shown as percentage points), or
        any text that stands after a number.
    kind
        ``number`` (classes by quantiles; symmetric around 0 where there are values on both sides), ``binary`` or
        ``categorical``.
    codes, labels, colors
        Of a binary or categorical layer: its values, what each means, and their colours.
    digits
        Significant digits that a page keeps: its texts show two; with three, ranks seldom tie.
    observed
        Whether it counts what happened: marked in the series of a cell.
    gap
        What a missing value means.
    """

    name: str
    title: str
    about: str
    values: xr.DataArray
    unit: str = ""
    kind: Kind = "number"
    codes: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    digits: int = 3
    observed: bool = False
    gap: str = GAP


def variable_layer(cube: xr.Dataset, name: str, events: str | None = None) -> Layer:
    """Return a variable of the cube as a layer.

    Parameters
    ----------
    cube
        The cube.
    name
        Name of a variable on ``(cell, time)`` or ``(cell)``. Its role says how it is drawn; a variable with the CF
        attributes ``flag_values`` and ``flag_meanings`` (and, if wanted, ``flag_colors``) has a class for each flag. Its attribute
        ``missing_means`` says what a missing value is, "not known" by default.
    events
        What the events are, in words; the name of their layer by default.

    Returns
    -------
    Layer

    Raises
    ------
    CubeError
        If the cube has no such variable, or it is not by place.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.variable_layer(ht.demo_cube(), "crime").title
    'Observed events, crime'
    """
    values, dim = require(cube, name), space(cube)
    if set(values.dims) not in ({dim, "time"}, {dim}):
        message = f"a map needs a variable on ({dim!r}, 'time') or ({dim!r},); {name!r} is on {values.dims}"
        raise CubeError(message)
    if values.dtype.kind not in "fiub":
        message = (
            f"a map shows numbers; {name!r} is {values.dtype}. Give it flag_values and flag_meanings, or outline it"
        )
        raise CubeError(message)
    role, about = role_of(values), describe(values, events)
    about = about[:1].upper() + about[1:]
    if "flag_meanings" in values.attrs:
        return _flags(name, values, about)
    title = _title(values, events) or about
    if values.dtype.kind == "b":
        labels = ("not flagged", "flagged") if role == "alert" else ("no", "yes")
        return Layer(
            name=name, title=title, about=about, values=values, kind="binary", codes=(0.0, 1.0), labels=labels, colors=FLAGGED
        )  # fmt: skip
    unit = {"risk": "probability", "contribution": "log-odds"}.get(role or "", str(values.attrs.get("units", "")))
    return Layer(
        name=name,
        title=title,
        about=about,
        values=values,
        unit="" if unit == "1" else unit,
        digits=2 if role == "contribution" else 3,
        observed=role == "count",
        gap=str(values.attrs.get("missing_means", GAP)),
    )


def _title(values: xr.DataArray, events: str | None) -> str | None:
    """Return what a variable is called in the list of layers, by its role; None where it has no title of its own."""
    name, model = str(values.name), values.attrs.get("model", "")
    return {
        "alert": f"Alert, {model}",
        "risk": f"Risk, {model}",
        "expected": f"Expected count, {model}",
        "rank": f"Rank, {model}",
        "count": f"Observed events, {events or name}",
        "contribution": f"What {name.removeprefix('contribution_')} adds",
    }.get(role_of(values) or "")


def _flags(name: str, values: xr.DataArray, about: str) -> Layer:
    """Return a layer with a class for each flag of a CF flag variable."""
    attrs = values.attrs
    codes = tuple(float(code) for code in attrs.get("flag_values", ()))
    labels = tuple(word.replace("_", " ") for word in str(attrs["flag_meanings"]).split())
    colors = tuple(str(attrs.get("flag_colors", "")).split()) or tuple(
        SERIES[i % len(SERIES)] for i in range(len(codes))
    )
    if not len(codes) == len(labels) == len(colors):
        message = f"{name!r} has {len(codes)} flag_values, {len(labels)} flag_meanings and {len(colors)} flag_colors: one each is needed"
        raise CubeError(message)
    return Layer(
        name=name, title=about, about=about, values=values, kind="categorical", codes=codes, labels=labels, colors=colors
    )  # fmt: skip


def difference_layer(cube: xr.Dataset, model: str, other: str) -> Layer:
    """Return how much higher one model forecasts than another.

    Parameters
    ----------
    cube
        A cube with the risks, or the expected counts, of both models.
    model, other
        Names of the models, as in ``risk_<model>``.

    Returns
    -------
    Layer
        The forecast of `model` less that of `other`; lazy.

    Raises
    ------
    InputError
        If the cube has no forecast of one of them.
    CubeError
        If they forecast different labels.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-05-01")
    >>> for model in (ht.HistoricalRate(), ht.EwmaRate()):
    ...     cube = ht.add_risk(cube, model.fit(train))
    >>> layer = ht.difference_layer(cube, "ewma_rate", "historical_rate")
    >>> page = ht.write_map_page(cube, "risk_ewma_rate", "map.html", layers=["risk_ewma_rate", layer])
    """
    ours, theirs = (_forecast(cube, name) for name in (model, other))
    if ours.attrs.get("label") != theirs.attrs.get("label"):
        message = f"{ours.name!r} and {theirs.name!r} forecast different labels ({ours.attrs.get('label')}, {theirs.attrs.get('label')})"
        raise CubeError(message)
    return Layer(
        name=f"{ours.name}-{theirs.name}",
        title=f"Difference, {model} less {other}",
        about=f"How much higher {model} forecasts than {other}; below zero where it forecasts less",
        values=ours - theirs,
        unit="points" if role_of(ours) == role_of(theirs) == "risk" else "",
        digits=2,
    )


def band_layer(cube: xr.Dataset, model: str) -> Layer:
    """Return how uncertain the count of the coming days is: the width of the band of a model.

    Parameters
    ----------
    cube
        A cube with bands, from `htgeo.models.bands.add_bands`.
    model
        Name of the model, as in ``band_low_<model>``.

    Returns
    -------
    Layer
        The highest less the lowest count of the band; lazy, missing where there is no band.

    Raises
    ------
    CubeError
        If the cube has no bands of the model.
    """
    low, high = f"band_low_{model}", f"band_high_{model}"
    if low not in cube or high not in cube:
        message = f"the cube has no bands of {model!r}: htgeo.models.bands.add_bands(cube, {model!r}) adds them"
        raise CubeError(message)
    level = 100 * float(cube[low].attrs.get("level", 0.9))
    return Layer(
        name=f"band_{model}",
        title=f"Uncertainty, {model}",
        about=f"Highest less lowest count of the {level:g} % band around the forecast of {model}",
        values=cube[high] - cube[low],
        unit="events",
    )


def _forecast(cube: xr.Dataset, model: str) -> xr.DataArray:
    for name in (f"risk_{model}", f"expected_{model}", model):
        if name in cube and role_of(cube[name]) in ("risk", "expected"):
            return cube[name]
    known = [name.removeprefix("risk_") for name in variables_of(cube, "risk")]
    message = f"the cube has no forecast of {model!r}; it has {', '.join(known) or 'none: htgeo.add_risk(cube, model) adds one'}"
    raise InputError(message)


def map_layers(
    cube: xr.Dataset, variable: str | None, layers: Sequence[str | Layer] | None, events: str | None = None
) -> list[Layer]:
    """Return the layers of a map, the one shown first at the head.

    Parameters
    ----------
    cube
        The cube.
    variable
        The first layer; the first risk by default, or the first of `layers`.
    layers
        Names of variables, and layers; by default what belongs to the risk shown: see `default_layers`.
    events
        What the events are, in words.

    Returns
    -------
    list of Layer

    Raises
    ------
    CubeError
        If there is nothing to show.
    InputError
        If two layers have one name.
    """
    check_cube(cube)
    if isinstance(layers, str | Layer):
        layers = [layers]
    if variable is None and not layers:
        variable = next(iter(variables_of(cube, "risk")), None)
        if variable is None:
            message = f"the cube has no risk to map: htgeo.add_risk(cube, model) adds one, or name a variable: {', '.join(map(str, cube.data_vars))}"
            raise CubeError(message)
    asked = list(layers) if layers else default_layers(cube, str(variable))
    made = [one if isinstance(one, Layer) else variable_layer(cube, one, events) for one in asked]
    if variable is not None:
        first = next((one for one in made if one.name == variable), None) or variable_layer(cube, variable, events)
        made = [first, *(one for one in made if one is not first)]
    names = [one.name for one in made]
    if len(set(names)) < len(names):
        message = f"two layers of the map have one name: {', '.join(names)}"
        raise InputError(message)
    return made


def default_layers(cube: xr.Dataset, variable: str) -> list[str]:
    """Return the variables that belong to a risk: all risks, its alert, the events observed, some contributions."""
    shown = require(cube, variable)
    if role_of(shown) != "risk":
        return [variable]
    alert, observed = f"alert_{variable.removeprefix('risk_')}", str(shown.attrs.get("layer", ""))
    contributions = [name for name in variables_of(cube, "contribution") if name not in NOT_FEATURES]
    return [
        *variables_of(cube, "risk"),
        *(name for name in (alert, observed) if name in cube.data_vars),
        *contributions[:MOST_CONTRIBUTIONS],
    ]
