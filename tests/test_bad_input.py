"""Bad input ends in one clear message or in quarantine with a reason, never in silence."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import htgeo as ht
from htgeo.core.errors import InputError, UnknownNameError

COLUMNS = {"occurred": "when", "lon": "lon", "lat": "lat"}


def read(path: Path, text: str, areas=(), **options):
    path.write_text(text, "utf-8")
    return ht.read_events("table", path, areas=list(areas), **{"columns": COLUMNS, **options})


GOOD = "2021-01-02,-73.95,40.65\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv is empty"),
        ("when,lon,lat\n", "t.csv has no rows"),
        ("When,lon,lat\n" + GOOD, r"t.csv has no column 'when'; did you mean 'When'\?; it has When, lon, lat"),
        ("when,lon,lat,lon\n" + GOOD, "names the column lon twice"),
        ("when,lon,lat\n01/02/2021,-73.95,40.65\n", "no date of t.csv in column 'when' can be read with the format 'ISO8601'; the first is '01/02/2021'"),
    ],
)  # fmt: skip
def test_file__clear_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t.csv", text)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2021-13-45,-73.95,40.65", "unreadable date"),
        (",-73.95,40.65", "no date"),
        ("1819-01-01,-73.95,40.65", "date before 1900-01-01"),
        ("2021-01-02,0,0", "coordinates are 0/0"),
        ("2021-01-02,-73.95,999", "latitude or longitude out of range"),
        ("2021-01-02,(null),40.65", "no coordinates"),
        ("2021-01-02,40.65,-73.95", "latitude and longitude look swapped"),
        ("2021-01-02,-100.0,40.65", "outside the study area"),
        ("2021-01-02,inf,40.65", "latitude or longitude out of range"),
        ("2021-01-02,-73.95,40.65,9", "malformed line: wrong number of fields, or an open quote"),
    ],
)
def test_row__quarantined_with_a_reason(tmp_path: Path, boroughs: ht.Region, row: str, reason: str) -> None:
    report = read(tmp_path / "t.csv", f"when,lon,lat\n{GOOD}{row}\n", [boroughs]).report
    assert report.reasons == {reason: 1}
    assert (report.rows, report.kept, report.quarantined) == (2, 1, 1)


def test_file_outside_the_region__names_the_fault(tmp_path: Path, boroughs: ht.Region) -> None:
    with pytest.raises(InputError, match=r"all 2 points of t.csv lie outside the study area .* look swapped"):
        read(tmp_path / "t.csv", "when,lon,lat\n2021-01-02,40.65,-73.95\n2021-01-03,40.65,-73.95\n", [boroughs])
    with pytest.raises(
        InputError, match=r"lie outside the study area \(the first at lon 2.35, lat 48.85\); check the region"
    ):
        read(tmp_path / "t.csv", "when,lon,lat\n2021-01-02,2.35,48.85\n", [boroughs])


def test_truncated_gzip(tmp_path: Path) -> None:
    whole = gzip.compress(("when,lon,lat\n" + GOOD * 5000).encode())
    (tmp_path / "t.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"t.csv.gz is damaged or cut short .* fetch the file again"):
        ht.read_events("table", tmp_path / "t.csv.gz", columns=COLUMNS)


def test_other_encoding__is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("when,lon,lat,name\n2021-01-02,-73.95,40.65,Café\n".encode("latin-1"))
    columns = {**COLUMNS, "category": "name"}
    with pytest.raises(InputError, match="encoding='latin-1'"):
        ht.read_events("table", tmp_path / "t.csv", columns=columns)
    events = ht.read_events("table", tmp_path / "t.csv", columns=columns, encoding="latin-1")
    assert events.table["category"].tolist() == ["Café"]


def test_npz_with_objects__is_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", data=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="Python objects, which htgeo never loads"):
        ht.read_events("npz", tmp_path / "o.npz")


def test_npz__wrong_shape_and_missing_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.zeros((2, 2)), other=np.zeros(1))
    with pytest.raises(InputError, match=r"has shape \(2, 2\)"):
        ht.read_events("npz", tmp_path / "a.npz")
    with pytest.raises(InputError, match="has no array 'dat'; did you mean 'data'"):
        ht.read_events("npz", tmp_path / "a.npz", array="dat")


def test_missing_file__names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "crimes.csv").write_text("a\n")
    with pytest.raises(InputError, match=r"there is no file .*crime.csv'; did you mean 'crimes.csv'"):
        ht.read_events("table", tmp_path / "crime.csv", columns=COLUMNS)


def test_unknown_kind_and_option(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no source 'tabel'; known are .* did you mean 'table'"):
        ht.read_events("tabel", tmp_path)
    with pytest.raises(InputError, match="has no option 'colums'; did you mean 'columns'"):
        ht.read_events("table", tmp_path, colums={})
    with pytest.raises(InputError, match="columns has no key 'latitude'"):
        ht.read_events("table", tmp_path, columns={"occurred": "a", "latitude": "b"})


def test_region__unknown_layer_and_column(city: Path, grid: ht.Grid) -> None:
    with pytest.raises(InputError, match=r"has no column 'name'; did you mean 'boro_name'\?"):
        ht.read_region(city / "boroughs.geojson", name_column="name")
    with pytest.raises(InputError, match=r"no region layer 'district' .* add it with make_grid"):
        grid.layer("district")


def test_region__without_polygons_or_crs(tmp_path: Path) -> None:
    import geopandas as gpd

    points = gpd.GeoDataFrame({"n": ["a"]}, geometry=gpd.points_from_xy([0], [0]))
    points.set_crs(4326).to_file(tmp_path / "p.gpkg")
    with pytest.raises(InputError, match="holds Point; a region needs polygons"):
        ht.read_region(tmp_path / "p.gpkg", name_column="n")
    points.set_crs(4326).to_file(tmp_path / "q.shp")
    (tmp_path / "q.prj").unlink()
    with pytest.raises(InputError, match="does not say its coordinate system"):
        ht.read_region(tmp_path / "q.shp", name_column="n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resolution": 99}, "resolution must be a whole number from 0 to 15"),
        ({"end": "2020-01-01"}, "end 2020-01-01 lies before start 2021-01-01"),
        ({"start": "January"}, "must be days like 2021-01-31"),
        ({"time_zone": "New York"}, "no time zone 'New York'"),
        ({"edge": "all"}, "edge must be 'center' or 'touch'"),
        ({"resolution": 0}, "no H3 cell of resolution 0"),
    ],
)
def test_grid__clear_message(boroughs: ht.Region, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ht.make_grid(boroughs, **{"resolution": 7, "start": "2021-01-01", "end": "2021-01-31", **options})
