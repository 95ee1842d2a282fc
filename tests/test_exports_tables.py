"""GeoParquet, Parquet and CSV: exact values, block by block, the same bytes, clear errors."""

import datetime as dt
import json
import sys
from pathlib import Path

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import shapely
import typer
import xarray as xr
from click.testing import Result
from conftest import no_compute
from typer.testing import CliRunner

import htgeo as ht
from htgeo.cli.export import export as command
from htgeo.core.errors import CubeError, InputError
from htgeo.export.product import choose
from htgeo.grid.cells import cell_hex

ALL = slice(None, None)


def as_array(table: pd.DataFrame, cube: xr.Dataset, name: str) -> np.ndarray:
    """Return a column as (cell, time) of the cube."""
    wide = table.pivot_table(index="cell", columns="date", values=name, observed=True, aggfunc="sum")
    return wide.loc[cell_hex(cube["cell"].values).tolist()].to_numpy()


def in_blocks(cube: xr.Dataset, made: list[int], fail_at: int = 99) -> xr.Dataset:
    """Return a cube whose variable ``risk`` notes which block is made, and breaks at one."""

    def make(values: np.ndarray, block_id: tuple[int, ...] = ()) -> np.ndarray:
        made.append(block_id[0])
        if block_id[0] == fail_at:
            message = "the block is damaged"
            raise RuntimeError(message)
        return values

    shape = (cube.sizes["cell"], cube.sizes["time"])
    lazy = da.zeros(shape, chunks=(20, -1), dtype=np.float32).map_blocks(make, dtype=np.float32, meta=np.empty((0, 0)))
    return cube.drop_vars(list(cube.data_vars)).assign(risk=(("cell", "time"), lazy))


def geo_of(path: Path) -> dict[str, object]:
    return json.loads(pq.ParquetFile(path).metadata.metadata[b"geo"])


def test_geoparquet__holds_ids_days_values_and_polygons_exactly(cube, tmp_path):
    path = ht.export(cube, tmp_path / "a.parquet", ["crime", "crime_known"], time=ALL)
    table = gpd.read_parquet(path)
    assert table.columns.tolist() == ["cell", "borough", "precinct", "date", "crime", "crime_known", "geometry"]
    assert len(table) == cube.sizes["cell"] * cube.sizes["time"]
    assert set(table["cell"]) == set(cell_hex(cube["cell"].values))
    assert type(table["date"][0]) is dt.date
    assert table["crime"].dtype == np.float32
    for name in ("crime", "crime_known"):
        np.testing.assert_array_equal(as_array(table, cube, name), cube[name].values)
    assert sorted(set(table["date"])) == [d.item() for d in cube["time"].values.astype("datetime64[D]")]
    one = table.drop_duplicates("cell").set_index("cell").loc[cell_hex(cube["cell"].values)]
    shapes = choose(cube, ["crime"], time=None, area=None, audience="internal", region=None).shapes()
    assert shapely.equals(one.geometry.values, shapes).all()
    assert one["borough"].tolist() == cube["borough"].values.tolist()


def test_geoparquet__metadata_by_the_specification(cube, tmp_path):
    path = ht.export(cube, tmp_path / "a.parquet", "crime", time=ALL)
    geo = geo_of(path)
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    assert list(geo["columns"]) == ["geometry"]
    column = geo["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Polygon"]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 4326}
    sides = ["xmin", "ymin", "xmax", "ymax"]
    assert column["covering"] == {"bbox": {side: ["bbox", side] for side in sides}}
    schema = pq.read_schema(path)
    assert [schema.field("bbox").type.field(i).name for i in range(4)] == sides
    assert str(schema.field("date").type) == "date32[day]"
    table = gpd.read_parquet(path)
    assert table.crs == "EPSG:4326"
    np.testing.assert_array_equal(column["bbox"], table.total_bounds)
    boxes = pq.read_table(path, columns=["bbox"])["bbox"].combine_chunks().flatten()
    np.testing.assert_array_equal(np.transpose(boxes), table.bounds.to_numpy())
    west, south, east, north = table.total_bounds
    corner = gpd.read_parquet(path, bbox=(west, south, (west + east) / 2, (south + north) / 2))
    assert 0 < len(corner) < len(table)


def test_geoparquet__says_what_it_is_for(cube, tmp_path):
    path = ht.export(cube, tmp_path / "a.parquet", "crime")
    facts = {k.decode(): v.decode() for k, v in pq.ParquetFile(path).metadata.metadata.items()}
    assert facts["audience"] == "internal"
    assert "Not for stops" in facts["intended_use"]
    assert facts["resolution"] == "7"
    assert json.loads(facts["variables"])["crime"]["units"] == "1"


