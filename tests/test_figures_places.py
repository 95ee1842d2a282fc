"""Trend, overlay and funnel: what is drawn is what was counted, small numbers stay hidden, and bad input is told."""

import re
import shutil
from itertools import combinations
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import make_events

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE
from htgeo.evaluation.funnel import Funnel, Stage
from htgeo.evaluation.workflow import PART_OF, response_workflow
from htgeo.maps.figure import save_figure
from htgeo.maps.plot_funnel import plot_funnel
from htgeo.maps.plot_overlay import plot_overlay
from htgeo.maps.plot_trend import plot_trend
from htgeo.maps.surface import flat
from htgeo.models.intervals import expected_counts

RECORDS = {"flagged": 400, "reviewed": 180, "referred": 60, "confirmed": 31, "harm_reported": 4}


@pytest.fixture
def risk(cube: xr.Dataset) -> xr.Dataset:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=1))
    return ht.add_risk(cube, ht.HistoricalRate().fit(ht.split_time(cube, "2021-02-15")[0]))


@pytest.fixture
def cases() -> ht.Events:
    return make_events(
        occurred=["2021-04-01", "2021-04-03", "2021-05-02", "2021-05-05", "2021-05-06", "2021-01-05", "2021-05-07"],
        lon=[-73.80, -73.95, np.nan, np.nan, np.nan, -73.80, np.nan],
        lat=[40.70, 40.65, np.nan, np.nan, np.nan, 40.70, np.nan],
        area=["", "", "Queens", "Queens", "Brooklyn", "", ""],
        precision=["point", "point", "borough", "borough", "borough", "point", "city"],
    )


@pytest.fixture
def found() -> Funnel:
    stages = (
        Stage("scored", 40_000.0),
        Stage("flagged", 2_000.0, "scored", 0.05, 0.04, 0.06),
        Stage("reviewed", 500.0, "flagged", 0.25, 0.2, 0.3),
        Stage("with_event", None, "reviewed"),
        Stage("events", 300.0),
        Stage("events_covered", 60.0, "events", 0.2, 0.15, 0.26),
        Stage("cases", 40.0),
        Stage("cases_covered", None, "cases"),
    )
    return Funnel("ewma", "crime_any", ("2021-05-16", "2021-06-30"), 7, 20, "case", 30, 0.95, stages)


def elements(figure: object, kind: str) -> list:
    import holoviews as hv

    return figure.traverse(lambda element: element, [getattr(hv, kind)])


def texts(figure: object) -> list[str]:
    return [str(text) for labels in elements(figure, "Labels") for text in labels.dimension_values(2)]


def curve(figure: object, label: str) -> np.ndarray:
    return np.array([one.dimension_values(1) for one in elements(figure, "Curve") if one.label == label])


def saved(figure: object, folder: Path) -> dict[str, str]:
    """Save a figure in all three ways, and return the words of the two that have words."""
    assert save_figure(figure, folder / "f.png").read_bytes()[:4] == b"\x89PNG"
    svg = save_figure(figure, folder / "f.svg").read_text("utf-8")
    html = save_figure(figure, folder / "f.html").read_text("utf-8")
    return {
        "svg": " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)),
        "html": re.sub(r"\s+", " ", html[html.index("<body>") : html.index("<script>")] + html[-400_000:]),
    }


# --- funnel and workflow


def test_funnel__bars_are_the_counts_and_texts_say_them(found: Funnel) -> None:
    figure = plot_funnel(found)
    ends = sorted(10 ** float(x) - 1 for box in elements(figure, "Rectangles") for x in box.dimension_values("x1"))
    assert np.allclose(ends, sorted([40_000, 2_000, 500, 30, 300, 60, 40, 40]))  # hidden: to 30, or to all 40 cases
    said = texts(figure)
    assert "flagged: 2,000, 5 % of all (4 to 6 %)" in said
    assert "reviewed, with an event: fewer than 30" in said
    assert "verified cases covered: hidden (below 30, or all but so few)" in said
    whiskers = elements(figure, "Segments")[0]
    lows = 10 ** np.unique(whiskers.dimension_values(0)) - 1
    assert np.isclose(lows[:, None], [1_600, 400, 45]).any(axis=0).all()


