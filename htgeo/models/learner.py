"""What models that learn from features share: days that validate, a sample of negatives, an offset to start from."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.core.options import build
from htgeo.models.base import MODELS, Model
from htgeo.models.calibration import log_expected, log_odds
from htgeo.tensors.matrix import Matrix

OFFSET = "offset"
"""Name of the column that holds the offset of a block."""


@dataclass(eq=False, kw_only=True)
class Learner(Model):
    """A model that learns from all features of a cube, in two rounds: how long to train, then all training days.

    In the first round the last `validation_days` of the training days, behind a gap as long as the horizon, decide
    when to stop. With `offset`, training starts from the risk of another model, which each round fits on its own days.

    Parameters
    ----------
    seed
        Seed of all that is drawn.
    validation_days
        Last training days, which decide when to stop.
    offset
        Name of a model, such as ``"gamma_poisson"``, whose log-odds (for counts: log rate) training starts from;
        None starts from the base rate.

    Attributes
    ----------
    features_ : tuple of str
        Features used, in order.
    categories_ : dict
        Names of the categories of each categorical feature.
    offset_ : Model or None
        The fitted model of the offset.
    """

    seed: int = 0
    validation_days: int = 60
    offset: str | None = None

    def __post_init__(self) -> None:
        self._check_positive("validation_days")
        if self.offset is not None and (self.offset == self.name or issubclass(MODELS[self.offset], Learner)):
            message = f"offset must be a model that learns without features of the cube, such as 'historical_rate' or 'gamma_poisson', not {self.offset!r}"
            raise InputError(message)

    def _check_positive(self, *options: str) -> None:
        for what in options:
            if not getattr(self, what) > 0:
                message = f"{what} must be above 0, not {getattr(self, what)!r}"
                raise InputError(message)

    @property
    def _validation(self) -> int:
        """Number of steps that validate."""
        return max(self.validation_days // self.step_days_, 1)

    def _before_validation(self, cube: xr.Dataset) -> int:
        """Return how many days come before the gap and the validation days."""
        days: int = cube.sizes["time"] - self._validation - self._horizon + 1
        if days < 1:
            message = f"the cube has {cube.sizes['time'] * self.step_days_} training days, of which the last {self.validation_days} validate: no day is left to learn from; change validation_days"
            raise CubeError(message)
        return days

    def _start(self, cube: xr.Dataset, days: int | None = None) -> Model | None:
        """Return the model of the offset, fitted on the first `days` days (None: all)."""
        if self.offset is None:
            return None
        return build("model", MODELS[self.offset], {}).fit(cube if days is None else cube.isel(time=slice(days)))

    def _start_line(self, start: Model | None, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return ``{"offset": lazy log-odds or log rate (cell, time)}`` of a fitted offset; empty where there is none."""
        if start is None:
            return {}
        line = log_odds if self.label_["probability"] else log_expected
        return {OFFSET: map_blocks(line, start.predict(cube))}

    def _require_events(self, samples: Matrix, **spans: np.ndarray) -> None:
        """Raise unless every span of samples has an event."""
        for what, rows in spans.items():
            if not (samples.y[rows] > 0).any():
                message = f"no event falls into the {what} days; the cube has {samples.shape[1] * self.step_days_} training days, of which the last {self.validation_days} validate: change validation_days"
                raise CubeError(message)
