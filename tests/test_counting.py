"""Counts as known, parts, reporting triangles, population, and the same cube for any batches, order and chunks."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import make_events
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core import blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.tally import Tally
from htgeo.features.nowcast import known_shares, nowcast_factor

LON, LAT = -73.98, 40.75


@pytest.fixture(scope="session")
def small(boroughs: ht.Region, precincts: ht.Region) -> ht.Grid:
    return ht.make_grid(boroughs, resolution=6, start="2021-03-01", end="2021-03-20", layers=[precincts])


days = st.integers(-10, 25)


@given(st.lists(st.tuples(days, st.integers(0, 12), st.booleans()), min_size=1, max_size=30), st.integers(1, 9))
def test_known_within__equals_counting_day_by_day(small, rows, window) -> None:
    first = np.datetime64("2021-03-01")
    rows = [(0, 0, True), *rows]  # one event within the days
    occurred = [first + o for o, _, _ in rows]
    known = [first + o + delay for o, delay, _ in rows]
    events = make_events(
        occurred=occurred, known=known,
        lon=[LON if point else np.nan for _, _, point in rows], lat=[LAT if point else np.nan for _, _, point in rows],
        area=["" if point else "Manhattan" for _, _, point in rows],
        precision=["point" if point else "borough" for _, _, point in rows],
    )  # fmt: skip
    cube = ht.grid_events({"crime": events}, small, known_within=[window])
    found = cube[f"crime_within_{window}"].sum("cell", skipna=False).values
    for t in range(len(small.days)):
        expected = sum(o >= t - window and o + delay <= t - 1 for o, delay, _ in rows)
        if t < window + min(0, *(o + delay for o, delay, _ in rows)):
            assert np.isnan(found[t])
        else:
            assert found[t] == pytest.approx(expected, abs=1e-4)


def test_parts__night_and_category_add_up(crimes: ht.Events, grid: ht.Grid) -> None:
    points = crimes.select(precision="point")
    cube = ht.grid_events({"crime": points}, grid, parts=["night", "category"])
    assert cube["crime_night"].attrs["part_of"] == "crime"
    night = (points.table["occurred"].dt.hour < 6).sum()
    inside = (
        float(cube["crime_night"].sum())
        + cube["crime_night"].attrs["outside_cells"]
        + cube["crime_night"].attrs["outside_days"]
    )
    assert inside == night
    categories = [
        n
        for n in cube
        if cube[n].attrs.get("part_of") == "crime"
        and n not in ("crime_night", "crime_night_known")
        and not n.endswith("_known")
    ]
    assert len(categories) == points.table["category"].nunique()
    xr.testing.assert_equal(sum(cube[n] for n in categories).compute(), cube["crime"].drop_attrs().compute())


def test_night__is_left_out_without_hours(small: ht.Grid) -> None:
    events = make_events(occurred=["2021-03-02", "2021-03-03"], lon=[LON] * 2, lat=[LAT] * 2)
    assert "crime_night" not in ht.grid_events({"crime": events}, small, parts=["night"])


def test_night__through_both_clock_changes(boroughs: ht.Region) -> None:
    grid = ht.make_grid(boroughs, resolution=6, start="2021-01-01", end="2021-12-31")
    utc = [
        "2021-03-14T04:59Z",
        "2021-03-14T05:00Z",
        "2021-03-14T09:59Z",
        "2021-03-14T10:00Z",
        "2021-11-07T03:59Z",
        "2021-11-07T10:59Z",
        "2021-11-07T11:00Z",
    ]
    events = make_events(occurred=pd.to_datetime(utc), lon=[LON] * 7, lat=[LAT] * 7)
    cube = ht.grid_events({"crime": events}, grid, parts=["night"])
    by_day = cube["crime"].sum("cell")
    assert by_day.sel(time="2021-03-13") == 1  # 23:59 the evening before
    assert by_day.sel(time="2021-03-14") == 3
    assert cube["crime_night"].sum("cell").sel(time="2021-03-14") == 2  # 00:00 and 05:59; the night has five hours
    assert by_day.sel(time="2021-11-06") == 1
    assert cube["crime_night"].sum("cell").sel(time="2021-11-07") == 1  # 05:59, seven hours after midnight


def test_spread_by_population(small: ht.Grid, boroughs: ht.Region) -> None:
    people = np.array([0, 0, 3.0, 1.0, 0])
    grid = ht.make_grid(
        boroughs,
        resolution=7,
        start="2021-03-01",
        end="2021-03-20",
        edge="touch",
        population=_with_people(boroughs, people),
    )
    assert grid.cell_population.sum() == pytest.approx(4)
    events = make_events(occurred=["2021-03-02", "2021-03-03"], area=["", "Bronx"], precision=["city", "borough"])
    cube = ht.grid_events({"case": events}, grid, spread="population")
    shares = grid.shares("borough").toarray()
    city_wide, bronx = (cube["case"].sel(time=day).values for day in ("2021-03-02", "2021-03-03"))
    np.testing.assert_allclose(city_wide, grid.cell_population / 4, atol=1e-6)
    assert bronx.sum() == pytest.approx(1)  # where nobody lives, by land
    assert (bronx[shares[:, 0] == 0] == 0).all()
    with pytest.raises(InputError, match=r"needs the population of the grid"):
        ht.grid_events({"case": events}, small, spread="population")
    with pytest.raises(InputError, match="has no attribute 'population'"):
        ht.make_grid(boroughs, resolution=6, start="2021-03-01", end="2021-03-20", population=boroughs)


def _with_people(boroughs: ht.Region, people: np.ndarray) -> ht.Region:
    return ht.Region("borough", boroughs.names, boroughs.geometries, attributes={"population": people})


def test_attributes__totals_are_kept_and_means_averaged(cube: xr.Dataset, boroughs: ht.Region) -> None:
    people = np.array([1.4e6, 2.7e6, 1.6e6, 2.4e6, np.nan])
    made = ht.add_attributes(cube, _with_people(boroughs, people), {"population": "sum"})
    assert float(made["borough_population"].sum()) == pytest.approx(np.nansum(people), rel=0.12)
    made = ht.add_attributes(cube, _with_people(boroughs, people), {"population": "mean"})
    values = made["borough_population"]
    assert np.nanmax(values) == pytest.approx(2.7e6)
    assert np.isnan(values.where(made["borough"] == "Staten Island", drop=True)).sum() > 10
    with pytest.raises(CubeError, match="has a variable 'borough_population' already"):
        ht.add_attributes(made, _with_people(boroughs, people), {"population": "sum"})


@given(st.integers(0, 1000), st.integers(300, 20_000), st.sampled_from([2_000, 750_000]))
def test_same_cube__for_any_order_batches_and_blocks(crimes, grid, seed, batch_rows, block_values) -> None:
    options = {"parts": ["night"], "known_within": [7], "delays": 30}
    expected = ht.grid_events({"crime": crimes}, grid, **options).compute()
    order = np.random.default_rng(seed).permutation(len(crimes))
    shuffled = crimes.table.iloc[order]
    batches = [ht.Events(shuffled[i : i + batch_rows], crimes.report) for i in range(0, len(order), batch_rows)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "MAX_BLOCK_VALUES", block_values)
        patch.setattr(blocks, "MIN_BLOCK_CELLS", 1)
        found = ht.grid_events({"crime": iter(batches)}, grid, **options)
    assert block_values > 2_000 or len(found["crime"].chunks[0]) > 10
    xr.testing.assert_allclose(found.compute(), expected, rtol=1e-6)
    points = crimes.select(precision="point")
    assert ht.grid_events({"crime": points}, grid).compute()["crime"].dtype == np.float32


def test_tally__counts_when_codes_outgrow_the_block() -> None:
    from scipy.sparse import csr_array

    tally = Tally(5, 4)
    rng = np.random.default_rng(0)
    expected = np.zeros((5, 4))
    for _ in range(20):
        row, day = rng.integers(-1, 5, 30).astype(np.int32), rng.integers(-2, 6, 30)
        weight = rng.integers(1, 3, 30).astype(float)
        tally.add_points(row, day, weight)
        inside = (row >= 0) & (day >= 0) & (day < 4)
        np.add.at(expected, (row[inside], day[inside]), weight[inside])
    assert sum(len(codes) for block in tally._codes for codes, _ in block) <= 20
    np.testing.assert_array_equal(tally.lazy(csr_array((5, 0))).compute(), expected)


def test_scan__gives_the_cube_of_reading_at_once(city: Path, boroughs, precincts, grid) -> None:
    at_once = ht.read_events("nypd_complaints", city / "complaints.csv.gz", areas=[boroughs, precincts])
    expected = ht.grid_events({"crime": at_once}, grid)
    for batch_rows in (100, 3_000, 10**9):
        scan = ht.scan_events(
            "nypd_complaints", city / "complaints.csv.gz", areas=[boroughs, precincts], batch_rows=batch_rows
        )
        with pytest.raises(InputError, match="have not been read through yet"):
            scan.report  # noqa: B018
        xr.testing.assert_allclose(ht.grid_events({"crime": scan}, grid).compute(), expected.compute(), rtol=1e-6)
        assert scan.report.to_dict() == at_once.report.to_dict()
        columns = ["row", "reason"]
        pd.testing.assert_frame_equal(scan.report.quarantine[columns], at_once.report.quarantine[columns])


def test_scan__doubles_in_later_batches_and_files(tmp_path: Path) -> None:
    for name, ids in (("a.csv", [1, 2, 3, 2]), ("b.csv", [4, 3, 5])):
        rows = "".join(f"{i},2021-01-05,{LON},{LAT}\n" for i in ids)
        (tmp_path / name).write_text("id,day,lon,lat\n" + rows)
    columns = {"id": "id", "occurred": "day", "lon": "lon", "lat": "lat"}
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    scan = ht.scan_events("table", paths, columns=columns, batch_rows=2)
    assert [len(events) for events in scan] == [2, 1, 1, 1]
    assert scan.report.reasons == {"id seen before": 2}
    assert scan.report.quarantine[["file", "row"]].values.tolist() == [["a.csv", 4], ["b.csv", 2]]
    pd.DataFrame({"day": pd.to_datetime(["2021-01-05"] * 5), "lon": LON, "lat": LAT}).to_parquet(tmp_path / "c.parquet")
    del columns["id"]
    scan = ht.scan_events("table", tmp_path / "c.parquet", columns=columns, batch_rows=2)
    assert [len(events) for events in scan] == [2, 2, 1]
    with pytest.raises(InputError, match="batch_rows must be at least 1"):
        ht.scan_events("table", paths, columns=columns, batch_rows=0)


def test_scan__refuses_files_without_a_usable_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("day,lon,lat\nx,1,1\n")
    scan = ht.scan_events("table", tmp_path / "a.csv", columns={"occurred": "day", "lon": "lon", "lat": "lat"})
    with pytest.raises(InputError, match=r"no row of a.csv can be used: 1 x unreadable date"):
        list(scan)


def test_nowcast__finds_the_share_still_to_be_reported() -> None:
    rng = np.random.default_rng(3)
    late = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
    triangle = np.stack([rng.multinomial(2000, late) for _ in range(200)])
    shares = known_shares(triangle.astype(float), stop=None)
    np.testing.assert_allclose(shares[-1], np.cumsum(late), atol=0.01)
    factor = nowcast_factor(triangle.astype(float), 3)
    seen = np.cumsum(late)[:3].sum()  # events of yesterday, of two and of three days ago that are known
    assert factor[-1] == pytest.approx(3 / seen, rel=0.02)
    assert np.isnan(factor[:3]).all()


def test_nowcast__learns_on_training_days_only() -> None:
    rng = np.random.default_rng(3)
    triangle = rng.poisson(5, (80, 6)).astype(float)
    later = triangle.copy()
    later[40:] += 50 * np.arange(6)
    known_on = np.add.outer(np.arange(80), np.arange(6))
    later = np.where(known_on >= 40, later, triangle)
    np.testing.assert_array_equal(known_shares(triangle, 40), known_shares(later, 40))
    assert (known_shares(triangle, None)[-1] != known_shares(later, None)[-1]).any()


def test_known_within_and_nowcast__say_what_is_missing(cube: xr.Dataset) -> None:
    with pytest.raises(CubeError, match=r"no counts 'crime_within_7' .*grid_events\(…, known_within=\[7\]\)"):
        ht.add_features(cube, [ht.KnownWithin("crime", days=[7])])
    with pytest.raises(CubeError, match="no reporting triangle 'crime_delays'"):
        ht.add_features(cube, [ht.Nowcast("crime")])


def test_large_csv__read_in_parts_equals_reading_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from htgeo.sources import csv_file
    from htgeo.sources.files import read_rows

    rng = np.random.default_rng(0)
    lines = [f'{i},"a, {i}",{x:.3f}' for i, x in enumerate(rng.random(3000))]
    lines[500], lines[1700], lines[2900] = "500,too,many,fields", '1700,"open', "2900"
    (tmp_path / "a.csv").write_text("id,text,x\n" + "\n".join(lines))
    expected, malformed = read_rows(tmp_path / "a.csv", ["id", "text"])
    assert malformed == [501, 1701, 2901]
    assert (expected.index == expected["id"].astype(int) + 1).all()
    monkeypatch.setattr(csv_file, "PART", 5_000)
    monkeypatch.setattr(csv_file.os, "cpu_count", lambda: 7)
    found, bad = read_rows(tmp_path / "a.csv", ["id", "text"])
    assert bad == malformed
    pd.testing.assert_frame_equal(found, expected)


def test_report_on_the_eve__counts_from_the_day_itself(boroughs: ht.Region) -> None:
    grid = ht.make_grid(boroughs, resolution=6, start="2021-01-01", end="2021-01-20")
    utc = pd.to_datetime(["2021-01-10T06:00Z"])  # 01:00 in New York, reported at 22:00 on the evening before
    events = make_events(occurred=utc, known=utc - pd.Timedelta(hours=3), lon=[LON], lat=[LAT])
    cube = ht.grid_events({"crime": events}, grid, delays=5, known_within=[2])
    assert np.flatnonzero(cube["crime_known"].sum("cell").values).tolist() == [9]
    assert np.flatnonzero(cube["crime_within_2"].sum("cell").values > 0).tolist() == [10, 11]
    assert cube["crime_delays"].values[9, 0] == 1
    assert ht.grid_events({"crime": events}, grid)["crime"].sum() == 1


def test_parts__that_would_share_a_name_are_refused(small: ht.Grid) -> None:
    place = {"lon": [LON] * 2, "lat": [LAT] * 2}
    days = ["2021-03-02 12:00", "2021-03-03 01:00"]
    with pytest.raises(InputError, match="'A-b' and 'a b'"):
        ht.grid_events({"x": make_events(occurred=days, category=["A-b", "a b"], **place)}, small, parts=["category"])
    with pytest.raises(InputError, match="would both be counted as 'x_night'"):
        ht.grid_events(
            {"x": make_events(occurred=days, category=["Night", "b"], **place)}, small, parts=["night", "category"]
        )
    with pytest.raises(InputError, match=r"delays must be a whole number .* not -1"):
        ht.grid_events({"x": make_events(occurred=days, **place)}, small, delays=-1)


def test_running_counts__end_at_nothing(boroughs: ht.Region, precincts: ht.Region) -> None:
    grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-03-31", layers=[precincts])
    days = np.datetime64("2021-01-01") + np.arange(40)
    names = np.resize(precincts.names, 40)
    events = make_events(occurred=days, area=names, precision=["precinct"] * 40)
    within = ht.grid_events({"case": events}, grid, known_within=[3])["case_within_3"].values
    assert (within[:, 60:] == 0).all()
    assert within[:, 10].sum() == pytest.approx(3)  # known from the next day on


def test_tally__areas_are_bounded_by_the_cube(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.sparse import csr_array

    from htgeo.cube import tally as module

    monkeypatch.setattr(module, "MERGE_FROM", 10)
    tally = Tally(4, 5)
    for _ in range(50):
        tally.add_areas(np.array([0, 1, 1]), np.array([2, 3, 9]), np.ones(3))
    assert sum(len(weights) for _, _, weights in tally._areas) <= 24
    counts = tally.lazy(csr_array(np.eye(4)[:, :2])).compute()
    assert counts[0, 2] == counts[1, 3] == 50
    assert counts.sum() == 100


def test_batches__with_open_quotes_and_left_early(tmp_path: Path) -> None:
    from htgeo.sources.files import file_parts, read_rows

    lines = b"a,b\n" + (b'1,"2"\n' * 999 + b'3,"4\n') * 2000
    (tmp_path / "a.csv").write_bytes(lines)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(lines, 1))
    whole, malformed = read_rows(tmp_path / "a.csv", ["a"])
    assert malformed == list(range(1000, 2_000_001, 1000))
    for name, count in (("a.csv", 7), ("a.csv.gz", 11)):  # a packed file comes in pieces of one MiB
        batches = [part.read() for part in file_parts(tmp_path / name, ["a"], batch_rows=300_000)]
        assert len(batches) == count
        before = np.cumsum([0] + [len(table) + len(bad) for table, bad in batches])
        assert before[-1] == 2_000_000
        tables = [table.set_axis(table.index + start) for (table, _), start in zip(batches, before, strict=False)]
        pd.testing.assert_frame_equal(pd.concat(tables), whole)
        assert [start + row for (_, bad), start in zip(batches, before, strict=False) for row in bad] == malformed
    code = (
        "import sys; from htgeo.sources.files import file_parts; next(file_parts(sys.argv[1], ['a'], batch_rows=1000))"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code, tmp_path / "a.csv.gz"], check=True)


def test_complaint_at_a_station_without_precinct__is_known_to_the_city(
    tmp_path: Path, city, boroughs, precincts, grid
) -> None:
    table = pd.read_csv(city / "complaints.csv.gz", dtype=str, keep_default_na=False)
    rows = table.index[table["OFNS_DESC"] == "SEX CRIMES"][:3]
    table.loc[rows, "ADDR_PCT_CD"] = ["", "999", "(null)"]
    table.to_csv(tmp_path / "a.csv", index=False)
    events = ht.read_events("nypd_complaints", tmp_path / "a.csv", areas=[boroughs, precincts])
    assert (events.table["precision"] == "city").sum() == 3
    ht.grid_events({"crime": events}, grid)


def test_scan__batch_without_a_known_date(tmp_path: Path) -> None:
    days = pd.to_datetime(["2021-01-05T12:00Z"] * 4)
    known = pd.Series(pd.to_datetime(["2021-01-06T12:00Z", "2021-01-06T12:00Z", None, None]))
    pd.DataFrame({"day": days.astype(str), "known": known.astype(str), "lon": LON, "lat": LAT}).to_parquet(
        tmp_path / "a.parquet"
    )
    columns = {"occurred": "day", "known": "known", "lon": "lon", "lat": "lat"}
    scan = ht.scan_events("table", tmp_path / "a.parquet", columns=columns, batch_rows=2)
    assert [len(events) for events in scan] == [2, 0]
    assert scan.report.reasons == {"no readable known date": 2}


def test_scan__times_with_an_offset_in_some_batches_only(tmp_path: Path) -> None:
    days = ["2021-01-05T12:00:00Z", "2021-01-05T12:00:00Z", "2021-01-05T12:00:00", "2021-01-05T12:00:00"]
    pd.DataFrame({"day": days, "lon": LON, "lat": LAT}).to_parquet(tmp_path / "a.parquet")
    columns = {"occurred": "day", "lon": "lon", "lat": "lat"}
    assert len(ht.read_events("table", tmp_path / "a.parquet", columns=columns)) == 2
    with pytest.raises(InputError, match="have an offset from UTC and others have none; read the file at once"):
        list(ht.scan_events("table", tmp_path / "a.parquet", columns=columns, batch_rows=2))
