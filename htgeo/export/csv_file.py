"""CSV without shapes."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.export.base import Writer
from htgeo.sources.files import formula_safe


class Csv(Writer):
    """One line a cell and day; text that a spreadsheet would run as a formula gets an apostrophe."""

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "CSV: hex id, areas, date and values, without shapes"

    def write(self, table: pd.DataFrame, cells: np.ndarray, cube: xr.Dataset, path: Path) -> None:  # noqa: ARG002  # ids are in the table
        """Write the table."""
        formula_safe(table).to_csv(path, index=False)
