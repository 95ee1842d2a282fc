"""Polygons in GIS formats: ids, days, values and shapes come back exactly, and the file says what it is."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
import typer
import xarray as xr
from click.testing import Result
from typer.testing import CliRunner

import htgeo as ht
from htgeo.cli.export import export as export_command
from htgeo.core.errors import HtgeoError
from htgeo.grid.cells import cell_hex, cell_polygons
from htgeo.sources.region import make_region

FORMATS = pytest.mark.parametrize("suffix", ["gpkg", "fgb", "geojson", "parquet"])
DAYS = slice("2021-05-14", "2021-05-15")
NAMES = ["single", "double", "truth", "whole", "long", "id", "place"]
DIGITS = 1.01e-7
"""Largest error of a coordinate in GeoJSON, which has seven decimals."""


@pytest.fixture(scope="module")
def mixed() -> xr.Dataset:
    """Two days of all types of values, with gaps."""
    cube = ht.demo_cube()[["crime"]].sel(time=DAYS).compute()
    crime = cube["crime"]
    return cube.assign(
        single=crime.where(crime != 1) + np.float32(0.1),
        double=(crime.astype(float) + 1 / 3).where(crime != 2),
        truth=crime > 0,
        whole=crime.astype("int32") - 7,
        long=crime.astype("int64") + 2**40,
        id=xr.full_like(crime, 0, "uint64") + cube["cell"],
        place=("cell", np.arange(cube.sizes["cell"], dtype="int16")),
    )


def read(path: Path, place: str = "cell") -> gpd.GeoDataFrame:
    """Return the first layer of a file, ordered by day and place."""
    import pyogrio

    table = gpd.read_parquet(path) if path.suffix == ".parquet" else pyogrio.read_dataframe(path, layer=0)
    table["date"] = pd.to_datetime(table["date"])
    return table.sort_values(["date", place], ignore_index=True)


@FORMATS
def test_rows__ids_days_and_values_come_back_exactly(mixed: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    table = read(ht.export(mixed, tmp_path / f"a.{suffix}", NAMES, time=DAYS))
    cells = mixed.sizes["cell"]
    assert table["cell"].tolist() == cell_hex(mixed["cell"].values).tolist() * 2
    assert table["borough"].tolist() == mixed["borough"].values.tolist() * 2
    assert table["precinct"].tolist() == mixed["precinct"].values.tolist() * 2
    np.testing.assert_array_equal(table["date"].to_numpy(), np.repeat(mixed["time"].values, cells))
    for name in ("single", "double"):
        values = mixed[name].values.T.ravel()
        assert 0 < np.isnan(values).sum() < len(values)
        found = table[name].to_numpy()
        np.testing.assert_array_equal(found.astype(values.dtype), values)
    for name in ("truth", "whole", "long"):
        assert table[name].tolist() == mixed[name].values.T.ravel().tolist()
    assert table["truth"].dtype == bool
    assert [int(one) for one in table["id"]] == mixed["id"].values.T.ravel().tolist()
    assert table["place"].tolist() == mixed["place"].values.tolist() * 2


@FORMATS
def test_missing_values__are_null_and_no_number(mixed: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    path = ht.export(mixed, tmp_path / f"a.{suffix}", ["single"], time=DAYS)
    missing = int(np.isnan(mixed["single"].values).sum())
    if suffix == "geojson":
        found = sum(one["properties"]["single"] is None for one in json.loads(path.read_text("utf-8"))["features"])
    elif suffix == "parquet":
        found = pq.read_table(path)["single"].null_count
    else:
        import pyogrio

        found = len(pyogrio.read_dataframe(path, layer=0, where="single IS NULL"))
    assert found == missing > 0


@FORMATS
def test_cells__have_their_outlines(mixed: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    table = read(ht.export(mixed, tmp_path / f"a.{suffix}", "truth", time=DAYS))
    assert table.crs == "EPSG:4326"
    shapes, true = table.geometry.to_numpy(), np.tile(cell_polygons(mixed["cell"].values), 2)
    assert shapely.is_valid(shapes).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(shapes)).all()
    if suffix == "geojson":
        assert shapely.hausdorff_distance(shapes, true).max() < DIGITS
    else:
        assert shapely.equals_identical(shapes, true).all()


@pytest.fixture(scope="module")
def areas() -> tuple[xr.Dataset, ht.Region]:
    """A cube of boroughs, and shapes of these: with a hole, in two parts, turned the wrong way around."""
    cube = ht.aggregate(ht.demo_cube()[["crime"]].sel(time=DAYS), "borough").compute()
    names = cube["borough"].values.tolist()
    shapes = []
    for i in range(len(names)):
        west = -74 + i / 10
        outer = shapely.box(west, 40, west + 0.08, 40.08, ccw=False)
        holed = shapely.difference(outer, shapely.box(west + 0.02, 40.02, west + 0.04, 40.04))
        island = shapely.box(west, 40.1, west + 0.02, 40.12, ccw=i % 2 == 0)
        shapes.append([outer, holed, shapely.multipolygons([holed, island])][i % 3])
    return cube, make_region("borough", names, np.array(shapes))


@FORMATS
def test_areas__keep_holes_and_parts(areas: tuple[xr.Dataset, ht.Region], tmp_path: Path, suffix: str) -> None:
    cube, region = areas
    name = str(next(iter(cube.data_vars)))
    path = ht.export(cube, tmp_path / f"a.{suffix}", name, time=DAYS, region=region)
    table = read(path, "borough")
    assert table["borough"].tolist() == cube["borough"].values.tolist() * 2
    np.testing.assert_array_equal(table[name].to_numpy(), cube[name].transpose("time", "borough").values.ravel())
    shapes = table.geometry.to_numpy()
    true = dict(zip(region.names, region.geometries, strict=True))
    assert shapely.is_valid(shapes).all()
    for borough, shape in zip(table["borough"], shapes, strict=True):
        assert shapely.symmetric_difference(shape, true[borough]).area < 1e-6
        holes = shapely.get_num_interior_rings(shapely.get_parts(shape)).sum()
        assert holes == shapely.get_num_interior_rings(shapely.get_parts(true[borough])).sum()
        for part in shapely.get_parts(shape):
            assert part.exterior.is_ccw
            assert not any(hole.is_ccw for hole in part.interiors)
    if suffix in ("gpkg", "fgb"):
        assert set(table.geom_type) == {"MultiPolygon"}


TYPES = {
    "gpkg": {"date": "Date", "single": "Real(Float32)", "double": "Real", "long": "Integer64"},
    "fgb": {"date": "DateTime", "single": "Real(Float32)", "double": "Real", "long": "Integer64"},
    "geojson": {"date": "Date", "single": "Real", "double": "Real", "long": "Integer64"},
}


@pytest.mark.parametrize("suffix", list(TYPES))
def test_ogrinfo__tells_layer_types_and_count(mixed: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    command = shutil.which("ogrinfo")
    if not command:
        pytest.skip("ogrinfo is not installed")
    path = ht.export(mixed, tmp_path / f"a.{suffix}", NAMES, time=DAYS)
    told = subprocess.run([command, "-al", "-so", str(path)], capture_output=True, text=True, check=True).stdout
    layer = told.split("Layer name: ")[1]
    assert layer.startswith("single\n")
    assert f"Feature Count: {2 * mixed.sizes['cell']}\n" in layer
    assert "Geometry: Polygon\n" in layer
    assert 'ID["EPSG",4326]' in layer
    fields = dict(re.findall(r"^(\w+): (\S+) \(", layer, re.MULTILINE))
    common = {"cell": "String", "borough": "String", "truth": "Integer(Boolean)", "whole": "Integer", "id": "String"}
    assert {**common, **TYPES[suffix]}.items() <= fields.items()


def test_file__says_what_it_is_for(mixed: xr.Dataset, tmp_path: Path) -> None:
    import pyogrio

    paths = {s: ht.export(mixed, tmp_path / f"a.{s}", ["double"], time=DAYS) for s in ("gpkg", "fgb", "geojson")}
    layer = pyogrio.read_info(paths["gpkg"], layer="double")["layer_metadata"]
    about = json.loads(paths["geojson"].read_text("utf-8"))["metadata"]
    for facts in (layer, about):
        assert facts["audience"] == "internal"
        assert "Not for stops" in facts["intended_use"]
        assert facts["days"] == "2021-05-14 to 2021-05-15"
    header = paths["fgb"].read_bytes()[:4096]
    assert b"Not for stops" in header
    assert b"Audience: internal." in header


def test_geojson__by_rfc_7946(mixed: xr.Dataset, tmp_path: Path) -> None:
    collection = json.loads(ht.export(mixed, tmp_path / "a.geojson", NAMES, time=DAYS).read_text("utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    first = collection["features"][0]
    assert set(first) <= {"type", "id", "properties", "geometry", "bbox"}
    assert first["properties"]["cell"] == cell_hex(mixed["cell"].values)[0]
    assert first["properties"]["date"] == "2021-05-14"
    assert first["properties"]["id"] == str(int(mixed["cell"].values[0]))
    (ring,) = first["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert max(len(repr(number).partition(".")[2]) for point in ring for number in point) <= 7


def geo(path: Path) -> dict[str, Any]:
    return json.loads(pq.ParquetFile(path).metadata.metadata[b"geo"])


def test_geoparquet__metadata_by_the_specification(mixed: xr.Dataset, tmp_path: Path) -> None:
    path = ht.export(mixed, tmp_path / "a.parquet", NAMES, time=DAYS)
    about = geo(path)
    assert set(about) == {"version", "primary_column", "columns"}
    assert (about["version"], about["primary_column"]) == ("1.1.0", "geometry")
    column = about["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Polygon"]
    assert (column["edges"], column["orientation"]) == ("planar", "counterclockwise")
    assert column["crs"]["type"] == "GeographicCRS"
    assert column["covering"]["bbox"] == {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}
    file = pq.ParquetFile(path)
    schema = file.schema_arrow
    kinds = {"cell": "string", "date": "date32[day]", "single": "float", "double": "double", "id": "uint64"}
    assert {name: str(schema.field(name).type) for name in kinds} == kinds
    assert str(schema.field("geometry").type) == "binary"
    group = file.metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, Path]:
    """A GeoParquet file of several row groups."""
    city = ht.demo_cube()[["crime"]].compute()
    blocks = [
        city.assign_coords(time=city["time"] + np.timedelta64(200 * i, "D"))
        for i in range(-(-300_000 // city["crime"].size))
    ]
    cube = xr.concat(blocks, "time").chunk({"cell": 20})
    return cube, ht.export(cube, tmp_path_factory.mktemp("large") / "a.parquet", "crime", time=slice(None))


def test_geoparquet__boxes_are_those_of_the_shapes_and_of_the_row_groups(large: tuple[xr.Dataset, Path]) -> None:
    _, path = large
    file = pq.ParquetFile(path)
    assert file.num_row_groups > 2
    for number in range(file.num_row_groups):
        part = file.read_row_group(number, columns=["geometry", "bbox"])
        shapes = shapely.from_wkb(part["geometry"].combine_chunks().to_numpy(zero_copy_only=False))
        bounds = shapely.bounds(shapes)
        boxes = np.transpose(part["bbox"].combine_chunks().flatten())
        np.testing.assert_array_equal(boxes, bounds)
        group = file.metadata.row_group(number)
        told = {group.column(i).path_in_schema: group.column(i).statistics for i in range(group.num_columns)}
        for side, values in zip(("xmin", "ymin", "xmax", "ymax"), bounds.T, strict=True):
            assert (told[f"bbox.{side}"].min, told[f"bbox.{side}"].max) == (values.min(), values.max())


def test_geoparquet__a_window_reads_a_part_of_the_groups(large: tuple[xr.Dataset, Path]) -> None:
    cube, path = large
    lon, lat = (np.quantile(cube[name].values, [0.0, 0.15]) for name in ("lon", "lat"))
    window = (lon[0], lat[0], lon[1], lat[1])
    inside = (
        (pc.field("bbox", "xmin") <= window[2])
        & (pc.field("bbox", "xmax") >= window[0])
        & (pc.field("bbox", "ymin") <= window[3])
        & (pc.field("bbox", "ymax") >= window[1])
    )
    (fragment,) = ds.dataset(path).get_fragments()
    kept = sum(part.num_row_groups for part in [fragment.subset(inside)])
    assert kept < pq.ParquetFile(path).num_row_groups
    shapes = cell_polygons(cube["cell"].values)
    expected = cell_hex(cube["cell"].values[shapely.intersects(shapely.envelope(shapes), shapely.box(*window))])
    found = gpd.read_parquet(path, bbox=window)
    assert 0 < len(expected) < cube.sizes["cell"]
    assert set(found["cell"]) == set(expected.tolist())
    assert len(found) == len(expected) * cube.sizes["time"]


def test_geoparquet__rows_lie_in_spatial_order(large: tuple[xr.Dataset, Path]) -> None:
    """A row group covers less than rows in any order would."""
    cube, path = large
    file = pq.ParquetFile(path)
    whole = np.subtract(*np.array(geo(path)["columns"]["geometry"]["bbox"]).reshape(2, 2)[::-1]).prod()
    surfaces = []
    for number in range(file.num_row_groups):
        boxes = np.transpose(file.read_row_group(number, columns=["bbox"])["bbox"].combine_chunks().flatten())
        surfaces.append((boxes[:, 2].max() - boxes[:, 0].min()) * (boxes[:, 3].max() - boxes[:, 1].min()))
    assert np.mean(surfaces) < 0.75 * whole
    cells = file.read(columns=["cell"])["cell"].to_pylist()
    assert cells[0] == cell_hex(cube["cell"].values)[0]


def command(*arguments: object) -> Result:
    """Run ``htgeo export``."""
    app = typer.Typer()
    app.command()(export_command)
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def precinct_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, Path]:
    """A store whose places are precincts."""
    areas = ht.aggregate(ht.demo_cube()[["crime"]], "precinct").compute()
    path = tmp_path_factory.mktemp("areas") / "cube"
    ht.save_cube(areas, path)
    return areas, path


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "geojson", "parquet", "tif", "stac", "pmtiles"])
def test_export_command__shapes_of_areas(
    precinct_store: tuple[xr.Dataset, Path], city: Path, precincts: ht.Region, tmp_path: Path, suffix: str
) -> None:
    if suffix == "pmtiles":
        pytest.importorskip("pmtiles")
        pytest.importorskip("mapbox_vector_tile")
    areas, store = precinct_store
    out = tmp_path / f"a.{suffix}"
    days = ("--from", "2021-05-14", "--to", "2021-05-15")
    told = command(store, "--out", out, "--variables", "crime", *days, "--region", city / "precincts.geojson")
    assert told.exit_code == 0, told.output
    assert f"wrote {out}: crime, for internal use" in told.output
    values = areas["crime"].sel(time=DAYS)
    if suffix in ("tif", "stac"):
        with rasterio.open(out if suffix == "tif" else out / "2021-05-14.tif") as file:
            assert np.nansum(file.read(1).astype(float)) == pytest.approx(float(values[:, 0].sum()), rel=1e-3)
    elif suffix != "pmtiles":
        table = read(out, "precinct")
        wide = table.pivot_table(index="date", columns="precinct", values="crime")[values["precinct"].values]
        np.testing.assert_array_equal(wide.to_numpy(), values.transpose("time", "precinct").values)
        shape = dict(zip(precincts.names, precincts.geometries, strict=True))
        apart = [
            shapely.symmetric_difference(geometry, shape[name]).area
            for name, geometry in zip(table["precinct"], table.geometry, strict=True)
        ]
        assert max(apart) < 1e-6


def test_export_command__says_what_is_wrong_with_shapes(
    precinct_store: tuple[xr.Dataset, Path], city: Path, tmp_path: Path
) -> None:
    _, store = precinct_store
    where = (store, "--out", tmp_path / "a.gpkg", "--variables", "crime")
    boroughs = city / "boroughs.geojson"

    def fault(*arguments: object) -> str:
        wrong = command(*arguments).exception
        assert isinstance(wrong, HtgeoError)
        return str(wrong)

    assert "shapes of areas (precinct) are not in the cube; give region=" in fault(*where)
    assert "has no column 'precinct'" in fault(*where, "--region", boroughs)
    assert "the region has no precinct" in fault(*where, "--region", boroughs, "--name-column", "boro_name")
    assert "give that with --region" in fault(*where, "--name-column", "precinct")
    assert "no file" in fault(*where, "--region", tmp_path / "none.geojson")
    ht.save_cube(ht.demo_cube()[["crime"]], tmp_path / "cells")
    cells = (tmp_path / "cells", "--out", tmp_path / "a.qgz", "--variables", "crime", "--region", boroughs)
    assert command(*cells, "--name-column", "boro_name").exit_code == 0
    outlines = gpd.read_file(tmp_path / "a-layers.gpkg", layer="borough_outline")
    assert set(outlines["borough"]) == set(gpd.read_file(boroughs)["boro_name"])
    assert "there is no audience 'press'; allowed are internal, public" in fault(*where, "--audience", "press")
    assert "release counts instead" in fault(*where, "--audience", "public", "--region", city / "precincts.geojson")
    assert not (tmp_path / "a.gpkg").exists()


def test_export_command__public_forecasts_say_so(labelled: xr.Dataset, city: Path, tmp_path: Path) -> None:
    risk = ht.add_risk(labelled, ht.EwmaRate(half_life=30).fit(ht.split_time(labelled, "2021-05-01")[0]))
    ht.save_cube(ht.public_view(risk, "risk_ewma_rate", by="precinct"), tmp_path / "cube")
    names = ",".join(ht.open_cube(tmp_path / "cube").data_vars)
    out = tmp_path / "a.geojson"
    told = command(
        tmp_path / "cube",
        "--out",
        out,
        "--variables",
        names,
        "--audience",
        "public",
        "--region",
        city / "precincts.geojson",
    )
    assert told.exit_code == 0, (told.output, told.exception)
    assert "for public use" in told.output
    assert json.loads(out.read_text("utf-8"))["metadata"]["audience"] == "public"
