"""Faults that once were: each has its test."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import make_events
from test_bad_input import COLUMNS, GOOD, read

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, LookAheadError, RowsWarning, StoreError
from htgeo.grid.lattice import fit_lattice
from htgeo.sources.precision import one_point_per_area


def test_open_quote__swallows_nothing(tmp_path: Path) -> None:
    text = (
        "when,lon,lat,kind,VIC_SEX\n"
        '2021-01-02,-73.95,40.65,"open,SECRET\n'
        + "2021-01-03,-73.95,40.65,a,SECRET\n" * 5000
        + '2021-01-04,-73.95,40.65,"b",SECRET\n'
    )
    events = read(tmp_path / "t.csv", text, columns={**COLUMNS, "category": "kind"})
    assert (events.report.rows, events.report.kept, events.report.quarantined) == (5002, 5001, 1)
    assert "SECRET" not in events.table.to_csv() + events.report.quarantine.to_csv()


def test_malformed_lines__keep_their_row_numbers(tmp_path: Path) -> None:
    text = f"when,lon,lat\n{GOOD}1,2,3,4\n{GOOD}not a day,1,1\n"
    report = read(tmp_path / "t.csv", text).report
    assert sorted(zip(report.quarantine["row"], report.quarantine["reason"], strict=True)) == [
        (2, "malformed line: wrong number of fields, or an open quote"),
        (4, "unreadable date"),
    ]


def test_person_columns__cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'VIC_RACE' of t.csv describes persons; htgeo never reads such columns"):
        read(tmp_path / "t.csv", f"when,lon,lat,VIC_RACE\n{GOOD}", columns={**COLUMNS, "category": "VIC_RACE"})


def test_unreadable_known_dates__never_fall_back_to_occurred(tmp_path: Path) -> None:
    columns = {**COLUMNS, "known": "told"}
    with pytest.raises(InputError, match="on which an event became known can be read"):
        read(tmp_path / "t.csv", "when,lon,lat,told\n2021-01-02,-73.95,40.65,03/04/2021\n", columns=columns)
    report = read(
        tmp_path / "t.csv",
        "when,lon,lat,told\n2021-01-02,-73.95,40.65,03/04/2021\n2021-01-02,-73.95,40.65,2021-01-05\n",
        columns=columns,
    ).report
    assert report.reasons == {"no readable known date": 1}


def test_mixed_offsets__are_not_guessed(tmp_path: Path) -> None:
    events = read(
        tmp_path / "t.csv", "when,lon,lat\n2021-01-02T01:00:00-05:00,-73.95,40.65\n2021-01-02T01:00:00,-73.95,40.65\n"
    )
    assert events.report.reasons == {"unreadable date": 1}
    assert any("offset from UTC" in note for note in events.report.notes)


def test_good_double_of_a_bad_row__is_kept(tmp_path: Path) -> None:
    columns = {**COLUMNS, "id": "id"}
    events = read(tmp_path / "t.csv", "id,when,lon,lat\n1,2021-01-02,0,0\n1,2021-01-02,-73.95,40.65\n", columns=columns)
    assert len(events) == 1
    assert events.report.reasons == {"coordinates are 0/0": 1}


def test_infinite_weight__is_quarantined(tmp_path: Path) -> None:
    events = read(
        tmp_path / "t.csv",
        "when,lon,lat,n\n2021-01-02,-73.95,40.65,inf\n2021-01-02,-73.95,40.65,2\n",
        columns={**COLUMNS, "weight": "n"},
    )
    assert events.table["weight"].tolist() == [2.0]


def test_stray_row__does_not_hide_the_station_house() -> None:
    area = pd.Series(np.repeat([str(i) for i in range(20)], 10))
    lon, lat = -74 + area.astype(int).to_numpy() / 100, np.full(200, 40.7)
    lon[3] += 1e-4
    assert one_point_per_area(lon, lat, area, pd.Series(["x"] * 200)).all()


def test_table__reports_or_demotes_one_point_per_area(
    tmp_path: Path, boroughs: ht.Region, precincts: ht.Region
) -> None:
    centers = np.repeat(precincts.centroids[:30], 6, axis=0)
    rows = "\n".join(f"2021-01-02,{x:.6f},{y:.6f}" for x, y in centers)
    kept = read(tmp_path / "t.csv", f"when,lon,lat\n{rows}\n", [boroughs, precincts])
    assert any("one point per precinct and category" in note for note in kept.report.notes)
    demoted = read(tmp_path / "t.csv", f"when,lon,lat\n{rows}\n", [boroughs, precincts], demote_stacked=True)
    assert set(demoted.table["precision"]) == {"precinct"}


@dataclass(frozen=True)
class Sly(ht.Feature):
    """Look-aheads that an honest mistake makes."""

    name: ClassVar[str] = "test_sly"
    summary: ClassVar[str] = "looks ahead"
    how: str = "centred"

    @property
    def look_back(self) -> int:
        return 45 if self.how == "centred" else 1

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        counts = cube["crime_known"].compute()
        values = counts.rolling(time=91, center=True).mean() if self.how == "centred" else counts.mean("time")
        values.attrs = {"units": "1", "long_name": "sly"}
        return {"sly": values.astype("float32")}


@pytest.mark.parametrize("how", ["centred", "whole period"])
def test_guard__sees_centred_windows_and_whole_period_means(cube: xr.Dataset, how: str) -> None:
    with pytest.raises(LookAheadError, match="'sly'"):
        ht.add_features(cube, [Sly(how)])


def test_static__refuses_sums_over_all_days(cube: xr.Dataset) -> None:
    with pytest.raises(LookAheadError, match="may hold what was not known on a day"):
        ht.add_features(cube.assign(hot=cube["crime"].sum("time")), [ht.Static(["hot"])])


def test_count_label__is_forecast_as_a_count(cube: xr.Dataset) -> None:
    counted = ht.add_label(cube, ht.CountWithin("crime", days=7))
    counted = ht.add_risk(counted, ht.HistoricalRate().fit(ht.split_time(counted, "2021-05-01")[0]))
    assert [v for v in counted if str(v).startswith(("risk", "expected"))] == ["expected_historical_rate"]
    later = counted.sel(time=slice("2021-05-01", "2021-06-24"))
    total, seen = (float(later[v].sum()) for v in ("expected_historical_rate", "crime_count_within_7"))
    assert total == pytest.approx(seen, rel=0.2)


def test_fractional_points__make_a_soft_label(grid: ht.Grid) -> None:
    events = make_events(occurred=["2021-02-03"], lon=[-73.95], lat=[40.65], weight=[0.5])
    assert ht.add_label(ht.grid_events({"e": events}, grid), ht.AnyWithin("e"))["e_any_within_1"].attrs["soft"] == 1


@pytest.mark.parametrize("feature", [ht.Calendar(), ht.Static()])
def test_lightgbm__features_on_one_axis(cube: xr.Dataset, feature: ht.Feature) -> None:
    made = ht.add_label(ht.add_features(cube, [feature]), ht.AnyWithin("crime", days=7))
    model = ht.LightGBM(max_trees=5, validation_days=20).fit(ht.split_time(made, "2021-05-10")[0])
    lazy = ht.add_risk(made, model)["risk_lightgbm"]
    assert lazy.chunks == cube["crime"].chunks
    np.testing.assert_array_equal(lazy.values, ht.add_risk(made.compute(), model)["risk_lightgbm"].values)


def test_lattice__cells_in_a_row() -> None:
    import h3.api.basic_int as h3

    for direction in h3.grid_ring(h3.latlng_to_cell(40.7, -74.0, 8), 6):
        path = np.array(sorted(h3.grid_path_cells(h3.latlng_to_cell(40.7, -74.0, 8), direction)), np.uint64)
        lattice = fit_lattice(path)
        assert lattice is not None
        lat, lon = np.array([h3.cell_to_latlng(int(c)) for c in path]).T
        assert lattice.rows(lon, lat).tolist() == list(range(len(path)))


def test_layers__keep_their_order_in_a_store(
    boroughs: ht.Region, precincts: ht.Region, crimes: ht.Events, tmp_path: Path
) -> None:
    grid = ht.make_grid(precincts, resolution=7, start="2021-01-01", end="2021-06-30", layers=[boroughs])
    ht.save_cube(ht.grid_events({"crime": crimes}, grid), tmp_path / "a.cube")
    back = ht.open_cube(tmp_path / "a.cube")
    assert back.attrs["layers"] == ["precinct", "borough"]
    assert "static_precinct" in ht.add_features(back, [ht.Static()])


def test_static__codes_do_not_depend_on_the_cells_present(cube: xr.Dataset) -> None:
    part = cube.isel(cell=np.flatnonzero(cube["borough"].values == "Queens"))
    made = ht.add_features(part, [ht.Static(["borough"])])["static_borough"]
    assert made.attrs["categories"][int(made[0])] == "Queens"
    assert len(made.attrs["categories"]) == 5


def test_names__are_not_overwritten(cube: xr.Dataset, grid: ht.Grid, crimes: ht.Events, city: Path) -> None:
    with pytest.raises(InputError, match="cannot be called 'crime'"):
        ht.grid_events({"crime_known": crimes, "crime": crimes}, grid)
    jfk = ht.read_series(
        city / "jfk_passengers.csv", time="Activity Period", value="Revenue Passenger Volume", frequency="month"
    )
    with pytest.raises(CubeError, match="has a variable 'borough' already"):
        ht.add_series(cube, "borough", jfk)


def test_map__negative_values_and_counts(cube: xr.Dataset, tmp_path: Path) -> None:
    from test_map_page import values_of

    shifted = cube.assign(less=cube["crime"] - 2)
    page = ht.write_map_page(shifted, "less", tmp_path / "m.html", time="2021-03-01")
    np.testing.assert_allclose(values_of(page)[:, 0], shifted["less"].sel(time="2021-03-01").values, rtol=0.0051)
    two = cube.assign(any=(cube["crime"] > 0).astype("float32"))
    two.ht.map("any", time="2021-03-01")
    (cube * 0).assign_attrs(cube.attrs).ht.map("crime", time="2021-03-01")


def test_region__bad_shapes_and_names(tmp_path: Path) -> None:
    import geopandas as gpd
    import shapely

    box = shapely.box(0, 0, 1, 1)
    gpd.GeoDataFrame({"n": ["a", None]}, geometry=[box, box], crs=4326).to_file(tmp_path / "n.gpkg")
    with pytest.raises(InputError, match="1 polygons have no name"):
        ht.read_region(tmp_path / "n.gpkg", name_column="n")
    (tmp_path / "m.geojson").write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"n":"a"},"geometry":{"type":"Polygon","coordinates":[[[900000,100000],[900010,100000],[900010,100010],[900000,100000]]]}}]}'
    )
    with pytest.raises(InputError, match="beyond 360 and 90 degrees"):
        ht.read_region(tmp_path / "m.geojson", name_column="n")
    gpd.GeoDataFrame({"n": ["²"]}, geometry=[box], crs=4326).to_file(tmp_path / "s.gpkg")
    with pytest.raises(InputError, match="cannot be called 'time'"):
        ht.read_region(tmp_path / "s.gpkg", name_column="n", layer="time")
    assert ht.read_region(tmp_path / "s.gpkg", name_column="n").names == ("²",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"occurred": 5}}, "must name columns by text"),
        ({"columns": {"occurred": "when", "lon": "lon"}}, "columns lon and lat go together"),
        ({"columns": {"occurred": "when", "x": "lon", "y": "lat"}, "crs": "EPSG:99"}, "no coordinate system 'EPSG:99'"),
        ({"columns": COLUMNS, "time_zone": "Mars/X"}, "no time zone 'Mars/X'"),
        ({"columns": COLUMNS, "encoding": "klingon"}, "it is not klingon"),
        ({"columns": COLUMNS, "delimiter": ";;"}, "delimiter must be one character"),
        ({"columns": COLUMNS, "time_format": "%Q"}, "the time format '%Q' cannot be used"),
    ],
)
def test_options__are_checked(tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path / "t.csv", f"when,lon,lat\n{GOOD}", **options)


def test_evaluation__leaves_out_days_whose_label_is_not_over(labelled: xr.Dataset) -> None:
    cube = ht.add_risk(labelled, ht.HistoricalRate().fit(ht.split_time(labelled, "2021-03-01")[0]))
    table = ht.evaluate(cube, start="2021-03-01", scores=["brier"], draws=20)
    assert table.attrs["days"] == "2021-03-01 to 2021-06-24"
    assert table.attrs["block_days"] == 14
    short = ht.evaluate(cube, start="2021-06-01", scores=["brier"], draws=20)
    assert bool(np.isnan(short["low"]).all())  # too few blocks for an interval


def test_many_unreadable_rows__warn(tmp_path: Path) -> None:
    rows = "".join(f"{1 + i % 28:02d}/05/2021,-73.95,40.65\n" for i in range(200))
    with pytest.warns(RowsWarning, match=r"of 200 rows of t.csv cannot be read as told"):
        read(tmp_path / "t.csv", f"when,lon,lat\n{rows}", time_format="%m/%d/%Y")


def test_decimal_commas(tmp_path: Path) -> None:
    text = "when;lon;lat\n2021-01-02;-73,95;40,65\n"
    assert read(tmp_path / "t.csv", text, delimiter=";", decimal=",").table["lon"].tolist() == [-73.95]
    with pytest.raises(InputError, match="1 x unreadable coordinates"):
        read(tmp_path / "t.csv", text, delimiter=";")
    with pytest.raises(InputError, match="its columns are parted by ';': give delimiter"):
        read(tmp_path / "t.csv", text)


def test_forgotten_time_zone__is_named() -> None:
    import shapely

    town = ht.Region("district", ("a",), np.array([shapely.box(5.0, 52.0, 5.1, 52.1)], dtype=object))
    with pytest.raises(InputError, match="'America/New_York' is 5 hours away from the region at longitude 5"):
        ht.make_grid(town, resolution=8, start="2021-01-01", end="2021-01-31")
    grid = ht.make_grid(town, resolution=8, start="2021-01-01", end="2021-07-31", time_zone="Europe/Amsterdam")
    events = make_events(occurred=["2021-02-03"], lon=[5.05], lat=[52.05])
    holiday = ht.add_features(ht.grid_events({"e": events}, grid), [ht.Calendar()])["holiday"]
    assert float(holiday.sel(time="2021-04-27")) == 1  # King's Day
    assert float(holiday.sel(time="2021-07-04")) == 0


def test_older_commits__can_be_opened(cube: xr.Dataset, tmp_path: Path) -> None:
    first = ht.save_cube(cube, tmp_path / "a.cube")
    ht.save_cube(cube.drop_vars("crime"), tmp_path / "a.cube")
    assert "crime" in ht.open_cube(tmp_path / "a.cube", commit=first)
    assert "crime" not in ht.open_cube(tmp_path / "a.cube")
    with pytest.raises(StoreError, match="has no commit 'nope'; it has"):
        ht.open_cube(tmp_path / "a.cube", commit="nope")


def test_analyst__plain_xarray_works(cube: xr.Dataset) -> None:
    day = cube[["crime"]].sel(time="2021-03-01").to_dataframe()
    assert len(day) == cube.sizes["cell"]
    assert set(cube.groupby("borough").sum().data_vars) == {"crime", "crime_known"}


def test_long_files__are_read_in_few_chunks(tmp_path: Path) -> None:
    from htgeo.sources.files import read_rows

    (tmp_path / "t.csv").write_text(
        "a,b\n" + "".join(f'{i},"x, {i}"\n' if i % 3 else f"{i},y\n" for i in range(60_000)) + '7,"open\n8,9'
    )
    table, malformed = read_rows(tmp_path / "t.csv", ["a", "b"])
    assert malformed == [60_001]
    assert table.index.tolist() == [*range(1, 60_001), 60_002]
    assert table["b"].tolist()[-2:] == ["x, 59999", "9"]
    assert table["b"].array._pa_array.num_chunks == 1


def test_quotes_in_pairs__swallow_nothing_either(tmp_path: Path) -> None:
    from htgeo.sources.files import read_rows

    text = 'id,a,b,vic_name\n1,5" pipe,"x,V1\n2,3,4,V2\n3,"say ""hi"", you",5,V3\n4,9" q,"y,V4\n5,5,5,V5'
    (tmp_path / "t.csv").write_text(text)
    table, malformed = read_rows(tmp_path / "t.csv", ["a", "b"])
    assert table.to_numpy().tolist() == [["3", "4"], ['say "hi", you', "5"], ["5", "5"]]
    assert (table.index.tolist(), malformed) == ([2, 3, 5], [1, 4])


@pytest.mark.parametrize(
    ("text", "rows", "malformed"),
    [
        ("a,b\r\n1,2\r\n3,4", [1, 2], []),
        ("a,b\n1,2\n3,4\r5,6\n7,8\n", [1, 2, 3, 4], []),
        ("a,b\n1,2\n3\n4,5\n", [1, 3], [2]),
        ('a,"len 5"" x",b\n1,2,3\n4,5,6\n', [1, 2], []),
        ("\ufeffa,b\n1,2\n", [1], []),
    ],
)
def test_line_ends_and_headers(tmp_path: Path, text: str, rows: list[int], malformed: list[int]) -> None:
    from htgeo.sources.files import read_rows

    (tmp_path / "t.csv").write_bytes(text.encode())
    table, bad = read_rows(tmp_path / "t.csv", ["a", "b"])
    assert (table.index.tolist(), bad) == (rows, malformed)


def test_carriage_returns_and_utf_16__are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="save it as UTF-8 with newlines"):
        read(tmp_path / "t.csv", "when,lon,lat\r2021-01-02,-73.95,40.65\r")


def test_offsets_by_format(tmp_path: Path) -> None:
    events = read(
        tmp_path / "t.csv", "when,lon,lat\n02/01/2021 11.30 PM -0500,-73.95,40.65\n", time_format="%d/%m/%Y %I.%M %p %z"
    )
    assert str(events.table["occurred"][0]) == "2021-01-03 04:30:00+00:00"


def test_risks_of_two_labels__are_not_scored_together(cube: xr.Dataset) -> None:
    one, seven = (ht.add_label(cube, ht.AnyWithin("crime", days=d)) for d in (1, 7))
    both = ht.add_risk(seven, ht.HistoricalRate().fit(seven))
    both = ht.add_risk(both, ht.EwmaRate(half_life=30).fit(one))
    with pytest.raises(CubeError, match=r"forecast different labels \(crime_any_within_1, crime_any_within_7\)"):
        ht.evaluate(both)


def test_calendar__makes_only_what_is_asked_for(cube: xr.Dataset) -> None:
    no_country = cube.assign_attrs(time_zone="UTC")
    assert "weekday" in ht.add_features(no_country, [ht.Calendar(["weekday"])])
    with pytest.raises(InputError, match="'UTC' belongs to no country"):
        ht.add_features(no_country, [ht.Calendar()])


@pytest.mark.parametrize("day", ["notadate", "2021", "2021-05"])
def test_days__are_whole_days(cube: xr.Dataset, day: str, tmp_path: Path) -> None:
    for call in (
        lambda: ht.write_map_page(cube, "crime", tmp_path / "m.html", time=day),
        lambda: ht.export(cube, tmp_path / "a.csv", "crime", time=day),
        lambda: ht.split_time(cube, day),
    ):
        with pytest.raises(InputError, match=f"a day looks like 2024-05-14, not '{day}'"):
            call()


def test_parquet__columns_kept_as_index_are_found(tmp_path: Path) -> None:
    frame = pd.DataFrame({"when": pd.to_datetime(["2021-01-02"]), "lon": [-73.95], "lat": [40.65]})
    frame.set_index("when").to_parquet(tmp_path / "t.parquet")
    assert len(ht.read_events("table", tmp_path / "t.parquet", columns=COLUMNS)) == 1
