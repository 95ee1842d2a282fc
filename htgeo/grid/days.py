"""Local civil days."""

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError


def day_range(start: str, end: str) -> np.ndarray:
    """Return the days from `start` to `end`, both included (datetime64[D])."""
    try:
        first, last = (np.datetime64(edge, "D") for edge in (start, end))
    except ValueError as error:
        message = f"start and end must be days like 2021-01-31, not {start!r} and {end!r}"
        raise InputError(message) from error
    if last < first:
        message = f"end {last} lies before start {first}"
        raise InputError(message)
    return np.arange(first, last + np.timedelta64(1, "D"))


def civil_days(times: pd.Series, time_zone: str) -> np.ndarray:
    """Return the local civil day of each time (datetime64[D]).

    Parameters
    ----------
    times
        Times with a zone are moved to `time_zone` first, so a day has 23 or 25 hours when clocks change; times without
        one are local already.
    time_zone
        IANA name.
    """
    return _local(times, time_zone).to_numpy().astype("datetime64[D]")


def civil_hours(times: pd.Series, time_zone: str) -> np.ndarray:
    """Return the local hours since midnight of each time, as the clock on the wall shows them (float64, 0 to 24)."""
    local = _local(times, time_zone).to_numpy()
    return np.asarray((local - local.astype("datetime64[D]")) / np.timedelta64(1, "h"), float)


def _local(times: pd.Series, time_zone: str) -> pd.Series:
    return times.dt.tz_convert(time_zone).dt.tz_localize(None) if times.dt.tz is not None else times
