"""Where cases lie among the cells or areas of a cube, each at the finest level at which that is honest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import layer_names, space
from htgeo.evaluation.case_levels import Forecast, shares_of, unit_names
from htgeo.grid.cells import points_to_cells
from htgeo.grid.days import civil_days
from htgeo.sources.region import KM_PER_DEGREE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CIRCLE_POINTS = 1000
"""Points that stand for a circle; shares of it are exact to about 0.005."""
BATCH = 500
"""Cases whose circles are filled at once."""
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class PlacedCases:
    """Cases of one level, at one assumed error of their location.

    Attributes
    ----------
    level, error_km
        Level, and radius of the circle that a point stands for (0 for areas).
    case, weight : arrays, shape (case,)
        Row of each case in the table of events, and its weight.
    day, known : arrays of int, shape (case,)
        Steps in which it occurred and became known; -1 where that is outside the days.
    mass : sparse array, shape (case, unit)
        Share of its place in each unit; rows sum to 1.
    """

    level: str
    error_km: float
    case: np.ndarray
    weight: np.ndarray
    day: np.ndarray
    known: np.ndarray
    mass: "csr_array"

    def over_place(self, values: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Return the mean of values over the place of each case on a day: (unit, time), (case,) -> (case,)."""
        mass = self.mass.tocoo()
        return np.bincount(mass.row, mass.data * values[mass.col, day[mass.row]], len(self.case))


def place_cases(
    cube: xr.Dataset, table: pd.DataFrame, forecast: Forecast, errors_km: Sequence[float]
) -> tuple[list[PlacedCases], dict[str, float]]:
    """Place the cases of the validated days; return them by level and error, and how many are left out and why.

    A point stands for a circle around it, of each radius in `errors_km`; a case known to an area, or to several, for
    all of it by land. The same cases are kept for all errors.
    """
    zone = cube.attrs.get("time_zone", "UTC")
    occurred, known = (civil_days(table[clock], zone) for clock in ("occurred", "known"))
    day, known = forecast.position(occurred), forecast.position(np.maximum(known, occurred))
    precision = table["precision"].to_numpy(dtype=object)
    left = {"outside the days": day < 0}
    layers = [layer for layer in dict.fromkeys([*layer_names(cube), space(cube)]) if layer != "cell"]
    placed = []
    for level in (["point"] if space(cube) == "cell" else []) + layers:
        rows = np.flatnonzero((precision == level) & (day >= 0))
        if level == "point":
            masses = [_circles(cube, table.iloc[rows], error) for error in errors_km]
        else:
            masses = [_areas(cube, forecast, level, table["area"].iloc[rows])]
        inside = np.logical_and.reduce([mass.sum(axis=1) > 0 for mass in masses])
        left[f"{level} outside the cube"] = np.isin(np.arange(len(table)), rows[~inside])
        for error, mass in zip(errors_km if level == "point" else [0.0], masses, strict=True):
            kept, whole = rows[inside], mass[np.flatnonzero(inside)]
            weight = table["weight"].to_numpy(float)[kept]
            whole = whole.multiply(1 / whole.sum(axis=1)[:, None]).tocsr() if len(kept) else whole
            name = "cell" if level == "point" else level
            placed.append(PlacedCases(name, float(error), kept, weight, day[kept], known[kept], whole))
    for kind in dict.fromkeys(precision.tolist()):
        if kind not in layers and not (kind == "point" and space(cube) == "cell"):
            text = "known to the city only" if kind == "city" else f"known to a {kind}, which the cube lacks"
            left[text] = (precision == kind) & (day >= 0)
    weight = table["weight"].to_numpy(float)
    return [one for one in placed if len(one.case)], {
        text: float(weight[rows].sum()) for text, rows in left.items() if rows.any()
    }


def _areas(cube: xr.Dataset, forecast: Forecast, layer: str, area: pd.Series) -> "csr_array":
    """Return the share of each area in the land that a case is known to, shape (case, area)."""
    from scipy.sparse import csr_array

    number = {name: n for n, name in enumerate(unit_names(cube, layer))}
    land = shares_of(cube, layer) @ forecast.area
    pairs = [(row, number[one]) for row, text in enumerate(area) for one in text.split("|") if one in number]
    row, column = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return csr_array((land[column], (row, column)), shape=(len(area), len(number)))


def _circles(cube: xr.Dataset, table: pd.DataFrame, radius_km: float) -> "csr_array":
    """Return the share of the circle around each case that lies in each cell, shape (case, cell)."""
    from scipy.sparse import csr_array, vstack

    size = cube.sizes["cell"]
    lon, lat = (table[name].to_numpy(float) for name in ("lon", "lat"))
    parts = [csr_array((0, size))]
    for first in range(0, len(table), BATCH):
        x, y = circle_points(lon[first : first + BATCH], lat[first : first + BATCH], radius_km)
        row, at = _rows_and_cells(cube, x, y)
        parts.append(csr_array((np.full(len(row), 1 / x.shape[1]), (row, at)), shape=(len(x), size)))
    return csr_array(vstack(parts, format="csr"))


def _rows_and_cells(cube: xr.Dataset, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of each point that lies in the cube, and the position of its cell; points are (row, point)."""
    cells = cube["cell"].values
    found = points_to_cells(lon.ravel(), lat.ravel(), int(cube["cell"].attrs["level"]))
    at = np.minimum(np.searchsorted(cells, found), len(cells) - 1)
    inside = cells[at] == found
    return np.repeat(np.arange(len(lon)), lon.shape[1])[inside], at[inside]


def circle_points(lon: np.ndarray, lat: np.ndarray, radius_km: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points that fill the circle around each place evenly (a sunflower, Vogel 1979), shape (place, point).

    Without a radius, the place alone.
    """
    if radius_km == 0:
        return lon[:, None], lat[:, None]
    n = np.arange(CIRCLE_POINTS)
    radius, angle = radius_km / KM_PER_DEGREE * np.sqrt((n + 0.5) / CIRCLE_POINTS), n * GOLDEN_ANGLE
    north, east = radius * np.sin(angle), radius * np.cos(angle)
    return lon[:, None] + east / np.cos(np.radians(lat))[:, None], lat[:, None] + north


def check_errors(errors_km: Sequence[float]) -> None:
    """Raise unless the assumed errors are numbers of at least 0, at least one, and none twice."""
    if not len(errors_km) or len(set(errors_km)) < len(errors_km) or not all(0 <= e < np.inf for e in errors_km):
        message = f"errors_km are radii in km, 0 or more, each once, such as [0.0, 1.0, 3.0], not {list(errors_km)!r}"
        raise InputError(message)
