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
    totals, covered, around = cell_values(cells, raster, "sum")
    assert np.nansum(totals) == pytest.approx(window.values[window.known].sum(), rel=1e-6)
    assert around == pytest.approx(window.values[window.known].sum())
    means = cell_values(cells, raster, "mean").values
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
    for part, all_ in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, all_, rtol=1e-6)
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
    best, covered, _ = cell_values(cells, raster, "majority")
    is7 = read_raster(write(tmp_path / "is7.tif", (values == 7).astype(np.uint8)))
    share7 = cell_values(cells, is7, "mean").values
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
    void = read_raster(write(tmp_path / "void.tif", values, nodata=1))
    assert (void.report.kept, void.report.quarantined) == (0, 900)
    with pytest.raises(InputError, match=r"void.tif has no data on any cell of the cube.* Pixels of 1 have no data"):
        add_raster(cube, "void", void)
    with pytest.raises(InputError, match="takes one file, not 2; make one of tiles: gdalbuildvrt"):
        read_source("rasters", [noise, bare])
    far = read_raster(write(tmp_path / "far.tif", values, corner=(300000.0, 1000000.0)))
    with pytest.raises(InputError, match="has no data on any cell of the cube; it spans 300000 to 306000"):
        add_raster(cube, "far", far)
    cut = tmp_path / "cut.tif"
    cut.write_bytes(noise.read_bytes()[:9000])
    with pytest.raises(InputError, match=r"cut.tif cannot be read as a raster, or is damaged"):
        add_raster(cube, "cut", read_raster(cut))
    with rasterio.open(tmp_path / "turned.tif", "w", driver="GTiff", count=1, dtype="float32", width=30, height=30, crs=UTM, transform=rasterio.Affine(10, 3, 580000, 3, -10, 4520000)) as file:  # fmt: skip
        file.write(values, 1)
    with pytest.raises(InputError, match="warp it first: gdalwarp"):
        read_raster(tmp_path / "turned.tif")


def test_projection_without_code__keeps_its_total(tmp_path: Path) -> None:
    own = "+proj=laea +lat_0=40.7 +lon_0=-74 +x_0=1000 +y_0=2000 +ellps=bessel +towgs84=580,65,465 +units=us-ft"
    values = np.random.default_rng(2).gamma(2.0, 9.0, (40, 50))
    raster = read_raster(write(tmp_path / "own.tif", values, crs=own, corner=(0.0, 0.0), size=800.0))
    assert raster.crs.to_epsg() is None
    cells = cells_over(raster, 8)
    assert np.nansum(cell_values(cells, raster, "sum").values) == pytest.approx(values.sum(), rel=1e-6)


def test_nodata__not_a_number_and_undeclared(tmp_path: Path) -> None:
    values = np.full((20, 20), 5.0, np.float32)
    values[:5] = np.nan
    by_file = read_raster(write(tmp_path / "nan.tif", values, nodata=np.nan))
    cells = cells_over(by_file, 8)
    assert by_file.report.quarantined == 100
    assert np.nansum(cell_values(cells, by_file, "sum").values) == pytest.approx(5 * 300, rel=1e-6)
    for mark in (-9999, np.finfo(np.float32).min):
        values[:5] = mark
        path = write(tmp_path / "mark.tif", values)
        with pytest.raises(
            InputError, match=r"mark.tif does not declare its nodata value, and has pixels of -.*: give nodata=-"
        ):
            cell_values(cells, read_raster(path), "mean")
        told = read_raster(path, nodata=float(mark))
        assert np.nansum(cell_values(cells, told, "sum").values) == pytest.approx(5 * 300, rel=1e-6)


def test_bands__the_one_asked_for(tmp_path: Path) -> None:
    import rasterio

    path = write(tmp_path / "bands.tif", np.ones((10, 10), np.uint8))
    with rasterio.open(path) as file:
        profile = {**file.profile, "count": 3}
    with rasterio.open(path, "w", **profile) as file:
        for band in (1, 2, 3):
            file.write(np.full((10, 10), 10 * band, np.uint8), band)
    raster = read_raster(path, band=2)
    assert "band 2 of 3" in raster.report.notes
    assert np.nanmax(cell_values(cells_over(raster, 8), raster, "mean").values) == 20


