"""Points to cells, days, shares and neighbours against independent answers."""

import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.grid.cells import cell_polygons, points_to_cells, polygon_cells
from htgeo.grid.days import civil_days
from htgeo.grid.grid import Grid
from htgeo.grid.lattice import fit_lattice
from htgeo.grid.neighbors import ring_matrix

PLACES = {"New York": (-74.0, 40.7), "Nairobi": (36.8, -1.3), "Fiji": (179.0, -17.8), "Anchorage": (-149.9, 61.2)}


def grid_around(lon: float, lat: float, size: float, resolution: int) -> Grid:
    box = shapely.box(lon - size, lat - size, lon + size, lat + size)
    region = ht.Region("box", ("box",), np.array([box], dtype=object))
    zone = f"Etc/GMT{round(-lon / 15):+d}"
    return ht.make_grid(region, resolution=resolution, start="2021-01-01", end="2021-01-02", time_zone=zone)


def expected_rows(grid: Grid, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    cells = np.array([h3.latlng_to_cell(y, x, grid.resolution) for x, y in zip(lon, lat, strict=True)], dtype=np.uint64)
    at = np.minimum(np.searchsorted(grid.cells, cells), len(grid.cells) - 1)
    return np.where(grid.cells[at] == cells, at, -1)


@given(place=st.sampled_from(sorted(PLACES)), resolution=st.integers(5, 10), seed=st.integers(0, 10**6))
def test_lattice__equals_h3(place: str, resolution: int, seed: int) -> None:
    lon, lat = PLACES[place]
    size = 0.4 / 2.6 ** (resolution - 5)
    grid = grid_around(lon, lat, size, resolution)
    assert grid.lattice is not None
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(lon - 2 * size, lon + 2 * size, 500), rng.uniform(lat - 2 * size, lat + 2 * size, 500)
    np.testing.assert_array_equal(grid.rows(x, y), expected_rows(grid, x, y))


@pytest.mark.parametrize("resolution", [8, 9])
def test_lattice__a_million_points_of_new_york(boroughs: ht.Region, resolution: int) -> None:
    grid = ht.make_grid(boroughs, resolution=resolution, start="2021-01-01", end="2021-01-02")
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-74.3, -73.6, 1_000_000), rng.uniform(40.45, 40.95, 1_000_000)
    cells = points_to_cells(lon, lat, resolution)
    at = np.minimum(np.searchsorted(grid.cells, cells), len(grid.cells) - 1)
    np.testing.assert_array_equal(grid.rows(lon, lat), np.where(grid.cells[at] == cells, at, -1))


def test_lattice__points_on_the_other_side_of_the_earth_are_outside() -> None:
    grid = grid_around(-74.0, 40.7, 0.1, 8)
    assert grid.rows(np.array([106.0, np.nan, 0.0]), np.array([-40.7, 40.7, np.nan])).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("where", ["face edge", "pentagon"])
def test_general_path__over_a_face_edge_and_a_pentagon(where: str) -> None:
    if where == "pentagon":
        lat, lon = h3.cell_to_latlng(min(h3.get_pentagons(5)))
    else:
        crossing = next(c for c in h3.get_res0_cells() if len(h3.get_icosahedron_faces(c)) == 2)
        lat, lon = h3.cell_to_latlng(crossing)
    grid = grid_around(lon, lat, 0.5 if where == "pentagon" else 6.0, 5 if where == "pentagon" else 3)
    assert fit_lattice(grid.cells) is None
    rng = np.random.default_rng(0)
    x, y = rng.uniform(lon - 0.6, lon + 0.6, 2000), rng.uniform(lat - 0.6, lat + 0.6, 2000)
    np.testing.assert_array_equal(grid.rows(x, y), expected_rows(grid, x, y))


def test_make_grid__edge_policies(boroughs: ht.Region) -> None:
    center = ht.make_grid(boroughs, resolution=8, start="2021-01-01", end="2021-01-02")
    touch = ht.make_grid(boroughs, resolution=8, start="2021-01-01", end="2021-01-02", edge="touch")
    assert set(center.cells) < set(touch.cells)
    lon, lat = center.centers
    assert boroughs.covers(lon, lat).all()
    assert center.cell_area.sum() == pytest.approx(
        boroughs.outline.area * 111.195**2 * np.cos(np.radians(40.7)), rel=0.02
    )
    assert (np.diff(center.cells.astype("int64")) > 0).all()


def test_shares__are_exact(grid: Grid) -> None:
    shares = grid.shares("borough").toarray()
    hexagons = cell_polygons(grid.cells)
    region = grid.layers[0]
    expected = np.array(
        [[shapely.area(shapely.intersection(h, a)) / shapely.area(h) for a in region.geometries] for h in hexagons]
    )
    np.testing.assert_allclose(shares, expected, atol=1e-9)
    assert set(grid.labels("borough")) == set(region.names)


def test_shares__touching_cells_hold_all_the_land(boroughs: ht.Region) -> None:
    grid = ht.make_grid(boroughs, resolution=8, start="2021-01-01", end="2021-01-02", edge="touch")
    hexagon_degrees = shapely.area(cell_polygons(grid.cells))
    land = grid.shares("borough").T @ hexagon_degrees
    np.testing.assert_allclose(land, shapely.area(boroughs.geometries), rtol=1e-6)


@pytest.mark.parametrize("k", [1, 2])
def test_ring_matrix__equals_h3(grid: Grid, k: int) -> None:
    matrix = ring_matrix(grid.cells, k).toarray()
    for row, cell in enumerate(grid.cells.tolist()):
        expected = set(h3.grid_ring(cell, k)) & set(grid.cells.tolist())
        assert set(grid.cells[matrix[row] > 0].tolist()) == expected


def test_polygon_cells__touch_covers_a_tiny_polygon() -> None:
    tiny = shapely.box(-74.0, 40.7, -73.9999, 40.7001)
    assert len(polygon_cells(tiny, 8, "center")) == 0
    assert len(polygon_cells(tiny, 8, "touch")) >= 1


def test_civil_days__both_clock_changes() -> None:
    # 2021-03-14 has 23 hours in New York, 2021-11-07 has 25: midnight to midnight in UTC
    utc = pd.Series(pd.to_datetime(["2021-03-14T04:59Z", "2021-03-14T05:00Z", "2021-03-15T03:59Z", "2021-03-15T04:00Z", "2021-11-07T04:00Z", "2021-11-08T04:59Z", "2021-11-08T05:00Z"]))  # fmt: skip
    expected = ["2021-03-13", "2021-03-14", "2021-03-14", "2021-03-15", "2021-11-07", "2021-11-07", "2021-11-08"]
    assert civil_days(utc, "America/New_York").astype(str).tolist() == expected
    local = pd.Series(
        pd.to_datetime(["2021-03-14 02:30", "2021-11-07 01:30"])
    )  # an hour that was not, an hour that was twice
    assert civil_days(local, "America/New_York").astype(str).tolist() == ["2021-03-14", "2021-11-07"]
