"""What of a cube may be shown to the public: forecasts of areas in fixed steps; counts only as a release."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.aggregate import aggregate
from htgeo.cube.schema import CELL, cube_attrs, layer_names, require, role_of, space, stamp
from htgeo.disclosure.levels import FREQS
from htgeo.grid.cells import cell_areas, cell_centers
from htgeo.sources.region import Region

FORECASTS = ("risk", "expected")
STEPS, DECIMALS = np.array([1.0, 2.0, 5.0, 10.0]), 12
PUBLIC = "public_of"
"""Attribute of a variable made by `public_view` or `release_view`: its own name, as attributes survive arithmetic."""

FIXED = "fixed_steps"
"""Attribute of a variable whose values are rounded to fixed steps, which a legend shows one by one."""


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
        summed[name].attrs |= {PUBLIC: name, FIXED: "1, 2, 5, 10"}
    return summed.assign_attrs(audience="public")


def release_view(release: xr.Dataset, region: Region | None = None) -> xr.Dataset:
    """Return a release as a cube that a map can show: its counts by place and period, those hidden as "suppressed".

    Parameters
    ----------
    release
        A Dataset made by `release`.
    region
        Shapes of its places; not needed for cells and their H3 parents.

    Returns
    -------
    Dataset
        A cube of areas, or of H3 cells, that holds the counts and nothing else; missing where hidden.

    Raises
    ------
    InputError
        If the places of the release are areas, and the region lacks them.

    Examples
    --------
    >>> import htgeo as ht
    >>> view = ht.release_view(ht.release(ht.demo_cube(), "crime", levels=["h3-5"]))
    >>> view["crime"].dims, view["crime"].attrs["missing_means"]
    (('cell', 'time'), 'suppressed')
    >>> page = ht.map_page(view, "crime", audience="public")
    """
    release = release.isel(place=np.flatnonzero(release["place"].values != ""))  # what lies in no area has no shape
    facts = release.attrs
    layer, freq = str(facts["layer"]), str(facts["freq"])
    place, coords = _places_of(release, region)
    noisy = facts["epsilon"] > 0
    how = (
        f"with noise, epsilon {facts['epsilon']:g}"
        if noisy
        else f"multiples of {facts['rounding']}, at least {facts['k']}"
    )
    title = f"Events ({layer}) by {facts['level']} and {freq}, {how}"
    attrs = cube_attrs(title, str(facts["time_zone"]), [] if place == CELL else [place], freq=FREQS[freq])
    attrs |= {"resolution": coords[CELL][2]["level"]} if place == CELL else {"space": place}
    counts = xr.DataArray(release[layer].values.astype(np.float32), dims=(place, "time"))
    shown = stamp(counts, layer, "count", "1", title, missing_means="suppressed", **{PUBLIC: layer})
    cube = xr.Dataset({layer: shown}, {**coords, "time": release["time"].values}, attrs)
    return (cube.sortby(CELL) if place == CELL else cube).assign_attrs(audience="public")


def _places_of(release: xr.Dataset, region: Region | None) -> tuple[str, dict[str, Any]]:
    """Return the spatial dimension of a release, and the coordinates of its places."""
    names, level = release["place"].values.tolist(), str(release.attrs["level"])
    if level == CELL or level.startswith("h3-"):
        cells = np.array([int(name, 16) for name in names], np.uint64)
        lon, lat = cell_centers(cells)
        resolution = int(str(release.attrs["base"] if level == CELL else level).removeprefix("h3-"))
        here = {"lon": (CELL, lon), "lat": (CELL, lat), "cell_area": (CELL, cell_areas(cells))}
        return CELL, {CELL: (CELL, cells, {"grid_name": "h3", "level": resolution}), **here}
    known = {} if region is None else dict(zip(region.names, region.geometries, strict=True))
    if missing := [name for name in names if name not in known]:
        message = f"the places of the release are areas ({level}), and there is no shape of {', '.join(missing[:5])}; give region=htgeo.read_region(file, name_column=..., layer={level!r})"
        raise InputError(message)
    middles = np.array([known[name].representative_point().coords[0] for name in names])
    return level, {level: np.array(names), "lon": (level, middles[:, 0]), "lat": (level, middles[:, 1])}


def in_steps(values: np.ndarray) -> np.ndarray:
    """Return values as the nearest of 1, 2, 5, 10, 20 … (also 0.1, 0.2 …) by ratio; the steps do not depend on the data."""
    least = np.maximum(np.asarray(values, np.float64), 1e-9)
    size = 10 ** np.floor(np.log10(least))
    nearest = np.abs(np.log((least / size)[..., None] / STEPS)).argmin(axis=-1)
    rounded = np.round(STEPS[nearest] * size, DECIMALS)  # 10 x 0.01 is 0.1, to the last bit
    return np.asarray(np.where(np.isnan(values), np.nan, np.where(values > 0, rounded, 0)), np.float32)


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
