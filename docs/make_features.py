"""Writes docs/features.md from the features themselves: ``python docs/make_features.py``."""

from pathlib import Path
from tempfile import TemporaryDirectory

import xarray as xr

import htgeo as ht
from htgeo.features import FEATURES

PAGE = Path(__file__).with_name("features.md")
HEAD = """\
# Features

Every column is made from what was known at the start of its day (clock `as_of`), float32, missing until its window is
full. `htgeo.add_features(cube, "default")` adds the set below, a list adds those named; `htgeo.feature_table(cube)` is
this table for a cube. A study file takes the same names: `features: default`, `features: original`, or a list.

## Kinds

| name | gives |
| --- | --- |
"""
SETS = {
    "default": "The set `default` for one layer of point events, `crime`, with its part `crime_night` and counts as known, a city series `jfk` and places `hotel`. A layer whose events are mostly known to an area gets its counts as known, sums over 7, 28 and 365 days, and the city's sum.",
    "original": "The set `original`: the features of the notebook that the first application comes from, with what was known on the day and without its look-ahead. Its label is `AnyWithin(layer, days=1)`: any event on the day itself, forecast from the days before.",
}


def example() -> xr.Dataset:
    """Return a small cube with a part, counts as known, a city series and places."""
    with TemporaryDirectory() as temporary:
        folder = ht.write_demo_city(Path(temporary), end="2021-02-28")
        boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
        crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz", areas=[boroughs])
        jfk = ht.read_series(
            folder / "jfk_passengers.csv", time="Activity Period", value="Revenue Passenger Volume", frequency="month"
        )
        hotels = ht.read_places(folder / "hotels.csv", lon="Longitude", lat="Latitude", key="BBL")
    grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-02-28")
    points = {"crime": crimes.select(precision="point")}
    cube = ht.grid_events(points, grid, parts=["night"], known_within=[7, 28])
    return ht.add_places(ht.add_series(cube, "jfk", jfk), "hotel", hotels)


def page() -> str:
    """Return the text of the page."""
    kinds = "".join(f"| `{name}` | {FEATURES[name].summary} |\n" for name in FEATURES if not name.startswith("test_"))
    parts = [HEAD + kinds]
    cube = example()
    for name, sentence in SETS.items():
        table = ht.feature_table(ht.add_features(cube, name))
        rows = [
            f"| `{column}` | `{row.feature}` | {row.dims} | {row.units} | {row.look_back} | {row.clock} | {row.long_name} |"
            for column, row in table.iterrows()
        ]
        head = "| column | feature | on | units | look-back, days | clock | what |\n| --- | --- | --- | --- | --- | --- | --- |"
        parts.append("\n".join([f"## The set `{name}`\n\n{sentence}\n", f"{len(rows)} columns:\n", head, *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
