"""Splits in time, and crossed with splits in space."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import as_day, check_cube, even_steps, step_days, steps
from htgeo.evaluation.embargo import gap_of, horizon_of, whole_days
from htgeo.evaluation.folds import DAY, Fold


def split_time(cube: xr.Dataset, date: str, *, gap: int | None = None) -> tuple[xr.Dataset, xr.Dataset]:
    """Split a cube into training days before a date and test days from it on.

    The gap is what horizon and look-back demand. A label looks ahead over its horizon, so the last ``horizon - 1``
    days before the date are dropped: their labels are not over when the test begins. A feature looks back from a test
    day into training days only at what was known then, which a forecaster knows too: a look-back needs no gap, and
    `add_features` has refused any feature that looks ahead.

    Labels are made from all events by the day they occurred. Where reports come late, the labels of the last training
    days hold events that were reported after `date`: a forecaster on that day had fewer of them. Give a longer gap where
    that matters, or use `rolling_origin` with its `delay`.

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
    horizon = horizon_of(cube)
    least = horizon - step_days(cube)
    gap = least if gap is None else whole_days(gap, "gap must be whole days, or None")
    if gap < least:
        message = f"a gap of {gap} days lets labels of the training days reach into the test days; the horizon of {horizon} days demands at least {least}"
        raise InputError(message)
    days = cube["time"].values.astype("datetime64[D]")
    later = days >= as_day(date)
    first = days[later][0] if later.any() else as_day(date)  # a step may begin after the date
    train, test = cube.isel(time=days + step_days(cube) * DAY <= first - gap * DAY), cube.isel(time=later)
    if not train.sizes["time"] or not test.sizes["time"]:
        message = f"{date} with a gap of {gap} days leaves no {'training' if not train.sizes['time'] else 'test'} day in {days[0]} to {days[-1]}"
        raise InputError(message)
    return train, test


def rolling_origin(
    cube: xr.Dataset,
    *,
    first_test: str,
    test_days: int = 28,
    folds: int | None = None,
    window: int | None = None,
    embargo: int | str | None = None,
    delay: int | str = 0,
) -> list[Fold]:
    """Return folds whose test days follow each other, each trained on the days before (Tashman 2000).

    The gap between training and test is ``horizon - 1`` days, so that no training label reaches into the test days,
    and the reporting delay or the embargo, whichever is longer; in a cube of weeks it is whole weeks. A look-back needs
    no gap: a feature of a test day uses only what was known at its start, as a forecaster does. An embargo as long as
    the look-back keeps events of training labels out of the features of the test days too; it costs the newest
    training days.

    Parameters
    ----------
    cube
        A cube with its label; the training part of another fold for nested folds. Nothing is computed.
    first_test
        First test day of the first fold, ``YYYY-MM-DD``; in a cube of weeks the first week that begins on it or later.
    test_days
        Test days of each fold.
    folds
        Number of folds; None for as many as the cube has days for.
    window
        Training days of each fold; None for all from the start of the cube on.
    embargo
        Days between the end of the last training label and the test; ``"look_back"`` for the longest look-back of the
        features, None for none.
    delay
        Days until events are reported: labels of younger days are not complete when the forecaster trains, and
        training ends so many days earlier. ``"p90"`` (``"p50"``, …) takes the days within which so many percent of the
        events became known, estimated for each fold from what was known before its test days; it needs the reporting
        triangle of the layer of the label (`grid_events` with `delays`) and cannot exceed its longest delay.

    Returns
    -------
    list of Fold
        In the order of time, each named by its first test day.

    Raises
    ------
    InputError
        If the days are too few, or an option is not allowed.
    CubeError
        If the cube lacks features or the triangle that an option needs, or has steps of no fixed length.

    References
    ----------
    Tashman (2000), Out-of-sample tests of forecasting accuracy: an analysis and review.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> for fold in ht.rolling_origin(cube, first_test="2021-05-01", test_days=30, folds=2, delay=14):
    ...     print(fold.name, *fold.train_days, fold.gap)
    2021-05-01 2021-01-01 2021-04-10 20
    2021-05-31 2021-01-01 2021-05-10 20
    """
    check_cube(cube)
    if "freq" in cube.attrs or not even_steps(cube) or not cube.sizes["time"]:
        message = "rolling folds need a time axis without holes, in steps of a fixed number of days; make them of the whole cube of days or weeks"
        raise CubeError(message)
    for what, number in (("test_days", test_days), ("folds", folds), ("window", window)):
        if number is not None:
            _at_least_1(what, number)
    test = steps(cube, test_days, "test_days")
    learned = None if window is None else steps(cube, window, "a window")
    days = cube["time"].values.astype("datetime64[D]")
    start = int(np.searchsorted(days, as_day(first_test)))
    fit = (len(days) - start) // test
    if not 1 <= (folds or 1) <= fit:
        message = f"{folds or 1} folds of {test_days} test days from {first_test} on do not fit into {days[0]} to {days[-1]}, where {fit} fit; give fewer folds or test_days, or an earlier first_test"
        raise InputError(message)
    found = []
    for first in range(start, start + (folds or fit) * test, test):
        gap = gap_of(cube, days[first], embargo=embargo, delay=delay)
        stop = first - gap // step_days(cube)
        begin = 0 if learned is None else stop - learned
        if stop < 1 or begin < 0:
            message = f"a gap of {gap} days before {days[first]} leaves {max(stop, 0) * step_days(cube)} training days since {days[0]}, {window or 'at least one step'} needed; give a later first_test, or a shorter window, embargo or delay"
            raise InputError(message)
        name, last = str(days[first]), first + test - 1
        found.append(Fold(name, _span(days[begin], days[stop - 1]), _span(days[first], days[last]), gap=gap))
    return found


def cross_blocks(time: Sequence[Fold], space: Sequence[Fold]) -> list[Fold]:
    """Return each fold in time with each fold in space: trained on earlier days of other places.

    Parameters
    ----------
    time
        Folds of `rolling_origin`.
    space
        Folds of `spatial_blocks` or `leave_one_out`.

    Returns
    -------
    list of Fold
        All places of the first fold in time, then those of the next.

    Raises
    ------
    InputError
        If a fold in time has cells already, or a fold in space has days.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> later = ht.rolling_origin(cube, first_test="2021-05-01", test_days=30, folds=2)
    >>> folds = ht.cross_blocks(time=later, space=ht.leave_one_out(cube, by="borough"))
    >>> len(folds), folds[0].name
    (10, '2021-05-01, Bronx')
    """
    for fold in time:
        if fold.train_days is None or fold.test_days is None or fold.train_cells or fold.test_cells:
            message = (
                f"{fold.name!r} is no fold in time alone; give time=htgeo.rolling_origin(cube, first_test='2021-03-01')"
            )
            raise InputError(message)
    for fold in space:
        if fold.train_cells is None or fold.test_cells is None or fold.train_days or fold.test_days:
            message = f"{fold.name!r} is no fold in space alone; give space=htgeo.spatial_blocks(cube), or htgeo.leave_one_out(cube)"
            raise InputError(message)
    return [
        Fold(f"{t.name}, {s.name}", t.train_days, t.test_days, s.train_cells, s.test_cells, t.gap)
        for t in time
        for s in space
    ]


def _span(first: np.datetime64, last: np.datetime64) -> tuple[str, str]:
    return str(first), str(last)


def _at_least_1(what: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        message = f"{what} must be a whole number of at least 1, not {number!r}"
        raise InputError(message)
