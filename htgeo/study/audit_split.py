"""Checks of splits: no training day of a cell may lie within or after its test days."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import space, variables_of
from htgeo.evaluation.folds import Fold
from htgeo.study.findings import Finding

Part: TypeAlias = xr.Dataset | xr.DataArray
Split: TypeAlias = tuple[Part, Part] | Fold
DAY = np.timedelta64(1, "D")


def audit_split(cube: xr.Dataset, split: Split | Sequence[Split] | None, horizon: int) -> list[Finding]:
    """Return a finding for each split into a training and a test part.

    Parameters
    ----------
    cube
        The cube that folds select from.
    split
        One split or several, each a fold or a pair of parts; None gives nothing.
    horizon
        Days a label covers: the label of a training day must be over when the test begins.
    """
    if split is None:
        return []
    alone = isinstance(split, Fold) or (len(split) > 0 and isinstance(split[0], Part))
    splits: Sequence[object] = [split] if alone else list(split)  # type: ignore[arg-type]  # told apart above
    findings = []
    for number, one in enumerate(splits, 1):
        named = f"split {one.name}" if isinstance(one, Fold) else "split" if alone else f"split {number}"
        findings.append(_audited(named, *_parts(cube, one), horizon))
    return findings


def _parts(cube: xr.Dataset, split: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return place and day of the cell-days of the training and of the test part."""
    dim = space(cube)
    if isinstance(split, Fold):
        return _used(split.train(cube), dim), _used(split.test(cube), dim)
    if not (isinstance(split, tuple) and len(split) == 2 and all(isinstance(part, Part) for part in split)):  # noqa: PLR2004
        message = f"split must be (train, test) or a Fold, or a list of such, each part a cube or a boolean DataArray; not {split!r:.80}"
        raise InputError(message)
    return _used(split[0], dim), _used(split[1], dim)


def _audited(name: str, train: pd.DataFrame, test: pd.DataFrame, horizon: int) -> Finding:
    begins, ends = (test.groupby("place")["time"].agg(end) for end in ("min", "max"))
    both = train[train["place"].isin(begins.index)]
    if both.empty:
        return Finding("split", name, True, "no cell is in both parts: it measures transfer to unseen places")
    over = both["time"] + (horizon - 1) * DAY
    first, last = both["place"].map(begins), both["place"].map(ends)
    within = int(((over >= first) & (both["time"] <= last)).sum())
    after = int((both["time"] > last).sum())
    until, since = str(both["time"].max())[:10], str(begins.min())[:10]
    if within + after == 0:
        return Finding("split", name, True, f"training until {until}, test from {since}")
    detail = f"of {len(train):,} training cell-days, {within:,} lie within the test days of the same cell (their label reaches {horizon} days) and {after:,} after them; split in time: htgeo.split_time"
    return Finding("split", name, False, detail)


def _used(part: Part, dim: str) -> pd.DataFrame:
    """Return cell and day of each cell-day that a part holds: those with a label, or those that are true."""
    used = part if isinstance(part, xr.DataArray) else _labelled(part, dim)
    table = used.rename("used").to_series().rename("used").reset_index()
    return pd.DataFrame(table.loc[table["used"].astype(bool), [dim, "time"]]).rename(columns={dim: "place"})


def _labelled(cube: xr.Dataset, dim: str) -> xr.DataArray:
    labels = variables_of(cube, "label")
    if labels:
        return cube[labels[0]].copy(data=np.isfinite(cube[labels[0]].values))
    return xr.ones_like(xr.broadcast(cube["time"], cube[dim])[0], bool)
