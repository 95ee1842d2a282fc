"""Templates of files of areas, places, series and counts."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from htgeo.sources.file_template import (
    DAY,
    DEGREES,
    LAT,
    LON,
    NAMES,
    Field,
    FileTemplate,
    csv_content,
    json_content,
    npz_content,
)

REFUSED = "the file is refused"


def _squares(properties: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Return two square areas side by side as GeoJSON."""
    edges = (-74.02, -73.97, -73.92)
    features = []
    for number, (west, east) in enumerate(pairwise(edges)):
        ring = [[west, 40.69], [east, 40.69], [east, 40.77], [west, 40.77], [west, 40.69]]
        features.append(
            {
                "type": "Feature",
                "properties": {name: values[number] for name, values in properties.items()},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    return {"type": "FeatureCollection", "features": features}


FileTemplate(
    "npz",
    "npz.npz",
    "Dense counts as htgeo writes them: cells by days by channels",
    {
        "data": Field("number of events", "float32 or whole numbers (cell, time, channel)"),
        "cell": Field("H3 cell ids of one resolution", "uint64 (cell)"),
        "time": Field("local civil days", "datetime64 (time)"),
        "channel": Field("names of what is counted; the categories of the events", "text (channel)"),
    },
    npz_content(
        {
            "data": np.array([[[1, 0], [0, 2]], [[0, 1], [3, 0]]], np.float32),
            "cell": np.array([613229524213039103, 613229551482306559], np.uint64),
            "time": np.array(["2024-01-05", "2024-01-06"], "datetime64[D]"),
            "channel": np.array(["robbery", "assault"]),
        }
    ),
    source="npz",
)
FileTemplate(
    "npz_squares",
    "npz_squares.npz",
    "Dense counts on a latitude-longitude grid, with the order of its axes as an option; squares has the description",
    {"data": Field("number of events; row 0 is the southernmost", "whole numbers (row, col, day, category)")},
    npz_content({"data": np.array([[[[1, 0], [0, 2]], [[0, 0], [1, 0]]]], np.uint16)}),
    source="npz",
    options={
        "axes": ["row", "col", "day", "category"],
        "first_day": "2024-01-05",
        "categories": ["robbery", "assault"],
    },
    in_study=False,
)
FileTemplate(
    "squares",
    "squares.json",
    "The description of a latitude-longitude grid, whose squares are the areas of npz_squares",
    {
        "rows": Field("number of rows, from south to north", "whole number", REFUSED),
        "cols": Field("number of columns, from west to east", "whole number", REFUSED),
        "min_lat": Field("southern edge of the grid", DEGREES, REFUSED),
        "min_lon": Field("western edge of the grid", DEGREES, REFUSED),
        "cell_height_deg": Field("height of a square", "degrees", REFUSED),
        "cell_width_deg": Field("width of a square", "degrees", REFUSED),
    },
    json_content(
        {"rows": 1, "cols": 2, "min_lat": 40.69, "min_lon": -74.02, "cell_height_deg": 0.08, "cell_width_deg": 0.05}
    ),
    python="ht.square_region(PATH)",
)
FileTemplate(
    "series",
    "series.csv",
    "One value a month or a day for the whole city: passengers, temperature; columns are named by options",
    {
        "month": Field("time: first day of the period", f"{DAY}, or time_format"),
        "passengers": Field("value: one number a period", "number"),
    },
    csv_content({"month": ("2024-01-01", "2024-02-01", "2024-03-01"), "passengers": (1800000, 1750000, 1920000)}),
    source="series",
    options={"time": "month", "value": "passengers", "frequency": "month", "publication_lag": 30},
)
FileTemplate(
    "places",
    "places.csv",
    "Points as context: stations, hotels, schools; columns are named by options",
    {
        "longitude": Field("lon: east of Greenwich (or one column wkt with POINT (lon lat))", DEGREES),
        "latitude": Field("lat: north of the equator", DEGREES),
        "hotel": Field("key: name of the place; the first row with a name is used", "text", "used", needed=False),
    },
    csv_content({"longitude": LON, "latitude": LAT, "hotel": ("h1", "h2", "h3", "h4")}),
    source="places",
    options={"lon": "longitude", "lat": "latitude", "key": "hotel"},
)
FileTemplate(
    "attributes",
    "attributes.geojson",
    "Areas with numbers (population, income), in any coordinate system; columns are named by options",
    {
        "name": Field("name_column: name of the area", "text", REFUSED),
        "population": Field(
            "a number of the area, with how it is joined to cells: sum (split by land) or mean", "number", "missing"
        ),
        "income": Field("another", "number", "missing"),
        "geometry": Field("shape of the area", "polygon or multipolygon", "left out, with a note"),
    },
    json_content(_squares({"name": NAMES, "population": (52000, 61000), "income": (48000, 39000)})),
    source="attributes",
    options={"name_column": "name", "columns": {"population": "sum", "income": "mean"}, "layer": "tract"},
    python='ht.read_region(PATH, name_column="name", layer="tract", attributes=["population", "income"])',
)
FileTemplate(
    "area_counts",
    "area_counts.csv",
    "Counts by area and week or day, where no single event is known; columns are named by options",
    {
        "area": Field("area: name of the area, as in the region", "text"),
        "week": Field("time: first day of the period, a Monday where it is a week", f"{DAY}, or time_format"),
        "offence": Field("category: kind of event", "text", "used, of no category", needed=False),
        "count": Field("value: number of events; what is not listed is 0", "number, 0 or more"),
    },
    csv_content(
        {
            "area": NAMES * 2,
            "week": ("2024-01-01", "2024-01-01", "2024-01-08", "2024-01-08"),
            "offence": ("robbery", "robbery", "assault", "robbery"),
            "count": (2, 1, 3, 1),
        }
    ),
    source="area_counts",
    options={"area": "area", "time": "week", "value": "count", "category": "offence", "period": "week"},
)
FileTemplate(
    "region",
    "region.geojson",
    "Named polygons (boroughs, precincts), in any coordinate system: the study area, or a layer that events are known to",
    {
        "name": Field("name_column: name of the area; polygons of one name are one area", "text", REFUSED),
        "geometry": Field(
            "shape of the area; GeoPackage, FlatGeobuf and shapefiles do as well", "polygon or multipolygon"
        ),
    },
    json_content(_squares({"name": NAMES})),
    python='ht.read_region(PATH, name_column="name", layer="borough")',
    yaml="region: {file: PATH, name_column: name, layer: borough}",
)
FileTemplate(
    "lines",
    "lines.geojson",
    "Lines (streets, railways, routes), from any vector file and in any coordinate system",
    {"geometry": Field("shape of the line; GeoPackage, FlatGeobuf and shapefiles do as well", "line or multiline")},
    json_content(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {},
                    "geometry": {"type": "LineString", "coordinates": [[-73.99, lat], [-73.95, lat + 0.01]]},
                }
                for lat in (40.71, 40.73)
            ],
        }
    ),
    source="lines",
)
FileTemplate(
    "rasters",
    "rasters.asc",
    "One band of a raster (population, land cover, elevation): GeoTIFF, VRT, ASCII grid … in any coordinate system",
    {
        "band 1": Field(
            "a number of each pixel, joined to cells by their exact shares: sum, mean or majority", "number"
        ),
        "NODATA_value": Field("the number of pixels without data", "number", needed=False),
    },
    lambda: (
        b"ncols 4\nnrows 3\nxllcorner -74.0\nyllcorner 40.70\ncellsize 0.02\nNODATA_value -9999\n"
        b"120 340 560 80\n90 410 70 60\n30 20 10 0\n"
    ),
    source="rasters",
    options={"how": "sum", "crs": "EPSG:4326"},
)
