"""Several models as one: the weighted sum of their log-odds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import InputError
from htgeo.core.options import build
from htgeo.models.base import MODELS, Model
from htgeo.models.calibrated import held_out, line_of_risk, settings_of
from htgeo.models.calibration import fit_nonnegative, probability

Member = str | dict[str, dict[str, Any] | None] | Model
"""A name, ``{name: options}``, or a model, whose options are taken."""


@dataclass(eq=False, kw_only=True)
class Blend(Model):
    """Several models, combined by a weighted sum of their log-odds (for counts: of the logs of expected counts).

    The mean of log-odds is the logarithmic opinion pool (Genest & Zidek 1986); stacking learns the weights on days
    that the members did not learn from (Wolpert 1992), none below 0 (Breiman 1996). All members are fitted again on
    all training days afterwards. The mean keeps the level of its members, a little on the low side where they
    disagree; stacking sets the level by the last days.

    Parameters
    ----------
    models
        Two or more names, ``{name: {options}}``, or models, whose options are taken.
    weights
        ``"mean"``, or ``"stack"``: learned on the last `days`.
    days
        Last training days, on which stacking learns.
    ridge
        Draws the weights of stacking to the mean, with the strength of about so many events.

    Attributes
    ----------
    members_ : list of Model
        The fitted members.
    intercept_, weights_ : float, list of float
        Log-odds of the blend: the intercept and the sum of the members' log-odds times their weights.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.Blend(models=["historical_rate", {"ewma_rate": {"half_life": 30}}]).fit(train).weights_
    [0.5, 0.5]
    """

    name: ClassVar[str] = "blend"
    summary: ClassVar[str] = "mean of the log-odds of several models, or their weighted sum (stacking)"
    __pydantic_config__: ClassVar[dict[str, bool]] = {"arbitrary_types_allowed": True}

    models: Sequence[Member] = ("historical_rate", "ewma_rate")
    weights: Literal["mean", "stack"] = "mean"
    days: int = 90
    ridge: float = 10.0

    def __post_init__(self) -> None:
        self.models = [{name: options} for name, options in map(_named, self.models)]
        if len(self._fresh()) < 2:  # noqa: PLR2004  # the least that can be blended
            message = f"a blend needs two or more models, not {len(self.models)}"
            raise InputError(message)
        if self.weights not in ("mean", "stack"):
            message = f"weights must be 'mean' or 'stack', not {self.weights!r}"
            raise InputError(message)
        if not (self.days > 0 and self.ridge >= 0):
            message = f"days must be above 0 and ridge at least 0, not {self.days!r} and {self.ridge!r}"
            raise InputError(message)

    @property
    def _counts(self) -> bool:
        return all(member._counts for member in self._fresh())  # noqa: SLF001  # the same question, asked of each member

    def _fresh(self) -> list[Model]:
        """Return the members, not fitted."""
        return [build("model", MODELS[name], options) for name, options in map(_named, self.models)]

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        if self.weights == "stack":
            self.intercept_, self.weights_ = self._stack(cube, label)
        else:
            self.intercept_, self.weights_ = 0.0, [1 / len(self.models)] * len(self.models)
        self.members_ = [member.fit(cube) for member in self._fresh()]

    def _stack(self, cube: xr.Dataset, label: xr.DataArray) -> tuple[float, list[float]]:
        """Return intercept and weights of greatest likelihood on the last days."""
        earlier, last = held_out(cube, self.days, int(self.label_["horizon"]))
        y = label.isel(time=last).values
        known = ~np.isnan(y)
        lines = [line_of_risk(member.fit(earlier), cube).isel(time=last).values[known] for member in self._fresh()]
        intercept, *weights = fit_nonnegative(
            np.stack(lines, axis=1),
            y[known],
            family="binomial" if self.label_["probability"] else "poisson",
            ridge=self.ridge,
            start=1 / len(lines),
        ).tolist()
        return intercept, weights

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        lines = [
            map_blocks(_times, line_of_risk(member, cube), weight=weight)
            for member, weight in zip(self.members_, self.weights_, strict=True)
            if weight > 0
        ]
        total = sum(lines[1:], lines[0]) if lines else 0 * line_of_risk(self.members_[0], cube)
        return map_blocks(probability if self.label_["probability"] else np.exp, total + np.float32(self.intercept_))


def _named(member: Member) -> tuple[str, dict[str, Any]]:
    """Return name and options of a member."""
    if isinstance(member, Model):
        return settings_of(member)
    if isinstance(member, str):
        return member, {}
    if len(member) != 1:
        message = f"give each model as a name, {{name: {{options}}}} or a model, not {member!r}"
        raise InputError(message)
    ((name, options),) = member.items()
    return name, dict(options or {})


def _times(line: np.ndarray, weight: float) -> np.ndarray:
    return line * np.float32(weight)
