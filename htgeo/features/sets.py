"""Named sets of features."""

import xarray as xr

from htgeo.core.errors import UnknownNameError
from htgeo.cube.gridding import KNOWN
from htgeo.cube.schema import variables_of
from htgeo.features.as_of import AsOf
from htgeo.features.base import Feature
from htgeo.features.calendar import Calendar
from htgeo.features.lag import Lag
from htgeo.features.recency import Recency
from htgeo.features.ring_sum import RingSum
from htgeo.features.rolling_sum import RollingSum
from htgeo.features.static import Static

SETS = ("default",)


def feature_set(name: str, cube: xr.Dataset) -> list[Feature]:
    """Return the features of a named set for the layers and series of a cube.

    ``default``, for each layer of counts: yesterday, sums over 7, 28 and 91 days, the two rings over 28 days, recency
    with half-lives of 14, 60 and 240 days; the calendar; static variables; every city series as of its publication.
    """
    if name not in SETS:
        message = f"there is no feature set {name!r}; known are {', '.join(SETS)}"
        raise UnknownNameError(message)
    features: list[Feature] = []
    for layer in [known.removesuffix(KNOWN) for known in variables_of(cube, "known_count")]:
        features += [
            Lag(layer, days=(1,)),
            RollingSum(layer, days=(7, 28, 91)),
            RingSum(layer, k=2, days=28),
            Recency(layer, half_life=(14, 60, 240)),
        ]
    series = [AsOf(name) for name in variables_of(cube, "series")]
    return [*features, Calendar(), Static(), *series]
