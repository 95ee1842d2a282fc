"""Conformal bands: the smallest set of counts that a cell and its coming days fall into with a given chance."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_columns
from htgeo.cube.aggregate import forecast_of
from htgeo.cube.schema import require, require_days, role_of
from htgeo.labels.within import coming_sum
from htgeo.models.base import Model
from htgeo.models.intervals import counted, scale_of, span_of, with_risk

GROUPS = 10
"""Most groups of cell-days by risk, each with a band of its own level."""
LEAST_IN_GROUP = 500
HALVINGS = 50


def add_bands(
    cube: xr.Dataset, model: Model | str, *, level: float = 0.9, start: str | None = None, days: int = 90
) -> xr.Dataset:
    """Add the smallest set of counts that the events of a cell and the coming days fall into with a given chance.

    Counts are taken by falling chance of a negative binomial around the forecast, until the chance that makes sets of
    the calibration days hold what happened at `level`: adaptive prediction sets (Romano, Sesia & Candes 2020), made
    conformal within groups of like risk (Mondrian; Vovk, Gammerman & Shafer 2005). A set of whole counts cannot hold
    exactly 0.9, so the count taken last belongs to it with a share only, as in the fuzzy intervals of Geyer & Meeden
    (2005): no number is drawn. Coverage is exact where the calibration days and the days forecast are exchangeable, and
    off by as much as the level of events has moved between them; it holds on the average of days and of each
    group of risk, not in each cell.

    Where no event is likelier than `level`, the set is 0 alone with a share below 1, and every event lies outside:
    take a higher level, or `expected_counts` of larger areas.

    Parameters
    ----------
    cube
        The cube from its first day on.
    model
        A fitted model, or the name of a risk in the cube; learned on days before the calibration days.
    level
        Coverage, between 0 and 1.
    start
        First day with a band; the earliest by default.
    days
        The sets are learned on so many days before `start`, all after the training days.

    Returns
    -------
    Dataset
        The cube with ``band_low_<model>``, ``band_high_<model>`` (lowest and highest count of the set),
        ``band_edge_<model>`` (the count taken last, one of both) and ``band_share_<model>`` (with how much it belongs to
        the set), lazy, float32 ``(cell, time)``, missing before `start`. They count the events of the label's layer
        within its horizon.

    Raises
    ------
    CubeError
        If the calibration days would overlap the training days, or no day is left.
    InputError
        If an option cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=1))
    >>> train, _ = ht.split_time(cube, "2021-03-01")
    >>> cube = ht.add_bands(cube, ht.HistoricalRate().fit(train), days=60)
    >>> abs(float(ht.band_coverage(cube, "historical_rate").mean()) - 0.9) < 0.02
    True
    """
    require_days(cube, "add_bands")
    cube, risk = with_risk(cube, model, level)
    span = span_of(cube, risk, start, days)
    means, counts = counted(cube, risk, span)
    scale = scale_of(cube, risk, means, counts)
    means *= scale
    dispersion, edges = _dispersion(means, counts), _edges(means, int(cube[risk].attrs["horizon"]))
    made = map_columns(
        _bands,
        cube[risk],
        4,
        given=span.given,
        scale=scale,
        probability=role_of(cube[risk]) == "risk",
        dispersion=dispersion,
        edges=edges,
        enough=_enough(means, counts, dispersion, edges, level),
    )
    parts = ("low", "high", "edge", "share")
    names = ("lowest count of the set", "highest count of the set", "count taken last", "share of the count taken last")
    short = risk.removeprefix("risk_").removeprefix("expected_")
    facts = {key: cube[risk].attrs[key] for key in ("model", "layer", "horizon")} | span.facts(
        cube["time"].values, level
    )
    return cube.assign(
        {
            f"band_{part}_{short}": xr.Variable(data.dims, data.data, {"units": "1", "long_name": name, **facts})
            for part, name, data in zip(parts, names, made, strict=True)
        }
    )


def band_coverage(cube: xr.Dataset, model: str) -> xr.DataArray:
    """Return how far the count seen belongs to its band: 1 inside, 0 outside, a share at the edge; the mean is the coverage.

    Parameters
    ----------
    cube
        A cube with bands.
    model
        Name of the model, as in ``band_low_<model>``.

    Returns
    -------
    DataArray
        ``(cell, time)``, missing where there is no band or the horizon is not over; in memory. A share of an event
        known only to an area counts as the chance of one.

    Raises
    ------
    CubeError
        If the cube has no such band.
    """
    low, high, edge, share = (
        require(cube, f"band_{part}_{model}", "band") for part in ("low", "high", "edge", "share")
    )
    counts = coming_sum(cube[low.attrs["layer"]].values, int(low.attrs["horizon"]))
    total = np.zeros(counts.shape)
    for part, count in _whole(counts):
        inside = np.where(count == edge.values, share.values, (count >= low.values) & (count <= high.values))
        total += part * inside
    return low.copy(data=np.where(np.isnan(low.values) | np.isnan(counts), np.nan, total)).rename("band_coverage")


def _bands(
    risk: np.ndarray,
    given: int,
    scale: float,
    dispersion: float,
    edges: np.ndarray,
    enough: np.ndarray,
    *,
    probability: bool,
) -> np.ndarray:
    """Return low, high, edge and share of each cell and day, float32 (4, cell, time)."""
    from htgeo.models.bands_kernel import fill_bands

    means = forecast_of(risk, probability=probability) * scale
    means[:, :given] = np.nan
    out = np.empty((4, *risk.shape), np.float32)
    fill_bands(means, dispersion, np.asarray(edges, float), np.asarray(enough, float), out)
    return out


def _dispersion(means: np.ndarray, counts: np.ndarray) -> float:
    """Return what the variance of counts has beyond their mean, over the square of the mean; at least 0."""
    return max(float(np.sum((counts - means) ** 2 - means) / np.sum(means**2)), 0.0)


def _edges(means: np.ndarray, horizon: int) -> np.ndarray:
    """Return the least mean of each group of cell-days but the first; groups are about equal in size."""
    groups = max(1, min(GROUPS, len(means) // (LEAST_IN_GROUP * horizon)))  # neighbouring days share their events
    edges = np.unique(np.quantile(means, np.arange(1, groups) / groups, method="higher"))
    return np.asarray(edges[edges > means.min()])


def _enough(means: np.ndarray, counts: np.ndarray, dispersion: float, edges: np.ndarray, level: float) -> np.ndarray:
    """Return the chance that the sets of each group must reach to hold what was seen at `level`."""
    from htgeo.models.bands_kernel import ranks

    group = np.searchsorted(edges, means, side="right")
    size = np.bincount(group, minlength=len(edges) + 1)
    parts = [(part, *ranks(means, dispersion, count)) for part, count in _whole(counts)]
    low, high = np.zeros(len(size)), np.ones(len(size))
    for _ in range(HALVINGS):
        enough = (low + high) / 2
        inside = np.zeros(len(means))
        for part, before, own in parts:
            inside += part * np.clip((enough[group] - before) / np.maximum(own, np.finfo(float).tiny), 0, 1)
        held = np.bincount(group, inside, minlength=len(size)) >= level * (size + 1)
        low, high = np.where(held, low, enough), np.where(held, enough, high)
    return high


def _whole(counts: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield whole counts with the chance of each: a share of an event is the chance of one."""
    down = np.floor(np.nan_to_num(counts))
    share = np.nan_to_num(counts) - down
    yield 1 - share, down.astype(np.int64)
    if share.any():
        yield share, down.astype(np.int64) + 1
