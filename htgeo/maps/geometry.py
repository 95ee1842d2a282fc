"""Shapes of a map: hexagons and the outlines of areas."""

import numpy as np
import xarray as xr

from htgeo.cube.schema import layer_names
from htgeo.grid.cells import cell_polygons
from htgeo.sources.region import Region

OUTLINE_TOLERANCE = 0.0005
"""Degrees to which outlines are simplified: 40 m, less than a pixel of a city map."""


def place_layer(cube: xr.Dataset) -> str | None:
    """Return the name of the first region layer (borough …)."""
    return next(iter(layer_names(cube)), None)


def outlines(cube: xr.Dataset, region: Region | None) -> list[np.ndarray]:
    """Return rings (point, 2) around the areas of a region, or around the cells of each area of the cube."""
    import shapely

    if region is not None:
        shapes = shapely.simplify(region.geometries, OUTLINE_TOLERANCE)
    else:
        hexagons, layer = cell_polygons(cube["cell"].values), place_layer(cube)
        labels = cube[layer].values if layer else np.zeros(len(hexagons))
        shapes = np.array([shapely.union_all(hexagons[labels == name]) for name in np.unique(labels)])
    rings = shapely.get_rings(shapely.get_parts(shapes))
    return [shapely.get_coordinates(ring) for ring in rings]
