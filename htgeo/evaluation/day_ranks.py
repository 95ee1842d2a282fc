"""The order in which the cells of a day are flagged: by forecast, with places kept for areas."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.cube.schema import area_names, layer_names
from htgeo.evaluation.base import by_day
from htgeo.evaluation.budgets import is_number


@dataclass(frozen=True)
class KeptPlaces:
    """Places that are kept for some areas, so that each has its share among the first n cells of a day, for every n.

    Attributes
    ----------
    area : array of int, shape (cell,)
        Area of each cell, -1 for one without kept places.
    kept_area, kept_number : arrays of int, shape (cell,)
        Place i is kept for area ``kept_area[i]`` while it has fewer than ``kept_number[i]`` cells; -1 is kept for none.
    """

    area: np.ndarray
    kept_area: np.ndarray
    kept_number: np.ndarray


def keep_places(cube: xr.Dataset, shares: Mapping[str, float]) -> KeptPlaces | None:
    """Return the places kept for areas of a cube, None without shares.

    Each is kept as late as all shares allow, so that the order departs from that of the forecasts as little as possible.

    Raises
    ------
    InputError
        If the shares are not of areas of one layer, or not above 0 and together at most 1.
    """
    if not shares:
        return None
    if not all(is_number(share) and share > 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        message = f"minimum_shares must lie above 0 and sum to at most 1, not {dict(shares)!r}"
        raise InputError(message)
    names = cube[_layer(cube, shares)].values.astype(str)
    area = np.full(len(names), -1, np.int64)
    due = []
    for number, (name, share) in enumerate(shares.items()):
        area[names == name] = number
        places = np.arange(1, int(np.floor(share * len(names) + 1e-9)) + 1)
        due += [(int(np.ceil(k / share - 1e-9)), number, int(k)) for k in places]
    kept_area, kept_number = np.full(len(names), -1, np.int64), np.zeros(len(names), np.int64)
    place = len(names)
    for latest, number, k in sorted(due, reverse=True):
        place = min(latest, place)
        place -= 1  # places are counted from 0 here, from 1 in `latest`
        kept_area[place], kept_number[place] = number, k
    return KeptPlaces(area, kept_area, kept_number)


def _layer(cube: xr.Dataset, shares: Mapping[str, float]) -> str:
    """Return the layer whose areas have shares."""
    known = {layer: area_names(cube, layer) for layer in layer_names(cube)}
    for layer, names in known.items():
        if set(shares) <= set(names):
            return layer
    every = [name for names in known.values() for name in names]
    unknown = next((name for name in shares if name not in every), "")
    message = f"minimum_shares must name areas of one layer ({', '.join(known) or 'the cube has none'}), not {', '.join(shares)}{near(unknown, every) if unknown else ''}"
    raise InputError(message)


def day_ranks(forecast: np.ndarray, kept: KeptPlaces | None = None) -> np.ndarray:
    """Return the place of each cell among those of its day, float32 (cell, time).

    Parameters
    ----------
    forecast : array, shape (cell, time)
        Forecasts; a missing one has no place.
    kept
        Places kept for areas.

    Returns
    -------
    array, shape (cell, time)
        1 is flagged first: the highest forecast, equal ones at random by a fixed seed; NaN where it is missing.
    """
    known = ~np.isnan(forecast)
    order = by_day(np.where(known, forecast, -np.inf))
    out = np.full(forecast.shape, np.nan, np.float32)
    if kept is None:
        places = np.arange(1, len(order) + 1, dtype=np.float32)[:, None]
        np.put_along_axis(out, order, np.broadcast_to(places, order.shape), axis=0)
        out[~known] = np.nan
        return out
    from htgeo.evaluation.reserve_kernel import place_cells

    place_cells(order, known.sum(axis=0), kept.area, kept.kept_area, kept.kept_number, out)
    return out


def in_order(values: np.ndarray, rank: np.ndarray, missing: float) -> np.ndarray:
    """Return the values of each day by their place in it, those without a place last and `missing`; all (cell, time)."""
    order = np.argsort(rank, axis=0, kind="stable")  # NaN sort last
    placed = np.take_along_axis(np.broadcast_to(values, rank.shape), order, axis=0)
    return np.where(np.isnan(np.take_along_axis(rank, order, axis=0)), missing, placed)
