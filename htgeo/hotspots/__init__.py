"""Statistics of hot spots: which places hold more than chance, since when, and where events cluster."""

from htgeo.hotspots.classes import FlagClass, read_flags
from htgeo.hotspots.clusters import EventClusters, add_event_clusters, event_clusters
from htgeo.hotspots.emerging import add_emerging_hotspots
from htgeo.hotspots.getis_ord import add_getis_ord
from htgeo.hotspots.kendall import MannKendall, mann_kendall
from htgeo.hotspots.local_moran import add_local_moran

__all__ = [
    "EventClusters",
    "FlagClass",
    "MannKendall",
    "add_emerging_hotspots",
    "add_event_clusters",
    "add_getis_ord",
    "add_local_moran",
    "event_clusters",
    "mann_kendall",
    "read_flags",
]
