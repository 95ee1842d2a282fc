"""Named sets of features."""

from collections.abc import Callable

import xarray as xr

from htgeo.core.errors import UnknownNameError
from htgeo.cube.gridding import KNOWN
from htgeo.cube.schema import CELL, layer_names, require_days, space, step_days, variables_of
from htgeo.features.active_share import ActiveShare
from htgeo.features.as_of import AsOf
from htgeo.features.base import Feature
from htgeo.features.calendar import Calendar
from htgeo.features.city_sum import CitySum
from htgeo.features.disk_sum import DiskSum
from htgeo.features.known_within import KnownWithin
from htgeo.features.lag import Lag
from htgeo.features.parent_sum import ParentSum
from htgeo.features.recency import Recency
from htgeo.features.ring_lag import RingLag
from htgeo.features.ring_sum import RingSum
from htgeo.features.rolling_max import RollingMax
from htgeo.features.rolling_sum import RollingSum
from htgeo.features.same_weekday import SameWeekday
from htgeo.features.share import Share
from htgeo.features.static import Static
from htgeo.features.trend import Trend
from htgeo.features.within_distance import MILE_KM, WithinDistance


def feature_set(name: str, cube: xr.Dataset) -> list[Feature]:
    """Return the features of a named set for the layers and series of a cube.

    In a cube of weeks, windows are cut to whole weeks; what needs days or cells is left out.

    ``default`` is meant for rare events: for each layer of counts what became known lately in the cell, in its rings,
    in its parent and in the city, how regular it is and how it changes, counts as known, shares of its parts; the
    calendar; static variables; every city series as of its publication. Some 28 columns a layer; 6 where most events
    are known to an area only, since spread thin they say nothing of a single cell.

    ``original`` holds the features of the notebook that the first application comes from: events within one mile in
    the last 7 days, their share at night, the city's events of yesterday, the scaled city series, borough, weekday,
    weekend, season, holiday; with the label ``AnyWithin(layer, days=1)``.
    """
    if name not in SETS:
        message = f"there is no feature set {name!r}; known are {', '.join(SETS)}"
        raise UnknownNameError(message)
    return SETS[name](cube)


def _default(cube: xr.Dataset) -> list[Feature]:
    features: list[Feature] = []
    (year,) = _whole(cube, 365)
    for layer in _layers(cube):
        within = sorted(cube[n].attrs["days"] for n in variables_of(cube, "within_count") if _of(cube, n) == layer)
        features += [KnownWithin(layer, days=tuple(within))] if within else []
        if _mostly_areas(cube, layer):
            features += [RollingSum(layer, days=(7, 28, year)), CitySum(layer, days=(7,))]
            continue
        features += [
            Lag(layer, days=_whole(cube, 1, 2, 7)),
            RollingSum(layer, days=(7, 28, 91, year)),
            RollingMax(layer, days=(91,)),
            ActiveShare(layer, days=(28, year)),
            Recency(layer, half_life=(14, 60, 240)),
            Trend(layer, short=28, long=year),
            *([SameWeekday(layer, weeks=8)] if step_days(cube) == 1 else []),
            RingLag(layer, k=1, days=_whole(cube, 1)),
            RingSum(layer, k=2, days=(28, year)),
            DiskSum(layer, k=3, days=(28,)),
            *([ParentSum(layer, days=(28, year))] if space(cube) == CELL else []),
            CitySum(layer, days=(7,)),
        ]
        features += [Share(layer, part, days=(91,)) for part in _parts(cube, layer)]
    series = [AsOf(name) for name in variables_of(cube, "series")]
    return [*features, Calendar(harmonics=1), Static(), *series]


def _original(cube: xr.Dataset) -> list[Feature]:
    require_days(cube, "the set 'original'")
    features: list[Feature] = []
    for layer in _layers(cube):
        features += [WithinDistance(layer, km=MILE_KM, days=(7,)), CitySum(layer, days=(1,))]
        night = [part for part in _parts(cube, layer) if part == f"{layer}_night"]
        features += [Share(layer, part, days=(7,), km=MILE_KM) for part in night]
    series = [AsOf(name, scaled=True) for name in variables_of(cube, "series")]
    calendar = Calendar(("weekday", "weekend", "season", "holiday"))
    return [*features, *series, Static(tuple(layer_names(cube)[:1])), calendar]


SETS: dict[str, Callable[[xr.Dataset], list[Feature]]] = {"default": _default, "original": _original}


def _whole(cube: xr.Dataset, *days: int) -> tuple[int, ...]:
    """Return days cut to whole steps of the cube, at least one, each once."""
    step = step_days(cube)
    return tuple(dict.fromkeys(step * max(1, d // step) for d in days))


def _layers(cube: xr.Dataset) -> list[str]:
    """Return the layers of counts that are no part of another."""
    known = variables_of(cube, "known_count")
    return [name.removesuffix(KNOWN) for name in known if "part_of" not in cube[name].attrs]


def _mostly_areas(cube: xr.Dataset, layer: str) -> bool:
    facts = cube[layer + KNOWN].attrs
    return bool(facts.get("known_to_area", 0) > facts.get("events", 0) / 2)


def _parts(cube: xr.Dataset, layer: str) -> list[str]:
    known = variables_of(cube, "known_count")
    return [name.removesuffix(KNOWN) for name in known if cube[name].attrs.get("part_of") == layer]


def _of(cube: xr.Dataset, within: str) -> str:
    return within.removesuffix(f"_within_{cube[within].attrs['days']}")
