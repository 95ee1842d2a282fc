"""A public table of counts: merged, suppressed, rounded, checked by linear programming, and written into a ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.cube.schema import require, role_of, select_days
from htgeo.disclosure.ledger import append, check_against, spent
from htgeo.disclosure.levels import Table, base_of, daily_counts, ladder, tabulate
from htgeo.disclosure.noise import Noise
from htgeo.disclosure.suppress import round_counts, said_of, suppress, with_totals
from htgeo.disclosure.tables import PARTED

LEAST_K = 2
COUNTS = ("count", "known_count")


def release(
    cube: xr.Dataset,
    layer: str,
    *,
    k: int = 11,
    levels: Sequence[str] | None = None,
    freq: Sequence[str] = ("month", "quarter", "year"),
    rounding: int = 5,
    max_hidden: float = 0.2,
    time: str | slice | None = None,
    ledger: str | Path | None = None,
    noise: Noise | None = None,
) -> xr.Dataset:
    """Return a table of counts that may leave the house: each is 0, at least `k`, or hidden, and no sum gives one away.

    Places are merged upward and then periods lengthened, until at most `max_hidden` of the events are in hidden counts; the
    last level and period are taken where that never comes. Counts of 1 to k-1 are hidden, and others with them, so that
    every hidden count that may lie in 1 to k-1 has at least `k` possible values given all that is published (Cox 1980;
    Fischetti and Salazar 2001). Zeros are published. Which of the hidden counts are the small ones is not told, as that
    alone would say 1 to k-1. Each place counts whole to the area that holds most of it.

    Parameters
    ----------
    cube
        A cube of days, of cells or of areas (`grid_areas` for events that are known to areas only).
    layer
        Counts of events, on ``(cell, time)``.
    k
        Smallest count that is published, other than 0.
    levels
        ``"cell"``, ``"h3-<resolution>"``, region layers and ``"city"``, tried in turn; by default all above the cells, from the
        finest to the coarsest. Levels finer than the events are known (counts that are not whole) are left out.
    freq
        ``"month"``, ``"quarter"``, ``"year"``, tried in turn; only whole periods are published.
    rounding
        Published numbers are multiples of it; 1 does not round.
    max_hidden
        Largest share of the events in hidden counts at which a level is taken.
    time
        Slice of days; all by default.
    ledger
        File of the releases so far; this one is added. Without it nothing protects against subtraction of releases.
    noise
        Noise instead of suppression and rounding; needs one level, one freq and a ledger.

    Returns
    -------
    Dataset
        ``<layer>`` on ``(place, time)``, missing where hidden; ``<layer>_status`` (0 published, 1 hidden); ``<layer>_low`` and
        ``<layer>_high``, the counts that it stands for; the same with ``_of_place``, ``_of_time`` and ``_of_all`` for totals.

    Raises
    ------
    InputError
        If a setting is not allowed, the privacy budget is spent, or the release and earlier ones give a count away.
    CubeError
        If `layer` is no count, no period is whole, or events are known too coarsely for every level.

    Examples
    --------
    >>> import htgeo as ht
    >>> public = ht.release(ht.demo_cube(), "crime", levels=["precinct", "borough"])
    >>> public.attrs["level"], public.attrs["freq"], float(public["crime_of_all"])
    ('precinct', 'month', 4465.0)
    """
    _check(cube, layer, k, rounding, max_hidden)
    chosen = cube if time is None else select_days(cube, time)
    rungs = ladder(chosen, levels, [freq] if isinstance(freq, str) else freq)
    daily = daily_counts(chosen, layer)
    if noise is None:
        table, hidden = _protected(chosen, daily, rungs, k, rounding, max_hidden)
        made = _dataset(cube, layer, table, hidden, k, rounding)
    else:
        made = _noisy(chosen, daily, rungs, layer, k, noise, ledger)
    if ledger is not None:
        check_against(ledger, made)
        made.attrs["ledger"] = append(ledger, made)
    return made


def _check(cube: xr.Dataset, layer: str, k: int, rounding: int, max_hidden: float) -> None:
    if role_of(require(cube, layer, "layer")) not in COUNTS:
        message = f"{layer!r} is no count of events; a release is of a layer of the cube. Risks: see check_public"
        raise CubeError(message)
    if not isinstance(k, int) or k < LEAST_K:
        message = f"k must be a whole number of at least {LEAST_K} (11 is common), not {k!r}"
        raise InputError(message)
    if not isinstance(rounding, int) or not 1 <= rounding <= k:
        message = f"rounding must be a whole number from 1 to k={k}, not {rounding!r}"
        raise InputError(message)
    if not 0 <= max_hidden <= 1:
        message = f"max_hidden is a share from 0 to 1, not {max_hidden!r}"
        raise InputError(message)


def _protected(
    cube: xr.Dataset, daily: np.ndarray, rungs: list[tuple[str, str]], k: int, rounding: int, most: float
) -> tuple[Table, np.ndarray]:
    """Return the first table that hides few enough events, else the last, and what is hidden in it."""
    last = None
    for level, freq in rungs:
        table = tabulate(cube, daily, level, freq)
        if table is None:
            continue
        last = table
        small = table.counts[table.counts < k].sum()
        if small > most * table.counts.sum():
            continue
        hidden = suppress(with_totals(table.counts), k=k, rounding=rounding)
        if table.counts[hidden[:-1, :-1]].sum() <= most * table.counts.sum():
            return table, hidden
    last = _found(last, cube, rungs)
    return last, suppress(with_totals(last.counts), k=k, rounding=rounding)


def _found(table: Table | None, cube: xr.Dataset, rungs: list[tuple[str, str]]) -> Table:
    if table is None:
        days = cube["time"].values.astype("datetime64[D]")
        tried = ", ".join(f"{level} by {freq}" for level, freq in rungs)
        message = f"nothing can be released for {days[0]} to {days[-1]} ({tried}): no period is whole, or the events are known more coarsely than the places; use longer days, or a cube of htgeo.grid_areas"
        raise CubeError(message)
    return table


def _noisy(
    cube: xr.Dataset,
    daily: np.ndarray,
    rungs: list[tuple[str, str]],
    layer: str,
    k: int,
    noise: Noise,
    ledger: str | Path | None,
) -> xr.Dataset:
    if len(rungs) != 1 or ledger is None:
        message = f"noise needs one level and one freq, as a choice by the data is not private, and a ledger for the budget; given are {len(rungs)} and ledger={ledger!r}"
        raise InputError(message)
    noise.check(spent(ledger, layer))
    table = _found(tabulate(cube, daily, *rungs[0]), cube, rungs)
    counts = with_totals(noise.add(table.counts))
    said = np.zeros_like(counts), np.full_like(counts, np.inf)
    return _filled(cube, layer, table, (counts, *said), {"k": k, "rounding": 1, "epsilon": float(noise.epsilon)})


def _dataset(cube: xr.Dataset, layer: str, table: Table, hidden: np.ndarray, k: int, rounding: int) -> xr.Dataset:
    counts = with_totals(table.counts)
    low, high = said_of(counts, hidden, k, rounding)
    shown = np.where(hidden, np.nan, round_counts(counts, rounding))
    return _filled(cube, layer, table, (shown, low, high), {"k": k, "rounding": rounding, "epsilon": 0.0})


def _filled(
    cube: xr.Dataset, layer: str, table: Table, numbers: tuple[np.ndarray, ...], settings: dict[str, Any]
) -> xr.Dataset:
    """Return the Dataset of a release."""
    flags = {"flag_values": [0, 1], "flag_meanings": "published hidden"}
    made: dict[str, Any] = {}
    for end, values in zip(("", "_low", "_high"), numbers, strict=True):
        made |= _parts(f"{layer}{end}", values, {"units": "1"})
    made |= _parts(f"{layer}_status", np.isnan(numbers[0]).astype("int8"), flags)
    coords = {
        "place": np.array(table.names),
        "time": table.starts.astype("datetime64[ns]"),
        "last_day": ("time", table.ends.astype("datetime64[ns]")),
        "members": ("place", np.array([PARTED.join(sorted(ids)) for ids in table.members])),
    }
    whole = str(cube[layer].attrs.get("part_of", ""))
    facts = {
        "layer": layer,
        "part_of": whole,
        "level": table.level,
        "base": base_of(cube),
        "freq": table.freq,
        **settings,
    }
    use = {"audience": "public", "intended_use": str(cube.attrs.get("intended_use", INTENDED_USE))}
    commit, facts["time_zone"] = str(cube.encoding.get("commit", "")), str(cube.attrs.get("time_zone", "?"))
    return xr.Dataset(made, coords, {**facts, "commit": commit, **use, "htgeo_version": VERSION})


def _parts(name: str, values: np.ndarray, attrs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (("place", "time"), values[:-1, :-1], attrs),
        f"{name}_of_place": ("place", values[:-1, -1], attrs),
        f"{name}_of_time": ("time", values[-1, :-1], attrs),
        f"{name}_of_all": ((), values[-1, -1], attrs),
    }
