"""A forecast and verified cases on one map, and beside it how many of the cases the riskiest land holds."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import CELL, require, role_of, space
from htgeo.evaluation.case_check import CaseCheck
from htgeo.evaluation.case_levels import Forecast, load_forecast
from htgeo.evaluation.cases import validate_cases
from htgeo.maps.figure import framed, plotting, source_line
from htgeo.maps.plot_overlay_cases import DOT_KM, MapCases, case_elements, error_of, inside_area, map_cases, with_signs
from htgeo.maps.plot_overlay_margin import margin_panel
from htgeo.maps.stacked import beside
from htgeo.maps.style import class_breaks, class_colors, percent
from htgeo.maps.surface import surface
from htgeo.sources.events import Events
from htgeo.sources.region import Region

FORECASTS = ("risk", "expected")
SHOWN = ("mean", "latest")
MAP, MARGIN, HEIGHT = 670, 330, 600
"""Pixels of the map and of the margin, and of both in height."""


def plot_overlay(
    cube: xr.Dataset,
    variable: str,
    cases: Events,
    *,
    area: str | None = None,
    time: str | slice | None = None,
    show: str = "mean",
    region: Region | None = None,
    error_km: float | None = None,
    hide_below: float = 0,
    draws: int = 200,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw a forecast as a map with verified cases over it, each as precise as it is known.

    A case known to a point is a dot, or a circle as wide as the error of its place; cases known to an area hatch the whole
    area and are a number in it; those known to the city only are told below. Beside the map stands, for each of these
    levels, the share of the cases in the riskiest 5, 10 and 20 % of the land, with intervals, as `validate_cases` finds it.
    Only cases of days that are forecast and did not train the model are drawn.

    Parameters
    ----------
    cube
        A cube with the forecast.
    variable
        Name of the forecast, ``risk_…`` or ``expected_…``.
    cases
        Verified cases, as of ``read_events("tahub_cases", …)``.
    area
        Name of an area of any layer, such as ``"Queens"``: map and shares are of its land only; None for the whole city.
    time
        A day or a slice of days; by default all after the training days.
    show
        ``"mean"`` of the days, or the ``"latest"`` of them.
    region
        Layer whose outlines are drawn; needed for cubes of areas, of whose layer it must be.
    error_km
        Error of cases known to a point, as radius; by default one unit of the last decimal of the coordinates of the
        file (two decimals: 1.1 km). Below 0.2 km a case is a dot.
    hide_below
        Numbers of cases below this are hidden; if above 1, no case is drawn alone, but counts to its area.
    draws
        Bootstrap draws for the intervals; 0 gives none.
    title
        Heading.
    source
        What cube and cases are, for the line below.

    Returns
    -------
    holoviews.Layout
        Map and margin; `save_figure` writes it. Of the cube, only the forecast on these days is computed.

    Raises
    ------
    InputError
        If there is no such area, the cases are something else, or an option cannot be used.
    CubeError
        If there is no such forecast, or a day trained it.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-06-30")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> cases = ht.read_events("tahub_cases", folder / "cases.csv", areas=[boroughs])
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-03-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> figure = ht.plot_overlay(cube, "risk_historical_rate", cases, region=boroughs, draws=20)
    >>> ht.save_figure(figure, "overlay.png").name
    'overlay.png'
    """
    _check(cube, variable, cases, show, error_km, hide_below)
    first, last = (time.start, time.stop) if isinstance(time, slice) else (time, time)
    inside = inside_area(cube, area)
    forecast = load_forecast(inside, variable, first, last)
    error = error_of(cases.table) if error_km is None else float(error_km)
    drawn = map_cases(inside, cases.table, forecast, error, hide_below)
    check = _checked(inside, variable, cases, forecast, error, draws)
    panels = [
        _map(
            inside,
            variable,
            drawn,
            forecast,
            show,
            region,
            area,
            hide_below,
            _line(inside, variable, drawn, show, source, hide_below),
        ),
        margin_panel(check, hide_below, told=drawn.told(hide_below), width=MARGIN, height=HEIGHT),
    ]
    return beside(panels, (MAP, MARGIN), HEIGHT, title=title or _title(inside, variable, forecast, area))


