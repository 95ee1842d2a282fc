"""CSV without shapes."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.use import INTENDED_USE
from htgeo.export.base import Writer
from htgeo.sources.files import formula_safe


class Csv(Writer):
    """One line a cell and day; text that a spreadsheet would run as a formula gets an apostrophe.

    Sentences and the intended use stand in ``<file>-metadata.json`` beside it (W3C, CSV on the Web).
    """

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "CSV: hex id, areas, date and values, without shapes"

    def write(self, table: pd.DataFrame, cells: np.ndarray, cube: xr.Dataset, path: Path) -> None:  # noqa: ARG002  # ids are in the table
        """Write the table."""
        formula_safe(table).to_csv(path, index=False)

    def describe(self, table: pd.DataFrame, cube: xr.Dataset, path: Path) -> None:
        """Write the metadata beside the table."""
        sentences = {name: cube[name].attrs.get("long_name", "") if name in cube else "" for name in table.columns}
        about = {
            "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
            "url": path.name,
            "dc:description": INTENDED_USE,
            "tableSchema": {"columns": [{"name": name, "dc:description": text} for name, text in sentences.items()]},
        }
        path.with_name(f"{path.name}-metadata.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
