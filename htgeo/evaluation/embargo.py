"""How many days lie between training and test: horizon of the label, reporting delay, embargo."""

import re
from math import ceil
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.gridding import DELAYS
from htgeo.cube.schema import as_day, only_label, require_days, role_of, step_days, variables_of
from htgeo.features.nowcast import known_shares

LOOK_BACK = "look_back"
"""An embargo as long as the longest look-back of the features."""


def horizon_of(cube: xr.Dataset) -> int:
    """Return over how many days the label of a cube looks, from its day on; those of a step without a label."""
    return max((int(cube[name].attrs["horizon"]) for name in variables_of(cube, "label")), default=step_days(cube))


def fresh_from(forecast: xr.DataArray) -> np.datetime64 | None:
    """Return the first day whose label lies after the days that trained a forecast; None where it names no such days."""
    if "training_days" not in forecast.attrs:
        return None
    trained: np.datetime64 = as_day(forecast.attrs["training_days"][-10:])
    return trained + np.timedelta64(int(forecast.attrs.get("horizon", 1)), "D")


def learned_from(forecast: xr.DataArray, start: Any) -> bool:
    """Return whether the first step from a day on, None for no day, is before those that `fresh_from` begins with."""
    fresh, times = fresh_from(forecast), forecast["time"].values
    if fresh is None or start is None:
        return False
    return bool(((times >= as_day(start)) & (times < fresh)).any())


def gap_of(cube: xr.Dataset, first: np.datetime64, *, embargo: int | str | None, delay: int | str) -> int:
    """Return the days to leave out before a first test day, in whole steps.

    Parameters
    ----------
    cube
        The cube.
    first
        First test day.
    embargo
        Days after the end of the last training label, or ``"look_back"``; None for none.
    delay
        Days that reports take, or the percentile of them, such as ``"p90"``.
    """
    step = step_days(cube)
    after = max(_delay_days(cube, first, delay), _embargo_days(cube, embargo))
    return step * ceil((horizon_of(cube) - step + after) / step)


def _embargo_days(cube: xr.Dataset, embargo: int | str | None) -> int:
    if embargo == LOOK_BACK:
        features = variables_of(cube, "feature")
        if not features:
            message = f"embargo={LOOK_BACK!r} needs features in the cube: htgeo.add_features(cube, 'default'); or give the days"
            raise CubeError(message)
        return max(int(cube[name].attrs["look_back"]) for name in features)
    return 0 if embargo is None else whole_days(embargo, f"embargo must be whole days, {LOOK_BACK!r} or None")


def _delay_days(cube: xr.Dataset, first: np.datetime64, delay: int | str) -> int:
    """Return the days that reports take, where asked for as estimated from what was known before the first test day."""
    if not isinstance(delay, str):
        return whole_days(delay, "delay must be whole days, or a percentile such as 'p90'")
    if not re.fullmatch(r"p[1-9]\d?", delay):
        message = f"delay must be whole days, or a percentile such as 'p90', not {delay!r}"
        raise InputError(message)
    require_days(cube, f"delay={delay!r}")
    layer = only_label(cube).attrs["layer"]
    triangle = f"{cube[layer].attrs.get('part_of', layer) if layer in cube else layer}{DELAYS}"
    if triangle not in cube or role_of(cube[triangle]) != "triangle":
        message = f"delay={delay!r} needs the reporting triangle {triangle!r}, counts on two clocks give no more than the mean delay; make it with htgeo.grid_events(…, delays=365), or give the days, such as delay=28"
        raise CubeError(message)
    before = int((cube["time"].values < first).sum())
    known = cube[triangle].values[: before + 1].astype(float)
    if not known[:before].sum():
        message = (
            f"no event of {triangle!r} occurred before {first}, so delay={delay!r} cannot be measured; give the days"
        )
        raise CubeError(message)
    shares = known_shares(known, None)[-1]  # as estimated by the start of the first test day
    return int(np.argmax(shares >= int(delay[1:]) / 100 - 1e-9))


def whole_days(days: Any, what: str) -> int:
    """Return a number of days, or raise where it is no whole number of at least 0; `what` says what it must be."""
    if isinstance(days, bool) or not isinstance(days, Integral) or days < 0:
        message = f"{what}, not {days!r}"
        raise InputError(message)
    return int(days)