def test_geoparquet__row_groups_of_the_advised_size(cube, tmp_path):
    tiles = choose(cube, ["crime"], time=ALL, area=None, audience="internal", region=None)
    many = xr.concat([cube.assign_coords(time=cube["time"] + np.timedelta64(200 * i, "D")) for i in range(12)], "time")
    path = ht.export(many, tmp_path / "a.parquet", "crime", time=ALL)
    about = pq.ParquetFile(path).metadata
    sizes = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
    assert sum(sizes) == 12 * tiles.rows
    assert len(sizes) > 2
    assert all(50_000 <= size <= 150_000 for size in sizes)
    assert about.row_group(0).column(0).compression == "ZSTD"


def test_geoparquet__by_month(cube, tmp_path):
    path = ht.export(cube, tmp_path / "a.parquet", "crime", time=slice("2021-02-10", "2021-04-03"), partition="month")
    files = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
    assert files == [f"month=2021-{month}/part-0.parquet" for month in ("02", "03", "04")]
    february = gpd.read_parquet(path / "month=2021-02" / "part-0.parquet")
    assert {date.month for date in february["date"]} == {2}
    table = ds.dataset(path, partitioning="hive").to_table().to_pandas()
    assert (table["date"].astype(str).str[:7] == table["month"].astype(str)).all()
    expected = cube["crime"].sel(time=slice("2021-02-10", "2021-04-03")).values
    np.testing.assert_array_equal(as_array(table, cube, "crime"), expected)
    np.testing.assert_array_equal(as_array(gpd.read_parquet(path), cube, "crime"), expected)


def test_geoparquet__large_tables_are_partitioned_unless_told_otherwise(cube, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["htgeo.export.parquet"], "ONE_FILE_ROWS", 1000)
    assert ht.export(cube, tmp_path / "a.parquet", "crime", time=ALL).is_dir()
    assert ht.export(cube, tmp_path / "b.parquet", "crime", time=ALL, partition="none").is_file()
    assert ht.export(cube, tmp_path / "c.parquet", "crime").is_file()


def test_parquet__without_shapes(cube, tmp_path):
    path = ht.export(cube, tmp_path / "a.parquet", "crime", geometry=False, area={"borough": "Queens"})
    table = pd.read_parquet(path)
    assert table.columns.tolist() == ["cell", "borough", "precinct", "date", "crime"]
    assert set(table["borough"]) == {"Queens"}
    assert b"geo" not in pq.ParquetFile(path).metadata.metadata


@pytest.mark.parametrize("geometry", [True, False])
def test_parquet__other_types_and_no_days(cube, tmp_path, geometry):
    place = cube["crime"].sum("time").compute()
    cube = cube.assign(total=place.astype("int32"), any=place > 5)
    table = pq.read_table(ht.export(cube, tmp_path / "a.parquet", ["total", "any"], geometry=geometry))
    assert "date" not in table.column_names
    assert str(table.schema.field("any").type) == "bool"
    np.testing.assert_array_equal(table["total"].to_numpy(), cube["total"].values)
    np.testing.assert_array_equal(table["any"].to_numpy(), cube["any"].values)


def test_parquet__areas_need_shapes_or_none(cube, boroughs, tmp_path):
    areas = ht.aggregate(cube, "borough")
    name = str(next(iter(areas.data_vars)))
    with pytest.raises(CubeError, match="give region="):
        ht.export(areas, tmp_path / "a.parquet", name)
    path = ht.export(areas, tmp_path / "a.parquet", name, region=boroughs)
    assert set(gpd.read_parquet(path)["borough"]) == set(areas["borough"].values.tolist())
    assert set(geo_of(path)["columns"]["geometry"]["geometry_types"]) <= {"Polygon", "MultiPolygon"}
    plain = pd.read_parquet(ht.export(areas, tmp_path / "b.parquet", name, geometry=False))
    np.testing.assert_array_equal(plain[name].to_numpy(), areas[name].isel(time=-1).values)


def test_csv__text_that_would_run_is_made_harmless(cube, tmp_path):
    names = np.where(cube["borough"].values == "Queens", "=cmd()", cube["borough"].values.astype(object)).astype(str)
    cube = cube.assign_coords(borough=("cell", names)).assign(crime=-1 - cube["crime"])
    table = pd.read_csv(ht.export(cube, tmp_path / "a.csv", "crime"), dtype={"cell": str})
    assert "'=cmd()" in set(table["borough"])
    assert not table["borough"].str.startswith("=").any()
    np.testing.assert_array_equal(table["crime"].to_numpy(), cube["crime"].isel(time=-1).values)
    assert table["cell"].tolist() == cell_hex(cube["cell"].values).tolist()


