"""Figures of the data themselves: rows, precision and delay."""

import json
import shutil
import warnings
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import make_events, no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE
from htgeo.features.nowcast import known_shares
from htgeo.maps.delays import month_delays
from htgeo.maps.figure import save_figure
from htgeo.maps.plot_delay import plot_delay
from htgeo.maps.plot_precision import area_precision, plot_precision
from htgeo.maps.plot_rows import plot_rows
from htgeo.maps.share_bars import LETTERS
from htgeo.sources.events import RowReport


@pytest.fixture(scope="module")
def cases(city: Path, boroughs: ht.Region, precincts: ht.Region) -> ht.Events:
    return ht.read_events("tahub_cases", city / "cases.csv", areas=[boroughs, precincts])


def drawn(figure: Any, kind: str) -> list[pd.DataFrame]:
    """Return the tables of all elements of a kind."""
    return [element.dframe() for element in figure.traverse(lambda part: part, [kind])]


def texts(figure: Any) -> list[str]:
    return [text for table in drawn(figure, "Labels") for text in table.iloc[:, 2]]


def saved(figure: Any, folder: Path) -> dict[str, str]:
    """Write a figure in every form; return the text of those that have one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = {suffix: save_figure(figure, folder / f"figure.{suffix}") for suffix in ("png", "svg", "html")}
    assert paths["png"].stat().st_size > 5_000
    return {suffix: " ".join(paths[suffix].read_text("utf-8").split()) for suffix in ("svg", "html")}


def assert_framed(pages: dict[str, str], *needed: str) -> None:
    for text in needed:
        assert text in pages["html"]
        assert all(word in pages["svg"] for word in text.split()[:4])
    assert INTENDED_USE[:60] in pages["html"]
    assert INTENDED_USE[:60] in pages["svg"]


# rows


def test_rows__bars_are_the_numbers_of_the_report(crimes: ht.Events) -> None:
    figure = plot_rows({"crime": crimes.report})
    bars = pd.concat(drawn(figure, "Rectangles"))
    report = crimes.report
    assert bars["count"].tolist() == [report.kept, report.repaired, report.quarantined]
    assert bars["percent"].sum() == pytest.approx(100)
    assert bars["x0"].tolist() == pytest.approx([0, *bars["x1"][:-1]])
    for reason, count in {**report.repairs, **report.reasons}.items():
        assert any(text.strip().startswith(f"{count:,} {reason[:20]}") for text in texts(figure))


def test_rows__renders_with_its_frame(crimes: ht.Events, cases: ht.Events, tmp_path: Path) -> None:
    figure = plot_rows({"crime": crimes.report, "case": cases.report}, source="Simulated city.")
    total = crimes.report.rows + cases.report.rows
    assert_framed(saved(figure, tmp_path), f"Of {total:,} rows in 2 files", "Simulated city.", "share of the rows, %")


def test_rows__reads_the_file_of_a_study(crimes: ht.Events, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"crime": crimes.report.to_dict()}), "utf-8")
    assert texts(plot_rows(path)) == texts(plot_rows({"crime": crimes.report}))
    assert any(text.startswith("nypd_complaints:") for text in texts(plot_rows(crimes.report)))


def test_rows__long_reasons_and_many_files_do_not_overlap(tmp_path: Path) -> None:
    reasons = {f"a reason that goes on and on {'and on ' * 12}{n}": n for n in range(1, 9)}
    report = RowReport("table", ("f" * 80 + ".csv",), 50, 14, 0, 36, {}, reasons)
    figure = plot_rows({f"source {n}": report for n in range(6)})
    lines = pd.concat(drawn(figure, "Labels"))
    assert not lines["line"].duplicated().any()
    assert lines["text"].str.strip().str.len().max() <= LETTERS
    saved(figure, tmp_path)


def test_rows__a_file_without_rows_is_an_empty_frame(tmp_path: Path) -> None:
    figure = plot_rows({"nothing": RowReport("table", ("empty.csv",), 0, 0, 0, 0, {}, {})}, title="Nothing")
    assert "the file has no rows" in texts(figure)
    assert not drawn(figure, "Rectangles")
    assert len(drawn(figure, "Path")) == 1
    assert_framed(saved(figure, tmp_path), "Nothing")


def test_rows__tiny_shares_are_not_told_as_zero() -> None:
    report = RowReport("table", ("big.csv",), 100_000, 99_999, 0, 1, {}, {"no date": 1})
    found = texts(plot_rows(report))
    assert "quarantined: 1 (below 0.1 %)" in found
    assert "kept: 99,999 (above 99.9 %)" in found


def test_rows__texts_of_the_data_stay_texts(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    report = RowReport("table", (evil,), 2, 1, 0, 1, {}, {evil: 1})
    pages = saved(plot_rows({evil: report}, source=evil), tmp_path)
    assert all("<script>alert" not in page for page in pages.values())


def test_rows__names_what_is_no_report() -> None:
    with pytest.raises(InputError, match="'crime' is no report of rows but int; give"):
        plot_rows({"crime": 3})
    with pytest.raises(InputError, match="there is no report of rows to draw"):
        plot_rows({})
    with pytest.raises(InputError, match="no report of rows but int"):
        plot_rows(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there is no file"):
        plot_rows("absent.json")


def test_rows__broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text("{", "utf-8")
    with pytest.raises(InputError, match=r"rows\.json is not the file of a study"):
        plot_rows(path)


# precision


def test_area_precision__keeps_every_event_and_spreads_by_land(boroughs: ht.Region, precincts: ht.Region) -> None:
    lon, lat = precincts.centroids[0]
    events = make_events(
        occurred=["2021-01-01"] * 4,
        lon=[lon, np.nan, np.nan, np.nan],
        lat=[lat, np.nan, np.nan, np.nan],
        area=["", precincts.names[1], boroughs.names[0], ""],
        precision=["point", "precinct", "borough", "city"],
        weight=[1.0, 2.0, 3.0, 4.0],
    )
    counts = area_precision(events, [boroughs, precincts], "precinct")
    assert counts.sum().to_dict() == pytest.approx({"point": 1, "precinct": 2, "borough": 3, "city": 4})
    assert counts.loc[precincts.names[1], "precinct"] == 2
    land = np.array([shape.area for shape in precincts.geometries])
    assert counts["city"].to_numpy() == pytest.approx(4 * land / land.sum())
    inside = boroughs.locate(*precincts.centroids.T) == 0
    assert counts["borough"].to_numpy()[~inside].sum() == 0
    by_borough = area_precision(events, [boroughs, precincts], "borough")
    assert by_borough["precinct"].max() == 2, "a finer area lies in one larger area"


def test_area_precision__agrees_with_the_cube(cases: ht.Events, boroughs: ht.Region, precincts: ht.Region) -> None:
    grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-06-30", layers=[precincts])
    cube = ht.grid_events({"case": cases}, grid)
    counts = area_precision(cases, [boroughs, precincts], "borough")
    known = cases.table["precision"].isin(["borough"])
    assert counts["borough"].sum() == pytest.approx(cases.table["weight"][known].sum())
    assert float(cube["case"].sum()) == pytest.approx(counts.to_numpy().sum(), abs=3)


def test_precision__bars_and_map_are_the_counts(
    crimes: ht.Events, cases: ht.Events, boroughs: ht.Region, precincts: ht.Region
) -> None:
    areas = [boroughs, precincts]
    figure = plot_precision({"crime": crimes, "case": cases}, areas, mapped="case")
    bars = pd.concat(drawn(figure, "Rectangles"))
    for name, events in (("crime", crimes), ("case", cases)):
        told = bars[bars["of"].str.startswith(f"{name}:")]["count"]
        assert sorted(told) == sorted(events.table["precision"].value_counts())
    hover = next(table for table in drawn(figure, "Points") if "known exactly, %" in table)
    counts = area_precision(cases, areas, "precinct")
    share = (100 * counts["point"] / counts.sum(axis=1)).fillna(0).round(1)
    assert hover.set_index("precinct")["known exactly, %"].to_dict() == pytest.approx(share.to_dict())
    known_to_borough = cases.table["area"][cases.table["precision"] == "borough"].value_counts()
    numbers = [table for table in drawn(figure, "Labels") if table.iloc[:, 2].str.fullmatch(r"[\d,]+").all()]
    assert sorted(map(int, numbers[0].iloc[:, 2])) == sorted(known_to_borough[known_to_borough > 0])


def test_precision__renders_with_its_frame(
    crimes: ht.Events, boroughs: ht.Region, precincts: ht.Region, tmp_path: Path
) -> None:
    figure = plot_precision({"crime": crimes}, [boroughs, precincts], source="Simulated city.")
    pages = saved(figure, tmp_path)
    point = crimes.table["precision"] == "point"
    assert_framed(pages, f"crime: {100 * point.mean():.1f} % of the events are known to a point", "Simulated city.")
    assert "crime: share known to a point, by precinct" in pages["svg"]
    assert "share of the events, %" in pages["svg"]


def test_precision__one_layer_and_bare_events(cases: ht.Events, boroughs: ht.Region, tmp_path: Path) -> None:
    saved(plot_precision(cases, boroughs), tmp_path)


def test_precision__names_what_is_wrong(cases: ht.Events, boroughs: ht.Region, precincts: ht.Region) -> None:
    with pytest.raises(InputError, match="there is no source 'cas'; did you mean 'case'"):
        plot_precision({"case": cases}, boroughs, mapped="cas")
    with pytest.raises(InputError, match="there is no region layer 'tract'"):
        plot_precision({"case": cases}, boroughs, layer="tract")
    with pytest.raises(InputError, match="there is no region layer; give"):
        plot_precision({"case": cases}, [])
    with pytest.raises(InputError, match="there is no source; give"):
        plot_precision({}, boroughs)
    with pytest.raises(InputError, match="'case' has no event"):
        plot_precision({"case": make_events(occurred=[])}, boroughs)
    strange = make_events(occurred=["2021-01-01"], area=["Atlantis"], precision=["borough"])
    with pytest.raises(InputError, match="the region layer 'borough' has no area Atlantis"):
        plot_precision({"case": strange}, [boroughs, precincts])


# delay


def reported(days: int, rng: np.random.Generator, last: int) -> ht.Events:
    """Return three events a day, known after 0, 10 or 100 days, but for those that are known after the last day."""
    day = np.repeat(np.arange(days), 30)
    delay = rng.choice([0, 10, 100], p=[0.5, 0.3, 0.2], size=len(day))
    first = np.datetime64("2021-01-01")
    seen = day + delay <= last
    return make_events(occurred=first + day[seen], known=first + (day + delay)[seen])


def curve(figure: Any) -> pd.DataFrame:
    return drawn(figure, "Curve")[0]


def test_delay__allows_for_delays_that_are_not_over() -> None:
    events = reported(200, np.random.default_rng(0), last=199)
    shares = curve(plot_delay(events))["share known, %"].to_numpy()
    assert shares[[0, 10, 100]] == pytest.approx([50, 80, 100], abs=2.5)
    plain = (events.table["known"] == events.table["occurred"]).mean()
    assert plain > 0.55, "the plain share flatters: late reports of the last days are missing"


def test_delay__of_a_cube_equals_that_of_its_events(crimes: ht.Events, grid: ht.Grid) -> None:
    cube = ht.grid_events({"crime": crimes.select(precision="point")}, grid, delays=180)
    triangle = np.vstack([cube["crime_delays"].values.astype(float), np.zeros((1, 181))])
    expected = 100 * known_shares(triangle, None)[-1]
    assert curve(plot_delay(cube))["share known, %"].to_numpy() == pytest.approx(expected)
    assert curve(plot_delay(cube, "crime"))["share known, %"].to_numpy() == pytest.approx(expected)
    of_events = curve(plot_delay(crimes.select(precision="point")))["share known, %"].to_numpy()
    assert of_events[:100] == pytest.approx(expected[:100], abs=0.5)


def test_delay__months_that_are_not_complete_are_hollow() -> None:
    figure = plot_delay(reported(200, np.random.default_rng(0), last=199))
    points = [table for table in drawn(figure, "Points") if "month of occurrence" in table]
    whole = {str(day)[:7] for table in points for day in table["month of occurrence"][table["known"] >= 95]}
    assert whole == {"2021-01", "2021-02", "2021-03"}
    assert len(points) == 4, "two quantiles, complete and hollow"
    for table in points:
        assert (table["known"] >= 95).all() or (table["known"] < 95).all()


def test_month_delays__are_those_of_the_events() -> None:
    events = reported(59, np.random.default_rng(1), last=400)
    days = (events.table["known"] - events.table["occurred"]).dt.days
    month = events.table["occurred"].dt.month
    triangle = np.zeros((59, 101))
    np.add.at(triangle, ((events.table["occurred"] - pd.Timestamp("2021-01-01")).dt.days, days), 1)
    found = month_delays(
        triangle, np.arange("2021-01-01", "2021-03-01", dtype="datetime64[D]"), np.linspace(0.5, 1, 101), (0.5, 0.9)
    )
    assert [one.events for one in found] == days.groupby(month).size().tolist()
    for number, share in enumerate((0.5, 0.9)):
        expected = days.groupby(month).apply(lambda delays, share=share: sorted(delays)[ceil(share * len(delays)) - 1])
        assert [one.delays[number] for one in found] == expected.tolist()


def test_delay__leaves_out_what_occurred_before_the_first_report() -> None:
    old = make_events(
        occurred=["2010-01-01", "2021-01-01", "2021-01-02", "2021-01-03"], known=["2021-01-02", "2021-01-01", "2021-01-02", "2021-01-04"]
    )  # fmt: skip
    assert len(curve(plot_delay(old))) == 2, (
        "delays of 0 and 1 day; that of eleven years is of a day without the others"
    )


def test_delay__reads_the_triangle_alone(crimes: ht.Events, grid: ht.Grid) -> None:
    cube = ht.grid_events({"crime": crimes.select(precision="point")}, grid, delays=30)
    with no_compute():
        plot_delay(cube.assign(crime_delays=cube["crime_delays"].load()))


def test_delay__renders_with_its_frame(crimes: ht.Events, grid: ht.Grid, tmp_path: Path) -> None:
    cube = ht.grid_events({"crime": crimes.select(precision="point")}, grid, delays=180)
    pages = saved(plot_delay(cube, source="Simulated city."), tmp_path)
    assert_framed(pages, "crime: half of the events known", "Simulated city.")
    assert "days until known" in pages["svg"]
    assert "month of occurrence" in pages["svg"]


def test_delay__all_known_at_once(tmp_path: Path) -> None:
    figure = plot_delay(make_events(occurred=["2021-01-01", "2021-01-02"]), title="At once")
    assert "99 % are known on the day" in texts(figure)
    assert_framed(saved(figure, tmp_path), "At once")


def test_delay__names_what_is_wrong(cube: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="no reporting triangle 'crime_delays', it has none"):
        plot_delay(cube, "crime")
    with pytest.raises(CubeError, match=r"has 0 reporting triangles \(none\): name the layer"):
        plot_delay(cube)
    with pytest.raises(InputError, match="no event whose delay can be seen"):
        plot_delay(make_events(occurred=[]))
    with pytest.raises(CubeError, match=r"a cube is an xarray\.Dataset"):
        plot_delay(3)  # type: ignore[arg-type]


@pytest.mark.browser
def test_pages__need_no_request_and_fit_a_phone(crimes: ht.Events, boroughs: ht.Region, tmp_path: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    figures = {
        "rows": plot_rows(crimes.report),
        "precision": plot_precision(crimes, boroughs),
        "delay": plot_delay(crimes),
    }
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, figure in figures.items():
            page, asked, faults = browser.new_page(viewport={"width": 390, "height": 800}), [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("pageerror", lambda fault, faults=faults: faults.append(str(fault)))
            page.goto(save_figure(figure, tmp_path / f"{name}.html").as_uri())
            page.wait_for_function("Bokeh.documents.length > 0")
            page.wait_for_selector("canvas")
            assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
            assert faults == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()
