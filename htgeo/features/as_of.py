"""A city series as it was published."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import LookAheadError
from htgeo.cube.schema import require, role_of
from htgeo.features.base import Feature, column


@dataclass(frozen=True)
class AsOf(Feature):
    """The latest published value of a city series: column ``<series>_as_of`` on ``(time)``.

    Parameters
    ----------
    series
        Name given to `add_series`.
    scaled
        Give ``<series>_as_of_scaled`` instead: less the mean, and divided by the standard deviation, of all values
        published by that day, each day of the cube counting once; 0 until two values differ.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.AsOf("jfk").look_back
    0
    """

    name: ClassVar[str] = "as_of"
    summary: ClassVar[str] = "latest published value of a city series"
    series: str
    scaled: bool = False

    @property
    def look_back(self) -> int:
        """Nothing beyond what `add_series` has joined."""
        return 0

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the one column."""
        variable = require(cube, self.series, "series")
        if role_of(variable) != "series":
            message = f"{self.series!r} was not joined as of its publication; use htgeo.add_series(cube, {self.series!r}, series)"
            raise LookAheadError(message)
        text = variable.attrs["long_name"]
        if not self.scaled:
            return {f"{self.series}_as_of": column(variable, variable.attrs["units"], text)}
        past = pd.Series(variable.values).astype(float).expanding()
        spread = past.std(ddof=0).to_numpy()
        apart = variable.values - past.mean().to_numpy()
        scaled = np.divide(apart, spread, out=np.where(np.isnan(spread), np.nan, 0.0), where=spread > 0)
        return {f"{self.series}_as_of_scaled": column(variable.copy(data=scaled), "1", f"{text}, scaled by its past")}
