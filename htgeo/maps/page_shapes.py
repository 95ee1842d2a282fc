"""Shapes of a map page: rings of the places, and the lines around areas, as whole steps of a plane."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from htgeo.cube.schema import CELL, layer_names, space
from htgeo.maps.geometry import OUTLINE_TOLERANCE
from htgeo.maps.page_pack import Plane, pack, plane_of
from htgeo.maps.surface import place_shapes
from htgeo.sources.region import Region

LOW = np.uint64(0xFFFF)
HALF, WHOLE = np.uint64(16), np.uint64(32)
"""Bits of a coordinate and of a point, where a point or an edge is one number."""


@dataclass(frozen=True)
class Rings:
    """Closed rings, point after point; the first point of a ring is not repeated.

    Attributes
    ----------
    owner, length
        Number of the place of each ring, and its points.
    points : array of uint16, shape (point, 2)
        Steps east and south.
    """

    owner: np.ndarray
    length: np.ndarray
    points: np.ndarray

    def packed(self) -> str:
        """Return the rings as text: owners, lengths, and how far each point lies from the one before."""
        change = np.diff(self.points, axis=0, prepend=np.zeros((1, 2), np.uint16))
        parts = (self.owner.astype("<u4"), self.length.astype("<u4"), change.T.astype("<u2"))
        return pack(np.uint32(len(self.owner)).astype("<u4").tobytes() + b"".join(part.tobytes() for part in parts))


def page_plane(cube: xr.Dataset, region: Region | None) -> tuple[Plane, Rings]:
    """Return the plane of a page, and the rings of its places."""
    import shapely

    shapes = place_shapes(cube, region)
    if space(cube) != CELL:
        shapes = shapely.coverage_simplify(shapes, OUTLINE_TOLERANCE)
    points = shapely.get_coordinates(shapes)
    if region is not None:
        points = np.concatenate(
            [points, shapely.get_coordinates(shapely.box(*shapely.total_bounds(region.geometries)))]
        )
    plane = plane_of(points)
    return plane, rings_of(shapes, plane)


def rings_of(shapes: Any, plane: Plane) -> Rings:
    """Return all rings of polygons, holes too."""
    import shapely

    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    last = np.append(ring[1:] != ring[:-1], True)  # a ring ends where it began
    return Rings(owner[part], np.bincount(ring, minlength=len(rings)) - 1, plane.steps(points[~last]))


def page_lines(cube: xr.Dataset, region: Region | None, plane: Plane, rings: Rings) -> dict[str, str]:
    """Return the lines that can be laid over a map, packed, by the name of their layer, the most important first."""
    import shapely

    dim = space(cube)
    lines = {} if dim == CELL else {dim: rings.packed()}
    if region is not None and region.layer != dim:
        shapes = shapely.simplify(region.geometries, OUTLINE_TOLERANCE)
        lines[region.layer] = rings_of(shapes, plane).packed()
    edges, first, second = _edges(rings)
    for layer in layer_names(cube):
        if layer in lines:
            continue
        labels = np.unique(cube[layer].values, return_inverse=True)[1]
        lines[layer] = _pack_edges(edges[(second < 0) | (labels[first] != labels[second])])
    return lines or {"outline": _pack_edges(edges[second < 0])}


def _pack_edges(edges: np.ndarray) -> str:
    """Return edges (edge, 2, 2) as rings of two points."""
    return Rings(np.zeros(len(edges)), np.full(len(edges), 2), edges.reshape(-1, 2)).packed()


def _edges(rings: Rings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edges of all rings once, and the one or two places that each belongs to (-1: none)."""
    ends = np.cumsum(rings.length)
    following = np.arange(1, len(rings.points) + 1)
    following[ends - 1] = ends - rings.length
    point = rings.points.astype(np.uint64) @ np.array([1 << 16, 1], np.uint64)
    pair = np.sort(np.stack([point, point[following]], axis=1), axis=1)
    owner = np.repeat(rings.owner, rings.length)
    key = (pair[:, 0] << WHOLE) | pair[:, 1]
    order = np.argsort(key, kind="stable")
    at = np.flatnonzero(np.append(True, key[order][1:] != key[order][:-1]))
    shared = np.append(np.diff(at), len(key) - at[-1]) > 1
    first = owner[order[at]]
    second = np.where(shared, owner[order[np.minimum(at + 1, len(key) - 1)]], -1)
    used = pair[order[at]]
    return np.stack([used >> HALF, used & LOW], axis=2).astype(np.uint16), first, second
