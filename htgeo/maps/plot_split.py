"""A picture of folds: days across, places down, and what each fold does with them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import CELL, check_cube, space, step_days
from htgeo.evaluation.folds import DAY, Fold, place_names
from htgeo.maps.curves import above_grid
from htgeo.maps.figure import framed, plotting, source_line

STATES = (
    ("not used", "#dfe3e8"),
    ("training", "#0072b2"),
    ("left out: gap or buffer", "#8a929b"),
    ("test", "#e69f00"),
)
"""What a fold does with a day of a place, and its colour: safe for colour-blind readers (Okabe & Ito 2008)."""
UNUSED, TRAIN, GAP, TEST = range(4)
FOLD_HEIGHT = 0.86
"""Height of the band of a fold; the rest is the room between folds."""
MOST_HEIGHT, LEAST_HEIGHT = 56, 24
"""Pixels for a fold."""
MANY = 8
MOST_TICKS = 6
CALENDAR = (("D", 1), ("D", 7), ("M", 1), ("M", 3), ("M", 6), ("Y", 1), ("Y", 2), ("Y", 5))
"""Units and steps of the marks of the days, the first that gives few enough."""


def plot_split(cube: xr.Dataset, folds: Fold | Sequence[Fold], *, title: str | None = None, source: str = "") -> Any:
    """Draw what each fold trains and tests on; nothing of the cube is computed.

    Parameters
    ----------
    cube
        The cube that the folds were made of.
    folds
        The folds, or one; each gets a band of its own.
    title
        What is seen, in one sentence.
    source
        What the data are and where they come from.

    Returns
    -------
    holoviews.Overlay
        Days across; folds down, and within each the places, those tested by the first fold on top.
        `htgeo.save_figure` writes it.

    Raises
    ------
    InputError
        If there is no fold.
    CubeError
        If the cube lacks days or places of a fold, or holoviews is not installed.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> figure = ht.plot_split(cube, ht.rolling_origin(cube, first_test="2021-04-01", test_days=30))
    >>> [part.label for part in figure]
    ['training', 'left out: gap or buffer', 'test', 'not used']
    """
    hv = plotting()
    check_cube(cube)
    folds = [folds] if isinstance(folds, Fold) else folds
    if not folds:
        message = "there is no fold to draw; make some with htgeo.rolling_origin(cube, first_test='2021-03-01')"
        raise InputError(message)
    cube = cube.drop_vars(list(cube.data_vars))
    for fold in folds:  # what a cube lacks is told before it is drawn
        fold.train(cube)
        fold.test(cube)
    order, starts = _sorted_places(cube, folds)
    boxes = [box for row, fold in enumerate(folds) for box in _boxes(cube, fold, order, starts, row)]
    across, down = _axes(cube)
    shown = [state for state in (TRAIN, GAP, TEST, UNUSED) if any(box[4] == state for box in boxes)]
    parts = []
    for state in shown:
        label, color = STATES[state]
        found = hv.Rectangles([box[:4] for box in boxes if box[4] == state], [across, down, "until", "to"], label=label)
        parts.append(
            found.opts(
                hv.opts.Rectangles(color=color, line_color=color, line_width=0.5, show_legend=True, backend="bokeh"),
                hv.opts.Rectangles(
                    color=color,
                    facecolor=color,
                    edgecolor=color,
                    linewidth=0.3,
                    hooks=[above_grid],
                    backend="matplotlib",
                ),
            )
        )
    ticks = [(row + FOLD_HEIGHT / 2, fold.name) for row, fold in enumerate(folds)]
    axis = {"invert_yaxis": True, "yticks": ticks, "xticks": _day_ticks(cube), "ylim": (FOLD_HEIGHT - 1, len(folds))}
    overlay = hv.Overlay(parts).opts(
        hv.opts.Overlay(backend="bokeh", **axis), hv.opts.Overlay(backend="matplotlib", **axis)
    )
    each = max(LEAST_HEIGHT, min(MOST_HEIGHT, MOST_HEIGHT * MANY // len(folds)))
    return framed(
        overlay,
        title=title or f"What each of {len(folds)} folds trains and tests on",
        source=source_line(cube, source),
        height=150 + each * max(len(folds), 3),
        key=[STATES[state] for state in reversed(shown)],
    )


def _axes(cube: xr.Dataset) -> tuple[str, str]:
    """Return what stands across and what down."""
    dim, step = space(cube), step_days(cube)
    places = "cells" if dim == CELL else f"areas ({dim})"
    return "day" if step == 1 else f"day (steps of {step} days)", f"folds; in each, {places} sorted by fold"


def _day_ticks(cube: xr.Dataset) -> list[tuple[int, str]]:
    """Return some days of a round calendar, as days since 1970 with their text."""
    first, last = cube["time"].values[[0, -1]].astype("datetime64[D]")
    for unit, every in CALENDAR:
        starts = np.arange(first.astype(f"M8[{unit}]"), last.astype(f"M8[{unit}]") + 2)
        ticks = starts[starts.astype(int) % every == 0]
        ticks = ticks[(ticks >= first) & (ticks <= last + DAY)]
        if len(ticks) <= MOST_TICKS:
            break
    days = ticks.astype("datetime64[D]").astype(int).tolist()
    return list(zip(days, np.datetime_as_string(ticks).tolist(), strict=True))


def _sorted_places(cube: xr.Dataset, folds: Sequence[Fold]) -> tuple[np.ndarray, np.ndarray]:
    """Return the places in the order of the fold that tests them first, and where those begin that folds treat alike."""
    names = place_names(cube)
    uses = np.array([used for fold in folds for used in _uses(fold, names)])
    tested = uses[1::2]
    first = np.where(tested.any(axis=0), tested.argmax(axis=0), len(folds))
    kinds, kind = np.unique(np.vstack([first, uses]), axis=1, return_inverse=True)
    sizes = np.bincount(kind.ravel(), minlength=kinds.shape[1])
    return np.argsort(kind.ravel(), kind="stable"), np.concatenate([[0], np.cumsum(sizes)])


def _uses(fold: Fold, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which places a fold trains on, and which it tests."""
    train, test = (
        np.ones(len(names), bool) if p is None else np.isin(names, p) for p in (fold.train_cells, fold.test_cells)
    )
    return train, test


