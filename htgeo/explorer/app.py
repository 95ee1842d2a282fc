"""The page of one browser tab."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from htgeo.core.errors import HtgeoError
from htgeo.core.use import INTENDED_USE
from htgeo.explorer.controls import Controls
from htgeo.explorer.data import DIFFERENCE, FLAGGED, FORECAST, Explored, Selection
from htgeo.explorer.downloads import FORMATS, download
from htgeo.explorer.looks import TOP_SHARE, changes, ranked, ranks, source_text, top_cells
from htgeo.explorer.map_view import CellMap, legend
from htgeo.explorer.page_style import DARK, FONT, LIGHT, PANE, STYLE, TABLE, Inks
from htgeo.explorer.series_view import CellSeries
from htgeo.explorer.stores import Opened, Stores
from htgeo.explorer.threshold_view import ThresholdCard
from htgeo.explorer.work import Work
from htgeo.maps.layers import Layer
from htgeo.maps.page_scale import Scale

TITLE = "htgeo explorer"
BEFORE_NOW = "before → now"
GO_TO_STORE = """
const query = new URLSearchParams(window.location.search);
query.set("store", cb_obj.value);
window.location.search = query.toString();
"""
HINT = "Click a cell on the map, or a row of a table, to see its series."


@dataclass(frozen=True, eq=False)
class Look:
    """All that a selection shows, made beside the page."""

    selection: Selection
    values: np.ndarray
    inside: np.ndarray
    rank: np.ndarray
    unit: str
    scale: Scale
    top: pd.DataFrame
    changed: pd.DataFrame
    about: str


def look_at(explored: Explored, selection: Selection) -> Look:
    """Read what a selection shows."""
    unit, scale = explored.scale(selection)
    return Look(
        selection=selection,
        values=explored.values(selection),
        inside=explored.mask(selection.area),
        rank=ranks(ranked(explored, selection)[0]),
        unit=unit,
        scale=scale,
        top=top_cells(explored, selection),
        changed=changes(explored, selection),
        about=explored.layer(selection).about,
    )


class StorePage:
    """One store in one browser tab.

    Parameters
    ----------
    opened
        The store.
    work
        The work of the tab.
    inks
        Colours of its theme.

    Attributes
    ----------
    side, cards : list
        What stands in the side bar, and in the cards of the page.
    """

    def __init__(self, opened: Opened, work: Work, inks: Inks) -> None:
        import panel as pn

        self.explored, self.sums, self.work = opened.explored, opened.sums, work
        self.number = -1
        self.area: tuple[str, str] | None = None
        self.summed: tuple[Any, ...] = ()
        self.drawn = ""
        self.rows = {name: number for number, name in enumerate(self.explored.hexes)}
        self.controls = Controls(self.explored, self.refresh)
        self.threshold = ThresholdCard(self.explored, self._threshold_moved)
        self.map = CellMap(self.explored, inks.ink, self.choose)
        self.series = CellSeries(self.explored, inks.ink, inks.grid)
        self.head, self.legend, self.cell, self.foot = (_text() for _ in range(4))
        self.top, self.changed = (
            self._table({"rank": 12, "cell": 31, "place": 33, "value": 24}),
            self._table({"change": 12, "cell": 30, "place": 28, BEFORE_NOW: 30}),
        )
        self.change_head = _text()
        self.side = [self.controls.box, *(self._download(suffix) for suffix in FORMATS)]
        self.cards = [
            pn.Column(self.head, pn.pane.Bokeh(self.map.figure, sizing_mode="scale_width"), self.legend, sizing_mode="stretch_width"),
            self.threshold.box,
            pn.Column(_text(_heading("Top cells", "by forecast, of the area chosen")), self.top, sizing_mode="stretch_width"),
            pn.Column(self.cell, pn.pane.Bokeh(self.series.figure, sizing_mode="stretch_width"), sizing_mode="stretch_width"),
            pn.Column(self.change_head, self.changed, sizing_mode="stretch_width"),
            self.foot,
        ]  # fmt: skip
        self.cell.object = _heading("Series of a cell", HINT)
        self.refresh()

    def selection(self) -> Selection:
        """Return what is chosen."""
        return self.controls.selection(self.threshold.value)

    def refresh(self) -> None:
        """Show another selection; what a change of it leaves as it was is not asked for again."""
        self._refresh_map()
        chosen, span = self.selection(), self.controls.span
        summed = (chosen.model, chosen.area, span)
        if chosen.model and summed != self.summed:
            self.summed = summed
            self.threshold.figures.loading = True
            self.work("sums", lambda: self.sums.of(*summed), self._show_sums, self._fail_sums)
        if self.number >= 0 and self.drawn != self._drawn().name:
            self.choose(self.number)

    def choose(self, number: int) -> None:
        """Show the series of a cell."""
        self.number, self.drawn, chosen = number, self._drawn().name, self.selection()
        self.map.choose(number)
        self.work("series", lambda: self.explored.cell(chosen, number), self._show_series, self._fail_map)

    def _refresh_map(self) -> None:
        chosen = self.selection()
        self.work("map", lambda: look_at(self.explored, chosen), self._show_map, self._fail_map)

    def _show_map(self, look: Look) -> None:
        chosen = look.selection
        self.map.show(look.values, look.inside, look.rank, look.unit, look.scale)
        if chosen.area != self.area:
            self.area = chosen.area
            self.map.frame(look.inside)
        title = self.explored.layers[chosen.layer]
        if chosen.layer in (FORECAST, FLAGGED, DIFFERENCE):
            title += f": {chosen.model}" + f" less {chosen.other}" * (chosen.layer == DIFFERENCE)
        self.head.object = _heading(
            f"{title}, {self._span(chosen)}{f', {chosen.area[1]}' if chosen.area else ''}", look.about
        )
        heading = {
            "probability": "Share of days" if chosen.layer == FLAGGED else "Probability",
            "points": "Percentage points",
        }
        self.legend.object = legend(heading.get(look.unit, look.unit or "Value"), look.scale)
        self.top.value, self.changed.value = look.top, _narrow(look.changed)
        before = chosen.before
        since = (
            f"against {self._span(before)}; new: not in the top {TOP_SHARE:.0%} then"
            if before
            else "the store begins too late to tell"
        )
        self.change_head.object = _heading("What changed", since)
        self.foot.object = f'<p class="note"><b>Intended use.</b> {escape(str(self.explored.cube.attrs.get("intended_use", INTENDED_USE)))}</p><p class="note">{escape(source_text(self.explored, chosen))}</p>'
        if self.number < 0 and len(look.top):
            self.choose(self.rows[look.top["cell"].iloc[0]])
        self._mark()

    def _show_sums(self, sums: Any) -> None:
        self.threshold.figures.loading = False
        self.threshold.show(self.selection().model, sums)

    def _fail_sums(self, message: str) -> None:
        self.threshold.figures.loading = False
        self.threshold.fail(message)

    def _fail_map(self, message: str) -> None:
        self.head.object = _heading("This cannot be shown", message)

    def _show_series(self, found: tuple[np.ndarray, np.ndarray | None]) -> None:
        self.series.show(*found, self._drawn().unit)
        self._mark()
        self.cell.object = _heading(
            f"Cell {self.explored.hexes[self.number]}", f"{self.explored.places[self.number]}. {HINT}"
        )

    def _threshold_moved(self) -> None:
        self._mark()
        if self.controls.layer.value == FLAGGED:
            self._refresh_map()

    def _mark(self) -> None:
        self.series.mark(self.selection(), self._drawn().unit)

    def _drawn(self) -> Layer:
        """Return what the series is of: the forecast, or the layer where there is no model."""
        chosen = self.selection()
        return self.explored.layer(replace(chosen, layer=FORECAST) if chosen.model else chosen)

    def _span(self, chosen: Selection) -> str:
        first, last = (self.explored.days[at].astype(object) for at in (chosen.first, chosen.last))
        return f"{first:%a} {first.day} {first:%b %Y}" if first == last else f"{first} to {last}"

    def _table(self, percents: dict[str, int]) -> Any:
        import panel as pn

        widths = {name: f"{percent}%" for name, percent in percents.items()}
        table = pn.widgets.Tabulator(
            pd.DataFrame(), show_index=False, disabled=True, selectable=False, layout="fit_columns", widths=widths, titles={"change": "kind"}, theme="simple",
            sizing_mode="stretch_width", height=330, stylesheets=[TABLE], sortable=False,
        )  # fmt: skip
        table.on_click(lambda event: self.choose(self.rows[table.value["cell"].iloc[event.row]]))
        return table

    def _download(self, suffix: str) -> Any:
        import panel as pn

        def make() -> BytesIO:
            return BytesIO(download(self.explored, self.selection(), suffix))

        return pn.widgets.FileDownload(
            callback=make, filename=f"htgeo-selection.{suffix}", label=FORMATS[suffix], embed=False,
            sizing_mode="stretch_width", margin=(4, 8),
        )  # fmt: skip


def make_page(stores: Stores) -> Any:
    """Return the template of one browser tab; its address may name a store of the list, as the choice of stores does."""
    import panel as pn

    asked, theme = (pn.state.session_args.get(name, [b""])[0].decode(errors="replace") for name in ("store", "theme"))
    names, inks = list(stores.paths), DARK if theme == "dark" else LIGHT
    name = asked if asked in names else names[0]
    choice = pn.widgets.Select(name="Store", options=names, value=name, visible=len(names) > 1, sizing_mode="stretch_width", margin=(4, 8))  # fmt: skip
    choice.jscallback(value=GO_TO_STORE)
    try:
        page = StorePage(stores.open(name), Work(pn.state.curdoc), inks)
    except HtgeoError as error:
        side, cards = [], [_text(_heading("This store cannot be shown", str(error)))]
    else:
        side, cards = page.side, page.cards
    return pn.template.FastListTemplate(
        title=TITLE, sidebar=[choice, *side], main=cards, sidebar_width=270, raw_css=[STYLE], accent=inks.accent, font=FONT, font_url="",
        meta_viewport="width=device-width, initial-scale=1",
    )  # fmt: skip


def page_maker(stores: Stores) -> Callable[[], Any]:
    """Return what makes a page for each browser tab."""
    return lambda: make_page(stores)


def _heading(text: str, more: str) -> str:
    return f"<h3>{escape(text)}</h3><p class='note'>{escape(more)}</p>"


def _text(html: str = "") -> Any:
    import panel as pn

    return pn.pane.HTML(html, stylesheets=[PANE], sizing_mode="stretch_width")


def _narrow(changed: pd.DataFrame) -> pd.DataFrame:
    """Return the table of changes with one column less, so that it fits on a phone."""
    return changed[["change", "cell", "place"]].assign(**{BEFORE_NOW: changed["before"] + " → " + changed["now"]})
