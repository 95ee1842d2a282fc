"""Scores of the flagged part of the map, chosen each day by area."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from htgeo.evaluation.base import Sample, Score, ratio


@dataclass(frozen=True)
class Flagged:
    """By block: events in the flagged cells, all events, and the most that as much area could hold."""

    captured: np.ndarray
    events: np.ndarray
    possible: np.ndarray


def captured(sample: Sample, order: np.ndarray, share: float) -> np.ndarray:
    """Return the events in the first cells of each day's order until they fill a share of the area, by block.

    The last cell counts in part.
    """
    top = order[: _deepest(sample, order, share)]
    day = np.arange(top.shape[1])
    area = sample.area[top] * sample.known[top, day]
    before = np.cumsum(area, axis=0) - area
    budget = share * (sample.area @ sample.known)
    part = np.clip((budget - before) / np.maximum(area, 1e-12), 0.0, 1.0) * (area > 0)
    caught = part * sample.events[top, day]
    return np.bincount(sample.unit[top, day].ravel(), caught.ravel(), sample.units)


def _deepest(sample: Sample, order: np.ndarray, share: float) -> int:
    """Return how many cells of each order are surely enough to fill the share of the area."""
    smallest = sample.area.min(initial=np.inf)
    return min(int(share * sample.area.sum() / smallest) + 2, len(order))


class _Hotspot(Score, abstract=True):
    """A score of the cells flagged within a share of the area."""

    share: ClassVar[float]
    scores: ClassVar[Literal["probability", "count", "both"]] = "both"

    def prepare(self, sample: Sample) -> Flagged:
        """Flag the cells of highest forecast of each day. Events are counts, not the 0/1 label."""
        return Flagged(captured(sample, sample.day_order, self.share), sample.total(sample.events), np.empty(0))


class HitRate(_Hotspot, abstract=True):
    """Share of the events in the flagged cells (capture, recall by area)."""

    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Bowers, Johnson and Pease 2004"

    def values(self, stats: Flagged, weights: np.ndarray) -> np.ndarray:
        """Return captured over all events."""
        return ratio(weights @ stats.captured, weights @ stats.events)


class Pai(_Hotspot, abstract=True):
    """Predictive accuracy index: hit rate over the share of area flagged (Chainey et al. 2008); no skill 1."""

    best: ClassVar[float] = float("inf")
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    source: ClassVar[str] = "Chainey, Tompson and Uhlig 2008"

    def values(self, stats: Flagged, weights: np.ndarray) -> np.ndarray:
        """Return the hit rate over the area share."""
        return ratio(weights @ stats.captured, weights @ stats.events) / self.share


class Pei(_Hotspot, abstract=True):
    """Prediction efficiency index: captured over the most that as much area could hold each day.

    Ends of intervals can pass 1 where places are drawn too: captured and possible events then lie in other blocks.
    """

    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Hunt 2016"

    def prepare(self, sample: Sample) -> Flagged:
        """Flag the cells of highest forecast, and those that held most events by area, of each day."""
        flagged: Flagged = super().prepare(sample)
        return Flagged(flagged.captured, flagged.events, captured(sample, sample.clairvoyant_order, self.share))

    def values(self, stats: Flagged, weights: np.ndarray) -> np.ndarray:
        """Return captured over possible."""
        return ratio(weights @ stats.captured, weights @ stats.possible)


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
                "__module__": __name__,
            }
            type(f"{base.__name__}{percent}", (base,), body)


_register_shares()