def _boxes(cube: xr.Dataset, fold: Fold, order: np.ndarray, starts: np.ndarray, row: int) -> list[tuple[Any, ...]]:
    """Return (first day, top, day after the last, bottom, state), days since 1970, of places that are used alike by days that are."""
    states, edges = _states(cube, fold, order, starts)
    levels = row + FOLD_HEIGHT * starts / starts[-1]
    boxes = []
    for span in range(states.shape[1]):
        turns = np.flatnonzero(np.diff(states[:, span])) + 1
        for top, bottom in pairwise([0, *turns, len(states)]):
            boxes.append((edges[span], levels[top], edges[span + 1], levels[bottom], int(states[top, span])))
    return boxes


def _states(cube: xr.Dataset, fold: Fold, order: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a fold does with kinds of places (kind, span) in spans of days, and where the spans begin and end."""
    days = cube["time"].values.astype("datetime64[D]")
    step = step_days(cube) * DAY
    whole = (days[0], days[-1])
    train, test = (
        whole if span is None else (np.datetime64(span[0]), np.datetime64(span[1]))
        for span in (fold.train_days, fold.test_days)
    )
    edges = np.unique([whole[0], whole[1] + step, train[0], train[1] + step, test[0], test[1] + step])
    learned, tried = ((edges[:-1] >= first) & (edges[:-1] <= last) for first, last in (train, test))
    between = (edges[:-1] > train[1]) & (edges[:-1] < test[0])
    trained, tested = (used[order][starts[:-1], None] for used in _uses(fold, place_names(cube)))
    states = np.full((len(starts) - 1, len(edges) - 1), UNUSED)
    states[(trained & between) | (~trained & ~tested & (learned | between))] = GAP
    states[trained & learned] = TRAIN
    states[tested & tried] = TEST
    return states, edges.astype(int)
