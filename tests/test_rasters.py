"""Rasters reach the cells with their mass, in any coordinate system, without their missing pixels."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.rasters import add_raster
from htgeo.grid.cells import cell_areas, cell_polygons, polygon_cells
from htgeo.grid.pixels import cell_values, pixel_grid, pixel_shares, project
from htgeo.sources import rasters, read_source
from htgeo.sources.rasters import parse_crs, read_raster

UTM = "EPSG:32618"


def write(
    path: Path, values: np.ndarray, *, crs: str | None = UTM, corner: tuple[float, float] = (580000.0, 4520000.0), size: float = 200.0, upside_down: bool = False, **profile: object
) -> Path:  # fmt: skip
    import rasterio

    height, width = values.shape
    turn = rasterio.Affine(size, 0, corner[0], 0, -size, corner[1])
    if upside_down:
        turn, values = rasterio.Affine(size, 0, corner[0], 0, size, corner[1] - height * size), values[::-1]
    facts = {"driver": "GTiff", "count": 1, "dtype": values.dtype, "width": width, "height": height}
    with rasterio.open(path, "w", **facts, crs=crs, transform=turn, **profile) as file:
        file.write(values, 1)
    return path


def cells_over(raster: rasters.Raster, resolution: int) -> np.ndarray:
    import geopandas as gpd
    import shapely

    outline = shapely.segmentize(shapely.box(*raster.bounds), raster.pixel[0])
    return polygon_cells(gpd.GeoSeries([outline], crs=raster.crs).to_crs(4326)[0], resolution, "touch")


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """People by pixel, half of the pixels without data."""
    values = np.random.default_rng(1).gamma(2.0, 50.0, (60, 70)).astype(np.float32)
    values[:, 35:] = -9999
    return write(tmp_path / "people.tif", values, nodata=-9999)


def test_pixel_shares__equal_intersections() -> None:
    import shapely

    cells = polygon_cells(shapely.box(-73.99, 40.70, -73.95, 40.73), 8, "touch")
    hexagons = project(cell_polygons(cells), parse_crs(UTM))
    grid = pixel_grid(hexagons, parse_crs(UTM), 250.0)
    shares = pixel_shares(hexagons, grid)
    np.testing.assert_allclose(np.asarray(shares.sum(axis=1)).ravel() * 250.0**2, shapely.area(hexagons), rtol=1e-6)
    row, column = divmod(int(shares[[3]].indices[0]), grid.width)
    west, north = grid.west + column * 250, grid.north - row * 250
    pixel = shapely.box(west, north - 250, west + 250, north)
    wanted = shapely.area(shapely.intersection(hexagons[3], pixel)) / 250.0**2
    assert float(shares[[3]].data[0]) == pytest.approx(wanted, rel=1e-6)


def test_cell_values__sum_keeps_the_total_and_mean_stays_in_range(noise: Path) -> None:
    raster = read_raster(noise)
    cells = cells_over(raster, 8)
    (window,) = raster.windows()
    totals, covered = cell_values(cells, raster, "sum")
    assert np.nansum(totals) == pytest.approx(window.values[window.known].sum(), rel=1e-6)
    means, _ = cell_values(cells, raster, "mean")
    assert np.nanmin(means) >= window.values[window.known].min()
    np.testing.assert_array_equal(np.isnan(means), covered == 0)
    surface = float((covered * cell_areas(cells)).sum())
    assert surface == pytest.approx(60 * 35 * 0.04, rel=2e-3)  # km2 of the ellipsoid, not of the map
    assert (covered[~np.isnan(means)] <= 1).all()


def test_windows__any_size_gives_the_same(noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raster = read_raster(noise)
    cells = cells_over(raster, 8)
    whole = cell_values(cells, raster, "sum")
    monkeypatch.setattr(rasters, "WINDOW", 16)
    assert len(list(raster.windows())) == 4 * 5
    parts = cell_values(cells, raster, "sum")
    np.testing.assert_allclose(parts, whole, rtol=1e-6)
    near = [raster.bounds[0], raster.bounds[1], raster.bounds[0] + 300, raster.bounds[1] + 300]
    assert sum(w.values.size for w in raster.windows(near)) == 6  # of 4,200 pixels


def test_read__upside_down_scaled_and_not_a_number(tmp_path: Path) -> None:
    values = np.arange(1200, dtype=np.float32).reshape(30, 40)
    values[3, 4] = np.nan
    plain = read_raster(write(tmp_path / "plain.tif", values))
    turned = read_raster(write(tmp_path / "turned.tif", values, upside_down=True))
    assert plain.report.quarantined == turned.report.quarantined == 1
    cells = cells_over(plain, 9)
    np.testing.assert_allclose(cell_values(cells, turned, "mean")[0], cell_values(cells, plain, "mean")[0], rtol=1e-6)
    import rasterio

    with rasterio.open(tmp_path / "plain.tif", "r+") as file:
        file.scales, file.offsets = (0.1,), (5.0,)
    scaled = cell_values(cells, read_raster(tmp_path / "plain.tif"), "mean")[0]
    np.testing.assert_allclose(scaled, cell_values(cells, turned, "mean")[0] * 0.1 + 5, rtol=1e-6)


def test_majority__largest_part_wins_and_numbers_are_refused(tmp_path: Path, noise: Path) -> None:
    values = np.full((40, 40), 7, np.uint8)
    values[:, 13:] = 3
    raster = read_raster(write(tmp_path / "cover.tif", values), how="majority")
    cells = cells_over(raster, 8)
    best, covered = cell_values(cells, raster, "majority")
    share7, _ = cell_values(cells, read_raster(write(tmp_path / "is7.tif", (values == 7).astype(np.uint8))), "mean")
    inside = covered > 0
    np.testing.assert_array_equal(best[inside], np.where(share7[inside] > 0.5, 7, 3))
    assert {3.0, 7.0} == set(best[inside].tolist())
    with pytest.raises(InputError, match="more than 256 different values: join it by 'mean' or 'sum'"):
        cell_values(cells, read_raster(noise), "majority")


def test_nodata__zero_by_the_file_or_by_option(tmp_path: Path) -> None:
    values = np.full((20, 20), 500, np.uint16)
    values[:10] = 0
    by_file = read_raster(write(tmp_path / "a.tif", values, nodata=0))
    by_option = read_raster(write(tmp_path / "b.tif", values), nodata=0)
    ground = read_raster(tmp_path / "b.tif")
    assert by_file.report.quarantined == by_option.report.quarantined == 200
    assert ground.report.quarantined == 0
    cells = cells_over(by_file, 8)
    assert set(np.unique(cell_values(cells, by_option, "mean")[0]).round(6)[:-1]) <= {500.0}
    assert np.nanmin(cell_values(cells, ground, "mean")[0]) == 0


def test_add_raster__a_variable_that_says_what_it_covers(cube: xr.Dataset, noise: Path) -> None:
    made = ht.validate(add_raster(cube, "people", read_raster(noise, how="sum")))
    people = made["people"]
    assert people.dims == ("cell",)
    assert people.attrs["how"] == "sum"
    assert people.attrs["cells_without"] == int(people.isnull().sum()) > 0
    assert 0 < people.attrs["covered"] < 1
    with pytest.raises(CubeError, match="has a variable 'people' already"):
        add_raster(made, "people", read_raster(noise))
    with pytest.raises(InputError, match="joined by 'sum', 'mean', 'majority', not 'median'"):
        add_raster(cube, "other", read_raster(noise), "median")  # type: ignore[arg-type]


def test_read_raster__faults_are_told_with_their_repair(cube: xr.Dataset, tmp_path: Path, noise: Path) -> None:
    import rasterio

    values = np.ones((30, 30), np.float32)
    bare = write(tmp_path / "bare.tif", values, crs=None)
    with pytest.raises(InputError, match=r"does not say its coordinate system; give it, e.g. crs='EPSG:32618'"):
        read_raster(bare)
    assert read_raster(bare, crs=UTM).crs.to_epsg() == 32618
    with pytest.raises(InputError, match="no coordinate system 'EPSG:9'"):
        read_raster(bare, crs="EPSG:9")
    with pytest.raises(InputError, match="no band 2; it has 1"):
        read_raster(noise, band=2)
    with pytest.raises(InputError, match=r"there is no file .*; did you mean 'people.tif'"):
        read_raster(tmp_path / "peple.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match=r"text.tif cannot be read as a raster"):
        read_raster(tmp_path / "text.tif")
    with pytest.raises(InputError, match="has data; its nodata value is 1"):
        read_raster(write(tmp_path / "void.tif", values, nodata=1))
    with pytest.raises(InputError, match="takes one file, not 2; make one of tiles: gdalbuildvrt"):
        read_source("rasters", [noise, bare])
    far = read_raster(write(tmp_path / "far.tif", values, corner=(300000.0, 1000000.0)))
    with pytest.raises(InputError, match="has no data on any cell of the cube; it spans 300000 to 306000"):
        add_raster(cube, "far", far)
    cut = tmp_path / "cut.tif"
    cut.write_bytes(noise.read_bytes()[:9000])
    with pytest.raises(InputError, match="is damaged"):
        read_raster(cut)
    with rasterio.open(tmp_path / "turned.tif", "w", driver="GTiff", count=1, dtype="float32", width=30, height=30, crs=UTM, transform=rasterio.Affine(10, 3, 580000, 3, -10, 4520000)) as file:  # fmt: skip
        file.write(values, 1)
    with pytest.raises(InputError, match="warp it first: gdalwarp"):
        read_raster(tmp_path / "turned.tif")


@pytest.mark.parametrize(
    ("name", "resolution", "code", "masked"),
    [("nyc_population_250m", 8, 32618, None), ("cog", 5, None, 0.295), ("small_dem_3m_merged", 10, 26915, 0.371)],
)
def test_real_rasters__total_kept_and_missing_left_out(
    data: Path, name: str, resolution: int, code: int | None, masked: float | None
) -> None:
    raster = read_raster(data / "rasters" / f"{name}.tif")
    assert raster.crs.to_epsg() == code
    if masked is not None:
        assert raster.report.quarantined / raster.report.rows == pytest.approx(masked, abs=5e-4)
    total = sum(float(w.values[w.known].sum()) for w in raster.windows())
    cells = cells_over(raster, resolution)
    assert np.nansum(cell_values(cells, raster, "sum")[0]) == pytest.approx(total, rel=1e-6)
    if name == "nyc_population_250m":
        assert total == pytest.approx(8_560_072, abs=1)
    if name == "small_dem_3m_merged":
        assert np.nanmin(cell_values(cells, raster, "mean")[0]) >= 29_332
