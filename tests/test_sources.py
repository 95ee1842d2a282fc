"""Readers on the simulated city: every row is accounted for, no person column is read."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import htgeo as ht
from htgeo.core.errors import InputError

KINDS = [
    ("nypd_complaints", "complaints.csv.gz"),
    ("tahub_cases", "cases.csv"),
    ("nyc_permitted_events", "permitted_events.csv"),
]


@pytest.mark.parametrize(("kind", "file"), KINDS)
def test_rows_add_up(kind: str, file: str, city: Path, boroughs: ht.Region, precincts: ht.Region) -> None:
    report = ht.read_events(kind, city / file, areas=[boroughs, precincts]).report
    assert report.rows == len(pd.read_csv(city / file, dtype=str, keep_default_na=False))
    assert report.rows == report.kept + report.repaired + report.quarantined
    assert sum(report.reasons.values()) == report.quarantined == len(report.quarantine)
    assert set(report.quarantine["reason"]) == set(report.reasons)


@pytest.mark.parametrize(("kind", "file"), KINDS)
def test_person_columns__never_reach_memory(kind: str, file: str, city: Path) -> None:
    events = ht.read_events(kind, city / file)
    columns = [*events.table.columns, *events.report.quarantine.columns]
    assert not [c for c in columns if c.startswith(("SUSP_", "VIC_", "Victim", "Trafficker "))]
    assert "made-up" not in events.table.to_csv() + events.report.quarantine.to_csv()


def test_complaints__two_clocks_and_station_houses(crimes: ht.Events) -> None:
    table = crimes.table
    assert (table["known"].dt.normalize() >= table["occurred"].dt.normalize()).all()
    masked = table["category"].isin(["SEX CRIMES", "RAPE"])
    assert (table.loc[masked, "precision"] == "precinct").all()
    assert (table.loc[~masked, "precision"] == "point").mean() > 0.99
    assert table.loc[table["precision"] == "precinct", "lon"].isna().all()
    assert not table["area"].str.contains(".", regex=False).any()  # 110.0 became 110


def test_cases__roles_are_a_setting(city: Path, boroughs: ht.Region) -> None:
    default = ht.read_events("tahub_cases", city / "cases.csv", areas=[boroughs])
    every = ht.read_events(
        "tahub_cases", city / "cases.csv", areas=[boroughs],
        roles=["Arrest", "Reference", "Rescued", "Target", "Trafficker_Origin_Nationality", "Unknown"],
    )  # fmt: skip
    assert "not an incident place (role)" in default.report.reasons
    assert "not an incident place (role)" not in every.report.reasons
    assert len(every) >= len(default)


def test_permitted_events__count_on_each_day(tmp_path: Path) -> None:
    header = (
        "Event ID,Event Name,Start Date/Time,End Date/Time,Event Type,Event Borough,Community Board,Police Precinct\n"
    )
    rows = [
        '1,Fair,05/05/2022 09:00:00 AM,05/07/2022 04:00:00 PM,Parade,Bronx,"28,","45,"',
        '2,Two places,05/05/2022 09:00:00 AM,05/05/2022 04:00:00 PM,Parade,Bronx,"28,","5, 06,"',
        "3,No precinct,05/05/2022 09:00:00 AM,05/05/2022 04:00:00 PM,Parade,Bronx,,",
        "4,Backwards,05/05/2022 09:00:00 AM,05/04/2022 04:00:00 PM,Parade,Bronx,,",
        "5,Gone (CANCELLED),05/05/2022 09:00:00 AM,05/05/2022 04:00:00 PM,Parade,Bronx,,",
        '1,Fair again,05/05/2022 09:00:00 AM,05/07/2022 04:00:00 PM,Parade,Bronx,"28,","45,"',
    ]
    (tmp_path / "e.csv").write_text(header + "\n".join(rows) + "\n")
    events = ht.read_events("nyc_permitted_events", tmp_path / "e.csv")
    assert events.report.reasons == {"ends before it starts": 1, "cancelled": 1, "event id and start seen before": 1}
    assert events.table["occurred"].dt.day.tolist() == [5, 6, 7, 5, 5]
    assert events.table["area"].tolist() == ["45", "45", "45", "5|6", "Bronx"]
    assert events.table["precision"].tolist() == ["precinct"] * 4 + ["borough"]


def write_table(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


TABLE = "id,when,lon,lat,kind\n1,2021-01-02,-73.9,40.7,a\n2,2021-01-03,-73.91,40.71,b\n"
COLUMNS = {"occurred": "when", "lon": "lon", "lat": "lat", "category": "kind", "id": "id"}


def test_table__same_rows_from_every_format(tmp_path: Path) -> None:
    plain = write_table(tmp_path / "t.csv", TABLE)
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write(TABLE)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("inner/t.csv", TABLE)
    frame = pd.read_csv(plain, parse_dates=["when"])
    frame.to_parquet(tmp_path / "t.parquet")
    import geopandas as gpd

    points = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame["lon"], frame["lat"]), crs=4326).drop(
        columns=["lon", "lat"]
    )
    points.to_crs(2263).to_file(tmp_path / "t.gpkg")
    points.to_file(tmp_path / "t.geojson")
    points.assign(when=points["when"].dt.strftime("%Y-%m-%d")).to_file(tmp_path / "t.shp")
    with zipfile.ZipFile(tmp_path / "shape.zip", "w") as archive:
        for part in ("shp", "shx", "dbf", "prj"):
            archive.write(tmp_path / f"t.{part}", f"t.{part}")
    expected = ht.read_events("table", plain, columns=COLUMNS).table
    assert expected["category"].tolist() == ["a", "b"]
    for name in ("t.csv.gz", "t.zip", "t.parquet"):
        pd.testing.assert_frame_equal(
            ht.read_events("table", tmp_path / name, columns=COLUMNS).table, expected, check_dtype=False
        )
    for name in ("t.gpkg", "t.geojson", "t.shp", "shape.zip"):
        columns = {k: v for k, v in COLUMNS.items() if k not in ("lon", "lat")}
        found = ht.read_events("table", tmp_path / name, columns=columns).table
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, atol=1e-6)


def test_table__several_files_without_header_and_with_doubles(tmp_path: Path) -> None:
    a = write_table(tmp_path / "a.csv", "1,02/01/2021,23:15,-73.9,40.7\n2,03/01/2021,00:05,-73.9,40.7\n")
    b = write_table(tmp_path / "b.csv", "2,03/01/2021,00:05,-73.9,40.7\n3,04/01/2021,12:00,-73.9,40.7\n")
    events = ht.read_events(
        "table", [a, b], header=False, names=["id", "day", "clock", "lon", "lat"], time_format="%d/%m/%Y %H:%M",
        columns={"occurred": ["day", "clock"], "lon": "lon", "lat": "lat", "id": "id"},
    )  # fmt: skip
    assert events.table["occurred"].astype(str).tolist() == [
        "2021-01-02 23:15:00",
        "2021-01-03 00:05:00",
        "2021-01-04 12:00:00",
    ]
    assert events.report.reasons == {"id seen before": 1}
    assert events.report.quarantine[["file", "row"]].to_numpy().tolist() == [["b.csv", 1]]


def test_table__differing_columns_and_quarantine_file(tmp_path: Path) -> None:
    a = write_table(tmp_path / "a.csv", TABLE)
    b = write_table(tmp_path / "b.csv", "kind,extra,id,when,lon,lat\n=1+1,x,9,not a day,-73.9,40.7\n")
    events = ht.read_events("table", [a, b], columns=COLUMNS)
    assert events.report.reasons == {"unreadable date": 1}
    events.report.write_quarantine(tmp_path / "q.csv")
    written = pd.read_csv(tmp_path / "q.csv")
    assert written["reason"].tolist() == ["unreadable date"]
    assert written["kind"].tolist() == ["'=1+1"]  # a spreadsheet must not run it


def test_table__projected_coordinates(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", "when,x,y\n2021-01-02,1019164,210169\n")
    table = ht.read_events("table", path, columns={"occurred": "when", "x": "x", "y": "y"}, crs="EPSG:2263").table
    assert table[["lon", "lat"]].to_numpy()[0] == pytest.approx([-73.874, 40.7435], abs=1e-3)


def test_table__utc_times_become_local_days(tmp_path: Path, boroughs: ht.Region) -> None:
    path = write_table(
        tmp_path / "t.csv", "when,lon,lat\n2021-01-02T03:00:00Z,-73.95,40.65\n2021-01-02T06:00:00Z,-73.95,40.65\n"
    )
    events = ht.read_events("table", path, columns={"occurred": "when", "lon": "lon", "lat": "lat"})
    grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-01-02")
    assert ht.grid_events({"e": events}, grid)["e"].sum("cell").values.tolist() == [1.0, 1.0]


def test_series__as_of_publication(city: Path) -> None:
    series = ht.read_series(
        city / "jfk_passengers.csv",
        time="Activity Period",
        value="Revenue Passenger Volume",
        frequency="month",
        publication_lag=30,
    )
    first = series.table.iloc[0]
    assert (str(first["start"].date()), str(first["published"].date())) == ("2021-01-01", "2021-03-03")


def test_places__count_a_place_once(city: Path) -> None:
    hotels = ht.read_places(city / "hotels.csv", lon="Longitude", lat="Latitude", key="BBL")
    assert len(hotels.table) == 400
    assert hotels.report.reasons["BBL seen before"] == hotels.report.rows - 400


def test_places__well_known_text(tmp_path: Path) -> None:
    path = write_table(tmp_path / "p.csv", "geom\nPOINT (-73.9 40.7)\nPOINT EMPTY\n")
    places = ht.read_places(path, wkt="geom")
    assert places.table.to_numpy().tolist() == [[-73.9, 40.7]]
    assert places.report.reasons == {"no coordinates": 1}


def test_npz__squares_and_own_arrays(tmp_path: Path, cube) -> None:
    counts = np.zeros((2, 2, 3, 1), np.uint16)
    counts[1, 0, 2, 0] = 5
    np.savez(tmp_path / "a.npz", data=counts)
    events = ht.read_events(
        "npz", tmp_path / "a.npz", axes=["row", "col", "day", "category"], first_day="2021-01-01", categories=["theft"]
    )
    row = events.table.iloc[0]
    assert (row["area"], row["weight"], row["category"], str(row["occurred"].date())) == (
        "r1c0",
        5.0,
        "theft",
        "2021-01-03",
    )
    path = ht.export(cube, tmp_path / "b.npz", "crime", time=slice("2021-02-01", "2021-02-28"))
    back = ht.read_events("npz", path)
    expected = float(cube["crime"].sel(time=slice("2021-02-01", "2021-02-28")).sum())
    assert back.table["weight"].sum() == expected > 0


def test_region__merges_doubles_and_repairs(tmp_path: Path) -> None:
    import geopandas as gpd
    import shapely

    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])  # crosses itself
    frame = gpd.GeoDataFrame(
        {"n": ["2", "10", "2"]}, geometry=[bow, shapely.box(2, 0, 3, 1), shapely.box(4, 0, 5, 1)], crs=4326
    )
    frame.to_file(tmp_path / "r.gpkg")
    region = ht.read_region(tmp_path / "r.gpkg", name_column="n", layer="zone")
    assert region.names == ("2", "10")
    assert shapely.is_valid(region.geometries).all()
    assert region.notes == ("1 invalid polygons repaired: 2",)
    assert region.locate(np.array([2.5, 9.0]), np.array([0.5, 0.5])).tolist() == [1, -1]


def test_select__by_category_makes_layers(crimes: ht.Events) -> None:
    layers = crimes.by_category("crime")
    assert "crime_sex_crimes" in layers
    assert sum(map(len, layers.values())) == len(crimes)
    with pytest.raises(ValueError, match="no event has the category ARSON"):
        crimes.select(category="ARSON")


@pytest.mark.parametrize(
    ("read", "options"), [(ht.read_places, {"lon": "Longitude", "lat": "Latitude"}), (ht.read_lines, {})]
)
def test_rings__are_an_option_of_places_and_lines(city: Path, tmp_path: Path, read, options: dict) -> None:
    import geopandas as gpd
    import shapely

    path = city / "hotels.csv"
    if read is ht.read_lines:
        path = tmp_path / "roads.gpkg"
        gpd.GeoDataFrame(geometry=[shapely.LineString([(-74.0, 40.7), (-73.9, 40.8)])], crs=4326).to_file(path)
    add = {ht.read_places: ht.add_places, ht.read_lines: ht.add_lines}[read]
    cube = ht.demo_cube()
    told = add(cube, "thing", read(path, **options, rings=2))
    assert told["thing_rings_2"].equals(add(cube, "thing", read(path, **options), rings=2)["thing_rings_2"])
    assert "thing_rings_2" not in add(cube, "thing", read(path, **options, rings=2), rings=0)
    with pytest.raises(InputError, match=r"option 'rings': input should be 0, 1, .* or 10 \(given: 11\)"):
        read(path, **options, rings=11)
