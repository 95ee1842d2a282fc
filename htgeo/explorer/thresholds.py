"""What every threshold flags, captures and costs on the scored days: sums made once for a selection."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.schema import CELL, as_day, steps
from htgeo.explorer.data import Explored
from htgeo.labels.within import coming_sum

MOST_SUMS = 32
DIGITS = np.arange(10, 100)
THRESHOLDS = np.concatenate([DIGITS * 10.0**power for power in range(-6, 1)]).round(7)
"""Every number of two significant digits from 0.00001 to 99."""


@dataclass(frozen=True)
class Reached:
    """What one threshold reaches on the scored days.

    Attributes
    ----------
    captured
        Share of the events that happen in flagged cells within the horizon; missing where there is none.
    precision
        Share of the flagged cell-days with an event within the horizon; missing where none is flagged.
    area_share
        Share of the area flagged a step.
    cells_per_step
        Cells to review a step.
    """

    captured: float
    precision: float
    area_share: float
    cells_per_step: float


@dataclass(frozen=True)
class Sums:
    """Sums over the scored cell-days by threshold, ascending: what is flagged at it or above.

    Attributes
    ----------
    thresholds : array, shape (threshold,)
        Thresholds that at least one cell-day reaches, and the lowest of them that all do.
    cells, hits, events, area : arrays, shape (threshold,)
        Cell-days flagged, those of them with an event within the horizon, the events there, and their area in km2.
    all_events, land : float
        Events and area of all scored cell-days.
    days : array of datetime64[D]
        The scored days.
    trained
        The days that the model was trained on, as the store says; empty where it does not.
    """

    thresholds: np.ndarray
    cells: np.ndarray
    hits: np.ndarray
    events: np.ndarray
    area: np.ndarray
    all_events: float
    land: float
    days: np.ndarray
    trained: str

    def reached(self, number: int) -> Reached:
        """Return what the threshold with this number reaches."""
        cells = float(self.cells[number])
        return Reached(
            captured=float(self.events[number]) / self.all_events if self.all_events else float("nan"),
            precision=float(self.hits[number]) / cells if cells else float("nan"),
            area_share=float(self.area[number]) / self.land,
            cells_per_step=cells / len(self.days),
        )

    def nearest(self, threshold: float) -> int:
        """Return the number of the threshold nearest to one."""
        return int(np.argmin(np.abs(self.thresholds - threshold)))

    def flagging(self, share: float) -> int:
        """Return the number of the lowest threshold that flags at most a share of the area; of the highest if none does."""
        return min(int(np.searchsorted(-self.area, -share * self.land)), len(self.thresholds) - 1)


class ThresholdSums:
    """The sums of an explored cube, kept for the last selections.

    Parameters
    ----------
    explored
        The cube.
    """

    def __init__(self, explored: Explored) -> None:
        self.explored = explored
        self.of = lru_cache(MOST_SUMS)(self._sums)

    def scored(self, model: str, span: tuple[int, int] | None) -> slice:
        """Return the positions of the days that a model can be scored on: none whose label reaches its training days.

        Raises
        ------
        CubeError
            If there is none.
        """
        explored = self.explored
        forecast = explored.forecast(model)
        reach = steps(explored.cube, int(forecast.attrs.get("horizon", 1)))
        first, stop = 0, len(explored.days) - reach + 1
        trained = str(forecast.attrs.get("training_days", ""))
        if trained:
            fresh = as_day(trained[-10:]) + np.timedelta64(int(forecast.attrs.get("horizon", 1)), "D")
            first = int(np.searchsorted(explored.days, fresh.astype("datetime64[D]")))
        if span is not None:
            first, stop = max(first, span[0]), min(stop, span[1] + 1)
        if first >= stop:
            message = f"no {explored.step} to score here: {model} was trained on {trained or 'unknown days'}, and the label needs {reach} {explored.step}s from each {explored.step} on; choose later ones"
            raise CubeError(message)
        return slice(first, stop)

    def _sums(self, model: str, area: tuple[str, str] | None, span: tuple[int, int] | None) -> Sums:
        """Return the sums over the scored days of a span, block of cells by block of cells."""
        explored, days = self.explored, self.scored(model, span)
        forecast = explored.forecast(model)
        counts = explored.events(model)
        if counts is None:
            message = f"the store lacks the events {forecast.attrs.get('layer', '')!r} that {model} forecasts, so its thresholds cannot be scored"
            raise CubeError(message)
        reach = steps(explored.cube, int(forecast.attrs.get("horizon", 1)))
        rows = np.flatnonzero(explored.mask(area))
        land = explored.cube["cell_area"].values
        bins = np.zeros((4, len(THRESHOLDS) + 1))
        for first, stop in _blocks(forecast):
            some = rows[(rows >= first) & (rows < stop)]
            if len(some):
                part = explored.cube[[str(forecast.name), counts]].isel({CELL: slice(first, stop)})
                wide = part.isel(time=slice(days.start, days.stop + reach - 1)).compute()
                events = coming_sum(wide[counts].values, reach)[some - first, : days.stop - days.start]
                risk = wide[str(forecast.name)].values[some - first, : days.stop - days.start]
                bins += _binned(risk, events, land[some])
        return _summed(bins, explored.days[days], str(forecast.attrs.get("training_days", "")))


def _blocks(forecast: xr.DataArray) -> list[tuple[int, int]]:
    """Return first and one past the last cell of each block in memory."""
    sizes = forecast.chunksizes.get(CELL, (forecast.sizes[CELL],))
    ends = np.cumsum(sizes).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _binned(risk: np.ndarray, events: np.ndarray, land: np.ndarray) -> np.ndarray:
    """Return cell-days, hits, events and area by the highest threshold that they reach, (4, threshold + 1)."""
    known = ~(np.isnan(risk) | np.isnan(events))
    at = np.searchsorted(THRESHOLDS.astype(np.float32), risk[known], side="right")
    happened = events[known].astype(np.float64)
    area = np.broadcast_to(land[:, None], risk.shape)[known]
    size = len(THRESHOLDS) + 1
    weights = (None, np.minimum(happened, 1), happened, area)
    return np.stack([np.bincount(at, weight, size) for weight in weights])


def _summed(bins: np.ndarray, days: np.ndarray, trained: str) -> Sums:
    if not bins[0].any():
        message = f"no cell from {days[0]} to {days[-1]} has a forecast and a label that is over"
        raise CubeError(message)
    above = bins[:, ::-1].cumsum(axis=1)[:, ::-1]  # at or above; number 0 is everything
    cells = above[0, 1:]
    low = max(int(np.searchsorted(-cells, -above[0, 0], side="right")) - 1, 0)
    stop = int(np.count_nonzero(cells))
    kept = slice(low, max(stop, low + 1))
    cells, hits, events, area = above[:, 1:][:, kept]
    return Sums(THRESHOLDS[kept], cells, hits, events, area, float(above[2, 0]), float(above[3, 0]), days, trained)
