"""Baseline: the past rate, smoothed over the map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import xarray as xr

from htgeo.core.blocks import map_blocks, neighbor_sum
from htgeo.core.errors import InputError
from htgeo.cube.schema import require_cells
from htgeo.grid.neighbors import cell_spacing, gaussian_matrix
from htgeo.models.base import known_layer
from htgeo.models.rates import HistoricalRate, log_rate


@dataclass(eq=False)
class KernelDensity(HistoricalRate):
    """The past rate of the cells around, weighted by a Gaussian kernel of the distance (Chainey & Ratcliffe 2005).

    The kernel is corrected at the edge of the grid (Diggle 1985): a cell there is not taken for one with quiet
    neighbours.

    Parameters
    ----------
    bandwidth
        Standard deviation of the kernel, metres; None chooses the one with the lowest loss on the last training days
        among `spacings` times the distance between neighbouring cells.

    Attributes
    ----------
    spacing_ : float
        Mean distance between the centres of neighbouring cells, metres.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.KernelDensity(bandwidth=1500).fit(train).choice_["bandwidth"]
    1500
    """

    name: ClassVar[str] = "kernel_density"
    summary: ClassVar[str] = "past rate smoothed with a Gaussian kernel over the map, bandwidth tuned"
    spacings: ClassVar[tuple[float, ...]] = (0.3, 0.4, 0.5, 0.65, 0.8, 1, 1.5, 2.5)

    bandwidth: float | None = None

    def __post_init__(self) -> None:
        if self.bandwidth is not None and not 0 < self.bandwidth < float("inf"):
            message = f"bandwidth must be a number of metres above 0, not {self.bandwidth!r}"
            raise InputError(message)

    def _prepare(self, cube: xr.Dataset) -> None:
        super()._prepare(cube)
        require_cells(cube, self.name)
        self.spacing_ = cell_spacing(cube["cell"].values)

    def _choices(self) -> Sequence[dict[str, Any]]:
        tried = [float(f"{s * self.spacing_:.2g}") for s in self.spacings]  # 310 m, not 309.82 m
        widths = tried if self.bandwidth is None else [self.bandwidth]
        return [{**memory, "bandwidth": width} for memory in super()._choices() for width in widths]

    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        kernel = gaussian_matrix(cube["cell"].values, choice["bandwidth"])
        around = neighbor_sum(known_layer(cube, self.label_["layer"]), kernel)
        return map_blocks(log_rate, around, half_life=choice["half_life"] / self.step_days_, mean=self.mean_)
