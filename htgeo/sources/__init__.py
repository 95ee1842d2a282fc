"""Files to events, series, places and regions. A new kind of source is one file here and one import line."""

from htgeo.sources import (
    attributes,
    lines,
    npz,
    nypd_complaints,
    permitted_events,
    places,
    rasters,
    series,
    table,
    tahub_cases,
)
from htgeo.sources.area_counts import AreaCounts, read_area_counts
from htgeo.sources.attributes import AreaAttributes
from htgeo.sources.base import SOURCES, read_events, read_source, scan_events
from htgeo.sources.events import Events, RowReport
from htgeo.sources.lines import Lines, read_lines
from htgeo.sources.npz import square_region
from htgeo.sources.places import Places, read_places
from htgeo.sources.rasters import Raster, read_raster
from htgeo.sources.region import Region, make_region, read_region
from htgeo.sources.series import Series, read_series

__all__ = [
    "SOURCES",
    "AreaAttributes",
    "AreaCounts",
    "Events",
    "Lines",
    "Places",
    "Raster",
    "Region",
    "RowReport",
    "Series",
    "attributes",
    "lines",
    "make_region",
    "npz",
    "nypd_complaints",
    "permitted_events",
    "places",
    "rasters",
    "read_area_counts",
    "read_events",
    "read_lines",
    "read_places",
    "read_raster",
    "read_region",
    "read_series",
    "read_source",
    "scan_events",
    "series",
    "square_region",
    "table",
    "tahub_cases",
]
