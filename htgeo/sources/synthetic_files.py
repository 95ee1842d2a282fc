"""Writers of the simulated city's native files. Every defect here was measured on a real file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from htgeo.sources.region import KM_PER_DEGREE

if TYPE_CHECKING:
    from htgeo.sources.region import Region
    from htgeo.sources.synthetic import City

DELAY = ((0, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0), (0, 0, 4, 53, 156, 405, 800))
"""Quantiles of the days from occurrence to report, measured on the public sample of complaints."""
COMPLAINT_COLUMNS = [
    "CMPLNT_NUM",
    "CMPLNT_FR_DT",
    "CMPLNT_FR_TM",
    "CMPLNT_TO_DT",
    "CMPLNT_TO_TM",
    "ADDR_PCT_CD",
    "RPT_DT",
    "KY_CD",
    "OFNS_DESC",
    "PD_CD",
    "PD_DESC",
    "CRM_ATPT_CPTD_CD",
    "LAW_CAT_CD",
    "BORO_NM",
    "LOC_OF_OCCUR_DESC",
    "PREM_TYP_DESC",
    "JURIS_DESC",
    "JURISDICTION_CODE",
    "PARKS_NM",
    "HADEVELOPT",
    "HOUSING_PSA",
    "X_COORD_CD",
    "Y_COORD_CD",
    "SUSP_AGE_GROUP",
    "SUSP_RACE",
    "SUSP_SEX",
    "Latitude",
    "Longitude",
    "Lat_Lon",
    "PATROL_BORO",
    "STATION_NAME",
    "VIC_AGE_GROUP",
    "VIC_RACE",
    "VIC_SEX",
]
PEOPLE_PER_KM2 = 10_000
CASES_A_YEAR = {2021: 25, 2022: 86, 2023: 204, 2024: 164}
"""Cases by year in the public sample: collection grows."""
CENTROIDS = (
    (40.71, -74.01),
    (40.78, -73.97),
    (40.65, -73.95),
    (40.83, -73.92),
    (40.75, -73.86),
    (40.58, -74.14),
    (40.66, -73.64),
)
"""Two-decimal points that cases are stacked on: the city, the five boroughs, and one outside the city."""
CENTROID_SHARE = (0.25, 0.33, 0.17, 0.08, 0.08, 0.04, 0.05)
ROLES = {
    "Unknown": 0.48,
    "Arrest": 0.31,
    "Trafficker_Origin_Nationality": 0.10,
    "Reference": 0.04,
    "Target": 0.035,
    "Rescued": 0.035,
}
EVENT_TYPES = ("Special Event", "Sport - Youth", "Street Event", "Farmers Market", "Parade")
MADE_UP = "made-up"


def write_regions(city: "City", folder: Path) -> None:
    """Write boroughs and precincts as GeoJSON."""
    _write_geojson(city.boroughs, "boro_name", folder / "boroughs.geojson")
    _write_geojson(city.precincts, "precinct", folder / "precincts.geojson")


def _write_geojson(region: "Region", column: str, path: Path) -> None:
    import shapely

    def properties(name: str, shape: Any) -> dict[str, Any]:
        land = shape.area * KM_PER_DEGREE**2 * np.cos(np.radians(shape.centroid.y))
        return {column: name, "population": round(land * PEOPLE_PER_KM2)}

    features = [
        {"type": "Feature", "properties": properties(name, shape), "geometry": json.loads(shapely.to_geojson(shape))}
        for name, shape in zip(region.names, region.geometries, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")


def write_complaints(city: "City", days: np.ndarray, path: Path) -> None:
    """Write complaints in the 34 native columns.

    Defects: ISO dates in one column and month-first in others, ``(null)`` as text, ``110.0`` for precinct 110, sex
    offences at the station house, reports up to 800 days late (those after the last day are not in the file), numbers
    used twice, 0/0 coordinates, missing coordinates, unreadable dates.
    """
    from htgeo.sources.synthetic import MASKED, PER_DAY

    rng = np.random.default_rng(city.seed + 2)
    table = pd.concat([city.events(offence, days, rng) for offence in PER_DAY], ignore_index=True)
    delay = np.interp(rng.random(len(table)), *DELAY).astype(int)
    table["reported"] = table["occurred"].dt.normalize() + pd.to_timedelta(delay, unit="D")
    table = table[table["reported"] <= pd.Timestamp(days[-1])].sort_values("reported", ignore_index=True)
    station = dict(zip(city.precincts.names, city.precincts.centroids, strict=True))
    masked = table["offence"].isin(MASKED).to_numpy()
    at_station = np.array([station[p] for p in table["precinct"]])
    table[["lon", "lat"]] = np.where(masked[:, None], at_station, table[["lon", "lat"]])
    rows = pd.DataFrame("(null)", index=table.index, columns=COMPLAINT_COLUMNS)
    rows["CMPLNT_NUM"] = 200_000_000 + np.arange(len(table)) * 7
    rows["CMPLNT_FR_DT"] = table["occurred"].dt.strftime("%Y-%m-%d")
    rows["CMPLNT_FR_TM"] = table["occurred"].dt.strftime("%H:%M:%S")
    rows["CMPLNT_TO_DT"] = table["occurred"].dt.strftime("%m/%d/%Y")
    rows["RPT_DT"] = table["reported"].dt.strftime("%m/%d/%Y")
    rows["ADDR_PCT_CD"] = table["precinct"] + ".0"
    rows["OFNS_DESC"] = table["offence"]
    rows["Latitude"], rows["Longitude"] = table["lat"].round(13).astype(str), table["lon"].round(13).astype(str)
    rows[[c for c in COMPLAINT_COLUMNS if c.startswith(("SUSP_", "VIC_"))]] = MADE_UP
    _spoil(rows, rng)
    rows.to_csv(path, index=False, compression={"method": "gzip", "mtime": 0})


def _spoil(rows: pd.DataFrame, rng: np.random.Generator) -> None:
    """Put the measured defects into some rows."""

    def some(share: float) -> np.ndarray:
        return np.flatnonzero(rng.random(len(rows)) < share)

    zero, missing, unreadable, twice = some(0.002), some(0.003), some(0.0005), some(0.003)
    rows.loc[zero, ["Latitude", "Longitude"]] = "0.0"
    rows.loc[missing, ["Latitude", "Longitude"]] = "(null)"
    rows.loc[unreadable, "CMPLNT_FR_DT"] = "1019-13-45"
    twice = twice[twice > 0]
    rows.loc[twice, "CMPLNT_NUM"] = rows["CMPLNT_NUM"].to_numpy()[twice - 1]


def write_cases(city: "City", days: np.ndarray, path: Path) -> None:
    """Write cases in the columns of the TAHub export.

    Defects: a BOM, two-decimal points stacked on centroids, places outside the city, rows that are not incident
    places, doubles, an empty row, and a number of cases that grows with collection.
    """
    from htgeo.sources.synthetic import TARGET

    rng = np.random.default_rng(city.seed + 3)
    years = days.astype("datetime64[Y]").astype(int) + 1970
    weights = np.array([CASES_A_YEAR.get(int(y), 120) / 365 for y in years])
    day = np.repeat(days, rng.poisson(weights))
    stacked = rng.random(len(day)) < 0.85  # share of rows on stacked points in the sample
    number = rng.choice(len(CENTROIDS), p=CENTROID_SHARE, size=len(day))
    lon, lat = city.points(TARGET[0], len(day), rng).round(2).T
    lat, lon = (np.where(stacked, np.array(CENTROIDS)[number, i], own) for i, own in ((0, lat), (1, lon)))
    rows = pd.DataFrame(
        {
            "Incident Reporting Date": day.astype(str),
            "Trafficking Type": rng.choice(
                ["Sexual Exploitation", "Labour Exploitation", "Child Trafficking,Sexual Exploitation"], size=len(day)
            ),
            "Industry Sector": rng.choice(["Hospitality", "Domestic Work/Servitude", ""], size=len(day)),
            "Recruitment Method": rng.choice(["False Promises", ""], size=len(day)),
            "Transportation Method": rng.choice(["Car", ""], size=len(day)),
            "Coercion Method": rng.choice(["Debt Bondage", "Psychological Abuse/Threat or Force"], size=len(day)),
            "Trafficker Gender": MADE_UP,
            "Trafficker Age": MADE_UP,
            "Victim Gender": MADE_UP,
            "Victim Age": MADE_UP,
            "Info Source": "Internet/URL",
            "Data Source": "tah",
            "Country Code": "US",
            "Country": "United States",
            "Location Type": rng.choice(list(ROLES), p=list(ROLES.values()), size=len(day)),
            "Latitude": lat.astype(str),
            "Longitude": lon.astype(str),
        }
    )
    empty = pd.DataFrame("", index=[0], columns=rows.columns)
    pd.concat([rows, rows.head(6), empty]).to_csv(path, index=False, encoding="utf-8-sig")


def write_permitted_events(city: "City", days: np.ndarray, path: Path) -> None:
    """Write permitted events in the native columns: no coordinates, precinct lists, several days, doubles."""
    rng = np.random.default_rng(city.seed + 4)
    day = np.repeat(days, rng.poisson(2.0, len(days)))
    start = pd.DatetimeIndex(day) + pd.to_timedelta(rng.integers(8, 20, len(day)), unit="h")
    end = start + pd.to_timedelta(np.where(rng.random(len(day)) < 0.1, 49, 3), unit="h")  # a tenth lasts days
    names = np.array(city.precincts.names)
    first, second = rng.choice(names, size=(2, len(day)))
    borough = city.boroughs.locate(*city.precincts.centroids.T)
    borough_of = dict(zip(city.precincts.names, np.array(city.boroughs.names)[borough], strict=True))
    rows = pd.DataFrame(
        {
            "Event ID": 500_000 + np.arange(len(day)),
            "Event Name": "Simulated event",
            "Start Date/Time": start.strftime("%m/%d/%Y %I:%M:%S %p"),
            "End Date/Time": end.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Event Agency": "Parks Department",
            "Event Type": rng.choice(EVENT_TYPES, size=len(day)),
            "Event Borough": [borough_of[p] for p in first],
            "Event Location": "Simulated place",
            "Event Street Side": "",
            "Street Closure Type": "N/A",
            "Community Board": "64,",
            "Police Precinct": np.where(
                rng.random(len(day)) < 0.1, np.char.add(np.char.add(first, ", "), second), first
            ),
        }
    )
    rows["Police Precinct"] += ","
    rows.loc[rng.random(len(rows)) < 0.02, "Police Precinct"] = ""  # then the borough is all that is known
    pd.concat([rows, rows.head(5)]).to_csv(path, index=False)


def write_passengers(city: "City", days: np.ndarray, path: Path) -> None:
    """Write airport passengers by month."""
    rng = np.random.default_rng(city.seed + 5)
    months = np.unique(days.astype("datetime64[M]"))
    growth = np.clip(0.35 + 0.025 * np.arange(len(months)), 0, 1)
    season = 1 + 0.15 * np.sin(2 * np.pi * (months.astype(int) % 12 - 3) / 12)
    volume = (1_800_000 * growth * season * rng.normal(1, 0.02, len(months))).astype(int)
    pd.DataFrame({"Activity Period": months.astype("datetime64[D]"), "Revenue Passenger Volume": volume}).to_csv(
        path, index=False
    )


def write_places(city: "City", folder: Path) -> None:
    """Write hotels (condominium units stand as rows of their own) and stations (one row a platform group)."""
    from htgeo.sources.synthetic import TARGET

    rng = np.random.default_rng(city.seed + 6)
    for name, size, doubles, columns in (
        ("hotels", 400, 4, ("BBL", "Longitude", "Latitude")),
        ("stations", 446, 2, ("Complex ID", "GTFS Longitude", "GTFS Latitude")),
    ):
        points = city.points(TARGET[0], size, rng).round(6)
        table = pd.DataFrame(
            {columns[0]: 1_000_000 + np.arange(size), columns[1]: points[:, 0], columns[2]: points[:, 1]}
        )
        repeated = table.loc[np.repeat(np.arange(size), np.where(rng.random(size) < 0.15, doubles, 1))]
        repeated.to_csv(folder / f"{name}.csv", index=False)
