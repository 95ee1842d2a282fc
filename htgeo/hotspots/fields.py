"""The values of a layer that the statistics of hot spots look at: means a day by place, over a period or by step."""

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import from_blocks, whole_time
from htgeo.core.errors import CubeError, InputError, PrecisionWarning
from htgeo.cube.near import disk_of
from htgeo.cube.periods import FREQS, whole_periods
from htgeo.cube.schema import require, select_days, space, step_days
from htgeo.grid.neighbors import check_rings

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MOST_SPREAD = 0.5
"""Share of events known to an area only above which a warning is due: what is spread over an area clusters there."""
FEWEST_PLACES = 3


def layer_of(cube: xr.Dataset, layer: str, time: str | slice | None = None) -> xr.DataArray:
    """Return a layer ``(place, time)`` for a day or a range of days; all of them if None.

    Raises
    ------
    CubeError
        If there is no such variable, or it is not on ``(place, time)``, or no number.
    """
    data = require(cube, layer, "layer")
    if data.dims != (space(cube), "time") or data.dtype.kind not in "fiub":
        message = (
            f"statistics of hot spots need numbers on {(space(cube), 'time')}; {layer!r} is {data.dtype} on {data.dims}"
        )
        raise CubeError(message)
    if spread_share(data) > MOST_SPREAD:
        message = f"{spread_share(data):.0%} of the events of {layer!r} are known to an area only and spread over it: hot spots then follow the borders of the areas; use a layer of events.select(precision='point'), or htgeo.aggregate to the areas"
        warnings.warn(message, PrecisionWarning, stacklevel=3)
    return whole_time(data if time is None else select_days(data, time))


def spread_share(data: xr.DataArray) -> float:
    """Return the share of the events of a layer that are known to an area only."""
    return float(data.attrs.get("known_to_area", 0)) / max(float(data.attrs.get("events", 0)), 1.0)


def neighborhood(cube: xr.Dataset, k: int, *, star: bool) -> "csr_array":
    """Return 1 for places at most `k` rings apart, shape (place, place); with the place itself if `star`."""
    from scipy.sparse import eye_array

    check_rings(k)
    near = disk_of(cube, k, 1.0)
    if not star:
        near = (near - eye_array(near.shape[0], dtype=np.float32)).tocsr()
        near.eliminate_zeros()
    return near


def step_means(data: xr.DataArray, starts: np.ndarray) -> np.ndarray:
    """Return the mean of the known days of each step, float64 (place, step); computed block by block.

    Parameters
    ----------
    data
        A layer ``(place, time)``, the time axis in one chunk.
    starts
        Where each step begins; the last one ends with the data.
    """
    kernel = partial(_means, starts=starts)
    if data.chunks is None:
        return np.asarray(kernel(data.values))
    blocks = [(block,) for block in data.data.to_delayed().ravel()]
    lazy = from_blocks(kernel, blocks, data.data.chunks[0], len(starts), np.float64)
    return np.asarray(lazy.compute())


def _means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0), starts, axis=1, dtype=np.float64)
    days = np.add.reduceat(known, starts, axis=1, dtype=np.float64)
    return np.asarray(np.divide(total, days, out=np.full(total.shape, np.nan), where=days > 0))


def step_starts(cube: xr.Dataset, step: str | int | None) -> tuple[np.ndarray, slice]:
    """Return where the steps of a cube begin among its kept days, and the slice of the days kept: those of whole steps.

    Parameters
    ----------
    cube
        A cube.
    step
        ``"D"``, ``"W"``, ``"M"`` or ``"Y"``, or a number of days, which are counted back from the last day; None for
        the steps of the cube, the only choice where they are no days.
    """
    days = cube["time"].values.astype("datetime64[D]")
    if step is None:
        return np.arange(len(days)), slice(0, len(days))
    if step_days(cube) != 1 or "freq" in cube.attrs:
        message = f"the steps of this cube are no days; give step=None to take them as they are, not {step!r}"
        raise InputError(message)
    if isinstance(step, str):
        firsts, kept = whole_periods(days, step)
        return (firsts - days[kept.start]).astype(int), kept
    if not isinstance(step, int) or not 1 <= step <= len(days):
        message = f"step is {', '.join(map(repr, FREQS))}, a number of days up to {len(days)}, or None, not {step!r}"
        raise InputError(message)
    rest = len(days) % step
    return np.arange(0, len(days) - rest, step), slice(rest, len(days))


def check_varied(values: np.ndarray, data: xr.DataArray, what: str) -> None:
    """Raise where so few values are known, or all are so alike, that nothing can be hot or cold."""
    known = values[np.isfinite(values)]
    if len(known) < FEWEST_PLACES:
        message = f"{what} of {data.name!r} needs at least {FEWEST_PLACES} places with a value, there are {len(known)} {span(data)}"
        raise CubeError(message)
    if known.min() == known.max():
        message = f"{data.name!r} is {known[0]:g} in every place {span(data)}, so nothing is hot or cold; choose another layer or other days: time=slice(first, last)"
        raise CubeError(message)


def span(data: xr.DataArray) -> str:
    """Return the days of a layer in words."""
    first, last = (str(day)[:10] for day in data["time"].values[[0, -1]])
    return f"from {first} to {last}"


def facts(data: xr.DataArray, **more: Any) -> dict[str, Any]:
    """Return the attributes that every statistic of a layer carries: what it was made of, and what weakens it."""
    first, last = (str(day)[:10] for day in data["time"].values[[0, -1]])
    share = spread_share(data)
    note = {"note": f"{share:.0%} of the events are known to an area only and spread over it"} if share else {}
    return {"layer": str(data.name), "period": f"{first}/{last}", **more, **note}


def in_words(k: int, *, fdr: bool) -> str:
    """Return the neighbourhood, and what the error rate of the classes bounds, in words."""
    bound = "share of false ones among those found (false discovery rate)" if fdr else "error rate of each place"
    return f"{k} ring{'s' if k > 1 else ''} of neighbours; classes bound the {bound}"
