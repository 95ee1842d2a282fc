"""Loops over one block (cell, time): each value uses earlier days only.

Compiled loops write into arrays that numpy allocates, which is twice as fast as allocating them in compiled code.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numba
import numpy as np

EVENT_DAY = 0.5
"""A day counts as having an event from this count on: an area event spread thin over many cells is no event of a cell."""


def _filled(fill: Callable[..., None]) -> Callable[..., np.ndarray]:
    """Return a kernel that gives what `fill` writes: a column (cell, time), or one for each of its windows."""

    @wraps(fill)
    def kernel(counts: np.ndarray, **options: Any) -> np.ndarray:
        (option,) = options.values() or (None,)
        columns = (len(option),) if isinstance(option, np.ndarray) else ()
        out = np.empty((*columns, *counts.shape), np.float32)
        fill(counts, *options.values(), out)
        return out

    return kernel


@_filled
@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def past_sums(counts: np.ndarray, windows: np.ndarray, out: np.ndarray) -> None:
    """Sums of the `windows` days before each day (window, cell, time); NaN until so many days have passed."""
    cells, length = counts.shape
    total = np.zeros(length + 1, np.float64)
    for c in range(cells):
        for t in range(length):
            total[t + 1] = total[t] + counts[c, t]
        for w in range(len(windows)):
            days = min(windows[w], length)
            out[w, c, :days] = np.nan
            row, late = out[w, c, days:], total[days:]  # views from 0 on let the compiler work on several days at once
            for t in range(length - days):
                row[t] = late[t] - total[t]


@_filled
@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_values(counts: np.ndarray, windows: np.ndarray, out: np.ndarray) -> None:
    """Values `windows` days before each day (lag, cell, time); NaN until so many days have passed."""
    cells, length = counts.shape
    for n in range(len(windows)):
        days = min(windows[n], length)
        for c in range(cells):
            out[n, c, :days] = np.nan
            out[n, c, days:] = counts[c, : length - days]


@_filled
@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_maxima(counts: np.ndarray, windows: np.ndarray, out: np.ndarray) -> None:
    """Largest count of one day in the `windows` days before each day (window, cell, time); NaN until so many passed."""
    cells, length = counts.shape
    queue = np.empty(length + 1, np.int64)  # days whose counts fall: the first is the largest in the window
    for w in range(len(windows)):
        days = windows[w]
        for c in range(cells):
            first, last = 0, 0
            for t in range(length):
                while first < last and queue[first] < t - days:
                    first += 1
                out[w, c, t] = counts[c, queue[first]] if t >= days else np.nan
                while last > first and counts[c, queue[last - 1]] <= counts[c, t]:
                    last -= 1
                queue[last] = t
                last += 1


def past_means(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Mean a day of the `windows` days before each day (window, cell, time); NaN until so many days have passed."""
    out: np.ndarray = past_sums(counts, windows=windows)
    out /= windows.astype(np.float32)[:, None, None]
    return out


def past_shares(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Share of the `windows` days before each day that had an event (window, cell, time); NaN until so many passed."""
    return past_means((counts >= EVENT_DAY).astype(np.float32), windows)


@_filled
@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_rates(counts: np.ndarray, windows: np.ndarray, out: np.ndarray) -> None:
    """Mean per day of all days before each day (half-life, cell, time).

    Older days fade by half every `windows` days (inf: none fades).
    """
    cells, length = counts.shape
    for h in range(len(windows)):
        keep = 0.5 ** (1.0 / windows[h])
        for c in range(cells):
            total, weight = 0.0, 0.0
            for t in range(length):
                out[h, c, t] = total / weight if t > 0 else np.nan
                total = keep * total + counts[c, t]
                weight = keep * weight + 1.0


@_filled
@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def same_weekday_mean(counts: np.ndarray, weeks: int, out: np.ndarray) -> None:
    """Mean count of the same weekday in the `weeks` weeks before each day; NaN until so many weeks have passed."""
    cells, length = counts.shape
    for c in range(cells):
        out[c, : min(7 * weeks, length)] = np.nan
        for t in range(7 * weeks, length):
            total = 0.0
            for w in range(1, weeks + 1):
                total += counts[c, t - 7 * w]
            out[c, t] = total / weeks


def past_trend(counts: np.ndarray, short: int, long: int) -> np.ndarray:
    """Change of the rate a day of the last `short` days against the last `long` days, -1 to 1; 0 without events."""
    recent, usual = past_sums(counts, windows=np.array([short, long]))
    recent /= np.float32(short)
    usual /= np.float32(long)
    total = recent + usual
    recent -= usual
    return np.asarray(np.divide(recent, total, out=total, where=total > 0))


@_filled
@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def days_since(counts: np.ndarray, out: np.ndarray) -> None:
    """Days since the last earlier day with an event; NaN before the first."""
    cells, length = counts.shape
    for c in range(cells):
        last = -1
        for t in range(length):
            out[c, t] = t - last if last >= 0 else np.nan
            if counts[c, t] >= EVENT_DAY:
                last = t
