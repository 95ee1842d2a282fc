"""Figures inside a report: drawn as SVG whose texts stay texts, with colours that follow light and dark."""

import logging
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from htgeo.core.errors import CubeError, HtgeoError
from htgeo.maps.figure import plotting, save_figure
from htgeo.maps.style import GRID, INK, SOFT
from htgeo.study.report_html import Html, code, note, tag

log = logging.getLogger("htgeo")
COLORS = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    GRID: "var(--grid)",
    "#ffffff": "var(--paper)",
    "#000000": "var(--ink)",
}
"""Colours of a figure that the page replaces by its own, which differ in dark mode."""
DROPPED = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL)
TAG = re.compile(r"<[^>]+>")
NAME = re.compile(r'(\bid="|href="#|url\(#)')
DRAWN = re.compile(r' (?:d|x|y)="[^"]*"')
LONG = re.compile(r"(\.\d\d)\d+")
"""Coordinates with more decimals than can be seen."""
SIZE = re.compile(r'\s(?:width|height)="[^"]*"')
LARGEST = 1_500_000
"""Bytes of an SVG; a larger figure is left to `htgeo serve` and to the files."""


def drawing() -> str:
    """Return why no figure can be drawn, empty if they can."""
    try:
        plotting()
    except CubeError as error:
        return str(error)
    return ""


def picture(key: str, draw: Callable[[], Any], *, title: str, text: str, light: bool = False) -> Html:
    """Return a figure with its text alternative; a sentence where it cannot be drawn, nothing without the packages.

    Parameters
    ----------
    key
        Name of the figure on this page; ids inside it begin with it.
    draw
        Returns the figure, as of `plot_trend`.
    title, text
        What it is, and what is seen in it, for who cannot see it.
    light
        Whether it keeps light paper in dark mode: outlines over the light classes of a map would be lost.
    """
    if drawing():
        return Html("")
    key = f"figure-{key}"
    try:
        drawn = svg_of(draw())
    except HtgeoError as error:
        return note(f"{title}: no figure, since {error}.")
    except Exception:  # a long run must not lose its report to one figure; the log has the fault
        log.exception("the figure %r could not be drawn", key)
        return note(f"{title}: the figure could not be drawn; log.txt says why.")
    if len(drawn) > LARGEST:
        return note(
            f"{title}: the figure has {len(drawn) / 1e6:.1f} MB and is left out; ", code("htgeo serve"), " shows it."
        )
    frame = tag(
        "div",
        inline(drawn, key, title, text),
        class_="chart light" if light else "chart",
        role="group",
        aria_label=title,
        tabindex="0",
    )
    return tag("figure", frame, tag("figcaption", text), id=key)


def svg_of(figure: Any) -> str:
    """Return a figure as the text of an SVG file."""
    with TemporaryDirectory() as folder:
        return save_figure(figure, Path(folder) / "figure.svg").read_text("utf-8")


def inline(svg: str, key: str, title: str, text: str) -> Html:
    """Return an SVG file as an element of a page: ids of its own, colours of the page, a title and a description."""
    svg = DROPPED.sub("", svg[svg.index("<svg") :])
    svg = TAG.sub(lambda found: _of_page(found[0], key), svg)
    start = svg.index(">") + 1
    opened = SIZE.sub("", svg[: start - 1]) + f' role="img" aria-labelledby="{key}-title {key}-text">'
    names = f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-text">{escape(text)}</desc>'
    return Html(opened + names + svg[start:])


def _of_page(element: str, key: str) -> str:
    """Return a tag with ids that no other figure has, and colours of the page."""
    element = NAME.sub(lambda found: f"{found[0]}{key}-", element)
    element = DRAWN.sub(lambda found: LONG.sub(r"\1", found[0]), element)
    for color, variable in COLORS.items():
        element = re.sub(color, variable, element, flags=re.IGNORECASE)
    return element
