"""NPZ arrays, readable again as a source."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.cube.schema import CELL
from htgeo.export.base import Writer
from htgeo.export.product import Product


@dataclass(frozen=True)
class NpzFile(Writer):
    """Array ``data`` (cell, time, channel) with ``cell`` (uint64), ``time`` (days) ``channel`` (names) and ``intended_use``; no pickles.

    The source ``npz`` reads it back.
    """

    name: ClassVar[str] = "npz"
    summary: ClassVar[str] = "NPZ: array (cell, time, channel), read back by the source npz"

    def write(self, product: Product, path: Path) -> None:
        """Write the arrays, with the same date in the archive whenever it is written."""
        if product.space != CELL or not product.dated:
            message = "an NPZ file holds variables of cells on (cell, time); export a cube of cells, or choose .csv"
            raise InputError(message)
        cube = product.cube.compute()
        shape = (cube.sizes[CELL], cube.sizes["time"])
        layers = [np.broadcast_to(cube[n].values.reshape(shape[0], -1), shape) for n in product.variables]
        arrays = {
            "data": np.stack(layers, axis=-1).astype(np.float32),
            CELL: cube[CELL].values,
            "time": product.days,
            "channel": np.array(product.variables),
            **{name: np.array(text) for name, text in product.about().items() if name in ("intended_use", "audience")},
        }
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
