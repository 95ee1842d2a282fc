"""Whom a map is for: the mark on it, and what a public map refuses."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.cube.schema import stamp
from htgeo.maps.layers import Layer
from htgeo.maps.plot_contributions import plot_contributions
from htgeo.maps.plot_hotspots import plot_hotspots
from htgeo.maps.plot_trend import plot_trend

INTERNAL, PUBLIC = "Internal use only.", "For the public."
FORECAST = "expected_mean"


@pytest.fixture(scope="module")
def forecast() -> xr.Dataset:
    """A cube with a forecast, an alert and what a feature adds to it."""
    cube = ht.demo_cube()
    facts = {"layer": "crime", "model": "mean", "horizon": 1, "label": "crime_within_1"}
    rates = cube["crime"] * 0 + cube["crime"].mean("time")
    cube[FORECAST] = stamp(rates, FORECAST, "expected", "1", "Expected count", **facts)
    cube["alert_mean"] = stamp(rates > 1, "alert_mean", "alert", "1", "Alert", **facts)
    cube["contribution_recent"] = stamp(rates, "contribution_recent", "contribution", "1", "What it adds", **facts)
    return cube


@pytest.fixture(scope="module")
def public(forecast: xr.Dataset) -> xr.Dataset:
    return ht.public_view(forecast, FORECAST, by="precinct").load()


def settings_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="settings">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def marks_of(page: str) -> tuple[str, str, str]:
    """Return the audience that a page says in its head, in its legend and in its title."""
    patterns = (r'<meta name="audience" content="(\w+)">', r'<p id="mark">(.*?)</p>', r"<title>(.*?)</title>")
    return tuple(re.search(pattern, page)[1] for pattern in patterns)


def test_page__is_internal_unless_said_and_marked_as_such(forecast: xr.Dataset) -> None:
    page = ht.map_page(forecast, "crime", title="A map")
    assert marks_of(page) == ("internal", INTERNAL, "A map (internal use)")
    assert f"<p><strong>{INTERNAL}</strong> H3 cells" in page


def test_page__of_a_public_view_is_marked_as_public(public: xr.Dataset, precincts: ht.Region) -> None:
    page = ht.map_page(public, FORECAST, region=precincts, title="A map", audience="public")
    assert marks_of(page) == ("public", PUBLIC, "A map")
    assert INTERNAL not in page
    labels = settings_of(page)["layers"][0]["labels"]
    assert {label.lstrip("0.")[:1] for label in labels} <= {"1", "2", "5", "n"}


def test_page__may_hold_all_for_those_inside(forecast: xr.Dataset) -> None:
    page = ht.map_page(forecast, FORECAST, layers=[FORECAST, "crime", "alert_mean", "contribution_recent"])
    assert len(settings_of(page)["layers"]) == 4
    assert settings_of(page)["reasons"] is not None


@pytest.mark.parametrize("name", [FORECAST, "crime", "alert_mean", "contribution_recent"])
def test_public_page__refuses_what_is_by_cell_and_day(forecast: xr.Dataset, name: str, tmp_path: Path) -> None:
    for draw in (ht.map_page, ht.map_risk):
        with pytest.raises(InputError, match="not for the public"):
            draw(forecast, name, audience="public")
    with pytest.raises(InputError, match="not for the public"):
        ht.write_map_page(forecast, name, tmp_path / "map.html", audience="public")
    assert not list(tmp_path.iterdir())


def test_public_page__checks_the_further_layers(public: xr.Dataset, forecast: xr.Dataset, precincts: ht.Region) -> None:
    counts = ht.aggregate(forecast[["crime"]].assign_attrs(forecast.attrs), by="precinct", freq="W")["crime"]
    with pytest.raises(InputError, match=r"'crime' .* is not for the public; release counts instead"):
        ht.map_page(public.assign(crime=counts), FORECAST, layers=["crime"], region=precincts, audience="public")


@pytest.mark.parametrize("name", [FORECAST, "other"])
def test_public_page__refuses_computed_layers_whatever_their_name(
    public: xr.Dataset, precincts: ht.Region, name: str
) -> None:
    layer = Layer(name=name, title="t", about="a", values=public[FORECAST] * 2)
    with pytest.raises(InputError, match="was computed"):
        ht.map_page(public, None, layers=[layer], region=precincts, audience="public")


def test_public_page__has_no_reasons_though_the_cube_has(public: xr.Dataset, precincts: ht.Region) -> None:
    adds = stamp(public[FORECAST], "contribution_recent", "contribution", "1", "What it adds", model="mean")
    cube = public.assign(contribution_recent=adds)
    assert settings_of(ht.map_page(cube, FORECAST, region=precincts))["reasons"] is not None
    page = ht.map_page(cube, FORECAST, region=precincts, audience="public")
    assert settings_of(page)["reasons"] is None
    assert "data-reasons" not in page
    assert [layer["explained"] for layer in settings_of(page)["layers"]] == [False]


@pytest.mark.parametrize("draw", [ht.map_page, ht.map_risk, plot_trend])
def test_audience__another_one_is_refused(forecast: xr.Dataset, draw: Any) -> None:
    with pytest.raises(InputError, match="there is no audience 'press'; allowed are internal, public"):
        draw(forecast, "crime", audience="press")


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_figure__of_the_map_is_marked(
    public: xr.Dataset, forecast: xr.Dataset, precincts: ht.Region, suffix: str, tmp_path: Path
) -> None:
    inside = ht.map_risk(forecast, "crime").save(tmp_path / f"inside.{suffix}").read_text("utf-8")
    outside = ht.map_risk(public, FORECAST, region=precincts, audience="public").save(tmp_path / f"outside.{suffix}")
    assert INTERNAL in inside
    assert INTERNAL not in outside.read_text("utf-8")
    assert PUBLIC in outside.read_text("utf-8")


def test_figure__of_hot_spots_and_of_contributions_is_internal(forecast: xr.Dataset, tmp_path: Path) -> None:
    figures = [plot_hotspots(ht.add_getis_ord(ht.demo_cube(), "crime"), "crime_gi_class")]
    cube = forecast.assign(recent=stamp(forecast["crime"], "recent", "feature", "1", "Recent"))
    figures += [plot_contributions(cube), plot_contributions(cube, feature="recent")]
    for number, figure in enumerate(figures):
        page = ht.save_figure(figure, tmp_path / f"{number}.html").read_text("utf-8")
        assert '<meta name="audience" content="internal">' in page
        assert INTERNAL in page


def test_trend__draws_public_forecasts_and_refuses_counts(
    public: xr.Dataset, forecast: xr.Dataset, tmp_path: Path
) -> None:
    figure = plot_trend(public, FORECAST, audience="public")
    assert PUBLIC in ht.save_figure(figure, tmp_path / "trend.svg").read_text("utf-8")
    counts = ht.aggregate(forecast[["crime"]].assign_attrs(forecast.attrs), by="precinct", freq="W")["crime"]
    for options in ({}, {"events": "crime"}, {"exposure": "crime"}):
        with pytest.raises(InputError, match=r"'crime' .* not for the public"):
            plot_trend(public.assign(crime=counts), FORECAST, audience="public", **options)
    assert INTERNAL in ht.save_figure(plot_trend(forecast, "crime"), tmp_path / "counts.svg").read_text("utf-8")


@pytest.mark.parametrize(("level", "dim", "places"), [("h3-6", "cell", 35), ("precinct", "precinct", 66)])
@pytest.mark.parametrize(("freq", "step"), [("month", "Month from "), ("quarter", "Quarter from ")])
def test_release__is_drawn_with_hidden_counts_as_suppressed(
    precincts: ht.Region, level: str, dim: str, places: int, freq: str, step: str, tmp_path: Path
) -> None:
    made = ht.release(ht.demo_cube(), "crime", levels=[level], freq=freq)
    view = ht.release_view(made, precincts if level == "precinct" else None)
    assert dict(view["crime"].sizes) == {dim: places, "time": made.sizes["time"]}
    assert int(view["crime"].isnull().sum()) == int(made["crime_status"].sum()) > 0
    assert float(view["crime"].sum()) == float(made["crime"].sum())
    region = precincts if level == "precinct" else None
    whole = slice("2021-01-01", "2021-06-30")
    settings = settings_of(ht.map_page(view, "crime", time=whole, region=region, audience="public"))
    assert settings["layers"][0]["gap"] == "suppressed"
    assert (settings["step"], settings["space"]) == (step, dim)
    svg = ht.map_risk(view, "crime", region=region, audience="public").save(tmp_path / "map.svg").read_text("utf-8")
    assert "suppressed" in svg
    assert "not known" not in svg


def test_release_view__counts_stay_with_their_places() -> None:
    made = ht.release(ht.demo_cube(), "crime", levels=["h3-6"], k=2, rounding=1)
    view = ht.release_view(made)
    names = [f"{cell:x}" for cell in view["cell"].values]
    np.testing.assert_array_equal(view["crime"].values, made["crime"].sel(place=names).values)


def test_release_view__leaves_out_what_lies_in_no_area(precincts: ht.Region) -> None:
    cube = ht.demo_cube()
    outside = np.where(np.arange(cube.sizes["cell"]) < 5, "", cube["precinct"].values)
    made = ht.release(cube.assign_coords(precinct=("cell", outside)), "crime", levels=["precinct"])
    assert "" in made["place"].values
    assert "" not in ht.release_view(made, precincts)["precinct"].values


def test_release_view__needs_the_shapes_of_areas(boroughs: ht.Region) -> None:
    made = ht.release(ht.demo_cube(), "crime", levels=["precinct"])
    for region in (None, boroughs):
        with pytest.raises(InputError, match=r"give region=htgeo.read_region\(.*layer='precinct'\)"):
            ht.release_view(made, region)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_browser__shows_the_mark_in_the_legend(precincts: ht.Region, tmp_path: Path, width: int, scheme: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    view = ht.release_view(ht.release(ht.demo_cube(), "crime", levels=["precinct"]), precincts)
    path = ht.write_map_page(view, "crime", tmp_path / "map.html", region=precincts, audience="public")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        tab.goto(path.as_uri())
        tab.wait_for_selector("html[data-ready=yes]")
        legend, mark = tab.locator("#legend").bounding_box(), tab.locator("#mark").bounding_box()
        assert tab.locator("#mark").inner_text() == PUBLIC
        assert "suppressed" in tab.locator("#classes").inner_text()
        assert legend["x"] <= mark["x"] < mark["x"] + mark["width"] <= legend["x"] + legend["width"]
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        browser.close()
