"""Writes docs/registry.md from the registries: ``python docs/make_registry.py``."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import htgeo.maps
from htgeo.cli.show import figures, registries

PAGE = Path(__file__).with_name("registry.md")
HEAD = """\
# Registry

Everything that has a name in a study file, on the command line (`htgeo list sources` …) and in Python. Other packages add
theirs through entry points ([How do I add my own?](how-to/extend.md)).
"""
KINDS = {
    "sources": ("Sources", "How a file is read. Formats: [Data formats](data-formats.md); options: [The study file](study.md#kinds-of-sources)."),
    "features": ("Features", "Columns made from what was known at the start of a day. Column by column: [Features](features.md)."),
    "labels": ("Labels", "What is forecast."),
    "models": ("Models", "Options and methods: [Models](models.md)."),
    "scores": ("Scores", "How they are read: [Evaluation](evaluation.md)."),
    "maps": ("Maps and figures", "Functions; each is shown in the [Gallery](gallery.md)."),
    "exports": ("Exports", 'Named by the suffix of the file: `ht.export(cube, "risk.gpkg", …)`.'),
}  # fmt: skip


def page() -> str:
    """Return the text of the page."""
    texts = [HEAD]
    for kind, (title, what) in KINDS.items():
        known: Mapping[str, Any] = figures() if kind == "maps" else registries()[kind]  # type: ignore[assignment]
        names = sorted(name for name in known if not name.startswith("test_"))
        public = any(known[name].__name__ in htgeo.__all__ for name in names)
        head = ["name", "what", *(["in Python"] if public else [])]
        rows = [[f"`{name}`", _what(known[name]), *([_in_python(known[name])] if public else [])] for name in names]
        table = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
        texts.append("\n".join([f"## {title}", "", what, "", *table]) + "\n")
    return "\n".join(texts)


def _in_python(thing: Any) -> str:
    return f"`ht.{thing.__name__}`" if thing.__name__ in htgeo.__all__ else ""


def _what(thing: Any) -> str:
    summary = getattr(thing, "summary", None) or " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return str(summary).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
