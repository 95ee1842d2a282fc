"""The files that the explorer sends to the browser: what is seen, one row a cell."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd

from htgeo.core.use import INTENDED_USE
from htgeo.cube.schema import CELL, layer_names
from htgeo.explorer.data import FORECAST, OBSERVED, Explored, Selection
from htgeo.explorer.looks import ranked, ranks
from htgeo.grid.cells import cell_polygons
from htgeo.sources.files import formula_safe

FORMATS = {"csv": "Download CSV", "gpkg": "Download GeoPackage"}


def selection_table(explored: Explored, selection: Selection) -> pd.DataFrame:
    """Return what is seen as a table, one row a cell of the area, sorted by rank.

    Returns
    -------
    DataFrame
        ``cell`` (hex text), the region layers, ``first_day`` and ``last_day``, the forecast, the layer of the map under
        its own name, the observed events, ``rank`` and ``intended_use``.
    """
    cube, inside = explored.cube, explored.mask(selection.area)
    columns = {"cell": explored.hexes, **{layer: cube[layer].values.astype(object) for layer in layer_names(cube)}}
    span = [selection.first, selection.last]
    columns |= {
        name: np.full(len(inside), explored.days[at].item())
        for name, at in zip(("first_day", "last_day"), span, strict=True)
    }
    layers = [FORECAST] * bool(selection.model) + [selection.layer] + [OBSERVED] * (OBSERVED in explored.layers)
    for layer in dict.fromkeys(layers):
        one = replace(selection, layer=layer)
        columns[explored.layer(one).name] = explored.values(one)
    rank = ranks(ranked(explored, selection)[0])
    table = pd.DataFrame(columns).assign(rank=rank, intended_use=str(cube.attrs.get("intended_use", INTENDED_USE)))
    return table[inside].sort_values("rank", kind="stable")


def download(explored: Explored, selection: Selection, suffix: str) -> bytes:
    """Return the table of a selection as a file in memory; nothing is written on the server.

    Parameters
    ----------
    explored
        The cube.
    selection
        What is looked at.
    suffix
        ``csv`` (text that a spreadsheet would run as a formula gets an apostrophe) or ``gpkg`` (hexagons, EPSG:4326).
    """
    table, buffer = selection_table(explored, selection), BytesIO()
    if suffix == "csv":
        formula_safe(table).to_csv(buffer, index=False)
    else:
        _write_hexagons(table, explored.cube[CELL].values[table.index.to_numpy()], buffer)
    return buffer.getvalue()


def _write_hexagons(table: pd.DataFrame, cells: np.ndarray, buffer: BytesIO) -> None:
    import pyarrow as pa
    import pyogrio
    import shapely

    shapes = pa.array(np.asarray(shapely.to_wkb(cell_polygons(cells)), object), pa.binary())
    pyogrio.write_arrow(
        pa.Table.from_pandas(table, preserve_index=False).append_column("geom", shapes),
        buffer,
        layer="selection",
        driver="GPKG",
        geometry_name="geom",
        geometry_type="Polygon",
        crs="EPSG:4326",
        layer_options={"GEOMETRY_NAME": "geom", "DESCRIPTION": INTENDED_USE},
    )
