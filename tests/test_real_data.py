"""Readers, counts and scores on the real files; skipped where they are absent."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import htgeo as ht
from htgeo.grid.cells import points_to_cells
from htgeo.study import load_study, run_study
from htgeo.study.scores import beside_anchors

CRIME = {
    "columns": {"occurred": "Occurrence Date", "lat": "Latitude", "lon": "Longitude", "category": "Offense"},
    "time_format": "%m/%d/%Y %I:%M:%S %p",
}


@pytest.fixture
def real_boroughs(data: Path) -> ht.Region:
    return ht.read_region(data / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")


@pytest.fixture
def real_precincts(data: Path) -> ht.Region:
    return ht.read_region(
        data / "nyc_precincts" / "police_precincts_y76i-bdw7_26b.geojson", name_column="precinct", layer="precinct"
    )


def sound(report: ht.RowReport) -> ht.RowReport:
    assert report.rows == report.kept + report.repaired + report.quarantined
    return report


def test_complaints__775_rows_on_77_points(data: Path, real_boroughs: ht.Region, real_precincts: ht.Region) -> None:
    path = data / "nypd_complaints_sample" / "sample_HT_RelatedCrimes_2021_2024.csv"
    events = ht.read_events("nypd_complaints", path, areas=[real_boroughs, real_precincts])
    assert sound(events.report).rows == 1000
    assert events.report.repairs == {"station-house point: known to the precinct": 775}
    assert events.report.precision == {"precinct": 775, "point": 225}
    masked = events.table[events.table["precision"] == "precinct"]
    assert set(masked["category"]) == {"SEX CRIMES", "RAPE"}
    assert masked["area"].nunique() == 77
    delay = (events.table["known"].dt.normalize() - events.table["occurred"].dt.normalize()).dt.days
    assert delay.quantile([0.5, 0.75]).tolist() == [0, 4]
    assert delay.quantile([0.9, 0.95]).tolist() == pytest.approx([52, 155], rel=0.05)


def test_cases__stacked_points_become_areas(data: Path, real_boroughs: ht.Region, real_precincts: ht.Region) -> None:
    events = ht.read_events(
        "tahub_cases",
        data / "tahub_made_up" / "TAHub_NYC_Metro_Cases_made_up.csv",
        areas=[real_boroughs, real_precincts],
    )
    assert sound(events.report).rows == 607
    assert events.report.reasons["not an incident place (role)"] == 85
    assert events.report.reasons["no date"] == 1
    assert events.report.precision["city"] == 146
    assert events.report.precision["point"] <= 20
    assert "precinct" not in events.report.precision  # two decimals say nothing of a precinct


@pytest.mark.parametrize(
    ("file", "rows"), [("NYC_Permitted_Event_Information.csv.gz", 8501), ("sample_filtered_events_v2.csv", 500)]
)
def test_permitted_events__both_files(
    data: Path, real_boroughs: ht.Region, real_precincts: ht.Region, file: str, rows: int
) -> None:
    events = ht.read_events("nyc_permitted_events", data / "nyc_events" / file, areas=[real_boroughs, real_precincts])
    assert sound(events.report).rows == rows
    assert len(events) > events.report.kept  # several days each
    assert events.report.precision["precinct"] > 0.9 * rows


@pytest.mark.parametrize(
    ("file", "rows", "options"),
    [
        ("nyc_crime/NYC_Crime.csv.gz", 191_580, CRIME),
        ("nyc_vehicle_thefts/nycvehiclethefts.csv.gz", 35_746, {"columns": {"occurred": "date_single", "lon": "longitude", "lat": "latitude", "id": "uid"}, "time_format": "%Y-%m-%d %H:%M"}),
        ("nypd_arrests/NYPD_Arrests_Data__DEC2017.csv.gz", 19_452, {"columns": {"occurred": "ARREST_DATE", "x": "X_COORD_CD", "y": "Y_COORD_CD", "id": "ARREST_KEY", "category": "OFNS_DESC"}, "crs": "EPSG:2263", "time_format": "%m/%d/%Y"}),
    ],
)  # fmt: skip
def test_tables__every_row_is_used(data: Path, real_boroughs: ht.Region, file: str, rows: int, options: dict) -> None:
    report = sound(ht.read_events("table", data / file, areas=[real_boroughs], **options).report)
    assert (report.rows, report.kept) == (rows, rows)


def test_npz__chicago_counts(data: Path) -> None:
    folder = data / "chi_crime_tensors"
    squares = ht.square_region(folder / "sthsl_chi_grid.json")
    events = ht.read_events(
        "npz", folder / "sthsl_chi_tst.npz", areas=[squares], axes=["row", "col", "day", "category"], first_day="2017-10-01",
        categories=["THEFT", "BATTERY", "ASSAULT", "CRIMINAL DAMAGE"],
    )  # fmt: skip
    with np.load(folder / "sthsl_chi_tst.npz", allow_pickle=False) as file:
        counts = file["data"]
    assert events.table["weight"].sum() == counts.sum()
    grid = ht.make_grid(squares, resolution=7, start="2017-10-01", end="2017-12-31", time_zone="America/Chicago")
    cube = ht.grid_events({"crime": events}, grid)
    np.testing.assert_allclose(cube["crime"].astype("f8").sum("cell").values, counts.sum(axis=(0, 1, 3)), rtol=1e-6)


def test_series_and_places(data: Path, real_boroughs: ht.Region) -> None:
    weather = ht.read_series(data / "nyc_weather" / "central_park_weather.csv", time="DATE", value="AWND")
    assert sound(weather.report).reasons == {"value missing or not a number": 245}
    jfk = ht.read_series(
        data / "jfk_passengers" / "Passenger_volume_JFKinbound_2021_2024.csv",
        time="Activity Period",
        value="Revenue Passenger Volume",
        frequency="month",
        publication_lag=30,
    )
    assert len(jfk.table) == 48
    stations = ht.read_places(
        data / "nyc_places" / "Stations.csv",
        areas=[real_boroughs],
        lon="GTFS Longitude",
        lat="GTFS Latitude",
        key="Complex ID",
    )
    assert (len(stations.table), sound(stations.report).rows) == (446, 497)
    hotels = ht.read_places(
        data / "nyc_places" / "Hotels_Properties_Citywide.csv",
        areas=[real_boroughs],
        lon="Longitude",
        lat="Latitude",
        key="BBL",
    )
    assert sound(hotels.report).reasons["no coordinates"] == 17
    assert len(hotels.table) < 1300  # 3,323 rows are condominium units
    schools = ht.read_places(
        data / "nyc_places" / "nyc-schools.csv", areas=[real_boroughs], lon="longitude", lat="latitude", key="uid"
    )
    assert sound(schools.report).rows == 2366


def test_regions__any_projection(data: Path, real_boroughs: ht.Region) -> None:
    feet = ht.read_region(data / "nyc_boroughs" / "nybb_16a.zip", name_column="BoroName")
    assert feet.names == real_boroughs.names
    np.testing.assert_allclose(feet.centroids, real_boroughs.centroids, atol=1e-3)
    ntas = ht.read_region(
        data / "nyc_ntas" / "nyc_ntas_2010_acs2013_2017.gpkg", name_column="nta_name", layer="nta", file_layer="ntas"
    )
    assert len(ntas) == 195


@pytest.mark.parametrize("resolution", [8, 9])
def test_counts__equal_polars_for_every_day_and_cell(data: Path, real_boroughs: ht.Region, resolution: int) -> None:
    path = data / "nyc_crime" / "NYC_Crime.csv.gz"
    grid = ht.make_grid(real_boroughs, resolution=resolution, start="2014-01-01", end="2015-12-31")
    cube = ht.grid_events({"crime": ht.read_events("table", path, areas=[real_boroughs], **CRIME)}, grid)
    raw = pl.read_csv(path).with_columns(
        pl.col("Occurrence Date").str.to_datetime("%m/%d/%Y %I:%M:%S %p").dt.date().alias("day")
    )
    raw = raw.with_columns(
        cell=pl.Series(points_to_cells(raw["Longitude"].to_numpy(), raw["Latitude"].to_numpy(), resolution))
    )
    counted = raw.group_by("cell", "day").len().filter(pl.col("cell").is_in(grid.cells.tolist()))
    expected = np.zeros(cube["crime"].shape, np.float32)
    rows = np.searchsorted(grid.cells, counted["cell"].to_numpy())
    expected[rows, (counted["day"].to_numpy() - grid.days[0]).astype("timedelta64[D]").astype(int)] = counted[
        "len"
    ].to_numpy()
    np.testing.assert_array_equal(cube["crime"].values, expected)
    assert expected.sum() == 191_580 - cube["crime"].attrs["outside_cells"]


STUDIES = Path(__file__).parents[1] / "benchmarks" / "studies"
STUDY = """\
name: nyc-robbery
region: {{file: {boroughs}, name_column: boro_name}}
grid: {{resolution: {resolution}, start: 2014-01-01, end: 2015-12-31, time_zone: America/New_York}}
sources:
  crime: {{kind: table, file: {crime}, columns: {{occurred: Occurrence Date, lat: Latitude, lon: Longitude, category: Offense}}, time_format: "%m/%d/%Y %I:%M:%S %p"}}
