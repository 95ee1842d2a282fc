"""Features: lazy, past only. A new feature is one file here and one import line."""

from htgeo.features.as_of import AsOf
from htgeo.features.base import FEATURES, Feature, add_features
from htgeo.features.calendar import Calendar
from htgeo.features.lag import Lag
from htgeo.features.recency import Recency
from htgeo.features.ring_sum import RingSum
from htgeo.features.rolling_sum import RollingSum
from htgeo.features.static import Static

__all__ = [
    "FEATURES",
    "AsOf",
    "Calendar",
    "Feature",
    "Lag",
    "Recency",
    "RingSum",
    "RollingSum",
    "Static",
    "add_features",
]
