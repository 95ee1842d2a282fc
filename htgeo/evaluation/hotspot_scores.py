"""Scores of the flagged part of the map, chosen each day by area."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.evaluation.base import Sample, Score

SEED = 0
"""Seed of the order among equal forecasts."""


@dataclass(frozen=True)
class Flagged:
    """By day: events in the flagged cells, all events, and the most that as much area could hold."""

    captured: np.ndarray
    events: np.ndarray
    possible: np.ndarray


def flag(sample: Sample, share: float) -> Flagged:
    """Flag each day the cells of highest forecast until they fill a share of the area; the last one counts in part.

    Events are counts, not the 0/1 label. Equal forecasts are ordered at random by a fixed seed.
    """
    known = ~np.isnan(sample.forecast)
    events = np.where(known, sample.events, 0.0)
    area = np.broadcast_to(sample.area[:, None], known.shape) * known
    budget = share * area.sum(axis=0)
    shuffled = np.random.default_rng(SEED).permutation(len(sample.area))
    forecast = np.where(known, sample.forecast, -np.inf)[shuffled]
    return Flagged(
        captured=_captured(forecast, events[shuffled], area[shuffled], budget),
        events=events.sum(axis=0),
        possible=_captured(events[shuffled] / sample.area[shuffled, None], events[shuffled], area[shuffled], budget),
    )


def _captured(score: np.ndarray, events: np.ndarray, area: np.ndarray, budget: np.ndarray) -> np.ndarray:
    order = np.argsort(-score, axis=0, kind="stable")
    sorted_area = np.take_along_axis(area, order, axis=0)
    before = np.cumsum(sorted_area, axis=0) - sorted_area
    part = np.clip((budget - before) / np.maximum(sorted_area, 1e-12), 0.0, 1.0)
    return np.asarray((part * np.take_along_axis(events, order, axis=0)).sum(axis=0))


class _Hotspot(Score, abstract=True):
    """A score of the cells flagged within a share of the area."""

    share: ClassVar[float]

    def prepare(self, sample: Sample) -> Flagged:
        """Flag the cells of each day."""
        return flag(sample, self.share)


class HitRate(_Hotspot, abstract=True):
    """Share of the events in the flagged cells (capture, recall by area); 0 to 1."""

    best: ClassVar[float] = 1.0

    def value(self, stats: Flagged, weights: np.ndarray) -> float:
        """Return captured over all events."""
        events = weights @ stats.events
        return float(weights @ stats.captured / events) if events > 0 else float("nan")


class Pai(_Hotspot, abstract=True):
    """Predictive accuracy index: hit rate over the share of area flagged (Chainey et al. 2008); no skill 1."""

    best: ClassVar[float] = float("inf")

    def value(self, stats: Flagged, weights: np.ndarray) -> float:
        """Return the hit rate over the area share."""
        events = weights @ stats.events
        return float(weights @ stats.captured / events / self.share) if events > 0 else float("nan")


class Pei(_Hotspot, abstract=True):
    """Prediction efficiency index: captured over the most that as much area could hold each day (Hunt 2016); 0 to 1."""

    best: ClassVar[float] = 1.0

    def value(self, stats: Flagged, weights: np.ndarray) -> float:
        """Return captured over possible."""
        possible = weights @ stats.possible
        return float(weights @ stats.captured / possible) if possible > 0 else float("nan")


def _register_shares() -> None:
    """Register each score at 1, 5, 10 and 20 % of the area."""
    texts = {
        HitRate: "share of the events in",
        Pai: "hit rate over the area share (PAI) of",
        Pei: "events over the most possible (PEI) in",
    }
    for base, text in texts.items():
        prefix = {HitRate: "hit_rate", Pai: "pai", Pei: "pei"}[base]
        for percent in (1, 5, 10, 20):
            body = {
                "name": f"{prefix}_{percent}",
                "summary": f"{text} {percent} % of the area, flagged each day",
                "share": percent / 100,
                "__doc__": base.__doc__,
            }
            type(f"{base.__name__}{percent}", (base,), body)


_register_shares()
