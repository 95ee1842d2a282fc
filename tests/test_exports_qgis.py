"""What QGIS finds in a GeoPackage and in a project: the classes and colours of the web map, one day in each frame, and for whom."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.export.product import choose
from htgeo.export.qgis_cases import case_layers
from htgeo.maps.layers import variable_layer
from htgeo.maps.page_scale import scale_of

PYTHON_OF_QGIS = "/usr/bin/python3"
DAYS = ("2021-05-14", "2021-05-15", "2021-05-16")
WEEK = slice("2021-05-14", "2021-05-20")


@pytest.fixture
def risk(cube: xr.Dataset) -> xr.Dataset:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    return ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(ht.split_time(cube, "2021-05-01")[0]))


@pytest.fixture(scope="module")
def qgis() -> Callable[..., dict[str, Any]]:
    """Open a file in QGIS; tests skip where it is not installed."""
    there = shutil.which(PYTHON_OF_QGIS)
    if not there or subprocess.run([there, "-c", "import qgis.core"], capture_output=True, check=False).returncode:
        pytest.skip("QGIS is not installed: apt-get install python3-qgis qgis-providers")

    def probe(path: Path, *options: str | Path) -> dict[str, Any]:
        command = [there, str(Path(__file__).with_name("qgis_probe.py")), str(path), *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return probe


def cases_of(rows: list[dict[str, Any]]) -> ht.Events:
    """Return events with the columns of a table of cases."""
    table = pd.DataFrame(rows)
    table["occurred"] = table["known"] = pd.to_datetime(table["occurred"])
    blank = {"lon": np.nan, "lat": np.nan, "area": "", "category": "", "weight": 1.0}
    table = table.assign(**{name: table.get(name, value) for name, value in blank.items()})
    table = table.fillna({"area": "", "weight": 1.0})[list(ht.sources.events.COLUMNS)]
    report = ht.sources.events.RowReport("tahub_cases", ("cases.csv",), len(table), len(table), 0, 0, {}, {})
    return ht.Events(table, report)


@pytest.fixture
def cases(risk: xr.Dataset) -> ht.Events:
    lon, lat = round(float(risk["lon"][5]), 2), round(float(risk["lat"][5]), 2)
    return cases_of(
        [
            {"occurred": "2021-05-15", "precision": "point", "lon": lon, "lat": lat},
            {"occurred": "2021-05-21", "precision": "point", "lon": lon, "lat": lat},
            {"occurred": "2021-05-16", "precision": "borough", "area": "Queens"},
            {"occurred": "2021-05-18", "precision": "borough", "area": "Queens"},
            {"occurred": "2021-05-14", "precision": "city", "area": "city"},
            {"occurred": "2021-04-01", "precision": "borough", "area": "Bronx"},
            {"occurred": "2021-05-16", "precision": "point", "lon": 2.35, "lat": 48.85},
        ]
    )


def xml_of(path: Path) -> ET.Element:
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{path.stem}.qgs"]
        return ET.fromstring(archive.read(archive.namelist()[0]).decode())  # noqa: S314  # our own file


def expected_classes(cube: xr.Dataset, name: str, time: str | slice) -> tuple[Any, np.ndarray]:
    values = cube[name].sel(time=time).values
    return scale_of(variable_layer(cube, name), values.astype(float).ravel()), values


def test_case_layers__a_row_a_day_whose_forecast_covers_the_case(risk: xr.Dataset, cases: ht.Events) -> None:
    product = choose(risk, ["risk_ewma_rate"], time=WEEK, area=None, audience="internal", region=None)
    points, areas, told = case_layers(product, cases)
    assert told == "Not drawn, as known to the city only or elsewhere: 2."
    days = pd.to_datetime(points["date"])
    assert days.tolist() == list(pd.date_range("2021-05-14", "2021-05-20"))  # 7 days ahead: the 15th, then the 21st
    assert points["days"].tolist() == ["2021-05-15", "2021-05-15, 2021-05-21", *["2021-05-21"] * 5]
    assert points["cases"].tolist() == [1, 2, 1, 1, 1, 1, 1]
    assert areas["area"].unique().tolist() == ["Queens"]
    assert areas["cases"].tolist() == [2, 2, 2, 1, 1]
    queens = areas.geometry.iloc[0]
    assert queens.covers(
        ht.grid.cells.cell_polygons(risk["cell"].values[risk["borough"].values == "Queens"])[0].centroid
    )


def test_case_layers__without_days_all_cases_once(risk: xr.Dataset, cases: ht.Events) -> None:
    risk["station_count"] = (("cell",), np.arange(risk.sizes["cell"], dtype="float32"))
    product = choose(risk, ["station_count"], time=None, area=None, audience="internal", region=None)
    points, areas, _ = case_layers(product, cases)
    assert points["cases"].tolist() == [2]
    assert areas.set_index("area")["cases"].to_dict() == {"Bronx": 1, "Queens": 2}


def test_qgz__same_cube_same_bytes_and_no_code(risk: xr.Dataset, cases: ht.Events, boroughs: ht.Region, tmp_path: Path) -> None:  # fmt: skip
    made = []
    for name in ("a", "b"):
        path = ht.export(risk, tmp_path / name / "risk.qgz", "risk_ewma_rate", time=WEEK, cases=cases, region=boroughs)
        assert sorted(file.name for file in path.parent.iterdir()) == ["risk-layers.gpkg", "risk.qgz"]
        made.append([file.read_bytes() for file in sorted(path.parent.iterdir())])
    assert made[0] == made[1]
    root = xml_of(path)
    sources = [element.text for element in root.iter("datasource")]
    assert sources == [f"./risk-layers.gpkg|layername={name}" for name in ("case_points", "case_areas", "borough_outline", "risk_ewma_rate")]  # fmt: skip
    assert not list(root.iter("Macros")) + list(root.iter("attributeactions")) + list(root.iter("editforminitcode"))


def test_qgz__cases_are_events_for_internal_use(risk: xr.Dataset, cases: ht.Events, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"cases are events, read in Python with htgeo.read_events.*; given: 'cases.csv'"
    ):
        ht.export(risk, tmp_path / "risk.qgz", "risk_ewma_rate", cases="cases.csv")
    view = ht.public_view(risk, ["risk_ewma_rate"], by="borough")
    with pytest.raises(InputError, match="cases are not for the public: leave cases= out"):
        ht.export(view, tmp_path / "risk.qgz", list(view.data_vars)[:1], audience="public", cases=cases)
    assert not list(tmp_path.iterdir())


def test_qgz__areas_and_a_variable_without_days(risk: xr.Dataset, boroughs: ht.Region, tmp_path: Path) -> None:
    risk["station_count"] = (("cell",), np.arange(risk.sizes["cell"], dtype="float32"))
    path = ht.export(risk, tmp_path / "stations.qgz", "station_count")
    root = xml_of(path)
    assert root.find("ProjectTimeSettings") is None
    assert root.find("properties/TemporalControllerWidget") is None
    areas = ht.aggregate(risk, "borough")
    path = ht.export(areas, tmp_path / "areas.qgz", "crime", time=WEEK, region=boroughs)
    assert xml_of(path).findtext("projectCrs/spatialrefsys/authid") == "EPSG:32618"


@pytest.mark.slow
def test_gpkg__qgis_shows_the_map_of_the_page(
    risk: xr.Dataset, qgis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    risk["risk_ewma_rate"] = risk["risk_ewma_rate"].copy(data=risk["risk_ewma_rate"].values)
    risk["risk_ewma_rate"][3, :] = np.nan
    path = ht.export(risk, tmp_path / "risk.gpkg", ["risk_ewma_rate", "crime"], time=WEEK)
    points = tmp_path / "points.json"
    points.write_text(json.dumps(np.stack([risk["lon"].values, risk["lat"].values], axis=1).tolist()))
    days = [option for day in DAYS for option in ("--day", day)]
    told = qgis(path, "--layer", "risk_ewma_rate", *days, "--points", points, "--picture", tmp_path / "drawn")
    assert told["style"] is True
    layer = told["layers"]["risk_ewma_rate"]
    assert (layer["valid"], layer["rows"], layer["crs"]) == (True, 7 * risk.sizes["cell"], "EPSG:4326")
    assert (layer["fields"]["date"], layer["fields"]["cell"]) == ("Date", "String")
    assert layer["shown"] == {day: [day] * risk.sizes["cell"] for day in DAYS}
    scale, _ = expected_classes(risk, "risk_ewma_rate", WEEK)
    known = [[label, color] for label, color in zip(scale.labels, scale.colors, strict=True)]
    assert layer["classes"][: len(known)] == known[::-1]
    assert [label for label, _ in layer["classes"][len(known) :]] == ["not known", "Internal use only."]
    grey = layer["classes"][len(known)][1]
    for day in DAYS:
        found = scale.classes(risk["risk_ewma_rate"].sel(time=day).values.astype(float))
        assert told["drawn"][day] == [grey if one < 0 else scale.colors[one] for one in found]
        assert len(set(told["drawn"][day])) > 3


@pytest.mark.slow
def test_gpkg__qgis_shows_flags_in_their_colours(
    risk: xr.Dataset, qgis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    kind = (risk["crime"] > 0).astype("uint8")
    kind.attrs = {"long_name": "kind of day", "flag_values": [0, 1], "flag_meanings": "quiet busy", "flag_colors": "#123456 #abcdef"}  # fmt: skip
    alert = (risk["risk_ewma_rate"] > 0.5).assign_attrs(role="alert", long_name="alert", model="ewma_rate")
    cube = risk.assign(kind=kind, alert_ewma_rate=alert)
    points = tmp_path / "points.json"
    points.write_text(json.dumps(np.stack([risk["lon"].values, risk["lat"].values], axis=1).tolist()))
    options = ("--day", DAYS[0], "--points", points, "--picture", tmp_path / "drawn")
    for name in ("kind", "alert_ewma_rate"):
        path = ht.export(cube, tmp_path / f"{name}.gpkg", name, time=DAYS[0])
        told = qgis(path, "--layer", name, *options)
        layer = told["layers"][name]
        scale, values = expected_classes(cube, name, DAYS[0])
        pairs = [list(pair) for pair in zip(scale.labels, scale.colors, strict=True)]
        assert layer["classes"][:2] == pairs
        assert layer["classes"][2][0] == "Internal use only."
        assert told["drawn"][DAYS[0]] == [scale.colors[one] for one in scale.classes(values.astype(float))]


@pytest.mark.slow
def test_qgz__opens_with_layers_days_and_mark(
    risk: xr.Dataset, cases: ht.Events, boroughs: ht.Region, qgis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    there = tmp_path / "a folder with ü & spaces"
    path = ht.export(risk, there / "risk.qgz", "risk_ewma_rate", time=WEEK, cases=cases, region=boroughs)
    moved = shutil.move(there, tmp_path / "elsewhere") / path.name
    days = [option for day in DAYS for option in ("--day", day)]
    told = qgis(moved, *days, "--picture", tmp_path / "drawn")
    assert told["read"] is True
    project = told["project"]
    assert (project["title"], project["crs"]) == ("Risk, ewma_rate", "EPSG:32618")
    assert project["groups"] == ["Internal use only."]
    assert (project["from"], project["to"]) == ("2021-05-14T00:00:00Z", "2021-05-20T23:59:59Z")
    assert project["step"][0] == 1
    assert project["abstract"].startswith("Internal use only. ")
    assert "Not drawn, as known to the city only or elsewhere: 2." in project["abstract"]
    layers = told["layers"]
    assert list(layers) == ["Case, known to 1.1 km", "Cases known to an area", "Outline (borough)", "Risk, ewma_rate"]
    assert all(layer["valid"] for layer in layers.values())
    assert layers["Case, known to 1.1 km"]["shown"] == {day: [day] for day in DAYS}
    assert layers["Cases known to an area"]["labels"]
    assert layers["Outline (borough)"]["rows"] == len(boroughs.names)
    assert layers["Risk, ewma_rate"]["shown"] == {day: [day] * risk.sizes["cell"] for day in DAYS}
    pictures = [(tmp_path / "drawn" / f"{day}.png").read_bytes() for day in DAYS]
    assert len(set(pictures)) == len(DAYS)


@pytest.mark.slow
def test_tif__qgis_shows_the_map_of_the_page(
    risk: xr.Dataset, qgis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    path = ht.export(risk, tmp_path / "risk.tif", "risk_ewma_rate", time=DAYS[0])
    points = tmp_path / "points.json"
    points.write_text(json.dumps(np.stack([risk["lon"].values, risk["lat"].values], axis=1).tolist()))
    told = qgis(path, "--day", DAYS[0], "--points", points, "--picture", tmp_path / "drawn")
    scale, values = expected_classes(risk, "risk_ewma_rate", DAYS[0])
    assert (told["raster"]["valid"], told["raster"]["crs"], told["raster"]["bands"]) == (True, "EPSG:32618", 1)
    assert told["raster"]["classes"] == [list(pair) for pair in zip(scale.labels, scale.colors, strict=True)]
    assert told["drawn"][DAYS[0]] == [scale.colors[one] for one in scale.classes(values.astype(float))]


@pytest.mark.slow
def test_qgz__weeks_are_shown_for_all_their_days(
    risk: xr.Dataset, qgis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    weeks = ht.aggregate(risk[["crime"]], freq="W")
    path = ht.export(weeks, tmp_path / "weeks.qgz", "crime", time=slice("2021-05-01", "2021-05-31"))
    starts = weeks.sel(time=slice("2021-05-01", "2021-05-31")).time.values.astype("datetime64[D]").astype(str).tolist()
    inside = str(np.datetime64(starts[1]) + 3)
    told = qgis(path, "--day", starts[0], "--day", inside)
    layer = next(layer for name, layer in told["layers"].items() if "Outline" not in name)
    assert set(layer["shown"][starts[0]]) == {starts[0]}
    assert set(layer["shown"][inside]) == {starts[1]}
    assert told["project"]["step"][0] == 7
