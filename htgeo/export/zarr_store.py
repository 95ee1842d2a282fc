"""Zarr: a folder of arrays for xarray and other tools of arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from htgeo.export.base import Writer
from htgeo.export.exchange import TIME, dggs_attrs, frame, in_equal_blocks, variable_attrs
from htgeo.export.product import Product

CHUNK_DAYS = 182


@dataclass(frozen=True)
class ZarrStore(Writer):
    """Zarr 3 with CF attributes, ids of cells as whole numbers, and the grid as xdggs and Zarr-DGGS name it.

    ``xarray.open_zarr(path, consolidated=False).dggs.decode()`` gives the H3 index back where xdggs is installed.
    """

    name: ClassVar[str] = "zarr"
    summary: ClassVar[str] = "Zarr 3: cube (cell, time) with CF and DGGS attributes, read by xarray and xdggs"

    def write(self, product: Product, path: Path) -> None:
        """Write coordinates and attributes, then the variables block by block, each block whole chunks."""
        import zarr

        product, size = in_equal_blocks(product)
        lazy = {name: product.cube[name].variable.copy(deep=False) for name in product.variables}
        for name, variable in lazy.items():
            variable.attrs, variable.encoding = variable_attrs(product, name), {}
        empty = frame(product).assign_attrs(dggs_attrs(product)).assign(lazy)
        chunks = {product.space: size, "time": CHUNK_DAYS}
        encoding: dict[str, dict[str, Any]] = {
            str(name): {"chunks": tuple(min(chunks.get(str(d), n), n) for d, n in variable.sizes.items())}
            for name, variable in empty.variables.items()
        }
        for name in {"time", "time_bnds"} & set(empty.coords):
            encoding[str(name)] |= TIME
        empty.to_zarr(path, zarr_format=3, consolidated=False, encoding=encoding, compute=False, mode="w-")
        group: Any = zarr.open_group(path, mode="r+", use_consolidated=False)
        for block, places in product.computed():
            for name in product.variables:
                group[name][places[0] : places[-1] + 1] = block[name].values
