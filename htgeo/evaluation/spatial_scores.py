"""Scores of neighbouring places: what pattern a forecast leaves, and whether it is nearly right."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from htgeo.evaluation.base import Sample, Score, ratio
from htgeo.evaluation.count_scores import Totals, mean_of
from htgeo.evaluation.places import by_place, neighbors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TOGETHER = 256
"""Draws that are worked on together."""
FLAT = 1e-18
"""Variance of the residuals, as a share of their mean square, below which they are all alike."""


@dataclass(frozen=True)
class Residuals:
    """Observed minus forecast and known days by (cell, unit), and weights of neighbours that sum to 1 (cell, cell)."""

    total: "csr_array"
    days: "csr_array"
    near: "csr_array"


class MoransI(Score):
    """Moran's I of the residuals: whether cells where more happened than was forecast lie side by side.

    Residuals are summed over the days of each cell, by known day; neighbours are the cells around, or the six nearest
    areas, with weights that sum to 1. Without a pattern it is about 0 (exactly -1 / (cells - 1) on average), with
    clusters above, usually between -1 and 1; 0 where residuals are all alike. The draws add chance to the residuals
    of each cell, which draws their values, and the interval, towards 0.
    """

    name: ClassVar[str] = "morans_i"
    summary: ClassVar[str] = "whether residuals of neighbours are alike (Moran's I); best 0, above = a pattern is left"
    best: ClassVar[float] = 0.0
    bounds: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    source: ClassVar[str] = "Moran 1950"
    scores: ClassVar[Literal["probability", "count", "both"]] = "both"

    def prepare(self, sample: Sample) -> Residuals:
        """Sum the residuals by cell and block."""
        known = np.asarray(sample.known.any(axis=1), float)
        near = neighbors(sample).multiply(known[None]).tocsr()
        near.eliminate_zeros()
        near.data /= np.repeat(near.sum(axis=1), np.diff(near.indptr))
        return Residuals(by_place(sample, sample.observed - sample.forecast), by_place(sample, sample.known), near)

    def values(self, stats: Residuals, weights: np.ndarray) -> np.ndarray:
        """Return Moran's I; NaN where no cell has a neighbour. Cells that a draw lacks do not count in it."""
        parts = (weights[at : at + TOGETHER] for at in range(0, len(weights), TOGETHER))
        return np.concatenate([_morans_i(stats, np.ascontiguousarray(part.T)) for part in parts])


def _morans_i(stats: Residuals, weights: np.ndarray) -> np.ndarray:
    days = stats.days @ weights
    there = days > 0
    residual = np.divide(stats.total @ weights, days, out=np.zeros(days.shape), where=there)
    cells = there.sum(axis=0)
    apart = np.where(there, residual - residual.sum(axis=0) / np.maximum(cells, 1), 0.0)
    variance, links = (apart**2).sum(axis=0), (there * (stats.near @ there.astype(float))).sum(axis=0)
    flat = variance <= FLAT * (residual**2).sum(axis=0)
    found = ratio(cells * (apart * (stats.near @ apart)).sum(axis=0), links * variance)
    return np.where(flat & (links > 0), 0.0, found)


class NeighbourhoodSkill(Score):
    """Fractions skill score over each cell and those around it: a forecast one cell beside the event is nearly right.

    Forecasts and outcomes are averaged over the known cells of each neighbourhood, and their mean squared difference
    is set against the largest it could be, that of fields which never overlap. Probabilities are taken as they are,
    not cut at a threshold (Schwartz et al. 2010).
    """

    name: ClassVar[str] = "neighbourhood_skill"
    summary: ClassVar[str] = "fractions skill score over cells and their neighbours; higher is better, no overlap = 0"
    best: ClassVar[float] = 1.0
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    source: ClassVar[str] = "Roberts and Lean 2008"
    scores: ClassVar[Literal["probability", "count", "both"]] = "both"

    def prepare(self, sample: Sample) -> Totals:
        """Sum by block what overlaps, and what could."""
        from scipy.sparse import eye_array

        around = neighbors(sample).astype(float) + eye_array(len(sample.cell))
        size = np.maximum(around @ sample.known.astype(float), 1)
        forecast, observed = (
            around @ np.nan_to_num(values).astype(float) / size for values in (sample.forecast, sample.observed)
        )
        overlap, most = 2 * forecast * observed, forecast**2 + observed**2
        return Totals(sample.total(overlap * sample.known), sample.total(most * sample.known))

    def values(self, stats: Totals, weights: np.ndarray) -> np.ndarray:
        """Return one minus the squared difference over the largest possible one."""
        return mean_of(stats, weights)