def test_csv__says_what_it_is_for_beside_it(cube, tmp_path):
    path = ht.export(cube, tmp_path / "a.csv", "crime")
    facts = json.loads((tmp_path / "a.csv-metadata.json").read_text())
    assert facts["url"] == path.name
    assert "Not for stops" in facts["dc:description"]
    assert facts["notes"][0]["audience"] == "internal"
    named = [column["name"] for column in facts["tableSchema"]["columns"]]
    assert named == pd.read_csv(path).columns.tolist()


def test_choose__computes_nothing(cube):
    with no_compute():
        product = choose(cube, ["crime"], time=ALL, area={"borough": "Queens"}, audience="internal", region=None)
        assert product.rows > 0
        assert product.about()["audience"] == "internal"


def test_blocks__are_made_one_at_a_time(cube):
    made: list[int] = []
    product = choose(in_blocks(cube, made), ["risk"], time=ALL, area=None, audience="internal", region=None)
    assert made == []
    for number, (table, place) in enumerate(product.blocks()):
        assert made == list(range(number + 1))
        assert len(table) == len(place) == len(set(place)) * cube.sizes["time"]
    assert number == -(-cube.sizes["cell"] // 20) - 1


def test_blocks__cut_what_is_in_memory(cube, monkeypatch):
    monkeypatch.setattr(sys.modules["htgeo.export.product"], "MAX_BLOCK_VALUES", 10 * cube.sizes["time"])
    product = choose(cube.compute(), ["crime"], time=ALL, area=None, audience="internal", region=None)
    assert max(len(table) for table, _ in product.blocks()) == 10 * cube.sizes["time"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.parquet", {}), ("a.parquet", {"partition": "month"}), ("a.csv", {}), ("a.nc", {}), ("a.zarr", {})],
)
def test_export__a_broken_run_leaves_nothing(cube, tmp_path, name, options):
    made: list[int] = []
    with pytest.raises(RuntimeError, match="the block is damaged"):
        ht.export(in_blocks(cube, made, fail_at=2), tmp_path / name, "risk", time=ALL, **options)
    assert made[:2] == [0, 1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.parquet", {}), ("a.parquet", {"partition": "month"}), ("a.csv", {}), ("a.nc", {}), ("a.zarr", {})],
)
def test_export__same_bytes_twice(cube, tmp_path, name, options):
    first, second = (
        ht.export(cube, tmp_path / folder / name, ["crime", "crime_known"], time=ALL, **options) for folder in "xy"
    )
    assert _bytes(first)
    assert _bytes(first) == _bytes(second)


def _bytes(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.nc", "a.zarr"])
def test_export__clear_messages(cube, tmp_path, name):
    path = tmp_path / name
    with pytest.raises(InputError, match="no area 'Quens'; did you mean 'Queens'"):
        ht.export(cube, path, "crime", area={"borough": "Quens"})
    with pytest.raises(InputError, match="nothing was written"):
        ht.export(cube.isel(cell=cube["borough"].values == "Bronx"), path, "crime", area={"borough": "Queens"})
    with pytest.raises(InputError, match=f"the export '{path.suffix[1:]}' has no option 'colour'"):
        ht.export(cube, path, "crime", colour="red")
    path.mkdir()
    with pytest.raises(InputError, match="is a folder that exists already"):
        ht.export(cube, path, "crime")
    path.rmdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        ht.export(cube, tmp_path / "file" / name, "crime")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_parquet__unknown_partition(cube, tmp_path):
    with pytest.raises(InputError, match=r"option 'partition'.*given: 'week'"):
        ht.export(cube, tmp_path / "a.parquet", "crime", partition="week")


def test_export_command__writes_and_tells(cube, tmp_path):
    ht.save_cube(cube, tmp_path / "city.cube")
    out = tmp_path / "a.parquet"
    where = [str(tmp_path / "city.cube"), "--out", str(out), "--variables", "crime, crime_known"]
    days = ["--from", "2021-02-01", "--to", "2021-03-02", "--area", "borough=Queens", "--area", "borough=Bronx"]
    told = _command(*where, *days, "--option", "partition=month")
    assert told.exit_code == 0, told.output
    assert f"wrote {out}: crime, crime_known, for internal use" in told.output
    table = ds.dataset(out, partitioning="hive").to_table().to_pandas()
    assert set(table["borough"]) == {"Bronx", "Queens"}
    assert len(set(table["date"])) == 30
    where[2] = str(tmp_path / "b.parquet")
    wrong = _command(*where, "--area", "Queens").exception
    assert isinstance(wrong, InputError)
    assert str(wrong) == "--area 'Queens' is no name=value; write --area borough=Queens"
    wrong = _command(*where, "--option", "time=2021").exception
    assert isinstance(wrong, InputError)
    assert "--option time is no option of a format" in str(wrong)
    assert not (tmp_path / "b.parquet").exists()


def _command(*arguments: str) -> Result:
    """Run the command."""
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, arguments)
