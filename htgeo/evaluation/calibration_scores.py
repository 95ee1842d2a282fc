"""Whether probabilities mean what they say."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.core.glm import fit_line
from htgeo.evaluation.base import Sample, Score
from htgeo.evaluation.probability_scores import TINY

BINS = 200


@dataclass(frozen=True)
class Binned:
    """Cell-days in bins of equal size by forecast: mean log-odds (bin,), and cases and events by (bin, unit)."""

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
    bounds: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    source: ClassVar[str] = "Cox 1958"

    def prepare(self, sample: Sample) -> Binned:
        """Bin the cell-days."""
        order = sample.order
        p = np.clip(sample.forecast.ravel()[order].astype(float), TINY, 1 - TINY)
        score = np.log(p / (1 - p))
        edges = np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1]) if len(score) else np.zeros(BINS - 1)
        code = np.searchsorted(edges, score, side="right") * sample.units + sample.unit.ravel()[order]
        shape = (BINS, sample.units)
        size, events, total = (
            np.bincount(code, values, BINS * sample.units).reshape(shape)
            for values in (np.ones(len(code)), sample.observed.ravel()[order], score)
        )
        return Binned(total.sum(axis=1) / np.maximum(size.sum(axis=1), 1), size, events)

    def values(self, stats: Binned, weights: np.ndarray) -> np.ndarray:
        """Return the slope; NaN where all forecasts or all outcomes are alike."""
        size, events = weights @ stats.size.T, weights @ stats.events.T
        return np.array([_slope(stats.log_odds, *row) for row in zip(events, size, strict=True)])


def _slope(log_odds: np.ndarray, events: np.ndarray, size: np.ndarray) -> float:
    used = size > 0
    if not used.any() or np.ptp(log_odds[used]) < TINY or not 0 < events.sum() < size.sum():
        return float("nan")
    return fit_line(log_odds[used], events[used], size[used])[1]
