"""Compiled loops over one block (cell, time): each value uses earlier days only."""

import numba
import numpy as np

EVENT_DAY = 0.5
"""A day counts as having an event from this count on: an area event spread thin over many cells is no event of a cell."""


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def past_sums(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Sums of the `windows` days before each day (window, cell, time); NaN until so many days have passed."""
    cells, length = counts.shape
    out = np.empty((len(windows), cells, length), np.float32)
    total = np.empty(length + 1, np.float64)
    for c in range(cells):
        total[0] = 0.0
        for t in range(length):
            total[t + 1] = total[t] + counts[c, t]
        for w in range(len(windows)):
            days = min(windows[w], length)
            row = out[w, c]
            row[:days] = np.nan
            for t in range(days, length):
                row[t] = total[t] - total[t - days]
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_values(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Values `windows` days before each day (lag, cell, time); NaN until so many days have passed."""
    cells, length = counts.shape
    out = np.empty((len(windows), cells, length), np.float32)
    for n in range(len(windows)):
        days = min(windows[n], length)
        for c in range(cells):
            out[n, c, :days] = np.nan
            out[n, c, days:] = counts[c, : length - days]
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_maxima(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Largest count of one day in the `windows` days before each day (window, cell, time); NaN until so many passed."""
    cells, length = counts.shape
    out = np.empty((len(windows), cells, length), np.float32)
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
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_shares(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Share of the `windows` days before each day that had an event (window, cell, time); NaN until so many passed."""
    days = (counts >= EVENT_DAY).astype(np.float32)
    out: np.ndarray = past_sums(days, windows)
    for w in range(len(windows)):
        out[w] /= np.float32(windows[w])
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_rates(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Mean per day of all days before each day (half-life, cell, time).

    Older days fade by half every `windows` days (inf: none fades).
    """
    cells, length = counts.shape
    out = np.empty((len(windows), cells, length), np.float32)
    for h in range(len(windows)):
        keep = 0.5 ** (1.0 / windows[h])
        for c in range(cells):
            total, weight = 0.0, 0.0
            for t in range(length):
                out[h, c, t] = total / weight if t > 0 else np.nan
                total = keep * total + counts[c, t]
                weight = keep * weight + 1.0
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def same_weekday_mean(counts: np.ndarray, weeks: int) -> np.ndarray:
    """Mean count of the same weekday in the `weeks` weeks before each day; NaN until so many weeks have passed."""
    cells, length = counts.shape
    out = np.empty((cells, length), np.float32)
    for c in range(cells):
        out[c, : min(7 * weeks, length)] = np.nan
        for t in range(7 * weeks, length):
            total = 0.0
            for w in range(1, weeks + 1):
                total += counts[c, t - 7 * w]
            out[c, t] = total / weeks
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def past_trend(counts: np.ndarray, short: int, long: int) -> np.ndarray:
    """Change of the rate a day of the last `short` days against the last `long` days, -1 to 1; 0 without events."""
    sums = past_sums(counts, np.array([short, long]))
    cells, length = counts.shape
    out = np.empty((cells, length), np.float32)
    for c in range(cells):
        for t in range(length):
            recent, usual = sums[0, c, t] / short, sums[1, c, t] / long
            out[c, t] = (recent - usual) / (recent + usual) if recent + usual > 0 else recent + usual
    return out


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def days_since(counts: np.ndarray) -> np.ndarray:
    """Days since the last earlier day with an event; NaN before the first."""
    cells, length = counts.shape
    out = np.empty((cells, length), np.float32)
    for c in range(cells):
        last = -1
        for t in range(length):
            out[c, t] = t - last if last >= 0 else np.nan
            if counts[c, t] >= EVENT_DAY:
                last = t
    return out