def test_classes__have_no_mean(cube: xr.Dataset, tmp_path: Path) -> None:
    import rasterio

    path = write(tmp_path / "cover.tif", np.full((60, 60), 4, np.uint8))
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {4: (0, 90, 0, 255)})
    raster = read_raster(path)
    for how in (None, "sum", "mean"):
        with pytest.raises(InputError, match=r"cover.tif holds classes .*; join it by how='majority'"):
            add_raster(cube, "cover", raster, how)
    made = add_raster(cube, "cover", raster, "majority")["cover"]
    assert set(np.unique(made.values[~np.isnan(made.values)]).tolist()) == {4.0}


def test_damage__in_the_middle_and_missing_parts(cube: xr.Dataset, tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 900, (300, 300)).astype(np.int32)
    path = write(tmp_path / "packed.tif", values, compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    packed = bytearray(path.read_bytes())
    packed[len(packed) // 3 : len(packed) // 3 + 3000] = bytes(3000)
    path.write_bytes(packed)
    with pytest.raises(InputError, match=r"packed.tif cannot be read as a raster, or is damaged"):
        add_raster(cube, "people", read_raster(path))
    (tmp_path / "all.vrt").write_text(
        f"""<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>{UTM}</SRS><GeoTransform>580000,200,0,4520000,0,-200</GeoTransform>
        <VRTRasterBand dataType="Float32" band="1"><SimpleSource><SourceFilename relativeToVRT="1">gone.tif</SourceFilename>
        <SourceBand>1</SourceBand><SrcRect xOff="0" yOff="0" xSize="9" ySize="9"/><DstRect xOff="0" yOff="0" xSize="9" ySize="9"/>
        </SimpleSource></VRTRasterBand></VRTDataset>"""
    )
    with pytest.raises(InputError, match=r"all.vrt cannot be read as a raster, or is damaged: .*gone.tif"):
        add_raster(cube, "people", read_raster(tmp_path / "all.vrt"))
    nowhere = write(tmp_path / "nowhere.tif", values, crs='LOCAL_CS["mine",UNIT["metre",1]]')
    with pytest.raises(InputError, match=r"coordinate system of nowhere.tif, 'mine', has no place on earth"):
        read_raster(nowhere)


@pytest.mark.parametrize(("west", "place"), [(0.0, (-74.2, 40.5)), (-180.0, (-74.2, 40.5)), (0.0, (-0.2, 51.4)), (-180.0, (179.8, -17.0)), (0.0, (179.8, -17.0))])  # fmt: skip
def test_globe__longitudes_from_0_to_360_or_to_180(tmp_path: Path, west: float, place: tuple[float, float]) -> None:
    import shapely

    lon, lat = place
    values = np.random.default_rng(4).random((180, 360)).astype(np.float32)
    globe = read_raster(write(tmp_path / "globe.tif", values, crs="EPSG:4326", corner=(west, 90.0), size=1.0))
    region = ht.sources.make_region("zone", ["a"], np.array([shapely.box(lon, lat, lon + 0.4, lat + 0.4)]))
    cells = polygon_cells(region.outline, 7, "touch")
    column = int((lon - west) % 360), int((lon + 0.4 - west) % 360)
    wanted = values[int(90 - lat - 0.4) : int(90 - lat) + 1, column]
    got, covered, _ = cell_values(cells, globe, "mean")
    np.testing.assert_allclose(covered, 1.0, atol=1e-5)
    assert wanted.min() - 1e-6 <= got.min() <= got.max() <= wanted.max() + 1e-6


def test_file_larger_than_memory__only_the_pixels_around_the_cells_are_read(
    cube: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rasterio
    import shapely

    side, size = 40_000, 10.0
    corner = (580_000.0 - 150_000, 4_520_000.0 + 200_000)
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "width": side, "height": side, "crs": UTM, "transform": rasterio.Affine(size, 0, corner[0], 0, -size, corner[1]), "tiled": True, "sparse_ok": True, "BIGTIFF": "YES"}  # fmt: skip
    path = tmp_path / "country.tif"
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.ones((512, 512), np.float32), 1, window=rasterio.windows.Window(16_384, 20_480, 512, 512))
    assert path.stat().st_size < 10_000_000  # of 6.4 GB
    sizes: list[int] = []
    read = rasterio.io.DatasetReader.read

    def noting(self, *arguments, **options):
        found = read(self, *arguments, **options)
        sizes.append(found.size)
        return found

    monkeypatch.setattr(rasterio.io.DatasetReader, "read", noting, raising=False)
    raster = read_raster(path, how="sum")
    assert sizes == []
    people = add_raster(cube, "people", raster)["people"]
    assert max(sizes) <= rasters.WINDOW**2
    assert sum(sizes) < 0.05 * side**2
    assert people.attrs["total"] == 512**2
    assert float(people.sum(dtype=float)) == pytest.approx(512**2 - people.attrs["outside"], rel=1e-5)
    assert 0 <= people.attrs["outside"] < 0.5 * 512**2
    sizes.clear()
    near = read_source(
        "rasters", path, areas=[ht.sources.make_region("zone", ["a"], np.array([shapely.box(-74, 40.7, -73.9, 40.8)]))]
    )
    assert 0.002 * side**2 > near.report.rows == sum(sizes) > 0
    assert "only pixels in the bounds of the study area were looked at" in near.report.notes


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


@pytest.mark.parametrize(("resolution", "edge", "lost"), [(7, "touch", 1e-4), (8, "touch", 1e-3), (8, "center", 0.05)])
def test_people_of_the_city__reach_the_cells_or_are_told_as_outside(
    boroughs: ht.Region, tmp_path: Path, resolution: int, edge: str, lost: float
) -> None:
    from htgeo.cube.coords import empty_cube

    land = project(boroughs.geometries, parse_crs(UTM))
    grid = pixel_grid(land, parse_crs(UTM), 250.0)
    on_land = np.asarray(pixel_shares(land, grid).sum(axis=0)).reshape(grid.height, grid.width)
    people = (on_land * np.random.default_rng(8).gamma(2.0, 300.0, on_land.shape)).astype(np.float32)
    raster = read_raster(write(tmp_path / "people.tif", people, corner=(grid.west, grid.north), size=250.0), how="sum")
    days = {"start": "2021-01-01", "end": "2021-01-02"}
    cube = empty_cube(ht.make_grid(boroughs, resolution=resolution, edge=edge, **days))
    made = add_raster(cube, "people", raster)["people"]
    assert made.attrs["total"] == pytest.approx(people.sum(dtype=float), rel=1e-6)
    outside = made.attrs["total"] - float(made.sum(dtype=float))
    assert made.attrs["outside"] == pytest.approx(outside, abs=1)
    assert 0 <= outside / made.attrs["total"] < lost
    assert (
        f"{100 * made.attrs['outside'] / made.attrs['total']:.2g} % of what lies around them is in no cell"
        in made.attrs["long_name"]
    )
    assert "outside" not in add_raster(cube, "density", raster, "mean")["density"].attrs


def test_people_of_new_york__reach_the_cells(data: Path) -> None:
    from htgeo.cube.coords import empty_cube

    boroughs = ht.read_region(data / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")
    raster = read_raster(data / "rasters" / "nyc_population_250m.tif", how="sum")
    days = {"start": "2021-01-01", "end": "2021-01-02"}
    for edge, lost in (("touch", 422.6), ("center", 287_913.5)):
        made = add_raster(empty_cube(ht.make_grid(boroughs, resolution=8, edge=edge, **days)), "people", raster)[
            "people"
        ]
        assert made.attrs["total"] == pytest.approx(8_560_072, abs=1)
        assert made.attrs["outside"] == pytest.approx(lost, rel=0.01)
