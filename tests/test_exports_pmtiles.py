"""Vector tiles: every cell where it is with its value, parents at low zooms, the colours of the web map."""

import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.export.pmtiles_file import PmTiles
from htgeo.export.tiles import to_mercator, zooms_of
from htgeo.grid.cells import cell_areas, cell_centers, cell_hex, cell_polygons, disk_cells, parents, points_to_cells
from htgeo.maps.layers import variable_layer
from htgeo.maps.page_scale import scale_of
from htgeo.maps.style import MISSING

mapbox_vector_tile = pytest.importorskip("mapbox_vector_tile")
pytest.importorskip("pmtiles")

EXTENT, BUFFER = 4096, 64
TILE_PIXELS, CELL_PIXELS = 512, 6
DAY = "2021-05-14"
WEEK = slice("2021-05-08", "2021-05-14")


@pytest.fixture
def risk(cube: xr.Dataset) -> xr.Dataset:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    return ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(ht.split_time(cube, "2021-05-01")[0]))


def opened(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[int, dict[tuple[int, int], list[dict]]]]:
    """Return header, metadata, and the features of each tile by zoom, in units of the tile with y down."""
    from pmtiles.reader import MemorySource, Reader, all_tiles

    source = MemorySource(path.read_bytes())
    reader = Reader(source)
    zooms: dict[int, dict[tuple[int, int], list[dict]]] = {}
    for (zoom, x, y), data in all_tiles(source):
        layers = mapbox_vector_tile.decode(gzip.decompress(data), default_options={"y_coord_down": True})
        (layer,) = layers.values()
        assert layer["extent"] == EXTENT
        zooms.setdefault(zoom, {})[x, y] = layer["features"]
    return reader.header(), reader.metadata(), zooms


def by_place(tiles: dict[tuple[int, int], list[dict]], place: str = "cell") -> dict[str, dict]:
    """Return the attributes of each place of a zoom; those of its parts in several tiles are the same."""
    found: dict[str, dict] = {}
    for features in tiles.values():
        for feature in features:
            facts = feature["properties"]
            assert found.setdefault(facts[place], facts) == facts
    return found


def world(tile: tuple[int, int], feature: dict) -> shapely.Geometry:
    """Return the shape of a feature in units from the corner of the world."""
    return shapely.transform(
        shapely.geometry.shape(feature["geometry"]), lambda xy: xy + np.array(tile, float) * EXTENT
    )


def truth(cells: np.ndarray, zoom: int) -> np.ndarray:
    return shapely.transform(to_mercator(cell_polygons(cells)), lambda xy: xy * 2**zoom * EXTENT)


def at(cells: np.ndarray, like: xr.Dataset) -> xr.Dataset:
    """Return a cube with as many counts as other cells."""
    lon, lat = cell_centers(cells)
    crime = like["crime"].values[: len(cells), -3:] + np.arange(len(cells))[:, None]
    made = xr.Dataset(
        coords={
            "cell": ("cell", cells, {"grid_name": "h3", "level": 7}),
            "time": like["time"].values[-3:],
            "lon": ("cell", lon),
            "lat": ("cell", lat),
            "cell_area": ("cell", cell_areas(cells)),
        },
        attrs={**like.attrs, "resolution": 7, "layers": []},
    )
    data = xr.DataArray(crime.astype(np.float32), dims=("cell", "time"))
    return made.assign(crime=stamp(data, "crime", "count", "events", "crimes"))


def test_tiles__hold_every_cell_with_its_id_and_value(risk, tmp_path):
    path = ht.export(risk, tmp_path / "risk.pmtiles", ["risk_ewma_rate", "crime"], time=DAY)
    header, metadata, zooms = opened(path)
    assert header["max_zoom"] == max(zooms)
    assert header["min_zoom"] == min(zooms)
    assert header["clustered"]
    assert metadata["htgeo"]["days"] == [DAY]
    found = by_place(zooms[header["max_zoom"]])
    assert sorted(found) == sorted(cell_hex(risk["cell"].values))
    chosen = risk.sel(time=DAY)
    for i, cell in enumerate(cell_hex(risk["cell"].values)):
        assert found[cell] == {
            "cell": cell,
            "borough": str(risk["borough"].values[i]),
            "precinct": str(risk["precinct"].values[i]),
            "resolution": 7,
            "risk_ewma_rate": float(chosen["risk_ewma_rate"].values[i]),
            "crime": float(chosen["crime"].values[i]),
        }


