"""Scores of expected counts, and the bias of any forecast."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from htgeo.evaluation.base import Sample, Score, ratio
from htgeo.evaluation.probability_scores import TINY


@dataclass(frozen=True)
class Totals:
    """By block: what is summed, and what it is divided by."""

    top: np.ndarray
    bottom: np.ndarray


def mean_of(stats: Totals, weights: np.ndarray) -> np.ndarray:
    """Return the ratio of the totals of each draw."""
    return ratio(weights @ stats.top, weights @ stats.bottom)


class _Count(Score, abstract=True):
    """A mean over cell-days of a loss of expected counts."""

    scores: ClassVar[Literal["probability", "count", "both"]] = "count"
    best: ClassVar[float] = 0.0
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)

    def prepare(self, sample: Sample) -> Totals:
        """Sum the loss by block."""
        return Totals(sample.total(self.loss(sample.forecast.astype(float), sample.observed)), sample.size)

    @abstractmethod
    def loss(self, forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return the loss of each cell-day."""

    def values(self, stats: Totals, weights: np.ndarray) -> np.ndarray:
        """Return the mean."""
        return mean_of(stats, weights)


class Mae(_Count):
    """Mean absolute difference between expected and observed count.

    It is least for the median, which is 0 where events are rare: a forecast of no events at all can win. Do not choose
    models by it.
    """

    name: ClassVar[str] = "mae"
    summary: ClassVar[str] = "mean absolute difference of the counts; lower is better, but rare events favour 0"
    source: ClassVar[str] = "Willmott and Matsuura 2005"

    def loss(self, forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return the absolute difference."""
        return np.asarray(np.abs(forecast - observed))


class Rmse(_Count):
    """Root of the mean squared difference between expected and observed count."""

    name: ClassVar[str] = "rmse"
    summary: ClassVar[str] = "root of the mean squared difference of the counts; lower is better"
    source: ClassVar[str] = "Hyndman and Koehler 2006"

    def loss(self, forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return the squared difference."""
        return np.asarray((forecast - observed) ** 2)

    def values(self, stats: Totals, weights: np.ndarray) -> np.ndarray:
        """Return the root of the mean."""
        return np.asarray(np.sqrt(mean_of(stats, weights)))


class Mape(_Count):
    """Mean absolute difference as a share of the observed count, over cell-days with events only.

    It conditions on the outcome: forecasts that are too high everywhere win, for nobody asks about the empty cells. It
    is here to compare with papers that report it; never steer by it, and read it beside the bias.
    """

    name: ClassVar[str] = "mape"
    summary: ClassVar[str] = (
        "mean relative difference where events happened; conditions on the outcome: do not steer by it"
    )
    source: ClassVar[str] = "Hyndman and Koehler 2006"

    def prepare(self, sample: Sample) -> Totals:
        """Sum over the cell-days with events by block."""
        some = sample.observed > 0
        return Totals(super().prepare(sample).top, sample.total(some))

    def loss(self, forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return the relative difference, 0 where nothing happened."""
        out = np.zeros(observed.shape)
        np.divide(np.abs(forecast - observed), observed, out=out, where=observed > 0)
        return out


class PoissonDeviance(_Count):
    """Mean deviance of the counts from a Poisson distribution; expected counts below 1e-7 count as that."""

    name: ClassVar[str] = "poisson_deviance"
    summary: ClassVar[str] = "mean Poisson deviance of the counts; lower is better"
    source: ClassVar[str] = "McCullagh and Nelder 1989"

    def loss(self, forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return twice the log-likelihood lost to a forecast of the count itself."""
        from scipy.special import xlogy

        mean = np.maximum(forecast, TINY)
        return np.asarray(2 * (xlogy(observed, observed / mean) - observed + mean))


class Crps(_Count):
    """Continuous ranked probability score of a Poisson distribution whose mean is the expected count.

    The squared distance between the distribution function and the step at the count, summed; 0 only where no event is
    expected and none comes. In closed form with Bessel functions (Wei & Held 2014).
    """

    name: ClassVar[str] = "crps"
    summary: ClassVar[str] = "ranked probability score of a Poisson count with the expected mean; lower is better"
    source: ClassVar[str] = "Wei and Held 2014"

    def loss(self, forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return the score of each cell-day."""
        from scipy.special import i0e, i1e

        mean = np.maximum(forecast, 0.0)
        spread = mean * (i0e(2 * mean) + i1e(2 * mean))
        out = np.asarray(mean - spread)  # where no event came
        some = observed > 0
        out[some] = _to_step(mean[some], observed[some]) - spread[some]
        return out


def _to_step(mean: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference between Poisson counts and one count."""
    from scipy.special import gammaln, pdtr, xlogy

    whole = np.floor(count)
    chance = np.exp(xlogy(whole, mean) - mean - gammaln(whole + 1))
    return np.asarray((count - mean) * (2 * pdtr(whole, mean) - 1) + 2 * mean * chance)


class Bias(Score):
    """Sum of the forecasts over what was observed; above 1 = too high overall."""

    name: ClassVar[str] = "bias"
    summary: ClassVar[str] = "sum of the forecasts over the sum observed; best 1, above 1 = too high"
    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    source: ClassVar[str] = "Wilks 2019"
    scores: ClassVar[Literal["probability", "count", "both"]] = "both"

    def prepare(self, sample: Sample) -> Totals:
        """Sum both by block."""
        return Totals(sample.total(sample.forecast), sample.total(sample.observed))

    def values(self, stats: Totals, weights: np.ndarray) -> np.ndarray:
        """Return the ratio; NaN where nothing was observed."""
        return mean_of(stats, weights)
