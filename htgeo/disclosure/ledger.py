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
from htgeo.disclosure.tables import release_table

START = "0" * 64
FACTS = ("layer", "level", "base", "freq", "k", "rounding", "epsilon", "commit")


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
            lines.append(line)
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
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        message = f"the release ledger {str(path)!r} cannot be written: {error}; nothing was released"
        raise InputError(message) from error
    return str(line["hash"])


def check_against(path: str | Path, release: xr.Dataset) -> None:
    """Raise if a release and the earlier ones of its layer give a count away together."""
    layer, k = str(release.attrs["layer"]), int(release.attrs["k"])
    before = [pd.DataFrame(line["table"]) for line in read_ledger(path) if line["layer"] == layer]
    table = release_table(release)
    over = [
        one for one in before if one["end"].max() >= table["start"].min() and one["start"].min() <= table["end"].max()
    ]
    if not over:
        return
    safe = f"release only days after {max(one['end'].max() for one in before)} (time=slice(...)), or repeat the earlier numbers as they are"
    if any((one["base"] != table["base"].iloc[0]).any() for one in over):
        message = f"an earlier release of {layer!r} for these days was made from other places ({over[0]['base'].iloc[0]}, now {table['base'].iloc[0]}), so what both give away together cannot be checked; {safe}"
        raise InputError(message)
    found = attack([*over, table], k=k)
    if len(found):
        first = found.iloc[0]
        message = (
            f"with {len(over)} earlier release{'s' if len(over) > 1 else ''} of {layer!r} this one gives away {len(found)} counts below {k}: "
            f"{first['how']}, {first['place']}, {first['start']} to {first['end']}, {first['low']:.0f} to {first['high']:.0f}; {safe}"
        )
        raise InputError(message)


def spent(path: str | Path, layer: str) -> float:
    """Return the privacy budget that the releases of a layer have used."""
    return sum(float(line["epsilon"]) for line in read_ledger(path) if line["layer"] == layer)


def _hash(line: dict[str, Any]) -> str:
    plain = {key: value for key, value in line.items() if key != "hash"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
