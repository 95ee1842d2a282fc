"""The map page is small, offline and safe, shows what the cube holds, and works in a real browser; so does its figure."""

import base64
import html
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
import shapely
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.coords import empty_cube
from htgeo.cube.schema import stamp
from htgeo.grid.cells import cell_hex, cell_polygons
from htgeo.maps.figure import save_figure
from htgeo.maps.layers import Layer, band_layer, difference_layer, map_layers, variable_layer
from htgeo.maps.page import map_page, write_map_page
from htgeo.maps.page_pack import make_book, mercator
from htgeo.maps.page_reasons import top_reasons
from htgeo.maps.page_scale import DIVERGING, scale_of
from htgeo.maps.page_shapes import page_lines, page_plane
from htgeo.maps.picture import map_risk
from htgeo.maps.style import class_breaks, class_colors
from htgeo.maps.surface import flat

SPAN = slice("2021-05-01", "2021-05-30")
EVIL = "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"


@pytest.fixture
def risk(cube: xr.Dataset) -> xr.Dataset:
    """A cube with two risks, an alert and contributions of three features."""
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    train = ht.split_time(cube, "2021-05-01")[0]
    for model in (ht.EwmaRate(half_life=30), ht.HistoricalRate()):
        cube = ht.add_risk(cube, model.fit(train))
    rng = np.random.default_rng(0)
    for number in range(3):
        name = f"contribution_feature_{number}"
        values = cube["crime"].copy(data=rng.normal(size=cube["crime"].shape).astype("float32"))
        cube[name] = stamp(values, name, "contribution", "1", f"what feature_{number} adds", model="ewma_rate")
    alert = cube["risk_ewma_rate"] > 0.5
    cube["alert_ewma_rate"] = stamp(alert, "alert_ewma_rate", "alert", "1", "flagged", model="ewma_rate")
    return cube


@pytest.fixture
def page(risk: xr.Dataset, boroughs: ht.Region, tmp_path: Path) -> Path:
    return write_map_page(
        risk, "risk_ewma_rate", tmp_path / "map.html", time=SPAN, region=boroughs, title="A <b>title</b>"
    )


def settings_of(page: str | Path) -> dict:
    """Return what a page knows beside its packed blocks."""
    text = page.read_text("utf-8") if isinstance(page, Path) else page
    return json.loads(re.search(r'id="settings">(.*?)</script>', text).group(1))


def block_of(page: str | Path, name: str) -> bytes:
    text = page.read_text("utf-8") if isinstance(page, Path) else page
    return zlib.decompress(base64.b64decode(re.search(rf'id="data-{name}">(.*?)</script>', text).group(1)))


def codes_of(packed: bytes, width: int, steps: int) -> np.ndarray:
    """Return codes (row, step), as the page unpacks them."""
    planes = np.frombuffer(packed, np.uint8).reshape(width, -1)
    change = np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(-1, steps)
    return np.cumsum(change, axis=1, dtype=f"u{width}").astype(int)


def values_of(page: str | Path, index: int = 0) -> np.ndarray:
    """Return the values (place, step) of a layer of a page."""
    layer = settings_of(page)["layers"][index]
    codes = codes_of(block_of(page, f"layer-{index}"), layer["width"], layer["steps"])
    return np.array([*layer["book"], np.nan])[codes]