def test_funnel__renders_with_title_source_and_intended_use(found: Funnel, tmp_path: Path) -> None:
    words = saved(plot_funnel(found, workflow=RECORDS, source="Made-up city."), tmp_path)
    for text in words.values():
        assert "Reviewing 1.2 % of the cell-days covers 20 % of the events" in text
        assert "Made-up city." in text
        assert INTENDED_USE[:60] in text
    assert "number (logarithmic scale)" in words["svg"]
    assert "harm reported: fewer than 10" in words["svg"]


def test_funnel__of_something_else(found: Funnel) -> None:
    with pytest.raises(InputError, match=r"a funnel is what htgeo.funnel\(cube, rule\) returns, not dict"):
        plot_funnel(found.to_dict())


def test_workflow__counts_rates_and_intervals() -> None:
    from scipy.stats import binomtest

    flow = response_workflow(RECORDS)
    assert [stage.name for stage in flow.stages] == list(PART_OF)
    assert [stage.count for stage in flow.stages] == [400, 180, 60, 31, None]
    wilson = binomtest(60, 180).proportion_ci(0.95, method="wilson")
    assert np.allclose([flow["referred"].rate, flow["referred"].low, flow["referred"].high], [60 / 180, *wilson])
    assert flow["harm_reported"].of == "reviewed"
    assert response_workflow(RECORDS, hide_below=0)["harm_reported"].count == 4


def test_workflow__mapping_series_and_table_are_one() -> None:
    table = pd.DataFrame({"stage": list(RECORDS)[::-1], "count": list(RECORDS.values())[::-1]})
    assert response_workflow(RECORDS) == response_workflow(pd.Series(RECORDS)) == response_workflow(table)


def test_workflow__what_subtraction_would_give_away_is_hidden_too() -> None:
    flow = response_workflow({"flagged": 400, "reviewed": 395, "referred": 100, "confirmed": 50, "harm_reported": 12})
    assert flow["reviewed"].count is None
    assert flow.nearly_all == ("reviewed",)
    assert (flow["referred"].of, flow["referred"].rate) == ("flagged", 0.25)  # of 395 it would give 395 away


