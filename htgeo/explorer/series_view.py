"""The series of one cell: its forecast, the events observed in it, the days chosen, the threshold."""

import numpy as np

from htgeo.explorer.data import Explored, Selection
from htgeo.maps.style import SERIES

DAY_MS = 86_400_000
EVENTS_SHARE = 3
"""Bars of events take the lower third of the height."""


class CellSeries:
    """The series of one browser tab.

    Parameters
    ----------
    explored
        The cube.
    ink, grid
        Colours of words and axes, and of the grid.

    Attributes
    ----------
    figure : bokeh figure
    """

    def __init__(self, explored: Explored, ink: str, grid: str) -> None:
        from bokeh.models import BoxAnnotation, ColumnDataSource, LinearAxis, Range1d, Span
        from bokeh.plotting import figure

        self.explored = explored
        self.line = ColumnDataSource({"day": [], "value": []}, name="line")
        self.bars = ColumnDataSource({"day": [], "count": []}, name="events")
        self.figure = figure(
            name="series", x_axis_type="datetime", height=300, sizing_mode="stretch_width", tools="xpan,xwheel_zoom,box_zoom,reset,save",
            active_drag="box_zoom", active_scroll=None, toolbar_location="above", background_fill_alpha=0, border_fill_alpha=0,
            outline_line_color=None, y_range=Range1d(0, 1), extra_y_ranges={"events": Range1d(0, 1)}, min_border_right=8,
        )  # fmt: skip
        width = float(np.diff(explored.days[:2]).astype(int).sum() or 1) * DAY_MS
        drawn = {
            "source": self.bars,
            "width": width,
            "y_range_name": "events",
            "color": SERIES[1],
            "legend_label": "events (right)",
        }
        self.figure.vbar(x="day", top="count", **drawn)
        self.figure.line(
            "day", "value", source=self.line, color=SERIES[0], line_width=1.6, legend_label="forecast (left)"
        )
        self.window = BoxAnnotation(left=0, right=0, fill_color=ink, fill_alpha=0.18, line_color=ink, line_alpha=0.5)
        self.threshold = Span(
            dimension="width", line_color=SERIES[1], line_dash="dashed", line_width=1.2, visible=False
        )
        self.figure.add_layout(self.window)
        self.figure.add_layout(self.threshold)
        self.figure.add_layout(LinearAxis(y_range_name="events", axis_label="events", ticker=_whole_ticks()), "right")
        self._style(ink, grid)

    def show(self, values: np.ndarray, counts: np.ndarray | None, unit: str) -> None:
        """Draw the series of a cell.

        Parameters
        ----------
        values, counts : arrays, shape (time,)
            The forecast, and the events; None where the cube has none.
        unit
            Unit of the values.
        """
        factor = 100 if unit in ("probability", "points") else 1
        days = self.explored.days.astype("datetime64[ms]")
        self.line.data = {"day": days, "value": factor * values}
        happened = np.flatnonzero(np.nan_to_num(counts)) if counts is not None else np.array([], int)
        found = np.array([]) if counts is None else counts[happened]
        self.bars.data = {"day": days[happened], "count": found}
        self.figure.y_range.end = 1.08 * float(np.nanmax(factor * values, initial=0.0)) or 1.0
        self.figure.y_range.start = min(0.0, float(np.nanmin(factor * values, initial=0.0)))
        self.figure.extra_y_ranges["events"].end = EVENTS_SHARE * max(1.0, float(found.max(initial=0.0)))
        self.figure.yaxis[0].axis_label = {"probability": "probability, %", "points": "points"}.get(unit, "value")

    def mark(self, selection: Selection, unit: str) -> None:
        """Mark the days that are chosen, and the threshold."""
        first, last = (
            self.explored.days[at].astype("datetime64[ms]").astype(int) for at in (selection.first, selection.last)
        )
        step = np.diff(self.explored.days[:2]).astype(int).sum() or 1
        self.window.update(left=int(first), right=int(last) + int(step) * DAY_MS)
        location = selection.threshold * (100 if unit == "probability" else 1)
        self.threshold.update(location=location, visible=bool(selection.model))

    def _style(self, ink: str, grid: str) -> None:
        plot = self.figure
        plot.toolbar.logo = None
        plot.xgrid.grid_line_color, plot.ygrid.grid_line_color = None, grid
        for axis in [*plot.xaxis, *plot.yaxis]:
            axis.axis_line_color = axis.major_tick_line_color = axis.major_label_text_color = (
                axis.axis_label_text_color
            ) = ink
            axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
            axis.minor_tick_line_color, axis.axis_label_text_font_style = None, "normal"
        legend = plot.legend[0]
        legend.update(
            orientation="horizontal", location="top_left", background_fill_alpha=0, border_line_color=None,
            label_text_color=ink, label_text_font_size="12px", padding=0,
        )  # fmt: skip
        plot.add_layout(legend, "above")


def _whole_ticks() -> object:
    from bokeh.models import BasicTicker

    return BasicTicker(min_interval=1, num_minor_ticks=0, desired_num_ticks=4)
