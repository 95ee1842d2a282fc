"""What a score must state: it is made from sufficient statistics by day, so that days can be resampled cheaply."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from htgeo.core.registry import Registry

SCORES: "Registry[type[Score]]" = Registry("score")


@dataclass(frozen=True)
class Sample:
    """Forecasts and outcomes of an evaluation.

    Attributes
    ----------
    forecast, observed : arrays, shape (cell, time)
        Probability and label; NaN in both where either is missing.
    events : array, shape (cell, time)
        Number of events in the window of the label.
    area : array, shape (cell,)
        Areas of the cells, km2.
    base_rate : float
        Base rate of the training days, the reference of skill.
    """

    forecast: np.ndarray
    observed: np.ndarray
    events: np.ndarray
    area: np.ndarray
    base_rate: float


class Score(ABC):
    """A score of a forecast; a subclass states its name, range, best value and source.

    A new score is one file with one subclass.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    best: ClassVar[float]

    def __init_subclass__(cls, abstract: bool = False) -> None:
        if not abstract:
            SCORES.add(cls.name, cls)

    @abstractmethod
    def prepare(self, sample: Sample) -> Any:
        """Return the sufficient statistics of a sample, by day."""

    @abstractmethod
    def value(self, stats: Any, weights: np.ndarray) -> float:
        """Return the score with a weight for each day (how often a resample drew it), shape (time,)."""