def test_workflow__no_hidden_count_follows_from_the_others() -> None:
    draw = np.random.default_rng(0)
    for _ in range(500):
        flagged = int(draw.integers(0, 60))
        reviewed = int(draw.integers(0, flagged + 1))
        referred = int(draw.integers(0, reviewed + 1))
        counts = [flagged, reviewed, referred, int(draw.integers(0, referred + 1)), int(draw.integers(0, reviewed + 1))]
        flow = response_workflow(dict(zip(PART_OF, counts, strict=True)), hide_below=5)
        shown = {stage.name: stage.count for stage in flow.stages if stage.count is not None}
        assert all(count >= 5 for count in shown.values())
        for whole, part in combinations(shown, 2):
            if whole in PART_OF[part]:
                assert not 0 < shown[whole] - shown[part] < 5
        for stage in flow.stages:
            assert stage.rate is None or (stage.of in shown and stage.name in shown)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"flaged": 3}, r"no stage 'flaged' in the response workflow; .*did you mean 'flagged'"),
        ({"flagged": -1}, "count of the stage 'flagged' must be a number of at least 0, not -1"),
        ({"flagged": np.nan}, "must be a number of at least 0"),
        ({"flagged": "many"}, "must be a number of at least 0, not 'many'"),
        ({"flagged": 5, "confirmed": 6}, "6 records are confirmed but only 5 are flagged"),
        ({"reviewed": 5, "harm_reported": 6}, "6 records are harm_reported but only 5 are reviewed"),
        ({}, "the response workflow has no stage"),
        ([1, 2], "is a mapping such as .* not list"),
        (pd.DataFrame({"stage": ["flagged"], "n": [1]}), "this one lacks count, it has stage, n"),
        (pd.DataFrame({"stage": ["flagged"] * 2, "count": [1, 2]}), "'flagged' is given 2 times"),
    ],
)
def test_workflow__clear_messages(counts: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        response_workflow(counts)


@pytest.mark.parametrize("options", [{"hide_below": -1}, {"hide_below": 2}, {"level": 1}])
def test_workflow__options_that_hide_nothing_are_refused(options: dict) -> None:
    with pytest.raises(InputError, match="hide_below must be 0, which hides none, or at least 3"):
        response_workflow(RECORDS, **options)


def test_workflow__unknown_stage_of_the_result() -> None:
    with pytest.raises(InputError, match="the workflow has no stage 'review'"):
        response_workflow(RECORDS)["review"]


# --- trend


def test_trend__months_are_expected_counts_and_counts(risk: xr.Dataset) -> None:
    table = expected_counts(risk, "historical_rate", days=90).sel(time=["2021-06-01"])
    figure = plot_trend(risk, "risk_historical_rate")
    assert len(figure) == risk["borough"].to_series().nunique()
    expected = curve(figure, "expected")
    assert expected.shape == (len(figure), 6)
    assert np.allclose(expected[:, -1:], table["expected"])
    seen = [one for one in elements(figure, "Points") if one.label == "observed"]
    monthly = ht.aggregate(risk, by="borough", freq="M")["crime"]
    assert np.allclose([one.dimension_values(1) for one in seen], monthly, atol=1e-3)
    ends = [one for one in elements(figure, "Area") if one.label == "90% band, learned"]
    assert np.allclose([one.dimension_values(1) for one in ends], table["low"])
    assert np.allclose([one.dimension_values(2) for one in ends], table["high"])


def test_trend__band_before_is_of_chance_alone(risk: xr.Dataset) -> None:
    from scipy.stats import poisson

    figure = plot_trend(risk, "risk_historical_rate", freq="day", level=0.8, time=slice("2021-03-01", "2021-03-20"))
    bands = [one for one in elements(figure, "Area") if one.label == "80% band, chance alone"]
    expected = curve(figure, "expected")
    assert expected.shape[1] == 20
    assert np.allclose([one.dimension_values(1) for one in bands], poisson.ppf(0.1, expected))
    assert np.allclose([one.dimension_values(2) for one in bands], poisson.ppf(0.9, expected))


def test_trend__cut_periods_are_left_out(risk: xr.Dataset, tmp_path: Path) -> None:
    figure = plot_trend(risk, "crime", time=slice("2021-02-10", "2021-05-20"), holidays=False)
    seen = next(one for one in elements(figure, "Points") if one.label == "observed")
    assert seen.dimension_values("from").tolist() == ["2021-03-01", "2021-04-01"]
    assert "2 months not wholly in the data left out." in saved(figure, tmp_path)["svg"]


def test_trend__days_without_a_forecast_cut_their_period(risk: xr.Dataset) -> None:
    early = risk["time"] < np.datetime64("2021-03-05")
    attrs = risk["risk_historical_rate"].attrs
    cut = risk.assign(risk_historical_rate=risk["risk_historical_rate"].where(~early).assign_attrs(attrs))
    assert curve(plot_trend(cut, "risk_historical_rate"), "expected").shape[1] == 3  # April to June


def test_trend__city_is_the_sum_of_its_areas(risk: xr.Dataset) -> None:
    whole = curve(plot_trend(risk, "risk_historical_rate", by=None, freq="week"), "expected")
    parts = curve(plot_trend(risk, "risk_historical_rate", freq="week"), "expected")
    assert np.allclose(whole[0], parts.sum(axis=0), rtol=1e-4)


def test_trend__longer_horizons_count_once(cube: xr.Dataset) -> None:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    week = ht.add_risk(cube, ht.HistoricalRate().fit(ht.split_time(cube, "2021-02-15")[0]))
    drawn = curve(plot_trend(week, by=None), "expected")[0]
    seen = week["crime"].sum("cell").resample(time="MS").sum().values
    assert 0.6 < drawn.sum() / seen.sum() < 1.6  # seven times as many if each day added its whole horizon


def test_trend__cube_of_areas_and_weeks(risk: xr.Dataset) -> None:
    weekly = ht.aggregate(risk, by="precinct", freq="W")
    figure = plot_trend(weekly, "expected_historical_rate", by="borough", exposure="crime")
    direct = plot_trend(risk, "risk_historical_rate", freq="week", by=None)
    whole = plot_trend(weekly, by=None)
    ratio = curve(whole, "expected")[0] / curve(direct, "expected")[0]
    assert np.allclose(ratio, ratio[0], rtol=1e-3)  # the cube of days knows how many events come together
    assert len(figure) == 6
    with pytest.raises(InputError, match="freq must be 'week' for a cube of weeks, not 'day'"):
        plot_trend(weekly, freq="day")


def test_trend__exposure_has_a_panel_of_its_own(risk: xr.Dataset, tmp_path: Path) -> None:
    figure = plot_trend(risk, "risk_historical_rate", by=None, exposure="crime", source="Made-up city.")
    assert len(figure) == 2
    counts = elements(figure, "Curve")[-1].dimension_values(1)
    assert np.allclose(counts, risk["crime"].sum("cell").resample(time="MS").sum())
    for text in saved(figure, tmp_path).values():
        assert "Events (crime) expected by historical_rate and observed in the whole city by month, 2021" in text
        assert "Made-up city." in text
        assert INTENDED_USE[:60] in text


def test_trend__units_holidays_and_training_days(risk: xr.Dataset, tmp_path: Path) -> None:
    figure = plot_trend(risk, "risk_historical_rate", freq="week", by=None)
    marks = next(one for one in elements(figure, "Points") if one.label == "public holiday")
    days = marks.dimension_values(0).astype("datetime64[D]").astype(str)
    assert {"2021-01-01", "2021-01-18", "2021-05-31"} <= set(days)
    shade = next(one for one in elements(figure, "Area") if one.label == "days learned from")
    assert str(shade.dimension_values(0)[-1])[:10] == risk["risk_historical_rate"].attrs["training_days"][-10:]
    text = saved(figure, tmp_path)["svg"]
    assert "events a week" in text
    assert "public holiday" in text
    dutch = plot_trend(risk, "crime", freq="week", by=None, holidays="NL")
    days = elements(dutch, "Points")[0].dimension_values(0).astype("datetime64[D]").astype(str)
    assert "2021-04-27" in days


def test_trend__zone_without_a_country_has_no_holidays(risk: xr.Dataset) -> None:
    figure = plot_trend(risk.assign_attrs(time_zone="UTC"), "crime", by=None)
    assert [one.label for one in elements(figure, "Points")] == ["observed"]
    with pytest.raises(InputError, match="no holidays are known for 'XX'"):
        plot_trend(risk, "crime", holidays="XX")


def test_trend__only_what_is_drawn_is_computed(risk: xr.Dataset) -> None:
    def refuse(_: np.ndarray) -> np.ndarray:
        pytest.fail("a variable that is not drawn was computed")

    never = da.zeros(risk["crime"].shape, chunks=-1, dtype=np.float32).map_blocks(refuse, meta=np.zeros((0, 0), "f4"))
    other = risk.assign(other=(("cell", "time"), never), crime_known=(("cell", "time"), never))
    assert len(plot_trend(other, "risk_historical_rate", exposure="crime")) == 6


def test_trend__clear_messages(risk: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="the cube has 0 forecasts"):
        plot_trend(risk[["crime"]])
    with pytest.raises(CubeError, match="has no variable 'risk_x'"):
        plot_trend(risk, "risk_x")
    with pytest.raises(InputError, match=r"a trend is drawn of a forecast .* not of 'crime_any_within_1' \(label\)"):
        plot_trend(risk, "crime_any_within_1")
    with pytest.raises(InputError, match="no region layer 'boro'; did you mean 'borough'"):
        plot_trend(risk, "crime", by="boro")
    with pytest.raises(InputError, match="no place of the cube lies in a borough 'Queen'; did you mean 'Queens'"):
        plot_trend(risk, "crime", areas=["Queen"])
    with pytest.raises(InputError, match=r"panels are too many to be read: choose up to 12 with areas="):
        plot_trend(risk, "crime", by="precinct")
    with pytest.raises(InputError, match="freq must be 'day' or 'week' or 'month' for a cube of days, not 'months'"):
        plot_trend(risk, "crime", freq="months")
    with pytest.raises(InputError, match="exposure must be a layer of counts"):
        plot_trend(risk, "crime", exposure="risk_historical_rate")
    with pytest.raises(CubeError, match="no month lies wholly in the days drawn, 2021-03-02 to 2021-03-30"):
        plot_trend(risk, "crime", time=slice("2021-03-02", "2021-03-30"))


# --- overlay


def test_overlay__cases_are_drawn_as_precisely_as_they_are_known(risk: xr.Dataset, cases: ht.Events) -> None:
    figure = plot_overlay(risk, "risk_historical_rate", cases, draws=20)
    circles = next(one for one in elements(figure, "Polygons") if one.label == "case (± 1.1 km)")
    at = flat(risk, np.array([[-73.95, 40.65], [-73.80, 40.70]]))
    rings = [np.stack([ring["km east"], ring["km north"]], axis=1) for ring in circles.data]
    for center, ring in zip(at, sorted(rings, key=lambda ring: ring[:, 0].mean()), strict=True):
        assert np.allclose(np.hypot(*(ring - center).T), 1.1)
    assert any(one.label == "cases of an area" for one in elements(figure, "Path"))
    assert {"2", "1"} <= set(texts(figure))  # Queens and Brooklyn; the case of January trained the model
    assert "Cases known to a point (2)" in texts(figure)


def test_overlay__hatches_lie_in_the_area(risk: xr.Dataset, cases: ht.Events, boroughs: ht.Region) -> None:
    import shapely

    figure = plot_overlay(risk, "risk_historical_rate", cases, region=boroughs, draws=0)
    path = next(one for one in elements(figure, "Path") if one.label == "cases of an area")
    points = np.concatenate([np.asarray(part.array()) for part in path.split()])
    points = points[np.isfinite(points).all(axis=1)]
    wanted = [
        shape for name, shape in zip(boroughs.names, boroughs.geometries, strict=True) if name in {"Queens", "Brooklyn"}
    ]
    land = shapely.transform(shapely.union_all(wanted), lambda one: flat(risk, one)).buffer(0.01)
    assert len(points) > 20
    assert shapely.contains_xy(land, points[:, 0], points[:, 1]).all()


def test_overlay__capture_is_that_of_the_validation(risk: xr.Dataset, cases: ht.Events) -> None:
    check = ht.validate_cases(risk, "historical_rate", cases, errors_km=[1.1], draws=20)
    figure = plot_overlay(risk, "risk_historical_rate", cases, draws=20)
    points = next(one for one in elements(figure, "Points") if "plain" in one)
    table = check.capture[check.capture["area_share"].isin([0.05, 0.1, 0.2])]
    assert np.allclose(points.dimension_values(0), 100 * table["capture"])
    assert np.allclose(points.dimension_values("plain"), 100 * table["area_share"])
    mean = check.summary.query("level == 'borough' and score == 'percentile_day'")["mean"].item()
    assert any(text.startswith(f"  mean percentile {mean:.0f}") for text in texts(figure))


def test_overlay__precise_cases_are_dots(risk: xr.Dataset, cases: ht.Events) -> None:
    figure = plot_overlay(risk, "risk_historical_rate", cases, error_km=0.1, draws=0)
    dots = next(one for one in elements(figure, "Points") if one.label == "case")
    assert len(dots) == 2
    assert not [one for one in elements(figure, "Polygons") if one.label.startswith("case")]


def test_overlay__of_one_area_has_its_cases_only(risk: xr.Dataset, cases: ht.Events, tmp_path: Path) -> None:
    figure = plot_overlay(risk, "risk_historical_rate", cases, area="Queens", draws=20, source="Made-up city.")
    circles = next(one for one in elements(figure, "Polygons") if one.label.startswith("case"))
    assert len(circles.data) == 1
    assert "Cases known to the borough (2)" in texts(figure)
    assert "  one place only: no shares" in texts(figure)
    for text in saved(figure, tmp_path).values():
        assert "Risk by historical_rate and verified cases, Queens, 2021-02-15 to" in text
        assert "Made-up city." in text
        assert "Not drawn: 1 known to the city only." in text
        assert INTENDED_USE[:60] in text


def test_overlay__small_numbers_are_hidden(risk: xr.Dataset, cases: ht.Events) -> None:
    figure = plot_overlay(risk, "risk_historical_rate", cases, hide_below=3, draws=20)
    said = texts(figure)
    assert "3" in said  # Queens: two known to it, and the point in it
    assert "< 3" in said  # Brooklyn: one, and a point
    assert "  fewer than 3: no shares" in said
    assert "Cases known to a point" in said
    assert not [one for one in elements(figure, "Polygons") if one.label.startswith("case")]


def test_overlay__a_hidden_number_does_not_follow_from_a_sum(risk: xr.Dataset) -> None:
    areas = ["Queens"] * 4 + ["Brooklyn"]
    known = make_events(occurred=["2021-04-01"] * 5, area=areas, precision=["borough"] * 5)
    said = texts(plot_overlay(risk, "risk_historical_rate", known, hide_below=3, draws=0))
    assert {"4", "< 3", "Cases known to the borough"} <= set(said)
    assert not [text for text in said if "(5)" in text]


def test_overlay__without_cases_the_map_stands_alone(risk: xr.Dataset, cases: ht.Events, tmp_path: Path) -> None:
    span = slice("2021-06-01", "2021-06-10")
    figure = plot_overlay(risk, "risk_historical_rate", cases, time=span, show="latest")
    assert "No case of these days can be compared." in texts(figure)
    assert "No case of these days lies here." in saved(figure, tmp_path)["svg"]


def test_overlay__cube_of_areas(risk: xr.Dataset, cases: ht.Events, boroughs: ht.Region) -> None:
    areas = ht.aggregate(risk, by="borough", freq="W")
    figure = plot_overlay(areas, "expected_historical_rate", cases, region=boroughs, draws=0)
    assert {"2", "1"} <= set(texts(figure))
    with pytest.raises(CubeError, match="needs their shapes; give region="):
        plot_overlay(areas, "expected_historical_rate", cases)


def test_overlay__clear_messages(risk: xr.Dataset, cases: ht.Events) -> None:
    with pytest.raises(InputError, match=r"cases are laid over a forecast .* not over 'crime' \(count\)"):
        plot_overlay(risk, "crime", cases)
    with pytest.raises(InputError, match="cases are events, read with"):
        plot_overlay(risk, "risk_historical_rate", cases.table)
    with pytest.raises(InputError, match="no place of the cube lies in an area 'Queen'; did you mean 'Queens'"):
        plot_overlay(risk, "risk_historical_rate", cases, area="Queen")
    with pytest.raises(InputError, match="show must be 'mean' or 'latest'"):
        plot_overlay(risk, "risk_historical_rate", cases, show="max")
    with pytest.raises(CubeError, match="trained 'risk_historical_rate'"):
        plot_overlay(risk, "risk_historical_rate", cases, time=slice("2021-01-10", "2021-03-01"))


# --- in a browser


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize("width", [390, 1440])
def test_pages__fit_their_window_and_ask_nobody(
    risk: xr.Dataset, cases: ht.Events, found: Funnel, tmp_path: Path, width: int
) -> None:
    from playwright.sync_api import sync_playwright

    figures = {
        "trend": plot_trend(risk, "risk_historical_rate", exposure="crime"),
        "overlay": plot_overlay(risk, "risk_historical_rate", cases, draws=0),
        "funnel": plot_funnel(found, workflow=RECORDS),
    }
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request", lambda asked: faults.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None
        )
        for name, figure in figures.items():
            page.goto(save_figure(figure, tmp_path / f"{name}.html").as_uri())
            page.wait_for_function("Bokeh.documents.length && Bokeh.documents[0].is_idle")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            assert len(page.query_selector_all(".bk-Column, .bk-GridPlot, .bk-Figure")) > 0, name
        browser.close()
    assert not faults
