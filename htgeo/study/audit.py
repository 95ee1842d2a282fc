"""The leakage audit: structural first, since most leaks hardly show in a score."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError, LookAheadError
from htgeo.cube.schema import as_day, check_cube, only_label, variables_of
from htgeo.features import Feature, add_features
from htgeo.features.sets import feature_set
from htgeo.labels import LABELS, Label
from htgeo.models import Model
from htgeo.study.audit_features import audit_columns, nearest_cells
from htgeo.study.audit_models import audit_chance, audit_fits
from htgeo.study.audit_split import Split, audit_split
from htgeo.study.counterfactual import INPUTS, Maker
from htgeo.study.findings import Finding, LeakageReport

Columns: TypeAlias = str | Sequence[Feature] | Callable[[xr.Dataset], xr.Dataset]


def audit_leakage(
    cube: xr.Dataset,
    features: Columns | None = None,
    *,
    first_test: str,
    label: Label | None = None,
    models: Sequence[Model] = (),
    split: Split | Sequence[Split] | None = None,
    shuffle: bool = True,
    cells: int = 60,
    seed: int = 0,
) -> LeakageReport:
    """Check columns, models and splits for what was not known on the day of a forecast.

    Everything that happened or became known from a day on is replaced by other numbers, label and columns are made
    again, and their values up to that day are compared bit by bit: on a day in the training days, on the first test
    day, and in the middle of the test days. Then what of the counts by day of occurrence was not yet reported is
    deleted. Each model is fitted twice, with and without changed days after its training days, and must be the same.
    At last it is fitted on shuffled counts, where it must not have skill.

    Parameters
    ----------
    cube
        A cube of counts; its lazy features are made again where their graph still begins at its counts. Features
        in memory, or read from a store, cannot be: the report lists them as not checked.
    features
        What makes further columns: feature objects, the name of a set, or a function from cube to cube. The function
        gets a small cube in memory, label included, or the whole one; all it adds on ``(cell, time)``, ``(cell)`` or
        ``(time)`` is a feature. What it holds from outside (a table joined in) is not changed with the cube.
    first_test
        First test day, ``YYYY-MM-DD``; models are fitted on the days that `split_time` leaves before it.
    label
        The label; that of the cube by default.
    models
        Models, which are copied, so that they stay unfitted.
    split
        A fold, or a pair of training and test part, or several of them. A part is a cube, a slice or stacked samples
        of one, or a boolean DataArray ``(cell, time)``, true where a cell-day is used.
    shuffle
        Whether models are fitted on shuffled counts too: two more fits each.
    cells
        How many neighbouring cells columns are compared on.
    seed
        Seed of the changed and shuffled counts.

    Returns
    -------
    LeakageReport
        Its text names each column, model or split that leaks; ``failed`` lists them.

    Raises
    ------
    CubeError
        If the cube has no counts or no label.
    InputError
        If the first test day does not lie inside the cube.

    Notes
    -----
    A passed audit is no proof: a column may leak on other cells or days, or through a table from outside the cube. Two
    models whose risk is the same bit by bit have learned the same for all that is forecast.

    References
    ----------
    Kaufman et al. 2012, Leakage in data mining; Kapoor and Narayanan 2023, Leakage and the reproducibility crisis.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Lag("crime", days=[1, 7])])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=1))
    >>> def careless(cube):
    ...     return cube.assign(mean=cube["crime"].mean("time"))
    >>> report = ht.audit_leakage(cube, careless, first_test="2021-05-01")
    >>> [finding.what for finding in report.failed]
    ['mean']
    """
    check_cube(cube)
    if not any(variables_of(cube, role) for role in INPUTS):
        message = "the cube has no counts to change; make one with htgeo.grid_events({'crime': events}, grid)"
        raise CubeError(message)
    label = label or _label_of(cube)
    counts = cube.drop_vars(
        [*variables_of(cube, "label"), *variables_of(cube, "risk"), *variables_of(cube, "expected")]
    )
    recipe, refused = _recipe(features, counts)
    maker = Maker(counts, label, recipe)
    step, early, later = _steps(cube, first_test)
    seen = audit_columns(maker, (early, step, later), nearest_cells(maker, cells), seed)
    findings = [*refused, *seen, *audit_split(cube, split, label.days)]
    named = _named(models)
    leaking = [finding.what for finding in findings if finding.passed is False]
    if named:
        found = audit_fits(maker, named, first_test, step, later, seed)
        findings += [_explained(finding, leaking) for finding in found]
    if named and shuffle:
        findings += audit_chance(maker, named, first_test, seed)
    return LeakageReport(tuple(findings))


def _label_of(cube: xr.Dataset) -> Label:
    """Return the label that a cube was made with, so that it can be made from other counts."""
    facts = only_label(cube).attrs
    label: Label = LABELS[facts["label"]](facts["layer"], days=int(facts["horizon"]))  # type: ignore[call-arg]  # labels are dataclasses of layer and days
    return label


def _recipe(features: Columns | None, cube: xr.Dataset) -> tuple[Callable[[xr.Dataset], xr.Dataset], list[Finding]]:
    """Return what adds the columns, and findings of the features that `add_features` refuses."""
    if callable(features):
        return features, []
    chosen = feature_set(features, cube) if isinstance(features, str) else list(features or ())
    accepted: list[Feature] = []
    refused = []
    for feature in chosen:
        try:
            cube = add_features(cube, [feature])
        except LookAheadError as error:
            refused.append(Finding("future", repr(feature), False, str(error)))
        else:
            accepted.append(feature)
    return (lambda made: add_features(made, accepted) if accepted else made), refused


def _steps(cube: xr.Dataset, first_test: str) -> tuple[int, int, int]:
    """Return the position of the first test day, of a day in the training days, and of one in the test days."""
    step = int(np.searchsorted(cube["time"].values, as_day(first_test)))
    steps = cube.sizes["time"]
    if not 1 < step < steps - 1:
        first, last = (str(cube["time"].values[at])[:10] for at in (0, -1))
        message = f"first_test must lie inside the days of the cube, {first} to {last}, not {first_test!r}"
        raise InputError(message)
    return step, (2 * step) // 3, (step + steps) // 2


def _explained(finding: Finding, leaking: Sequence[str]) -> Finding:
    """Return the finding of a model with the columns that it may leak through."""
    if finding.passed or not leaking:
        return finding
    return replace(finding, detail=f"{finding.detail}; what leaks above may be why: {', '.join(leaking)}")


def _named(models: Sequence[Model]) -> dict[str, Model]:
    """Return the models by name; a second one of a kind gets a number."""
    named: dict[str, Model] = {}
    for model in models:
        again = sum(other.name == model.name for other in named.values())
        named[f"{model.name}_{again + 1}" if again else model.name] = model
    return named
