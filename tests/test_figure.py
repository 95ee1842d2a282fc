"""The frame that all figures share, maps as figures, and how both are saved."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE
from htgeo.maps.figure import framed, plotting, save_figure, source_line
from htgeo.maps.surface import EAST, NORTH, place_shapes, surface

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CLASSES = [("low", "#ffffcc"), ("high", "#bd0026")]


@pytest.fixture
def curve() -> object:
    hv = plotting()
    return framed(hv.Curve([(0, 0), (1, 2)], "day", "events"), title="Events by <day>", source="Made up & small.")


@pytest.fixture
def hexes(cube: xr.Dataset) -> object:
    codes = np.arange(cube.sizes["cell"]) % 3 - 1
    return surface(cube, codes, CLASSES, hover={"code": codes})


@pytest.mark.parametrize("suffix", [".html", ".svg"])
def test_file__has_title_source_and_intended_use(curve: object, suffix: str, tmp_path: Path) -> None:
    text = save_figure(curve, tmp_path / f"curve{suffix}").read_text("utf-8")
    plain = " ".join(re.sub(r"<[^>]*>", " ", text.split("</script>")[0] + text[-9000:]).split())
    assert "Events by &lt;day&gt;" in plain
    assert "Made up &amp; small." in plain
    assert INTENDED_USE.split(".")[0] in plain


def test_png__has_the_size_asked_for(curve: object, tmp_path: Path) -> None:
    from PIL import Image

    with Image.open(save_figure(curve, tmp_path / "curve.png")) as picture:
        width, height = picture.size
    assert 800 < width < 1200
    assert 400 < height < 700


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize("width", [390, 1440])
def test_page__draws_asks_for_nothing_and_fits(curve: object, width: int, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path, asked, faults = save_figure(curve, tmp_path / "curve.html"), [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector(".bk-Figure")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.inner_text("h1") == "Events by <day>"
        browser.close()
    assert asked == [path.as_uri()]
    assert not faults


def test_svg__is_the_same_every_time(curve: object, tmp_path: Path) -> None:
    first, second = (save_figure(curve, tmp_path / f"{i}.svg").read_text("utf-8") for i in range(2))
    assert re.sub(r"<dc:date>.*?</dc:date>", "", first) == re.sub(r"<dc:date>.*?</dc:date>", "", second)


def test_save__says_what_it_writes(curve: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"written as .html, .png, .svg; 'a.pdf' ends otherwise"):
        save_figure(curve, tmp_path / "a.pdf")
    with pytest.raises(InputError, match="not DataFrame"):
        save_figure(__import__("pandas").DataFrame(), tmp_path / "a.png")


def test_surface__colours_every_place_once_and_computes_nothing(cube: xr.Dataset) -> None:
    codes = np.arange(cube.sizes["cell"]) % 3 - 1
    with no_compute():
        drawn = surface(cube, codes, CLASSES)
    hv = plotting()
    parts = {el.label: el for el in drawn if isinstance(el, hv.Polygons)}
    assert set(parts) == {"low", "high", "not known"}
    for label, code in (("low", 0), ("high", 1), ("not known", -1)):
        points = parts[label].dimension_values(EAST)
        assert np.isnan(points).sum() == max((codes == code).sum() - 1, 0)


def test_surface__distances_are_kilometres(cube: xr.Dataset) -> None:
    hv = plotting()
    points = next(el for el in surface(cube, np.zeros(cube.sizes["cell"], int), CLASSES) if isinstance(el, hv.Points))
    x, y = points.dimension_values(EAST), points.dimension_values(NORTH)
    first, last = int(np.argmin(y)), int(np.argmax(y))
    lat = cube["lat"].values
    assert y[last] - y[first] == pytest.approx(111.2 * (lat.max() - lat.min()), rel=0.01)
    assert np.ptp(x) > 10


def test_surface__of_areas_needs_their_shapes(cube: xr.Dataset, precincts: ht.Region, boroughs: ht.Region) -> None:
    areas = ht.aggregate(cube, by="precinct", freq="W")
    with pytest.raises(CubeError, match=r"a map of areas \(precinct\) needs their shapes; give region="):
        surface(areas, np.zeros(areas.sizes["precinct"], int), CLASSES)
    with pytest.raises(CubeError, match="the region has no precinct"):
        surface(areas, np.zeros(areas.sizes["precinct"], int), CLASSES, region=boroughs)
    assert len(place_shapes(areas, precincts)) == areas.sizes["precinct"]


def test_source_line__says_places_and_days(cube: xr.Dataset) -> None:
    line = source_line(cube, "Simulated city.")
    assert line.startswith(f"Simulated city. {cube.sizes['cell']:,} H3 cells of resolution 7, 2021-01-01 to 2021-06-30")
