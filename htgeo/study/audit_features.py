"""Checks of columns: made again from other counts, they must not change where they should not know the difference."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from htgeo.cube.schema import space, variables_of
from htgeo.features import FEATURES
from htgeo.study.audit_fixed import audit_fixed
from htgeo.study.counterfactual import Maker, changed_from, known_by
from htgeo.study.findings import Finding

FOREIGN = "it stays as it is when all counts are changed: what it is made from lies outside the cube, so that nothing is known of its days"
WHEN = {
    "future": "when all from that day on is changed",
    "late reports": "when events that were not yet known on that day are deleted",
}


def nearest_cells(maker: Maker, cells: int) -> np.ndarray:
    """Return the rows of the cell with most events and of the cells nearest to it, ascending: rings are whole."""
    lon, lat = maker.cube["lon"].values, maker.cube["lat"].values
    at = int(np.argmax(maker.inputs[maker.label.layer].sum(axis=1)))
    apart = np.hypot((lon - lon[at]) * np.cos(np.radians(lat[at])), lat - lat[at])
    return np.sort(np.argsort(apart, kind="stable")[:cells])


def audit_columns(maker: Maker, steps: Sequence[int], rows: np.ndarray, seed: int) -> list[Finding]:
    """Return the findings of all columns that can be made again, and those that cannot.

    Parameters
    ----------
    maker
        Makes the columns.
    steps
        Positions on the time axis from which on the future is changed.
    rows
        The cells that are looked at.
    seed
        Seed of the changed counts.
    """
    base, again = maker.make(rows=rows), maker.make(rows=rows)
    other = maker.make(changed_from(maker, 0, seed), rows)
    fixed = [name for name in maker.fixed if base[name].identical(maker.cube[name].isel(_rows(maker, name, rows)))]
    names = [name for name in variables_of(base, "feature") if name not in fixed]
    repeats = [_repeatable(name, base, again) for name in names]
    steady = [finding.what for finding in repeats if finding.passed]
    foreign = [
        name for name in steady if base[name].attrs.get("feature") not in FEATURES and _same(base[name], other[name])
    ]
    why = {name: _why(base[name]) for name in fixed} | dict.fromkeys(foreign, FOREIGN)
    findings = [*repeats, *audit_fixed(base, why)]
    steady = [name for name in steady if name not in foreign]
    for check, change in (("future", changed_from), ("late reports", known_by)):
        found = [_up_to(check, steady, base, maker.make(change(maker, step, seed), rows), step) for step in steps]
        merged = [_merged(of_column) for of_column in zip(*found, strict=True)]
        findings += merged
        steady = [finding.what for finding in merged if finding.passed]
    return findings


def _rows(maker: Maker, name: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    return {dim: rows for dim in (space(maker.cube),) if dim in maker.cube[name].dims}


def _same(one: xr.DataArray, two: xr.DataArray) -> bool:
    return np.array_equal(one.values, two.values, equal_nan=True)


def _repeatable(name: str, base: xr.Dataset, again: xr.Dataset) -> Finding:
    same = _same(base[name], again[name])
    return Finding(
        "repeatable", name, same, "" if same else "made twice from the same counts it differs: give it a seed"
    )


def _why(column: xr.DataArray) -> str:
    """Return why a column of the cube cannot be made again."""
    feature = column.attrs.get("feature")
    known = f"; add_features tried the feature {feature!r} on made-up numbers" if feature in FEATURES else ""
    return f"it is in memory or was read, so that it cannot be made from other counts{known}. Give features= the features or a function"


def _up_to(check: str, names: Sequence[str], base: xr.Dataset, changed: xr.Dataset, step: int) -> list[Finding]:
    """Return a finding a column: whether its values up to the step, that one included, are the same."""
    day = str(base["time"].values[step])[:10]
    findings = []
    for name in names:
        past = {"time": slice(step + 1)} if "time" in base[name].dims else {}
        one, two = base[name].isel(past), changed[name].isel(past)
        differs = ~((one == two) | (one.isnull() & two.isnull()))
        if differs.any():
            detail = (
                f"{int(differs.sum()):,} of {differs.size:,} values up to {day} change {WHEN[check]}{_first(differs)}"
            )
            findings.append(Finding(check, name, False, detail))
        elif one.notnull().any():
            findings.append(Finding(check, name, True, ""))
        else:
            detail = f"it has no value up to {day}: it needs more history than the cube has"
            findings.append(Finding(check, name, None, detail))
    return findings


def _first(differs: xr.DataArray) -> str:
    if "time" not in differs.dims:
        return ""
    of_day = differs.any([dim for dim in differs.dims if dim != "time"]).values
    return f", the first on {str(differs['time'].values[np.argmax(of_day)])[:10]}"


def _merged(findings: Sequence[Finding]) -> Finding:
    """Return the finding of a column over all steps: the first that failed, else the last, which saw most."""
    return next((finding for finding in findings if finding.passed is False), findings[-1])
