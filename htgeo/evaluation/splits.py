"""Splits in time."""

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import as_day, check_cube, variables_of


def split_time(cube: xr.Dataset, date: str, *, gap: int | None = None) -> tuple[xr.Dataset, xr.Dataset]:
    """Split a cube into training days before a date and test days from it on.

    The gap is what horizon and look-back demand. A label looks ahead over its horizon, so the last ``horizon - 1``
    days before the date are dropped: their labels are not over when the test begins. A feature looks back from a test
    day into training days only at what was known then, which a forecaster knows too: a look-back needs no gap, and
    `add_features` has refused any feature that looks ahead.

    Labels are made from all events by the day they occurred. Where reports come late, the labels of the last training
    days hold events that were reported after `date`: a forecaster on that day had fewer of them. Give a longer gap where
    that matters.

    Parameters
    ----------
    cube
        A cube with or without features, label and risk; stays lazy.
    date
        First test day, ``YYYY-MM-DD``.
    gap
        Days dropped before the date; ``horizon - 1`` of the label by default, 0 without a label. Give the look-back
        of the features for an embargo as long as that.

    Returns
    -------
    train, test : Dataset
        Slices of the cube. `test` still has the whole history in its features; a baseline that counts from the
        start of the cube needs the whole cube (see `add_risk`).

    Raises
    ------
    InputError
        If no training day or no test day is left, or the gap is shorter than the label demands.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> str(train.time.values[-1])[:10]
    '2021-04-24'
    """
    check_cube(cube)
    horizon = max((int(cube[name].attrs["horizon"]) for name in variables_of(cube, "label")), default=1)
    gap = horizon - 1 if gap is None else gap
    if gap < horizon - 1:
        message = f"a gap of {gap} days lets labels of the training days reach into the test days; the horizon of {horizon} days demands at least {horizon - 1}"
        raise InputError(message)
    first = as_day(date)
    days = cube["time"].values.astype("datetime64[D]")
    train, test = cube.isel(time=days < first - np.timedelta64(gap, "D")), cube.isel(time=days >= first)
    if not train.sizes["time"] or not test.sizes["time"]:
        message = f"{date} with a gap of {gap} days leaves no {'training' if not train.sizes['time'] else 'test'} day in {days[0]} to {days[-1]}"
        raise InputError(message)
    return train, test
