"""What a model's forecast would lose without a family of features, and how it answers to one of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.core.progress import steps
from htgeo.core.registry import near
from htgeo.cube.schema import only_label, select_days, space
from htgeo.models.base import Model
from htgeo.models.boosting import Booster
from htgeo.models.calibration import log_loss, poisson_loss

if TYPE_CHECKING:
    import pandas as pd


def permutation_importance(
    cube: xr.Dataset,
    model: Model,
    *,
    time: slice | None = None,
    families: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> "pd.DataFrame":
    """Return how much worse the forecast gets when a family of features is shuffled (Breiman 2001).

    Features of one family share what they know, so they are shuffled together: those on cells are exchanged between
    cells, those on days alone between days. Days should be later than the training days.

    Parameters
    ----------
    cube
        The cube that the model predicts, with its label.
    model
        A fitted model that learns from features.
    time
        Days to score; all by default.
    families
        ``{name: features}``; by default features of one kind (``rolling_sum``, ``calendar`` …) are a family.
    seed
        Seed of the shuffles.

    Returns
    -------
    DataFrame
        One row a family, the most important first: ``loss`` when it is shuffled, ``increase`` over the loss of the
        forecast as it is, and how many features it has.

    Raises
    ------
    CubeError
        If the model learns from no features.
    InputError
        If a family names a feature that the model does not use.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar()])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> model = ht.LightGBM(max_trees=20).fit(ht.split_time(cube, "2021-05-01")[0])
    >>> ht.permutation_importance(cube, model, time=slice("2021-05-01", None)).index[0]
    'rolling_sum'
    """
    import pandas as pd

    families = _families(cube, model) if families is None else families
    _check_families(model, families)
    rng = np.random.default_rng(seed)
    orders = {dim: rng.permutation(cube.sizes[dim]) for dim in (space(cube), "time")}
    model.predict(cube)  # raises where the cube does not fit the model
    usual = _loss(cube, model, time)
    rows = {}
    with steps("shuffling families of features", len(families)) as advance:
        for family, names in families.items():
            shuffled = {name: _shuffled(cube[name], orders) for name in names}
            loss = _loss(cube.assign(shuffled), model, time)
            rows[family] = {"loss": loss, "increase": loss - usual, "features": len(names)}
            advance()
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("family")
    return table.sort_values("increase", ascending=False, kind="stable")


def partial_dependence(
    cube: xr.Dataset, model: Model, feature: str, values: Sequence[float], *, time: str | slice | None = None
) -> "pd.DataFrame":
    """Return the mean forecast when a feature has the same value everywhere (Friedman 2001).

    Parameters
    ----------
    cube
        The cube that the model predicts.
    model
        A fitted model that learns from features.
    feature
        Name of a feature; of a categorical one, values are the numbers of its categories.
    values
        Values to set it to.
    time
        A day, or a slice of days, to average over; the last day by default.

    Returns
    -------
    DataFrame
        ``value`` and ``risk``, one row a value.

    Raises
    ------
    InputError
        If the model does not use such a feature.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar()])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> model = ht.LightGBM(max_trees=20).fit(ht.split_time(cube, "2021-05-01")[0])
    >>> table = ht.partial_dependence(cube, model, "crime_sum_28", [0, 5])
    >>> bool(table["risk"].is_monotonic_increasing)
    True
    """
    import pandas as pd

    _check_families(model, {"": [feature]})
    risks = []
    with steps(f"setting {feature}", len(values)) as advance:
        for value in values:
            constant = xr.full_like(cube[feature], np.float32(value))
            risks.append(float(select_days(model.predict(cube.assign({feature: constant})), time).mean()))
            advance()
    return pd.DataFrame({"value": list(values), "risk": risks})


def _families(cube: xr.Dataset, model: Model) -> dict[str, list[str]]:
    """Return the features of a model by the kind of feature that made them."""
    families: dict[str, list[str]] = {}
    for name in getattr(model, "features_", ()):
        families.setdefault(str(cube[name].attrs.get("feature", name)), []).append(name)
    return families


def _check_families(model: Model, families: Mapping[str, Sequence[str]]) -> None:
    used = list(getattr(model, "features_", ()))
    if not used:
        message = f"{model.name} learns from no features, so no feature has an importance"
        raise CubeError(message)
    for name in (name for names in families.values() for name in names):
        if name not in used:
            message = f"{model.name} does not use the feature {name!r}{near(name, used)}; it uses {', '.join(used)}"
            raise InputError(message)


def _shuffled(variable: xr.DataArray, orders: Mapping[str, np.ndarray]) -> xr.DataArray:
    """Return a feature with its cells exchanged, or its days where it has no cells; chunks stay as they were."""
    dim = str(variable.dims[0])
    moved = variable.isel({dim: orders[dim]})
    if variable.chunks is not None:
        moved = moved.chunk(variable.chunksizes)
    return variable.copy(data=moved.data)


def _risk_on(cube: xr.Dataset, model: Model, days: np.ndarray) -> xr.DataArray:
    """Return the risk of some days; a booster forecasts no others."""
    if not isinstance(model, Booster):
        return model.predict(cube).sel(time=days)
    first = int(np.searchsorted(cube["time"].values, days[0]))
    return model.risk_on(cube, slice(first, first + len(days)))


def _loss(cube: xr.Dataset, model: Model, time: slice | None) -> float:
    """Return the mean loss of the forecast, block by block."""
    both = xr.Dataset({"label": only_label(cube)})
    if time is not None:
        both = select_days(both, time)
    both = both.assign(risk=_risk_on(cube, model, both["time"].values)).reset_coords(drop=True)
    loss_of = log_loss if model.label_["probability"] else poisson_loss
    total, size = 0.0, 0
    for block in iter_blocks(both):
        known = ~np.isnan(block["label"].values)
        total += loss_of(block["risk"].values[known], block["label"].values[known]) * int(known.sum())
        size += int(known.sum())
    return total / size
