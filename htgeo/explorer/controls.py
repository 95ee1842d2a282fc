"""What the user chooses: widgets of the explorer, and the selection that they make."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np

from htgeo.cube.schema import step_days
from htgeo.explorer.data import DIFFERENCE, Explored, Selection

EVERYWHERE = "All cells"
DAY, RANGE = "Day", "Range"


class Controls:
    """The widgets of one browser tab for one store.

    Parameters
    ----------
    explored
        The cube.
    on_change
        Called whenever another selection is made.

    Attributes
    ----------
    box : panel Column
    """

    def __init__(self, explored: Explored, on_change: Callable[[], None]) -> None:
        import panel as pn

        self.explored, models = explored, list(explored.models)
        first, last = (day.astype(object) for day in explored.days[[0, -1]])
        wide = {"sizing_mode": "stretch_width", "margin": (4, 8)}
        self.model = pn.widgets.Select(
            name="Model", options=models, value=_first_model(explored), visible=bool(models), **wide
        )
        self.layer = pn.widgets.Select(
            name="Layer", options={title: key for key, title in explored.layers.items()}, **wide
        )
        self.other = pn.widgets.Select(
            name="Compared with", options=models, value=models[0] if models else None, visible=False, **wide
        )
        self.area = pn.widgets.Select(name="Area", groups=self._areas(), **wide)
        self.mode = pn.widgets.RadioButtonGroup(name="Time", options=[DAY, RANGE], variant="outline", **wide)
        step = step_days(explored.cube)
        self.day = pn.widgets.DateSlider(name="Day", start=first, end=last, value=self._start(), step=step, **wide)
        self.range = pn.widgets.DateRangeSlider(name="Range", start=first, end=last, value=(self._start(-6), self._start()), step=step, visible=False, **wide)  # fmt: skip
        self.back = pn.widgets.Button(name="◀ Before", sizing_mode="stretch_width", margin=(2, 2))
        self.next = pn.widgets.Button(name="Next ▶", sizing_mode="stretch_width", margin=(2, 2))
        self.steps = pn.Row(self.back, self.next, sizing_mode="stretch_width", margin=(0, 6))
        self.back.on_click(lambda _: self.move(-1))
        self.next.on_click(lambda _: self.move(1))
        self.box = pn.Column(self.model, self.layer, self.other, self.area, self.mode, self.day, self.range, self.steps, sizing_mode="stretch_width")  # fmt: skip
        for widget in (self.model, self.layer, self.other, self.area, self.mode, self.day, self.range):
            widget.param.watch(lambda _: self._changed(on_change), "value")

    def selection(self, threshold: float) -> Selection:
        """Return what is chosen."""
        first, last = (self.day.value, self.day.value) if self.mode.value == DAY else self.range.value
        return Selection(
            model=self.model.value or "",
            layer=self.layer.value,
            first=self._position(first),
            last=self._position(last),
            area=self.area.value or None,
            other=self.other.value or "",
            threshold=threshold,
        )

    @property
    def span(self) -> tuple[int, int] | None:
        """Positions of the range chosen, None where a day is."""
        chosen = self.selection(1.0)
        return None if self.mode.value == DAY else (chosen.first, chosen.last)

    def move(self, steps: int) -> None:
        """Move the day, or the range by its length, as far as there are days."""
        days, chosen = self.explored.days, self.selection(1.0)
        length = (chosen.last - chosen.first + 1) * steps
        first, last = chosen.first + length, chosen.last + length
        if first >= 0 and last < len(days):
            if self.mode.value == DAY:
                self.day.value = days[first].astype(object)
            else:
                self.range.value = (days[first].astype(object), days[last].astype(object))

    def _changed(self, on_change: Callable[[], None]) -> None:
        self.other.visible = self.layer.value == DIFFERENCE
        self.day.visible, self.range.visible = self.mode.value == DAY, self.mode.value == RANGE
        rest = [one for one in self.other.options if one != self.model.value]
        if self.other.visible and self.other.value == self.model.value and rest:
            self.other.value = rest[0]  # comes back here
        else:
            on_change()

    def _areas(self) -> dict[str, dict[str, Any]]:
        groups: dict[str, dict[str, Any]] = {"": {EVERYWHERE: ()}}
        return groups | {layer: {name: (layer, name) for name in names} for layer, names in self.explored.areas.items()}

    def _start(self, back: int = 0) -> date:
        """Return the last day, or one before it."""
        return self.explored.days[max(len(self.explored.days) - 1 + back, 0)].astype(object)  # type: ignore[no-any-return]

    def _position(self, day: Any) -> int:
        found = np.searchsorted(self.explored.days, np.datetime64(day, "D"), side="right") - 1
        return int(np.clip(found, 0, len(self.explored.days) - 1))


def _first_model(explored: Explored) -> str | None:
    """Return the model that has an alert, which is the one that a study shows; else the last."""
    models = list(explored.models)
    return next((model for model in models if f"alert_{model}" in explored.cube), models[-1] if models else None)
