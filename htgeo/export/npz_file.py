"""NPZ arrays, readable again as a source."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.use import INTENDED_USE
from htgeo.export.base import Writer


class NpzFile(Writer):
    """Array ``data`` (cell, time, channel) with ``cell`` (uint64), ``time`` (days) ``channel`` (names) and ``intended_use``; no pickles.

    The source ``npz`` reads it back.
    """

    name: ClassVar[str] = "npz"
    summary: ClassVar[str] = "NPZ: array (cell, time, channel), read back by the source npz"

    def write(self, table: pd.DataFrame, cells: np.ndarray, cube: xr.Dataset, path: Path) -> None:
        """Write the arrays."""
        names = [name for name in table.columns if name in cube.data_vars]
        days = np.unique(table["date"].to_numpy().astype("datetime64[D]"))
        size = len(cells) // len(days)
        data = np.stack([table[name].to_numpy(np.float32).reshape(len(days), size).T for name in names], axis=-1)
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                data=data,
                cell=cells[:size],
                time=days,
                channel=np.array(names),
                intended_use=np.array(INTENDED_USE),
            )
