"""Days, weeks, months and years as steps of a cube."""

import numpy as np

from htgeo.core.errors import CubeError, InputError

FREQS = {"D": "day", "W": "week", "M": "month", "Y": "year"}
STEP_DAYS = {"D": 1, "W": 7}
"""Length of the steps that have a fixed one, days."""
THURSDAY = 3
"""Weekday of day 0, 1970-01-01; Monday is 0."""


def check_freq(freq: str) -> None:
    """Raise unless a frequency is known."""
    if freq not in FREQS:
        message = f"freq must be {', '.join(repr(f) for f in FREQS)} ({', '.join(FREQS.values())}), not {freq!r}"
        raise InputError(message)


def first_days(days: np.ndarray, freq: str) -> np.ndarray:
    """Return the first day of the period of each day (datetime64[D]); weeks begin on Monday."""
    days = days.astype("datetime64[D]")
    if freq == "W":
        return np.asarray(days - (days.astype(int) + THURSDAY) % 7)
    return np.asarray(days.astype(f"datetime64[{freq}]").astype("datetime64[D]"))


def whole_periods(days: np.ndarray, freq: str) -> tuple[np.ndarray, slice]:
    """Return the first days of the periods that lie wholly in the days, and the slice of the days that belong to them.

    Parameters
    ----------
    days
        One after the other, datetime64[D].
    freq
        ``"D"``, ``"W"``, ``"M"`` or ``"Y"``.

    Raises
    ------
    CubeError
        If no period is whole.
    """
    check_freq(freq)
    firsts = np.unique(first_days(days, freq))
    after = first_days(days[-1:] + 1, freq)[0]  # the period of the day after the last: all before it are over
    firsts = firsts[(firsts >= days[0]) & (firsts < after)]
    if not len(firsts):
        message = f"no {FREQS[freq]} lies wholly in {days[0]} to {days[-1]}"
        raise CubeError(message)
    start, stop = ((firsts[0] - days[0]).astype(int), (after - days[0]).astype(int))
    return firsts, slice(int(start), int(stop))


def dropped_days(days: np.ndarray, kept: slice) -> str:
    """Return a sentence on the days of incomplete periods, empty where there are none."""
    spans = [f"{part[0]} to {part[-1]}" for part in (days[: kept.start], days[kept.stop :]) if len(part)]
    return f"days of incomplete periods are left out: {', '.join(spans)}" if spans else ""
