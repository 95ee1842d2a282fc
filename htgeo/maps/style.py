"""Classes, colours and words shared by all maps."""

import numpy as np
import xarray as xr

from htgeo.cube.schema import role_of

COLORS = ("#ffffcc", "#ffeda0", "#fed976", "#feb24c", "#fd8d3c", "#f03b20", "#bd0026")
"""Seven sequential colours, safe for colour-blind readers (ColorBrewer YlOrRd), from low to high risk."""
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.98, 0.995)
"""Where the classes part: risk is rare, so the upper classes are small on purpose."""
MISSING = "#9aa0a6"
INK, SOFT, GRID = "#1f2933", "#52606d", "#e4e8ec"
"""Colours of words, of lesser words and lines, and of the grid; pages in dark mode swap these three for light ones."""
OUTLINE = "#4a5560"
"""Colour of outlines and borders on maps, seen over light and dark classes; pages in dark mode keep it."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
"""Colours of lines, points and bars, in the order of use; safe for colour-blind readers (Okabe & Ito 2008)."""


def class_breaks(values: np.ndarray) -> np.ndarray:
    """Return the lower edges of the second to the last class, two significant digits, ascending without doubles."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.array([])
    edges = np.quantile(known, QUANTILES)
    edges = np.array([float(f"{edge:.2g}") for edge in edges])
    return np.unique(edges[(edges > known.min()) & (edges < known.max())])


def class_colors(breaks: np.ndarray) -> list[str]:
    """Return one colour a class, the darkest for the highest."""
    return list(COLORS[len(COLORS) - 1 - len(breaks) :])


def percent(value: float) -> str:
    """Return a probability as percent with two significant digits."""
    return f"{float(f'{100 * value:.2g}'):g} %"


def day_count(days: int) -> str:
    """Return a number of days in words: 1 day, 7 days."""
    return f"{days} day" if days == 1 else f"{days} days"


def describe(variable: xr.DataArray, events: str | None = None) -> str:
    """Return what a map of the variable shows, in one sentence; `events` says in words which events."""
    attrs = variable.attrs
    if role_of(variable) != "risk":
        return str(attrs.get("long_name", variable.name))
    days = int(attrs["horizon"])
    window = "on the day" if days == 1 else f"within {days} days from the day on"
    return f"Probability of at least one event ({events or attrs['layer']}) {window}, forecast at the start of the day by {attrs['model']}"
