"""What does not change over the days: where a cell lies and what is near it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.cube.schema import area_names, layer_names, variables_of
from htgeo.features.base import Feature, column, static_variable


@dataclass(frozen=True)
class Static(Feature):
    """Variables on ``(cell)``: columns ``static_<variable>``; text (borough …) becomes categories.

    Parameters
    ----------
    variables
        Names; None takes the position, the first region layer and all places of the cube but those for audits only.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Static(["borough"])])
    >>> cube["static_borough"].attrs["categories"][:2]
    ['Bronx', 'Brooklyn']
    """

    name: ClassVar[str] = "static"
    summary: ClassVar[str] = "where the cell lies and what is near it"
    variables: Sequence[str] | None = None

    @property
    def look_back(self) -> int:
        """Nothing."""
        return 0

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a variable."""
        context = [name for name in variables_of(cube, "place") if not cube[name].attrs.get("audit_only")]
        names = self.variables if self.variables is not None else ["lon", "lat", *layer_names(cube)[:1], *context]
        return {f"static_{name}": _static_column(cube, name) for name in names}


def _static_column(cube: xr.Dataset, name: str) -> xr.DataArray:
    variable = static_variable(cube, name)
    units, text = variable.attrs.get("units", "1"), variable.attrs.get("long_name", name)
    if variable.dtype.kind != "U":
        return column(variable, units, text)
    names = area_names(cube, name)  # all areas of the layer: a slice of the cube keeps the codes
    code = {area: number for number, area in enumerate(names)}
    codes = np.array([code.get(area, np.nan) for area in variable.values.tolist()])
    return column(variable.copy(data=codes), "1", text, categories=names)
