"""Figures of scores and explanations: they draw what the tables hold, in both backends, and say what they are."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE
from htgeo.maps.feature_names import label, scale_of, words
from htgeo.maps.figure import save_figure
from htgeo.maps.plot_calibration import HAPPENED, SAID, SIZE, plot_calibration
from htgeo.maps.plot_capture import CAUGHT, FLAGGED, plot_capture
from htgeo.maps.plot_contributions import FIFTHS, NO_VALUE, plot_contributions
from htgeo.maps.plot_importance import plot_importance
from htgeo.maps.plot_scores import USUAL, plot_scores, verdicts
from htgeo.maps.plot_thresholds import LEAST_SHARE, plot_thresholds

FIRST_TEST = "2021-03-15"
WEEK = slice("2021-05-10", "2021-05-16")


@pytest.fixture(scope="module")
def scored() -> xr.Dataset:
    """The small city with two forecasts, learned before the first of May."""
    cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    train, _ = ht.split_time(cube, FIRST_TEST)
    for model in (ht.HistoricalRate(), ht.EwmaRate()):
        cube = ht.add_risk(cube, model.fit(train))
    return cube.compute()


@pytest.fixture(scope="module")
def table(scored: xr.Dataset) -> xr.Dataset:
    return ht.evaluate(scored, against=["historical_rate"], start=FIRST_TEST, draws=30)


@pytest.fixture(scope="module")
def rule(scored: xr.Dataset) -> ht.AlertRule:
    return ht.choose_threshold(scored, "ewma_rate", budget=ht.CellsPerDay(10), draws=30)


@pytest.fixture(scope="module")
def explained() -> xr.Dataset:
    """A week of contributions, lazy."""
    cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar()])
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    model = ht.LightGBM(max_trees=20).fit(ht.split_time(cube, FIRST_TEST)[0])
    return ht.add_contributions(cube, model, time=WEEK)


@pytest.fixture(scope="module")
def shuffles() -> list[pd.DataFrame]:
    names = ["rolling_sum", "calendar", "crime_sum_7"]
    values = ([0.3, 0.1, -0.01], [0.4, 0.05, 0.0], [0.2, 0.06, 0.01])
    return [pd.DataFrame({"increase": one, "features": 1}, index=names) for one in values]


def parts(figure: Any, kind: type, label: str | None = None) -> list[Any]:
    """Return the elements of a kind in a figure, of one label."""
    found = figure.traverse(lambda element: element, [kind])
    return [one for one in found if type(one) is kind and label in (None, one.label)]


def column(element: Any, name: str) -> np.ndarray:
    return np.asarray(element.dimension_values(name))


FIGURES: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "capture": (lambda f: plot_capture(f["scored"], start=FIRST_TEST, draws=20, source="A & B."), [FLAGGED, CAUGHT]),
    "calibration": (
        lambda f: plot_calibration(f["scored"], start=FIRST_TEST, bins=6, draws=20, source="A & B."),
        [SAID, HAPPENED, SIZE],
    ),
    "thresholds": (lambda f: plot_thresholds(f["rule"], source="A & B."), ["least forecast flagged (%)", "cells"]),
    "scores": (lambda f: plot_scores(f["table"], source="A & B."), ["higher is better (no unit)", "ewma_rate"]),
    "importance": (lambda f: plot_importance(f["shuffles"], source="A & B."), ["increase of the mean loss"]),
    "mean size": (lambda f: plot_importance(f["explained"], source="A & B."), ["mean |contribution| (log-odds)"]),
    "beeswarm": (lambda f: plot_contributions(f["explained"], source="A & B."), ["contribution (log-odds)"]),
    "map": (
        lambda f: plot_contributions(f["explained"], kind="map", feature="crime_sum_28", source="A & B."),
        ["times", "km"],
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure__in_both_backends_says_what_it_is(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    made = {one: request.getfixturevalue(one) for one in ("scored", "table", "rule", "explained", "shuffles")}
    make, texts = FIGURES[name]
    figure = make(made)
    for suffix in ("svg", "html"):
        save_figure(figure, tmp_path / f"figure.{suffix}")
    svg, page = ((tmp_path / f"figure.{suffix}").read_text("utf-8") for suffix in ("svg", "html"))
    for text in [*texts, "A &amp; B."]:
        assert text in svg
    assert INTENDED_USE[:60] in svg
    assert INTENDED_USE in page
    assert "A &amp; B." in page
    heading = page.split("<h1>")[1].split("</h1>")[0]
    assert len(heading.split()) > 3
    assert " ".join(heading.split()[:3]) in svg
    assert "https://" not in page.split("<script>")[0]


def test_capture__draws_the_curves_and_both_bounds(scored: xr.Dataset) -> None:
    figure = plot_capture(scored, shares=[0.02, 0.1, 0.5, 1.0], start=FIRST_TEST, draws=20)
    for model in ("historical_rate", "ewma_rate"):
        curve = ht.capture_curve(scored, model, shares=[0.02, 0.1, 0.5, 1.0], start=FIRST_TEST, draws=20)
        (line,) = parts(figure, hv.Curve, model)
        np.testing.assert_allclose(column(line, FLAGGED), 100 * curve["share"])
        np.testing.assert_allclose(column(line, CAUGHT), 100 * curve["hit_rate"])
    for name, label_ in (("clairvoyant", "knew every day"), ("achievable", "achievable: true rates")):
        (line,) = parts(figure, hv.Curve, label_)
        np.testing.assert_allclose(column(line, CAUGHT), 100 * curve[name])
    (chance,) = parts(figure, hv.Curve, "at random")
    np.testing.assert_allclose(column(chance, FLAGGED), column(chance, CAUGHT))
    low, high = (100 * curve[end].values for end in ("low", "high"))
    band = parts(figure, hv.Area)[1]
    np.testing.assert_allclose(column(band, CAUGHT), low)
    np.testing.assert_allclose(column(band, f"{CAUGHT}, high end"), high)


def test_capture__from_curves_is_that_from_the_cube(scored: xr.Dataset) -> None:
    curves = [ht.capture_curve(scored, model, start=FIRST_TEST, draws=0) for model in ("ewma_rate", "historical_rate")]
    figure = plot_capture(curves)
    assert [part.label for part in parts(figure, hv.Curve)][-2:] == ["ewma_rate", "historical_rate"]
    assert not any(len(part) for part in parts(figure, hv.Area))
    one = plot_capture(curves[0])
    assert [part.label for part in parts(one, hv.Scatter)] == ["ewma_rate"]


def test_capture__says_that_days_trained_a_model(scored: xr.Dataset, tmp_path: Path) -> None:
    def page(**days: str) -> str:
        return save_figure(plot_capture(scored, draws=0, **days), tmp_path / "c.html").read_text("utf-8")

    with pytest.warns(UserWarning, match="before that they flatter"):
        early = page(start="2021-01-15")
    assert "These days trained historical_rate, ewma_rate: on new days the scores are lower." in early
    assert "These days trained" not in page()


def test_calibration__draws_the_bins_and_how_many_lie_above(scored: xr.Dataset) -> None:
    figure = plot_calibration(scored, ["ewma_rate"], bins=6, start=FIRST_TEST, draws=20)
    curve = ht.calibration_curve(scored, "ewma_rate", bins=6, start=FIRST_TEST, draws=20)
    observed, sizes = parts(figure, hv.Curve, "ewma_rate")
    seen = curve["observed"].values > 0
    np.testing.assert_allclose(column(observed, SAID), 100 * curve["forecast"][seen])
    np.testing.assert_allclose(column(observed, HAPPENED), 100 * curve["observed"][seen])
    above = column(sizes, SIZE)
    assert above[0] == curve["size"].sum()
    assert above[-1] == curve["size"][-1]
    assert all(a > b for a, b in pairwise(above))


def test_calibration__a_bin_without_events_is_left_out_of_the_logarithm(scored: xr.Dataset) -> None:
    curve = ht.calibration_curve(scored, "ewma_rate", bins=6, start=FIRST_TEST, draws=20)
    curve["observed"][0] = 0.0
    line, sizes = parts(plot_calibration(curve), hv.Curve, "ewma_rate")
    assert len(line) == len(sizes) - 1


def test_curves__bad_input(scored: xr.Dataset, table: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"the cube has no risk of 'ewma'.*did you mean"):
        plot_capture(scored, ["ewma"])
    with pytest.raises(InputError, match=r"what htgeo.capture_curve\(cube, model\) returned \(on 'share'\)"):
        plot_capture(table)
    with pytest.raises(InputError, match=r"there is no curve to draw; make one with htgeo.calibration_curve"):
        plot_calibration([])
    with pytest.raises(CubeError, match="the cube has no risk to score"):
        plot_calibration(ht.demo_cube())


def test_curves__read_only_what_they_draw(scored: xr.Dataset) -> None:
    import dask.array as da

    def refuse(block: np.ndarray) -> np.ndarray:
        message = f"{block.shape} was read"
        raise AssertionError(message)

    broken = da.map_blocks(refuse, da.zeros(scored["crime"].shape), meta=np.array((), np.float32))
    extra = scored.assign(unused=(scored["crime"].dims, broken))
    assert parts(plot_capture(extra, ["ewma_rate"], start=FIRST_TEST, draws=0), hv.Scatter, "ewma_rate")


def test_thresholds__draw_the_sweep_and_the_chosen_rule(rule: ht.AlertRule) -> None:
    with no_compute():
        figure = plot_thresholds(rule)
    drawn = rule.sweep["area_share"].values >= LEAST_SHARE
    curves = parts(figure, hv.Curve, "on the validation days")
    points = parts(figure, hv.Scatter, "chosen")
    for name, curve, point in zip(("recall", "precision", "cells_per_day"), curves, points, strict=False):
        factor = 1 if name == "cells_per_day" else 100
        np.testing.assert_allclose(curve.dimension_values(1), factor * rule.sweep[name].values[drawn])
        np.testing.assert_allclose(curve.dimension_values(0), 100 * rule.sweep["threshold"].values[drawn])
        assert point.array()[0] == pytest.approx([100 * rule.threshold, factor * rule.reached[name]["value"]])
    (budget,) = parts(figure, hv.Curve, "budget")
    assert budget.dimension_values(1).tolist() == [10, 10]
    band = parts(figure, hv.Area)[0]
    assert band.dimension_values(0).tolist() == pytest.approx([100 * end for end in rule.interval])
    whisker = parts(figure, hv.Segments)[0].array()[0]
    assert whisker[[1, 3]] == pytest.approx([100 * rule.reached["recall"][end] for end in ("low", "high")])


def test_thresholds__over_the_area_and_for_a_cost(scored: xr.Dataset) -> None:
    cost = ht.Cost(false_alert=1, missed_event=20)
    rule = ht.choose_threshold(scored, "ewma_rate", objective=cost, draws=0)
    figure = plot_thresholds(rule, over="area_share")
    curve = parts(figure, hv.Curve, "on the validation days")[3]
    drawn = rule.sweep["area_share"].values >= LEAST_SHARE
    np.testing.assert_allclose(curve.dimension_values(0), 100 * rule.sweep["area_share"].values[drawn])
    np.testing.assert_allclose(curve.dimension_values(1), rule.sweep["cost_per_day"].values[drawn])
    assert not parts(figure, hv.Segments)
    assert not parts(figure, hv.Curve, "budget")


def test_thresholds__bad_input(rule: ht.AlertRule, scored: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"draws what htgeo.choose_threshold\(.*returned, not Dataset"):
        plot_thresholds(scored)
    with pytest.raises(InputError, match="over must be one of 'threshold', 'area_share', not 'cells'"):
        plot_thresholds(rule, over="cells")


def test_scores__draw_the_table(table: xr.Dataset) -> None:
    figure = plot_scores(table, ["roc_auc", "ece"])
    for score in ("roc_auc", "ece"):
        for number, model in enumerate(["historical_rate", "ewma_rate"]):
            one = table.sel(score=score, model=model)
            (point,) = [p for p in parts(figure, hv.Scatter, model) if p.kdims[0].name == score]
            assert point.array()[0] == pytest.approx([float(one["value"]), 1 - number])
        ends = [s.array()[0] for s in parts(figure, hv.Segments) if s.kdims[0].name == score]
        np.testing.assert_allclose([e[[0, 2]] for e in ends], table.sel(score=score)[["low", "high"]].to_array().T)
        (line,) = [c for c in parts(figure, hv.Curve, "historical_rate") if c.kdims[0].name == score]
        np.testing.assert_allclose(column(line, score), float(table["value"].sel(score=score, model="historical_rate")))


def test_scores__say_where_a_model_does_not_beat_the_baseline(table: xr.Dataset) -> None:
    made = table.copy(deep=True)
    for score, ends in (("roc_auc", (0.01, 0.02)), ("ece", (0.01, 0.02)), ("pr_auc", (-0.01, 0.02))):
        at = {"score": score, "model": "ewma_rate", "baseline": "historical_rate"}
        made["difference_low"].loc[at], made["difference_high"].loc[at] = ends
    expected = {"roc_auc": "better", "ece": "worse", "pr_auc": "not clear", "bias": "", "sharpness": ""}
    for score, verdict in expected.items():
        assert verdicts(made, score, "historical_rate") == {"historical_rate": "", "ewma_rate": verdict}
    figure = plot_scores(made, ["roc_auc", "ece", "pr_auc"])
    signs = {
        p.kdims[0].name: hv.Store.lookup_options("bokeh", p, "style").kwargs["marker"]
        for p in parts(figure, hv.Scatter, "ewma_rate")
    }
    assert signs == {"roc_auc": "circle", "ece": "inverted_triangle", "pr_auc": "diamond"}
    title = hv.Store.lookup_options("bokeh", figure, "plot").kwargs["title"]
    assert title == "Clearly better than historical_rate: ewma_rate in 1 of 3 scores"


def test_scores__usual_ones_without_a_baseline(scored: xr.Dataset) -> None:
    table = ht.evaluate(scored, start=FIRST_TEST, scores=["ece", "roc_auc", "bias"], draws=0)
    figure = plot_scores(table)
    assert [panel.get(0).kdims[0].name for panel in figure] == [name for name in USUAL if name in ("roc_auc", "ece")]
    assert hv.Store.lookup_options("bokeh", figure, "plot").kwargs["title"] == "Scores of all models"


def test_scores__bad_input(table: xr.Dataset, scored: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"the table has no score 'auc'; it has"):
        plot_scores(table, ["auc"])
    with pytest.raises(InputError, match=r"no differences to 'ewma_rate', only to historical_rate; make it with"):
        plot_scores(table, baseline="ewma_rate")
    with pytest.raises(InputError, match=r"scores are drawn from what htgeo.evaluate"):
        plot_scores(scored)
    by = ht.evaluate(scored, start=FIRST_TEST, scores=["ece"], by="borough", draws=0)
    with pytest.raises(InputError, match=r"made with by= \(borough\).*table.sel\(borough="):
        plot_scores(by)


def test_importance__mean_and_ends_of_the_shuffles(shuffles: list[pd.DataFrame], explained: xr.Dataset) -> None:
    figure = plot_importance(shuffles, cube=explained, most=2)
    (bars,), (whiskers,) = parts(figure, hv.Rectangles), parts(figure, hv.Segments)
    assert column(bars, "name").tolist() == ["rolling_sum", "calendar"]
    assert column(bars, "until") == pytest.approx([0.3, 0.07])
    assert whiskers.array()[:, [0, 2]].ravel() == pytest.approx([0.2, 0.4, 0.05, 0.1])
    assert not len(parts(plot_importance(shuffles[0]), hv.Segments)[0])
    assert words(explained, "crime_sum_7") == "crime: events known in the last 7 days"
    assert label(explained, "crime_sum_7") == "crime_sum_7\ncrime: events known in the last 7\ndays"
    assert words(None, "calendar").startswith("Weekday")
    assert label(None, "no such") == "no such"


def test_importance__mean_size_of_contributions(explained: xr.Dataset) -> None:
    (bars,) = parts(plot_importance(explained, most=20), hv.Rectangles)
    values = dict(zip(column(bars, "name").tolist(), column(bars, "until").tolist(), strict=True))
    expected = float(abs(explained["contribution_crime_sum_28"]).mean())
    assert values["crime_sum_28"] == pytest.approx(expected, rel=1e-5)
    assert list(values.values()) == sorted(values.values(), reverse=True)
    assert not {"base", "offset"} & set(values)


def test_importance__bad_input(shuffles: list[pd.DataFrame], scored: xr.Dataset) -> None:
    for most in (50, "3"):
        with pytest.raises(InputError, match=f"most must be a whole number, 1 to 20, not {most!r}"):
            plot_importance(shuffles, most=most)
    with pytest.raises(InputError, match=r"what htgeo.permutation_importance\(cube, model\) returned"):
        plot_importance([])
    with pytest.raises(InputError, match="the tables are of different features"):
        plot_importance([shuffles[0], shuffles[0].iloc[:2]])
    with pytest.raises(CubeError, match=r"has no contributions of features; add them with htgeo.add_contributions"):
        plot_importance(scored)


def test_beeswarm__draws_sampled_cell_days_by_fifths(explained: xr.Dataset) -> None:
    figure = plot_contributions(explained, feature="crime_sum_28", points=100_000)
    drawn = {s.label: s.dimension_values(0) for s in parts(figure, hv.Scatter)}
    names = [text for text, *_ in FIFTHS]
    assert set(drawn) <= set(names[:NO_VALUE])
    added = explained["contribution_crime_sum_28"].values.astype(float)
    np.testing.assert_allclose(np.sort(np.concatenate(list(drawn.values()))), np.sort(added.ravel()))
    values = explained["crime_sum_28"].values
    np.testing.assert_allclose(
        np.sort(drawn["highest fifth"]), np.sort(added[values > np.quantile(values, 0.8)]), rtol=1e-6
    )


def test_beeswarm__strongest_on_top_and_the_rest_together(explained: xr.Dataset) -> None:
    figure = plot_contributions(explained, most=1, points=50, seed=3)
    rows = np.concatenate([np.round(s.dimension_values(1)) for s in parts(figure, hv.Scatter)])
    assert np.unique(rows).tolist() == [0, 1]
    assert (rows == 0).sum() == (rows == 1).sum() == 50
    marks = hv.Store.lookup_options("bokeh", figure, "plot").kwargs["yticks"]
    sizes = {
        name: float(abs(explained[name]).mean())
        for name in explained.data_vars
        if str(name).startswith("contribution_") and name != "contribution_base"
    }
    strongest = max(sizes, key=lambda name: sizes[name])
    assert marks[0][1].startswith(str(strongest).removeprefix("contribution_"))
    assert marks[1][1] == f"{len(sizes) - 1} other features\ntogether"
    again = plot_contributions(explained, most=1, points=50, seed=3)
    assert [s.array().tolist() for s in parts(again, hv.Scatter)] == [
        s.array().tolist() for s in parts(figure, hv.Scatter)
    ]


def test_beeswarm__of_one_place(explained: xr.Dataset) -> None:
    borough = str(explained["borough"].values[0])
    part = explained.isel(cell=np.flatnonzero(explained["borough"].values == borough))
    figure = plot_contributions(explained, feature="crime_sum_28", place=borough, points=10_000)
    drawn = np.concatenate([s.dimension_values(0) for s in parts(figure, hv.Scatter)])
    np.testing.assert_allclose(np.sort(drawn), np.sort(part["contribution_crime_sum_28"].values.ravel()))
    cell = f"{int(explained['cell'].values[3]):x}"
    one = plot_contributions(explained, feature="crime_sum_28", place=cell)
    assert sum(len(s) for s in parts(one, hv.Scatter)) == 7


def test_contribution_map__classes_hold_the_mean(explained: xr.Dataset) -> None:
    figure = plot_contributions(explained, kind="map", feature="crime_sum_28")
    mean = explained["contribution_crime_sum_28"].mean("time").values
    (points,) = parts(figure, hv.Points)
    np.testing.assert_allclose(column(points, "mean contribution").astype(float), np.round(mean, 4), atol=1e-6)
    np.testing.assert_allclose(column(points, "times").astype(float), np.exp(mean), atol=1e-3)
    classes = [shape.label for shape in parts(figure, hv.Polygons)]
    for low, high in ([float(t) for t in text.split(" times")[0].split(" to ")] for text in classes if " to " in text):
        assert (np.exp(mean) > low - 0.01).any()
        assert low < high
    assert len(classes) >= 3


def test_contributions__of_a_count_are_no_odds(explained: xr.Dataset) -> None:
    assert scale_of(explained) == "log-odds"
    text = "what crime_sum_7 adds to the log of the expected count of poisson"
    first = next(str(name) for name in explained.data_vars if str(name).startswith("contribution_"))
    counts = explained.assign({first: explained[first].assign_attrs(long_name=text)})
    assert scale_of(counts) == "log of the expected count"


def test_contributions__bad_input(explained: xr.Dataset, scored: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="has no contributions of features"):
        plot_contributions(scored)
    with pytest.raises(InputError, match=r"no contribution of 'crime_sum_29'.*did you mean 'crime_sum_28'"):
        plot_contributions(explained, feature="crime_sum_29")
    with pytest.raises(InputError, match="a map shows one feature: give feature="):
        plot_contributions(explained, kind="map")
    with pytest.raises(InputError, match="kind must be 'beeswarm' or 'map', not 'bar'"):
        plot_contributions(explained, kind="bar")
    with pytest.raises(InputError, match="most and points must be at least 1"):
        plot_contributions(explained, points=0)
    with pytest.raises(InputError, match="the cube has no place 'Utopia'"):
        plot_contributions(explained, place="Utopia")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_page_of_panels__stands_within_the_window(table: xr.Dataset, tmp_path: Path, width: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    playwright = pytest.importorskip("playwright.sync_api")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    path = save_figure(plot_scores(table, list(USUAL[:3])), tmp_path / "scores.html")
    faults: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri())
        page.wait_for_function("Bokeh.documents.length && Bokeh.documents[0].is_idle")
        script = "[...Bokeh.documents[0].all_models].filter(m => m.type === 'Figure').map(m => Bokeh.index.find_one(m).el.getBoundingClientRect().toJSON())"
        boxes = page.evaluate(script)
        wide = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert not faults
    assert wide <= width
    assert len(boxes) == 3
    assert all(box["width"] > 250 for box in boxes)
    tops = {round(box["top"]) for box in boxes}
    assert len(tops) == (1 if width == 1440 else 3)
