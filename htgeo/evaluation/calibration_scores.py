"""Whether probabilities mean what they say."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.evaluation.base import Sample, Score

BINS = 200
TINY = 1e-7
MAX_STEPS = 30


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
        """Return the slope by Newton steps; NaN where all forecasts are alike."""
        size, events = stats.size @ weights, stats.events @ weights
        if np.ptp(stats.log_odds[size > 0]) < TINY or not 0 < events.sum() < size.sum():
            return float("nan")
        design = np.stack([np.ones(BINS), stats.log_odds])
        beta = np.array([0.0, 1.0])
        for _ in range(MAX_STEPS):
            p = 1 / (1 + np.exp(-np.clip(beta @ design, -30, 30)))
            hessian = (design * (size * p * (1 - p))) @ design.T + 1e-9 * np.eye(2)
            step = np.clip(np.linalg.solve(hessian, design @ (events - size * p)), -2, 2)
            beta += step
            if np.abs(step).max() < 1e-9:  # noqa: PLR2004  # far below the third decimal shown
                break
        return float(beta[1])