label: {{source: crime, categories: [ROBBERY], within_days: 1}}
features: default
models: [historical_rate, ewma_rate, lightgbm]
split: {{train_until: 2015-08-31, validate_until: 2015-09-30, test_until: 2015-12-31}}
outputs: {{map: true, export: [gpkg, csv], report: false}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("resolution", "anchors"),
    [
        (8, {"pr_auc": 0.1764, "roc_auc": 0.8379, "hit_rate_5": 0.279, "log_loss": 0.1432}),
        (9, {"pr_auc": 0.0336}),  # ROC-AUC, capture and log loss there are over cells with earlier events only
    ],
)
def test_robbery_study__agrees_with_the_published_anchors(
    data: Path, tmp_path: Path, resolution: int, anchors: dict[str, float]
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        STUDY.format(
            boroughs=data / "nyc_boroughs" / "BoroughBoundaries.geojson",
            crime=data / "nyc_crime" / "NYC_Crime.csv.gz",
            resolution=resolution,
        )
    )
    run_study(load_study(path), tmp_path / "out")
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    for name, anchor in anchors.items():
        assert scores["historical_rate"][name]["value"] == pytest.approx(anchor, abs=0.006), name
    assert scores["lightgbm"]["pr_auc"]["value"] >= scores["historical_rate"]["pr_auc"]["value"]
    assert scores["lightgbm"]["log_loss"]["value"] <= scores["historical_rate"]["log_loss"]["value"]
    assert scores["lightgbm"]["pr_auc"]["value"] < 0.2  # more would be a leak
    assert (tmp_path / "out" / "maps" / "risk.html").stat().st_size < (5_000_000 if resolution == 8 else 12_000_000)


