"""Risk over time: events expected and observed by area and day, week or month, holidays, and how much was collected."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import require, role_of, select_days, step_days
from htgeo.features.calendar import Calendar
from htgeo.maps.audience import Audience, check_audience
from htgeo.maps.figure import source_line
from htgeo.maps.plot_trend_data import (
    COUNTS,
    FORECASTS,
    counts_of,
    default_variable,
    exposure_values,
    freq_of,
    trend_values,
)
from htgeo.maps.plot_trend_panels import Parts, trained, trend_figure

LEVEL = 0.9


def plot_trend(
    cube: xr.Dataset,
    variable: str | None = None,
    *,
    by: str | None = "borough",
    areas: Sequence[str] | None = None,
    freq: str | None = None,
    time: str | slice | None = None,
    events: str | None = None,
    exposure: str | None = None,
    holidays: bool | str = True,
    level: float = LEVEL,
    title: str | None = None,
    source: str = "",
    audience: Audience = "internal",
) -> Any:
    """Draw the events that a forecast expects and those observed over time, a panel for each area, all of one scale.

    Each day adds the forecast made at its start (of longer horizons: the mean of its coming days), and a probability
    counts as the events it stands for, so that line and points have one unit. The band holds a count with the chance
    `level`: of weeks and months after the training days as `expected_counts` learns it from 90 days of forecasts; else,
    drawn lighter, that of chance alone, as if the expected number were exact (Poisson). On the days that the model learned
    from, which are shaded, the line is a fit and no forecast. Periods that do not lie wholly in the days are left out.

    Parameters
    ----------
    cube
        A cube of cells or areas, and days, weeks or months.
    variable
        A forecast (``risk_…`` or ``expected_…``), or a layer of counts, of which only the observed number is drawn; by
        default the only forecast of the cube.
    by
        Region layer of the cube; None for the whole city.
    areas
        Names of the areas to draw; by default all, at most 12.
    freq
        ``"day"``, ``"week"`` (from Monday) or ``"month"``; by default the month, or the step of a cube of longer steps.
    time
        A day or a slice of days; all by default.
    events
        Layer of counts drawn as observed; by default the one that was forecast.
    exposure
        Layer of counts that says how much was collected at all, such as ``"case"``: a panel of its own, of the whole city.
    holidays
        Whether the public holidays of the country of the cube's time zone are marked, where it is known; or the code of
        another country.
    level
        Chance that a count lies in its band.
    title
        Heading.
    source
        What the cube was made from, for the line below.
    audience
        ``"internal"``, or ``"public"``: marked as such, and all that is drawn must be public, see `check_public`.

    Returns
    -------
    holoviews.Layout
        `save_figure` writes it. Only the variables drawn are computed.

    Raises
    ------
    InputError
        If there is no such layer, area, frequency or country, there are too many areas, or something is not for the audience.
    CubeError
        If there is no such variable, or no whole period.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=1))
    >>> train, _ = ht.split_time(cube, "2021-03-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> figure = ht.plot_trend(cube, "risk_historical_rate", freq="week", source="Simulated city.")
    >>> ht.save_figure(figure, "trend.png").name
    'trend.png'
    """
    variable = variable or default_variable(cube)
    role = role_of(require(cube, variable))
    if role not in (*FORECASTS, *COUNTS) or not 0 < level < 1:
        message = f"a trend is drawn of a forecast (risk_…, expected_…) or a layer of counts, with a level between 0 and 1, not of {variable!r} ({role}) with {level!r}"
        raise InputError(message)
    freq = freq_of(cube, freq)
    layer = events or cube[variable].attrs.get("layer", variable)
    seen = counts_of(cube, layer, "events") if events or layer in cube else None
    check_audience(cube, [variable, *([] if seen is None else [layer]), *([exposure] if exposure else [])], audience)
    trend = trend_values(cube, variable, by=by, areas=areas, freq=freq, time=time, events=seen, level=level)
    collected = None if exposure is None else exposure_values(cube, counts_of(cube, exposure, "exposure"), time)
    parts = Parts(trend, level, _holidays(cube, time, holidays), trained(cube, variable), layer)
    return trend_figure(
        parts, exposure, collected, title=title or _title(cube, variable, parts, by), source=_line(cube, parts, source), audience=audience
    )  # fmt: skip


def _holidays(cube: xr.Dataset, time: str | slice | None, holidays: bool | str) -> np.ndarray:
    """Return the public holidays of the days drawn; none where the country of the time zone is not known."""
    if not holidays or "freq" in cube.attrs or step_days(cube) != 1:
        return np.array([], "datetime64[ns]")
    frame = cube.drop_vars(list(cube.data_vars))
    frame = frame if time is None else select_days(frame, time)
    calendar = Calendar(["holiday"], country=None if holidays is True else str(holidays))
    try:
        marked = calendar.columns(frame)["holiday"].values == 1
    except InputError:
        if holidays is not True:
            raise
        return np.array([], "datetime64[ns]")
    return np.asarray(frame["time"].values[marked])


def _title(cube: xr.Dataset, variable: str, parts: Parts, by: str | None) -> str:
    """Return what is seen, in one sentence."""
    trend, model = parts.trend, cube[variable].attrs.get("model")
    what = "observed" if trend.expected is None else f"expected by {model}"
    what = f"{what} and observed" if trend.expected is not None and trend.observed is not None else what
    years = " to ".join(dict.fromkeys(str(day)[:4] for day in trend.first[[0, -1]]))
    where = "in the whole city by" if by is None else f"by {by} and"
    return f"Events ({parts.layer}) {what} {where} {trend.freq}, {years}"


def _line(cube: xr.Dataset, parts: Parts, source: str) -> str:
    """Return what the figure was made from, and what its band is."""
    said, trend = [], parts.trend
    if trend.expected is not None:
        exact = f"Band: {parts.level:.0%} of counts, if forecasts are exact"
        said.append(
            f"{exact} (light) or as wrong as in the 90 days before (dark)." if trend.learned.any() else f"{exact}."
        )
    if trend.left_out:
        said.append(
            f"{trend.left_out} {trend.freq}{'s' if trend.left_out > 1 else ''} not wholly in the data left out."
        )
    return " ".join([source_line(cube, source), *said])
