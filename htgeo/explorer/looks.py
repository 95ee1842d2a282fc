"""What the explorer says of a selection: top cells, what changed, and what it was made from."""

from dataclasses import replace

import numpy as np
import pandas as pd

from htgeo.cube.schema import role_of
from htgeo.explorer.data import FORECAST, Explored, Selection
from htgeo.maps.page_scale import shown

TOP_SHARE = 0.05
"""The upper part of the cells whose newcomers are told."""


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the place of each value from the highest down, equal ones alike; missing stays missing, float32 (cell,)."""
    known = np.isfinite(values)
    out = np.full(values.shape, np.nan, np.float32)
    ascending = np.sort(-values[known])
    out[known] = np.searchsorted(ascending, -values[known]) + 1
    return out


def ranked(explored: Explored, selection: Selection) -> tuple[np.ndarray, str]:
    """Return what the cells are ranked by, and its unit: the forecast, or the layer where there is no model."""
    by = replace(selection, layer=FORECAST) if selection.model else selection
    return explored.values(by), explored.scale(by)[0]


def top_cells(explored: Explored, selection: Selection, count: int = 20) -> pd.DataFrame:
    """Return the cells with the highest forecasts.

    Parameters
    ----------
    explored
        The cube.
    selection
        What is looked at.
    count
        Most rows.

    Returns
    -------
    DataFrame
        ``rank``, ``cell`` (hex text), ``place`` and ``value`` (text with its unit), by rank.
    """
    values, unit = ranked(explored, selection)
    rank, show = ranks(values), shown(unit)
    best = np.argsort(-values, kind="stable")[: min(count, int(np.isfinite(values).sum()))]
    return pd.DataFrame(
        {
            "rank": rank[best].astype(int),
            "cell": explored.hexes[best],
            "place": explored.places[best],
            "value": [show(float(value)) for value in values[best]],
        }
    )


def changes(explored: Explored, selection: Selection, count: int = 5) -> pd.DataFrame:
    """Return what changed since the day before, or since the equally long range before.

    Parameters
    ----------
    explored
        The cube.
    selection
        What is looked at.
    count
        Most rows of a kind.

    Returns
    -------
    DataFrame
        ``change`` (``rise``, ``fall``, or ``new`` in the top 5 %), ``cell``, ``place``, ``before`` and ``now``; empty where the cube
        begins too late.
    """
    rows: list[tuple[str, int]] = []
    before = selection.before
    now, unit = ranked(explored, selection)
    past = np.full_like(now, np.nan) if before is None else ranked(explored, before)[0]
    change = np.nan_to_num(now - past)
    order = np.argsort(change, kind="stable")
    rows += [("rise", int(i)) for i in order[::-1][:count] if change[i] > 0]
    rows += [("fall", int(i)) for i in order[:count] if change[i] < 0]
    if np.isfinite(past).any():
        most = max(1, round(TOP_SHARE * np.isfinite(now).sum()))
        place, earlier = ranks(now), ranks(past)
        fresh = np.flatnonzero((place <= most) & ~(earlier <= most))
        rows += [("new", int(i)) for i in fresh[np.argsort(place[fresh])][:count]]
    show, chosen = shown(unit), [i for _, i in rows]
    return pd.DataFrame(
        {
            "change": [kind for kind, _ in rows],
            "cell": explored.hexes[chosen],
            "place": explored.places[chosen],
            "before": [show(float(value)) for value in past[chosen]],
            "now": [show(float(value)) for value in now[chosen]],
        },
        dtype=object,  # also where there is no row
    )


def source_text(explored: Explored, selection: Selection) -> str:
    """Return the line that says what is seen was made from."""
    from htgeo.maps.figure import source_line

    text = source_line(explored.cube)
    if not selection.model:
        return text
    forecast = explored.forecast(selection.model)
    kind = "Risk" if role_of(forecast) == "risk" else "Expected count"
    return f"{kind} by {selection.model}, trained on {forecast.attrs.get('training_days', 'days that the store does not name')}. {text}"
