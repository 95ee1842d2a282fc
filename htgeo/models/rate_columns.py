"""Columns of regressions on the past: logs of past rates, the calendar and places, known at the start of each day."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks, map_columns, neighbor_sum, two_axes
from htgeo.cube.gridding import KNOWN
from htgeo.cube.near import ring_of
from htgeo.cube.schema import space, step_days, variables_of
from htgeo.models.base import known_layer
from htgeo.tensors.matrix import fill_columns

PRIOR_EVENTS = 0.5
"""So many events are added to every past total, so that the log of none exists: Jeffreys' prior of a Poisson rate."""
LONG = 720.0
"""Half-life of what hardly fades, days."""
TREND_DAYS = 28.0
"""Half-life of the city's recent rate, days."""
MAX_VALUES = 10_000_000
"""Most values of a design in memory (40 MB); of more cell-days, a weighted sample is drawn."""

Rate = tuple[str, int, tuple[float, ...]]
"""A layer, a ring around the cell (0: the cell itself), and half-lives in days."""


def past_totals(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the sum of all earlier days, faded by half every `windows` days: float32 (half-life, cell, time)."""
    from htgeo.features.kernels import past_rates

    totals: np.ndarray = past_rates(counts, windows=windows)
    totals[:, :, 0] = 0.0
    totals *= days_seen(counts.shape[1], windows)[:, None, :]
    return totals


def days_seen(length: int, windows: np.ndarray) -> np.ndarray:
    """Return how many days all earlier days count together, faded alike: float32 (half-life, time)."""
    days = np.arange(length)
    keep = 0.5 ** (1.0 / np.asarray(windows, float))[:, None]
    with np.errstate(invalid="ignore"):
        faded = (1 - keep**days) / (1 - keep)
    return np.where(keep < 1, faded, days).astype(np.float32)


def log_totals(counts: np.ndarray, windows: np.ndarray, prior: float) -> np.ndarray:
    """Return ``log(past total + prior)``, float32 (half-life, cell, time)."""
    totals = past_totals(counts, windows)
    totals += np.float32(prior)
    return np.asarray(np.log(totals, out=totals))


def log_trend(counts: np.ndarray, windows: np.ndarray, mean: float) -> np.ndarray:
    """Return logs of past rates a day, to which a half-life of days at `mean` is added: float32 (half-life, cell, time)."""
    seen = days_seen(counts.shape[1], windows) + windows.astype(np.float32)[:, None]
    return np.asarray(
        np.log((past_totals(counts, windows) + np.float32(mean) * windows[:, None, None]) / seen[:, None, :]),
        np.float32,
    )


def rate_columns(cube: xr.Dataset, rate: Rate) -> dict[str, xr.DataArray]:
    """Return logs of past rates of one layer and ring relative to the city's, one for each half-life.

    ``log((past total + prior) / (the city's past total per cell + prior))`` on ``(cell, time)``: 0 as long as nothing is
    known, and free of trend and season. Rings count as the mean of their cells.
    """
    layer, ring, half_lives = rate
    prior = PRIOR_EVENTS / max(6 * ring, 1)
    windows = np.array(half_lives, float) / step_days(cube)
    here = map_columns(log_totals, ring_mean(cube, layer, ring), len(half_lives), windows=windows, prior=prior)
    mean = city_counts(cube, layer) / cube.sizes[space(cube)]
    city = map_columns(log_totals, mean, len(half_lives), windows=windows, prior=prior)
    names = [f"{layer}_ring{ring}_rate_{half_life:g}" for half_life in half_lives]
    return {
        name: one - all_.isel({space(cube): 0}, drop=True) for name, one, all_ in zip(names, here, city, strict=True)
    }


def ring_mean(cube: xr.Dataset, layer: str, ring: int) -> xr.DataArray:
    """Return the known counts of a layer, mean of the cells of a ring around each cell; ring 0 is the cell itself."""
    counts = known_layer(cube, layer)
    if not ring:
        return counts
    matrix = ring_of(cube, ring)
    size = np.maximum(np.diff(matrix.indptr), 1).astype(np.float32)
    sums = neighbor_sum(counts, matrix)  # whole sums first: they round in no block
    return sums / xr.DataArray(size, dims=space(cube))


def city_counts(cube: xr.Dataset, layer: str) -> xr.DataArray:
    """Return the known counts of all cells together, as one cell."""
    return known_layer(cube, layer).sum(space(cube), dtype="float64").expand_dims(space(cube))


def other_layers(cube: xr.Dataset, layer: str) -> list[str]:
    """Return the layers with known counts besides one, in the order of the cube."""
    layers = [name.removesuffix(KNOWN) for name in variables_of(cube, "known_count")]
    return [name for name in layers if name != layer]


def day_columns(cube: xr.Dataset, layer: str, mean: float, *, season: bool) -> dict[str, xr.DataArray]:
    """Return columns on ``(time)``: the weekday, with `season` one wave a year, and the log of the city's recent rate.

    Where steps are weeks, there is no weekday. Until much is known, the recent rate is drawn to `mean`, the city's mean count a step in training.
    """
    from htgeo.features.calendar import WEEKDAYS, Calendar

    by_day = step_days(cube) == 1
    days = Calendar(["weekday"] if by_day else [], harmonics=int(season)).columns(cube)
    if by_day:
        weekday = days.pop("weekday")
        days |= {WEEKDAYS[number]: (weekday == number).astype("float32") for number in range(1, 7)}
    windows = np.array([TREND_DAYS]) / step_days(cube)
    (trend,) = map_columns(log_trend, city_counts(cube, layer), 1, windows=windows, mean=mean)
    return {**days, "city_trend": trend.isel({space(cube): 0}, drop=True)}


def place_columns(cube: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return columns on ``(cell)``: places and static features, numbers as logs, categories one by one."""
    places = variables_of(cube, "place")
    features = [name for name in variables_of(cube, "feature") if cube[name].dims == (space(cube),)]
    made: dict[str, xr.DataArray] = {}
    for name in [*places, *(name for name in features if name.removeprefix("static_") not in places)]:
        values = cube[name]
        if "categories" in values.attrs:
            categories = enumerate(values.attrs["categories"])
            made |= {f"{name}={of}": (values == number).astype("float32") for number, of in categories}
        else:
            made[name] = xr.DataArray(np.sign(values) * np.log1p(abs(values)))
    return made


@dataclass(frozen=True)
class Rows:
    """A weighted sample of cell-days.

    Attributes
    ----------
    x : array of float32, shape (sample, column)
    y : array of float32, shape (sample,)
        Labels.
    weight : array, shape (sample,)
        How many cell-days a sample stands for.
    time : array, shape (sample,)
        Number of its day.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    time: np.ndarray


def sample_rows(columns: Mapping[str, xr.DataArray], label: xr.DataArray, first: int, seed: int) -> Rows:
    """Return all cell-days with a label from day `first` on, or, where they are too many, a weighted sample.

    Cell-days with a label above 0 are kept as long as they take less than half of `MAX_VALUES`.
    """
    events, known = (float(mark[:, first:].sum()) for mark in (label > 0, label.notnull()))
    most = MAX_VALUES / len(columns)
    share = shares(events, known - events, most)
    rng = np.random.default_rng(seed)
    parts = []
    for block in iter_blocks(xr.Dataset({**columns, label.name: label})):
        y = block[label.name].values
        chosen = ~np.isnan(y) & (rng.random(y.shape) < share[(y > 0).astype(int)])
        chosen[:, :first] = False
        cell, time = np.nonzero(chosen)
        x = np.empty((len(columns), len(cell)), np.float32)
        fill_columns(x, [np.asarray(two_axes(block[name]), np.float32) for name in columns], cell, time, y.shape)
        parts.append((x.T, y[chosen], 1 / share[(y[chosen] > 0).astype(int)], time))
    return Rows(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def fewer_rows(rows: Rows, most: int, seed: int) -> Rows:
    """Return at most about `most` of the rows, events first, with weights that make up for the others."""
    event = (rows.y > 0).astype(int)
    share = shares(float(event.sum()), float((1 - event).sum()), most)[event]
    chosen = np.random.default_rng(seed).random(len(event)) < share
    return Rows(rows.x[chosen], rows.y[chosen], (rows.weight / share)[chosen], rows.time[chosen])


def shares(events: float, others: float, most: float) -> np.ndarray:
    """Return which shares of other samples and of events to keep, so that `most` are left, shape (2,)."""
    keep = min(1.0, max(most / 2, most - others) / max(events, 1.0))
    return np.array([min(1.0, (most - keep * events) / max(others, 1.0)), keep])


def line_of_columns(
    columns: Mapping[str, np.ndarray], terms: Mapping[str, tuple[float, float]], start: float = 0.0
) -> np.ndarray:
    """Return ``start + sum of slope * (column - mean)``, float64, of as many axes as the columns have.

    Parameters
    ----------
    columns
        Arrays ``(cell, time)``, ``(cell, 1)`` or ``(1, time)`` by name; a missing value counts as the mean.
    terms
        Mean and slope of each column used.
    start
        Value where every column is at its mean.
    """
    line = np.full((1, 1), start)
    for name, (mean, slope) in terms.items():
        term = np.nan_to_num((columns[name] - np.float64(mean)) * slope)
        same = np.broadcast_shapes(line.shape, term.shape) == line.shape
        line = np.add(line, term, out=line if same else None)
    return line
