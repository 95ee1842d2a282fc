"""The compiled tendency of cells to have their events on certain weekdays."""

import numba
import numpy as np


def weekday_tendency(
    counts: np.ndarray, first: int, ahead: np.ndarray, city: np.ndarray, strength: float
) -> np.ndarray:
    """Return events on the weekdays to come over those expected if weekdays were alike (cell, time).

    Parameters
    ----------
    counts : array, shape (cell, time)
        Counts on the known clock; a day uses earlier days only.
    first
        Weekday of the first day, 0 to 6.
    ahead : array, shape (7,)
        Share of the horizon that lies 0, 1 … 6 weekdays after the day.
    city : array, shape (7,)
        The same tendency of the city, by weekday, which counts as `strength` events.
    strength
        Number of events.
    """
    out = np.empty(counts.shape)
    _fill(counts, first, ahead, city, float(strength), out)
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _fill(
    counts: np.ndarray, first: int, ahead: np.ndarray, city: np.ndarray, strength: float, out: np.ndarray
) -> None:
    cells, length = counts.shape
    for c in range(cells):
        events, days = np.zeros(7), np.zeros(7)
        total = 0.0
        for t in range(length):
            rate = total / max(t, 1)
            value = 0.0
            for step in range(7):
                if ahead[step] > 0:
                    day = (first + t + step) % 7
                    value += ahead[step] * (events[day] + strength * city[day]) / (rate * days[day] + strength)
            out[c, t] = value
            today = (first + t) % 7
            events[today] += counts[c, t]
            days[today] += 1
            total += counts[c, t]
