"""Features: lazy, past only. A new feature is one file here and one import line."""

from htgeo.features.active_share import ActiveShare
from htgeo.features.as_of import AsOf
from htgeo.features.base import FEATURES, Feature, add_features, feature_table
from htgeo.features.calendar import Calendar
from htgeo.features.city_sum import CitySum
from htgeo.features.disk_sum import DiskSum
from htgeo.features.interaction import Interaction
from htgeo.features.known_within import KnownWithin
from htgeo.features.lag import Lag
from htgeo.features.nowcast import Nowcast
from htgeo.features.parent_sum import ParentSum
from htgeo.features.recency import Recency
from htgeo.features.ring_lag import RingLag
from htgeo.features.ring_sum import RingSum
from htgeo.features.rolling_max import RollingMax
from htgeo.features.rolling_mean import RollingMean
from htgeo.features.rolling_sum import RollingSum
from htgeo.features.same_weekday import SameWeekday
from htgeo.features.share import Share
from htgeo.features.static import Static
from htgeo.features.trend import Trend
from htgeo.features.within_distance import WithinDistance

__all__ = [
    "FEATURES",
    "ActiveShare",
    "AsOf",
    "Calendar",
    "CitySum",
    "DiskSum",
    "Feature",
    "Interaction",
    "KnownWithin",
    "Lag",
    "Nowcast",
    "ParentSum",
    "Recency",
    "RingLag",
    "RingSum",
    "RollingMax",
    "RollingMean",
    "RollingSum",
    "SameWeekday",
    "Share",
    "Static",
    "Trend",
    "WithinDistance",
    "add_features",
    "feature_table",
]
