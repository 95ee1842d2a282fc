"""Other cities need nothing but a boundary file and a column mapping: made-up Nairobi and Auckland, the whole way."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.study import load_study, run_study

NAIROBI = {"Magharibi": shapely.box(36.70, -1.38, 36.82, -1.22), "Mashariki": shapely.box(36.82, -1.38, 36.94, -1.22)}
COLUMNS = {
    "id": "namba", "occurred": ["tarehe", "saa"], "known": "taarifa", "lon": "longitudo", "lat": "latitudo",
    "category": "aina",
}  # fmt: skip
MAPPING = {
    "columns": COLUMNS, "delimiter": ";", "decimal": ",", "time_format": "%d/%m/%Y %H:%M", "known_format": "%d/%m/%Y",
}  # fmt: skip
AUCKLAND = {"Tāmaki": shapely.box(1_745_000, 5_910_000, 1_757_000, 5_925_000), "Manukau": shapely.box(1_757_000, 5_895_000, 1_772_000, 5_910_000)}  # fmt: skip


def write_nairobi(folder: Path, days: int = 200) -> pd.DataFrame:
    """Write districts in degrees and events at one hot place and all over; return the events."""
    gpd.GeoDataFrame({"jina": list(NAIROBI)}, geometry=list(NAIROBI.values()), crs=4326).to_file(
        folder / "wilaya.geojson"
    )
    rng = np.random.default_rng(4)
    size = days * 6
    day = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.sort(rng.integers(0, days, size)), "D")
    hot = rng.random(size) < 0.4
    lon = np.where(hot, rng.normal(36.76, 0.008, size), rng.uniform(36.701, 36.939, size))
    lat = np.where(hot, rng.normal(-1.29, 0.008, size), rng.uniform(-1.379, -1.221, size))
    table = pd.DataFrame(
        {
            "namba": np.arange(size), "tarehe": day.strftime("%d/%m/%Y"), "saa": [f"{h:02d}:30" for h in rng.integers(0, 24, size)],
            "taarifa": (day + pd.to_timedelta(rng.integers(0, 5, size), "D")).strftime("%d/%m/%Y"),
            "longitudo": lon, "latitudo": lat, "aina": rng.choice(["wizi", "uvamizi"], size),
        }
    )  # fmt: skip
    table.to_csv(folder / "matukio.csv", sep=";", decimal=",", index=False)
    return table.assign(day=day)


def write_auckland(folder: Path, days: int = 200) -> pd.DataFrame:
    """Write a shapefile in NZTM and events with x, y and times in UTC; return the events."""
    gpd.GeoDataFrame({"ROHE": list(AUCKLAND)}, geometry=list(AUCKLAND.values()), crs=2193).to_file(
        folder / "rohe.shp", encoding="utf-8"
    )
    rng = np.random.default_rng(5)
    size = days * 6
    boxes = np.array([box.bounds for box in AUCKLAND.values()])[rng.choice(2, size, p=[0.7, 0.3])]
    x, y = (rng.uniform(boxes[:, i] + 50, boxes[:, i + 2] - 50) for i in (0, 1))
    times = pd.Timestamp("2022-06-01", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, days * 1440, size)), "min")
    table = pd.DataFrame({"wā": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "E": x.round(1), "N": y.round(1)})
    table.to_csv(folder / "mahi.csv", index=False)
    return table.assign(time=times, tāmaki=boxes[:, 0] == boxes[:, 0].min())


def write_context(folder: Path) -> dict[str, dict]:
    """Write stops in NZTM, a road and people by pixel; return them as sources of a study."""
    import rasterio

    x, y = np.random.default_rng(6).uniform((1_745_000, 5_895_000), (1_772_000, 5_925_000), (80, 2)).T
    pd.DataFrame({"E": x, "N": y}).to_csv(folder / "tū.csv", index=False)
    road = shapely.LineString([(1_746_000, 5_924_000), (1_771_000, 5_896_000)])
    gpd.GeoDataFrame(geometry=[road], crs=2193).to_file(folder / "ara.gpkg")
    facts = {"driver": "GTiff", "count": 1, "dtype": "float32", "width": 120, "height": 150, "crs": 2193, "nodata": 0}
    with rasterio.open(
        folder / "tangata.tif", "w", **facts, transform=rasterio.Affine(250, 0, 1_743_000, 0, -250, 5_927_000)
    ) as file:
        file.write(np.random.default_rng(7).gamma(1.0, 30.0, (150, 120)).astype("float32"), 1)
    return {
        "stop": {"kind": "places", "file": "tū.csv", "x": "E", "y": "N", "crs": "EPSG:2193", "rings": 2},
        "road": {"kind": "lines", "file": "ara.gpkg", "rings": 1},
        "people": {"kind": "rasters", "file": "tangata.tif", "how": "sum"},
    }


def test_nairobi__the_whole_way(tmp_path: Path) -> None:
    table = write_nairobi(tmp_path)
    city = ht.read_region(tmp_path / "wilaya.geojson", name_column="jina", layer="wilaya")
    events = ht.read_events("table", tmp_path / "matukio.csv", areas=[city], **MAPPING)
    assert events.report.kept == len(table)
    grid = ht.make_grid(
        city, resolution=7, start="2022-01-01", end="2022-07-19", time_zone="Africa/Nairobi", edge="touch"
    )
    cube = ht.validate(ht.grid_events({"tukio": events}, grid, parts=["night", "category"], known_within=[7]))
    np.testing.assert_array_equal(cube["tukio"].sum("cell"), np.bincount((table["day"] - table["day"].min()).dt.days))
    assert float(cube["tukio_wizi"].sum()) == (table["aina"] == "wizi").sum()
    assert float(cube["tukio_night"].sum()) == (table["saa"] < "06:00").sum()
    west = float(cube["tukio"].sel(cell=cube["wilaya"] == "Magharibi").sum())
    assert west == pytest.approx((table["longitudo"] < 36.82).sum(), rel=0.05)  # cells on the border hold both
    assert (float(cube["lat"].max()) < -1.1, float(cube["lon"].min()) > 36.6) == (True, True)

    calendar = ht.add_features(cube, [ht.Calendar(["holiday"])])["holiday"]
    holidays = set(calendar["time"][calendar == 1].dt.strftime("%m-%d").values.tolist())
    assert {"06-01", "05-01"} <= holidays  # Madaraka Day and Labour Day, of Kenya
    assert "07-04" not in holidays
    cube = ht.add_label(ht.add_features(cube, "default"), ht.AnyWithin("tukio", days=3))
    train, test = ht.split_time(cube, "2022-06-15")
    cube = ht.add_risk(cube, ht.EwmaRate().fit(train))
    risk = cube["risk_ewma_rate"].sel(time=test["time"][-4])
    hot = cube["cell"].values[int(risk.values.argmax())]
    assert abs(float(cube["lon"].sel(cell=hot)) - 36.76) < 0.03
    assert abs(float(cube["lat"].sel(cell=hot)) + 1.29) < 0.03
    path = ht.export(cube, tmp_path / "hatari.geojson", "risk_ewma_rate", time="2022-07-10")
    out = gpd.read_file(path)
    assert len(out) == cube.sizes["cell"]
    assert set(out["wilaya"]) == set(NAIROBI)
    np.testing.assert_allclose(out.total_bounds, [36.7, -1.38, 36.94, -1.22], atol=0.04)


def test_bare_boundary__is_one_area(tmp_path: Path) -> None:
    (tmp_path / "nairobi.geojson").write_text(shapely.to_geojson(shapely.union_all(list(NAIROBI.values()))))
    city = ht.read_region(tmp_path / "nairobi.geojson", layer="mji")
    assert (city.names, city.outline.bounds) == (("nairobi",), (36.70, -1.38, 36.94, -1.22))
    frame = gpd.GeoDataFrame({"ward": [1.0, 12.0]}, geometry=list(NAIROBI.values()), crs=4326)
    frame.to_file(tmp_path / "wards.shp")
    assert ht.read_region(tmp_path / "wards.shp", name_column="ward", layer="ward").names == ("1", "12")
    with pytest.raises(InputError, match=r"wards.shp has no column 'ward_number'; .*it has ward"):
        ht.read_region(tmp_path / "wards.shp", name_column="ward_number")


def test_default_time_zone__is_refused_far_away(tmp_path: Path) -> None:
    write_nairobi(tmp_path, days=5)
    city = ht.read_region(tmp_path / "wilaya.geojson", name_column="jina", layer="wilaya")
    with pytest.raises(InputError, match=r"'America/New_York' is 7 hours away .* longitude 36.8; give its own"):
        ht.make_grid(city, resolution=7, start="2022-01-01", end="2022-01-05")


def test_auckland__clock_changes_and_metres(tmp_path: Path) -> None:
    table = write_auckland(tmp_path)
    city = ht.read_region(tmp_path / "rohe.shp", name_column="ROHE", layer="rohe")
    assert city.names == ("Manukau", "Tāmaki")
    mapping = {"columns": {"occurred": "wā", "x": "E", "y": "N"}, "crs": "EPSG:2193"}
    events = ht.read_events("table", tmp_path / "mahi.csv", areas=[city], **mapping)
    zone = "Pacific/Auckland"
    grid = ht.make_grid(city, resolution=7, start="2022-06-01", end="2022-12-20", time_zone=zone, edge="touch")
    cube = ht.validate(ht.grid_events({"mahi": events}, grid))
    local = table["time"].dt.tz_convert(zone)
    wanted = local.dt.date.value_counts().reindex(cube["time"].to_index().date, fill_value=0)
    np.testing.assert_array_equal(cube["mahi"].sum("cell"), wanted)
    assert {"NZST", "NZDT"} == set(local.dt.strftime("%Z"))
    assert float(cube["mahi"].sel(cell=cube["rohe"] == "Tāmaki").sum()) == pytest.approx(
        table["tāmaki"].sum(), rel=0.06
    )


@pytest.mark.slow
def test_study_of_auckland__runs_from_its_files(tmp_path: Path) -> None:
    table = write_auckland(tmp_path)
    study = {
        "name": "auckland",
        "region": {"file": "rohe.shp", "name_column": "ROHE", "layer": "rohe"},
        "grid": {"resolution": 6, "start": "2022-06-01", "end": "2022-12-10", "time_zone": "Pacific/Auckland", "edge": "touch"},
        "sources": {"mahi": {"kind": "table", "file": "mahi.csv", "columns": {"occurred": "wā", "x": "E", "y": "N"}, "crs": "EPSG:2193"}},
        "label": {"source": "mahi", "within_days": 2},
        "features": [{"lag": {"layer": "mahi", "days": [1, 7]}}, "calendar"],
        "models": ["historical_rate", "ewma_rate"],
        "split": {"train_until": "2022-09-30", "validate_until": "2022-10-31", "test_until": "2022-12-05"},
        "outputs": {"map": True, "map_days": 10, "export": ["geojson"], "export_days": 2, "report": True},
    }  # fmt: skip
    study["sources"] |= write_context(tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), "utf-8")
    run_study(load_study(tmp_path / "study.yaml"), tmp_path / "out")
    cube = ht.open_cube(tmp_path / "out" / "cube")
    inside = (table["time"].dt.tz_convert("Pacific/Auckland") < pd.Timestamp("2022-12-11", tz="Pacific/Auckland")).sum()
    assert float(cube["mahi"].sum()) == inside
    assert cube.attrs["time_zone"] == "Pacific/Auckland"
    context = {"stop_count", "stop_distance", "stop_rings_2", "road_distance", "road_length", "road_rings_1", "people"}
    assert context <= set(cube.data_vars)
    assert float(cube["road_length"].sum()) == pytest.approx(np.hypot(25, 28), rel=2e-3)  # also in cells by the shore
    people = cube["people"]
    assert float(people.sum()) == pytest.approx(people.attrs["total"] - people.attrs["outside"], rel=1e-5)
    rows = json.loads((tmp_path / "out" / "rows.json").read_text("utf-8"))
    assert rows["mahi"]["kept"] == len(table)
    shapes = gpd.read_file(tmp_path / "out" / "export" / "risk.geojson")
    assert set(shapes["rohe"]) == set(AUCKLAND)
    for page in ("report.html", "maps/risk.html"):
        text = (tmp_path / "out" / page).read_text("utf-8")
        assert "New York" not in text
        assert "borough" not in text.lower()
