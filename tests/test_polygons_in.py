"""Numbers of areas, places and lines joined to cells: mass is kept, what lies outside is told."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.lines import EARTH_KM, add_lines
from htgeo.grid.cells import cell_areas, cell_polygons, disk_cells, points_to_cells
from htgeo.grid.shares import cell_shares, cell_totals
from htgeo.sources.antimeridian import cut_at_antimeridian
from htgeo.sources.lines import Lines, read_lines
from htgeo.sources.region import make_region

DAYS = {"start": "2021-01-01", "end": "2021-01-31"}
PEOPLE = {"tract_people": "sum"}


def with_numbers(region: ht.Region, **numbers: np.ndarray) -> ht.Region:
    return ht.Region(region.layer, region.names, region.geometries, region.notes, numbers)


def lines_of(*shapes: shapely.Geometry) -> Lines:
    report = ht.RowReport("test", (), len(shapes), len(shapes), 0, 0, {}, {})
    return Lines(np.array(shapes, dtype=object), report)


@given(seed=st.integers(0, 2**16))
def test_totals__are_kept_inside_and_told_outside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    west, south = -74.1, 40.6
    boxes = [shapely.box(west + x, south + y, west + x + 0.03, south + y + 0.03) for x, y in rng.random((6, 2)) * 0.1]
    region = make_region("zone", [str(n) for n in range(6)], np.array(boxes))
    people = np.array([*rng.integers(0, 9000, 5), np.nan], float)
    study = make_region("study", ["all"], np.array([shapely.box(west, south, west + 0.2, south + 0.2)]))
    for edge, resolution in (("touch", 8), ("center", 7)):
        cells = ht.make_grid(study, resolution=resolution, edge=edge, **DAYS).cells
        totals = cell_totals(cells, region, people)
        inside = shapely.area(shapely.intersection(region.geometries, shapely.union_all(cell_polygons(cells))))
        wanted = np.nansum(people * inside / shapely.area(region.geometries))
        assert totals.sum() == pytest.approx(wanted, rel=1e-6)
        assert edge == "center" or totals.sum() == pytest.approx(np.nansum(people), rel=1e-6)


def test_attributes__tell_what_is_missing_and_outside(cube: xr.Dataset, precincts: ht.Region) -> None:
    far = make_region(
        "tract",
        [*precincts.names, "9999"],
        np.array([*precincts.geometries, shapely.box(4, 52, 5, 53)], dtype=object),
    )
    people = np.arange(len(far), dtype=float) * 100
    people[0] = np.nan
    tracts = with_numbers(far, people=people, income=people)
    with no_compute():
        made = ht.add_attributes(cube, tracts, {"people": "sum", "income": "mean"})
    facts = made["tract_people"].attrs
    assert facts["areas_without_number"] == [far.names[0]]
    assert facts["areas_without_cell"] == ["9999"]
    assert facts["total"] == np.nansum(people)
    held = float(made["tract_people"].sum(dtype=float))
    assert facts["outside"] == pytest.approx(facts["total"] - held, abs=1)
    assert facts["outside"] >= people[-1]
    assert "outside" not in made["tract_income"].attrs
    assert float(made["tract_income"].max()) <= people[-2] + 1e-3


def test_damaged_polygons__are_repaired_told_and_keep_their_total(tmp_path: Path) -> None:
    bowtie = shapely.Polygon([(-74.0, 40.7), (-73.9, 40.8), (-73.9, 40.7), (-74.0, 40.8)])
    holed = shapely.Polygon(
        shapely.box(-73.9, 40.7, -73.8, 40.8).exterior, [shapely.box(-73.87, 40.73, -73.83, 40.77).exterior]
    )
    path = tmp_path / "tracts.geojson"
    gpd.GeoDataFrame({"id": ["bow", "hole"], "people": [1000, 500]}, geometry=[bowtie, holed], crs=4326).to_file(path)
    tracts = ht.read_region(path, name_column="id", layer="tract", attributes=["people"])
    assert tracts.notes == ("1 invalid polygons repaired: bow",)
    cells = ht.make_grid(tracts, resolution=8, edge="touch", **DAYS).cells
    assert cell_totals(cells, tracts, tracts.attribute("people")).sum() == pytest.approx(1500)
    in_hole = points_to_cells(np.array([-73.85]), np.array([40.75]), 9)
    assert cell_shares(in_hole, tracts).sum() == 0


def test_doubled_names__are_one_area_of_one_number(tmp_path: Path) -> None:
    boxes = [shapely.box(x, 40.7, x + 0.04, 40.8) for x in (-74.0, -73.9, -73.8)]
    frame = gpd.GeoDataFrame({"id": ["1", "1", "2"], "people": [800.0, 800.0, 100.0]}, geometry=boxes, crs=4326)
    frame.to_file(tmp_path / "same.gpkg")
    tracts = ht.read_region(tmp_path / "same.gpkg", name_column="id", layer="tract", attributes=["people"])
    assert (tracts.names, tracts.attribute("people").tolist()) == (("1", "2"), [800.0, 100.0])
    cells = ht.make_grid(tracts, resolution=8, edge="touch", **DAYS).cells
    assert cell_totals(cells, tracts, tracts.attribute("people")).sum() == pytest.approx(900)
    frame.assign(people=[500.0, 300.0, 100.0]).to_file(tmp_path / "unlike.gpkg")
    with pytest.raises(
        InputError, match=r"unlike.gpkg: polygons of one name have different numbers in 'people': 1; give"
    ):
        ht.read_region(tmp_path / "unlike.gpkg", name_column="id", layer="tract", attributes=["people"])


def test_polygons_without_surface__are_left_out_and_told(tmp_path: Path) -> None:
    good = shapely.box(-74.0, 40.7, -73.9, 40.8)
    spike = shapely.Polygon([(-74.0, 40.7), (-73.9, 40.8), (-74.0, 40.7)])
    frame = gpd.GeoDataFrame(
        {"id": ["good", "spike", "empty", "none"]}, geometry=[good, spike, shapely.Polygon(), None], crs=4326
    )
    path = tmp_path / "tracts.gpkg"
    frame.to_file(path)
    tracts = ht.read_region(path, name_column="id", layer="tract")
    assert tracts.names == ("good",)
    assert tracts.notes == (
        "2 areas without a shape left out: empty, none", "1 areas without a surface left out: spike",
    )  # fmt: skip
    frame.iloc[1:2].to_file(tmp_path / "spike.gpkg")
    with pytest.raises(InputError, match="no polygon of the layer 'tract' has a surface"):
        ht.read_region(tmp_path / "spike.gpkg", name_column="id", layer="tract")
    mixed = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[good, good.exterior], crs=4326)
    mixed.to_file(tmp_path / "mixed.geojson")
    with pytest.raises(InputError, match=r"mixed.geojson holds LineString, Polygon; a region needs polygons"):
        ht.read_region(tmp_path / "mixed.geojson", name_column="id")


def test_coordinate_system_that_is_not_the_one_named__is_refused(tmp_path: Path) -> None:
    metres = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.box(583_000, 4_505_000, 590_000, 4_510_000)], crs=4326)
    metres.to_file(tmp_path / "metres.geojson")
    with pytest.raises(InputError, match="coordinates beyond 360 and 90 degrees: its coordinate system is not the one"):
        ht.read_region(tmp_path / "metres.geojson", name_column="id")
    road = gpd.GeoDataFrame(geometry=[shapely.LineString([(-74.0, 40.7), (-73.9, 40.8)])], crs=4326)
    road.to_crs(2263).to_file(tmp_path / "feet.gpkg")
    road.to_crs(32618).to_file(tmp_path / "metres.gpkg")
    lines = read_lines([tmp_path / "feet.gpkg", tmp_path / "metres.gpkg"])
    ends = [shapely.get_coordinates(line) for line in lines.geometries]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-7)


def test_layer_without_crs__names_the_repair(tmp_path: Path) -> None:
    path = tmp_path / "tracts.shp"
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(InputError, match="does not say its coordinate system; set it with geopandas"):
        ht.read_region(path, name_column="id")


HOLE = [(179.8, -16.6), (180.1, -16.6), (180.1, -16.4), (179.8, -16.4)]
RUNS_ON = shapely.Polygon([(179, -17), (181, -17), (181, -16), (179, -16)], [HOLE])
ACROSS = {
    "runs on to 181": RUNS_ON,
    "begins at -181": shapely.transform(RUNS_ON, lambda xy: xy - [360, 0]),
    "jumps to -179": shapely.transform(RUNS_ON, lambda xy: np.where(xy > 180, xy - 360, xy)),
    "cut in two": shapely.MultiPolygon(
        [
            shapely.difference(shapely.box(179, -17, 180, -16), shapely.Polygon(HOLE)),
            shapely.difference(shapely.box(-180, -17, -179, -16), shapely.box(-180, -16.6, -179.9, -16.4)),
        ]
    ),
}


@pytest.mark.parametrize("how", [*ACROSS, "in metres of the Pacific"])
@pytest.mark.parametrize("edge", ["center", "touch"])
def test_city_across_the_180th_meridian__has_the_cells_of_its_land(how: str, edge: str, tmp_path: Path) -> None:
    path = tmp_path / "islands.geojson"
    if how in ACROSS:  # as a file may hold it: geopandas would not write all of these
        path.write_text(gpd.GeoSeries([ACROSS[how]], crs=4326).to_json().replace('"properties": {}', '"properties": {"n": "Taveuni"}'))  # fmt: skip
    else:
        path = path.with_suffix(".gpkg")
        gpd.GeoDataFrame({"n": ["Taveuni"]}, geometry=[RUNS_ON], crs=4326).to_crs(3832).to_file(path)
    islands = ht.read_region(path, name_column="n", layer="island")
    assert islands.notes == ()
    assert abs(islands.centroids[0, 0]) == pytest.approx(179.998, abs=0.001)
    grid = ht.make_grid(islands, resolution=6, edge=edge, time_zone="Pacific/Fiji", **DAYS)
    lon, lat = np.random.default_rng(0).uniform((178.9, -17.1), (181.1, -15.9), (120_000, 2)).T
    land = shapely.intersects_xy(RUNS_ON, lon, lat)
    lon = np.where(lon > 180, lon - 360, lon)
    np.testing.assert_array_equal(islands.covers(lon, lat), land)
    cells = points_to_cells(lon, lat, 6)
    met = np.unique(cells[land])
    if edge == "touch":
        assert len(np.setdiff1d(met, grid.cells)) == 0
        assert len(grid.cells) - len(met) < 10  # cells with a sliver of land, that no point met
    else:
        assert len(np.setdiff1d(grid.cells, met)) == 0
        assert islands.covers(*grid.centers).all()
    np.testing.assert_array_equal(
        grid.rows(lon, lat), np.where(np.isin(cells, grid.cells), np.searchsorted(grid.cells, cells), -1)
    )
    share = grid.shares("island")
    counted = np.bincount(grid.rows(lon, lat)[land] + 1, minlength=len(grid.cells) + 1)[1:]
    if edge == "touch":
        people = cell_totals(grid.cells, with_numbers(islands, population=np.ones(1)), np.array([9000.0]))
        assert people.sum() == pytest.approx(9000, rel=1e-9)
        np.testing.assert_allclose(counted / land.sum(), people / 9000, atol=2e-3)
        surface = 23_713 - 0.3 * 0.2 * 23_713 / 2  # km2 of two degrees by one, without the hole
        assert float((share.sum(axis=1) * grid.cell_area).sum()) == pytest.approx(surface, rel=2e-3)


@pytest.mark.parametrize(("lon", "lat", "resolution"), [(180.0, 0.0, 3), (180.0, -44.0, 5), (-179.9, 66.0, 6), (0.0, 90.0, 3), (0.0, -90.0, 5)])  # fmt: skip
def test_cells_across_the_180th_meridian_and_at_the_poles__are_cut(lon: float, lat: float, resolution: int) -> None:
    middle = points_to_cells(np.array([lon]), np.array([lat]), resolution)
    cells = disk_cells(int(middle[0]), 3)
    cut = cut_at_antimeridian(cell_polygons(cells))
    assert shapely.is_valid(cut).all()
    parts = shapely.get_parts(cut)
    assert (np.abs(shapely.total_bounds(cut)) <= (180, 90, 180, 90)).all()
    polar = abs(lat) == 90
    assert polar or np.ptp(shapely.bounds(parts)[:, ::2], axis=1).max() < 5
    rng = np.random.default_rng(0)
    lats = np.clip(rng.uniform(lat - 2, lat + 2, 20_000), -90, 90)
    lons = (rng.uniform(-180, 180, 20_000) if polar else rng.uniform(lon - 3, lon + 3, 20_000) + 180) % 360 - 180
    point, row = shapely.STRtree(cut).query(shapely.points(lons, lats), predicate="intersects")
    assert len(point) > 100
    # edges are straight on the globe, near a pole they are bent in degrees
    assert (cells[row] == points_to_cells(lons[point], lats[point], resolution)).mean() > (0.95 if polar else 0.995)


@given(lon=st.floats(-180, 180), lat=st.floats(-70, 70), resolution=st.integers(4, 9), by=st.booleans())
def test_cut_cells__keep_their_surface(lon: float, lat: float, resolution: int, by: bool) -> None:
    lon = 180.0 if by else lon
    cells = disk_cells(int(points_to_cells(np.array([lon]), np.array([lat]), resolution)[0]), 2)
    cut = cut_at_antimeridian(cell_polygons(cells))
    km2 = shapely.area(cut) * np.cos(np.radians(shapely.get_y(shapely.centroid(cut)))) * 111.195**2
    np.testing.assert_allclose(km2, cell_areas(cells), rtol=0.01)
    assert shapely.is_valid(cut).all()


def test_clip_and_lines_across_the_180th_meridian(tmp_path: Path) -> None:
    from htgeo.cube.coords import empty_cube

    islands = make_region("island", ["Taveuni"], np.array([RUNS_ON]))
    grid = ht.make_grid(islands, resolution=6, edge="touch", time_zone="Pacific/Fiji", **DAYS)
    cube = empty_cube(grid)
    part = shapely.box(179.5, -17, 180.5, -16)
    for how in ("center", "touch", "within"):
        kept = ht.clip(cube, part, how=how)
        assert 0.3 < kept.sizes["cell"] / cube.sizes["cell"] < 0.7
        assert (np.abs(kept["lon"]) > 179.3).all()
    frame = gpd.GeoDataFrame(geometry=[shapely.LineString([(179.5, -16.8), (-179.5, -16.8)])], crs=4326)
    frame.to_file(tmp_path / "ferry.geojson")
    made = add_lines(cube, "ferry", read_lines(tmp_path / "ferry.geojson"), rings=1)
    assert float(made["ferry_length"].sum(dtype=float)) == pytest.approx(
        np.radians(1) * EARTH_KM * np.cos(np.radians(16.8)), rel=1e-3
    )
    touched = made["ferry_length"].values > 0
    assert (np.abs(made["lon"].values[touched]) > 179.4).all()
    assert touched.sum() > 5
    assert (made["ferry_rings_1"].values[touched] == 1).all()
    assert float(made["ferry_rings_1"].mean()) < 0.7


def test_tracts_of_new_york__all_people_are_on_cells(data: Path) -> None:
    boroughs = ht.read_region(data / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")
    tracts = ht.read_region(
        data / "nyc_tracts" / "nyc_tracts_2010_acs2013_2017.gpkg",
        name_column="geoid",
        layer="tract",
        attributes=["pop_total_est", "med_hhinc_est"],
    )
    grid = ht.make_grid(boroughs, resolution=8, edge="touch", **DAYS)
    from htgeo.cube.coords import empty_cube

    cube = ht.add_attributes(empty_cube(grid), tracts, {"pop_total_est": "sum", "med_hhinc_est": "mean"})
    people = cube["tract_pop_total_est"]
    assert abs(float(people.sum(dtype=float)) - 8_560_072) < 1
    assert people.attrs["total"] == 8_560_072
    assert abs(people.attrs["outside"]) < 1
    assert len(people.attrs["areas_without_number"]) == 1
    assert "areas_without_cell" not in people.attrs
    income = cube["tract_med_hhinc_est"]
    known = tracts.attribute("med_hhinc_est")
    assert np.nanmin(known) <= float(income.min()) <= float(income.max()) <= np.nanmax(known)


def test_population__spreads_events_of_areas(boroughs: ht.Region, precincts: ht.Region, crimes: ht.Events) -> None:
    people = np.zeros(len(precincts))
    people[:3] = 100
    grid = ht.make_grid(
        boroughs, resolution=7, edge="touch", layers=[precincts], population=with_numbers(precincts, population=people),
        start="2021-01-01", end="2021-06-30",
    )  # fmt: skip
    assert grid.cell_population.sum() == pytest.approx(300)
    table = crimes.table.head(1).assign(precision="borough", area="Manhattan", lon=np.nan, lat=np.nan)
    event = ht.Events(table, crimes.report)
    count = ht.grid_events({"crime": event}, grid, spread="population")["crime"].sum("time").values
    manhattan = grid.shares("borough").toarray()[:, boroughs.names.index("Manhattan")]
    land = grid.shares("borough").toarray().sum(axis=1)
    wanted = manhattan / np.maximum(land, 1e-9) * grid.cell_population
    np.testing.assert_allclose(count, wanted / wanted.sum(), atol=1e-6)
    assert count.sum() == pytest.approx(1)


def write_people(folder: Path, region: ht.Region) -> Path:
    """Write people by pixel in the bounds of a region, none in its eastern half."""
    import rasterio

    west, south, east, north = region.outline.bounds
    columns, rows = int((east - west) / 0.005) + 1, int((north - south) / 0.005) + 1
    people = np.random.default_rng(1).gamma(2.0, 40.0, (rows, columns))
    people[:, columns // 2 :] = 0
    facts = {"driver": "GTiff", "count": 1, "dtype": "float64", "width": columns, "height": rows, "crs": "EPSG:4326"}
    with rasterio.open(
        folder / "people.tif", "w", **facts, transform=rasterio.Affine(0.005, 0, west, 0, -0.005, north)
    ) as file:
        file.write(people, 1)
    return folder / "people.tif"


def test_population_raster_or_variable__spreads_events_of_areas(
    boroughs: ht.Region, precincts: ht.Region, crimes: ht.Events, tmp_path: Path
) -> None:
    days = {"start": "2021-01-01", "end": "2021-06-30"}
    raster = ht.read_raster(write_people(tmp_path, boroughs), how="sum")
    grid = ht.make_grid(boroughs, resolution=7, layers=[precincts], population=raster, **days)
    known = {name: boroughs.centroids[n, 0] for n, name in enumerate(boroughs.names)}
    west, east = (sorted(known, key=known.get)[n] for n in (0, -1))  # Staten Island, Queens
    table = pd.concat([crimes.table.head(1)] * 2, ignore_index=True).assign(precision="borough", area=[west, east], lon=np.nan, lat=np.nan)  # fmt: skip
    events = ht.Events(table, crimes.report)
    cube = ht.grid_events({"crime": events}, grid, spread="population")
    count = cube["crime"].sum("time").values
    assert count.sum() == pytest.approx(2)
    ht.save_cube(cube, tmp_path / "spread.cube")
    for one in (cube, ht.open_cube(tmp_path / "spread.cube")):
        assert one["crime"].attrs["spread_by_land"] == [f"borough {east}"]
    shares = grid.shares("borough").toarray()
    of_west = shares[:, boroughs.names.index(west)] / np.maximum(shares.sum(axis=1), 1e-9) * grid.cell_population
    of_east = shares[:, boroughs.names.index(east)] * grid.cell_area
    np.testing.assert_allclose(count, of_west / of_west.sum() + of_east / of_east.sum(), atol=1e-6)

    land = ht.grid_events({"crime": events}, ht.make_grid(boroughs, resolution=7, layers=[precincts], **days))
    assert "spread_by_land" not in land["crime"].attrs
    people = ht.add_raster(land, "people", raster)["people"]
    again = ht.make_grid(boroughs, resolution=7, layers=[precincts], population=people, **days)
    np.testing.assert_allclose(again.cell_population, grid.cell_population, rtol=1e-6)
    same = ht.grid_events({"crime": events}, again, spread="population")["crime"].sum("time")
    np.testing.assert_allclose(same, count, atol=1e-6)


def test_population__must_be_a_total_on_the_cells(boroughs: ht.Region, cube: xr.Dataset, tmp_path: Path) -> None:
    path = write_people(tmp_path, boroughs)
    people = ht.add_raster(cube, "people", ht.read_raster(path, how="sum"))["people"]
    wrong = {
        r"people.tif is joined by 'mean'; people by pixel are a total": ht.read_raster(path),
        "must be a Region, a Raster, or a total on the cells": people.assign_attrs(how="mean"),
        r"'people' has no value for 5 of the \d+ cells; make it on a cube of the same": people.isel(
            cell=slice(5, None)
        ),
    }
    for message, population in wrong.items():
        with pytest.raises(InputError, match=message):
            ht.make_grid(boroughs, resolution=7, population=population, **DAYS)


def test_places__within_rings_also_beyond_the_cells(cube: xr.Dataset, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"lon": rng.uniform(-74.3, -73.6, 400), "lat": rng.uniform(40.4, 41.0, 400)})
    table.to_csv(tmp_path / "shops.csv", index=False)
    shops = ht.read_places(tmp_path / "shops.csv", lon="lon", lat="lat")
    made = ht.add_places(cube, "shop", shops, rings=2)
    found = points_to_cells(shops.table["lon"].to_numpy(), shops.table["lat"].to_numpy(), 7)
    for row in range(0, cube.sizes["cell"], 13):
        near = disk_cells(int(cube["cell"].values[row]), 2)
        assert int(made["shop_rings_2"][row]) == np.isin(found, near).sum()
    assert (made["shop_rings_2"] >= made["shop_count"]).all()
    with pytest.raises(InputError, match="k must be 1 to 10 rings, not 11"):
        ht.add_places(cube, "shop", shops, rings=11)
    with pytest.raises(CubeError, match="has a variable 'shop_rings_2' already"):
        ht.add_places(made.drop_vars(["shop_count", "shop_distance"]), "shop", shops, rings=2)


def test_places__in_state_plane_feet_become_degrees(tmp_path: Path) -> None:
    points = gpd.GeoSeries(gpd.points_from_xy([-74.0, -73.9], [40.7, 40.8]), crs=4326).to_crs(2263)
    path = tmp_path / "stops.csv"
    pd.DataFrame({"X": points.x, "Y": points.y}).to_csv(path, index=False)
    stops = ht.read_places(path, x="X", y="Y", crs="EPSG:2263")
    np.testing.assert_allclose(stops.table["lon"], [-74.0, -73.9], atol=1e-7)
    np.testing.assert_allclose(stops.table["lat"], [40.7, 40.8], atol=1e-7)
    for options in ({"x": "X", "y": "Y"}, {"lon": "X", "lat": "Y", "crs": "EPSG:2263"}):
        with pytest.raises(InputError, match="x and y need crs"):
            ht.read_places(path, **options)
    for options in ({"x": "X", "crs": "EPSG:2263"}, {}, {"lon": "X", "lat": "Y", "wkt": "Z"}):
        with pytest.raises(InputError, match="give the columns lon and lat, or x and y with crs, or wkt"):
            ht.read_places(path, **options)
    with pytest.raises(InputError, match="no coordinate system 'EPSG:1'"):
        ht.read_places(path, x="X", y="Y", crs="EPSG:1")


def test_lines__length_is_kept_and_distance_is_the_great_circle(cube: xr.Dataset) -> None:
    inside = shapely.LineString([(-73.96, 40.65), (-73.93, 40.67), (-73.90, 40.69)])
    made = add_lines(cube, "road", lines_of(inside, inside))
    lon, lat = np.radians(shapely.get_coordinates(inside)).T
    angle = np.sin(np.diff(lat) / 2) ** 2 + np.cos(lat[1:]) * np.cos(lat[:-1]) * np.sin(np.diff(lon) / 2) ** 2
    length = 2 * EARTH_KM * np.arcsin(np.sqrt(angle)).sum()
    assert float(made["road_length"].sum(dtype=float)) == pytest.approx(2 * length, rel=1e-4)
    fine = shapely.get_coordinates(shapely.segmentize(inside, 0.0005))
    table = pd.DataFrame(fine, columns=["lon", "lat"])
    dots = ht.add_places(cube, "dot", ht.Places(table, lines_of(inside).report))
    np.testing.assert_allclose(made["road_distance"], dots["dot_distance"], atol=0.03)
    assert made["road_distance"].attrs["units"] == made["road_length"].attrs["units"] == "km"


@given(seed=st.integers(0, 2**16), rings=st.integers(1, 3))
def test_lines__are_counted_once_within_rings(seed: int, rings: int) -> None:
    rng = np.random.default_rng(seed)
    cube = ht.demo_cube().isel(cell=slice(0, 150, 7))
    ends = rng.uniform((-74.25, 40.5), (-73.7, 40.9), (8, 2, 2))
    lines = lines_of(*[shapely.LineString(pair) for pair in ends])
    made = add_lines(cube, "road", lines, rings=rings)
    for row, cell in enumerate(cube["cell"].values.tolist()):
        near = shapely.union_all(cell_polygons(disk_cells(cell, rings)))
        assert int(made[f"road_rings_{rings}"][row]) == shapely.intersects(near, lines.geometries).sum()
    hexagons = shapely.union_all(cell_polygons(cube["cell"].values))
    clipped = lines_of(*[part for part in shapely.intersection(lines.geometries, hexagons) if not part.is_empty])
    if len(clipped):
        again = add_lines(cube, "road", clipped)["road_length"].sum(dtype=float)
        assert float(made["road_length"].sum(dtype=float)) == pytest.approx(float(again), rel=1e-4)


def test_line_files__any_crs_and_only_lines(tmp_path: Path, cube: xr.Dataset) -> None:
    road = shapely.LineString([(-74.0, 40.7), (-73.9, 40.8)])
    frame = gpd.GeoDataFrame(geometry=[road, shapely.MultiLineString([road]), None], crs=4326)
    frame.to_crs(2263).to_file(tmp_path / "roads.gpkg", layer="roads")
    lines = read_lines(tmp_path / "roads.gpkg", file_layer="roads")
    report = lines.report
    assert (len(lines), report.rows, report.kept, report.reasons) == (2, 3, 2, {"no shape": 1})
    np.testing.assert_allclose(shapely.get_coordinates(lines.geometries[0]), road.coords, atol=1e-7)
    with no_compute():
        assert float(add_lines(cube, "road", lines)["road_length"].sum()) > 10
    points = gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326)
    points.to_file(tmp_path / "points.geojson")
    with pytest.raises(InputError, match=r"points\.geojson holds Point; this source reads lines"):
        read_lines(tmp_path / "points.geojson")
    frame.iloc[2:].to_file(tmp_path / "none.gpkg")
    with pytest.raises(InputError, match=r"no row of none\.gpkg has a line"):
        read_lines(tmp_path / "none.gpkg")
    with pytest.raises(CubeError, match="needs H3 cells"):
        add_lines(ht.aggregate(cube, by="borough"), "road", lines)


def test_another_city__needs_a_boundary_and_a_mapping(tmp_path: Path) -> None:
    parts = gpd.GeoDataFrame(
        {"wijk": ["West", "Oost"]},
        geometry=[shapely.box(115_000, 483_000, 121_000, 490_000), shapely.box(121_000, 483_000, 127_000, 490_000)],
        crs=28992,
    )
    parts.to_file(tmp_path / "wijken.gpkg")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"datum": ["03-01-2021", "04-01-2021"] * 20, "X": rng.uniform(115_100, 126_900, 40), "Y": rng.uniform(483_100, 489_900, 40)})  # fmt: skip
    table.to_csv(tmp_path / "feiten.csv", sep=";", index=False)
    city = ht.read_region(tmp_path / "wijken.gpkg", name_column="wijk", layer="district")
    columns = {"occurred": "datum", "x": "X", "y": "Y"}
    events = ht.read_events(
        "table", tmp_path / "feiten.csv", areas=[city], columns=columns, crs="EPSG:28992", delimiter=";",
        time_format="%d-%m-%Y",
    )  # fmt: skip
    grid = ht.make_grid(city, resolution=8, edge="touch", time_zone="Europe/Amsterdam", **DAYS)
    cube = ht.grid_events({"crime": events}, grid)
    assert float(cube["crime"].sum()) == 40
    assert set(np.unique(cube["district"])) == {"West", "Oost"}
    assert "Europe/Amsterdam" in ht.validate(cube).attrs["time_zone"]
