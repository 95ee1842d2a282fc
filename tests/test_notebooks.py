"""What the notebooks in git hold: outputs only in the portfolio, whose figures are there. CI runs them all."""

import ast
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
PORTFOLIO = FOLDER / "NYC_HT_Risk_Modeling_Portfolio.ipynb"
SHORT = sorted(set(FOLDER.glob("*.ipynb")) - {PORTFOLIO})


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text("utf-8"))["cells"]


@pytest.mark.parametrize("path", SHORT, ids=lambda path: path.stem)
def test_short_ones__hold_no_outputs(path: Path) -> None:
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert code
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


def test_portfolio__keeps_its_figures_and_no_errors() -> None:
    outputs = [out for cell in cells(PORTFOLIO) for out in cell.get("outputs", [])]
    pictures = sum("image/png" in out.get("data", {}) for out in outputs)
    assert pictures >= 18
    assert not [out for out in outputs if out["output_type"] == "error"]
    assert PORTFOLIO.stat().st_size < 6_000_000


def test_portfolio__every_figure_it_saves_lies_in_images() -> None:
    source = "\n".join("".join(cell["source"]) for cell in cells(PORTFOLIO) if cell["cell_type"] == "code")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [call.args[1].value for call in calls if getattr(call.func, "id", "") == "show"]
    assert len(names) == len(set(names)) >= 18
    for name in names:
        assert (FOLDER / "images" / f"{name}.png").stat().st_size < 300_000


@pytest.mark.parametrize("path", [*SHORT, PORTFOLIO], ids=lambda path: path.stem)
def test_code__stands_between_words(path: Path) -> None:
    kinds = [cell["cell_type"] for cell in cells(path)]
    assert kinds[0] == "markdown"
    assert kinds.count("markdown") >= kinds.count("code") / 2
