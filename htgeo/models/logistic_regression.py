"""Logistic regression on logs of past rates."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_cube
from htgeo.core.errors import InputError
from htgeo.core.glm import fit_glm
from htgeo.cube.schema import require
from htgeo.models.base import Model, known_layer
from htgeo.models.calibration import probability
from htgeo.models.rate_columns import (
    LONG,
    Rate,
    Rows,
    city_counts,
    day_columns,
    line_of_columns,
    other_layers,
    place_columns,
    rate_columns,
    sample_rows,
)

OWN_HALF_LIVES = (7.0, 30.0, LONG)
RING_HALF_LIVES = (30.0, LONG)
SEASON_DAYS = 365
"""From so many training days on, the season is learned."""
SMALLEST_MEAN = 1e-6
"""Of the city's events a day, so that its log exists where no event became known."""
EARLY_SHARE = 4
"""The first quarter of the training days only fills the rates."""


@dataclass(eq=False, kw_only=True)
class RateRegression(Model):
    """A generalised linear model of the label on logs of past rates, the calendar and places.

    Attributes
    ----------
    rates_ : list of tuple
        Layer, ring and half-lives of the past rates used.
    city_mean_ : float
        Known events a step in the whole city in training.
    season_ : bool
        Whether the training days cover a year, so that the season is learned.
    columns_ : list of str
        Columns, in order.
    means_, spreads_, coefficients_ : array, shape (column,)
        Training mean and standard deviation of the columns, and the coefficients of the columns so standardised.
    intercept_ : float
        Linear predictor where every column is at its mean.
    """

    ridge: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.ridge >= 0:
            message = f"ridge must be at least 0, not {self.ridge!r}"
            raise InputError(message)

    @property
    @abstractmethod
    def _family(self) -> str:
        """Family of the generalised linear model."""

    def _rates(self, cube: xr.Dataset) -> Sequence[Rate]:
        """Return the past rates to use."""
        own = self.label_["layer"]
        around: list[Rate] = [(own, 0, OWN_HALF_LIVES), (own, 1, RING_HALF_LIVES), (own, 2, (LONG,))]
        return around + [(layer, ring, (LONG,)) for layer in other_layers(cube, own) for ring in (0, 1)]

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        columns = self._choose(cube)
        self._regress(sample_rows(columns, label, cube.sizes["time"] // EARLY_SHARE, self.seed))

    def _choose(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Learn which columns there are, and return them."""
        self.season_ = cube.sizes["time"] * self.step_days_ >= SEASON_DAYS
        self.city_mean_ = max(float(city_counts(cube, self.label_["layer"]).mean()), SMALLEST_MEAN)
        self.rates_ = list(self._rates(cube))
        columns = self._every_column(cube)
        self.columns_ = list(columns)
        return columns

    def _every_column(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return all lazy columns of a cube by name."""
        columns = day_columns(cube, self.label_["layer"], self.city_mean_, season=self.season_) | place_columns(cube)
        for rate in self.rates_:
            columns |= rate_columns(cube, rate)
        return columns

    def _columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the lazy columns learned from, or raise where the cube lacks one."""
        columns = self._every_column(cube)
        return {name: columns[name] if name in columns else require(cube, name, "feature") for name in self.columns_}

    def _regress(self, rows: Rows) -> None:
        """Learn the coefficients; the columns of the rows are standardised in place."""
        x = rows.x[:, : len(self.columns_)]
        self.means_, self.spreads_ = np.zeros(x.shape[1]), np.ones(x.shape[1])
        for number, column in enumerate(x.T):
            given = ~np.isnan(column)
            mean = np.average(column[given], weights=rows.weight[given])
            spread = np.sqrt(np.average((column[given] - mean) ** 2, weights=rows.weight[given]))
            self.means_[number], self.spreads_[number] = mean, spread if spread > 0 else 1.0
            column[:] = np.nan_to_num((column - mean) / self.spreads_[number])
        found = fit_glm(x, rows.y, family=self._family, weight=rows.weight, ridge=self.ridge)
        self.intercept_, self.coefficients_ = float(found[0]), found[1:]

    def _terms(self) -> dict[str, tuple[float, float]]:
        """Return mean and slope of each column."""
        slopes = self.coefficients_ / self.spreads_
        return dict(zip(self.columns_, zip(self.means_.tolist(), slopes.tolist(), strict=True), strict=True))

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        kernel = partial(_risk_of, terms=self._terms(), start=self.intercept_, family=self._family)
        return map_cube(kernel, self._columns(cube), known_layer(cube, self.label_["layer"]))


@dataclass(eq=False, kw_only=True)
class LogisticRegression(RateRegression):
    """Log-odds of the label, linear in logs of past rates, the weekday, the season and the city's recent rate.

    The columns are the cell's own rates of several half-lives, those of its rings, and the rates of the other layers in the
    cell and around it, each relative to the city's; places and static features of the cube where there are any (Cox
    1958; logs of rates as in risk-terrain models, Caplan, Kennedy & Miller 2011). Cell-days are sampled where they are too
    many for memory.

    Parameters
    ----------
    ridge
        Half of it times the sum of squared coefficients (of columns of unit spread) is taken from the log-likelihood.
    seed
        Seed of the sample.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.LogisticRegression().fit(train).columns_[-1]
    'crime_ring2_rate_720'
    """

    name: ClassVar[str] = "logistic_regression"
    summary: ClassVar[str] = "log-odds linear in logs of past rates of the cell, its rings and other layers"

    @property
    def _counts(self) -> bool:
        return False

    @property
    def _family(self) -> str:
        return "binomial"


def _risk_of(
    values: Mapping[str, np.ndarray],
    shape: tuple[int, int],
    *,
    terms: Mapping[str, tuple[float, float]],
    start: float,
    family: str,
) -> np.ndarray:
    """Return the risk of one block."""
    line = np.broadcast_to(line_of_columns(values, terms, start), shape)
    if family == "binomial":
        return probability(line)
    mean = np.exp(line)
    return np.asarray(-np.expm1(-mean) if family == "cloglog" else mean, np.float32)
