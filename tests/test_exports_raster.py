"""Rasters open in GDAL with the map's classes, keep totals, and go back to the cells they came from."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.cube.rasters import add_raster
from htgeo.export import cog, stac  # noqa: F401  # registers .tif and .stac
from htgeo.maps.layers import variable_layer
from htgeo.maps.page_scale import scale_of
from htgeo.sources.rasters import read_raster

DAY = "2021-05-14"
DAYS = slice("2021-05-14", "2021-05-16")


@pytest.fixture
def risk(cube: xr.Dataset) -> xr.Dataset:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    return ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(ht.split_time(cube, "2021-05-01")[0]))


def test_tif__keeps_the_total_and_goes_back_to_the_cells(risk: xr.Dataset, tmp_path: Path) -> None:
    path = ht.export(risk, tmp_path / "crime.tif", "crime", time=DAYS)
    crime = risk["crime"].sel(time=DAYS)
    with rasterio.open(path) as file:
        assert file.descriptions == ("2021-05-14", "2021-05-15", "2021-05-16")
        assert file.crs.to_epsg() == 32618
        sums = [np.nansum(band.astype(float)) for band in file.read()]
    np.testing.assert_allclose(sums, crime.sum("cell").values, rtol=1e-3)
    made = add_raster(risk, "again", read_raster(path, how="sum", band=2))
    assert float(made["again"].sum()) == pytest.approx(
        float(crime[:, 1].sum()), rel=1e-2
    )  # pixels on the shore reach beyond the cells


@pytest.mark.parametrize("options", [{}, {"crs": "EPSG:2263", "pixel": 500.0}, {"crs": "EPSG:4326"}])
def test_tif__risk_is_that_of_the_cell_in_its_middle(
    risk: xr.Dataset, tmp_path: Path, options: dict[str, object]
) -> None:
    from pyproj import Transformer

    path = ht.export(risk, tmp_path / "risk.tif", "risk_ewma_rate", time=DAY, **options)
    wanted = risk["risk_ewma_rate"].sel(time=DAY).values
    with rasterio.open(path) as file:
        change = Transformer.from_crs("EPSG:4326", file.crs.to_wkt(), always_xy=True)
        points = np.column_stack(change.transform(risk["lon"].values, risk["lat"].values))
        found = np.array([values[0] for values in file.sample(points)])
        assert np.isnan(file.read(1)[0, 0])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_tif__says_what_it_is_in_the_maps_classes(risk: xr.Dataset, tmp_path: Path) -> None:
    path = ht.export(risk, tmp_path / "risk.tif", "risk_ewma_rate", time=DAY)
    values = risk["risk_ewma_rate"].sel(time=DAY)
    scale = scale_of(variable_layer(risk, "risk_ewma_rate"), values.values)
    assert scale.breaks is not None
    with rasterio.open(path) as file:
        tags = file.tags()
    classes = json.loads(tags["classes"])
    assert [one["color"] for one in classes] == list(scale.colors)
    assert [one["label"] for one in classes] == list(scale.labels)
    assert [one["below"] for one in classes] == [*scale.breaks, None]
    assert "Not for stops" in tags["intended_use"]
    assert (tags["audience"], tags["model"], tags["horizon"]) == ("internal", "ewma_rate", "7")
    style = (tmp_path / "risk.qml").read_text("utf-8")
    assert all(f'color="{color}"' in style for color in scale.colors)


def test_tif__flags_are_bytes_with_colours(risk: xr.Dataset, tmp_path: Path) -> None:
    flag = risk["risk_ewma_rate"] > 0.5
    path = ht.export(risk.assign(flag=flag), tmp_path / "flag.tif", "flag", time=DAY)
    with rasterio.open(path) as file:
        assert (file.dtypes[0], file.nodata) == ("uint8", 255)
        assert set(np.unique(file.read(1)).tolist()) <= {0, 1, 255}
        assert file.colormap(1)[1] == (0xB3, 0x38, 0x0F, 255)


def test_tif__is_cloud_optimised_and_the_same_twice(risk: xr.Dataset, tmp_path: Path) -> None:
    one, two = (ht.export(risk, tmp_path / n / "r.tif", "risk_ewma_rate", time=DAYS, pixel=40.0) for n in "ab")
    assert one.read_bytes() == two.read_bytes()
    validate = pytest.importorskip("rio_cogeo").cog_validate
    valid, errors, notes = validate(one, strict=True)
    assert (valid, errors, notes) == (True, [], [])
    with rasterio.open(one) as file:
        assert file.overviews(1)
    if shutil.which("gdalinfo"):
        told = subprocess.run(["gdalinfo", str(one)], capture_output=True, text=True, check=True).stdout
        assert "LAYOUT=COG" in told
        assert "Description = 2021-05-15" in told


def test_stac__a_valid_collection_of_days(risk: xr.Dataset, tmp_path: Path) -> None:
    pystac = pytest.importorskip("pystac")
    from pystac.validation import JsonSchemaSTACValidator

    folder = ht.export(risk, tmp_path / "risk.stac", "risk_ewma_rate", time=DAYS)
    check = JsonSchemaSTACValidator()
    for file in sorted(folder.glob("*.json")):
        facts = json.loads(file.read_text("utf-8"))
        kind = pystac.STACObjectType.COLLECTION if file.stem == "collection" else pystac.STACObjectType.ITEM
        check.validate_core(facts, kind, "1.1.0")
        links = [link["href"] for link in facts["links"]] + [one["href"] for one in facts["assets"].values()]
        assert all((folder / href).is_file() for href in links)
    item = json.loads((folder / f"{DAY}.json").read_text("utf-8"))
    assert item["properties"]["start_datetime"] == "2021-05-14T04:00:00Z"
    assert item["properties"]["end_datetime"] == "2021-05-15T03:59:59Z"
    with rasterio.open(folder / f"{DAY}.tif") as file, rasterio.open(folder / "risk_ewma_rate.vrt") as every:
        assert item["properties"]["proj:shape"] == list(file.shape)
        assert item["properties"]["proj:transform"] == list(file.transform)[:6]
        assert every.descriptions == ("2021-05-14", "2021-05-15", "2021-05-16")
        np.testing.assert_array_equal(every.read(1), file.read(1))
    assert f"<start>{DAY}T00:00:00Z</start>" in (folder / f"{DAY}.qml").read_text("utf-8")


def test_raster__clear_messages_and_nothing_half_written(risk: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with pytest.raises(InputError, match="a raster holds one variable, not crime, risk_ewma_rate"):
        ht.export(risk, path, ["crime", "risk_ewma_rate"])
    with pytest.raises(InputError, match="at most 100 days, one band each, not 181"):
        ht.export(risk, path, "crime", time=slice("2021-01-01", "2021-06-30"))
    with pytest.raises(InputError, match="no coordinate system 'EPSG:1'"):
        ht.export(risk, path, "crime", crs="EPSG:1")
    with pytest.raises(InputError, match=r"pixels of 0.1 make .*; give a larger pixel, e.g. pixel="):
        ht.export(risk, path, "crime", pixel=0.1)
    with pytest.raises(InputError, match="pixel must be a size above 0"):
        ht.export(risk, path, "crime", pixel=-5.0)
    with pytest.raises(InputError, match="borough has no area 'Nowhere'"):
        ht.export(risk, path, "crime", area={"borough": "Nowhere"})
    static = risk.assign(size=risk["cell_area"].astype("float32"))
    with pytest.raises(InputError, match="a STAC collection needs days, and size has none"):
        ht.export(static, tmp_path / "a.stac", "size")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        ht.export(risk, tmp_path / "file" / "a.tif", "crime")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_raster__a_failing_write_leaves_nothing(
    risk: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        message = "No space left on device"
        raise OSError(message)

    monkeypatch.setattr(cog, "_read_again", full)
    for name in ("a.tif", "a.stac"):
        with pytest.raises(InputError, match="cannot be written: No space left on device"):
            ht.export(risk, tmp_path / name, "crime", time=DAY)
    assert list(tmp_path.iterdir()) == []
