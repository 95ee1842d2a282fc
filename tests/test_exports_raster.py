"""Rasters open in GDAL with the map's classes, keep totals, and go back to the cells they came from."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.cube.rasters import add_raster
from htgeo.export import cog, stac
from htgeo.grid.cells import cell_polygons
from htgeo.maps.layers import variable_layer
from htgeo.maps.page_scale import scale_of
from htgeo.sources.rasters import read_raster

DAY = "2021-05-14"
DAYS = slice("2021-05-14", "2021-05-16")
EQUAL_AREA = "+proj=laea +lat_0=40.7 +lon_0=-74"


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


def test_tif__what_the_shore_loses_on_the_way_back_shrinks_with_the_pixel(cube: xr.Dataset, tmp_path: Path) -> None:
    lost = []
    for pixel in (400.0, 100.0, 25.0):
        path = ht.export(cube, tmp_path / f"{pixel:g}.tif", "crime", time=DAY, pixel=pixel)
        made = add_raster(cube, "again", read_raster(path, how="sum"))
        lost.append(1 - float(made["again"].sum() / cube["crime"].sel(time=DAY).sum()))
    assert 0.02 > lost[0] > 2 * lost[1] > 4 * lost[2] > 0


def surfaces(file: rasterio.DatasetReader) -> np.ndarray:
    """Return the surface of each pixel on the ellipsoid in m2, whatever the projection."""
    from pyproj import Transformer

    rows, columns = np.mgrid[: file.height + 1, : file.width + 1]
    change = Transformer.from_crs(file.crs.to_wkt(), EQUAL_AREA, always_xy=True)
    corner = file.transform
    x, y = change.transform(corner.c + corner.a * columns, corner.f + corner.e * rows)
    down, up = ([one[1:, 1:] - one[:-1, :-1] for one in (x, y)], [one[:-1, 1:] - one[1:, :-1] for one in (x, y)])
    return np.asarray(np.abs(down[0] * up[1] - down[1] * up[0]) / 2)


def cell_surfaces(cube: xr.Dataset) -> np.ndarray:
    """Return the surface of each cell on the ellipsoid in m2."""
    from pyproj import Transformer

    change = Transformer.from_crs("EPSG:4326", EQUAL_AREA, always_xy=True)
    shapes = cell_polygons(cube["cell"].values)
    return np.asarray(shapely.area(shapely.transform(shapes, lambda xy: np.column_stack(change.transform(*xy.T)))))


@pytest.mark.parametrize("suffix", ["tif", "stac"])
@pytest.mark.parametrize("crs", ["EPSG:2263", "EPSG:32618", "EPSG:4326", "EPSG:3857"])
def test_raster__keeps_totals_and_integrals(cube: xr.Dataset, tmp_path: Path, crs: str, suffix: str) -> None:
    density = cube["crime"].sum("time") / 20 + xr.ones_like(cube["lon"], dtype=float)
    risks = xr.concat([density, density**2, 5 - density / 100], "time").transpose("cell", "time").astype("float32")
    made = cube.sel(time=DAYS)[["crime"]].assign(risk=(("cell", "time"), risks.values)).compute()
    for name in ("crime", "risk"):
        path = ht.export(made, tmp_path / f"{name}.{suffix}", name, time=DAYS, crs=crs)
        bands = []
        for file in sorted(path.glob("*.tif")) if suffix == "stac" else [path]:
            with rasterio.open(file) as opened:
                bands += [band.astype(float) for band in opened.read()]
                weights = surfaces(opened) if name == "risk" else 1.0
        assert len(bands) == 3
        found = [float(np.nansum(band * weights)) for band in bands]
        true = (made[name].values.T.astype(float) * (cell_surfaces(made) if name == "risk" else 1.0)).sum(axis=1)
        for one, wanted, close in zip(found, true, (1e-3, 3e-3, 1e-3), strict=True):  # the second has one high peak
            assert one == pytest.approx(wanted, rel=close)


def test_raster__shows_every_place_however_large_the_pixels(cube: xr.Dataset, tmp_path: Path) -> None:
    few = cube.isel(cell=[0, 60, 120]).assign(number=("cell", np.array([1, 2, 3], "float32")))
    for how in ("mean", "majority", "sum"):
        with rasterio.open(ht.export(few, tmp_path / f"{how}.tif", "number", pixel=10_000.0, how=how)) as file:
            values = file.read(1).astype(float)
        assert np.isfinite(values).sum() >= 3
        if how == "sum":
            assert np.nansum(values) == pytest.approx(6, rel=1e-5)
        else:
            assert set(values[np.isfinite(values)]) == {1, 2, 3}


def test_raster__missing_places_stay_empty(cube: xr.Dataset, tmp_path: Path) -> None:
    total = cube["crime"].sum("time").astype("float32").compute()
    part = total.where(cube["borough"] == "Queens")
    made = cube.assign(total=("cell", part.values))
    for how in ("mean", "sum"):
        path = ht.export(made, tmp_path / f"{how}.tif", "total", how=how)
        with rasterio.open(path) as file:
            assert np.isnan(file.nodata)
            values = file.read(1).astype(float)
            share = np.isfinite(values).sum() * 100.0**2 / (cell_surfaces(made)[np.isfinite(part.values)].sum())
        assert share == pytest.approx(1, rel=0.06)
        if how == "sum":
            assert np.nansum(values) == pytest.approx(float(np.nansum(part.values)), rel=1e-3)


def test_gdalinfo__tells_classes_overviews_and_gaps(risk: xr.Dataset, tmp_path: Path) -> None:
    command = shutil.which("gdalinfo")
    if not command:
        pytest.skip("gdalinfo is not installed")

    def told(name: str, **options: float) -> dict:
        made = risk.assign(flag=risk["risk_ewma_rate"] > 0.5)
        path = ht.export(made, tmp_path / f"{name}.tif", name, time=DAY, **options)
        return json.loads(subprocess.run([command, "-json", str(path)], capture_output=True, check=True).stdout)

    number, flag = told("risk_ewma_rate", pixel=40.0), told("flag", pixel=40.0)
    for info in (number, flag):
        assert info["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"] == "COG"
        assert info["metadata"]["IMAGE_STRUCTURE"]["COMPRESSION"] == "DEFLATE"
        assert "Not for stops" in info["metadata"][""]["intended_use"]
        (band,) = info["bands"]
        assert band["description"] == DAY
        assert band["block"] == [512, 512]
        sizes = [level["size"] for level in band["overviews"]]
        assert sizes[0] == [-(-length // 2) for length in info["size"]] or sizes[0] == [n // 2 for n in info["size"]]
        assert max(sizes[-1]) <= 512
    assert number["bands"][0]["noDataValue"] == "NaN"
    assert number["bands"][0]["type"] == "Float32"
    band = flag["bands"][0]
    assert (band["noDataValue"], band["type"], band["colorInterpretation"]) == (255, "Byte", "Palette")
    classes = json.loads(flag["metadata"][""]["classes"])
    for one in classes:
        color = [*bytes.fromhex(one["color"][1:]), 255]
        assert band["colorTable"]["entries"][int(one["value"])] == color


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


@pytest.fixture(params=[None, "EPSG:2263", "EPSG:4326", "+proj=laea +lat_0=40.7 +lon_0=-74"])
def catalogue(request: pytest.FixtureRequest, risk: xr.Dataset, tmp_path: Path) -> tuple[Path, dict, list[dict]]:
    """A folder, its collection and its items, in several coordinate systems; summer time begins on the second day."""
    days = slice("2021-03-13", "2021-03-15")
    folder = ht.export(risk, tmp_path / "crime.stac", "crime", time=days, crs=request.param)
    items = [json.loads((folder / f"2021-03-{day}.json").read_text("utf-8")) for day in (13, 14, 15)]
    return folder, json.loads((folder / "collection.json").read_text("utf-8")), items


def test_stac__links_are_relative_and_lead_there_and_back(catalogue: tuple[Path, dict, list[dict]]) -> None:
    folder, collection, items = catalogue
    for one in (collection, *items):
        hrefs = [link["href"] for link in one["links"]] + [asset["href"] for asset in one["assets"].values()]
        assert all(href.startswith("./") and (folder / href).is_file() for href in hrefs)
    children = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    assert children == [f"./{item['id'].removeprefix('crime-')}.json" for item in items]
    for item in items:
        assert {link["rel"]: link["href"] for link in item["links"]} == dict.fromkeys(
            ("root", "parent", "collection"), "./collection.json"
        )
        assert item["collection"] == collection["id"] == "crime"
    named = {file.name for file in folder.iterdir()} - {"crime.vrt", "crime.qml", "collection.json"}
    assert named == {f"2021-03-{day}.{kind}" for day in (13, 14, 15) for kind in ("json", "tif", "qml")}


def test_stac__times_are_local_days_in_utc(catalogue: tuple[Path, dict, list[dict]]) -> None:
    _, collection, items = catalogue
    spans = [(item["properties"]["start_datetime"], item["properties"]["end_datetime"]) for item in items]
    assert spans == [
        ("2021-03-13T05:00:00Z", "2021-03-14T04:59:59Z"),
        ("2021-03-14T05:00:00Z", "2021-03-15T03:59:59Z"),
        ("2021-03-15T04:00:00Z", "2021-03-16T03:59:59Z"),
    ]
    assert all(item["properties"]["datetime"] is None for item in items)
    assert collection["extent"]["temporal"]["interval"] == [[spans[0][0], spans[-1][1]]]
    assert collection["cube:dimensions"]["time"]["values"] == [start for start, _ in spans]


def test_stac__fields_are_those_of_the_files(catalogue: tuple[Path, dict, list[dict]]) -> None:
    from pyproj import CRS
    from rasterio.warp import transform_bounds

    folder, collection, items = catalogue
    for item in items:
        about = item["properties"]
        with rasterio.open(folder / item["assets"]["data"]["href"]) as file:
            assert about["proj:shape"] == list(file.shape)
            assert about["proj:transform"] == list(file.transform)[:6]
            assert about["proj:bbox"] == list(file.bounds)
            assert CRS(about.get("proj:code") or about["proj:wkt2"]) == CRS(file.crs.to_wkt())
            np.testing.assert_allclose(item["bbox"], transform_bounds(file.crs, "EPSG:4326", *file.bounds), atol=1e-4)
            (band,) = item["assets"]["data"]["bands"]
            assert band["data_type"] == file.dtypes[0]
            assert np.isnan(file.nodata)
            assert band["nodata"] == "nan"
            assert band["unit"] == file.units[0] == "1 per pixel"
            axes = item["cube:dimensions"] if "cube:dimensions" in item else about["cube:dimensions"]
            assert [*axes["x"]["extent"], *axes["y"]["extent"]] == [file.bounds[i] for i in (0, 2, 1, 3)]
            assert axes["x"]["step"] == file.transform.a
        shape = shapely.geometry.shape(item["geometry"])
        assert shape.bounds == tuple(item["bbox"])
        assert shape.exterior.is_ccw
    assert collection["extent"]["spatial"]["bbox"] == [items[0]["bbox"]]


def test_stac__validates_offline(catalogue: tuple[Path, dict, list[dict]]) -> None:
    pystac = pytest.importorskip("pystac", reason="pystac, which brings the schemas, is not installed")
    pytest.importorskip("jsonschema", reason="jsonschema, which pystac validates with, is not installed")
    from pystac.validation import JsonSchemaSTACValidator

    _, collection, items = catalogue
    check = JsonSchemaSTACValidator()
    check.validate_core(collection, pystac.STACObjectType.COLLECTION, "1.1.0")
    for item in items:
        check.validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")
        with pytest.raises(pystac.STACValidationError):
            check.validate_core({**item, "bbox": "here"}, pystac.STACObjectType.ITEM, "1.1.0")
    assert pystac.Item.from_dict(items[0]).get_assets(role="data")


@pytest.mark.parametrize(("freq", "last"), [("W", "2021-05-16"), ("M", "2021-05-31")])
def test_steps_longer_than_a_day__are_told_to_their_end(cube: xr.Dataset, tmp_path: Path, freq: str, last: str) -> None:
    made = ht.aggregate(cube, freq=freq)
    first = {"W": "2021-05-10", "M": "2021-05-01"}[freq]
    folder = ht.export(made, tmp_path / "a.stac", "crime", time=first)
    about = json.loads((folder / f"{first}.json").read_text("utf-8"))["properties"]
    after = np.datetime64(last) + 1
    assert about["start_datetime"] == f"{first}T04:00:00Z"
    assert about["end_datetime"] == f"{after}T03:59:59Z"
    range_of = f"<fixedRange><start>{first}T00:00:00Z</start><end>{last}T23:59:59Z</end></fixedRange>"
    assert range_of in (folder / f"{first}.qml").read_text("utf-8")
    path = ht.export(made, tmp_path / "a.tif", "crime", time=first)
    assert range_of in path.with_suffix(".qml").read_text("utf-8")
    with rasterio.open(path) as file:
        assert file.tags()["days"] == f"{first} to {last}"


def test_stac__a_box_on_the_180th_meridian_is_cut_in_two() -> None:
    shape = shapely.geometry.shape(stac._outline(179.0, -18.0, -179.5, -17.0))
    assert shape.geom_type == "MultiPolygon"
    assert shape.bounds == (-180, -18, 180, -17)
    assert shape.area == pytest.approx(1.5)


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
