"""Stand-in coordinates are found, real ones are left alone."""

import numpy as np
import pandas as pd

import htgeo as ht
from htgeo.sources.precision import at_centroid, one_point_per_area, stacked, stand_in_areas


def complaints(masked: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray, pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    area = rng.integers(0, 20, 300)
    lon, lat = rng.normal(-74, 0.1, 300), rng.normal(40.7, 0.1, 300)
    if masked:
        lon, lat = -74 + area / 100, 40.7 + area / 100
    return lon, lat, pd.Series(area.astype(str)), pd.Series(np.full(300, "x"))


def test_one_point_per_area__finds_masked_categories_only() -> None:
    assert one_point_per_area(*complaints(masked=True)).all()
    assert not one_point_per_area(*complaints(masked=False)).any()


def test_one_point_per_area__needs_more_than_chance() -> None:
    lon, lat, area, category = complaints(masked=True)
    few = slice(0, 3)
    assert not one_point_per_area(lon[few], lat[few], area[few], category[few]).any()


def test_stacked__by_poisson_chance() -> None:
    lon = np.r_[np.full(12, -74.01), np.linspace(-74, -73, 30)]
    lat = np.r_[np.full(12, 40.71), np.linspace(40.5, 40.9, 30)]
    assert stacked(lon, lat).tolist() == [True] * 12 + [False] * 30


def test_stand_ins__get_their_area(boroughs: ht.Region) -> None:
    in_queens = boroughs.centroids[boroughs.names.index("Queens")].round(2)
    lon = np.r_[np.full(12, -74.01), np.full(12, in_queens[0]), np.linspace(-73.99, -73.7, 25).round(2)]
    lat = np.r_[np.full(12, 40.71), np.full(12, in_queens[1]), np.linspace(40.51, 40.9, 25).round(2)]
    layer, area = stand_in_areas(lon, lat, [boroughs], city_points=[(-74.01, 40.71)])
    assert set(layer[:12]) == {"city"}
    assert set(zip(layer[12:24], area[12:24], strict=True)) == {("borough", "Queens")}
    assert (layer[24:] == "").sum() >= 23


def test_at_centroid__passes_over_layers_that_meet_by_chance(precincts: ht.Region) -> None:
    lon, lat = precincts.centroids[:10].round(2).T
    assert (at_centroid(lon, lat, [precincts])[0] == "").all()  # two decimals, 77 precincts: 1 in 8 points would match
    lon, lat = precincts.centroids[:10].T
    assert (at_centroid(lon, lat, [precincts])[0] == "precinct").all()
