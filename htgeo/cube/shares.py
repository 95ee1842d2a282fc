"""The shares of cells in areas that stay with a cube."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.cube.schema import CELL, area_names
from htgeo.grid.shares import largest

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def share_coords(layer: str, shares: "csr_array", names: list[str]) -> dict[str, Any]:
    """Return the coordinates of a cube that hold the shares of cells in the areas of a layer, shape (cell, area)."""
    held, pair = shares.tocoo(), f"{layer}_pair"
    about = {"long_name": f"share of a cell that lies in a {layer}", "units": "1", "names": names}
    return {
        f"{layer}_share": (pair, held.data, about),
        f"{layer}_share_cell": (pair, held.row.astype("int32"), {"long_name": "row of the cell"}),
        f"{layer}_share_area": (pair, held.col.astype("int32"), {"long_name": "number of the area in names"}),
    }


def held_shares(cube: xr.Dataset, layer: str) -> "csr_array | None":
    """Return the shares that a cube holds, shape (cell, area); None without any, or of other cells for sure."""
    from scipy.sparse import csr_array

    if f"{layer}_share" not in cube.coords:
        return None
    row, number = (cube[f"{layer}_share_{what}"].values for what in ("cell", "area"))
    if row.max(initial=-1) >= cube.sizes[CELL]:
        return None
    shape = cube.sizes[CELL], len(area_names(cube, layer))
    return csr_array((cube[f"{layer}_share"].values, (row, number)), shape=shape)


def shares_of(cube: xr.Dataset, layer: str) -> "csr_array | None":
    """Return the share of each cell in each area of a layer, shape (cell, area); None where a cube has none of its own."""
    shares = held_shares(cube, layer)
    if shares is None:
        return None
    names = np.array([*area_names(cube, layer), ""])
    mostly = np.array_equal(names[largest(shares)], cube[layer].values.astype(str))
    return shares if mostly else None  # a cube cut by its rows keeps shares that belong to other cells
