"""Whether forecasts happen as often as they say, by bins of forecast, and how far they dare to differ."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.evaluation.base import Sample, Score, ratio
from htgeo.evaluation.bootstrap import check_draws, draw_units, interval
from htgeo.evaluation.samples import outcome_facts, samples

BINS = 20


@dataclass(frozen=True)
class Bins:
    """Sums of forecasts, outcomes and cell-days in bins of equal size by forecast, each of shape (bin, unit)."""

    forecast: np.ndarray
    observed: np.ndarray
    size: np.ndarray


def bin_sums(sample: Sample, bins: int) -> Bins:
    """Sum in bins of equal size, fixed by all cell-days; equal forecasts share a bin, so some may be empty."""
    forecast, observed, unit = (
        values.ravel()[sample.order] for values in (sample.forecast, sample.observed, sample.unit)
    )
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.quantile(forecast, inner) if len(forecast) else np.zeros(bins - 1)
    code = np.searchsorted(edges, forecast, side="right") * sample.units + unit
    return Bins(
        *(
            np.bincount(code, values, bins * sample.units).reshape(bins, sample.units)
            for values in (forecast, observed, np.ones(len(code)))
        )
    )


class Ece(Score):
    """Expected calibration error: mean distance between forecast and frequency in 20 bins of equal size.

    It is above 0 by chance alone, the more so the fewer events there are, and drawn blocks add chance: its interval
    lies high. Compare models on the same days only.
    """

    name: ClassVar[str] = "ece"
    summary: ClassVar[str] = "mean distance of forecast and frequency in 20 bins of equal size; lower is better"
    best: ClassVar[float] = 0.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Naeini, Cooper and Hauskrecht 2015"

    def prepare(self, sample: Sample) -> Bins:
        """Bin the cell-days."""
        return bin_sums(sample, BINS)

    def values(self, stats: Bins, weights: np.ndarray) -> np.ndarray:
        """Return the distances, each bin by its size."""
        distance = np.abs(weights @ (stats.forecast - stats.observed).T).sum(axis=1)
        return ratio(distance, weights @ stats.size.sum(axis=0))


@dataclass(frozen=True)
class Moments:
    """By block: number of forecasts, and sums of their distances to the base rate, plain and squared."""

    size: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Sharpness(Score):
    """Standard deviation of the forecasts: how far they dare to differ from each other.

    It knows nothing of what happened and has no best value by itself: of two forecasts that are equally well
    calibrated, the sharper one is better (Gneiting, Balabdaoui & Raftery 2007).
    """

    name: ClassVar[str] = "sharpness"
    summary: ClassVar[str] = "standard deviation of the forecasts; more is better only if equally well calibrated"
    best: ClassVar[float] = float("inf")
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    source: ClassVar[str] = "Gneiting, Balabdaoui and Raftery 2007"
    scores: ClassVar[Literal["probability", "count", "both"]] = "both"

    def prepare(self, sample: Sample) -> Moments:
        """Sum by block."""
        distance = sample.forecast.astype(float) - sample.base_rate
        return Moments(sample.size, sample.total(distance), sample.total(distance**2))

    def values(self, stats: Moments, weights: np.ndarray) -> np.ndarray:
        """Return the standard deviation."""
        size = weights @ stats.size
        variance = ratio(weights @ stats.second, size) - ratio(weights @ stats.first, size) ** 2
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def calibration_curve(
    cube: xr.Dataset,
    model: str,
    *,
    bins: int = BINS,
    start: str | None = None,
    stop: str | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Return how often forecasts came true, by bins of equal size from the lowest forecasts to the highest.

    Parameters
    ----------
    cube
        A cube with a label and the forecast of the model.
    model
        Name of the model, without ``risk_``.
    bins
        Number of bins, at least 1; equal forecasts share a bin, so there can be fewer.
    start, stop
        First and last day to score; by default the first after the training days, and the last of the cube.
    draws
        Bootstrap draws of blocks of days; 0 gives no intervals.
    level
        Level of the intervals.
    seed
        Seed of the draws.

    Returns
    -------
    Dataset
        On ``bin``: ``forecast``, the mean forecast; ``observed``, the frequency of the label (the mean count, for
        expected counts), with ``low`` and ``high``; and ``size``, the number of cell-days.

    Raises
    ------
    InputError
        If the cube has no such forecast, or there is no bin.
    CubeError
        If there is no day to score.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> curve = ht.calibration_curve(cube, "historical_rate", bins=5, start="2021-05-01", draws=50)
    >>> bool(curve["observed"][-1] > curve["observed"][0])
    True
    """
    check_draws(draws, level, seed)
    if not isinstance(bins, int) or bins < 1:
        message = f"bins must be a whole number of at least 1, not {bins!r}"
        raise InputError(message)
    found = samples(cube, [model], start=start, stop=stop)
    sums = bin_sums(found.by_model[model], bins)
    used = sums.size.sum(axis=1) > 0
    weights = draw_units(found.units, draws=draws, seed=seed).T
    size = sums.size[used] @ weights
    observed = ratio(sums.observed[used] @ weights, size)
    low, high = interval(observed, level, found.units)
    mean = ratio(sums.forecast[used].sum(axis=1), size[:, 0])
    columns = {"forecast": mean, "observed": observed[:, 0], "low": low, "high": high, "size": size[:, 0]}
    return xr.Dataset(
        {name: ("bin", values, {"units": "1", "long_name": TEXTS[name]}) for name, values in columns.items()},
        attrs={**outcome_facts(found), "model": model, "level": level},
    )


TEXTS = {
    "forecast": "mean forecast of the bin",
    "observed": "mean of what was observed in the bin",
    "low": "low end of the interval of what was observed",
    "high": "high end of the interval of what was observed",
    "size": "cell-days in the bin",
}
