"""Curves of several models in one figure: which are drawn, how each looks, and what is said of the days they cover."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.evaluation.samples import forecasts
from htgeo.maps.figure import plotting
from htgeo.maps.style import SERIES, day_count

DASHES = (("solid", "-"), ("dashed", "--"), ("dotdash", "-."), ("dotted", ":"))
MARKERS = (("circle", "o"), ("square", "s"), ("triangle", "^"), ("diamond", "D"), ("inverted_triangle", "v"))
Curves = dict[str, xr.Dataset]


@dataclass(frozen=True)
class Look:
    """Colour, dash and marker of a model; the latter two by their names in bokeh and in matplotlib."""

    color: str
    dash: tuple[str, str]
    marker: tuple[str, str]


def looks(count: int) -> list[Look]:
    """Return how each of some models looks; neighbours in the list differ in colour, dash and marker."""
    return [Look(*one) for one in islice(zip(cycle(SERIES), cycle(DASHES), cycle(MARKERS), strict=False), count)]


def curves_of(
    found: xr.Dataset | Sequence[xr.Dataset], models: Sequence[str] | None, dim: str, curve: Callable[..., xr.Dataset]
) -> Curves:
    """Return curves by model: those given, or made by `curve(cube, model)` for models of a cube."""
    if isinstance(found, xr.Dataset) and "time" in found.coords:
        chosen = list(forecasts(found, models or ())) if models is None else list(models)
        forecasts(found, chosen)
        return {model: curve(found, model) for model in chosen}
    given = [found] if isinstance(found, xr.Dataset) else list(found)
    for one in given:
        if not isinstance(one, xr.Dataset) or one.sizes.get(dim, 0) == 0 or "model" not in one.attrs:
            text = f"with {', '.join(map(str, one.dims))}" if isinstance(one, xr.Dataset) else ""
            message = f"give a cube with forecasts, or what htgeo.{getattr(curve, 'func', curve).__name__}(cube, model) returned (on {dim!r}), not {type(one).__name__} {text}".rstrip()
            raise InputError(message)
    if not given:
        message = (
            f"there is no curve to draw; make one with htgeo.{getattr(curve, 'func', curve).__name__}(cube, model)"
        )
        raise InputError(message)
    return {str(one.attrs["model"]): one for one in given}


def scored_line(found: Any, curves: Curves, source: str) -> str:
    """Return what curves were made from: days, cell-days, positives; and whether models learned from these days."""
    first = next(iter(curves.values())).attrs
    days = " and ".join(dict.fromkeys(str(one.attrs["days"]) for one in curves.values()))
    sizes = list(dict.fromkeys(f"{one.attrs['cell_days']:,.0f}" for one in curves.values()))
    text = f"Scored on {days}: {' or '.join(sizes)} {first['scored']}, {first['positives']:,.0f} of them with an event within {day_count(first['horizon'])}."
    trained = [model for model, one in curves.items() if _trained(found, model) >= str(one.attrs["days"])[:10]]
    warning = f"These days trained {', '.join(trained)}: on new days the scores are lower." if trained else ""
    level = f"Bands hold {100 * first['level']:g} % of draws of whole {first['block_days']}-day blocks."
    return " ".join(filter(None, [source, text, warning, level if has_interval(curves) else ""]))


def _trained(found: Any, model: str) -> str:
    """Return the last training day of a model of a cube; nothing where it is not known."""
    risk = f"risk_{model}"
    known = isinstance(found, xr.Dataset) and risk in found
    return str(found[risk].attrs.get("training_days", ""))[-10:] if known else ""


def has_interval(curves: Curves) -> bool:
    """Return whether any curve has intervals."""
    return any(bool(np.isfinite(one["low"]).any()) for one in curves.values())


def line(data: dict[str, np.ndarray], kdim: str, vdim: str, label: str, look: Look, *, markers: bool = True) -> Any:
    """Return a line of one model with its markers, in its colour, dash and marker in both backends."""
    hv = plotting()
    curve = hv.Curve(data, kdim, vdim, label=label).opts(
        hv.opts.Curve(color=look.color, line_width=2, line_dash=look.dash[0], tools=["hover"], backend="bokeh"),
        hv.opts.Curve(color=look.color, linewidth=1.8, linestyle=look.dash[1], backend="matplotlib"),
    )
    if not markers:
        return curve
    points = hv.Scatter(data, kdim, vdim, label=label).opts(
        hv.opts.Scatter(color=look.color, marker=look.marker[0], size=6, backend="bokeh"),
        hv.opts.Scatter(color=look.color, marker=look.marker[1], s=22, show_legend=False, backend="matplotlib"),
    )
    return curve * points


def band(x: np.ndarray, low: np.ndarray, high: np.ndarray, kdim: str, vdim: str, color: str) -> list[Any]:
    """Return the faint band between two lines, without a place in the legend; nothing where there is no interval."""
    hv = plotting()
    known = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return []
    area = hv.Area((x[known], low[known], high[known]), kdim, [vdim, f"{vdim}, high end"])
    return [
        area.opts(
            hv.opts.Area(color=color, alpha=0.15, line_alpha=0, show_legend=False, backend="bokeh"),
            hv.opts.Area(
                color=color, facecolor=color, linewidth=0, alpha=0.15, show_legend=False, backend="matplotlib"
            ),
        )
    ]


def above_grid(plot: Any, element: Any) -> None:  # noqa: ARG001  # holoviews gives both
    """Draw the shapes of an element above the lines of the grid; a hook for matplotlib."""
    plot.handles["artist"].set_zorder(2)


def reference(x: np.ndarray, y: np.ndarray, kdim: str, vdim: str, label: str, color: str, dash: tuple[str, str]) -> Any:
    """Return a thin line that models are read against."""
    hv = plotting()
    return hv.Curve({kdim: x, vdim: y}, kdim, vdim, label=label).opts(
        hv.opts.Curve(color=color, line_width=1.2, line_dash=dash[0], backend="bokeh"),
        hv.opts.Curve(color=color, linewidth=1.1, linestyle=dash[1], backend="matplotlib"),
    )
