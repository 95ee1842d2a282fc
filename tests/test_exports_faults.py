"""What goes wrong while a file is written: whatever the format, a clear error, and nothing half-written."""

import os
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, StoreError
from htgeo.cube.schema import stamp
from htgeo.export.base import EXPORTS
from htgeo.grid.cells import cell_areas, cell_centers, cell_hex, disk_cells, points_to_cells

DAYS = slice("2021-05-01", "2021-05-20")
DAY = "2021-05-14"
PAGE = 4096
"""What a disk in memory counts in."""
SHAPED = ("gpkg", "fgb", "geojson", "parquet")


@pytest.fixture(scope="module")
def plain() -> xr.Dataset:
    """A cube with one variable in memory."""
    return ht.demo_cube()[["crime"]].compute()


@pytest.fixture(params=list(EXPORTS))
def suffix(request: pytest.FixtureRequest, plain: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Each format whose packages are installed."""
    try:
        ht.export(plain, tmp_path_factory.mktemp("installed") / f"a.{request.param}", "crime")
    except InputError as error:
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))
    return str(request.param)


def files(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, to any depth, by name."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@contextmanager
def disk(folder: Path, pages: int) -> Iterator[None]:
    """Mount a disk of a few pages inside the block; skip where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={max(pages, 1) * PAGE}", "tmpfs", str(folder)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:  # noqa: PLW1510
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def short_files(size: int) -> Iterator[None]:
    """Let no file grow beyond a size inside the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def breaking(cube: xr.Dataset, error: Exception, watched: Path | None = None) -> tuple[xr.Dataset, list[dict]]:
    """Return a cube whose second block of ``crime`` raises, and what lay in a folder at that moment."""
    seen: list[dict] = []

    def make(values: np.ndarray, block_id: tuple[int, ...] = ()) -> np.ndarray:
        if block_id[0] == 1:
            if watched is not None:
                seen.append({name: data for name, data in files(watched).items() if not name.startswith(".part-")})
            raise error
        return values

    lazy = da.from_array(cube["crime"].values, chunks=(50, -1)).map_blocks(
        make, dtype=np.float32, meta=np.empty((0, 0))
    )
    return cube.assign(crime=cube["crime"].copy(data=lazy)), seen


def test_full_disk__all_or_nothing(plain: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / "whole"
    ht.export(plain, whole / f"a.{suffix}", "crime", time=DAYS)
    complete = files(whole)
    pages = sum(-(-len(data) // PAGE) for data in complete.values())
    small = tmp_path / "small"
    faults = 0
    rooms = {max(int(pages * part), 1) for part in (0.1, 0.4, 0.7, 0.9, 1.5)} | {pages - 1, pages, 3 * pages}
    for room in sorted(rooms - {0}):
        with disk(small, room + 1):
            (small / "other").write_bytes(bytes(PAGE + (PAGE * room if room < 2 else 0) - 1))
            try:
                ht.export(plain, small / f"a.{suffix}", "crime", time=DAYS)
            except InputError as error:
                faults += 1
                assert re.search("cannot be written.*(has no space left: make room|check the space left)", str(error))  # noqa: PT017
                assert [file.name for file in small.iterdir()] == ["other"]
            else:
                assert {name: data for name, data in files(small).items() if name != "other"} == complete
    assert faults


@pytest.mark.parametrize("name", ["a.tif", "a.stac"])
def test_full_disk__no_room_for_the_values_of_a_raster(plain: xr.Dataset, tmp_path: Path, name: str) -> None:
    """A mapped file would end the process here."""
    small = tmp_path / "small"
    with disk(small, 4):
        with pytest.raises(InputError, match=r"No space left on device; .* has no space left: make room"):
            ht.export(plain, small / name, "crime", time=slice("2021-01-01", "2021-03-31"))
        assert list(small.iterdir()) == []


def test_files_that_cannot_grow__leave_nothing(plain: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    for size in (100, 600):
        with short_files(size), pytest.raises(InputError, match=rf"/a\.{suffix}' cannot be written: "):
            ht.export(plain, tmp_path / f"a.{suffix}", "crime", time=DAYS)
        assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file__says_so(plain: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=rf"file/a\.{suffix}' cannot be written: (Not a directory|File exists)"):
        ht.export(plain, tmp_path / "file" / f"a.{suffix}", "crime")
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        ht.export(plain, tmp_path / f"{'a' * 300}.{suffix}", "crime")
    assert files(tmp_path) == {"file": b""}


def test_empty_selection__says_what_there_is(plain: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(InputError, match="borough has no area 'Quens'; did you mean 'Queens'"):
        ht.export(plain, path, "crime", area={"borough": "Quens"})
    with pytest.raises(InputError, match="no region layer 'boro'; did you mean 'borough'"):
        ht.export(plain, path, "crime", area={"boro": "Queens"})
    both = {"borough": "Queens", "precinct": str(plain["precinct"].values[plain["borough"].values == "Bronx"][0])}
    with pytest.raises(InputError, match=r"no place of the cube lies in .*'borough': 'Queens'.*; nothing was written"):
        ht.export(plain, path, "crime", area=both)
    with pytest.raises(InputError, match="the cube has no places"):
        ht.export(plain.isel(cell=[]), path, "crime")
    with pytest.raises(InputError, match="the cube has no days"):
        ht.export(plain.isel(time=[]), path, "crime")
    with pytest.raises(CubeError, match="the cube has no day 2031-01-01; it has 2021-01-01 to 2021-06-30"):
        ht.export(plain, path, "crime", time="2031-01-01")
    with pytest.raises(InputError, match="no variable to export"):
        ht.export(plain, path, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError("a block is damaged"), StoreError("a block is damaged")])
def test_error_midway__is_told_as_it_is_and_leaves_nothing(
    plain: xr.Dataset, tmp_path: Path, suffix: str, error: Exception
) -> None:
    broken, _ = breaking(plain, error)
    with pytest.raises(type(error), match="a block is damaged"):
        ht.export(broken, tmp_path / f"a.{suffix}", "crime", time=DAYS)
    assert list(tmp_path.iterdir()) == []


def test_existing_file__is_replaced_only_when_complete(plain: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    ht.export(plain, path, "crime", time="2021-05-14")
    before = files(tmp_path)
    if path.is_dir():
        with pytest.raises(InputError, match="is a folder that exists already; choose another name"):
            ht.export(plain, path, "crime", time="2021-05-15")
        assert files(tmp_path) == before
        return
    broken, seen = breaking(plain, RuntimeError("a block is damaged"), tmp_path)
    with pytest.raises(RuntimeError, match="a block is damaged"):
        ht.export(broken, path, "crime", time="2021-05-15")
    assert seen == [before]
    assert files(tmp_path) == before
    ht.export(plain, path, "crime", time="2021-05-15")
    ht.export(plain, tmp_path / "new" / path.name, "crime", time="2021-05-15")
    new = files(tmp_path / "new")
    assert {name: data for name, data in files(tmp_path).items() if not name.startswith("new")} == new
    assert new != before


def test_folder_in_the_place_of_a_file_beside__nothing_is_touched(
    plain: xr.Dataset, tmp_path: Path, suffix: str
) -> None:
    ht.export(plain, tmp_path / "first" / f"a.{suffix}", "crime")
    beside = [file.name for file in (tmp_path / "first").iterdir() if file.name != f"a.{suffix}"]
    for name in beside:
        folder = tmp_path / name
        (folder / name).mkdir(parents=True)
        with pytest.raises(InputError, match=f"{re.escape(name)}', which goes with it, is a folder that exists"):
            ht.export(plain, folder / f"a.{suffix}", "crime")
        assert [file.name for file in folder.iterdir()] == [name]
    assert len(beside) == {"tif": 1, "csv": 1, "pmtiles": 1, "qgz": 1}.get(suffix, 0)


NASTY = [
    "=1+1",
    "-2",
    "@x",
    "two words",
    'qu"ote',
    "it's",
    "new\nline",
    "Ünï ☃",
    "#%&?",
    "a;DROP TABLE crime;--",
    "a,b",
    "<b>",
]


@pytest.fixture(scope="module")
def nasty(plain: xr.Dataset) -> xr.Dataset:
    """A cube whose boroughs have names that break something somewhere."""
    names = np.array(NASTY)[np.arange(plain.sizes["cell"]) % len(NASTY)]
    return plain.assign_coords(borough=("cell", names)).isel(time=slice(-2, None))


def rows(path: Path) -> pd.DataFrame:
    """Return the first layer of a file without shapes, ordered by day and cell."""
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype={"cell": str})
    else:
        import pyogrio

        table = gpd.read_parquet(path) if path.suffix == ".parquet" else pyogrio.read_dataframe(path, layer=0)
        table = pd.DataFrame(table.drop(columns="geometry"))
    return table.assign(date=table["date"].astype(str)).sort_values(["date", "cell"], ignore_index=True)


def wanted(cube: xr.Dataset, name: str) -> np.ndarray:
    """Return the values of a variable in the order of `rows`."""
    return np.asarray(cube[name].transpose("time", "cell").values.ravel())


@pytest.mark.parametrize("suffix", [*SHAPED, "csv"])
def test_nasty_text_in_areas__comes_back(nasty: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    path = ht.export(nasty, tmp_path / f'-it\'s "50%" #1 ünï.{suffix}', "crime", time=slice(None))
    table = rows(path)
    harmless = [f"'{name}" if name[0] in "=-@" else name for name in NASTY] if suffix == "csv" else NASTY
    by_name = dict(zip(NASTY, harmless, strict=True))
    assert table["borough"].tolist() == [by_name[name] for name in np.tile(nasty["borough"].values, 2).tolist()]
    np.testing.assert_array_equal(table["crime"].to_numpy(), wanted(nasty, "crime"))
    one = ht.export(nasty, tmp_path / f"one.{suffix}", "crime", area={"borough": "a;DROP TABLE crime;--"})
    assert set(rows(one)["borough"]) == {"a;DROP TABLE crime;--"}


@pytest.mark.parametrize("name", [*NASTY, "Crime", "select", "x" * 70])
@pytest.mark.parametrize("suffix", [*SHAPED, "csv"])
def test_nasty_names_of_variables__come_back_or_are_refused(
    nasty: xr.Dataset, tmp_path: Path, suffix: str, name: str
) -> None:
    cube, path = nasty.rename(crime=name), tmp_path / f"a.{suffix}"
    if suffix == "gpkg" and (name[0] in "=-@" or {"#", "<"} & set(name)):
        with pytest.raises(InputError, match="layer"):
            ht.export(cube, path, name, time=slice(None))
        assert list(tmp_path.iterdir()) == []
        ht.export(cube, path, name, time=slice(None), layer="risk")
    else:
        ht.export(cube, path, name, time=slice(None))
    column = f"'{name}" if suffix == "csv" and name[0] in "=-@" else name
    np.testing.assert_array_equal(rows(path)[column].to_numpy(), wanted(nasty, "crime"))


@pytest.mark.parametrize("name", ["", " ", "a/b", "../up", "a\\b", "date", "geometry", "GEOM", "fid", "bbox"])
def test_names_that_no_file_can_hold__are_refused(plain: xr.Dataset, tmp_path: Path, suffix: str, name: str) -> None:
    cube = plain.rename(crime=name) if name else plain.assign({"": plain["crime"]})
    with pytest.raises(InputError, match=r"a file cannot hold a variable called .*; rename it: cube\.rename"):
        ht.export(cube, tmp_path / "a" / f"a.{suffix}", name)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def fiji(plain: xr.Dataset) -> xr.Dataset:
    """Cells on both sides of the 180th meridian."""
    cells = disk_cells(int(points_to_cells(np.array([180.0]), np.array([-17.0]), 7)[0]), 3)
    lon, lat = cell_centers(cells)
    counts = (np.arange(len(cells) * 3).reshape(-1, 3) + 1).astype(np.float32)
    coords = {
        "cell": ("cell", cells, {"grid_name": "h3", "level": 7}),
        "time": plain["time"].values[-3:],
        "lon": ("cell", lon),
        "lat": ("cell", lat),
        "cell_area": ("cell", cell_areas(cells)),
    }
    made = xr.Dataset(coords=coords, attrs={**plain.attrs, "resolution": 7, "layers": []})
    return made.assign(
        crime=stamp(xr.DataArray(counts, dims=("cell", "time")), "crime", "count", "events", "crimes"),
        rate=stamp(xr.DataArray(counts, dims=("cell", "time")), "rate", "feature", "1", "rate"),
    )


@pytest.mark.parametrize("suffix", SHAPED)
def test_antimeridian__cells_are_cut_in_two(fiji: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    import pyogrio

    path = ht.export(fiji, tmp_path / f"a.{suffix}", "crime")
    table = gpd.read_parquet(path) if suffix == "parquet" else pyogrio.read_dataframe(path, layer=0)
    shapes = table.set_index("cell").loc[cell_hex(fiji["cell"].values)].geometry.to_numpy()
    parts, place = shapely.get_parts(shapes, return_index=True)
    west, _, east, _ = shapely.bounds(parts).T
    assert (east - west).max() < 0.1
    assert (shapely.total_bounds(shapes)[[0, 2]] == [-180, 180]).all()
    assert shapely.is_valid(shapes).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(parts)).all()
    assert sorted(set(np.bincount(place).tolist())) == [1, 2]
    metres = shapely.area(shapely.transform(parts, lambda xy: np.column_stack(_equal_area(*xy.T))))
    np.testing.assert_allclose(np.bincount(place, metres) / 1e6, fiji["cell_area"].values, rtol=0.01)


@pytest.mark.parametrize("suffix", SHAPED)
def test_pole__cells_are_valid(fiji: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    import pyogrio

    cells = disk_cells(int(points_to_cells(np.array([10.0]), np.array([90.0]), 7)[0]), 1)
    few = fiji.isel(cell=slice(len(cells))).assign_coords(cell=("cell", cells, fiji["cell"].attrs))
    path = ht.export(few, tmp_path / f"a.{suffix}", "crime")
    table = gpd.read_parquet(path) if suffix == "parquet" else pyogrio.read_dataframe(path, layer=0)
    assert table.is_valid.all()
    assert table.union_all().bounds[3] == 90
    assert shapely.area(table.geometry).sum() == pytest.approx(table.union_all().area, rel=1e-6)


def _equal_area(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points in the cylindrical equal-area projection, in metres on the sphere of H3."""
    radius = 6_371_007.181
    return radius * np.radians(lon), radius * np.sin(np.radians(lat))


@pytest.mark.parametrize("suffix", ["csv", "npz", "nc", "zarr"])
def test_antimeridian__tables_and_arrays_have_no_shapes(fiji: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    if suffix == "nc":
        pytest.importorskip("h5netcdf")
    path = ht.export(fiji, tmp_path / f"a.{suffix}", "crime")
    if suffix == "csv":
        found = rows(path)["crime"].to_numpy()
    elif suffix == "npz":
        found = np.load(path)["data"].ravel()
    else:
        opened = xr.open_zarr(path, consolidated=False) if suffix == "zarr" else xr.open_dataset(path)
        found = opened["crime"].values.ravel()
        assert opened["lon"].values.tolist() == fiji["lon"].values.tolist()
    np.testing.assert_array_equal(found, fiji["crime"].values[:, -1])


@pytest.mark.parametrize("crs", [None, "EPSG:3460", "EPSG:4326"])
def test_antimeridian__rasters_are_whole(fiji: xr.Dataset, tmp_path: Path, crs: str | None) -> None:
    from pyproj import Transformer

    total = ht.export(fiji, tmp_path / "crime.tif", "crime", crs=crs)
    rate = ht.export(fiji, tmp_path / "rate.tif", "rate", crs=crs)
    with rasterio.open(total) as file:
        assert max(file.shape) < 300
        assert np.nansum(file.read(1).astype(float)) == pytest.approx(float(fiji["crime"][:, -1].sum()), rel=1e-4)
    with rasterio.open(rate) as file:
        lon = fiji["lon"].values % 360 if crs == "EPSG:4326" else fiji["lon"].values
        change = Transformer.from_crs("EPSG:4326", file.crs.to_wkt(), always_xy=True)
        points = (
            np.column_stack([lon, fiji["lat"].values])
            if crs == "EPSG:4326"
            else np.column_stack(change.transform(lon, fiji["lat"].values))
        )
        found = [value[0] for value in file.sample(points)]
    np.testing.assert_allclose(found, fiji["rate"].values[:, -1], rtol=1e-6)


def test_antimeridian__one_cell_lies_in_the_zone_beside_it(fiji: xr.Dataset, tmp_path: Path) -> None:
    middle = int(points_to_cells(np.array([180.0]), np.array([-17.0]), 7)[0])
    with rasterio.open(ht.export(fiji.sel(cell=[middle]), tmp_path / "a.tif", "crime")) as file:
        assert file.crs.to_epsg() in (32701, 32760)
        assert max(file.shape) < 50


@pytest.mark.parametrize("suffix", ["tif", "stac"])
def test_antimeridian__a_projection_that_tears_cells_is_refused(fiji: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match=r"tears 7 of 37 places apart.*leave crs= out"):
        ht.export(fiji, tmp_path / f"a.{suffix}", "crime", crs="EPSG:3857")
    assert list(tmp_path.iterdir()) == []
