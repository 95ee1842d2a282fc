"""The simulated city: coarse but right outlines, the measured defects, a known truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

import htgeo as ht
from htgeo.sources.outlines import PRECINCTS
from htgeo.sources.synthetic import City


def test_outlines__cover_the_real_boroughs(data: Path) -> None:
    real = ht.read_region(data / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")
    made = City().boroughs
    assert made.names == real.names
    for name, a, b in zip(real.names, real.geometries, made.geometries, strict=True):
        union = shapely.area(shapely.intersection(a, b)) / shapely.area(shapely.union(a, b))
        assert union >= 0.9, name


def test_precincts__fill_their_boroughs() -> None:
    city = City()
    assert len(city.precincts) == sum(map(len, PRECINCTS.values())) == 77
    assert shapely.area(city.precincts.geometries).sum() == pytest.approx(
        shapely.area(city.boroughs.geometries).sum(), rel=1e-6
    )


def test_files__same_seed_same_bytes(tmp_path: Path) -> None:
    one, two = (ht.write_demo_city(tmp_path / name, end="2021-02-28") for name in ("a", "b"))
    for file in sorted(p.name for p in one.iterdir()):
        assert (one / file).read_bytes() == (two / file).read_bytes(), file
    other = ht.write_demo_city(tmp_path / "c", end="2021-02-28", seed=1)
    assert (other / "cases.csv").read_bytes() != (one / "cases.csv").read_bytes()


def test_files__have_the_measured_defects(city: Path) -> None:
    rows = pd.read_csv(city / "complaints.csv.gz", dtype=str, keep_default_na=False)
    assert len(rows.columns) == 34
    assert rows["CMPLNT_FR_DT"].str.match(r"\d{4}-").mean() > 0.99
    assert rows["RPT_DT"].str.match(r"\d\d/\d\d/\d{4}").all()
    assert rows["ADDR_PCT_CD"].str.endswith(".0").all()
    assert rows["CMPLNT_NUM"].duplicated().any()
    assert (rows["Latitude"] == "(null)").any()
    assert (rows["Latitude"] == "0.0").any()
    masked = rows[rows["OFNS_DESC"].isin(["SEX CRIMES", "RAPE"]) & ~rows["Latitude"].isin(["0.0", "(null)"])]
    assert len(masked[["Latitude", "Longitude"]].drop_duplicates()) <= 77
    assert (city / "cases.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert (city / "cases.csv").read_text("utf-8").rstrip("\n").endswith(",,,,")


def test_intensity__is_where_the_points_fall() -> None:
    city = City()
    offence = "ROBBERY"
    points = city.points(offence, 40_000, np.random.default_rng(0))
    west, south, east, north = city.boroughs.outline.bounds
    bins = [np.linspace(west, east, 9), np.linspace(south, north, 9)]
    found = np.histogram2d(points[:, 0], points[:, 1], bins)[0].ravel()
    even = np.random.default_rng(1).uniform((west, south), (east, north), (400_000, 2))
    even = even[city.boroughs.locate(even[:, 0], even[:, 1]) >= 0]
    expected = np.histogram2d(even[:, 0], even[:, 1], bins, weights=city.intensity(even[:, 0], even[:, 1], (offence,)))[
        0
    ].ravel()
    expected *= found.sum() / expected.sum()
    assert np.abs(found - expected).max() < 6 * np.sqrt(expected.max())


def test_demo_cube__is_small_and_lazy() -> None:
    cube = ht.demo_cube()
    assert cube["crime"].chunks is not None
    assert cube["crime"].nbytes < 2_000_000
