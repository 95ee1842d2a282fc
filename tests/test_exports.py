"""Exports open in GDAL and hold the values of the cube."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.grid.cells import cell_hex


@pytest.fixture
def risk(cube: xr.Dataset) -> xr.Dataset:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    return ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(ht.split_time(cube, "2021-05-01")[0]))


def test_gpkg__opens_with_gdal(risk: xr.Dataset, tmp_path: Path) -> None:
    import pyogrio

    path = risk.ht.export(tmp_path / "risk.gpkg", ["risk_ewma_rate", "crime"], time=slice("2021-05-14", "2021-05-15"))
    info = pyogrio.read_info(path, layer="risk_ewma_rate")
    assert info["crs"] == "EPSG:4326"
    assert info["geometry_type"] == "Polygon"
    assert dict(zip(info["fields"], info["ogr_types"], strict=True))["date"] == "OFTDate"
    frame = pyogrio.read_dataframe(path, layer="risk_ewma_rate")
    assert len(frame) == 2 * risk.sizes["cell"]
    frame = frame.sort_values(["date", "cell"], ignore_index=True)
    assert frame["cell"].tolist()[: risk.sizes["cell"]] == cell_hex(risk["cell"].values).tolist()
    np.testing.assert_array_equal(
        frame["crime"].to_numpy()[: risk.sizes["cell"]], risk["crime"].sel(time="2021-05-14").values
    )
    centers = frame.geometry.to_crs(32618).centroid.to_crs(4326)
    np.testing.assert_allclose(centers.x[: risk.sizes["cell"]], risk["lon"].values, atol=1e-4)
    if shutil.which("ogrinfo"):
        told = subprocess.run(["ogrinfo", "-al", "-so", str(path)], capture_output=True, text=True, check=True).stdout
        assert "date: Date" in told
        assert "cell: String" in told
        assert "Not for stops" in told


def test_csv__one_line_a_cell_and_day(risk: xr.Dataset, tmp_path: Path) -> None:
    path = ht.export(risk, tmp_path / "risk.csv", "crime", time="2021-05-14")
    table = pd.read_csv(path, dtype={"cell": str})
    assert table.columns.tolist() == ["cell", "borough", "precinct", "date", "crime"]
    assert table["date"].unique().tolist() == ["2021-05-14"]
    assert table["crime"].sum() == float(risk["crime"].sel(time="2021-05-14").sum())


def test_export__clear_messages_and_no_half_file(risk: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no export writes 'a.gpk'; known suffixes are .*.gpkg.*; did you mean 'gpkg'"
    ):
        ht.export(risk, tmp_path / "a.gpk", "crime")
    with pytest.raises(CubeError, match="no day 2031"):
        ht.export(risk, tmp_path / "a.csv", "crime", time="2031-01-01")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        ht.export(risk, tmp_path / "file" / "a.csv", "crime")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_public__raw_counts_and_risks_are_refused_with_the_call_that_helps(risk: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="release counts instead: write_release"):
        ht.export(risk, tmp_path / "a.csv", "crime", audience="public")
    with pytest.raises(InputError, match="public_view"):
        ht.export(risk, tmp_path / "a.csv", "risk_ewma_rate", audience="public")
    assert not list(tmp_path.iterdir())
    fit = ht.public_view(risk, "risk_ewma_rate", by="precinct")
    path = ht.export(fit, tmp_path / "b.csv", list(fit.data_vars), audience="public")
    assert '"audience": "public"' in path.with_name("b.csv-metadata.json").read_text("utf-8")


def test_export__only_the_places_of_an_area(risk: xr.Dataset, tmp_path: Path) -> None:
    path = risk.ht.export(tmp_path / "a.csv", "crime", time="2021-05-14", area={"borough": ["Queens", "Bronx"]})
    assert set(pd.read_csv(path)["borough"]) == {"Queens", "Bronx"}
    with pytest.raises(InputError, match="borough has no area 'Quens'; did you mean 'Queens'"):
        risk.ht.export(tmp_path / "b.csv", "crime", area={"borough": "Quens"})
    with pytest.raises(InputError, match="there is no audience 'press'; allowed are internal, public"):
        risk.ht.export(tmp_path / "b.csv", "crime", audience="press")
