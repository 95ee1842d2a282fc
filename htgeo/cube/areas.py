"""Cubes whose places are areas, made from counts by area and week."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from htgeo.core.blocks import cell_blocks
from htgeo.core.errors import InputError
from htgeo.cube.gridding import KNOWN
from htgeo.cube.near import border_coords
from htgeo.cube.periods import FREQS, STEP_DAYS, dropped_days, first_days, whole_periods
from htgeo.cube.schema import cube_attrs, stamp
from htgeo.grid.days import day_range
from htgeo.sources.area_counts import AreaCounts
from htgeo.sources.clean import check_zone
from htgeo.sources.region import KM_PER_DEGREE, Region, make_region

BESIDE_KM = 0.05
"""Areas this near to each other have a border in common: outlines cut at a shoreline or drawn apart by rounding."""


def grid_areas(
    counts: Mapping[str, AreaCounts],
    region: Region,
    *,
    start: str,
    end: str,
    freq: Literal["D", "W"] = "W",
    merge: Mapping[str, Sequence[str]] | None = None,
    layers: Sequence[Region] = (),
    time_zone: str = "America/New_York",
) -> xr.Dataset:
    r"""Count events that are known by area and week into a cube whose places are the areas.

    Features, labels, models and scores work as on a cube of cells; lengths stay in days and must be whole steps. A count
    of a week is known at the end of the week, so features use it from the next week on. What is not listed is 0.

    Parameters
    ----------
    counts
        ``{name: counts}``; names become variables, by day of occurrence and, with ``_known``, by the day known.
    region
        The areas; the spatial dimension is called after their layer.
    start, end
        First and last day; weeks that do not lie wholly between them are left out.
    freq
        ``"W"``, weeks from Monday, or ``"D"`` where the counts are by day.
    merge
        ``{name: [areas]}``: areas that changed in the time are one place for the whole of it; counts are summed, outlines
        united. Where an area was split, merge it with its parts.
    layers
        Further region layers: each place gets the area that holds most of it, as ``groups`` for scores.
    time_zone
        IANA zone of the days; names the country whose holidays count.

    Returns
    -------
    Dataset
        A lazy cube ``(<layer>, time)`` with ``lon`` and ``lat`` of a point in the area, ``cell_area`` (km2 of the area) and
        the borders between areas. Attributes of each variable say how many events fell outside the areas or the days.

    Raises
    ------
    InputError
        If a name cannot be a variable, an area to merge is unknown, or no event falls into the areas and days.

    Examples
    --------
    >>> import htgeo as ht
    >>> path = ht.write_demo_city("demo-city", end="2021-01-31") / "counts.csv"
    >>> _ = path.write_text("precinct,week,n\n1,2021-01-04,2\n5,2021-01-11,1")
    >>> precincts = ht.read_region(path.with_name("precincts.geojson"), name_column="precinct", layer="precinct")
    >>> counts = ht.read_area_counts(path, area="precinct", time="week", value="n")
    >>> cube = ht.grid_areas({"robbery": counts}, precincts, start="2021-01-01", end="2021-01-31")
    >>> float(cube["robbery"].sel(precinct="1").sum()), cube.sizes["time"]
    (2.0, 4)
    """
    if freq not in STEP_DAYS:
        message = f"freq must be 'D' or 'W', not {freq!r}; aggregate by month or year afterwards with htgeo.aggregate"
        raise InputError(message)
    check_zone(time_zone)
    into = _merged_names(region, merge or {})
    region = replace(
        make_region(region.layer, [into[name] for name in region.names], region.geometries), notes=region.notes
    )
    days = day_range(start, end)
    weeks, whole = whole_periods(days, freq)
    cube = _empty(region, weeks, freq, time_zone, layers)
    statements = {
        "merged": [f"{name} = {' + '.join(parts)}" for name, parts in (merge or {}).items()],
        "dropped_days": dropped_days(days, whole),
    }
    cube.attrs |= {name: value for name, value in statements.items() if value}
    for name, one in counts.items():
        cube = cube.assign(_variables(name, one, cube, into, freq))
    return cube


def _merged_names(region: Region, merge: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the name of the place that each area of a region belongs to."""
    into = {name: name for name in region.names}
    for name, parts in merge.items():
        for part in parts:
            if part not in into:
                message = f"the region layer {region.layer!r} has no area {part!r} to merge into {name!r}"
                raise InputError(message)
            if into[part] != part:
                message = f"the area {part!r} is merged into {into[part]!r} and into {name!r}; name it once"
                raise InputError(message)
            into[part] = name
        if name in region.names and name not in parts:
            message = f"{name!r} is an area of its own; give the merged areas another name, or merge it too"
            raise InputError(message)
    return into


def _empty(region: Region, weeks: np.ndarray, freq: str, time_zone: str, layers: Sequence[Region]) -> xr.Dataset:
    """Return a cube with the coordinates of the areas, and no counts."""
    import shapely

    layer, names = region.layer, np.array(region.names)
    points = shapely.point_on_surface(region.geometries)
    others = {other.layer: (layer, _labels(region, other), _facts_of(other)) for other in layers}
    coords: dict[str, Any] = {
        layer: (layer, names, _facts_of(region)),
        "time": ("time", weeks.astype("datetime64[ns]"), time_facts(freq, time_zone)),
        **place_coords(layer, shapely.get_x(points), shapely.get_y(points), areas_km2(region)),
        **others,
        **border_coords(layer, names, _touching(region)),
    }
    return xr.Dataset(coords=coords, attrs=area_attrs(layer, freq, time_zone, list(others)))


