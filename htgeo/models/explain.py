"""Why a risk is what it is: what each feature adds to the log-odds, and the reasons for one cell and day in words."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_cube_columns
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import layer_names, select_days, space, stamp
from htgeo.grid.cells import cell_hex
from htgeo.models.base import Model, known_layer
from htgeo.models.boosting import Booster
from htgeo.models.lstm import LSTM

if TYPE_CHECKING:
    import pandas as pd

Kernel = Callable[[dict[str, np.ndarray], tuple[int, int]], np.ndarray]
PREFIX = "contribution_"
BASE = "base"
"""What a risk starts from before any feature is looked at; an offset has a column of its own."""


def add_contributions(cube: xr.Dataset, model: Model, *, time: str | slice | None = None) -> xr.Dataset:
    """Add what each feature adds to the log-odds of a risk, lazily and block by block.

    For boosted trees these are the libraries' own SHAP values of trees (Lundberg et al. 2020), exact and fast. For the
    LSTM they are integrated gradients (Sundararajan, Taly & Yan 2017), whose baseline has every number at its mean and
    of every category the mean of the embedded ones; a feature's part in a day is summed over that day and all before
    it. One way through the days up to the last one asked for explains them all, so that many days cost what one does;
    each day read costs some 16 steps of the network for each feature, many times a forecast.

    Parameters
    ----------
    cube
        The cube that the model predicts.
    model
        A fitted model of boosted trees, or a fitted LSTM.
    time
        A day, or a slice of days, to explain; all days by default. The cube returned has these days.

    Returns
    -------
    Dataset
        The cube with ``contribution_<feature>`` for every feature, ``contribution_offset`` where the model has an
        offset, and ``contribution_base``; they add up to the log-odds (for counts: to the log of the expected count),
        of the LSTM to a few thousandths, since the path is summed over points.

    Raises
    ------
    CubeError
        If the model is neither of boosted trees nor an LSTM, or the cube does not fit it.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar()])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> model = ht.LightGBM(max_trees=20).fit(ht.split_time(cube, "2021-05-01")[0])
    >>> why = ht.add_contributions(cube, model, time="2021-05-10")
    >>> total = sum(why[name] for name in why if name.startswith("contribution_"))
    >>> risk = model.predict(cube).sel(time="2021-05-10")
    >>> bool(abs(1 / (1 + np.exp(-total)) - risk).max() < 1e-5)
    True
    """
    return _explained(cube, model, time, slice(None))


@dataclass(frozen=True, repr=False)
class Explanation:
    """The reasons for the risk of one cell on one day.

    Attributes
    ----------
    space
        ``cell``; of a cube of areas, their layer.
    cell
        H3 id, as text; of a cube of areas, the name of the area.
    day
        The day, ``YYYY-MM-DD``.
    place
        Region labels of the cell.
    risk, base_rate
        The risk, and the mean of the label in the training days.
    start
        The forecast before any feature is looked at; that of the offset, where the model has one.
    odds
        Whether factors multiply odds; where not, they multiply the expected count.
    table : DataFrame
        One row a feature, the strongest first: ``value`` (name of the category where it has categories),
        ``contribution`` to the log-odds, ``factor`` on the odds, and what the feature is.
    shown
        How many reasons are put into words.
    reads_back
        Whether a contribution counts the feature on all earlier days, too; `value` is that of the day.
    """

    space: str
    cell: str
    day: str
    place: str
    risk: float
    base_rate: float
    start: float
    odds: bool
    table: "pd.DataFrame"
    shown: int
    reads_back: bool

    def __str__(self) -> str:
        head = f"{self.day}, {self.space} {self.cell}{f' ({self.place})' if self.place else ''}: {self.risk:.3g}, which is {self.risk / self.base_rate:.2g} times the base rate of {self.base_rate:.3g}."
        lines = [
            f"  {row.factor:5.2f} x  {name} = {row.value}  ({row.meaning})"
            for name, row in self.table.head(self.shown).iterrows()
        ]
        rest = float(np.exp(self.table["contribution"].iloc[self.shown :].sum()))
        start = f"From a start of {self.start:.3g}, {'the odds are' if self.odds else 'it is'} multiplied by"
        back = ["Each factor counts the feature on that day and on all days before."] if self.reads_back else []
        return "\n".join([head, start, *lines, f"  {rest:5.2f} x  all other features together", *back])

    __repr__ = __str__


def explain(cube: xr.Dataset, model: Model, *, time: str, cell: int | str, reasons: int = 5) -> Explanation:
    """Return the reasons for the risk of one cell on one day, in words.

    Parameters
    ----------
    cube
        The cube that the model predicts.
    model
        A fitted model of boosted trees, or a fitted LSTM, see `add_contributions`.
    time
        The day, ``YYYY-MM-DD``.
    cell
        H3 id of the cell, a number or hexadecimal text; of a cube of areas, the name of the area.
    reasons
        How many features to name.

    Returns
    -------
    Explanation
        Printed as words; `table` has all features.

    Raises
    ------
    CubeError
        If the cube has no such cell or day, or the model gives no contributions.
    InputError
        If `cell` is no H3 id.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar()])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> model = ht.LightGBM(max_trees=20).fit(ht.split_time(cube, "2021-05-01")[0])
    >>> why = ht.explain(cube, model, time="2021-05-10", cell=int(cube.cell[0]))
    >>> len(why.table) == len(model.features_)
    True
    """
    import pandas as pd

    row, learner = _row_of(cube, cell), _learner(model)
    why = _explained(cube, model, time, [row])
    names = [PREFIX + name for name in learner.contribution_names]
    features = [name for name in learner.contribution_names if name in why]
    found = why[[*names, *features]].compute()
    added = {name: float(found[PREFIX + name].squeeze()) for name in learner.contribution_names}
    table = pd.DataFrame(
        {
            "value": [_value(found[name]) for name in features],
            "contribution": [added[name] for name in features],
            "factor": [float(np.exp(added[name])) for name in features],
            "meaning": [str(cube[name].attrs["long_name"]) for name in features],
        },
        index=pd.Index(features, name="feature"),
    )
    table = table.loc[table["contribution"].abs().sort_values(ascending=False, kind="stable").index]
    layers = [layer for layer in layer_names(cube) if layer != space(cube)]
    place = ", ".join(str(why[layer].values[0]) for layer in layers if str(why[layer].values[0]))
    start = sum(added[name] for name in learner.contribution_names if name not in features)
    risk, start = (_forecast(learner, line) for line in (sum(added.values()), start))
    day, base = str(found["time"].values[0])[:10], model.base_rate_
    where, shown = (space(cube), _name_of(why)), (reasons, isinstance(learner, LSTM))
    return Explanation(*where, day, place, risk, base, start, learner.log_odds, table, *shown)


def _explained(cube: xr.Dataset, model: Model, time: str | slice | None, rows: slice | list[int]) -> xr.Dataset:
    """Return some cells and days of a cube with contributions; no others are explained."""
    model.predict(cube)  # checks the cube
    learner = _learner(model)
    days = _days(cube, time)
    asked = {space(cube): rows, "time": days}
    like = known_layer(cube, model.label_["layer"]).isel(asked)
    kernel: Kernel = learner.block_contributions
    read = asked
    if isinstance(learner, LSTM):  # which reads all days up to the last
        kernel, read = partial(learner.block_contributions, before=days.start), {**asked, "time": slice(days.stop)}
    inputs = {name: variable.isel(read, missing_dims="ignore") for name, variable in learner.inputs(cube).items()}
    made = map_cube_columns(kernel, inputs, like, len(learner.contribution_names))
    text = "log of the expected count" if not model.label_["probability"] else "log-odds"
    variables = {
        PREFIX + name: stamp(
            values,
            PREFIX + name,
            "contribution",
            "1",
            f"what {name} adds to the {text} of {model.name}",
            model=model.name,
        )
        for name, values in zip(learner.contribution_names, made, strict=True)
    }
    return cube.isel(asked).assign(variables)


def _days(cube: xr.Dataset, time: str | slice | None) -> slice:
    """Return where the days asked for are; all days if None."""
    if time is None:
        return slice(0, cube.sizes["time"])
    chosen = select_days(cube["time"], time)
    first = int(np.searchsorted(cube["time"].values, chosen.values[0]))
    return slice(first, first + len(chosen))


def _learner(model: Model) -> Booster | LSTM:
    if not isinstance(model, Booster | LSTM):
        message = f"{model.name} gives no contributions of features: boosted trees and the LSTM do; its risk is {model.summary}"
        raise CubeError(message)
    return model


def _forecast(model: Booster | LSTM, line: float) -> float:
    """Return the forecast that contributions add up to."""
    if model.log_odds:
        return float(1 / (1 + np.exp(-line)))
    return float(min(np.exp(line), 1.0)) if model.label_["probability"] else float(np.exp(line))


def _name_of(one: xr.Dataset) -> str:
    """Return the H3 id of the one cell of a cube as text, or the name of its one area."""
    place = one[space(one)].values
    return str((cell_hex(place) if space(one) == "cell" else place)[0])


def _row_of(cube: xr.Dataset, cell: int | str) -> int:
    if space(cube) != "cell":
        return _row_of_area(cube[space(cube)], str(cell))
    try:
        number = int(cell, 16) if isinstance(cell, str) else int(cell)
    except ValueError as error:
        message = f"cell must be an H3 id, a number or hexadecimal text such as '882a100d65fffff', not {cell!r}"
        raise InputError(message) from error
    rows = np.flatnonzero(cube["cell"].values == np.uint64(number))
    if not len(rows):
        message = f"the cube has no cell {number:015x}; its cells are those of resolution {cube.attrs.get('resolution')} in the study area, such as {cell_hex(cube['cell'].values[:1])[0]}"
        raise CubeError(message)
    return int(rows[0])


def _row_of_area(areas: xr.DataArray, name: str) -> int:
    rows = np.flatnonzero(areas.values.astype(str) == name)
    if not len(rows):
        message = f"the cube has no {areas.name} {name!r}; it has {', '.join(areas.values.astype(str)[:5])}, ..."
        raise CubeError(message)
    return int(rows[0])


def _value(variable: xr.DataArray) -> str:
    """Return the value of a feature, as the name of its category where it has categories."""
    value = float(variable.squeeze())
    categories = variable.attrs.get("categories")
    if np.isnan(value):
        return "missing"
    return str(categories[int(value)]) if categories else f"{value:.4g}"
