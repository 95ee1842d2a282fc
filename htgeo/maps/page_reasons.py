"""The strongest reasons of each place and day, from the contributions of a cube."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from htgeo.cube.schema import variables_of
from htgeo.maps.layers import NOT_FEATURES

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Reasons:
    """Features that move a forecast most.

    Attributes
    ----------
    words
        What each feature is.
    codes : DataArray
        ``(cell, time, reason)``, the strongest first: twice the number of the feature, one more where it raises the
        forecast; twice the number of features where there is none. Lazy where the cube is.
    """

    words: tuple[str, ...]
    codes: xr.DataArray


def top_reasons(cube: xr.Dataset) -> Reasons | None:
    """Return the strongest contributions of a cube, None where it has none."""
    names = [name for name in variables_of(cube, "contribution") if name not in NOT_FEATURES]
    if not names:
        return None
    codes = xr.apply_ufunc(
        _strongest,
        *(cube[name] for name in names),
        output_core_dims=[["reason"]],
        dask="parallelized",
        output_dtypes=[np.uint16],
        dask_gufunc_kwargs={"output_sizes": {"reason": min(SHOWN, len(names))}},
    )
    return Reasons(tuple(_words(cube, name.removeprefix("contribution_")) for name in names), codes)


def _words(cube: xr.Dataset, feature: str) -> str:
    """Return what a feature is; its name where the cube does not hold it."""
    known = cube[feature].attrs.get("long_name") if feature in cube else None
    return str(known or feature.replace("_", " "))


def _strongest(*contributions: np.ndarray) -> np.ndarray:
    """Return the codes of the largest contributions by size, in a last axis of their own."""
    values = np.nan_to_num(np.stack(contributions, axis=-1))
    shown = min(SHOWN, len(contributions))
    top = np.argpartition(-np.abs(values), shown - 1, axis=-1)[..., :shown]
    size = np.take_along_axis(values, top, axis=-1)
    order = np.argsort(-np.abs(size), axis=-1, kind="stable")
    top, size = (np.take_along_axis(part, order, axis=-1) for part in (top, size))
    return np.where(size == 0, 2 * len(contributions), 2 * top + (size > 0)).astype(np.uint16)
