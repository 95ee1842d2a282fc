"""Baselines: the past rate of each cell, all days alike or with fading memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import InputError
from htgeo.models.base import known_layer
from htgeo.models.score_model import ScoreModel

PRIOR_EVENTS = 1.0
"""The city's mean rate counts as the time in which a mean cell has so many events, so that no rate is 0."""
SMALLEST_MEAN = 1e-9
"""Events a cell and day, at least, where none are known yet."""


def log_rate(counts: np.ndarray, half_life: float, mean: float) -> np.ndarray:
    """Return the log of the past rate of each cell, drawn to the city's mean by `PRIOR_EVENTS` (cell, time)."""
    from htgeo.features.kernels import past_rates

    rate = past_rates(counts, windows=np.array([half_life]))[0]
    days = np.arange(counts.shape[1])
    keep = 0.5 ** (1.0 / half_life)
    seen = days if np.isinf(half_life) else (1 - keep**days) / (1 - keep)
    total = np.where(days > 0, rate, 0) * seen
    return np.log((total + PRIOR_EVENTS) / (seen + PRIOR_EVENTS / mean)).astype(np.float32)


@dataclass(eq=False)
class HistoricalRate(ScoreModel):
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

    def _prepare(self, cube: xr.Dataset) -> None:
        self.mean_ = max(float(known_layer(cube, self.label_["layer"]).mean(dtype="float64")), SMALLEST_MEAN)

    def _choices(self) -> Sequence[dict[str, Any]]:
        return ({"half_life": float("inf")},)  # no day fades

    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        steps = choice["half_life"] / self.step_days_
        return map_blocks(log_rate, known_layer(cube, self.label_["layer"]), mean=self.mean_, half_life=steps)


@dataclass(eq=False)
class EwmaRate(HistoricalRate):
    """The exponentially weighted rate of the cell: older days fade by half every `half_life` days.

    Parameters
    ----------
    half_life
        Days; None chooses the candidate with the lowest log loss on the last training days.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.EwmaRate(half_life=60).fit(train).choice_
    {'half_life': 60}
    """

    name: ClassVar[str] = "ewma_rate"
    summary: ClassVar[str] = "exponentially weighted rate of the cell, half-life tuned"
    candidates: ClassVar[tuple[float, ...]] = (15, 30, 60, 120, 240, 480)

    half_life: float | None = None

    def __post_init__(self) -> None:
        if self.half_life is not None and not self.half_life > 0:
            message = f"half_life must be above 0 days, not {self.half_life!r}"
            raise InputError(message)

    def _choices(self) -> Sequence[dict[str, Any]]:
        return [{"half_life": h} for h in (self.candidates if self.half_life is None else (self.half_life,))]