def rings_of(packed: bytes) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the owner and the points (point, 2) of each ring of a block."""
    count = int(np.frombuffer(packed, "<u4", 1)[0])
    owner, length = np.frombuffer(packed, "<u4", 2 * count, offset=4).reshape(2, -1)
    change = np.frombuffer(packed, "<u2", offset=4 + 8 * count).reshape(2, -1)
    points = np.cumsum(change, axis=1, dtype="u2").T.astype(int)
    return owner, np.split(points, np.cumsum(length)[:-1])


def made_up(values: np.ndarray, **attrs: object) -> xr.DataArray:
    return xr.DataArray(values, dims=("cell", "time")[: values.ndim], name="made", attrs=attrs)


def layer_of(values: np.ndarray, **options: object) -> Layer:
    return Layer(name="made", title="Made", about="Made up", values=made_up(values), **options)


class TestLayers:
    def test_default__all_of_the_risk(self, risk: xr.Dataset) -> None:
        names = [layer.name for layer in map_layers(risk, None, None)]
        contributions = [f"contribution_feature_{i}" for i in range(3)]
        assert names == ["risk_ewma_rate", "risk_historical_rate", "alert_ewma_rate", "crime", *contributions]
        assert next(layer.name for layer in map_layers(risk, "risk_historical_rate", None)) == "risk_historical_rate"
        assert [layer.name for layer in map_layers(risk, "crime", None)] == ["crime"]
        assert [layer.name for layer in map_layers(risk, None, "crime")] == ["crime"]

    def test_kinds__by_role_and_flags(self, risk: xr.Dataset) -> None:
        flags = {"flag_values": [0, 2], "flag_meanings": "none new_hot_spot", "flag_colors": "#eeeeee #aa0000"}
        risk["kind"] = risk["crime"].copy().assign_attrs(flags)
        layer = variable_layer(risk, "kind")
        assert (layer.kind, layer.codes, layer.labels) == ("categorical", (0, 2), ("none", "new hot spot"))
        assert layer.colors == ("#eeeeee", "#aa0000")
        assert variable_layer(risk, "alert_ewma_rate").kind == "binary"
        assert variable_layer(risk, "risk_ewma_rate").unit == "probability"
        assert variable_layer(risk, "crime", "robbery").title == "Observed events, robbery"
        assert variable_layer(risk, "cell_area").values.dims == ("cell",)

    def test_difference__one_less_the_other_lazily(self, risk: xr.Dataset) -> None:
        with no_compute():
            layer = difference_layer(risk, "ewma_rate", "historical_rate")
        xr.testing.assert_equal(layer.values.load(), (risk["risk_ewma_rate"] - risk["risk_historical_rate"]).load())
        assert layer.unit == "points"
        with pytest.raises(InputError, match="no forecast of 'lstm'; it has ewma_rate, historical_rate"):
            difference_layer(risk, "lstm", "ewma_rate")
        other = risk.assign(risk_ewma_rate=risk["risk_ewma_rate"].assign_attrs(label="another"))
        with pytest.raises(CubeError, match="forecast different labels"):
            difference_layer(other, "ewma_rate", "historical_rate")

    def test_band__highest_less_lowest(self, risk: xr.Dataset) -> None:
        with pytest.raises(CubeError, match=r"add_bands\(cube, 'ewma_rate'\)"):
            band_layer(risk, "ewma_rate")
        low, high = risk["crime"].assign_attrs(level=0.8), risk["crime"] + 2
        layer = band_layer(risk.assign(band_low_x=low, band_high_x=high), "x")
        assert np.unique(layer.values.values).tolist() == [2]
        assert "80 %" in layer.about

    def test_messages__clear(self, risk: xr.Dataset) -> None:
        with pytest.raises(CubeError, match="has no variable 'risk'; it has"):
            map_risk(risk, "risk")
        with pytest.raises(CubeError, match=r"no risk to map: htgeo\.add_risk"):
            map_risk(risk[["crime"]])
        with pytest.raises(CubeError, match=r"a map needs a variable on \('cell', 'time'\) or \('cell',\)"):
            map_page(risk.assign(one=("time", np.ones(risk.sizes["time"]))), "one")
        with pytest.raises(CubeError, match="a map shows numbers; 'borough' is"):
            map_page(risk, "borough")
        with pytest.raises(CubeError, match="the cube has no day 2030-01-01; it has 2021-01-01 to 2021-06-30"):
            map_page(risk, "crime", time="2030-01-01")
        with pytest.raises(InputError, match="two layers of the map have one name: crime, crime"):
            map_page(risk, layers=["crime", "crime"])
        bad = risk.assign(kind=risk["crime"].assign_attrs(flag_values=[0], flag_meanings="a b"))
        with pytest.raises(CubeError, match="'kind' has 1 flag_values, 2 flag_meanings and 1 flag_colors"):
            map_page(bad, "kind")


class TestScale:
    def test_sequential__breaks_of_the_values(self) -> None:
        breaks = class_breaks(np.random.default_rng(0).gamma(0.3, 0.01, 10_000))
        assert (np.diff(breaks) > 0).all()
        assert len(class_colors(breaks)) == len(breaks) + 1 == 7
        assert len(class_breaks(np.zeros(5))) == 0
        assert len(class_breaks(np.full(3, np.nan))) == 0

    def test_difference__symmetric_around_zero(self) -> None:
        values = np.random.default_rng(0).normal(0.02, 0.05, 5000)
        scale = scale_of(layer_of(values[None], unit="points"), values)
        np.testing.assert_allclose(scale.breaks, -scale.breaks[::-1])
        assert scale.colors == DIVERGING
        assert scale.labels[-1].startswith("+")
        assert scale.classes(np.array([0.0])) == len(DIVERGING) // 2

    def test_counts__zero_is_a_class(self) -> None:
        values = np.array([0.0] * 90 + [1.0] * 8 + list(range(2, 12)))
        scale = scale_of(layer_of(values[None]), values)
        assert scale.labels[:2] == ("none", "1 to 2")
        assert scale.classes(np.array([0.0, 1.0, np.nan])).tolist() == [0, 1, -1]
        shares = scale_of(layer_of(values[None]), values * 0.3)
        assert shares.labels[0] == "none"
        assert shares.classes(np.array([0.0, 0.3])).tolist() == [0, 1]
        assert scale_of(layer_of(values[None]), np.array([0.0, 0.0, 0.0, 0.3])).labels == ("none", "0.3 and more")
        for one in (scale, shares):
            assert len(one.labels) == len(one.colors) == len(one.breaks) + 1 == len(set(one.colors))

    @pytest.mark.parametrize("factor", [0.0123456, 12345.0])
    def test_classes__are_those_of_the_rounded_values(self, factor: float) -> None:
        for values in (np.array([0.0] * 90 + [1.0] * 8 + list(range(2, 12))), np.array([0.0, 1.0, 2.0])):
            exact = values * factor
            scale, book = scale_of(layer_of(exact[None]), exact), make_book(exact)
            np.testing.assert_array_equal(scale.classes(book.values[book.codes]) > 0, exact > 0)

    def test_few_whole_numbers__a_class_each(self) -> None:
        values = np.array([0.0, 1.0, 2.0, 7.0, np.nan, 1.0])
        scale = scale_of(layer_of(values[None]), values)
        assert scale.labels == ("none", "1", "2", "7")
        assert scale.classes(values).tolist() == [0, 1, 2, 3, -1, 1]
        assert len(set(scale.colors)) == 4
        assert scale_of(layer_of(values[None]), np.full(3, 5.0)).labels == ("5",)

    def test_flags__by_value_in_any_order(self) -> None:
        layer = layer_of(np.zeros((1, 1)), kind="categorical", codes=(5, -1), labels=("a", "b"), colors=("x", "y"))
        found = scale_of(layer, np.zeros(1)).classes(np.array([-1, 5, 3, np.nan]))
        assert found.tolist() == [1, 0, -1, -1]


class TestPacking:
    @given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3, allow_subnormal=False)))
    def test_book__three_digits_in_order(self, values: np.ndarray) -> None:
        book = make_book(values)
        assert (np.diff(book.values) > 0).all()
        tolerance = 0.0051 * np.abs(values) + 1e-6 * np.abs(values).max()
        assert (np.abs(book.values[book.codes] - values) <= tolerance).all()

    def test_book__missing_and_nothing(self) -> None:
        book = make_book(np.array([0.5, np.nan, 0.0]))
        assert book.values.tolist() == [0.0, 0.5]
        assert book.codes.tolist() == [1, book.missing, 0]
        assert make_book(np.array([0.1234, -0.996, 1.0]), digits=2).values.tolist() == [-1.0, 0.12, 1.0]
        assert make_book(np.array([np.nan])).codes.tolist() == [0]
        assert make_book(np.array([0.0, np.nan])).codes.tolist() == [0, 1]

    def test_shapes__come_back_and_meet(self, risk: xr.Dataset) -> None:
        plane, rings = page_plane(risk, None)
        owner, found = rings_of(zlib.decompress(base64.b64decode(rings.packed())))
        assert owner.tolist() == list(range(risk.sizes["cell"]))
        for points, shape in zip(found, cell_polygons(risk["cell"].values), strict=True):
            flat = mercator(shapely.get_coordinates(shape)[:-1])
            steps = np.stack([flat[:, 0] - plane.west, plane.north - flat[:, 1]], axis=1) / plane.step
            np.testing.assert_allclose(points, steps, atol=0.5001)
        width = (found[0][:, 0].max() - found[0][:, 0].min()) * plane.km
        assert width == pytest.approx(np.sqrt(risk["cell_area"].values[0] / 0.866), rel=0.2)

    def test_lines__run_between_areas_alone(self, risk: xr.Dataset) -> None:
        plane, rings = page_plane(risk, None)
        lines = page_lines(risk, None, plane, rings)
        assert list(lines) == ["borough", "precinct"]
        hexagons = [
            shapely.Polygon(points) for points in rings_of(zlib.decompress(base64.b64decode(rings.packed())))[1]
        ]
        names = risk["borough"].values
        areas = [shapely.union_all(np.array(hexagons)[names == name]) for name in np.unique(names)]
        expected = shapely.union_all(shapely.boundary(areas))
        _, edges = rings_of(zlib.decompress(base64.b64decode(lines["borough"])))
        assert shapely.union_all([shapely.LineString(edge) for edge in edges]).equals(expected)


class TestReasons:
    def test_reasons__the_strongest_with_their_sign(self, risk: xr.Dataset) -> None:
        with no_compute():
            reasons = top_reasons(risk)
        names = [f"contribution_feature_{i}" for i in range(3)]
        added = np.stack([risk[name].values for name in names], axis=-1)
        codes = reasons.codes.values
        order = np.argsort(-np.abs(added), axis=-1)
        np.testing.assert_array_equal(codes // 2, order)
        np.testing.assert_array_equal(codes % 2 == 1, np.take_along_axis(added, order, axis=-1) > 0)
        assert reasons.words == ("feature 0", "feature 1", "feature 2")
        named = risk.assign(feature_0=risk["crime"].assign_attrs(long_name="crime of 28 days"))
        assert top_reasons(named).words[0] == "crime of 28 days"
        assert top_reasons(risk[["crime"]]) is None

    def test_reasons__none_where_nothing_is_added(self, risk: xr.Dataset) -> None:
        none = risk.assign(contribution_feature_0=risk["contribution_feature_0"] * np.nan)
        none["contribution_feature_0"].attrs = risk["contribution_feature_0"].attrs
        assert (top_reasons(none).codes.values[..., 2] == 6).all()


class TestPage:
    def test_page__offline_small_and_escaped(self, page: Path) -> None:
        text = page.read_text("utf-8")
        assert "https:" not in text.replace("https://a.basemaps.cartocdn.com", "")
        assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "default-src 'none'; script-src 'sha256-" in text
        assert "unsafe" not in text
        assert "img-src" not in text
        assert "A &lt;b&gt;title&lt;/b&gt;" in text
        assert "<b>title" not in text
        assert "Not for stops, searches, raids" in text
        assert page.stat().st_size < 500_000

    def test_page__values_come_back(self, page: Path, risk: xr.Dataset) -> None:
        for index, name in enumerate(["risk_ewma_rate", "risk_historical_rate", "alert_ewma_rate", "crime"]):
            expected = risk[name].sel(time=SPAN).values.astype(float)
            np.testing.assert_allclose(values_of(page, index), expected, rtol=0.0051, atol=1e-9)
        settings = settings_of(page)
        assert (settings["days"][0], len(settings["days"])) == ("2021-05-01", 30)
        places = json.loads(block_of(page, "places"))
        assert places["ids"] == cell_hex(risk["cell"].values).tolist()
        area = places["areas"][0]
        assert [area["names"][at] for at in area["at"]] == risk["borough"].values.tolist()

    def test_page__reasons_come_back(self, page: Path, risk: xr.Dataset) -> None:
        facts = settings_of(page)["reasons"]
        codes = codes_of(block_of(page, "reasons"), facts["width"], facts["steps"]).reshape(3, -1, 30)
        expected = top_reasons(risk).codes.sel(time=SPAN).values
        np.testing.assert_array_equal(np.moveaxis(codes, 0, 2), expected)

    def test_page__missing_static_and_negative(self, risk: xr.Dataset) -> None:
        values = risk["crime"].values.astype(float) - 2
        values[0] = np.nan
        cube = risk.assign(less=(("cell", "time"), values))
        text = map_page(cube, layers=["less", "cell_area"], time="2021-03-01")
        found = cube["less"].sel(time="2021-03-01").values
        np.testing.assert_allclose(values_of(text)[:, 0], found, rtol=0.0051)
        np.testing.assert_allclose(values_of(text, 1)[:, 0], cube["cell_area"].values, rtol=0.0051)
        assert [layer["gaps"] for layer in settings_of(text)["layers"]] == [True, False]

    def test_page__computes_only_what_it_shows(self, risk: xr.Dataset) -> None:
        def fail(_: np.ndarray) -> np.ndarray:
            pytest.fail("a variable was computed that is not shown")

        bomb = da.zeros(risk["crime"].shape, chunks=-1, meta=np.empty((0, 0))).map_blocks(fail, meta=np.empty((0, 0)))
        cube = risk[["crime", "risk_ewma_rate"]].assign(bomb=(("cell", "time"), bomb))
        assert settings_of(map_page(cube, "risk_ewma_rate", time=SPAN))["days"]
        assert settings_of(map_page(risk.assign(contribution_feature_0=cube["bomb"]), "crime"))["reasons"] is None
        with no_compute():
            map_layers(cube, None, ["bomb", "crime"])

    def test_page__one_computation(self, risk: xr.Dataset) -> None:
        calls = []

        def count(dsk: object, keys: object, **options: object) -> object:
            calls.append(keys)
            return dask.get(dsk, keys, **options)

        with dask.config.set(scheduler=count):
            map_page(risk, layers=["risk_ewma_rate", "risk_historical_rate", "crime"], time=SPAN)
        assert len(calls) == 1

    def test_page__weeks_are_named(self, risk: xr.Dataset) -> None:
        weekly = ht.aggregate(risk[["crime"]], freq="W")
        assert settings_of(map_page(weekly, "crime"))["step"] == "Week from "
        assert settings_of(map_page(risk, "crime"))["step"] == ""

    def test_page__areas_need_their_shapes(self, risk: xr.Dataset, precincts: ht.Region) -> None:
        areas = ht.aggregate(risk[["crime"]], by="precinct")
        text = map_page(areas, "crime", time="2021-03-01", region=precincts)
        assert settings_of(text)["space"] == "precinct"
        np.testing.assert_allclose(values_of(text)[:, 0], areas["crime"].sel(time="2021-03-01").values, rtol=0.0051)
        owner, _ = rings_of(block_of(text, "shapes"))
        assert set(owner.tolist()) == set(range(areas.sizes["precinct"]))
        with pytest.raises(CubeError, match="a map of areas"):
            map_page(areas, "crime")

    def test_write__no_half_file(self, risk: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            write_map_page(risk, "crime", tmp_path / "file" / "m.html")

        def full(*_: Path) -> Path:
            message = "No space left on device"
            raise OSError(message)

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(InputError, match="No space left"):
            write_map_page(risk, "crime", tmp_path / "m.html")
        assert [p.name for p in tmp_path.iterdir()] == ["file"]

    def test_notebook__shows_the_page_inline(self, risk: xr.Dataset) -> None:
        page = map_page(risk, "crime")
        shown = page._repr_html_()
        assert html.unescape(re.search(r'srcdoc="(.*?)"', shown, re.DOTALL).group(1)) == page

    @pytest.mark.slow
    def test_new_york_year__within_limits(self, boroughs: ht.Region) -> None:
        for resolution, limit in ((8, 3e6), (9, 8e6)):
            grid = ht.make_grid(boroughs, resolution=resolution, start="2021-01-01", end="2021-12-31")
            noise = np.random.default_rng(0).random((len(grid.cells), 365), np.float32)
            page = map_page(empty_cube(grid).assign(noise=(("cell", "time"), noise)), "noise", time=slice(None, None))
            assert len(page) < limit


class TestFigure:
    def test_map__draws_the_classes_of_the_day(self, risk: xr.Dataset, tmp_path: Path) -> None:
        import holoviews as hv

        picture = map_risk(risk, "risk_ewma_rate", time=SPAN, source="Simulated.")
        assert isinstance(picture, hv.Overlay)
        points = next(iter(picture.traverse(specs=[hv.Points])))
        day = risk["risk_ewma_rate"].sel(time="2021-05-30").values
        shown = points.dimension_values("Risk, ewma_rate", flat=True)
        np.testing.assert_allclose([float(text.removesuffix(" %")) for text in shown], 100 * day, rtol=0.051)
        expected = [1 + int((day > value).sum()) for value in day]
        assert points.dimension_values("rank").astype(int).tolist() == expected
        assert points.dimension_values("cell").tolist() == cell_hex(risk["cell"].values).tolist()
        for suffix in ("png", "svg", "html"):
            assert picture.save(tmp_path / f"m.{suffix}").stat().st_size > 5000
        drawn = (tmp_path / "m.svg").read_text("utf-8")
        assert "Simulated." in drawn
        assert "Not for stops" in drawn
        assert settings_of(tmp_path / "m.html")["days"][-1] == "2021-05-30"

    def test_map__every_kind_in_both_backends(self, risk: xr.Dataset, tmp_path: Path) -> None:
        difference = difference_layer(risk, "ewma_rate", "historical_rate")
        for layers in (["alert_ewma_rate"], ["crime"], [difference], ["cell_area"]):
            picture = map_risk(risk, layers=layers, time="2021-05-14")
            assert save_figure(picture, tmp_path / "m.html").stat().st_size > 5000
            assert picture.save(tmp_path / "m.png").stat().st_size > 5000

    def test_many_cells__drawn_as_an_image(
        self, risk: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import holoviews as hv

        monkeypatch.setattr("htgeo.maps.picture.MOST_SHAPES", 10)
        picture = map_risk(risk, "risk_ewma_rate", time="2021-05-14")
        image = next(iter(picture.traverse(specs=[hv.RGB])))
        day = risk["risk_ewma_rate"].sel(time="2021-05-14").values
        scale = scale_of(variable_layer(risk, "risk_ewma_rate"), day)
        centers = flat(risk, np.stack([risk["lon"].values, risk["lat"].values], axis=1))
        for (east, north), code in zip(centers, scale.classes(day), strict=True):
            drawn = [int(image[east, north].dimension_values(name)[0]) for name in "RGB"]
            assert "#" + bytes(drawn).hex() == scale.colors[code]
        assert save_figure(picture, tmp_path / "m.html").stat().st_size > 5000
        assert picture.save(tmp_path / "m.png").stat().st_size > 5000

    def test_accessor__maps(self, risk: xr.Dataset, tmp_path: Path) -> None:
        page = risk.ht.map("risk_ewma_rate", time="2021-05-14").save(tmp_path / "m.html")
        assert settings_of(page)["days"] == ["2021-05-14"]


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Reader:
    """Somebody who reads a page without a network, and notes every fault and request."""

    def __init__(
        self, browser: object, page: str, folder: Path, *, width: int = 1440, height: int = 900, **options: object
    ):
        (folder / "read.html").write_text(page, "utf-8")
        self.context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        self.tab = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("console", lambda message: self.faults.append(message.text))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto((folder / "read.html").as_uri())
        self.tab.wait_for_selector("html[data-ready]")

    def text(self, selector: str) -> str:
        return self.tab.locator(selector).inner_text()

    def facts(self) -> dict[str, str]:
        terms, texts = (self.tab.locator(f"#facts {name}").all_inner_texts() for name in ("dt", "dd"))
        return dict(zip(terms, texts, strict=True))

    def point(self, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        """Return a point of the map, by shares of its width and height; the city has cells at (0.6, 0.45)."""
        box = self.tab.locator("#canvas").bounding_box()
        return box["x"] + box["width"] * across, box["y"] + box["height"] * down

    def colors(self, share: float = 1.0) -> list[tuple[int, tuple[int, int, int]]]:
        """Return how often each colour is in the middle of the map, the most frequent first."""
        from PIL import Image

        box = self.tab.locator("#canvas").bounding_box()
        cut = {
            "x": box["x"] + box["width"] * (1 - share) / 2,
            "y": box["y"] + box["height"] * (1 - share) / 2,
            "width": box["width"] * share,
            "height": box["height"] * share,
        }
        image = Image.open(BytesIO(self.tab.screenshot(clip=cut))).convert("RGB")
        return sorted(image.getcolors(1 << 24), reverse=True)

    def leave(self) -> None:
        assert self.faults == []
        assert len(self.requests) == 1  # the page itself
        self.context.close()


class TestBrowser:
    pytestmark = in_browser

    @pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900)])
    def test_slider__shows_the_day(self, browser, page, risk, tmp_path, width, height) -> None:
        reader = Reader(browser, page.read_text("utf-8"), tmp_path, width=width, height=height)
        tab = reader.tab
        assert tab.title() == "A <b>title</b> (internal use)"
        assert reader.text("#day") == "Sunday, 30 May 2021"
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        legend, foot = (tab.locator(name).bounding_box() for name in ("#legend", "footer"))
        assert legend["y"] + legend["height"] <= foot["y"]
        cell = cell_hex(risk["cell"].values[:1])[0]
        tab.locator("#query").fill(cell)
        tab.locator("#search button").click()
        for day, text in (("2021-05-30", "Sunday, 30 May 2021"), ("2021-05-01", "Saturday, 1 May 2021")):
            assert reader.text("#day") == text
            values = risk["risk_ewma_rate"].sel(time=day).values
            facts = reader.facts()
            shown = float(facts["Risk, ewma_rate"].removesuffix(" %"))
            assert shown == pytest.approx(100 * values[0], rel=0.051)
            first = int(facts["Rank"].split()[0])
            assert abs(first - (1 + (values > values[0]).sum())) <= (np.abs(values / values[0] - 1) < 0.01).sum()
            assert facts["Borough"] == risk["borough"].values[0]
            tab.locator("#slider").fill("0")
        reader.leave()

    def test_cell__opens_with_reasons_and_events(self, browser, page, risk, tmp_path) -> None:
        reader = Reader(browser, page.read_text("utf-8"), tmp_path)
        busiest = int(risk["crime"].sel(time=SPAN).sum("time").values.argmax())
        reader.tab.locator("#query").fill(cell_hex(risk["cell"].values)[busiest])
        reader.tab.keyboard.press("Enter")
        reader.tab.wait_for_selector("#series .mark")
        facts = reader.facts()
        added = {
            f"feature {i}": float(risk[f"contribution_feature_{i}"].sel(time="2021-05-30")[busiest]) for i in range(3)
        }
        for term, sign in (("Raised by", 1), ("Lowered by", -1)):
            expected = sorted((name for name in added if sign * added[name] > 0), key=lambda name: -abs(added[name]))
            assert facts.get(term, "").split("; ") == (expected or [""])
        events = float(risk["crime"].sel(time=SPAN)[busiest].sum())
        assert f": {events:g} in these days" in reader.text("#series")
        x, y = reader.point()
        reader.tab.mouse.move(x, y)
        assert cell_hex(risk["cell"].values)[busiest] in reader.text("#tip")
        reader.tab.keyboard.press("Escape")
        assert reader.tab.locator("#cell").is_hidden()
        reader.tab.mouse.click(x, y)
        assert cell_hex(risk["cell"].values)[busiest] in reader.text("#cell-name")
        reader.leave()

    def test_keys__move_days_and_zoom(self, browser, page, tmp_path) -> None:
        reader = Reader(browser, page.read_text("utf-8"), tmp_path)
        reader.tab.locator("#canvas").focus()
        before = reader.colors()
        reader.tab.keyboard.press("ArrowLeft")
        assert reader.text("#day") == "Saturday, 29 May 2021"
        for _ in range(3):
            reader.tab.keyboard.press("+")
        reader.tab.wait_for_timeout(200)
        assert reader.colors() != before
        reader.tab.keyboard.press("0")
        reader.tab.keyboard.press("ArrowRight")
        reader.tab.wait_for_timeout(200)
        assert reader.colors() == before
        reader.tab.locator("#play").click()
        reader.tab.wait_for_timeout(900)
        reader.tab.locator("#play").click()
        assert reader.text("#day") != "Sunday, 30 May 2021"
        reader.leave()

    def test_pointers__pan_zoom_and_reset(self, browser, page, tmp_path) -> None:
        reader = Reader(browser, page.read_text("utf-8"), tmp_path)
        mouse, (x, y) = reader.tab.mouse, reader.point(0.6, 0.45)

        def under(east: float, south: float) -> str:
            reader.tab.wait_for_timeout(150)  # a frame or two
            mouse.move(x + east, y + south)
            return reader.tab.locator("#tip strong").text_content() if reader.tab.locator("#tip").is_visible() else ""

        first = under(0, 0)
        assert first.startswith("Cell 87")
        mouse.down()
        mouse.move(x + 60, y + 40, steps=4)
        mouse.up()
        assert reader.tab.locator("#cell").is_hidden()  # a drag opens nothing
        assert under(60, 40) == first
        mouse.wheel(0, -800)
        assert under(60, 40) == first  # zoomed about the pointer
        assert under(85, 65) == first
        mouse.dblclick(x, y)
        reader.tab.wait_for_timeout(300)
        assert reader.tab.locator("#cell").is_hidden()
        assert under(0, 0) == first
        assert under(25, 25) != first
        reader.leave()

    def test_fingers__pinch_zooms_and_tap_opens(self, browser, page, tmp_path) -> None:
        reader = Reader(browser, page.read_text("utf-8"), tmp_path, width=390, height=844, has_touch=True)
        touch = reader.context.new_cdp_session(reader.tab)
        x, y = reader.point(0.6, 0.45)
        before = reader.colors(0.3)
        for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 90), ("touchEnd", None)):
            points = [] if apart is None else [{"x": x - apart, "y": y}, {"x": x + apart, "y": y}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        reader.tab.wait_for_timeout(200)
        assert reader.colors(0.3) != before
        assert reader.tab.locator("#cell").is_hidden()
        reader.tab.touchscreen.tap(x, y)
        reader.tab.wait_for_selector("#series svg")
        assert reader.tab.locator("#tip").is_hidden()
        reader.leave()

    def test_layers__switch(self, browser, page, tmp_path) -> None:
        reader = Reader(browser, page.read_text("utf-8"), tmp_path)
        titles = reader.tab.locator("#layer option").all_inner_texts()
        assert titles[:4] == ["Risk, ewma_rate", "Risk, historical_rate", "Alert, ewma_rate", "Observed events, crime"]
        reader.tab.locator("#layer").select_option("2")
        reader.tab.wait_for_timeout(200)
        assert reader.tab.locator("#classes li").all_inner_texts() == ["flagged", "not flagged"]
        assert (179, 56, 15) in [color for _, color in reader.colors()[:4]]
        reader.leave()

    @pytest.mark.parametrize("dots", [1, 2])
    def test_cells__no_seams(self, browser, tmp_path, dots) -> None:
        side = {"rows": 1, "cols": 1, "cell_height_deg": 0.1, "cell_width_deg": 0.2, "min_lat": 40.6, "min_lon": -74.0}
        grid = ht.make_grid(ht.square_region(side), resolution=8, start="2021-01-01", end="2021-01-01")
        cube = empty_cube(grid).assign(same=(("cell", "time"), np.ones((len(grid.cells), 1))))
        reader = Reader(browser, map_page(cube, "same"), tmp_path, device_scale_factor=dots)
        assert len(grid.cells) > 100
        assert len(reader.colors(0.4)) == 1  # nothing of the ground, and no mixed pixel, between any two cells
        reader.tab.locator("#closer").click()
        reader.tab.wait_for_timeout(200)
        assert len(reader.colors(0.4)) == 1
        reader.leave()

    def test_texts__are_never_run(self, browser, risk, tmp_path) -> None:
        evil = risk.assign_coords(borough=("cell", np.full(risk.sizes["cell"], EVIL)))
        evil["kind"] = evil["crime"].assign_attrs(
            flag_values=[0, 1], flag_meanings="<b>a</b> " + EVIL.replace(" ", "_"), long_name=EVIL
        )
        page = map_page(evil, layers=["crime", "kind"], time=SPAN, events=EVIL, source=EVIL, title=EVIL)
        assert EVIL not in page
        reader = Reader(browser, page, tmp_path)
        reader.tab.locator("#layer").select_option("1")
        reader.tab.mouse.click(*reader.point(0.6, 0.45))
        reader.tab.wait_for_timeout(200)
        assert reader.tab.title() == f"{EVIL} (internal use)"
        assert EVIL in reader.text("#about")
        reader.leave()

    def test_frame__works_inside_another_page(self, browser, risk, tmp_path) -> None:
        page = map_page(risk, "crime", time=SPAN)
        policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
        head = f'<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="{policy}">'
        (tmp_path / "outer.html").write_text(head + page._repr_html_(), "utf-8")
        tab = browser.new_page()
        tab.goto((tmp_path / "outer.html").as_uri())
        tab.frame_locator("iframe").locator("html[data-ready]").wait_for()
        tab.close()

    def test_old_browser__is_told(self, browser, risk, tmp_path) -> None:
        (tmp_path / "old.html").write_text(map_page(risk, "crime"), "utf-8")
        tab = browser.new_page()
        tab.add_init_script("delete window.DecompressionStream")
        tab.goto((tmp_path / "old.html").as_uri())
        assert "too old to unpack the map" in tab.locator("#message").inner_text()
        tab.close()

    def test_tiles__only_if_asked_for(self, browser, risk, tmp_path) -> None:
        (tmp_path / "tiles.html").write_text(map_page(risk, "crime", tiles=True), "utf-8")
        tab = browser.new_page()
        asked: list[str] = []
        tab.route(lambda url: url.startswith("http"), lambda route: (asked.append(route.request.url), route.abort()))
        tab.goto((tmp_path / "tiles.html").as_uri())
        tab.wait_for_selector("html[data-ready]")
        assert asked
        assert all(url.startswith("https://a.basemaps.cartocdn.com/light_all/") for url in asked)
        assert tab.locator("#credit").is_visible()
        tab.close()
