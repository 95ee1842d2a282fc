"""Numbers of areas as context: population, income, vacancy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.sources.base import Source
from htgeo.sources.events import RowReport
from htgeo.sources.region import Region, read_region


@dataclass(frozen=True)
class AreaAttributes:
    """Areas with numbers, and how these are joined to cells.

    Attributes
    ----------
    region
        The areas with their attributes.
    how
        ``{attribute: "sum" or "mean"}``, as `add_attributes` takes it.
    report
        What became of the areas.
    """

    region: Region
    how: Mapping[str, str]
    report: RowReport
    audit_only: bool = False


@dataclass(frozen=True)
class Attributes(Source):
    """Polygons with numbers; each becomes a static variable ``<layer>_<column>`` of the cells.

    Parameters
    ----------
    name_column
        Column that names the areas.
    columns
        ``{column: "sum" or "mean"}``: totals (population) are split over the cells of an area, others (income) are
        averaged over the land of a cell.
    layer
        What one area is called.
    audit_only
        The numbers say who lives in a place (income, poverty): they serve the bias audit, and no feature takes them.
    """

    name: ClassVar[str] = "attributes"
    gives: ClassVar[str] = "region"
    summary: ClassVar[str] = "numbers of areas as context (population, income), joined by exact shares"
    name_column: str = "name"
    columns: Mapping[str, str] = field(default_factory=dict)
    layer: str = "area"
    audit_only: bool = False

    def __post_init__(self) -> None:
        if not self.columns or any(how not in ("sum", "mean") for how in self.columns.values()):
            message = f"columns must map columns to 'sum' or 'mean', e.g. {{population: sum}}, not {dict(self.columns)}"
            raise InputError(message)

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> AreaAttributes:  # noqa: ARG002  # numbers are joined to any grid
        """Read one file of areas."""
        if len(paths) != 1:
            message = f"the source {self.name!r} takes one file, not {len(paths)}"
            raise InputError(message)
        region = read_region(paths[0], name_column=self.name_column, layer=self.layer, attributes=list(self.columns))
        empty = np.logical_and.reduce([np.isnan(region.attribute(name)) for name in self.columns])
        report = RowReport(
            source=self.name,
            files=(paths[0].name,),
            rows=len(region),
            kept=int((~empty).sum()),
            repaired=0,
            quarantined=int(empty.sum()),
            repairs={},
            reasons={"no number": int(empty.sum())} if empty.any() else {},
            notes=region.notes,
        )
        return AreaAttributes(region, dict(self.columns), report, self.audit_only)
