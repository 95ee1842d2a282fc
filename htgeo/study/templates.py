"""Study files to start from."""

NYC = """\
# A study of htgeo: from event files to a risk map. File names are relative to this file.
# Run it with: htgeo run study.yaml --out study-output
name: nyc-robbery

# The study area: polygons with a name column, in any coordinate system.
region: {file: boroughs.geojson, name_column: boro_name}

# Further layers that events may be known to (an event known only to a precinct is spread over it):
# layers:
#   - {file: precincts.geojson, name_column: precinct, layer: precinct}

# H3 cells by local civil days. Resolution 8: 0.74 km2 a cell; 9: 0.106 km2.
# edge: center (cells whose centre lies in the region) or touch (all cells with land; loses no event on the shore).
grid: {resolution: 8, start: 2014-01-01, end: 2015-12-31, time_zone: America/New_York, edge: center}

# Files of events, series and places. Kinds: htgeo list sources
sources:
  crime:
    kind: table
    file: NYC_Crime.csv.gz
    columns: {occurred: Occurrence Date, lat: Latitude, lon: Longitude, category: Offense}
    time_format: "%m/%d/%Y %I:%M:%S %p"
  # complaints: {kind: nypd_complaints, file: complaints.csv}
  # jfk: {kind: series, file: jfk.csv, time: Activity Period, value: Revenue Passenger Volume, frequency: month, publication_lag: 30}
  # hotel: {kind: places, file: hotels.csv, lon: Longitude, lat: Latitude, key: BBL}

# What is to be forecast: any event of these categories on the day (within_days: 1) or within so many days from it.
label: {source: crime, categories: [ROBBERY], within_days: 1}

# default, or a list such as [{lag: {layer: crime, days: [1, 7]}}, calendar]; see htgeo list features
features: default

# See htgeo list models; options as {lightgbm: {max_trees: 500}}
models: [historical_rate, ewma_rate, lightgbm]

# Train, then choose the number of trees on the validation days, then look at the test days once.
split: {train_until: 2015-08-31, validate_until: 2015-09-30, test_until: 2015-12-31}

# map shows the last map_days (365) of the test; report: false leaves out report.html; see htgeo list exports
outputs: {map: true, export: [gpkg, csv]}
"""

CITY = """\
# A study of any city. File names are relative to this file. Run it with: htgeo run study.yaml --out study-output
name: my-city

# Polygons with a name column, in any coordinate system; layer is what one area is called.
region: {file: districts.geojson, name_column: name, layer: district}

# Give the city's own time zone. Resolution 8: 0.7 km2 a cell; 9: 0.1 km2.
grid: {resolution: 8, start: 2021-01-01, end: 2023-12-31, time_zone: Europe/Amsterdam}

# known: when the event was reported. Without it events count as known when they occurred.
sources:
  incident:
    kind: table
    file: incidents.csv
    delimiter: ";"
    decimal: ","
    columns: {id: number, occurred: [date, time], known: reported, lon: lon, lat: lat, category: kind}
    time_format: "%d-%m-%Y %H:%M"
    known_format: "%d-%m-%Y"

label: {source: incident, categories: [burglary], within_days: 7}
features: default
models: [historical_rate, ewma_rate, lightgbm]
split: {train_until: 2022-12-31, validate_until: 2023-03-31, test_until: 2023-12-24}
outputs: {map: true, export: [gpkg, csv]}
"""

TEMPLATES = {"nyc": NYC, "city": CITY}
