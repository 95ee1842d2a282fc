"""What of a cube may be shown to the public: forecasts of areas in fixed steps; counts only as a release."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.aggregate import aggregate
from htgeo.cube.schema import CELL, layer_names, require, role_of, space

FORECASTS = ("risk", "expected")
STEPS = np.array([1.0, 2.0, 5.0, 10.0])
PUBLIC = "public_of"
"""Attribute of a variable made by `public_view`: its own name, as attributes survive arithmetic."""


def public_view(
    cube: xr.Dataset, variables: str | Sequence[str], *, by: str | None = None, freq: str = "W"
) -> xr.Dataset:
    """Return forecasts as they may be shown: summed to areas and weeks, in fixed steps of 1, 2 and 5.

    Parameters
    ----------
    cube
        A cube with risks or expected counts.
    variables
        Names of risks or expected counts.
    by
        Region layer; by default the one with most areas. Not needed where the places are areas already.
    freq
        ``"W"``, or ``"M"`` and ``"Y"`` for forecasts of one day; see `aggregate`.

    Returns
    -------
    Dataset
        A cube of areas that holds these forecasts (risks as expected counts) and nothing else.

    Raises
    ------
    CubeError
        If a variable is no forecast, or its horizon does not fit `freq`.
    InputError
        If there is no such layer.

    Examples
    --------
    >>> import htgeo as ht
    >>> from htgeo.cube.schema import stamp
    >>> cube = ht.demo_cube()
    >>> facts = {"layer": "crime", "model": "mean", "horizon": 1, "label": "crime_within_1"}
    >>> cube["expected_mean"] = stamp(cube["crime"] * 0 + 0.013, "expected_mean", "expected", "1", "mean", **facts)
    >>> shown = ht.public_view(cube, "expected_mean", by="borough")
    >>> float(shown["expected_mean"].sel(borough="Bronx")[0])
    2.0
    >>> ht.check_public(shown, ["expected_mean"])
    """
    names = [variables] if isinstance(variables, str) else list(variables)
    for name in names:
        if role_of(require(cube, name)) not in FORECASTS:
            message = f"{name!r} is no forecast, so it is never public as it is; counts: htgeo.release(cube, {name!r})"
            raise CubeError(message)
    layers = [name for name in layer_names(cube) if name != space(cube)]
    if by is None and space(cube) == CELL:
        if not layers:
            message = "forecasts of cells are not public, and the cube has no region layer; make it with htgeo.make_grid(..., layers=[region])"
            raise InputError(message)
        by = max(layers, key=lambda name: len(np.unique(cube[name].values)))
    summed = aggregate(cube[names].assign_attrs(cube.attrs), by=by, freq=freq)
    if len(summed.data_vars) < len(names):
        message = f"not all of {', '.join(names)} can be summed to freq={freq!r}: {summed.attrs['aggregated']}"
        raise CubeError(message)
    for name in map(str, summed.data_vars):
        data = summed[name]
        summed[name] = xr.apply_ufunc(in_steps, data, dask="parallelized", output_dtypes=[np.float32], keep_attrs=True)
        summed[name].attrs[PUBLIC] = name
    return summed.assign_attrs(audience="public")


def in_steps(values: np.ndarray) -> np.ndarray:
    """Return values as the nearest of 1, 2, 5, 10, 20 … (also 0.1, 0.2 …) by ratio; the steps do not depend on the data."""
    size = 10 ** np.floor(np.log10(np.maximum(values, 1e-9)))
    nearest = np.abs(np.log((np.maximum(values, 1e-9) / size)[..., None] / STEPS)).argmin(axis=-1)
    return np.asarray(np.where(np.isnan(values), np.nan, np.where(values > 0, STEPS[nearest] * size, 0)), np.float32)


def check_public(cube: xr.Dataset, variables: Sequence[str]) -> None:
    """Raise unless variables of a cube may be shown to the public as they are.

    Parameters
    ----------
    cube
        What is to be exported or drawn.
    variables
        All its variables, also those of tooltips and further layers.

    Raises
    ------
    InputError
        Saying which call makes them public.
    """
    for name in map(str, variables):
        if require(cube, name).attrs.get(PUBLIC) == name:
            continue
        role = role_of(cube[name]) or "unknown"
        if role in ("count", "known_count"):
            cure = (
                f"release counts instead: write_release(release(cube, {name!r}, ledger='releases.jsonl'), '{name}.csv')"
            )
        elif role in FORECASTS:
            cure = f"show areas in fixed steps instead: public_view(cube, {name!r})"
        else:
            cure = "leave it out: it can point at single events"
        message = f"{name!r} ({role}, by {space(cube)} and day) is not for the public; {cure}"
        raise InputError(message)
