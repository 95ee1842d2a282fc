"""The README's example runs as written, on a shorter city."""

import re
import runpy
from pathlib import Path

import pytest

import htgeo as ht

ROOT = Path(__file__).parents[1]


def test_example__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL).group(1)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 18
    shorter = {
        'write_demo_city("demo-city")': 'write_demo_city("demo-city", end="2021-06-30")', "2024-12-31": "2021-06-30",
        "resolution=8": "resolution=7", "2024-01-01": "2021-05-10", "2024-05-14": "2021-05-14",
        "LightGBM(seed=0)": "LightGBM(seed=0, max_trees=20, validation_days=20)",
    }  # fmt: skip
    for old, new in shorter.items():
        assert old in code
        code = code.replace(old, new)
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  # our own README
    assert (tmp_path / "risk.gpkg").exists()
    assert {"risk_lightgbm", "risk_historical_rate"} <= set(names["cube"].data_vars)
    assert names["cube"]["risk_lightgbm"].chunks is not None


def test_links__lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_docs__name_every_source_and_its_options() -> None:
    from dataclasses import fields

    from htgeo.sources import SOURCES

    text = (ROOT / "docs" / "study.md").read_text("utf-8")
    for kind in SOURCES:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{kind}`"))
        for option in fields(SOURCES[kind]):
            assert f"`{option.name}`" in row, f"{kind}: {option.name}"


def test_version__is_in_the_changelog() -> None:
    assert f"## {ht.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_models_page__is_made_from_the_models() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_models.py"))
    assert (ROOT / "docs" / "models.md").read_text("utf-8") == script["page"](), "run: python docs/make_models.py"


def test_features_page__is_made_from_the_features() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_features.py"))
    assert (ROOT / "docs" / "features.md").read_text("utf-8") == script["page"](), "run: python docs/make_features.py"


def test_evaluation_page__is_made_from_the_scores() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_evaluation.py"))
    assert (ROOT / "docs" / "evaluation.md").read_text("utf-8") == script["page"](), (
        "run: python docs/make_evaluation.py"
    )
