"""Products of columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import ClassVar

import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import require, role_of, space
from htgeo.features.base import Feature, column

LEAST = 2


@dataclass(frozen=True)
class Interaction(Feature):
    """Product of columns that stand before it: column ``<first>_x_<second>``.

    Parameters
    ----------
    of
        Names of two or more columns of features of the cube, or made earlier in the same list.

    Examples
    --------
    >>> import htgeo as ht
    >>> features = [ht.RollingSum("crime", days=[28]), ht.Calendar(["weekend"]), ht.Interaction(["crime_sum_28", "weekend"])]
    >>> "crime_sum_28_x_weekend" in ht.add_features(ht.demo_cube(), features)
    True
    """

    name: ClassVar[str] = "interaction"
    summary: ClassVar[str] = "product of columns that stand before it"
    of: Sequence[str]

    def __post_init__(self) -> None:
        if len(self.of) < LEAST:
            message = f"an interaction needs two columns or more, not {list(self.of)}"
            raise InputError(message)

    @property
    def look_back(self) -> int:
        """Nothing beyond that of its columns."""
        return 0

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the one column."""
        factors = [require(cube, name, "feature") for name in self.of]
        for factor in factors:
            if role_of(factor) != "feature":
                message = (
                    f"{factor.name!r} is no feature; an interaction multiplies columns of features that stand before it"
                )
                raise InputError(message)
        product = reduce(mul, factors)
        if set(product.dims) == {space(cube), "time"}:
            product = product.transpose(space(cube), "time")
            blocks = next(
                (v.variable.chunksizes for v in cube.data_vars.values() if v.dims == product.dims and v.chunks), {}
            )
            product = product if product.chunks else product.chunk(blocks) if blocks else product
        look_back = max(int(factor.attrs.get("look_back", 0)) for factor in factors)
        return {"_x_".join(self.of): column(product, "1", " times ".join(self.of), look_back=look_back)}
