"""The cube as other tools of arrays expect it: CF attributes, and the H3 grid as xdggs and Zarr-DGGS name it."""

from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import cell_blocks
from htgeo.cube.schema import CELL
from htgeo.export.product import Product

CELL_IDS = "cell_ids"
"""The name that ``ds.dggs.decode()`` looks for; its dimension is ``cell``."""
CONVENTION = {
    "uuid": "7b255807-140c-42ca-97f6-7a1cfecdbc38",
    "schema_url": "https://raw.githubusercontent.com/zarr-conventions/dggs/refs/tags/v1/schema.json",
    "spec_url": "https://github.com/zarr-conventions/dggs/blob/v1/README.md",
    "name": "dggs",
    "description": "Discrete Global Grid Systems convention for zarr",
}
TIME = {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian", "dtype": "int32"}
"""How days are written: whole numbers, midnight, no zone: local civil days, whose zone is an attribute."""


def frame(product: Product) -> xr.Dataset:
    """Return the coordinates and attributes of a product, in memory, without its variables."""
    cube, place = product.cube, product.space
    coords: dict[str, Any] = {
        name: (place, _text(cube[name].values), _plain(cube[name].attrs)) for name in _place_coords(product)
    }
    coords[CELL_IDS if place == CELL else place] = (place, _text(cube[place].values), cube[place].attrs)
    attrs = {"Conventions": "CF-1.11", **product.about()}
    if product.dated:
        about = {"standard_name": "time", "axis": "T", **_plain(cube["time"].attrs), "bounds": "time_bnds"}
        coords["time"] = ("time", product.days.astype("datetime64[ns]"), about)
        ends = np.column_stack([product.days, product.ends])
        coords["time_bnds"] = (("time", "bnds"), ends.astype("datetime64[ns]"), {})
    return xr.Dataset(coords=coords, attrs=attrs)


def variable_attrs(product: Product, name: str) -> dict[str, Any]:
    """Return the CF attributes of a variable."""
    facts = _plain(product.cube[name].attrs)
    if product.cube[name].dtype == bool:
        facts |= {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"}
    return {"units": "1", "long_name": name, **facts}


def dggs_attrs(product: Product) -> dict[str, Any]:
    """Return the attributes by which the Zarr-DGGS convention names the grid; none for a cube of areas."""
    if product.space != CELL:
        return {}
    level = int(product.cube[CELL].attrs["level"])
    grid = {"name": "h3", "refinement_level": level, "spatial_dimension": CELL, "coordinate": CELL_IDS}
    return {"zarr_conventions": [CONVENTION], "dggs": {**grid, "compression": "none"}}


def in_equal_blocks(product: Product) -> tuple[Product, int]:
    """Return the product in blocks of equal numbers of places, but for the last, and that number."""
    sizes = product.cube[product.variables[0]].chunksizes.get(product.space, ())
    uniform = len(sizes) > 1 and set(sizes[:-1]) == {sizes[0]} and sizes[-1] <= sizes[0]
    size = sizes[0] if uniform else cell_blocks(product.cube.sizes[product.space], len(product.days))[0]
    size = min(size, product.cube.sizes[product.space])
    return Product(product.cube.chunk({product.space: size}), product.audience, product.region), size


def _place_coords(product: Product) -> list[str]:
    """Return the names of the coordinates that say something of each place."""
    place = product.space
    return [str(name) for name, values in product.cube.coords.items() if values.dims == (place,) and name != place]


def _text(values: np.ndarray) -> np.ndarray:
    """Return text of any length, the one kind that both formats specify; numbers as they are."""
    return values if values.dtype.kind in "iufb" else values.astype(object)


def _plain(attrs: dict[Any, Any]) -> dict[str, Any]:
    """Return attributes that every format holds: text, and numbers."""
    return {str(name): value if isinstance(value, str | int | float) else str(value) for name, value in attrs.items()}
