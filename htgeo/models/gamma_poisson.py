"""A regression on covariates gives each cell its prior rate, and its own few events update it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_columns, map_cube
from htgeo.core.glm import MAX_LINE, fit_glm
from htgeo.models.base import known_layer
from htgeo.models.calibration import Calibration, LogisticMap, LogLinearMap, log_loss, poisson_loss
from htgeo.models.logistic_regression import EARLY_SHARE, RING_HALF_LIVES, RateRegression
from htgeo.models.rate_columns import (
    LONG,
    Rate,
    Rows,
    fewer_rows,
    line_of_columns,
    other_layers,
    past_totals,
    sample_rows,
)
from htgeo.models.ridges import fit_ridged, group_ridges
from htgeo.models.score_model import CALIBRATION_DAYS

OWN = "own events"
RIDGE_ROWS = 50_000
"""Of so many samples, events first, the ridges are learned."""


@dataclass(eq=False, kw_only=True)
class GammaPoisson(RateRegression):
    """Each cell's rate has a gamma prior around a regression on covariates, and the cell's own events update it.

    The prior mean of a cell on a day is a Poisson regression (see `PoissonRegression`) on the rates of the other layers in
    the cell and around it, on the layer's own rate in the rings (never in the cell itself), on places, the weekday, the
    season and the city's recent rate. The columns of days, those of places, those of the own rings and those of other
    layers are each shrunk as far as the events bear out (see `group_ridges`).

    With `strength` s, prior mean m a day, and own known events N over an exposure of E days, older ones faded, the rate is
    ``(s + N) / (s / m + E)``: the prior where nothing happened yet, the cell's own rate where much did (Clayton & Kaldor
    1987; Marshall 1991). E counts days in units of the forecast day: a day of which the calendar expects half as much
    counts half. Strength and half-life are those of the greatest likelihood of the last training year, each day given the
    days before it, which is the marginal likelihood by the chain rule (Dawid 1984).

    The level of the risk is that of the last training year. Its slope stays as it is: days that the coefficients were
    learned from would take back what the ridges shrank.

    Parameters
    ----------
    ridge
        Least ridge of a group of columns: half of it times the sum of their squared coefficients (of columns of unit
        spread) is taken from the log-likelihood.
    seed
        Seed of the sample of cell-days, where they are too many for memory.

    Attributes
    ----------
    strength_ : float
        How many own events weigh as much as the prior.
    half_life_ : float
        Half-life of own events, days.
    ridges_ : dict of str to float
        Ridge of each group of columns.
    to_risk_ : Calibration
        The map from log rates to risk.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.GammaPoisson().fit(train).strength_ in ht.GammaPoisson.strengths
    True
    """

    name: ClassVar[str] = "gamma_poisson"
    summary: ClassVar[str] = "prior rate of a regression on covariates, updated by the cell's own events"
    strengths: ClassVar[tuple[float, ...]] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
    half_lives: ClassVar[tuple[float, ...]] = (240.0, LONG, float("inf"))
    ridge: float = 1.0

    @property
    def _family(self) -> str:
        return "cloglog" if self.label_["probability"] else "poisson"

    def _rates(self, cube: xr.Dataset) -> Sequence[Rate]:
        own = self.label_["layer"]
        around: list[Rate] = [(own, 1, RING_HALF_LIVES), (own, 2, (LONG,))]
        return around + [(layer, ring, (LONG,)) for layer in other_layers(cube, own) for ring in (0, 1)]

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        columns = self._choose(cube)
        groups = [self._group_of(name, column) for name, column in columns.items()]
        self.days_ = [name for name, column in columns.items() if column.dims == ("time",)]
        counts = known_layer(cube, self.label_["layer"])
        windows = np.array(self.half_lives) / self.step_days_
        totals = map_columns(past_totals, counts, len(windows), windows=windows)
        every = columns | {f"{OWN} {h:g}": total for h, total in zip(self.half_lives, totals, strict=True)}
        rows = sample_rows(every, label, cube.sizes["time"] // EARLY_SHARE, self.seed)
        self._regress(rows)
        self._shrink(rows, groups)
        of_day = line_of_columns({name: columns[name].values[None, :] for name in self.days_}, self._terms(days=True))
        self._update(rows, of_day, rows.time >= cube.sizes["time"] - CALIBRATION_DAYS // self.step_days_)

    def _group_of(self, name: str, column: xr.DataArray) -> str:
        """Return which columns share a ridge with a column."""
        if column.ndim == 1:
            return "days" if column.dims == ("time",) else "places"
        return "own rings" if name.startswith(f"{self.label_['layer']}_ring") else "other layers"

    def _shrink(self, rows: Rows, groups: list[str]) -> None:
        """Learn the coefficients with a ridge for each group of columns."""
        rows = Rows(rows.x[:, : len(groups)], rows.y, rows.weight, rows.time)
        names, numbers = np.unique(groups, return_inverse=True)
        few = fewer_rows(rows, RIDGE_ROWS, self.seed)
        ridges = group_ridges(few, numbers, family=self._family, least=self.ridge)
        found = fit_ridged(rows, ridges[numbers], family=self._family)
        self.ridges_ = dict(zip(names.tolist(), ridges.tolist(), strict=True))
        self.intercept_, self.coefficients_ = float(found[0]), found[1:]

    def _update(self, rows: Rows, of_day: np.ndarray, last: np.ndarray) -> None:
        """Learn strength, half-life and the map to risk from the rows of the last days."""
        columns = len(self.columns_)
        y, weight, time = rows.y[last], rows.weight[last], rows.time[last]
        prior = np.exp(self.intercept_ + rows.x[last, :columns] @ self.coefficients_) / self._horizon
        chance = bool(self.label_["probability"])
        best = np.inf
        for half_life, total in zip(self.half_lives, rows.x[last, columns:].T, strict=True):
            days = exposure(of_day, half_life / self.step_days_)[0, time]
            for strength in self.strengths:
                mean = posterior(prior, total, days, strength) * self._horizon
                loss = log_loss(-np.expm1(-mean), y, weight) if chance else poisson_loss(mean, y, weight)
                if loss < best:
                    best, self.strength_, self.half_life_, score = (
                        loss,
                        strength,
                        half_life,
                        _score(mean, chance=chance),
                    )
        nothing, family = np.empty((len(y), 0)), "binomial" if chance else "poisson"
        (level,) = fit_glm(nothing, y, family=family, weight=weight, offset=score)
        self.to_risk_ = (LogisticMap if chance else LogLinearMap)(float(level), 1.0)

    def _terms(self, *, days: bool | None = None) -> dict[str, tuple[float, float]]:
        """Return mean and slope of each column; with `days`, of those of the day or of the others only."""
        terms = super()._terms()
        return {name: term for name, term in terms.items() if days is None or days == (name in self.days_)}

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        counts = known_layer(cube, self.label_["layer"])
        kernel = partial(
            _risk_of,
            day=self._terms(days=True),
            place=self._terms(days=False),
            start=self.intercept_,
            horizon=self._horizon,
            strength=self.strength_,
            half_life=self.half_life_ / self.step_days_,
            to_risk=self.to_risk_,
            chance=bool(self.label_["probability"]),
        )
        return map_cube(kernel, {**self._columns(cube), OWN: counts}, counts)


def exposure(of_day: np.ndarray, half_life: float) -> np.ndarray:
    """Return how many days like this one lie before each day, faded, from the day's part of the log rate (1, time)."""
    rate = np.exp(of_day)
    return np.asarray(past_totals(rate, np.array([half_life]))[0] / rate)


