"""Validation of a forecast on verified cases, each at the finest level at which it is honest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import check_cube, layer_names, space
from htgeo.evaluation.bootstrap import check_draws
from htgeo.evaluation.case_areas import area_levels, area_table, case_counts, correlation_table, exposure_steps
from htgeo.evaluation.case_check import CaseCheck
from htgeo.evaluation.case_levels import Forecast, Level, load_forecast, make_level, shares_of
from htgeo.evaluation.case_places import PlacedCases, check_errors, place_cases
from htgeo.evaluation.case_scores import (
    Ranks,
    capture_table,
    lead_table,
    make_draws,
    percentile_table,
    rank_units,
    summary_table,
)
from htgeo.sources.events import Events

if TYPE_CHECKING:
    import pandas as pd

GROWTH = "case counts grow with collection: areas are compared by their shares of the cases, and no trend of counts is judged; give exposure= for one"
COLLECTED = "trends are of cases per case collected (exposure)"


@dataclass(frozen=True)
class Placing:
    """The forecast and the cases of the validated days, placed and ranked."""

    forecast: Forecast
    placed: list[PlacedCases]
    left_out: dict[str, float]
    levels: dict[str, Level]
    ranks: dict[str, Ranks]


def place_and_rank(
    cube: xr.Dataset, model: str, cases: Events, start: str | None, stop: str | None, errors_km: Sequence[float]
) -> Placing:
    """Load the forecast, place the cases, and rank the units of each level that cases are known to."""
    check_cube(cube)
    check_errors(errors_km)
    if not isinstance(cases, Events):
        message = f"cases are events, read with htgeo.read_events('tahub_cases', path, areas=[…]); this is {type(cases).__name__}"
        raise InputError(message)
    if space(cube) == "cell" and (np.diff(cube["cell"].values.astype(np.int64)) <= 0).any():
        message = (
            "the cells are not sorted, so cases cannot be placed in them; sort the cube first: cube.sortby('cell')"
        )
        raise CubeError(message)
    forecast = load_forecast(cube, model, start, stop)
    placed, left_out = place_cases(cube, cases.table, forecast, errors_km)
    if not placed:
        reasons = ", ".join(f"{count:g} {text}" for text, count in left_out.items()) or "there are none"
        message = f"no case can be compared with {forecast.name!r} from {forecast.times[0]} to {forecast.times[-1]} ({reasons}): give other days, or cases known to a layer of the cube ({', '.join(layer_names(cube))})"
        raise CubeError(message)
    levels = {name: make_level(cube, forecast, name) for name in dict.fromkeys(one.level for one in placed)}
    return Placing(forecast, placed, left_out, levels, {name: rank_units(level) for name, level in levels.items()})


def validate_cases(
    cube: xr.Dataset,
    model: str,
    cases: Events,
    *,
    start: str | None = None,
    stop: str | None = None,
    errors_km: Sequence[float] = (0.0, 1.0, 3.0),
    exposure: "pd.Series | pd.DataFrame | None" = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> CaseCheck:
    """Validate a forecast on verified cases that did not train it.

    Cases known to a point are scored by cell, those known to an area by that area, those known to the city only not at
    all. A forecast of a cell is ranked as it is, that of an area by km2; land takes the place of counting, so that cases
    that fall anywhere on the land with equal chance have a mean percentile of 50. A point stands for a circle, of each
    radius assumed. The risk ``p`` of a horizon of ``h`` days stands for ``-log(1 - p) / h`` events a day.

    Parameters
    ----------
    cube
        A cube with the forecast; cases need not be among its counts.
    model
        Name of the model (variable ``risk_<model>`` or ``expected_<model>``).
    cases
        Verified cases, as of ``read_events("tahub_cases", …)``.
    start, stop
        First and last day; by default from the first day whose label lies after the training days to the last one.
    errors_km
        Errors of the location of points to assume, as radii in km. The first is used for sums by area.
    exposure
        Cases collected by month, as a Series indexed by month, or a DataFrame with a column an area. Without it trends
        are of the share by area, since counts grow with collection.
    draws
        Draws of blocks of days for the intervals; 0 gives none.
    level
        Level of the intervals.
    seed
        Seed of the draws.

    Returns
    -------
    CaseCheck

    Raises
    ------
    CubeError
        If the cube has no such forecast, a day trained it, or no case can be compared.
    InputError
        If the errors or the exposure cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-06-30")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> cases = ht.read_events("tahub_cases", folder / "cases.csv", areas=[boroughs])
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, _ = ht.split_time(cube, "2021-03-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> check = ht.validate_cases(cube, "historical_rate", cases, draws=20)
    >>> set(check.percentiles["level"]) <= {"cell", "borough"}
    True
    """
    check_draws(draws, level, seed)
    import pandas as pd

    found = place_and_rank(cube, model, cases, start, stop, errors_km)
    forecast, placed, ranks = found.forecast, found.placed, found.ranks
    again = make_draws(forecast, draws=draws, seed=seed, level=level)
    tables, correlations = [pd.DataFrame()], [pd.DataFrame()]
    levels = area_levels(cube, forecast, placed)
    for one in levels.values():
        counts = case_counts(cube, forecast, one, {**found.levels, **levels}, placed)
        collected = None if exposure is None else exposure_steps(exposure, one, forecast)
        tables.append(area_table(one, counts, forecast, collected))
        correlations.append(correlation_table(one, counts, forecast, again, seed, collected))
    return CaseCheck(
        facts=_facts(found, COLLECTED if exposure is not None else GROWTH, draws, level),
        report=cases.report,
        percentiles=percentile_table(placed, ranks, forecast),
        summary=summary_table(placed, ranks, again),
        capture=capture_table(placed, ranks, again),
        areas=pd.concat(tables, ignore_index=True),
        correlations=pd.concat(correlations, ignore_index=True),
        lead_time=lead_table(placed, ranks, forecast, again),
        maps=_maps(cube, found),
    )


def _facts(found: Placing, exposure: str, draws: int, level: float) -> dict[str, Any]:
    by_level = {one.level: float(one.weight.sum()) for one in found.placed}
    forecast = found.forecast
    return {
        "forecast": forecast.name,
        "days": f"{forecast.times[0]} to {forecast.times[-1] + np.timedelta64(forecast.step - 1, 'D')}",
        "horizon": forecast.horizon,
        "cases": sum(by_level.values()),
        "cases_by_level": by_level,
        "left_out": found.left_out,
        "errors_km": sorted({one.error_km for one in found.placed}),
        "exposure": exposure,
        "draws": draws,
        "interval": level,
    }


def _maps(cube: xr.Dataset, found: Placing) -> xr.Dataset:
    """Return expected events and cases by cell, with the labels of the layers."""
    dim, forecast = space(cube), found.forecast
    points = [one for one in found.placed if one.level == "cell"]
    known_to_area = np.zeros(len(forecast.area))
    for one in found.placed:
        if one.level != "cell":
            land = shares_of(cube, one.level).multiply(forecast.area[None, :])
            spread = land.multiply(1 / np.maximum(land.sum(axis=1), 1e-12)[:, None])
            known_to_area += one.weight @ (one.mass @ spread)
    case = np.array([one.weight @ one.mass for one in points]).reshape(len(points), len(forecast.area))
    kept = [name for name in ("lon", "lat", "cell_area", *layer_names(cube)) if name in cube.coords]
    return xr.Dataset(
        {
            "risk": (dim, np.nansum(forecast.expected, axis=1), {"units": "1", "long_name": "expected events"}),
            "case": (("error_km", dim), case, {"units": "1", "long_name": "cases known to a point, by assumed error"}),
            "area_case": (dim, known_to_area, {"units": "1", "long_name": "cases known to areas, spread by land"}),
        },
        coords={**{name: cube[name].variable for name in (dim, *kept)}, "error_km": [one.error_km for one in points]},
        attrs={"space": dim, "layers": layer_names(cube)},
    )
