"""The places and periods that counts can be published by, from the finest to the coarsest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import near
from htgeo.cube.schema import CELL, layer_names, require_days, space
from htgeo.grid.cells import cell_hex, parents

FREQS = {"month": "M", "quarter": "Q", "year": "Y"}
CITY = "city"
COARSEST_PARENT = 5
"""Resolution of the coarsest H3 parents that are tried: cells of about 250 km2."""
WHOLE = 0.01
"""How far a sum of float32 counts may be from a whole number."""
LOST = 0.5
"""Events that rounding may lose in all: one that is spread thinly over hundreds of cells is near 0 in each."""


@dataclass(frozen=True)
class Table:
    """Whole counts by place and period.

    Attributes
    ----------
    level
        ``cell``, ``h3-<resolution>``, a region layer or ``city``.
    names
        Names of the places.
    members
        For each, the ids of the places of the cube in it.
    freq
        ``month``, ``quarter`` or ``year``.
    starts, ends
        First and last day of each period, datetime64[D].
    counts
        (place, period), whole.
    """

    level: str
    names: list[str]
    members: list[frozenset[str]]
    freq: str
    starts: np.ndarray
    ends: np.ndarray
    counts: np.ndarray


def level_names(cube: xr.Dataset) -> list[str]:
    """Return the levels of a cube, from the finest to the coarsest.

    Cells, their H3 parents, then the region layers from the one with most areas to the one with fewest, then the city.
    """
    base = space(cube)
    finest = int(cube[CELL].attrs["level"]) if base == CELL else 0
    above = [f"h3-{level}" for level in range(finest - 1, COARSEST_PARENT - 1, -1)]
    layers = [name for name in layer_names(cube) if name != base]
    return [base, *above, *sorted(layers, key=lambda name: -len(np.unique(cube[name].values))), CITY]


def base_of(cube: xr.Dataset) -> str:
    """Return what the smallest places are: ``h3-<resolution>`` or a region layer."""
    base = space(cube)
    return f"h3-{cube[CELL].attrs['level']}" if base == CELL else base


def ladder(cube: xr.Dataset, levels: Sequence[str] | None, freqs: Sequence[str]) -> list[tuple[str, str]]:
    """Return the levels and frequencies to be tried in turn: places are merged first, then periods lengthened."""
    known = level_names(cube)
    wanted = (known[1:] if known[0] == CELL else known) if levels is None else list(levels)
    for name in wanted:
        if name not in known:
            message = f"there is no level {name!r}{near(name, known)}; the cube has {', '.join(known)}"
            raise InputError(message)
    for name in freqs:
        if name not in FREQS:
            message = f"freq must be of {', '.join(FREQS)}, not {name!r}; days and weeks are never published"
            raise InputError(message)
    if not wanted or not freqs:
        message = f"give at least one level ({', '.join(known)}) and one freq ({', '.join(FREQS)})"
        raise InputError(message)
    return [(level, freq) for freq in freqs for level in wanted]


def daily_counts(cube: xr.Dataset, layer: str) -> np.ndarray:
    """Return the computed counts (place, day), float64."""
    require_days(cube, "a release")
    values = np.asarray(cube[layer].transpose(space(cube), "time").values, float)
    if not np.isfinite(values).all() or (values < 0).any():
        message = f"{layer!r} has missing or negative counts; a release needs counts of events"
        raise CubeError(message)
    return values


def tabulate(cube: xr.Dataset, daily: np.ndarray, level: str, freq: str) -> Table | None:
    """Return the counts of a level and frequency; None if no period is whole, or events are known too coarsely for it."""
    spans = pd.PeriodIndex(cube["time"].values, freq=FREQS[freq])
    periods = spans.unique()
    first, last = cube["time"].values[[0, -1]].astype("datetime64[D]")
    starts = periods.start_time.values.astype("datetime64[D]")
    ends = periods.end_time.values.astype("datetime64[D]")
    whole = (starts >= first) & (ends <= last)
    if not whole.any():
        return None
    groups = _groups(cube, level)
    names, place_of = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), len(periods)))
    by_place = np.zeros((len(names), daily.shape[1]))
    np.add.at(by_place, place_of, daily)
    np.add.at(sums.T, periods.get_indexer(spans), by_place.T)
    counts = sums[:, whole]
    rounded = np.rint(counts)
    if np.abs(counts - rounded).max() > WHOLE or abs(counts.sum() - rounded.sum()) > LOST:
        return None
    ids = _groups(cube, space(cube))
    members = [frozenset(ids[place_of == number].tolist()) for number in range(len(names))]
    return Table(level, names.tolist(), members, freq, starts[whole], ends[whole], rounded)


def _groups(cube: xr.Dataset, level: str) -> np.ndarray:
    """Return the place of a level that each place of the cube lies in, whole."""
    base = space(cube)
    if level == CITY:
        return np.full(cube.sizes[base], CITY)
    if level.startswith("h3-"):
        return cell_hex(parents(cube[CELL].values, int(level.removeprefix("h3-")))).astype(str)
    return cell_hex(cube[CELL].values).astype(str) if level == CELL else cube[level].values.astype(str)
