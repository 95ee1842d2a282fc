"""CSV without shapes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from htgeo.export.base import Writer
from htgeo.export.product import Product
from htgeo.sources.files import formula_safe


@dataclass(frozen=True)
class Csv(Writer):
    """One line a cell and day; text that a spreadsheet would run as a formula gets an apostrophe.

    Sentences and the intended use stand in ``<file>-metadata.json`` beside it (W3C, CSV on the Web).
    """

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "CSV: hex id, areas, date and values, without shapes"

    def write(self, product: Product, path: Path) -> None:
        """Write the table block by block, and the metadata beside it."""
        names = formula_safe(pd.DataFrame({"name": product.variables}, index=product.variables))["name"].to_dict()
        for number, (table, _) in enumerate(product.blocks()):
            safe = table.assign(**formula_safe(table[product.text])).rename(columns=names)
            safe.to_csv(path, index=False, header=number == 0, mode="a", lineterminator="\n")
        columns = [{"name": name} for name in [*product.text, *(["date"] if product.dated else [])]]
        columns += [
            {"name": names[name], "dc:description": product.about_variable(name).get("long_name", "")}
            for name in product.variables
        ]
        about = product.about()
        facts = {
            "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
            "url": path.name,
            "dc:description": about.pop("intended_use"),
            "tableSchema": {"columns": columns},
            "notes": [about],
        }
        path.with_name(f"{path.name}-metadata.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
