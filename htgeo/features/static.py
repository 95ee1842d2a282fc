"""What does not change over the days: where a cell lies and what is near it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.cube.schema import variables_of
from htgeo.features.base import Feature, column, static_variable


@dataclass(frozen=True)
class Static(Feature):
    """Variables on ``(cell)``: columns ``static_<variable>``; text (borough …) becomes categories.

    Parameters
    ----------
    variables
        Names; None takes the position, the land share, the borough layer and all places of the cube.

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
        names = (
            self.variables
            if self.variables is not None
            else ["lon", "lat", *_first_layer(cube), *variables_of(cube, "place")]
        )
        return {f"static_{name}": _static_column(static_variable(cube, name), name) for name in names}


def _first_layer(cube: xr.Dataset) -> list[str]:
    text = [str(n) for n in cube.coords if cube[n].dims == ("cell",) and cube[n].dtype.kind == "U"]
    return text[:1]


def _static_column(variable: xr.DataArray, name: str) -> xr.DataArray:
    units, text = variable.attrs.get("units", "1"), variable.attrs.get("long_name", name)
    if variable.dtype.kind != "U":
        return column(variable, units, text)
    names, codes = np.unique(variable.values, return_inverse=True)
    return column(variable.copy(data=codes), "1", text, categories=names.tolist())
