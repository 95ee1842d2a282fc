"""What the site needs beside its pages: pages from the root, links from names to the reference, formulas without scripts."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import htgeo

ROOT = Path(__file__).parents[1]
FROM_ROOT = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the root and the pages they become."""
BESIDE = {"Booster": "htgeo.models.boosting.Booster", "run_study": "htgeo.study.run.run_study"}
"""Names outside of the top level that docstrings refer to."""
FILE_LINK = re.compile(r"\[[\w./-]+\.md\]\(([\w./-]+\.md)(#[\w-]*)?\)")
NAME = re.compile(r"<code>(?:ht|htgeo)\.(\w+)([^<]*)</code>(?!</a>)")
BARE_NAME = re.compile(r"(?<!<b>)(?<!\()<code>(\w+)()</code>(?!</a>)")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie in the root."""
    from mkdocs.structure.files import File

    for name, page in FROM_ROOT.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links lead to the pages from the root, and give links to a file the title of its page.

    Beside a page that stands alone no list of pages is shown.
    """
    if page.parent is None:
        page.meta.setdefault("hide", ["navigation"])
    folder = Path(page.file.abs_src_path).parent
    markdown = FILE_LINK.sub(lambda found: f"[{_title(folder / found[1])}]({found[1]}{found[2] or ''})", markdown)
    up = "../" * page.file.src_uri.count("/")
    for name, target in FROM_ROOT.items():
        markdown = markdown.replace(f"]({up}../{name})", f"]({up}{target})")
    return markdown


def _title(path: Path) -> str:
    return next(line for line in path.read_text("utf-8").splitlines() if line.startswith("# "))[2:]


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Link names in the text to the reference; write formulas as MathML; load pictures when they come into sight.

    Everywhere ``ht.evaluate(…)`` is linked, in docstrings the bare name too.
    """
    html = NAME.sub(_linked, html.replace("<img ", '<img loading="lazy" '))
    if page.file.src_uri.startswith("reference/"):
        html = BARE_NAME.sub(_linked, html)
    return FORMULA.sub(_mathml, html)


def _linked(found: re.Match[str]) -> str:
    name = found[1]
    if name in BESIDE:
        path = BESIDE[name]
    elif name in htgeo.__all__ and not name.startswith("_"):
        thing = getattr(htgeo, name)
        path = f"{thing.__module__}.{thing.__qualname__}"
    else:
        return found[0]
    return f'<autoref identifier="{path}" optional>{found[0]}</autoref>'


def _mathml(found: re.Match[str]) -> str:
    from latex2mathml.converter import convert

    return str(convert(unescape(found[3]), display="block" if found[2] == "[" else "inline"))
