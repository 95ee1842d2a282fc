"""Counts in the coarser cell that a cell belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.blocks import neighbor_sum
from htgeo.core.errors import InputError
from htgeo.cube.schema import require_cells
from htgeo.features.base import Feature, column, in_days, known_counts, over_windows, positive_days
from htgeo.grid.neighbors import parent_matrix


@dataclass(frozen=True)
class ParentSum(Feature):
    """Events that became known in the last `days` days in the coarser cell: ``<layer>_parent<levels>_sum_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    levels
        How many resolutions coarser, at least 1: a parent has 7 cells, its parent 49.
    days
        Window lengths in days, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.ParentSum("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_parent1_sum_28']
    """

    name: ClassVar[str] = "parent_sum"
    summary: ClassVar[str] = "events that became known in the last days in the coarser cell"
    layer: str
    levels: int = 1
    days: Sequence[int] = (28, 365)

    def __post_init__(self) -> None:
        positive_days(self.days, "windows")
        if self.levels < 1:
            message = f"levels must be at least 1, not {self.levels!r}"
            raise InputError(message)

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        from htgeo.features.kernels import past_sums

        require_cells(cube, "ParentSum")
        resolution = int(cube.attrs["resolution"]) - self.levels
        if resolution < 0:
            message = f"cells of resolution {cube.attrs['resolution']} have no parent {self.levels} levels up"
            raise InputError(message)
        parent = neighbor_sum(known_counts(cube, self.layer), parent_matrix(cube["cell"].values, resolution))
        return {
            f"{self.layer}_parent{self.levels}_sum_{d}": column(
                values,
                "1",
                f"{self.layer}: events known in the last {in_days(d)} in the cell of resolution {resolution}",
                look_back=d,
            )
            for d, values in over_windows(past_sums, parent, self.days).items()
        }
