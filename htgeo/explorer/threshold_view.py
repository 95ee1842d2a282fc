"""The threshold: a slider over all thresholds, and what the chosen one captures and costs."""

from collections.abc import Callable
from html import escape

import numpy as np

from htgeo.explorer.data import Explored
from htgeo.explorer.page_style import PANE
from htgeo.explorer.thresholds import Sums
from htgeo.maps.page_scale import shown

AREA_SHARE = 0.05
"""Share of the area that the first threshold flags, where the store has no alert of the model."""
ASK = "The store has no forecast, so there is no threshold to choose."


class ThresholdCard:
    """The threshold of one browser tab.

    Parameters
    ----------
    explored
        The cube.
    on_change
        Called when another threshold is chosen.

    Attributes
    ----------
    box : panel Column
    """

    def __init__(self, explored: Explored, on_change: Callable[[], None]) -> None:
        import panel as pn

        self.explored, self.on_change = explored, on_change
        self.sums: Sums | None = None
        self.model = ""
        self.slider = pn.widgets.DiscreteSlider(
            name="Threshold", options=[1.0], visible=False, sizing_mode="stretch_width"
        )
        head = pn.pane.HTML(
            "<h3>Threshold: what it captures and costs</h3>", stylesheets=[PANE], sizing_mode="stretch_width"
        )
        self.figures = pn.pane.HTML(f'<p class="note">{ASK}</p>', stylesheets=[PANE], sizing_mode="stretch_width")
        self.box = pn.Column(head, self.slider, self.figures, sizing_mode="stretch_width")
        self.slider.param.watch(lambda _: self._moved(), "value")

    @property
    def value(self) -> float:
        """The threshold chosen; 1 before there is one."""
        return float(self.slider.value) if self.sums is not None else 1.0

    def show(self, model: str, sums: Sums) -> None:
        """Offer the thresholds of other sums: that of the store's alert first, later the one nearest to the last."""
        wanted = self.value if self.sums is not None and model == self.model else self._first(model, sums)
        unit = "probability" if self._is_risk(model) else ""
        options = dict(zip(map(shown(unit), sums.thresholds.tolist()), sums.thresholds.tolist(), strict=True))
        self.model, self.sums = model, sums
        value = float(sums.thresholds[sums.nearest(wanted)])
        if list(self.slider.options) != list(options) or self.slider.value != value:
            self.slider.param.update(options=options, value=value, visible=True)
        self._moved()

    def fail(self, message: str) -> None:
        """Say why there are no figures."""
        self.sums = None
        self.slider.visible = False
        self.figures.object = f'<p class="note">{escape(message)}</p>'

    def _moved(self) -> None:
        if self.sums is not None:
            self.figures.object = figures_html(self.sums, self.sums.nearest(self.value), self.explored.step)
            self.on_change()

    def _first(self, model: str, sums: Sums) -> float:
        alert = f"alert_{model}"
        if alert in self.explored.cube and "threshold" in self.explored.cube[alert].attrs:
            return float(self.explored.cube[alert].attrs["threshold"])
        return float(sums.thresholds[sums.flagging(AREA_SHARE)])

    def _is_risk(self, model: str) -> bool:
        return self.explored.models[model].startswith("risk_")


def figures_html(sums: Sums, number: int, step: str) -> str:
    """Return what a threshold reaches as HTML."""
    reached = sums.reached(number)
    cells = f"{reached.cells_per_step:.3g}" if reached.cells_per_step < 1000 else f"{reached.cells_per_step:,.0f}"  # noqa: PLR2004  # a thousand gets a comma
    table = {
        "captured": (_percent(reached.captured), "of the events captured"),
        "precision": (_percent(reached.precision), "of the flagged with an event"),
        "area": (_percent(reached.area_share), "of the area flagged"),
        "cost": (cells, f"cells to review a {step}"),
    }
    items = "".join(
        f'<div><b id="{key}">{value}</b><span>{escape(text)}</span></div>' for key, (value, text) in table.items()
    )
    trained = (
        f"after the training days ({sums.trained})"
        if sums.trained
        else "the store does not name its training days, so this may flatter"
    )
    note = f"{len(sums.days):,} scored {step}{'s' * (len(sums.days) > 1)}, {sums.days[0]} to {sums.days[-1]}, {trained}; {sums.all_events:,.0f} events, each counted on every {step} whose horizon holds it."
    return f'<div class="figures">{items}</div><p class="note">{escape(note)}</p>'


def _percent(value: float) -> str:
    return "none" if np.isnan(value) else f"{100 * value:.1f} %"
