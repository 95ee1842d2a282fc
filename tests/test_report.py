"""The report of a run: made from its folder alone, complete, accessible, and safe whatever the data hold."""

import gzip
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import htgeo as ht
from htgeo.cli.report import report
from htgeo.core.errors import InputError
from htgeo.study import load_study, report_figures, report_run, run_study
from htgeo.study.report import write_report
from htgeo.study.report_answer import banner, verdict
from htgeo.study.report_explained import explanation
from htgeo.study.report_html import Html, join, table, tag
from htgeo.study.report_made import made
from htgeo.study.report_places import map_section
from htgeo.study.report_run import read_run
from htgeo.study.report_scores import score_dataset
from htgeo.study.report_words import count, number, share, with_interval

EVIL = "<script>window.pwned=1</script>"
QUOTED = "\"><img src=x onerror='window.pwned=1'>"
STUDY = """\
name: {name}
region: {{file: boroughs.geojson, name_column: boro_name}}
layers: [{{file: precincts.geojson, name_column: precinct, layer: precinct}}]
grid: {{resolution: 7, start: 2021-01-01, end: 2021-06-30}}
sources:
  crime: {{kind: nypd_complaints, file: complaints.csv.gz}}
  case: {{kind: tahub_cases, file: cases.csv}}
label: {{source: crime, categories: [{category}], within_days: 3}}
features: [{{lag: {{layer: crime, days: [1, 7]}}}}, {{recency: {{layer: target}}}}, calendar]
models: [historical_rate, ewma_rate, {{lightgbm: {{max_trees: 5}}}}]
split: {{train_until: 2021-03-31, validate_until: 2021-04-20, test_until: 2021-06-25}}
evaluation:
  draws: 40
  anchors: {{goal: {{pr_auc: 0.99}}}}
  by: [borough]
  alerts: {{budget: {{area_share: 0.1}}, reviewed_per_day: 5, cases: case}}
  cases: {{source: case, errors_km: [0], controls: true}}
  audit: {{bias: [borough]}}
outputs: {{map: true, map_days: 5}}
"""
PLAIN = """\
name: plain
region: {file: boroughs.geojson, name_column: boro_name}
layers: [{file: precincts.geojson, name_column: precinct, layer: precinct}]
grid: {resolution: 7, start: 2021-01-01, end: 2021-06-30}
sources:
  crime: {kind: nypd_complaints, file: complaints.csv.gz}
label: {source: crime, within_days: 1, precision: any}
features: [calendar]
models: [historical_rate]
split: {train_until: 2021-03-31, validate_until: 2021-04-20, test_until: 2021-06-25}
evaluation: {draws: 0}
outputs: {map: false}
"""
AREAS = """\
name: areas
region: {file: precincts.geojson, name_column: precinct, layer: precinct}
layers: [{file: boroughs.geojson, name_column: boro_name}]
grid: {start: 2021-01-01, end: 2021-12-31, freq: W}
sources:
  robbery: {kind: area_counts, file: weeks.csv, area: precinct, time: week, value: n}
label: {source: robbery, within_days: 7}
models: [historical_rate, {lightgbm: {max_trees: 5}}]
split: {train_until: 2021-08-31, validate_until: 2021-09-30, test_until: 2021-12-26}
evaluation: {draws: 20}
outputs: {map: false}
"""


def poisoned(city: Path, folder: Path) -> Path:
    """Return a copy of the city in which a category and an area are HTML."""
    shutil.copytree(city, folder)
    with gzip.open(folder / "complaints.csv.gz", "rt", encoding="utf-8") as file:
        text = file.read()
    assert "ROBBERY" in text
    with gzip.open(folder / "complaints.csv.gz", "wt", encoding="utf-8") as file:
        file.write(text.replace("ROBBERY", EVIL))
    areas = json.loads((folder / "boroughs.geojson").read_text("utf-8"))
    (queens,) = [one for one in areas["features"] if one["properties"]["boro_name"] == "Queens"]
    queens["properties"]["boro_name"] = f"Queens{EVIL}"
    (folder / "boroughs.geojson").write_text(json.dumps(areas), "utf-8")
    text = STUDY.format(name=json.dumps(f"small {EVIL}{QUOTED}"), category=json.dumps(EVIL))
    (folder / "study.yaml").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="session")
