"""Shapes across the 180th meridian: cut in two there, as RFC 7946 asks, so that none reaches around the globe."""

from collections.abc import Iterator
from typing import Any

import numpy as np

HALF, FULL, POLE = 180.0, 360.0, 90.0
WORLDS = (-1, 0, 1)
"""Turns around the globe that a shape can reach into."""


def unwrap(shapes: np.ndarray) -> np.ndarray:
    """Return lines or polygons whose longitudes run on across the 180th meridian: 179 to 181, not 179 to -179.

    Parameters
    ----------
    shapes
        Shapely lines or polygons, degrees WGS 84. A part that is more than half the globe wide, and jumps from one end of
        the map to the other, crosses the meridian.
    """
    import shapely

    west, _, east, _ = shapely.bounds(shapes).T
    made = shapes.copy()
    for i in np.flatnonzero(east - west > HALF):
        made[i] = _together([_unwrapped(part) for part in shapely.get_parts(shapes[i])])
    return made


def cut_at_antimeridian(shapes: np.ndarray) -> np.ndarray:
    """Cut valid lines or polygons where they cross the 180th meridian, as RFC 7946 asks.

    Parameters
    ----------
    shapes
        Shapely lines or polygons, degrees WGS 84; longitudes may jump from 179 to -179, or run on to 181.

    Returns
    -------
    ndarray
        The same objects; those that cross the meridian or hold a pole have parts from -180 to 180 degrees.

    Examples
    --------
    >>> import shapely
    >>> from htgeo.sources.antimeridian import cut_at_antimeridian
    >>> (cut,) = cut_at_antimeridian(shapely.polygons([[[179, 0], [-179, 0], [-179, 1], [179, 1]]]))
    >>> cut.bounds, [part.area for part in cut.geoms]
    ((-180.0, 0.0, 180.0, 1.0), [1.0, 1.0])
    """
    import shapely

    made = unwrap(shapes)
    west, _, east, _ = shapely.bounds(made).T
    for i in np.flatnonzero((west < -HALF) | (east > HALF)):
        pieces = [piece for part in shapely.get_parts(made[i]) for piece in _pieces(part)]
        surfaces = shapely.get_dimensions(made[i]) == 2  # noqa: PLR2004
        made[i] = shapely.union_all(pieces) if surfaces else _together(pieces)  # pieces around a pole have borders
    return made


def beside(shapes: np.ndarray) -> np.ndarray:
    """Return shapes cut at the meridian with their parts side by side: what lies at -179 moves to 181."""
    import shapely

    west, _, east, _ = shapely.bounds(shapes).T
    across = east - west > HALF
    made = shapes.copy()
    made[across] = shapely.transform(
        shapes[across], lambda xy: np.column_stack([np.where(xy[:, 0] < 0, xy[:, 0] + FULL, xy[:, 0]), xy[:, 1]])
    )
    return made


def _unwrapped(part: Any) -> Any:
    """Return a line or a polygon with continuous longitudes, its holes inside."""
    import shapely

    if part.geom_type != "Polygon":
        return shapely.linestrings(_continuous(part, closed=False))
    outer = _continuous(part.exterior, closed=True)
    holes = [_continuous(ring, closed=True) for ring in part.interiors]
    middle = outer[:, 0].mean()
    holes = [np.add(ring, [FULL * np.round((middle - ring[:, 0].mean()) / FULL), 0]) for ring in holes]
    made = shapely.polygons(outer, holes or None)
    return made if made.area else part  # the whole world has no jump


def _continuous(line: Any, *, closed: bool) -> np.ndarray:
    """Return the points of a line without jumps; a ring around a pole is closed there."""
    import shapely

    lon, lat = shapely.get_coordinates(line).T
    lon = lon - FULL * np.cumsum(np.round(np.diff(lon, prepend=lon[0]) / FULL))  # exact: the ends of a ring stay equal
    if closed and abs(lon[-1] - lon[0]) > HALF:
        pole = np.copysign(POLE, lat.mean())
        lon, lat = np.append(lon, [lon[-1], lon[0], lon[0]]), np.append(lat, [pole, pole, lat[0]])
    return np.column_stack([lon, lat])


def _pieces(part: Any) -> Iterator[Any]:
    """Yield the pieces of a line or a polygon on either side of the meridian, from -180 to 180 degrees."""
    import shapely

    for turn in WORLDS:
        world = shapely.box(FULL * turn - HALF, -POLE, FULL * turn + HALF, POLE)
        inside = shapely.transform(shapely.intersection(part, world), lambda xy, by=FULL * turn: xy - [by, 0])
        for piece in shapely.get_parts(inside):
            if shapely.get_dimensions(piece) == shapely.get_dimensions(part) and not piece.is_empty:
                yield piece


def _together(parts: list[Any]) -> Any:
    import shapely

    if len(parts) == 1:
        return parts[0]
    return (shapely.multipolygons if parts[0].geom_type == "Polygon" else shapely.multilinestrings)(parts)
