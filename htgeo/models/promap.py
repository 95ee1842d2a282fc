"""Baseline: prospective hotspot mapping."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks, neighbor_sum
from htgeo.core.errors import InputError
from htgeo.cube.schema import require_cells, require_days
from htgeo.grid.neighbors import check_rings, half_cell_matrix
from htgeo.models.base import known_layer
from htgeo.models.rates import PRIOR_EVENTS, HistoricalRate


@dataclass(eq=False)
class ProMap(HistoricalRate):
    """Prospective hotspot mapping (Bowers, Johnson & Pease 2004): near and recent events weigh most.

    An event weighs ``1 / (1 + distance in half cells) x 1 / (1 + whole weeks elapsed)``, for the last `weeks` weeks and
    the cells up to ring `k`; a cell r rings away is 2 r half cells away. The sum is divided by the weight of the days
    there were, and drawn to the city's mean so that no score is 0.

    Parameters
    ----------
    weeks
        Number of weeks, at least 1; None chooses the candidate with the lowest loss on the last training days.
    k
        Rings, 1 to 10; None chooses 1 or 2.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.ProMap(weeks=8, k=1).fit(train).choice_
    {'weeks': 8, 'k': 1}
    """

    name: ClassVar[str] = "promap"
    summary: ClassVar[str] = "prospective hotspot map: events weighted by nearness and recency, weeks and rings tuned"
    candidates: ClassVar[tuple[int, ...]] = (8, 26, 52)
    rings: ClassVar[tuple[int, ...]] = (1, 2)

    weeks: int | None = None
    k: int | None = None

    def __post_init__(self) -> None:
        if self.k is not None:
            check_rings(self.k)
        if self.weeks is not None and not (isinstance(self.weeks, int) and self.weeks > 0):
            message = f"weeks must be a whole number of at least 1, not {self.weeks!r}"
            raise InputError(message)

    def _prepare(self, cube: xr.Dataset) -> None:
        require_cells(cube, self.name)
        require_days(cube, self.name)
        super()._prepare(cube)

    def _choices(self) -> Sequence[dict[str, Any]]:
        every_week = self.candidates if self.weeks is None else (self.weeks,)
        every_ring = self.rings if self.k is None else (self.k,)
        return [{"weeks": weeks, "k": k} for weeks in every_week for k in every_ring]

    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        known = known_layer(cube, self.label_["layer"])
        around = neighbor_sum(known, half_cell_matrix(cube["cell"].values, choice["k"]))
        return map_blocks(_log_weighted_rate, around, weeks=choice["weeks"], mean=self.mean_)


def _log_weighted_rate(counts: np.ndarray, weeks: int, mean: float) -> np.ndarray:
    from htgeo.models.promap_kernel import week_sums

    seen = week_sums(np.ones((1, counts.shape[1])), weeks)
    rate = (week_sums(counts, weeks) + PRIOR_EVENTS) / (seen + PRIOR_EVENTS / mean)
    return np.asarray(np.log(rate), np.float32)
