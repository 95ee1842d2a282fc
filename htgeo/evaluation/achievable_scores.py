"""Captured events against what a map of the true rates would capture: counts are Poisson, so no map captures all.

The rates are not known, and the counts of the test days are no substitute: a map drawn from them captures their chance
too. So every map that these counts leave possible is weighed: the count of a cell is Poisson around its rate, and the
rates scatter by a gamma distribution around the city's mean or around that of the neighbours, whichever explains the
counts better (Clayton & Kaldor 1987). Rates are drawn from what this gives each cell; a map of the drawn rates captures
what it captures of them, and the mean over the draws is what is achievable. In simulations of six kinds of cities it
was within 10 % of the truth from 1.6 events a cell on, within a fifth at one event in three cells, and up to half off
at one in fourteen: do not read it where most cells have none.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from htgeo.evaluation.base import SEED, Sample
from htgeo.evaluation.hotspot_scores import Flagged, Pei, captured
from htgeo.evaluation.places import by_place, neighbors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAPS = 50
"""Maps of rates that are drawn."""
SHAPES = 2.0 ** np.arange(-6, 8.5, 0.5)
"""Shapes of the gamma distribution tried: events that the prior mean counts as."""
CITY_EVENTS = (0.1, 0.3, 1.0)
"""Events that the city's mean counts as beside those of the neighbours, so that no rate is 0."""
TINY = 1e-12


@dataclass(frozen=True)
class Counts:
    """Events and known days by cell, both in units of independent events, shape (cell,)."""

    events: np.ndarray
    days: np.ndarray


def independent_counts(sample: Sample) -> Counts:
    """Return events and days by cell, divided by how much more the events scatter over time than independent ones.

    Windows of several days overlap, so that an event counts on each of them, and events may come in clusters. Scatter
    is measured over blocks and the blocks after them, since a window may reach into the next.
    """
    events, known = by_place(sample, sample.events), by_place(sample, sample.known)
    total, days = events.sum(axis=1), known.sum(axis=1)
    share = known.multiply(1 / np.maximum(days, 1)[:, None])
    off = events - share.multiply(total[:, None])
    independent = float(total @ (1 - _squares(share)))  # the sum expected of independent events
    scatter = max(float(_squares(off).sum()) / max(independent, TINY), 1.0)
    return Counts(total / scatter, days / scatter)


def _squares(values: "csr_array") -> np.ndarray:
    """Return the sum over the blocks of their squares, and of their products with the next block, by cell."""
    columns = values.tocsc()
    after = columns[:, :-1].multiply(columns[:, 1:])
    return np.asarray(columns.multiply(columns).sum(axis=1) + 2 * after.sum(axis=1))


def true_rates(sample: Sample, maps: int = MAPS) -> np.ndarray:
    """Return rates that the counts leave possible, shape (map, cell), from the posterior of each cell."""
    counts = independent_counts(sample)
    around = neighbors(sample)
    mean = max(counts.events.sum(), TINY) / max(counts.days.sum(), TINY)
    local = [(around @ counts.events + some) / (around @ counts.days + some / mean) for some in CITY_EVENTS]
    priors = [np.full(len(sample.cell), mean), *local]
    choices = [(prior, shape) for prior in priors for shape in SHAPES]
    prior, shape = max(choices, key=lambda choice: _likelihood(counts, *choice))
    rng = np.random.default_rng(SEED)
    return rng.gamma(shape + counts.events, 1 / (shape / prior + counts.days), (maps, len(prior)))


def _likelihood(counts: Counts, prior: np.ndarray, shape: float) -> float:
    """Return the log-likelihood of the counts (negative binomial), without terms of the counts alone."""
    from scipy.special import gammaln

    expected = prior * counts.days
    line = gammaln(shape + counts.events) - gammaln(shape) - shape * np.log1p(expected / shape)
    return float((line + counts.events * np.log(np.maximum(expected, TINY) / (shape + expected))).sum())


def achievable(sample: Sample, share: float, rates: np.ndarray) -> np.ndarray:
    """Return how many events maps of these rates capture on average within a share of the area, by block.

    The events of each day are spread over its known cells by the rates.

    Parameters
    ----------
    sample
        The sample.
    share
        Share of the area.
    rates : array, shape (map, cell)
        What `true_rates` returned.
    """
    known = np.ascontiguousarray(sample.known.T)
    alike = known.view((np.void, known.shape[1])).ravel()  # days on which the same cells are known
    _, first, day = np.unique(alike, return_index=True, return_inverse=True)
    portion = np.stack([_portion(rates * some, sample.area * some, share) for some in known[first]], axis=1)
    return sample.total(portion[:, day] * sample.events.sum(axis=0))


def _portion(rates: np.ndarray, area: np.ndarray, share: float) -> np.ndarray:
    """Return what share of all events happens in each cell while it is flagged, shape (cell,): a mean over the maps."""
    order = np.argsort(-rates / np.maximum(area, TINY), axis=1)
    own = area[order]
    left = share * area.sum() - (np.cumsum(own, axis=1) - own)
    part = np.clip(np.divide(left, own, out=np.zeros(own.shape), where=own > 0), 0.0, 1.0)
    mass = part * np.take_along_axis(rates, order, axis=1) / np.maximum(rates.sum(axis=1, keepdims=True), TINY)
    return np.bincount(order.ravel(), mass.ravel(), len(area)) / len(rates)


class PeiAchievable(Pei, abstract=True):
    """Captured over what a map of the true rates of the test days would capture on average.

    About 1 for the best map that stays the same every day; more is luck, or knowledge of the day. The rates are those
    of the whole period in all draws, so the interval holds the chance of what was captured, not that of the rates. Do
    not read it where most cells have no event: the rates are guesses there.
    """

    best: ClassVar[float] = float("inf")
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    source: ClassVar[str] = "Hunt 2016; Clayton and Kaldor 1987"

    def prepare(self, sample: Sample) -> Flagged:
        """Flag the cells of highest forecast of each day, and those of the highest rates."""
        flagged = captured(sample, sample.day_order, self.share)
        return Flagged(flagged, sample.total(sample.events), achievable(sample, self.share, true_rates(sample)))


def _register_shares() -> None:
    """Register the score at 1, 5, 10 and 20 % of the area."""
    for percent in (1, 5, 10, 20):
        body = {
            "name": f"pei_achievable_{percent}",
            "summary": f"events over those a map of the true rates would hold in {percent} % of the area; 1 = as good",
            "share": percent / 100,
            "__module__": __name__,
            "__doc__": PeiAchievable.__doc__,
        }
        type(f"PeiAchievable{percent}", (PeiAchievable,), body)


_register_shares()