def area_attrs(layer: str, freq: str, time_zone: str, others: list[str]) -> dict[str, Any]:
    """Return the attributes of a cube of areas."""
    title = f"Rare events by {layer} and {FREQS[freq]}"
    step = {"step_days": STEP_DAYS[freq]} if freq in STEP_DAYS else {"freq": freq}
    return cube_attrs(title, time_zone, [*others, layer], space=layer, **step)


def time_facts(freq: str, time_zone: str) -> dict[str, str]:
    """Return the attributes of the time axis."""
    what = "local civil day" if freq == "D" else f"first day of the {FREQS[freq]}, local civil days"
    return {"standard_name": "time", "axis": "T", "long_name": f"{what}, {time_zone}"}


def place_coords(layer: str, lon: np.ndarray, lat: np.ndarray, area: np.ndarray) -> dict[str, Any]:
    """Return the coordinates that every place has."""
    east = {"units": "degrees_east", "standard_name": "longitude", "long_name": f"longitude of a point in the {layer}"}
    north = {"units": "degrees_north", "standard_name": "latitude", "long_name": f"latitude of a point in the {layer}"}
    size = {"units": "km2", "long_name": f"area of the {layer}"}
    return {"lon": (layer, lon, east), "lat": (layer, lat, north), "cell_area": (layer, area, size)}


def areas_km2(region: Region) -> np.ndarray:
    """Return the areas on the sphere, km2, from areas in degrees and the latitude of the centroid."""
    import shapely

    shrink = np.cos(np.radians(region.centroids[:, 1]))
    return np.asarray(shapely.area(region.geometries) * shrink * KM_PER_DEGREE**2)


def _facts_of(region: Region) -> dict[str, Any]:
    return {"long_name": region.layer, "names": list(region.names)}


def _labels(region: Region, other: Region) -> np.ndarray:
    """Return the area of another layer that holds most of each area, empty text where none does."""
    import shapely

    shared = shapely.area(shapely.intersection(region.geometries[:, None], other.geometries[None, :]))
    return np.where(shared.max(axis=1) > 0, np.array(other.names)[shared.argmax(axis=1)], "")


def _touching(region: Region) -> np.ndarray:
    """Return which areas border on each other, shape (area, area)."""
    import shapely

    touch = np.zeros((len(region), len(region)), bool)
    degrees = BESIDE_KM / KM_PER_DEGREE / np.cos(np.radians(region.centroids[:, 1].mean()))
    tree = shapely.STRtree(region.geometries)
    touch[tuple(tree.query(region.geometries, predicate="dwithin", distance=degrees))] = True
    return touch


def _variables(name: str, counts: AreaCounts, cube: xr.Dataset, into: Mapping[str, str], freq: str) -> dict[str, Any]:
    """Return the counts of a layer by both clocks, with what fell outside."""
    if not name.isidentifier() or name in cube or name + KNOWN in cube:
        message = f"a layer cannot be called {name!r}: use letters, digits and _, and none of {', '.join(map(str, cube.variables))}"
        raise InputError(message)
    if freq == "D" and counts.period != "day":
        message = f"the counts of {name!r} are by {counts.period}; a cube of days needs counts by day: freq='W'"
        raise InputError(message)
    layer = cube.attrs["space"]
    values, facts = _tallied(counts, cube[layer].values, cube["time"].values.astype("datetime64[D]"), into, freq)
    if not facts["events"]:
        message = f"no event of {name!r} falls into the areas and {str(cube.time.values[0])[:10]} to {str(cube.time.values[-1])[:10]}; the counts are {counts!r}"
        raise InputError(message)
    lazy = xr.DataArray(values, dims=(layer, "time")).chunk({layer: cell_blocks(*values.shape)[0], "time": -1})
    known = f"events by the {FREQS[freq]} they became known, taken as the end of that in which they occurred"
    texts = {name: ("count", f"events by the {FREQS[freq]} they occurred"), name + KNOWN: ("known_count", known)}
    return {
        key: stamp(lazy, key, role, "1", f"{name}: {text}", cell_methods="time: sum", **facts)
        for key, (role, text) in texts.items()
    }


def _tallied(
    counts: AreaCounts, names: np.ndarray, steps: np.ndarray, into: Mapping[str, str], freq: str
) -> tuple[np.ndarray, dict[str, float]]:
    """Return the sums by area and step (float32), and the events inside and outside."""
    number = {name: row for row, name in enumerate(names.tolist())}
    category = counts.table["area"].astype("category").cat
    row_of = np.array([number.get(into.get(str(name), ""), -1) for name in category.categories] + [-1])
    row = row_of[category.codes.to_numpy()]
    first = first_days(counts.table["time"].to_numpy(), freq)
    at = np.minimum(np.searchsorted(steps, first), len(steps) - 1)
    step = np.where(steps[at] == first, at, -1)
    value = counts.table["value"].to_numpy(float)
    inside = (row >= 0) & (step >= 0)
    values = np.zeros((len(names), len(steps)))
    np.add.at(values, (row[inside], step[inside]), value[inside])
    facts = {
        "events": float(value[inside].sum()),
        "outside_days": float(value[step < 0].sum()),
        "outside_areas": float(value[(step >= 0) & (row < 0)].sum()),
        "known_to_area": 0.0,
        "whole": int((value == np.floor(value)).all()),
    }
    return values.astype(np.float32), facts
