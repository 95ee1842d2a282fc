"""Named polygons: boroughs, precincts, neighbourhoods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from htgeo.core.errors import InputError
from htgeo.sources.antimeridian import FULL, HALF, beside, cut_at_antimeridian, unwrap
from htgeo.sources.boxes import Boxes
from htgeo.sources.files import existing, read_vector_file, require_columns

RESERVED = ("cell", "time", "lon", "lat", "cell_area", "date", "city", "point")
"""Names with another meaning in events and cubes."""
SHOWN = 6
"""Names that the repr of a region lists."""
MANY = 100_000
"""Points from which on boxes are worth making."""
KM_PER_DEGREE = 111.195
"""Length of one degree of latitude on the sphere that H3 uses (6,371.007 km)."""


@dataclass(frozen=True, eq=False)
class Region:
    """A layer of named polygons in degrees WGS 84.

    Attributes
    ----------
    layer
        What one area is called: ``"borough"``, ``"precinct"`` …
    names
        Names of the areas, one each.
    geometries
        Their polygons, shape (area,), of shapely objects.
    notes
        What was repaired while reading.
    attributes
        Numbers of the areas by name, each of shape (area,), NaN where missing.
    """

    layer: str
    names: tuple[str, ...]
    geometries: np.ndarray
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:SHOWN]) + (", …" if len(self) > SHOWN else "")
        return "\n".join([f"<Region {self.layer}: {len(self)} areas: {shown}>", *self.notes])

    def attribute(self, name: str) -> np.ndarray:
        """Return the numbers of an attribute, shape (area,), or say which there are."""
        if name not in self.attributes:
            message = f"the region layer {self.layer!r} has no attribute {name!r}; it has {', '.join(self.attributes) or 'none'}: read_region(…, attributes=[{name!r}])"
            raise InputError(message)
        return self.attributes[name]

    @cached_property
    def outline(self) -> Any:
        """The union of the areas."""
        import shapely

        union = shapely.union_all(self.geometries)
        shapely.prepare(union)
        return union

    @cached_property
    def centroids(self) -> np.ndarray:
        """Centroids (lon, lat) of the areas, shape (area, 2), degrees."""
        import shapely

        points = shapely.centroid(beside(self.geometries))
        lon = shapely.get_x(points)
        return np.stack([np.where(lon > HALF, lon - FULL, lon), shapely.get_y(points)], axis=1)

    def covers(self, lon: np.ndarray, lat: np.ndarray, *, margin_km: float = 0.0) -> np.ndarray:
        """Return which points lie in the region or within `margin_km` of it (bool, shape (point,))."""
        import shapely

        lon, lat = np.asarray(lon, float), np.asarray(lat, float)
        inside = self.locate(lon, lat) >= 0
        if margin_km > 0:
            degrees = margin_km / KM_PER_DEGREE / np.cos(np.radians(self.centroids[:, 1].mean()))
            west, south, east, north = self.outline.bounds
            near = (
                ~inside
                & (lon > west - degrees)
                & (lon < east + degrees)
                & (lat > south - degrees)
                & (lat < north + degrees)
            )
            inside[near] = shapely.dwithin(self.outline, shapely.points(lon[near], lat[near]), degrees)
        return inside

    def locate(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the number of the area that each point lies in, -1 outside all (int32, shape (point,))."""
        if len(lon) < MANY:
            return self._search(lon, lat)
        return self._boxes.locate(lon, lat)

    @cached_property
    def _boxes(self) -> Boxes:
        return Boxes(self.geometries, self._search)

    def _search(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        import shapely

        shapely.prepare(self.geometries)  # a prepared geometry is for one thread: two can wait for each other for ever
        found = np.full(len(lon), -1, np.int32)
        boxes = shapely.bounds(self.geometries)
        for number, (geometry, (west, south, east, north)) in enumerate(zip(self.geometries, boxes, strict=True)):
            near = np.flatnonzero((found < 0) & (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
            found[near[shapely.intersects_xy(geometry, lon[near], lat[near])]] = number
        return found


def read_region(
    path: str | Path,
    *,
    name_column: str | None = None,
    layer: str = "borough",
    file_layer: str | None = None,
    attributes: Sequence[str] = (),
) -> Region:
    """Read named polygons from a vector file in any coordinate system.

    Parameters
    ----------
    path
        GeoJSON, GeoPackage, FlatGeobuf or shapefile (zipped or not).
    name_column
        Column that names the areas; rows with the same name become one area. None: all polygons are one area, called
        as the file.
    layer
        What one area is called; the cube has a coordinate of this name.
    file_layer
        Layer of the file, where it has several.
    attributes
        Columns of numbers to keep (population, income …), for `add_attributes` and for spreading by population.

    Returns
    -------
    Region

    Raises
    ------
    InputError
        If the file is absent or damaged, has no such column, no polygon or no coordinate system.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> boroughs.names
    ('Bronx', 'Brooklyn', 'Manhattan', 'Queens', 'Staten Island')
    """
    import shapely

    path = existing(path)
    frame = read_vector_file(path, file_layer)
    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    require_columns([*([name_column] if name_column else []), *attributes], columns, path.name)
    names = np.full(len(frame), path.stem) if name_column is None else _names(frame[name_column], path)
    notes = []
    shapeless = frame.geometry.isna() | frame.geometry.is_empty
    if shapeless.any():
        notes.append(f"{shapeless.sum()} areas without a shape left out: {', '.join(names[shapeless])}")
    frame, names = frame[~shapeless], names[~shapeless]
    polygons = frame.geometry.to_numpy()
    if not len(frame) or not set(shapely.get_type_id(polygons)) <= {3, 6}:
        kinds = ", ".join(sorted(set(frame.geometry.geom_type))) or "nothing"
        message = f"{path.name} holds {kinds}; a region needs polygons"
        raise InputError(message)
    region = make_region(layer, names, polygons, notes)
    return replace(region, attributes={name: _numbers(frame[name], names, region.names, path) for name in attributes})


def _names(column: Any, path: Path) -> np.ndarray:
    """Return the name of each area as text; whole numbers without decimals."""
    nameless = column.isna() | (column.astype(str).str.strip() == "")
    if nameless.any():
        message = (
            f"{path.name}: {nameless.sum()} polygons have no name in the column {column.name!r}; give every area a name"
        )
        raise InputError(message)
    if column.dtype.kind == "f" and (column == column.round()).all():
        column = column.astype("int64")
    return np.asarray(column.astype(str).str.strip(), dtype=str)


def _numbers(column: Any, names: np.ndarray, order: Sequence[str], path: Path) -> np.ndarray:
    """Return an attribute in the order of the areas; the polygons of one area must agree on it."""
    import pandas as pd

    try:
        values = pd.to_numeric(column).to_numpy(float)
    except (ValueError, TypeError) as error:
        message = f"the column {column.name!r} of {path.name} does not hold numbers only: {error}"
        raise InputError(message) from error
    of_area = pd.Series(values, index=names).groupby(level=0)
    unlike = of_area.nunique()
    if (unlike > 1).any():
        several = ", ".join(unlike.index[unlike > 1][:SHOWN])
        message = f"{path.name}: polygons of one name have different numbers in {column.name!r}: {several}; give every polygon a name of its own, or their area one number"
        raise InputError(message)
    return of_area.first().reindex(list(order)).to_numpy(float)


def make_region(
    layer: str, names: Sequence[str] | np.ndarray, polygons: np.ndarray, notes: Sequence[str] = ()
) -> Region:
    """Return a region of named polygons (degrees WGS 84); polygons of one name become one area.

    Polygons that cross themselves are repaired, those that cross the 180th meridian (from 179 to -179, or on to 181) are
    cut in two there.

    Parameters
    ----------
    layer
        What one area is called.
    names
        Name of each polygon.
    polygons
        Shapely polygons, shape (polygon,).
    notes
        Remarks to keep.

    Returns
    -------
    Region
        Areas sorted by name, numbers by value; the notes say what was repaired.

    Raises
    ------
    InputError
        If the layer cannot be called so, or no polygon has a surface.
    """
    import shapely

    if not layer.isidentifier() or layer in RESERVED:
        message = (
            f"a region layer cannot be called {layer!r}: use letters, digits and _, and none of {', '.join(RESERVED)}"
        )
        raise InputError(message)
    every, polygons, notes = np.asarray(names), unwrap(np.asarray(polygons, dtype=object)), list(notes)
    invalid = ~shapely.is_valid(polygons)
    polygons[invalid] = _surfaces(shapely.make_valid(polygons[invalid]))
    flat = shapely.area(polygons) == 0
    mended = invalid & ~flat
    if mended.any():
        notes.append(f"{mended.sum()} invalid polygons repaired: {', '.join(sorted(set(every[mended])))}")
    if flat.any():
        notes.append(f"{flat.sum()} areas without a surface left out: {', '.join(sorted(set(every[flat])))}")
    if flat.all():
        message = f"no polygon of the layer {layer!r} has a surface"
        raise InputError(message)
    every, polygons = every[~flat], cut_at_antimeridian(polygons[~flat])
    order = sorted(set(every.tolist()), key=lambda n: (not n.isdecimal(), int(n) if n.isdecimal() else 0, n))
    merged = np.array([shapely.union_all(polygons[every == name]) for name in order], dtype=object)
    return Region(layer, tuple(order), merged, tuple(notes))


def _surfaces(shapes: np.ndarray) -> np.ndarray:
    """Return the polygons among the parts of repaired shapes, without the lines that a repair leaves."""
    import shapely

    parts, number = shapely.get_parts(shapes, return_index=True)
    whole = shapely.get_dimensions(parts) == 2  # noqa: PLR2004  # a surface
    return np.array([shapely.union_all(parts[whole & (number == n)]) for n in range(len(shapes))], dtype=object)
