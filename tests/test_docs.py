"""The documentation: its code runs, its generated pages are current, it names everything, and it builds strictly."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import htgeo as ht
from htgeo.cli.show import registries

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = [DOCS / "index.md", DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]
SLOW = {"tutorial", "read-a-report", "dask-cluster"}
SHORTER = {
    "tutorial": {
        "2022-06-30": "2021-06-30", "resolution=8": "resolution=7", "2022-03-01": "2021-05-01", "2022-06-23": "2021-06-23",
        "2022-05-": "2021-05-", "max_trees=150": "max_trees=20", "validation_days=45": "validation_days=20",
    },
    "validate-cases": {"resolution=7": "resolution=6"},
}  # fmt: skip
"""What is replaced so that a page runs fast."""
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PICTURE_BYTES = 300_000


@pytest.fixture
def registered() -> Iterator[None]:
    """Take back what a page registers, so that other tests see htgeo alone."""
    before = {kind: dict(registry._items) for kind, registry in registries().items()}
    yield
    for kind, registry in registries().items():
        registry._items = before[kind]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] if p.stem in SLOW else []) for p in GUIDES]
)
def test_guides__every_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text("utf-8")
    for old, new in SHORTER.get(page.stem, {}).items():
        assert old in text, old
        text = text.replace(old, new)
    names: dict = {"__name__": "__main__"}
    for kind, code in BLOCK.findall(text):
        if kind == "python":
            exec(compile(code, page.name, "exec"), names)  # noqa: S102  # our own pages
        else:
            _run_console(code)


def _run_console(code: str) -> None:
    for line in code.splitlines():
        if line.startswith("$ "):
            command, *words = line[2:].split("#")[0].split()
            assert command == "htgeo", line
            subprocess.run([sys.executable, "-m", "htgeo", *words], check=True, capture_output=True)


def test_guides__have_blocks_that_run() -> None:
    without = {page.stem for page in GUIDES if not BLOCK.search(page.read_text("utf-8"))}
    assert without == {"index"}  # the list of the how-to pages; the home page of the same name has one
    assert BLOCK.search((DOCS / "index.md").read_text("utf-8"))


def test_reference__names_everything_public_once() -> None:
    pages = "".join(page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md"))
    things = [getattr(ht, name) for name in ht.__all__ if not name.startswith("__")]
    for path in [f"{thing.__module__}.{thing.__qualname__}" for thing in things]:
        assert len(re.findall(rf"^::: {re.escape(path)}$", pages, re.MULTILINE)) == 1, (
            f"{path}; run: python docs/make_reference.py"
        )


def test_reference__is_made_from_the_code() -> None:
    script = runpy.run_path(str(DOCS / "make_reference.py"))
    for name, text in script["pages"]().items():
        assert (DOCS / "reference" / name).read_text("utf-8") == text, "run: python docs/make_reference.py"


def test_registry_page__is_made_from_the_registries() -> None:
    script = runpy.run_path(str(DOCS / "make_registry.py"))
    text = (DOCS / "registry.md").read_text("utf-8")
    assert text == script["page"](), "run: python docs/make_registry.py"
    for kind, registry in registries().items():
        for name in registry:
            assert name.startswith("test_") or f"| `{name}` |" in text, f"{kind}: {name}"


def test_gallery__shows_every_figure() -> None:
    script = runpy.run_path(str(DOCS / "make_gallery.py"))
    public = {name for name in ht.maps.__all__ if name.startswith(("plot_", "map_"))}
    assert public <= script["functions"](), "add the figure to GALLERY in docs/make_gallery.py and run it"
    assert (DOCS / "gallery.md").read_text("utf-8") == script["page"](), "run: python docs/make_gallery.py"
    drawn = {path.stem for path in (DOCS / "images" / "gallery").glob("*.png")}
    assert drawn == {name for _, name, _, _ in script["GALLERY"]}


def test_pictures__are_small() -> None:
    large = {
        path.name: path.stat().st_size for path in (DOCS / "images").rglob("*.*") if path.stat().st_size > PICTURE_BYTES
    }
    assert not large


def test_screenshots__show_every_page_in_every_view() -> None:
    wanted = {
        f"{page}-{view}.png" for page in ("map", "report", "explorer", "docs") for view in ("desktop", "phone", "dark")
    }
    assert wanted <= {path.name for path in (DOCS / "images").glob("*.png")}, "run: make screenshots"


def test_how_to__lists_every_page() -> None:
    text = (DOCS / "how-to" / "index.md").read_text("utf-8")
    for page in (DOCS / "how-to").glob("*.md"):
        assert page.stem == "index" or f"]({page.name})" in text, page.name


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning ends the build."""
    pytest.importorskip("mkdocs")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    told = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return out


@pytest.mark.slow
def test_site__names_nothing_to_load_from_the_internet(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(https?:[^\" >]*)|<link[^>]*href=\"?(https?:[^\" >]*)"
    )
    for page in site.rglob("*.html"):
        assert not loads.findall(page.read_text("utf-8")), page.name


@pytest.mark.slow
def test_site__links_names_to_the_reference(site: Path) -> None:
    page = (site / "how-to" / "compare-models.html").read_text("utf-8")
    assert 'href="../reference/evaluation.html#htgeo.evaluation.compare.compare"' in page
    assert "<math" in (site / "hotspots.html").read_text("utf-8")


@pytest.mark.slow
def test_site__shows_the_type_of_each_option(site: Path) -> None:
    """Options that share one entry in a docstring keep their own types."""
    page = (site / "reference" / "models.html").read_text("utf-8")
    shown = re.findall(r"<b><code>offset</code></b>\s*\(<code>(.*?)</code>", page)
    assert shown
    assert {re.sub(r"<.*?>", "", kind) for kind in shown} == {"str | None"}


@pytest.mark.slow
@pytest.mark.browser
def test_site__is_searched_from_a_file(site: Path) -> None:
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((site / "index.html").as_uri())
        page.locator("[data-md-component=search-query]").first.click()
        page.keyboard.type("quarantine", delay=20)
        page.wait_for_selector(".md-search-result__item", state="attached")
        browser.close()
    assert not faults
    assert all(url.startswith(("file:", "data:", "about:")) for url in asked)
