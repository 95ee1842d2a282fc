"""The coordinates of a cube: cells, days, region labels and shares."""

from typing import Any

import xarray as xr

from htgeo.cube.schema import cube_attrs
from htgeo.cube.shares import share_coords
from htgeo.grid import Grid


def empty_cube(grid: Grid) -> xr.Dataset:
    """Return a cube with the coordinates of the grid, its region labels and shares, and no counts."""
    lon, lat = grid.centers
    coords: dict[str, Any] = {
        # xdggs takes every attribute of the cells as a parameter of the grid: these two and no more
        "cell": ("cell", grid.cells, {"grid_name": "h3", "level": grid.resolution}),
        "time": (
            "time",
            grid.days.astype("datetime64[ns]"),
            {"standard_name": "time", "axis": "T", "long_name": f"local civil day, {grid.time_zone}"},
        ),
        "lon": (
            "cell",
            lon,
            {"units": "degrees_east", "standard_name": "longitude", "long_name": "longitude of the cell centre"},
        ),
        "lat": (
            "cell",
            lat,
            {"units": "degrees_north", "standard_name": "latitude", "long_name": "latitude of the cell centre"},
        ),
        "cell_area": ("cell", grid.cell_area, {"units": "km2", "long_name": "area of the cell"}),
    }
    title = "Rare events by H3 cell and local civil day"
    facts = {"resolution": grid.resolution, "edge": grid.edge}
    attrs = cube_attrs(title, grid.time_zone, [r.layer for r in grid.layers], **facts)
    cube = xr.Dataset(coords=coords, attrs=attrs)
    for region in grid.layers:
        layer = region.layer
        label = {layer: ("cell", grid.labels(layer), {"long_name": f"{layer} that holds most of the cell"})}
        cube = cube.assign_coords({**label, **share_coords(layer, grid.shares(layer), list(region.names))})
    return cube
