"""Reporting delays counted: events by day of occurrence and days until they were known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.gridding import DELAYS
from htgeo.cube.schema import check_cube, require_days, role_of, variables_of
from htgeo.features.nowcast import known_shares
from htgeo.grid.days import civil_days
from htgeo.sources.events import Events

LONGEST = 1095
"""Days: events known even later are left out."""


@dataclass(frozen=True)
class Delays:
    """Events by day of occurrence and delay (time, delay), and the days; the last row is the last day observed."""

    triangle: np.ndarray
    days: np.ndarray

    def shares(self) -> np.ndarray:
        """Return the share of events known within each delay, which allows for delays that are not over (delay,)."""
        after = np.zeros((1, self.triangle.shape[1]))  # known_shares knows what came before its day
        return np.asarray(known_shares(np.vstack([self.triangle, after]), None)[-1])


def delays_of_cube(cube: xr.Dataset, layer: str | None) -> tuple[Delays, str]:
    """Return the triangle of a layer, with rows for the days after the cube on which its events became known."""
    check_cube(cube)
    require_days(cube, "plot_delay")
    known = variables_of(cube, "triangle")
    if layer is None and len(known) != 1:
        message = f"the cube has {len(known)} reporting triangles ({', '.join(known) or 'none'}): name the layer, plot_delay(cube, 'crime'); htgeo.grid_events(…, delays=365) makes one for each"
        raise CubeError(message)
    layer = known[0].removesuffix(DELAYS) if layer is None else layer
    part_of = cube[layer].attrs.get("part_of", layer) if layer in cube else layer
    name = f"{part_of}{DELAYS}"
    if name not in cube or role_of(cube[name]) != "triangle":
        message = f"the cube has no reporting triangle {name!r}, it has {', '.join(known) or 'none'}; make it with htgeo.grid_events(…, delays=365), or give the events themselves: plot_delay(events)"
        raise CubeError(message)
    triangle = cube[name].values.astype(float)
    first = cube["time"].values[0].astype("datetime64[D]")
    return Delays(*_until_last_known(triangle, first)), str(part_of)


def _until_last_known(triangle: np.ndarray, first: np.datetime64) -> tuple[np.ndarray, np.ndarray]:
    day, delay = np.nonzero(triangle)
    end = max(len(triangle), int((day + delay).max(initial=0)) + 1)
    padded = np.vstack([triangle, np.zeros((end - len(triangle), triangle.shape[1]))])
    return padded, first + np.arange(end)


def delays_of_events(events: Events) -> Delays:
    """Count events by day of occurrence and delay, from the first report on: of earlier ones only the late are there."""
    table = events.table
    zone = "UTC"  # times with an offset stay in UTC: a delay is shifted by a day at most
    occurred, known = (civil_days(table[clock], zone) for clock in ("occurred", "known"))
    if not len(table):
        return Delays(np.zeros((1, 1)), np.zeros(1, "datetime64[D]"))
    known = np.maximum(known, occurred)
    first, last = known.min(), known.max()
    day, delay = (occurred - first).astype(int), (known - occurred).astype(int)
    seen = (day >= 0) & (delay <= LONGEST)
    shape = int((last - first).astype(int)) + 1, int(delay[seen].max(initial=0)) + 1
    code = day[seen] * shape[1] + delay[seen]
    counts = np.bincount(code, table["weight"].to_numpy(float)[seen], minlength=shape[0] * shape[1])
    return Delays(counts.reshape(shape), first + np.arange(shape[0]))


@dataclass(frozen=True)
class Month:
    """A month of occurrence: its delays (days) by quantile, events, and the share of them expected to be known."""

    first: np.datetime64
    events: float
    known: float
    delays: tuple[int, ...]


def month_delays(triangle: np.ndarray, days: np.ndarray, shares: np.ndarray, quantiles: Sequence[float]) -> list[Month]:
    """Return the quantiles of the delays of each month with events, among the events known so far.

    Parameters
    ----------
    triangle
        Events by day of occurrence and delay, shape (time, delay).
    days
        The days, shape (time,); the last one is the last day observed.
    shares
        Share of the events known within each delay, shape (delay,).
    quantiles
        Shares of the events of a month.
    """
    months = days.astype("datetime64[M]")
    expected = shares[np.minimum(np.arange(len(days))[::-1], len(shares) - 1)]
    found = []
    for month in np.unique(months):
        counts = triangle[months == month].sum(axis=0)
        if counts.sum():
            so_far = np.cumsum(counts) / counts.sum()
            delays = tuple(int(np.argmax(so_far >= share - 1e-9)) for share in quantiles)
            found.append(Month(month, float(counts.sum()), float(expected[months == month].mean()), delays))
    return found
