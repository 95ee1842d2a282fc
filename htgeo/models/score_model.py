"""Models that score each cell and day from the past, and learn one map from scores to risk."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.models.base import Model
from htgeo.models.calibration import Calibration, LogisticMap, LogLinearMap, log_loss, poisson_loss

CALIBRATION_DAYS = 365
"""Last training days on which scores are turned into risk (a whole year, where there is one)."""


class ScoreModel(Model):
    """A score of the past, turned into risk by a straight line of log-odds (for counts: of log rates).

    Among the choices of a model (half-lives, bandwidths …), the one with the lowest loss on the last training days is
    kept. A new one is one file with one dataclass: `name`, `summary`, `_score`, and `_choices` where there are any.

    Attributes
    ----------
    choice_ : dict
        The choice kept.
    to_risk_ : Calibration
        The map from scores to risk.
    """

    def _choices(self) -> Sequence[dict[str, Any]]:
        """Return the options of `_score` to choose from."""
        return ({},)

    @abstractmethod
    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        """Return the lazy score of each cell and day, float32 ``(cell, time)``, finite: most often a log rate.

        It uses counts on the known clock of earlier days only.
        """

    def _prepare(self, cube: xr.Dataset) -> None:
        """Learn what all choices share."""

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        self._prepare(cube)
        last = slice(max(cube.sizes["time"] - CALIBRATION_DAYS // self.step_days_, cube.sizes["time"] // 2), None)
        y = label.isel(time=last).values
        known = ~np.isnan(y)
        kind: type[Calibration] = LogisticMap if self.label_["probability"] else LogLinearMap
        loss_of = log_loss if self.label_["probability"] else poisson_loss
        best = np.inf
        for choice in self._choices():
            score = self._score(cube, **choice).isel(time=last).values[known]
            to_risk = kind.fit(score, y[known])
            loss = loss_of(to_risk(score), y[known])
            if loss < best:
                best, self.choice_, self.to_risk_ = loss, choice, to_risk

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        return map_blocks(_mapped, self._score(cube, **self.choice_), to_risk=self.to_risk_)


def _mapped(score: np.ndarray, to_risk: Calibration) -> np.ndarray:
    return to_risk(score)
