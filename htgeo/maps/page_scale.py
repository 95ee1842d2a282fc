"""Classes, colours and legend texts of a layer."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from htgeo.disclosure.public import FIXED
from htgeo.maps.layers import Layer
from htgeo.maps.style import COLORS, class_breaks, class_colors, percent

DIVERGING = ("#542788", "#998ec3", "#cbc7e2", "#e8e8e8", "#fcc98a", "#f1a340", "#b35806")
"""Purple for less, orange for more: safe for colour-blind readers (ColorBrewer PuOr)."""
AROUND_ZERO = (0.5, 0.8, 0.95)
"""Shares of the values other than 0 whose size lies below the edges of a diverging scale."""
MOSTLY = 0.5
"""Share of zeros from which on zero is a class of its own."""
FLOOR = "#f2f0dc"
"""Colour of zero where it is a class of its own: lighter than the lowest class above it."""
ABOVE_ZERO = (0.5, 0.75, 0.9, 0.97, 0.995)


@dataclass(frozen=True)
class Scale:
    """Classes of a layer, from low to high.

    Attributes
    ----------
    labels, colors
        Of each class.
    breaks
        Lower edges of the second to the last class; None where the classes are single values.
    codes
        The values of the classes where they are single values.
    """

    labels: tuple[str, ...]
    colors: tuple[str, ...]
    breaks: np.ndarray | None = None
    codes: tuple[float, ...] = ()

    def classes(self, values: np.ndarray) -> np.ndarray:
        """Return the class of each value, -1 where it is missing or of none (int)."""
        if self.breaks is not None:
            return np.where(np.isfinite(values), np.searchsorted(self.breaks, values, side="right"), -1)
        order = np.argsort(self.codes)
        codes = np.asarray(self.codes, float)[order]
        at = np.minimum(np.searchsorted(codes, values), len(codes) - 1)
        return np.where(codes[at] == values, order[at], -1)


def scale_of(layer: Layer, values: np.ndarray) -> Scale:
    """Return the classes of a layer by the values that the map shows."""
    if layer.kind != "number":
        return Scale(layer.labels, layer.colors, codes=layer.codes)
    known = values[np.isfinite(values)].astype(float)
    show = shown(layer.unit)
    if FIXED in layer.values.attrs:
        return _fixed_steps(np.unique(known), show)
    if known.size and known.min() < 0 < known.max():
        return _diverging(known, shown(layer.unit, signed=True))
    whole = bool(known.size) and known.min() >= 0 and bool((known == np.rint(known)).all())
    if whole and len(found := np.unique(known)) <= len(COLORS):
        return _single(found, show)
    if known.size and known.min() == 0 and known.max() > 0 and (known == 0).mean() > MOSTLY:
        return _above_zero(known, show, whole=whole)
    breaks = class_breaks(known)
    return Scale(_labels(breaks, show), tuple(class_colors(breaks)), breaks)


def shown(unit: str, *, signed: bool = False) -> Callable[[float], str]:
    """Return how a number of a unit is written in a legend, whose heading names the unit."""
    if unit == "probability":
        return percent
    factor, sign = 100 if unit == "points" else 1, "+" if signed else ""

    def show(value: float) -> str:
        return f"{float(f'{factor * value:.2g}'):{sign}g}".replace("-", "\N{MINUS SIGN}")

    return show


def _diverging(known: np.ndarray, show: Callable[[float], str]) -> Scale:
    """Return classes that are symmetric around zero."""
    edges = _rounded(np.quantile(np.abs(known[known != 0]), AROUND_ZERO))
    middle = len(DIVERGING) // 2
    colors = DIVERGING[middle - len(edges) : middle + len(edges) + 1]
    breaks = np.concatenate([-edges[::-1], edges])
    return Scale(_labels(breaks, show), colors, breaks)


def _fixed_steps(found: np.ndarray, show: Callable[[float], str]) -> Scale:
    """Return a class for each of the highest steps that a forecast is rounded to; the lowest class has all others."""
    top = found[-len(COLORS) :]
    single = _single(top, show)
    lowest = single.labels[0] if len(top) == len(found) else f"{show(top[0])} or less"
    return Scale((lowest, *single.labels[1:]), single.colors, single.breaks)


def _single(found: np.ndarray, show: Callable[[float], str]) -> Scale:
    """Return a class for each of a few whole numbers."""
    zero, rest = found[found == 0], found[found != 0]
    lightest = min(3, len(COLORS) - len(rest)) if len(zero) else 0  # beside the colour of zero, one event must be seen
    steps = np.rint(np.linspace(lightest, len(COLORS) - 1, len(rest))).astype(int)
    labels = [*("none" for _ in zero), *map(show, rest)]
    return Scale(
        tuple(labels), (*(FLOOR for _ in zero), *(COLORS[step] for step in steps)), (found[1:] + found[:-1]) / 2
    )


def _above_zero(known: np.ndarray, show: Callable[[float], str], *, whole: bool) -> Scale:
    """Return classes of a count that is mostly zero: zero, and classes of the rest.

    Edges lie between values where they would else be values: a page rounds its values.
    """
    rest = known[known > 0]
    tiny = float(rest.min())
    upper = _rounded(np.quantile(rest, ABOVE_ZERO))
    edges = np.array([tiny, *upper[(upper > tiny) & (upper <= rest.max())]])
    edges = np.unique(np.ceil(edges)) if whole else edges
    above = _whole_labels(edges, show) if whole or len(edges) == 1 else _labels(edges[1:], show)
    breaks = np.array([tiny / 2, *edges[1:]])
    return Scale(("none", *above), (FLOOR, *COLORS[len(COLORS) - len(breaks) :]), breaks)


def _whole_labels(edges: np.ndarray, show: Callable[[float], str]) -> tuple[str, ...]:
    """Return texts of classes of whole numbers by their lower edges."""
    inner = [show(a) if b - a == 1 else f"{show(a)} to {show(b - 1)}" for a, b in pairwise(edges)]
    return (*inner, f"{show(edges[-1])} and more")


def _labels(breaks: np.ndarray, show: Callable[[float], str]) -> tuple[str, ...]:
    """Return texts of classes between breaks."""
    if not len(breaks):
        return ("all",)
    inner = [f"{show(a)} to {show(b)}" for a, b in pairwise(breaks)]
    return (f"below {show(breaks[0])}", *inner, f"{show(breaks[-1])} and more")


def _rounded(edges: np.ndarray) -> np.ndarray:
    """Return edges to two significant digits, without doubles."""
    return np.unique([float(f"{edge:.2g}") for edge in edges])