def _check(
    cube: xr.Dataset, variable: str, cases: Events, show: str, error_km: float | None, hide_below: float
) -> None:
    role = role_of(require(cube, variable))
    if role not in FORECASTS:
        message = (
            f"cases are laid over a forecast (risk_…, expected_…), not over {variable!r} ({role or 'no forecast'})"
        )
        raise InputError(message)
    if not isinstance(cases, Events):
        message = f"cases are events, read with htgeo.read_events('tahub_cases', path, areas=[…]); this is {type(cases).__name__}"
        raise InputError(message)
    if show not in SHOWN or hide_below < 0 or (error_km is not None and not 0 <= error_km < np.inf):
        message = f"show must be 'mean' or 'latest', hide_below and error_km at least 0, not {show!r}, {hide_below!r} and {error_km!r}"
        raise InputError(message)


def _checked(
    cube: xr.Dataset, variable: str, cases: Events, forecast: Forecast, error: float, draws: int
) -> CaseCheck | None:
    """Return the validation on the cases drawn, None where none of them can be compared."""
    start, stop = str(forecast.times[0]), str(forecast.times[-1])
    errors = [error if error >= DOT_KM else 0.0]
    try:
        return validate_cases(cube, variable, cases, start=start, stop=stop, errors_km=errors, draws=draws)
    except CubeError:
        return None


def _map(
    cube: xr.Dataset,
    variable: str,
    cases: MapCases,
    forecast: Forecast,
    show: str,
    region: Region | None,
    area: str | None,
    hide_below: float,
    source: str,
) -> Any:
    """Return the map with its cases."""
    hv = plotting()
    days = cube[variable].transpose(space(cube), "time").sel(time=forecast.times.astype("datetime64[ns]"))
    values = (days.mean("time") if show == "mean" else days.isel(time=-1)).values
    breaks = class_breaks(values)
    labels = _labels(breaks, probability=role_of(cube[variable]) == "risk")
    classes = list(zip(labels, class_colors(breaks), strict=True))
    codes = np.where(np.isfinite(values), np.digitize(values, breaks), -1)
    outlined = _outline_of(region, area) if space(cube) == CELL else region
    below = surface(cube, codes, classes, hover={variable: np.round(values, 5)}, region=outlined)
    whole = hv.Overlay([*below, *case_elements(cube, cases, region, hide_below)]).collate()
    drawn = framed(whole, title="", source=source, width=MAP, height=HEIGHT, key=classes, is_map=True)
    return with_signs(drawn, cases)


def _outline_of(region: Region | None, area: str | None) -> Region | None:
    """Return the region cut to an area; None where it has no such area."""
    if region is None or area is None:
        return region
    wanted = np.array(region.names) == area
    return replace(region, names=(area,), geometries=region.geometries[wanted]) if wanted.any() else None


def _labels(breaks: np.ndarray, *, probability: bool) -> list[str]:
    """Return texts of the classes."""
    shown = [percent(edge) if probability else f"{edge:g}" for edge in breaks]
    if not shown:
        return ["all"]
    return [f"below {shown[0]}", *(f"{a} to {b}" for a, b in pairwise(shown)), f"{shown[-1]} and more"]


def _title(cube: xr.Dataset, variable: str, forecast: Forecast, area: str | None) -> str:
    """Return what is seen, in one sentence, with the days that forecast and cases have in common."""
    first, last = str(forecast.times[0]), str(forecast.times[-1] + np.timedelta64(forecast.step - 1, "D"))
    model = cube[variable].attrs.get("model", variable)
    return f"Risk by {model} and verified cases, {area or 'whole city'}, {first} to {last}"


def _line(cube: xr.Dataset, variable: str, cases: MapCases, show: str, source: str, hide_below: float) -> str:
    """Return what the map was made from, what its colours are, and which cases it lacks."""
    days = "Mean of the days" if show == "mean" else "Last day"
    said = [source_line(cube, source), f"{days}: {cube[variable].attrs.get('long_name', variable)}."]
    if not len(cases.lon) and not cases.areas:
        said.append("No case of these days lies here.")
    said += [
        f"Not drawn: {count:g} {why}."
        for why, count in cases.left_out.items()
        if count >= hide_below and cases.told(hide_below)
    ]
    return " ".join(said)
