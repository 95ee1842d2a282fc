"""Whether probabilities mean what they say."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.core.glm import fit_line
from htgeo.evaluation.base import Sample, Score

BINS = 200
TINY = 1e-7


@dataclass(frozen=True)
class Binned:
    """Cell-days in bins of equal size by forecast: mean log-odds (bin,), and cases and events by (bin, time)."""

    log_odds: np.ndarray
    size: np.ndarray
    events: np.ndarray


class CalibrationSlope(Score):
    """Slope of the outcome on the log-odds of the forecast (Cox 1958); best 1.

    Below 1 the forecast is too extreme, above 1 too timid. Fitted on 200 bins of equal size.
    """

    name: ClassVar[str] = "calibration_slope"
    summary: ClassVar[str] = "slope of the outcome on the log-odds of the forecast; best 1, below 1 = too extreme"
    best: ClassVar[float] = 1.0

    def prepare(self, sample: Sample) -> Binned:
        """Bin the cell-days."""
        known = ~np.isnan(sample.forecast)
        p = np.clip(sample.forecast[known].astype(float), TINY, 1 - TINY)
        score = np.log(p / (1 - p))
        day = np.broadcast_to(np.arange(known.shape[1]), known.shape)[known]
        edges = np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1])
        code = np.searchsorted(edges, score, side="right") * known.shape[1] + day
        shape = (BINS, known.shape[1])
        size = np.bincount(code, minlength=shape[0] * shape[1]).reshape(shape)
        events = np.bincount(code, sample.observed[known], minlength=shape[0] * shape[1]).reshape(shape)
        total = np.bincount(code, score, minlength=shape[0] * shape[1]).reshape(shape).sum(axis=1)
        return Binned(total / np.maximum(size.sum(axis=1), 1), size.astype(float), events)

    def value(self, stats: Binned, weights: np.ndarray) -> float:
        """Return the slope; NaN where all forecasts or all outcomes are alike."""
        size, events = stats.size @ weights, stats.events @ weights
        used = size > 0
        if np.ptp(stats.log_odds[used]) < TINY or not 0 < events.sum() < size.sum():
            return float("nan")
        return fit_line(stats.log_odds[used], events[used], size[used])[1]