def test_shapes__lie_within_a_unit_of_the_cells_and_leave_no_gap(cube, tmp_path):
    header, _, zooms = opened(ht.export(cube, tmp_path / "a.pmtiles", "crime", time=DAY))
    zoom, cells = header["max_zoom"], cube["cell"].values
    shape = dict(zip(cell_hex(cells), truth(cells, zoom), strict=True))
    area = Counter()
    corners = set()
    for tile, features in zooms[zoom].items():
        inner = shapely.box(*np.array([*tile, tile[0] + 1, tile[1] + 1], float) * EXTENT)
        for feature in features:
            part, whole = world(tile, feature), shape[feature["properties"]["cell"]]
            assert part.is_valid
            outer = shapely.buffer(inner, BUFFER, join_style="mitre")
            assert shapely.hausdorff_distance(part, shapely.intersection(whole, outer)) < 1
            assert outer.covers(part)
            area[feature["properties"]["cell"]] += shapely.intersection(part, inner).area
            inside = shapely.get_coordinates(part)
            corners |= set(map(tuple, inside[shapely.contains_xy(inner, inside)].astype(int).tolist()))
    for cell, whole in shape.items():
        assert area[cell] == pytest.approx(whole.area, rel=0.01)
    true = np.unique(np.rint(shapely.get_coordinates(list(shape.values()))).astype(int), axis=0)
    assert corners == set(map(tuple, true.tolist()))


def test_neighbours__share_the_vertices_between_them(cube, tmp_path):
    _, _, zooms = opened(ht.export(cube, tmp_path / "a.pmtiles", "crime", time=DAY))
    for tiles in zooms.values():
        for features in tiles.values():
            shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
            assert shapely.coverage_is_valid(shapes)


def test_parents__have_the_sums_of_their_cells_where_cells_are_small(risk, tmp_path):
    path = ht.export(risk, tmp_path / "a.pmtiles", ["crime", "risk_ewma_rate"], time=DAY)
    header, metadata, zooms = opened(path)
    levels = metadata["htgeo"]["levels"]
    assert [level["resolution"] for level in levels] == sorted(level["resolution"] for level in levels)
    assert len(levels) >= 2
    total = float(risk["crime"].sel(time=DAY).sum())
    seen = set()
    for zoom, tiles in zooms.items():
        found = by_place(tiles)
        (resolution,) = {facts["resolution"] for facts in found.values()}
        seen.add(resolution)
        assert sum(facts["crime"] for facts in found.values()) == pytest.approx(total, rel=1e-6)
        shown = next(level for level in levels if level["minzoom"] <= zoom < level.get("maxzoom", 99))
        assert shown["resolution"] == resolution
        width = shapely.bounds(truth(np.array([int(cell, 16) for cell in found], np.uint64), zoom))
        pixels = np.median(width[:, 2] - width[:, 0]) * TILE_PIXELS / EXTENT
        assert pixels >= 0.9 * CELL_PIXELS
        if resolution < 7:
            assert pixels < 3 * CELL_PIXELS
            coarse = ht.to_resolution(risk, resolution).sel(time=DAY)
            assert sorted(found) == sorted(cell_hex(np.unique(parents(risk["cell"].values, resolution))))
            for cell, value in zip(cell_hex(coarse["cell"].values), coarse["expected_ewma_rate"].values, strict=True):
                assert found[cell]["expected_ewma_rate"] == pytest.approx(float(value), rel=1e-6)
                assert "risk_ewma_rate" not in found[cell]
    assert seen == {level["resolution"] for level in levels}
    assert "counts summed" in levels[0]["how"]
    assert header["min_zoom"] == levels[0]["minzoom"]


