"""A release as a flat table, in files and back: one row for each number, also those hidden."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.disclosure.bounds import Statement

ALL = "all"
PARTED = "|"
"""What parts the ids of members: names of areas hold blanks."""
NEEDED = ("place", "start", "end", "count")


def release_table(release: xr.Dataset) -> pd.DataFrame:
    """Return a release as a table: what `write_release` writes.

    Parameters
    ----------
    release
        A Dataset made by `release`.

    Returns
    -------
    DataFrame
        ``layer``, ``level``, ``place`` (``all`` in rows of totals), ``members`` (ids of the places of the cube in it, parted
        by ``|``), ``start``, ``end``, ``count`` (missing where hidden), ``low``, ``high`` (the counts that it stands for).
    """
    layer, places = str(release.attrs["layer"]), release.sizes["place"]
    names = [*release["place"].values.tolist(), ALL]
    members = release["members"].values.tolist()
    members.append(PARTED.join(members))
    starts = np.datetime_as_string(release["time"].values.astype("datetime64[D]")).tolist()
    ends = np.datetime_as_string(release["last_day"].values.astype("datetime64[D]")).tolist()
    columns = {
        "layer": layer,
        "level": str(release.attrs["level"]),
        "base": str(release.attrs["base"]),
        "place": np.repeat(names, len(starts) + 1),
        "members": np.repeat(members, len(starts) + 1),
        "start": [*starts, starts[0]] * (places + 1),
        "end": [*ends, ends[-1]] * (places + 1),
    }
    return pd.DataFrame(columns | {key: _with_totals(release, layer + end) for key, end in _PARTS.items()})


_PARTS = {"count": "", "low": "_low", "high": "_high"}


def _with_totals(release: xr.Dataset, name: str) -> np.ndarray:
    rows = np.column_stack([release[name].values, release[f"{name}_of_place"].values])
    return np.concatenate([rows.ravel(), release[f"{name}_of_time"].values, [float(release[f"{name}_of_all"])]])


def write_release(release: xr.Dataset, path: str | Path) -> Path:
    """Write a release for readers: ``.csv``, ``.json`` or ``.parquet``.

    Parameters
    ----------
    release
        A Dataset made by `release`.
    path
        File to write.

    Raises
    ------
    InputError
        If the suffix is another one, or the file cannot be written.
    """
    path, table = Path(path), release_table(release)
    try:
        if path.suffix == ".csv":
            table.to_csv(path, index=False, lineterminator="\n")
        elif path.suffix == ".json":
            rows = json.loads(table.to_json(orient="records"))
            path.write_text(json.dumps({"about": _plain(release.attrs), "rows": rows}, indent=1) + "\n", "utf-8")
        elif path.suffix == ".parquet":
            table.to_parquet(path, index=False)
        else:
            message = f"a release is written as .csv, .json or .parquet, not as {path.name!r}"
            raise InputError(message)
    except OSError as error:
        message = f"{str(path)!r} cannot be written: {error}"
        raise InputError(message) from error
    return path


def _plain(attrs: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): value.item() if isinstance(value, np.generic) else value for key, value in attrs.items()}


def read_release(path: str | Path) -> pd.DataFrame:
    """Read the table of a release, or of any table of counts with the columns place, start, end, count.

    Parameters
    ----------
    path
        ``.csv``, ``.json`` or ``.parquet``.

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a column.
    """
    path = Path(path)
    try:
        if path.suffix == ".csv":
            table = pd.read_csv(path, dtype={"place": str, "members": str, "start": str, "end": str})
        elif path.suffix == ".json":
            found = json.loads(path.read_text("utf-8"))
            table = pd.DataFrame(found["rows"] if isinstance(found, dict) else found)
        elif path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            message = f"a release is .csv, .json or .parquet, not {path.name!r}"
            raise InputError(message)
    except (OSError, ValueError, KeyError) as error:
        message = f"{str(path)!r} cannot be read as a release: {error}"
        raise InputError(message) from error
    return check_table(table, str(path))


def check_table(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """Raise unless a table has the columns of a release."""
    missing = [name for name in NEEDED if name not in table]
    if missing or not len(table):
        message = f"{what!r} has {len(table)} rows and no column {', '.join(missing) or '-'}; a release has {', '.join(NEEDED)}, and members where a place is the sum of others"
        raise InputError(message)
    return table


def statements(table: pd.DataFrame) -> list[Statement]:
    """Return what a table says; a place without members is one of its own, ``all`` without members is all the others."""
    own = frozenset(table["place"].astype(str)) - {ALL}
    members = table["members"] if "members" in table else pd.Series([None] * len(table))
    ends = [
        pd.to_datetime(table[name]).to_numpy("datetime64[ns]").astype("datetime64[D]").astype(int)
        for name in ("start", "end")
    ]
    counts = pd.to_numeric(table["count"]).to_numpy(float)
    low = pd.to_numeric(table["low"]).to_numpy(float) if "low" in table else counts
    high = pd.to_numeric(table["high"]).to_numpy(float) if "high" in table else counts
    made = []
    for place, ids, first, last, least, most in zip(table["place"], members, *ends, low, high, strict=True):
        places = (
            frozenset(ids.split(PARTED)) if isinstance(ids, str) else own if place == ALL else frozenset({str(place)})
        )
        made.append(Statement(places, int(first), int(last), _or(least, 0.0), _or(most, np.inf)))
    return made


def _or(value: float, other: float) -> float:
    return other if np.isnan(value) else float(value)
