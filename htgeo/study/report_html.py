"""The few pieces of HTML that a report is made of. Text is escaped unless it is `Html` already."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

MANY_COLUMNS, MANY_ROWS = 7, 16
"""Tables with more are set smaller on paper, or may be parted between pages."""
LINK = re.compile(r'<a href="#(\w+)">')
DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    key
        Its anchor.
    title
        Its heading.
    parts
        What stands below the heading.
    see
        Anchors of the sections to go on with.
    """

    key: str
    title: str
    parts: tuple[Html, ...]
    see: tuple[str, ...] = ()


def tag(name: str, *content: object, **attributes: object) -> Html:
    """Return an element; `class_` stands for ``class``, ``aria_label`` for ``aria-label``; attributes of None are left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>{join(content)}</{name}>")


def join(content: Iterable[object], between: str = "") -> Html:
    """Return parts one after the other, escaped unless they are HTML."""
    return Html(between.join(part if isinstance(part, Html) else text(part) for part in content))


def text(value: object) -> Html:
    """Return text as HTML; a date is not broken over two lines, and a number stays with its percent sign."""
    return Html(DATE.sub(r"<time>\g<0></time>", escape(str(value)).replace(" %", "&nbsp;%")))


def say(*content: object) -> Html:
    """Return a paragraph."""
    return tag("p", *content)


def note(*content: object) -> Html:
    """Return a paragraph that says what is not there, or what to mind."""
    return tag("p", *content, class_="note")


def head(title: str) -> Html:
    """Return the heading of a part of a section."""
    return tag("h3", title)


def code(text: object) -> Html:
    """Return a name as it stands in files and calls."""
    return tag("code", text)


def link(key: str, text: str) -> Html:
    """Return a link to a section."""
    return tag("a", text, href=f"#{key}")


def bullets(items: Iterable[object]) -> Html:
    """Return a list."""
    return tag("ul", *(tag("li", item) for item in items))


def facts(rows: Iterable[tuple[str, object]]) -> Html:
    """Return a list of names and what stands for each."""
    return tag("dl", *(join([tag("dt", name), tag("dd", value)]) for name, value in rows))


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, words: Sequence[int] = ()) -> Html:
    """Return a table: its first column names the rows; columns are numbers but those of the positions in `words`."""
    wide = [0, *words]
    top = [tag("th", name, scope="col", class_=None if n in wide else "n") for n, name in enumerate(columns)]
    lines = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", value, class_=None if n in wide else "n") for n, value in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    many = "many" if len(columns) > MANY_COLUMNS else None
    body = tag("table", tag("caption", caption), tag("thead", tag("tr", *top)), tag("tbody", *lines), class_=many)
    kind = "wide" if len(rows) > MANY_ROWS else "wide whole"
    return tag("div", body, class_=kind, role="region", aria_label=caption, tabindex="0")


def listed(names: Sequence[object], last: str = "and") -> Html:
    """Return names as ``a, b and c``."""
    if len(names) < 2:  # noqa: PLR2004  # nothing to put between
        return join(names)
    return join([join(names[:-1], ", "), f" {last} ", names[-1]])


def contents(sections: Sequence[Section]) -> Html:
    """Return the table of contents."""
    return tag("ol", *(tag("li", link(section.key, section.title)) for section in sections))


def body_of(sections: Sequence[Section]) -> Html:
    """Return the sections, numbered, each with links to those to go on with; links know the number, for paper."""
    numbers = {section.key: number for number, section in enumerate(sections, 1)}
    titles = {section.key: section.title for section in sections}
    body = "\n".join(_section(numbers[section.key], section, titles) for section in sections)
    return Html(LINK.sub(lambda found: f'<a href="#{found[1]}" data-section="{numbers[found[1]]}">', body))


def _section(number: int, section: Section, titles: dict[str, str]) -> Html:
    see = [link(key, titles[key]) for key in section.see if key in titles]
    end = tag("p", "See also: ", join(see, ", "), ".", class_="see") if see else ""
    title = tag("h2", tag("span", f"{number}", class_="number"), " ", section.title, id=f"{section.key}-title")
    return tag("section", title, *section.parts, end, id=section.key, aria_labelledby=f"{section.key}-title")
