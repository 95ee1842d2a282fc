"""Validation on a file of the same events: ``python benchmarks/validation.py``.

Robberies of one file (`nyc_crime`, points) make a forecast of October to December 2015; another file of the same
robberies (`nypd_precinct_week`, counts by precinct and week) stands for verified cases. The two files must agree almost
perfectly by precinct, and the forecast must rank the precincts almost as they did.

Precincts are those of today. Precinct 116 was cut from 105 and 113 in 2024: these three are left out where numbers of
precincts are compared, and the rank correlation of all 78 is given beside.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

import pandas as pd
import xarray as xr

import htgeo as ht
from htgeo.evaluation.case_areas import rank_correlation
from htgeo.evaluation.cases import validate_cases
from htgeo.evaluation.controls import negative_controls

DATA = Path(os.environ.get("HTGEO_DATA", Path(__file__).parents[2] / "shared" / "data"))
FIRST_TEST, LAST = "2015-10-05", "2015-12-27"
"""Twelve whole weeks."""
CHANGED = ("105", "113", "116")
CRIME = {
    "columns": {"occurred": "Occurrence Date", "lat": "Latitude", "lon": "Longitude", "category": "Offense"},
    "time_format": "%m/%d/%Y %I:%M:%S %p",
}
WEEKS = {
    "columns": {"occurred": "week_start", "area": "precinct", "category": "offense", "weight": "count"},
    "area_layer": "precinct",
}


def regions() -> list[ht.Region]:
    """Return the boroughs and precincts."""
    boroughs = ht.read_region(DATA / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")
    path = DATA / "nyc_precincts" / "police_precincts_y76i-bdw7_26b.geojson"
    return [boroughs, ht.read_region(path, name_column="precinct", layer="precinct")]


def robbery_cube(areas: list[ht.Region], resolution: int) -> xr.Dataset:
    """Return the robberies by cell and day, with the historical rate of the days before the test."""
    events = ht.read_events("table", DATA / "nyc_crime" / "NYC_Crime.csv.gz", areas=areas[:1], **CRIME)
    grid = ht.make_grid(
        areas[0], resolution=resolution, start="2014-01-01", end="2015-12-31", edge="touch", layers=areas[1:]
    )
    cube = ht.add_label(ht.grid_events({"robbery": events.select(category="ROBBERY")}, grid), ht.AnyWithin("robbery"))
    train, _ = ht.split_time(cube, FIRST_TEST)
    return ht.add_risk(cube, ht.HistoricalRate().fit(train)).persist()


def weekly_robberies(areas: list[ht.Region], folder: Path) -> ht.Events:
    """Return the robberies by precinct and week; a row of the file is a week, with its number as weight."""
    path = DATA / "nypd_precinct_week" / "complaints_precinct_week_2006_2022.parquet"
    rows = pd.read_parquet(path, filters=[("offense", "==", "ROBBERY"), ("week_start", ">=", pd.Timestamp(2015, 1, 1))])
    rows = rows[rows["week_start"] < pd.Timestamp(2016, 1, 1)]
    rows.assign(week_start=rows["week_start"].dt.strftime("%Y-%m-%d")).to_csv(folder / "weeks.csv", index=False)
    return ht.read_events("table", folder / "weeks.csv", areas=areas, **WEEKS)


def robberies_by_column(areas: list[ht.Region]) -> ht.Events:
    """Return the robberies of the file of points, by the precinct that it names."""
    columns = {"occurred": "Occurrence Date", "area": "Precinct", "category": "Offense"}
    events = ht.read_events(
        "table", DATA / "nyc_crime" / "NYC_Crime.csv.gz", areas=areas, columns=columns,
        time_format=CRIME["time_format"], area_layer="precinct",
    )  # fmt: skip
    return events.select(category="ROBBERY")


def by_precinct(check: object) -> pd.DataFrame:
    """Return expected events and cases by precinct, without those that changed."""
    table = check.areas[(check.areas["layer"] == "precinct") & (check.areas["freq"] == "week")]
    return table.groupby("area")[["expected", "cases"]].sum().drop(index=list(CHANGED))


def study(folder: Path, resolution: int = 8, draws: int = 200) -> dict[str, object]:
    """Return the checks of the forecast on both files, the controls, and the figures of agreement."""
    areas = regions()
    cube = robbery_cube(areas, resolution)
    days = {"start": FIRST_TEST, "stop": LAST}
    verified = validate_cases(cube, "historical_rate", weekly_robberies(areas, folder), draws=draws, **days)
    same = validate_cases(cube, "historical_rate", robberies_by_column(areas), draws=0, **days)
    controls = negative_controls(
        cube, "historical_rate", weekly_robberies(areas, folder), draws=max(draws, 20), unrelated=["robbery"], **days
    )
    one, other = by_precinct(verified), by_precinct(same)
    both = verified.areas.merge(same.areas, on=["layer", "freq", "period", "area"])
    weeks = both[(both["layer"] == "precinct") & (both["freq"] == "week")]
    return {
        "verified": verified,
        "controls": controls,
        "robberies": (float(one["cases"].sum()), float(other["cases"].sum())),
        "files_by_precinct": float(one["cases"].corr(other["cases"])),
        "files_by_precinct_and_week": float(weeks["cases_x"].corr(weeks["cases_y"])),
        "largest_difference": float((one["cases"] - other["cases"]).abs().max()),
        "forecast_by_precinct": rank_correlation(one["expected"].to_numpy(), one["cases"].to_numpy()),
    }


def main() -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        for name, value in study(Path(folder), *map(int, sys.argv[1:2])).items():
            print(f"\n## {name}\n\n{value.to_string() if isinstance(value, pd.DataFrame) else value}")


if __name__ == "__main__":
    main()