@pytest.mark.parametrize("resolution", [5, 9, 11])
def test_zooms__a_cell_is_always_some_pixels_wide(resolution):
    middle = int(points_to_cells(np.array([-73.9]), np.array([40.7]), resolution)[0])
    shapes = to_mercator(cell_polygons(disk_cells(middle, 40)))
    zooms = zooms_of(shapes, resolution)
    assert list(zooms) == list(range(len(zooms)))
    shown = sorted((zoom, up) for up, found in zooms.items() for zoom in found)
    assert [zoom for zoom, _ in shown] == list(range(shown[0][0], shown[-1][0] + 1))  # each zoom once
    west, _, east, _ = shapely.total_bounds(shapes)
    assert 64 <= (east - west) * TILE_PIXELS * 2 ** shown[0][0] < 2.5 * 64
    cells = np.array([middle], np.uint64)
    for zoom, up in shown:
        left, _, right, _ = shapely.bounds(truth(parents(cells, resolution - up), zoom))[0] * TILE_PIXELS / EXTENT
        assert right - left > 0.85 * CELL_PIXELS
        assert up == 0 or right - left < 3 * CELL_PIXELS
    assert zooms_of(shapes, None) != zooms
    assert set(zooms_of(shapes, 0)) == {0}


def test_days__are_attributes_and_a_list(risk, tmp_path):
    risk = risk.assign(busy=risk["crime"].sum("time").astype("float32"))
    path = ht.export(risk, tmp_path / "a.pmtiles", ["crime", "busy"], time=WEEK)
    header, metadata, zooms = opened(path)
    days = [str(day) for day in np.arange("2021-05-08", "2021-05-15", dtype="M8[D]")]
    assert metadata["htgeo"]["days"] == days
    found = by_place(zooms[header["max_zoom"]])
    for i, cell in enumerate(cell_hex(risk["cell"].values)):
        assert [found[cell][f"crime_{day}"] for day in days] == risk["crime"].sel(time=WEEK).values[i].tolist()
        assert found[cell]["busy"] == float(risk["busy"].values[i])
    fields = metadata["vector_layers"][0]["fields"]
    assert fields["crime_2021-05-08"] == "Number"
    assert fields["cell"] == "String"
    style = json.loads((tmp_path / "a-style.json").read_text("utf-8"))
    assert style["layers"][-1]["metadata"]["attribute"] == "crime_2021-05-14"
    with pytest.raises(InputError, match=r"tiles of 32 days are large .*at most 31.*set days=32"):
        ht.export(risk, tmp_path / "b.pmtiles", "crime", time=slice("2021-05-01", "2021-06-01"))
    assert ht.export(risk, tmp_path / "b.pmtiles", "crime", time=slice("2021-05-01", "2021-06-01"), days=32).is_file()


def test_metadata__say_what_it_is(risk, tmp_path):
    _, metadata, _ = opened(ht.export(risk, tmp_path / "a.pmtiles", "risk_ewma_rate", time=DAY, layer="forecast"))
    (layer,) = metadata["vector_layers"]
    assert layer["id"] == "forecast"
    assert "Not for stops" in metadata["attribution"]
    assert "Audience: internal" in metadata["attribution"]
    assert "probability of crime_any_within_7" in layer["description"]
    about = metadata["htgeo"]
    assert about["audience"] == "internal"
    assert about["risk_ewma_rate.model"] == "ewma_rate"
    assert about["risk_ewma_rate.horizon"] == "7"
    assert about["risk_ewma_rate.label"] == "crime_any_within_7"
    assert about["levels"][-1]["legend"][0].keys() == {"label", "color"}