@pytest.mark.slow
def test_historical_rate__equals_the_anchor_on_the_same_cells(data: Path, real_boroughs: ht.Region) -> None:
    grid = ht.make_grid(real_boroughs, resolution=8, start="2014-01-01", end="2015-12-31", edge="touch")
    crimes = ht.read_events("table", data / "nyc_crime" / "NYC_Crime.csv.gz", areas=[real_boroughs], **CRIME)
    cube = ht.add_label(
        ht.grid_events({"crime": crimes, "robbery": crimes.select(category="ROBBERY")}, grid), ht.AnyWithin("robbery")
    )
    cube = ht.add_risk(cube, ht.HistoricalRate().fit(ht.split_time(cube, "2015-10-01")[0]))
    earlier = cube["crime"].sel(time=slice(None, "2015-09-30")).sum("time").values > 0
    table = ht.evaluate(cube.isel(cell=np.flatnonzero(earlier)), start="2015-10-01", draws=0)["value"].sel(
        model="historical_rate"
    )
    assert earlier.sum() == 1070
    for name, anchor in {"pr_auc": 0.1764, "roc_auc": 0.8379, "log_loss": 0.1432}.items():
        assert float(table.sel(score=name)) == pytest.approx(anchor, abs=0.0003), name
    assert float(table.sel(score="hit_rate_5")) == pytest.approx(0.279, abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nyc_robbery_8", "nyc_robbery_9"])
def test_study_files__baselines_reach_their_anchors_within_their_intervals(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HTGEO_DATA", str(data))
    study = load_study(STUDIES / f"{name}.yaml")
    baselines = [
        m
        for m in study.models
        if m in ("historical_rate", "ewma_rate", "kernel_density", "ewma_kernel", "promap", "hawkes")
    ]
    study = study.model_copy(update={"models": baselines, "features": [{"recency": {"layer": "robbery"}}]})
    table = run_study(study, tmp_path / "out")
    checked = 0
    for model in baselines:
        for score in ("pr_auc", "roc_auc", "log_loss", "hit_rate_1", "hit_rate_5", "hit_rate_10"):
            anchor = study.evaluation.anchors.get(model, {}).get(score)
            at = table.sel(model=model, score=score)
            assert anchor is None or float(at["low"]) <= anchor <= float(at["high"]), (model, score)
            checked += anchor is not None
    assert checked >= 15
    assert beside_anchors(table, study).shape[0] >= len(baselines)
