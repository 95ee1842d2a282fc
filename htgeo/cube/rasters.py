"""Rasters joined to a cube."""

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.context import check_free
from htgeo.cube.schema import check_cube, require_cells, stamp
from htgeo.grid.pixels import How, cell_values
from htgeo.sources.rasters import Raster

TEXTS = {
    "sum": "total of the pixels, split by surface",
    "mean": "mean of the pixels, weighted by surface",
    "majority": "value that covers most of the cell",
}


def add_raster(cube: xr.Dataset, name: str, raster: Raster, how: How | None = None) -> xr.Dataset:
    """Join a raster to the cells by the exact shares of its pixels in the cells.

    Parameters
    ----------
    cube
        The cube.
    name
        Name of the new variable ``(cell)``.
    raster
        From `read_raster`; in any coordinate system, read window by window.
    how
        ``"sum"``: pixels hold totals (people), split by surface. ``"mean"``: mean over the part of a cell that has
        data. ``"majority"``: the value that covers most of it. None: as the raster says.

    Returns
    -------
    Dataset
        The cube with one more variable; NaN where no pixel has data. Its attribute ``covered`` is the share of the
        surface of all cells that has data, ``cells_without`` the number of cells that have none. A sum also says what
        the pixels in the box around the cells hold (``total``), and how much of it lies in no cell (``outside``): along
        the shore with a grid of ``edge="center"``, and beyond the city where the raster goes on there.

    Raises
    ------
    InputError
        If the raster has no data on any cell, or holds classes (it has a colour table) and is not joined by majority.
    CubeError
        If the places of the cube are areas, or the name is taken.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> path = ht.export(cube, "crime.tif", "crime", time="2021-03-01")
    >>> cube = ht.add_raster(cube, "crime_again", ht.read_raster(path, how="sum"))
    >>> abs(float(cube["crime_again"].sum() / cube["crime"].sel(time="2021-03-01").sum()) - 1) < 0.02  # pixels on the shore reach beyond the cells
    True
    """
    check_cube(cube)
    require_cells(cube, "add_raster")
    check_free(cube, [name])
    how = raster.how if how is None else how
    if raster.classes and how != "majority":
        message = f"{raster.path.name} holds classes (it has a colour table), whose numbers have no {how}; join it by how='majority'"
        raise InputError(message)
    values, covered, around = cell_values(cube["cell"].values, raster, how)
    if not covered.any():
        west, south, east, north = raster.bounds
        only = "" if raster.nodata is None else f" Pixels of {raster.nodata:g} have no data"
        message = f"{raster.path.name} has no data on any cell of the cube; it spans {west:g} to {east:g} by {south:g} to {north:g} in {raster.crs.name}: is this its coordinate system, and its place?{only}"
        raise InputError(message)
    share = float(np.average(covered, weights=cube["cell_area"].values))
    text = f"{name}: {TEXTS[how]} ({raster.path.name}); has data on {100 * share:.3g} % of the surface of the cells"
    facts: dict[str, float] = {"covered": round(share, 6), "cells_without": int((covered == 0).sum())}
    if how == "sum":
        outside = around - float(np.nansum(values))
        facts |= {"total": around, "outside": outside}
        text += f"; {100 * outside / around if around else 0:.2g} % of what lies around them is in no cell"
    made = xr.DataArray(values.astype(np.float32), dims="cell")
    return cube.assign({name: stamp(made, name, "place", "1", text, how=how, **facts)})