def test_header__where_a_map_opens(cube, tmp_path):
    header, _, _ = opened(ht.export(cube, tmp_path / "a.pmtiles", "crime", time=DAY))
    bounds = shapely.total_bounds(cell_polygons(cube["cell"].values))
    ends = [header[name] / 1e7 for name in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")]
    np.testing.assert_allclose(ends, bounds, atol=1e-6)
    assert bounds[0] < header["center_lon_e7"] / 1e7 < bounds[2]
    assert bounds[1] < header["center_lat_e7"] / 1e7 < bounds[3]
    assert header["min_zoom"] <= header["center_zoom"] <= header["max_zoom"]
    style = json.loads((tmp_path / "a-style.json").read_text("utf-8"))
    assert style["zoom"] == header["center_zoom"]
    assert style["center"] == pytest.approx([header["center_lon_e7"] / 1e7, header["center_lat_e7"] / 1e7], abs=1e-6)


def test_missing__is_no_attribute_and_grey(cube, tmp_path):
    holes = cube["crime"].where(cube["crime"] < 1)
    cube = cube.assign(holes=stamp(holes, "holes", "count", "events", "counts with holes"))
    header, metadata, zooms = opened(ht.export(cube, tmp_path / "a.pmtiles", "holes", time=DAY))
    found = by_place(zooms[header["max_zoom"]])
    known = np.isfinite(cube["holes"].sel(time=DAY).values)
    assert 0 < known.sum() < len(known)
    assert {cell for cell, facts in found.items() if "holes" in facts} == set(cell_hex(cube["cell"].values[known]))
    assert metadata["htgeo"]["levels"][-1]["legend"][-1] == {"label": "not known", "color": MISSING}
    style = json.loads((tmp_path / "a-style.json").read_text("utf-8"))
    assert {painted(style["layers"][-1], facts) for facts in found.values()} >= {MISSING}


def painted(layer: dict[str, Any], facts: dict[str, Any]) -> str:
    """Return the colour of a feature, as MapLibre evaluates the expressions used."""

    def value(node: Any) -> Any:
        if not isinstance(node, list):
            return node
        word, *rest = node
        if word == "get":
            return facts.get(rest[0])
        if word == "has":
            return rest[0] in facts
        if word == "==":
            return value(rest[0]) == value(rest[1])
        if word == "case":
            chosen = next((rest[i + 1] for i in range(0, len(rest) - 1, 2) if value(rest[i])), rest[-1])
            return value(chosen)
        assert word == "step"
        number, color, *steps = rest
        for edge, upper in zip(steps[::2], steps[1::2], strict=True):
            color = upper if value(number) >= edge else color
        return color

    return value(layer["paint"]["fill-color"])


def test_style__has_the_classes_of_the_web_map(risk, tmp_path):
    flagged = risk["risk_ewma_rate"] > risk["risk_ewma_rate"].quantile(0.9)
    risk = risk.assign(alert=stamp(flagged, "alert", "alert", "1", "alert", model="ewma_rate"))
    classes = xr.where(risk["crime"] > 1, 2, xr.where(risk["crime"] > 0, 1, 0)).astype("int8")
    about = {"flag_values": np.array([0, 1, 2], "int8"), "flag_meanings": "none one several"}
    risk = risk.assign(kind=stamp(classes.transpose("cell", "time"), "kind", "hotspot", "1", "kind of cell", **about))
    for name in ("risk_ewma_rate", "crime", "alert", "kind"):
        path = ht.export(risk, tmp_path / f"{name}.pmtiles", name, time=DAY)
        header, _, zooms = opened(path)
        style = json.loads((tmp_path / f"{name}-style.json").read_text("utf-8"))
        assert style["sources"]["htgeo"]["url"] == f"pmtiles://{name}.pmtiles"
        assert style["sources"]["htgeo"]["promoteId"] == "cell"
        found = by_place(zooms[header["max_zoom"]])
        values = risk[name].sel(time=DAY).values.astype(float)
        scale = scale_of(variable_layer(risk, name), values)
        expected = dict(zip(cell_hex(risk["cell"].values), scale.classes(values).tolist(), strict=True))
        layer = style["layers"][-1]
        assert layer["source-layer"] == name
        assert layer["metadata"]["legend"] == [
            {"label": label, "color": color} for label, color in zip(scale.labels, scale.colors, strict=True)
        ]
        assert len(set(expected.values())) > 1
        for cell, facts in found.items():
            assert painted(layer, facts) == scale.colors[expected[cell]]


def test_flags__do_not_add_up_and_stay_cells_at_all_zooms(cube, tmp_path):
    cube = cube.assign(alert=stamp(cube["crime"] > 0, "alert", "alert", "1", "alert", model="rule"))
    _, metadata, zooms = opened(ht.export(cube, tmp_path / "a.pmtiles", ["alert", "crime"], time=DAY))
    assert len(zooms) > 1
    for tiles in zooms.values():
        found = by_place(tiles)
        assert {facts["resolution"] for facts in found.values()} == {7}
        for cell, value in zip(cell_hex(cube["cell"].values), cube["alert"].sel(time=DAY).values, strict=True):
            assert found[cell]["alert"] is bool(value)
    assert metadata["vector_layers"][0]["fields"]["alert"] == "Boolean"
    assert len(metadata["htgeo"]["levels"]) == 1


def test_zooms__each_paints_one_level(risk, tmp_path):
    ht.export(risk, tmp_path / "a.pmtiles", "risk_ewma_rate", time=DAY)
    style = json.loads((tmp_path / "a-style.json").read_text("utf-8"))
    first, *rest = style["layers"]
    assert rest
    for layer in rest:
        assert layer["minzoom"] == first["maxzoom"]
        first = layer
    assert "maxzoom" not in style["layers"][-1]  # shown however near
    for layer in style["layers"]:
        assert layer["filter"] == ["==", ["get", "resolution"], layer["metadata"]["resolution"]]
    assert [layer["metadata"]["attribute"] for layer in style["layers"]][-2:] == [
        "expected_ewma_rate",
        "risk_ewma_rate",
    ]


def test_one_cell__one_zoom(cube, tmp_path):
    header, _, zooms = opened(ht.export(cube.isel(cell=[5]), tmp_path / "a.pmtiles", "crime", time=DAY))
    assert set(zooms) == {header["min_zoom"]} == {header["max_zoom"]}
    assert list(by_place(zooms[header["min_zoom"]])) == cell_hex(cube["cell"].values[[5]]).tolist()


def test_static__needs_no_days(cube, tmp_path):
    total = cube["crime"].sum("time").astype("float32")
    cube = cube.assign(shops=stamp(total, "shops", "place", "places", "shops", how="sum"))
    header, metadata, zooms = opened(ht.export(cube, tmp_path / "a.pmtiles", "shops"))
    assert metadata["htgeo"]["days"] == []
    for zoom in (header["min_zoom"], header["max_zoom"]):
        found = by_place(zooms[zoom])
        assert sum(facts["shops"] for facts in found.values()) == pytest.approx(float(total.sum()), rel=1e-6)


def test_bytes__are_the_same_twice(risk, tmp_path, monkeypatch):
    first = ht.export(risk, tmp_path / "1" / "a.pmtiles", ["risk_ewma_rate", "crime"], time=WEEK)
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    again = ht.export(risk.compute(), tmp_path / "2" / "a.pmtiles", ["risk_ewma_rate", "crime"], time=WEEK)
    assert first.read_bytes() == again.read_bytes()
    assert first.with_name("a-style.json").read_bytes() == again.with_name("a-style.json").read_bytes()
    assert sorted(part.name for part in first.parent.iterdir()) == ["a-style.json", "a.pmtiles"]


def test_public__is_refused_and_areas_are_written(risk, precincts, tmp_path):
    with pytest.raises(InputError, match="public_view"):
        ht.export(risk, tmp_path / "a.pmtiles", "risk_ewma_rate", audience="public")
    assert not list(tmp_path.iterdir())
    fit = ht.public_view(risk, "risk_ewma_rate", by="precinct")
    names = list(fit.data_vars)
    with pytest.raises(CubeError, match="give region="):
        ht.export(fit, tmp_path / "a.pmtiles", names, audience="public")
    path = ht.export(fit, tmp_path / "a.pmtiles", names, audience="public", region=precincts)
    header, metadata, zooms = opened(path)
    assert "Audience: public" in metadata["attribution"]
    assert header["max_zoom"] in zooms
    for tiles in zooms.values():
        found = by_place(tiles, "precinct")
        assert set(found) == set(fit["precinct"].values.tolist())
        assert not any("cell" in facts for facts in found.values())
    style = json.loads((tmp_path / "a-style.json").read_text("utf-8"))
    assert style["sources"]["htgeo"]["promoteId"] == "precinct"
    assert "filter" not in style["layers"][0]


def test_antimeridian__cells_on_both_sides(cube, tmp_path):
    middle = points_to_cells(np.array([180.0]), np.array([-17.0]), 7)
    cells = disk_cells(int(middle[0]), 3)
    path = ht.export(at(cells, cube), tmp_path / "a.pmtiles", "crime")
    header, _, zooms = opened(path)
    zoom, side = header["max_zoom"], 2 ** header["max_zoom"]
    assert set(by_place(zooms[zoom])) == set(cell_hex(cells))
    columns = {x for x, _ in zooms[zoom]}
    assert {0, side - 1} <= columns
    assert columns <= set(range(3)) | set(range(side - 3, side))
    near = dict.fromkeys(cell_hex(cells), 0.0)
    for features in zooms[zoom].values():
        inner = shapely.box(0, 0, EXTENT, EXTENT)
        for feature in features:
            shape = shapely.geometry.shape(feature["geometry"])
            near[feature["properties"]["cell"]] += shapely.intersection(shape, inner).area
    for cell, whole in zip(cell_hex(cells), truth(cells, zoom), strict=True):
        assert near[cell] == pytest.approx(whole.area, rel=0.01)
    assert abs(header["center_lon_e7"] / 1e7) == pytest.approx(180, abs=0.2)
    assert (header["min_lon_e7"], header["max_lon_e7"]) == (-1_800_000_000, 1_800_000_000)


def test_poles__are_on_no_web_map(cube, tmp_path):
    cells = disk_cells(int(points_to_cells(np.array([10.0]), np.array([89.0]), 7)[0]), 1)
    with pytest.raises(InputError, match=r"7 of 7 places reach beyond 85\.0511 degrees"):
        ht.export(at(cells, cube), tmp_path / "a.pmtiles", "crime")
    assert not list(tmp_path.iterdir())


def test_bad_input__clear_messages(cube, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="has no area 'Quens'"):
        ht.export(cube, tmp_path / "a.pmtiles", "crime", area={"borough": "Quens"})
    with pytest.raises(InputError, match="has no option 'zoom'"):
        ht.export(cube, tmp_path / "a.pmtiles", "crime", zoom=3)
    monkeypatch.setitem(sys.modules, "mapbox_vector_tile", None)
    with pytest.raises(InputError, match=r"pip install 'htgeo\[web\]'"):
        ht.export(cube, tmp_path / "a.pmtiles", "crime")
    assert not list(tmp_path.iterdir())
    assert PmTiles.name == "pmtiles"


def test_gdal__reads_it(risk, tmp_path):
    import pyogrio

    if "PMTiles" not in pyogrio.list_drivers():
        pytest.skip("this GDAL reads no PMTiles")
    path = ht.export(risk, tmp_path / "a.pmtiles", ["risk_ewma_rate", "crime"], time=DAY)
    frame = pyogrio.read_dataframe(path).drop_duplicates("cell").set_index("cell").loc[cell_hex(risk["cell"].values)]
    np.testing.assert_array_equal(frame["risk_ewma_rate"], risk["risk_ewma_rate"].sel(time=DAY).values.astype(float))
    assert frame["borough"].tolist() == risk["borough"].values.tolist()
    assert frame.crs.to_epsg() == 3857


def test_full_disk__nothing_half_written(cube, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pmtiles.writer.Writer.write_tile", full)
    with pytest.raises(InputError, match=r"cannot be written: .*No space left"):
        ht.export(cube, tmp_path / "a.pmtiles", "crime")
    assert not list(tmp_path.iterdir())