def posterior(prior: np.ndarray, total: np.ndarray, days: np.ndarray, strength: float) -> np.ndarray:
    """Return the posterior mean of a gamma prior of mean `prior` and shape `strength`, after `total` events in `days`."""
    return np.asarray((strength + total) / (strength / prior + days))


def _score(mean: np.ndarray, *, chance: bool) -> np.ndarray:
    """Return log-odds of any event of an expected count (`chance`), or its log."""
    mean = np.minimum(mean, MAX_LINE)
    return np.asarray(np.log(np.expm1(mean) if chance else mean))


def _risk_of(
    values: Mapping[str, np.ndarray],
    shape: tuple[int, int],
    *,
    day: Mapping[str, tuple[float, float]],
    place: Mapping[str, tuple[float, float]],
    start: float,
    horizon: int,
    strength: float,
    half_life: float,
    to_risk: Calibration,
    chance: bool,
) -> np.ndarray:
    """Return the risk of one block."""
    of_day = line_of_columns(values, day)
    prior = np.exp(np.broadcast_to(line_of_columns(values, place, start) + of_day, shape)) / horizon
    total = past_totals(values[OWN], np.array([half_life]))[0]
    mean = posterior(prior, total, exposure(of_day, half_life), strength) * horizon
    return to_risk(_score(mean, chance=chance))
