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
from htgeo.grid.cells import cell_polygons, disk_cells, points_to_cells
from htgeo.grid.shares import cell_shares, cell_totals
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


def test_layer_without_crs__names_the_repair(tmp_path: Path) -> None:
    path = tmp_path / "tracts.shp"
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(InputError, match="does not say its coordinate system; set it with geopandas"):
        ht.read_region(path, name_column="id")


def test_layer_across_the_180th_meridian__is_refused(cube: xr.Dataset) -> None:
    across = shapely.Polygon([(179, -17), (-179, -17), (-179, -16), (179, -16)])
    islands = make_region("island", ["Taveuni"], np.array([across]))
    with pytest.raises(InputError, match="Taveuni of the layer 'island' cross the 180th meridian"):
        ht.add_attributes(cube, with_numbers(islands, people=np.ones(1)), {"people": "sum"})
    split = shapely.MultiPolygon([shapely.box(179, -17, 180, -16), shapely.box(-180, -17, -179, -16)])
    parts = make_region("island", ["Taveuni"], np.array([split]))
    cells = points_to_cells(np.array([179.5]), np.array([-16.5]), 7)
    assert cell_shares(cells, parts).sum() == pytest.approx(1)
    on_the_line = points_to_cells(np.array([180.0]), np.array([-16.5]), 5)
    with pytest.raises(InputError, match="1 cells"):
        cell_shares(on_the_line, parts)


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
