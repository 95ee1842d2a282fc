"""What a score must state: it is made from sufficient statistics by block, so that blocks can be resampled cheaply."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from htgeo.core.registry import Registry

SCORES: "Registry[type[Score]]" = Registry("score")
SEED = 0
"""Seed of the order among equal forecasts of a day."""


@dataclass(frozen=True)
class Sample:
    """Forecasts and outcomes of an evaluation, on (cell, time).

    Attributes
    ----------
    forecast, observed : arrays, shape (cell, time)
        Probability (or expected count) and label; NaN in both where either is missing.
    events : array, shape (cell, time)
        Number of events in the window of the label; 0 where missing.
    area, lon, lat : arrays, shape (cell,)
        Areas of the cells in km2, and their centres in degrees.
    base_rate : float
        Base rate of the training days, the reference of skill.
    unit : array of int, shape (cell, time)
        The block that each cell-day is resampled with: a block of days, or a block of days and places.
    cell : array, shape (cell,)
        The values of the spatial coordinate.
    day : array of int, shape (time,)
        Number of each step; None where each follows the one before.
    """

    forecast: np.ndarray
    observed: np.ndarray
    events: np.ndarray
    area: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    base_rate: float
    unit: np.ndarray
    cell: np.ndarray
    day: np.ndarray | None = None

    @cached_property
    def known(self) -> np.ndarray:
        """Where forecast and outcome are known, shape (cell, time)."""
        return np.asarray(~np.isnan(self.forecast))

    @cached_property
    def units(self) -> int:
        """Number of blocks."""
        return int(self.unit.max(initial=-1)) + 1

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of values by block, missing ones left out: (cell, time) -> (unit,)."""
        return np.bincount(self.unit.ravel(), np.nan_to_num(values).ravel(), self.units)

    @cached_property
    def size(self) -> np.ndarray:
        """Number of known cell-days by block, shape (unit,)."""
        return self.total(self.known)

    @cached_property
    def order(self) -> np.ndarray:
        """Positions of the known cell-days from the highest forecast down, in the raveled arrays."""
        known = np.flatnonzero(self.known)
        return known[np.argsort(-self.forecast.ravel()[known], kind="stable")]

    @cached_property
    def day_order(self) -> np.ndarray:
        """Cells of each day from the highest forecast down, shape (cell, time); equal ones at random by a fixed seed.

        Areas differ in size, so they are taken by the forecast a km2: what fills a share of the area best.
        """
        by_size = self.forecast if self.cell.dtype.kind == "u" else self.forecast / self.area[:, None]
        return by_day(np.where(self.known, by_size, -np.inf))

    @cached_property
    def clairvoyant_order(self) -> np.ndarray:
        """Cells of each day from most events by area down, shape (cell, time): what a map that knew the day would flag."""
        return by_day(np.where(self.known, self.events / self.area[:, None], -np.inf))


def by_day(values: np.ndarray) -> np.ndarray:
    """Return the cells of each day from the highest value down; equal ones at random by a fixed seed."""
    shuffled = np.random.default_rng(SEED).permutation(len(values))
    return np.asarray(shuffled[np.argsort(-values[shuffled], axis=0, kind="stable")])


class Score(ABC):
    """A score of a forecast; a subclass states its name, range, best value and source.

    A new score is one file with one subclass.

    Attributes
    ----------
    name, summary
        Name, and one sentence that says what is better.
    best
        Value of a perfect forecast.
    bounds
        Lowest and highest value possible.
    source
        Where it is defined.
    scores
        What it scores: ``probability`` (a risk), ``count`` (an expected count), or ``both``.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    best: ClassVar[float]
    bounds: ClassVar[tuple[float, float]]
    source: ClassVar[str]
    scores: ClassVar[Literal["probability", "count", "both"]] = "probability"

    def __init_subclass__(cls, abstract: bool = False) -> None:
        if not abstract:
            SCORES.add(cls.name, cls)

    @abstractmethod
    def prepare(self, sample: Sample) -> Any:
        """Return the sufficient statistics of a sample, by block."""

    @abstractmethod
    def values(self, stats: Any, weights: np.ndarray) -> np.ndarray:
        """Return the score under each draw.

        Parameters
        ----------
        stats
            What `prepare` returned.
        weights : array, shape (draw, unit)
            How often each draw holds each block.

        Returns
        -------
        array, shape (draw,)
            NaN where a draw has nothing to score.
        """


def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return top / bottom, NaN where the bottom is not above zero."""
    out = np.full(np.shape(top), np.nan)
    np.divide(top, bottom, out=out, where=np.asarray(bottom) > 0)
    return out
