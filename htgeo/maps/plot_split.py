"""A picture of folds: days across, places down, and what each fold does with them."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import CELL, check_cube, space, step_days
from htgeo.evaluation.folds import DAY, Fold, place_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STATES = (
    ("not used", "#f1f3f4"),
    ("training", "#0072b2"),
    ("left out: gap or buffer", "#9aa0a6"),
    ("test", "#e69f00"),
)
"""What a fold does with a day of a place, and its colour: safe for colour-blind readers (Okabe & Ito 2008)."""
UNUSED, TRAIN, GAP, TEST = range(4)
EDGE = "#5f6368"
ONE_COLUMN = 6
"""Up to so many folds stand below each other, more in columns."""
MOST_COLUMNS = 4
MOST_TICKS = 24
WIDTH = 14.4
"""Inches; 1,440 pixels at 100 dots an inch."""


def plot_split(cube: xr.Dataset, folds: Sequence[Fold], *, title: str | None = None) -> "Figure":
    """Draw what each fold trains and tests on; nothing of the cube is computed.

    Parameters
    ----------
    cube
        The cube that the folds were made of.
    folds
        The folds; each gets a panel of its own.
    title
        Heading.

    Returns
    -------
    matplotlib.figure.Figure
        Days across; places down, those tested by the first fold on top. ``savefig("split.png")`` writes it.

    Raises
    ------
    InputError
        If there is no fold.
    CubeError
        If the cube lacks days or places of a fold, or matplotlib is not installed.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> figure = ht.plot_split(cube, ht.rolling_origin(cube, first_test="2021-04-01", test_days=30))
    >>> figure.savefig("split.png")
    """
    try:
        from matplotlib import pyplot as plt
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.patches import Patch
    except ModuleNotFoundError as error:
        message = f"a picture of a split needs {error.name}; install it with: pip install 'htgeo[maps]'"
        raise CubeError(message) from error
    check_cube(cube)
    if not folds:
        message = "there is no fold to draw; make some with htgeo.rolling_origin(cube, first_test='2021-03-01')"
        raise InputError(message)
    cube = cube.drop_vars(list(cube.data_vars))
    for fold in folds:  # what a cube lacks is told before it is drawn
        fold.train(cube)
        fold.test(cube)
    order, starts = _sorted_places(cube, folds)
    columns = min(MOST_COLUMNS, ceil(len(folds) / ONE_COLUMN))
    rows = ceil(len(folds) / columns)
    figure = plt.figure(figsize=(WIDTH, 1.6 + max(1.1 * rows, 3.6)), dpi=100, layout="constrained")
    plt.close(figure)  # belongs to the caller: a notebook shows it once
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).T.ravel()
    drawn = [_draw(panel, cube, fold, order, starts) for panel, fold in zip(panels, folds, strict=False)]
    ticks = AutoDateLocator(minticks=3, maxticks=MOST_TICKS // columns)  # type: ignore[no-untyped-call,unused-ignore]
    panels[0].xaxis.set_major_locator(ticks)
    panels[0].xaxis.set_major_formatter(ConciseDateFormatter(ticks))  # type: ignore[no-untyped-call,unused-ignore]
    for panel in panels[len(folds) :]:
        panel.set_axis_off()
    shown = [STATES[state] for state in (TRAIN, GAP, TEST, UNUSED) if any((codes == state).any() for codes in drawn)]
    figure.legend(
        handles=[Patch(facecolor=color, edgecolor=EDGE, label=text) for text, color in shown],
        loc="outside upper right",
        ncols=len(shown),
        frameon=False,
        fontsize=11,
    )
    dim = space(cube)
    figure.suptitle(title or f"What each of {len(folds)} folds trains and tests on", x=0.01, ha="left", fontsize=14)
    figure.supxlabel("day" if step_days(cube) == 1 else f"day (steps of {step_days(cube)} days)", fontsize=11)
    figure.supylabel(f"{'cells' if dim == CELL else f'areas ({dim})'}, sorted by fold", fontsize=11)
    return figure


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


def _draw(panel: "Axes", cube: xr.Dataset, fold: Fold, order: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Draw a fold: a rectangle for places that are used alike by days that are used alike; return their states."""
    from matplotlib.colors import ListedColormap

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
    colors = ListedColormap([color for _, color in STATES])
    panel.pcolormesh(edges, starts, states, cmap=colors, vmin=UNUSED, vmax=TEST, edgecolors="none")
    panel.set_ylim(starts[-1], 0)
    panel.spines[:].set_color(EDGE)
    panel.tick_params(color=EDGE)
    panel.set_title(fold.name, loc="left", fontsize=10, pad=3)
    return states
