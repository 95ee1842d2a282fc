"""Baselines: the past rate of each cell, all days alike or with fading memory."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import InputError
from htgeo.models.base import Model, known_layer
from htgeo.models.calibration import LogisticMap, fit_logistic_map, log_loss

CALIBRATION_DAYS = 365
"""Last training days on which a rate is turned into a probability (a whole year, where there is one)."""
PRIOR_DAYS = 30
"""The city's mean rate counts as so many days of each cell, so that no rate is 0."""


def log_rate(counts: np.ndarray, half_life: float, mean: float) -> np.ndarray:
    """Return the log of the past rate of each cell, drawn to the city's mean as if by `PRIOR_DAYS` days (cell, time)."""
    from htgeo.features.kernels import past_rates

    rate = past_rates(counts, windows=np.array([half_life]))[0]
    days = np.arange(counts.shape[1])
    keep = 0.5 ** (1.0 / half_life)
    seen = days if np.isinf(half_life) else (1 - keep**days) / (1 - keep)
    total = np.where(days > 0, rate, 0) * seen
    return np.log((total + PRIOR_DAYS * mean) / (seen + PRIOR_DAYS)).astype(np.float32)


def _risk_block(counts: np.ndarray, half_life: float, mean: float, to_probability: LogisticMap) -> np.ndarray:
    return to_probability(log_rate(counts, half_life, mean))


@dataclass(eq=False)
class HistoricalRate(Model):
    """The rate of all past days of the cell, updated each day, as a probability.

    Counts are those known by the start of the day. The rate is turned into a probability of the label by a logistic
    map learned on the last training days.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.HistoricalRate().fit(train).base_rate_ > 0
    True
    """

    name: ClassVar[str] = "historical_rate"
    summary: ClassVar[str] = "rate of all past days of the cell"

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        counts = known_layer(cube, self.label_["layer"])
        self.mean_ = float(counts.mean())
        last = slice(max(cube.sizes["time"] - CALIBRATION_DAYS, cube.sizes["time"] // 4), None)
        y = label.isel(time=last).values
        known = ~np.isnan(y)
        best = np.inf
        for half_life in self._half_lives():
            score = map_blocks(log_rate, counts, half_life=half_life, mean=self.mean_).isel(time=last).values[known]
            fitted = fit_logistic_map(score, y[known])
            loss = log_loss(fitted(score), y[known])
            if loss < best:
                best, self.half_life_, self.to_probability_ = loss, half_life, fitted

    def _half_lives(self) -> tuple[float, ...]:
        """Half-lives to choose from; inf means that no day fades."""
        return (np.inf,)

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        counts = known_layer(cube, self.label_["layer"])
        return map_blocks(
            _risk_block, counts, half_life=self.half_life_, mean=self.mean_, to_probability=self.to_probability_
        )


@dataclass(eq=False)
class EwmaRate(HistoricalRate):
    """The exponentially weighted rate of the cell: older days fade by half every `half_life` days.

    Parameters
    ----------
    half_life
        Days; None chooses the candidate with the lowest log loss on the last training days.

    Attributes
    ----------
    half_life_ : float
        Half-life used.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.EwmaRate(half_life=60).fit(train).half_life_
    60
    """

    name: ClassVar[str] = "ewma_rate"
    summary: ClassVar[str] = "exponentially weighted rate of the cell, half-life tuned"
    candidates: ClassVar[tuple[float, ...]] = (15, 30, 60, 120, 240, 480)

    half_life: float | None = None

    def __post_init__(self) -> None:
        if self.half_life is not None and not self.half_life > 0:
            message = f"half_life must be above 0 days, not {self.half_life!r}"
            raise InputError(message)

    def _half_lives(self) -> tuple[float, ...]:
        return self.candidates if self.half_life is None else (self.half_life,)
