"""Lines as context: streets, railways, bus routes, shores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.sources.antimeridian import cut_at_antimeridian
from htgeo.sources.base import Rings, Source, read_source
from htgeo.sources.events import RowReport
from htgeo.sources.files import existing, read_vector_file
from htgeo.sources.region import Region

LINES = (1, 2, 5)
"""Type numbers of lines, rings and lines of several parts."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines of one kind.

    Attributes
    ----------
    geometries
        Shapely lines in degrees WGS 84, shape (line,); one row of the file is one line, of one or several parts
        (cut in two at the 180th meridian).
    report
        What became of the rows.
    rings
        In how many rings around a cell `add_lines` counts them unless told otherwise; 0: in none.
    """

    geometries: np.ndarray
    report: RowReport
    rings: int = 0

    def __len__(self) -> int:
        return len(self.geometries)


@dataclass(frozen=True)
class LinesSource(Source):
    """Lines from a vector file in any coordinate system.

    Parameters
    ----------
    file_layer
        Layer of the file, where it has several.
    rings
        From 1 to 10: also count lines that touch the cell or one at most so many rings away. 0 (default): do not.
    """

    name: ClassVar[str] = "lines"
    gives: ClassVar[str] = "lines"
    summary: ClassVar[str] = "lines as context (streets, railways, routes) from any vector file"
    file_layer: str | None = None
    rings: Rings = 0

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Lines:  # noqa: ARG002  # lines are joined to any grid
        """Read the lines."""
        found = [self._one(existing(path)) for path in paths]
        shapes = np.concatenate([lines for lines, _ in found])
        rows = sum(rows for _, rows in found)
        if not len(shapes):
            message = f"no row of {', '.join(path.name for path in paths)} has a line"
            raise InputError(message)
        report = RowReport(
            source=self.name,
            files=tuple(path.name for path in paths),
            rows=rows,
            kept=len(shapes),
            repaired=0,
            quarantined=rows - len(shapes),
            repairs={},
            reasons={"no shape": rows - len(shapes)} if rows > len(shapes) else {},
        )
        return Lines(shapes, report, self.rings)

    def _one(self, path: Path) -> tuple[np.ndarray, int]:
        """Return the lines of a file and how many rows it has."""
        import shapely

        frame = read_vector_file(path, self.file_layer)
        shapes = frame.geometry[~(frame.geometry.isna() | frame.geometry.is_empty)].to_numpy()
        if not set(shapely.get_type_id(shapes).tolist()) <= set(LINES):
            kinds = ", ".join(sorted(set(frame.geometry.geom_type.dropna())))
            message = f"{path.name} holds {kinds}; this source reads lines: points are read by 'places', polygons by 'attributes'"
            raise InputError(message)
        return cut_at_antimeridian(shapes), len(frame)


def read_lines(path: str | Path | Sequence[str | Path], **options: Any) -> Lines:
    """Read lines of one kind.

    Parameters
    ----------
    path
        GeoJSON, GeoPackage, FlatGeobuf or shapefile (zipped or not), or several.
    **options
        ``file_layer``: layer of the file, where it has several; ``rings``: count within so many rings too.

    Returns
    -------
    Lines

    Raises
    ------
    InputError
        If a file is absent, damaged, has no coordinate system, or holds other shapes than lines.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> import htgeo as ht
    >>> road = shapely.LineString([(-74.0, 40.7), (-73.9, 40.8)])
    >>> path = ht.write_demo_city("demo-city", end="2021-01-31") / "roads.gpkg"
    >>> gpd.GeoDataFrame(geometry=[road], crs=4326).to_crs(2263).to_file(path)
    >>> len(ht.read_lines(path))
    1
    """
    lines = read_source("lines", path, **options)
    assert isinstance(lines, Lines)  # noqa: S101  # for the type checker
    return lines
