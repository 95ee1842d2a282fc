"""Events of the last days as they were known at the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.gridding import WITHIN
from htgeo.cube.schema import role_of, variables_of
from htgeo.features.base import Feature, column, positive_days


@dataclass(frozen=True)
class KnownWithin(Feature):
    """Events that occurred in the last `days` days and were known by the start of the day: ``<layer>_known_within_<days>``.

    Where `RollingSum` counts what became known lately, however long ago it occurred, this counts what occurred lately,
    as far as it was known. The counts are exact; they are made by ``grid_events(…, known_within=[…])``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.KnownWithin("crime", days=[7, 28]).look_back
    28
    """

    name: ClassVar[str] = "known_within"
    summary: ClassVar[str] = "events that occurred in the last days and were known by the start of the day"
    layer: str
    days: Sequence[int] = (7, 28)

    def __post_init__(self) -> None:
        positive_days(self.days, "windows")

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        made = {}
        for d in self.days:
            variable = f"{self.layer}{WITHIN}{d}"
            if variable not in cube or role_of(cube[variable]) != "within_count":
                known = ", ".join(variables_of(cube, "within_count")) or "none"
                message = f"the cube has no counts {variable!r} (it has {known}); make them with htgeo.grid_events(…, known_within=[{d}])"
                raise CubeError(message)
            counts = cube[variable]
            made[f"{self.layer}_known_within_{d}"] = column(counts, "1", counts.attrs["long_name"], look_back=d)
        return made
