"""The release ledger: what went out, one line each, chained by hashes so that no line can be changed unseen."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.disclosure.attack import attack
from htgeo.disclosure.tables import release_table, statements

START = "0" * 64
FACTS = ("layer", "part_of", "level", "base", "freq", "k", "rounding", "epsilon", "commit")
KEPT = (*FACTS, "table", "previous", "hash")


def read_ledger(path: str | Path) -> list[dict[str, Any]]:
    """Read a release ledger and check its chain.

    Parameters
    ----------
    path
        JSON-lines file; one that does not exist is empty.

    Returns
    -------
    list
        The releases in order: their settings, ``table`` (what was published), ``previous`` and ``hash``.

    Raises
    ------
    InputError
        If it cannot be read, or a line was changed, removed or put in.
    """
    path = Path(path)
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    try:
        for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
            line = json.loads(text)
            if line["previous"] != (lines[-1]["hash"] if lines else START) or line["hash"] != _hash(line):
                message = f"line {number} of the release ledger {str(path)!r} was changed, or lines before it are missing; restore the file from a backup"
                raise InputError(message)
            lines.append({name: line[name] for name in KEPT})
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        message = (
            f"{str(path)!r} is no release ledger: {error}; give a file that release(ledger=...) wrote, or a new name"
        )
        raise InputError(message) from error
    return lines


def append(path: str | Path, release: xr.Dataset) -> str:
    """Add a release to a ledger and return the hash of its line."""
    path = Path(path)
    lines = read_ledger(path)
    rows = json.loads(release_table(release).to_json(orient="records"))
    line = {name: release.attrs[name] for name in FACTS}
    line |= {"table": rows, "previous": lines[-1]["hash"] if lines else START}
    line["hash"] = _hash(line)
    try:
        whole = not lines or path.read_bytes().endswith(b"\n")  # an editor may have taken the last line break away
        with path.open("a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + json.dumps(line, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        message = f"the release ledger {str(path)!r} cannot be written: {error}; nothing was released"
        raise InputError(message) from error
    return str(line["hash"])


def check_against(path: str | Path, release: xr.Dataset) -> None:
    """Raise if a release and the earlier ones of its layer give a count away together."""
    layer, table = str(release.attrs["layer"]), release_table(release)
    every = [line | {"table": pd.DataFrame(line["table"])} for line in read_ledger(path)]
    _check_parts(every, release, table)
    lines = [line for line in every if line["layer"] == layer]
    linked = _linked([line["table"] for line in lines], table)
    if not linked:
        return
    over = [lines[number]["table"] for number in linked]
    k = max(int(release.attrs["k"]), *(int(lines[number]["k"]) for number in linked))  # what was a secret stays one
    safe = f"release only days after {max(line['table']['end'].max() for line in lines)} (time=slice(...)), or repeat the earlier numbers as they are"
    if others := [one for one in over if not _comparable(one, table)]:
        message = f"an earlier release of {layer!r} for these days was made from other places ({_named(others[0])}, now {_named(table)}), so what both give away together cannot be checked; {safe}"
        raise InputError(message)
    found = attack([*over, table], k=k)
    if len(found):
        first = found.iloc[0]
        message = (
            f"with {len(over)} earlier release{'s' if len(over) > 1 else ''} of {layer!r} this one gives away {len(found)} counts below {k}: "
            f"{first['how']}, {first['place']}, {first['start']} to {first['end']}, {first['low']:.0f} to {first['high']:.0f}; {safe}"
        )
        raise InputError(message)


def _check_parts(lines: list[dict[str, Any]], release: xr.Dataset, table: pd.DataFrame) -> None:
    """Raise if a layer that this one is a part of, or a part of it, is out for the same days: the rest would be told."""
    layer, whole = str(release.attrs["layer"]), str(release.attrs["part_of"])
    first, last = table["start"].min(), table["end"].max()
    for line in lines:
        other, days = str(line["layer"]), line["table"]
        related = other == whole or line["part_of"] == layer
        if related and days["end"].max() >= first and days["start"].min() <= last:
            message = f"{other!r} was released for {days['start'].min()} to {days['end'].max()}; with {layer!r} the difference of the two would be told, as one is a part of the other; publish the whole or its parts, not both"
            raise InputError(message)


def _linked(before: list[pd.DataFrame], table: pd.DataFrame) -> list[int]:
    """Return the numbers of the releases whose days overlap with those of a table, or with those of one that does."""
    spans = [(one["start"].min(), one["end"].max()) for one in before]
    first, last, found = table["start"].min(), table["end"].max(), -1
    linked: list[int] = []
    while len(linked) > found:
        found = len(linked)
        linked = [number for number, (start, end) in enumerate(spans) if end >= first and start <= last]
        first = min([first, *(spans[number][0] for number in linked)])
        last = max([last, *(spans[number][1] for number in linked)])
    return linked


def _comparable(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two tables are made from cells of one resolution, or from the same areas or some of them."""
    if one["base"].iloc[0] != other["base"].iloc[0]:
        return False
    ours, theirs = _places(one), _places(other)
    return str(one["base"].iloc[0]).startswith("h3-") or ours <= theirs or theirs <= ours


def _places(table: pd.DataFrame) -> frozenset[str]:
    return frozenset().union(*(said.places for said in statements(table)))


def _named(table: pd.DataFrame) -> str:
    return f"{len(_places(table))} of {table['base'].iloc[0]}"


def spent(path: str | Path, layer: str) -> float:
    """Return the privacy budget that the releases of a layer have used."""
    return sum(float(line["epsilon"]) for line in read_ledger(path) if line["layer"] == layer)


def _hash(line: dict[str, Any]) -> str:
    plain = {key: value for key, value in line.items() if key != "hash"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