def out(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a study whose names are HTML."""
    folder = poisoned(city, tmp_path_factory.mktemp("report") / "city")
    run_study(load_study(folder / "study.yaml"), folder / "out")
    return folder / "out"


@pytest.fixture(scope="session")
def plain(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one model without cases, alerts, audits or a map."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(city, folder, dirs_exist_ok=True)
    (folder / "study.yaml").write_text(PLAIN, "utf-8")
    run_study(load_study(folder / "study.yaml"), folder / "out")
    return folder / "out"


@pytest.fixture(scope="session")
def areas(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of areas and weeks."""
    folder = tmp_path_factory.mktemp("areas")
    shutil.copytree(city, folder, dirs_exist_ok=True)
    names = ht.read_region(folder / "precincts.geojson", name_column="precinct", layer="precinct").names
    weeks = np.arange("2021-01-04", "2021-12-27", 7, dtype="datetime64[D]")
    rng = np.random.default_rng(0)
    rows = [(name, week, rng.poisson(0.4)) for name in names for week in weeks]
    pd.DataFrame(rows, columns=["precinct", "week", "n"]).to_csv(folder / "weeks.csv", index=False)
    (folder / "study.yaml").write_text(AREAS, "utf-8")
    run_study(load_study(folder / "study.yaml"), folder / "out")
    return folder / "out"


class Page(HTMLParser):
    """What a page holds, without what a frame inside it holds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.text = path.read_text("utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name in names]

    @property
    def said(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(params=["out", "plain", "areas"])
def page(request: pytest.FixtureRequest) -> Page:
    return Page(request.getfixturevalue(request.param) / "report.html")


def test_page__headings_are_in_order(page: Page) -> None:
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert levels.count(2) == 12
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_page__every_link_has_its_target_and_every_id_is_one(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for attrs in page.of("a")]
    assert len(links) > 30
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert {attrs["id"] for attrs in page.of("section")} <= {link[1:] for link in links}
    named = [attrs["aria-labelledby"] for _, attrs in page.tags if "aria-labelledby" in attrs]
    assert all(one in ids for group in named for one in group.split())


def test_page__pictures_and_frames_have_words(page: Page) -> None:
    text = page.text
    for attrs in page.of("svg"):
        assert attrs["role"] == "img"
        title, described = attrs["aria-labelledby"].split()
        assert re.search(rf'<title id="{title}">.+?</title>', text)
        assert re.search(rf'<desc id="{described}">.{{20,}}?</desc>', text, re.DOTALL)
    assert all(attrs.get("alt") for attrs in page.of("img"))
    assert all(attrs.get("title") for attrs in page.of("iframe"))


def test_page__tables_have_captions_and_scopes(page: Page) -> None:
    assert len(page.of("table")) == len(page.of("caption")) > 5
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.of("th"))
    assert page.of("html") == [{"lang": "en"}]


def test_page__nothing_is_fetched_from_elsewhere(page: Page) -> None:
    given = {value for _, attrs in page.tags for key, value in attrs.items() if key in ("src", "href", "xlink:href")}
    assert all(value.startswith("#") for value in given)
    assert "url(http" not in page.text
    assert not page.of("script", "link", "form", "object", "embed", "base")


def test_page__no_figure_failed(page: Page) -> None:
    assert "could not be drawn" not in page.said
    assert "no figure, since" not in page.said


def test_out__figures_follow_dark_mode(out: Path) -> None:
    page = Page(out / "report.html")
    assert len(page.of("svg")) >= 2
    figures = " ".join(re.findall(r"<svg.*?</svg>", page.text, re.DOTALL))
    assert "var(--ink)" in figures
    assert not re.search("#1f2933|#52606d|#ffffff|<metadata|<style", figures, re.IGNORECASE)
    assert "<text" in figures


def test_out__says_what_the_files_say(out: Path) -> None:
    said, scores = Page(out / "report.html").said, json.loads((out / "scores.json").read_text("utf-8"))
    entry = scores["lightgbm"]["pr_auc"]
    assert with_interval(entry, digits=3).replace("\xa0", " ") in said
    rows = json.loads((out / "rows.json").read_text("utf-8"))
    for counts in rows.values():
        assert f"{counts['rows']:,}" in said
        assert all(reason in said for reason in [*counts["reasons"], *counts["repairs"]])
    funnel = {stage["name"]: stage["count"] for stage in scores["lightgbm"]["funnel"]["stages"]}
    assert count(funnel["flagged"]) in said
    assert ht.history(out / "cube")["commit"][0] in said
    assert "PR-AUC of goal: 0.9900 was named" in said
    assert "shuffled places" in said
    assert "flags per event" in said
    assert "Not for stops, searches, raids" in said
    assert "crime_lag_7" in said
    assert str(out.parent) not in said


def test_out__markup_in_the_data_is_text(out: Path) -> None:
    page = Page(out / "report.html")
    assert EVIL in page.said
    assert f"Queens{EVIL}" in page.said
    assert not page.of("script", "img")
    assert all(not key.startswith("on") for _, attrs in page.tags for key in attrs)


def test_plain__says_what_the_study_has_not(plain: Path) -> None:
    said = Page(plain / "report.html").said
    for sentence in (
        "The historical rate alone was fitted",
        "asks for no alerts",
        "holds its forecast against no verified cases",
        "There is no interactive map: the study did not ask for one",
        "a report explains these only",
        "asks for no audit of bias",
        "asks for no audit of leakage",
        "compares its models with no baseline",
    ):
        assert sentence in said


def test_areas__has_tables_without_a_map(areas: Path) -> None:
    said = Page(areas / "report.html").said
    assert "areas (precinct)" in said
    assert "the shapes of the areas are not in the output folder" in said
    assert "Trend by borough" in said
    assert "made at the start of the week" in said


def test_report__off_when_the_study_says_so(city: Path, tmp_path: Path) -> None:
    shutil.copytree(city, tmp_path / "city")
    text = PLAIN.replace("{map: false}", "{map: false, report: false}")
    (tmp_path / "city" / "study.yaml").write_text(text, "utf-8")
    run_study(load_study(tmp_path / "city" / "study.yaml"), tmp_path / "out")
    assert (tmp_path / "out" / "scores.json").exists()
    assert not (tmp_path / "out" / "report.html").exists()


def test_report__of_no_run_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no study.yaml, rows.json, scores.json, cube; htgeo run study.yaml"):
        write_report(tmp_path)
    (tmp_path / "seed-3").mkdir()
    (tmp_path / "seed-3" / "study.yaml").touch()
    with pytest.raises(InputError, match=r"its runs are in seed-3: htgeo report .*seed-3"):
        write_report(tmp_path)


def test_report__broken_file_is_named(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "out")
    (tmp_path / "out" / "scores.json").write_text("{", "utf-8")
    with pytest.raises(InputError, match="is not as a run writes it"):
        write_report(tmp_path / "out")


def test_report__without_drawing_packages_has_its_tables(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        message = "figures need holoviews; install it with: pip install 'htgeo[maps]'"
        raise ht.core.errors.CubeError(message)

    monkeypatch.setattr(report_figures, "plotting", missing)
    page = Page(write_report(plain, tmp_path / "bare.html"))
    assert not page.of("svg")
    assert "tables without figures: figures need holoviews" in page.said
    assert len(page.of("table")) > 5


def test_report__without_models_or_log_still_stands(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "models")
    (tmp_path / "out" / "log.txt").unlink()
    run = read_run(tmp_path / "out")
    assert "There is no explanation" in join(explanation(run).parts)
    assert "The run left no log" in join(made(run).parts)


def worse(out: Path, folder: Path, low: float, high: float) -> Path:
    """Return a copy of a run whose models differ from the historical rate by other log losses."""
    shutil.copytree(out, folder)
    scores = json.loads((folder / "scores.json").read_text("utf-8"))
    for model in ("ewma_rate", "lightgbm"):
        against = scores[model]["log_loss"]["against"]["historical_rate"]
        against.update(difference=(low + high) / 2, low=low, high=high)
    (folder / "scores.json").write_text(json.dumps(scores), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("low", "high", "kind", "words"),
    [
        (-0.03, -0.01, "good", r"^\w+ beats the historical rate"),
        (-0.01, 0.01, "bad", "^No model clearly beats the historical rate"),
        (0.01, 0.03, "bad", "^No model beats the historical rate.*is worse: .* higher by 0.02000"),
    ],
)
def test_verdict__stands_at_the_top(out: Path, tmp_path: Path, low: float, high: float, kind: str, words: str) -> None:
    run = read_run(worse(out, tmp_path / "out", low, high))
    found = verdict(run)
    assert found.kind == kind
    assert re.search(words, found.long)
    assert found.short in found.long
    assert banner(run).startswith(f'<p class="verdict {kind}"><strong>{found.short}.</strong>')


def test_out__verdict_comes_before_all_else(out: Path) -> None:
    text = (out / "report.html").read_text("utf-8")
    assert text.index(banner(read_run(out))) < text.index("<nav")


def test_places__with_few_verified_cases_hide_their_number(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(plain, tmp_path / "out")
    settings = tmp_path / "out" / "study.yaml"
    settings.write_text(settings.read_text("utf-8").replace("kind: nypd_complaints", "kind: tahub_cases"), "utf-8")
    assert read_run(plain).hide_below == 0
    assert read_run(tmp_path / "out").hide_below == 10
    monkeypatch.setattr(report_run, "SMALL_COUNTS", 1e9)
    hidden = '<td class="n">hidden</td></tr>'
    assert join(map_section(read_run(tmp_path / "out")).parts).count(hidden) == 10
    assert hidden not in join(map_section(read_run(plain)).parts)


def test_scores__come_back_as_a_table(out: Path) -> None:
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    found = score_dataset(read_run(out))
    assert found["model"].values.tolist() == ["historical_rate", "ewma_rate", "lightgbm"]
    for key in ("value", "low", "high"):
        assert found[key].sel(model="lightgbm", score="pr_auc").item() == scores["lightgbm"]["pr_auc"][key]


def test_words__of_numbers() -> None:
    assert number(55184.2) == "55,184"
    assert number(0.14702) == "0.1470"
    assert number(None) == "n/a"
    assert share(0.2825).replace("\xa0", " ") == "28.2 %"
    assert share(0.0) == "0\xa0%"
    entry = {"value": 0.14702, "low": 0.1, "high": 0.155}
    assert with_interval(entry).replace("\xa0", " ") == "0.1470 [0.1000, 0.1550]"
    small = {"value": -0.00003, "low": -0.00117, "high": 0.00107}
    assert with_interval(small, digits=3).replace("\xa0", " ") == "-0.00003 [-0.00117, 0.00107]"
    assert with_interval({"value": 1.0, "low": 1.0, "high": 1.0}, percent=True) == "100\xa0%"
    assert count(4.19793) == "4.2"
    assert count(120.99999) == "121"


def test_html__escapes_all_but_html() -> None:
    assert tag("p", "a < b", Html("<br>"), class_="x y", id=None) == '<p class="x y">a &lt; b<br></p>'
    assert tag("a", "&", href='"') == '<a href="&quot;">&amp;</a>'
    assert join(["on 2021-01-01: 5 %"]) == "on <time>2021-01-01</time>: 5&nbsp;%"
    assert "<b>" not in table("<b>", ["<b>"], [["<b>"]])


def test_svg__ids_and_colors_are_those_of_the_page() -> None:
    svg = (
        '<?xml version="1.0"?><svg width="9pt" height="9pt" viewBox="0 0 9 9"><metadata>x</metadata>'
        '<g id="a"><path clip-path="url(#c)" style="fill: #FFFFFF; stroke: #1f2933"/><use xlink:href="#m"/></g>'
        '<text>id="a" #1f2933</text></svg>'
    )
    found = report_figures.inline(svg, "k", "T & t", "what <is> seen")
    assert found.startswith(
        '<svg viewBox="0 0 9 9" role="img" aria-labelledby="k-title k-text"><title id="k-title">T &amp; t'
    )
    assert 'id="k-a"' in found
    assert "url(#k-c)" in found
    assert 'xlink:href="#k-m"' in found
    assert "fill: var(--paper); stroke: var(--ink)" in found
    assert '<text>id="a" #1f2933</text>' in found
    assert "metadata" not in found


def test_figure__that_fails_does_not_cost_the_report(caplog: pytest.LogCaptureFixture) -> None:
    def draw() -> None:
        raise ZeroDivisionError

    found = report_figures.picture("x", draw, title="A figure", text="what is seen")
    assert "A figure: the figure could not be drawn" in found
    assert "ZeroDivisionError" in caplog.text


def test_command__writes_the_same_page_again(out: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(report)
    again = tmp_path / "deep" / "again.html"
    done = CliRunner().invoke(app, [str(out), "--page", str(again)])
    assert done.exit_code == 0, done.output
    assert "again.html" in done.output
    assert again.read_bytes() == (out / "report.html").read_bytes()


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_browser__runs_no_script_of_the_data_and_asks_for_nothing(out: Path, width: int, scheme: str) -> None:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        page = context.new_page()
        asked, faults = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto((out / "report.html").as_uri())
        page.wait_for_timeout(1500)
        frames = page.frames
        assert [frame.evaluate("typeof window.pwned") for frame in frames] == ["undefined", "undefined"]
        assert EVIL in page.inner_text("h1")
        assert f"Queens{EVIL}" in page.inner_text("#trend")
        assert EVIL in page.inner_text("#asked")
        assert frames[1].evaluate("document.querySelector('main, #map, canvas, svg') !== null")
        assert [url for url in asked if not url.startswith(("file:", "about:", "data:", "blob:"))] == []
        assert faults == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CONTRAST) == []
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned=1\">')")
        page.evaluate(
            "document.body.appendChild(Object.assign(document.createElement('script'), {text: 'window.pwned=1'}))"
        )
        page.wait_for_timeout(200)
        assert page.evaluate("typeof window.pwned") == "undefined"  # were one slip through, the policy would stop it
        browser.close()


CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length === 4 && n[3] === 0 ? null : n.slice(0, 3); };
  const behind = node => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor); if (c) return c; } return [255, 255, 255]; };
  const poor = new Set();
  for (const node of document.querySelectorAll("p, a, li, dt, dd, th, td, caption, code, pre, h1, h2, h3, figcaption, strong, span, svg text")) {
    const style = getComputedStyle(node);
    const ink = parse(node.closest("svg") ? style.fill : style.color);
    if (!ink || !node.textContent.trim()) continue;
    const [a, b] = [light(ink), light(behind(node.parentElement))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.add(node.tagName + " " + node.textContent.trim().slice(0, 30));
  }
  return [...poor];
}"""
