"""The attack on one's own releases: what can be computed from all that was published together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.disclosure.bounds import Statement, Statements, reveals
from htgeo.disclosure.tables import check_table, read_release, release_table, statements

COLUMNS = ("how", "layer", "place", "start", "end", "low", "high", "releases")
SHOWN = 3


def attack(releases: Sequence[str | Path | pd.DataFrame | xr.Dataset], *, k: int = 11) -> pd.DataFrame:
    """Try to recover counts below `k` from releases, all of them together.

    It reads what is plainly published; looks for numbers of the same places and days that changed from one release to
    another (late reports); and finds by linear programming the range of each hidden count, and of each part that no
    release gives, which includes every subtraction of parts from totals, levels from levels and releases from releases.

    Parameters
    ----------
    releases
        Files of `write_release`, Datasets of `release`, or any tables with the columns ``place``, ``start``, ``end``, ``count``
        (missing where hidden) and, where a place is the sum of others, ``members`` (their names, parted by ``|``).
    k
        Counts of 1 to k-1 are secrets.

    Returns
    -------
    DataFrame
        A row for each finding: ``how`` (``published``, ``changed``, ``computed``,
        ``contradicts``), ``layer``, ``place``, ``start``, ``end``, the
        range ``low`` to ``high`` of the count (of the change), and the numbers of the ``releases`` used, from 1. It is empty
        where every count that may lie in 1 to k-1 has at least k possible values.

    Raises
    ------
    InputError
        If there is no release, or a file is none.

    Examples
    --------
    >>> import htgeo as ht
    >>> import pandas as pd
    >>> days = {"start": "2024-01-01", "end": "2024-01-31"}
    >>> table = pd.DataFrame({"place": ["North", "South", "all"], "count": [None, 30, 33], **days})
    >>> ht.attack([table])[["how", "place", "low", "high"]].values.tolist()
    [['computed', 'North', 3.0, 3.0]]
    """
    if not releases:
        message = "no release to attack; give files written by write_release, or tables"
        raise InputError(message)
    tables = [_table(one) for one in releases]
    layers = sorted({str(name) for table in tables for name in table["layer"]})
    found = [row for layer in layers for row in _attack_layer(layer, tables, k)]
    return pd.DataFrame(found, columns=list(COLUMNS))


def findings(said: Sequence[Sequence[Statement]], k: int) -> list[tuple[str, Statement]]:
    """Return what statements of several releases give away: how, and the places, days and range of the count."""
    found = [("published", one) for one in _each(said) if not one.hidden and reveals(one.low, one.high, k)]
    found += [("changed", one) for one in _changes(said, k)]
    solved = Statements(_each(said)).ranges(k)
    if solved is not None:
        return [*found, *_computed(_each(said), solved, k)]
    for group in _agreeing(said, k):  # counts changed in between
        ranges = Statements(_each(group)).ranges(k)
        if ranges is not None:
            found += _computed(_each(group), ranges, k)
    return found or [("contradicts", said[-1][-1])]


def _agreeing(said: Sequence[Sequence[Statement]], k: int) -> list[list[Sequence[Statement]]]:
    """Return groups of releases that do not contradict each other, each release in the first group it agrees with."""
    groups: list[list[Sequence[Statement]]] = []
    for one in said:
        agree = (group for group in groups if Statements(_each([*group, one])).ranges(k) is not None)
        group = next(agree, None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return groups


def _computed(said: list[Statement], solved: np.ndarray, k: int) -> list[tuple[str, Statement]]:
    made: dict[tuple[object, int, int], tuple[str, Statement]] = {}
    for one, (low, high) in zip(said, solved, strict=False):
        if one.hidden and reveals(low, high, k):
            key = (one.places, one.first, one.last)
            made[key] = ("computed", Statement(one.places, one.first, one.last, float(low), float(high)))
    for low, high in solved[len(said) :]:
        if np.isfinite(low) and reveals(low, high, k):
            first, last = min(one.first for one in said), max(one.last for one in said)
            made[("part", len(made), 0)] = ("computed", Statement(frozenset(), first, last, float(low), float(high)))
    return list(made.values())


def _changes(said: Sequence[Sequence[Statement]], k: int) -> list[Statement]:
    """Return by how much published numbers of the same places and days differ between releases."""
    last: dict[tuple[frozenset[str], int, int], Statement] = {}
    found = []
    for release in said:
        for one in release:
            key = (one.places, one.first, one.last)
            before = last.get(key)
            if not one.hidden:
                last[key] = one
            if before is None or one.hidden or (before.low, before.high) == (one.low, one.high):
                continue
            ends = sorted((abs(one.low - before.high), abs(one.high - before.low)))
            if reveals(ends[0], ends[1], k) or ends[1] < k:
                found.append(Statement(one.places, one.first, one.last, *ends))
    return found


def _attack_layer(layer: str, tables: list[pd.DataFrame], k: int) -> list[tuple[object, ...]]:
    numbers = [number for number, table in enumerate(tables, 1) if (table["layer"] == layer).any()]
    own = [tables[number - 1].loc[tables[number - 1]["layer"] == layer] for number in numbers]
    said = [statements(table) for table in own]
    names: dict[frozenset[str], str] = {}
    for table, made in zip(own, said, strict=True):
        for place, one in zip(table["place"], made, strict=True):
            names.setdefault(one.places, str(place))
    used = ", ".join(map(str, numbers)) if len(numbers) <= SHOWN else f"{numbers[0]} to {numbers[-1]}"
    return [
        (how, layer, names.get(one.places, "a part that no release gives"), *_days(one), one.low, one.high, used)
        for how, one in findings(said, k)
    ]


def _days(one: Statement) -> tuple[str, str]:
    return str(np.datetime64(one.first, "D")), str(np.datetime64(one.last, "D"))


def _table(one: str | Path | pd.DataFrame | xr.Dataset) -> pd.DataFrame:
    if isinstance(one, xr.Dataset):
        table = release_table(one)
    else:
        table = check_table(one, "the table") if isinstance(one, pd.DataFrame) else read_release(one)
    return table if "layer" in table else table.assign(layer="events")


def _each(said: Sequence[Sequence[Statement]]) -> list[Statement]:
    return [one for release in said for one in release]
