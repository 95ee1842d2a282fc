"""A model whose risk is mapped to what happened on days it did not learn from."""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import CubeError, InputError
from htgeo.core.options import build
from htgeo.cube.schema import step_days
from htgeo.models.base import MODELS, Model
from htgeo.models.calibration import CALIBRATIONS, Calibration, log_expected, log_odds


@dataclass(eq=False, kw_only=True)
class Calibrated(Model):
    """Another model, whose risk is calibrated on the last training days, which it did not learn from.

    A copy of the model learns on the days before them, behind a gap as long as the horizon, so that the map is learned
    from forecasts (Platt 1999; Niculescu-Mizil & Caruana 2005). The map of counts is Poisson or isotonic.

    Parameters
    ----------
    model, options
        Name of the model and its options, or a model, whose options are taken.
    method
        ``"platt"``, ``"beta"`` or ``"isotonic"``; ``"poisson"`` or ``"isotonic"`` for counts. None: ``"platt"``, and
        ``"poisson"`` for counts, which two numbers settle, so that few events suffice.
    days
        Last training days, on which the map is learned.
    refit
        False keeps the very model whose risk was mapped. True fits it again on all training days and keeps the map; what
        the map mends in the level, the new fit has seen already, so it counts twice.

    Attributes
    ----------
    inner_ : Model
        The fitted model.
    to_risk_ : Calibration
        The map from its log-odds (for counts: log of the expected count) to risk.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.Calibrated(model="ewma_rate", method="beta", days=60).fit(train).to_risk_.name
    'beta'
    """

    name: ClassVar[str] = "calibrated"
    summary: ClassVar[str] = "another model, calibrated on the last training days, which it did not learn from"
    __pydantic_config__: ClassVar[dict[str, bool]] = {"arbitrary_types_allowed": True}

    model: str | Model = "historical_rate"
    options: dict[str, Any] = field(default_factory=dict)
    method: str | None = None
    days: int = 90
    refit: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.model, Model):
            self.model, self.options = settings_of(self.model)
        build("model", MODELS[self.model], self.options)
        if self.method is not None:
            _ = CALIBRATIONS[self.method]
        if not self.days > 0:
            message = f"days must be above 0, not {self.days!r}"
            raise InputError(message)

    @property
    def _counts(self) -> bool:
        return self._inner()._counts  # noqa: SLF001  # the same question, asked of the model inside

    def _inner(self) -> Model:
        return build("model", MODELS[str(self.model)], self.options)

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        kind = _kind(self.method, probability=bool(self.label_["probability"]))
        earlier, last = held_out(cube, self.days, int(self.label_["horizon"]))
        model = self._inner().fit(earlier)
        y = label.isel(time=last).values
        known = ~np.isnan(y)
        self.to_risk_ = kind.fit(line_of_risk(model, cube).isel(time=last).values[known], y[known])
        self.inner_ = self._inner().fit(cube) if self.refit else model

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        return map_blocks(_mapped, line_of_risk(self.inner_, cube), to_risk=self.to_risk_)


def settings_of(model: Model) -> tuple[str, dict[str, Any]]:
    """Return name and options of a model."""
    return model.name, {f.name: getattr(model, f.name) for f in fields(model)}  # type: ignore[arg-type]  # every model is a dataclass


def held_out(cube: xr.Dataset, days: int, horizon: int) -> tuple[xr.Dataset, slice]:
    """Return the days before the last `days` and a gap as long as the horizon, and the slice of the last ones."""
    size, step = cube.sizes["time"], step_days(cube)
    last = max(days // step, 1)
    before = size - last - horizon // step + 1
    if before < 1:
        message = f"the cube has {size * step} training days, of which the last {days} are held out behind a gap of {horizon - 1}: no day is left to learn from; change days"
        raise CubeError(message)
    return cube.isel(time=slice(before)), slice(size - last, None)


def line_of_risk(model: Model, cube: xr.Dataset) -> xr.DataArray:
    """Return the lazy log-odds of the risk of a fitted model; for counts: the log of the expected count."""
    return map_blocks(log_odds if model.label_["probability"] else log_expected, model.predict(cube))


def _kind(method: str | None, *, probability: bool) -> type[Calibration]:
    kind = CALIBRATIONS[method or ("platt" if probability else "poisson")]
    if not (kind.probability if probability else kind.counts):
        allowed = [
            name for name in CALIBRATIONS if getattr(CALIBRATIONS[name], "probability" if probability else "counts")
        ]
        message = f"method {method!r} does not calibrate {'a probability' if probability else 'an expected count'}; allowed are {', '.join(allowed)}"
        raise CubeError(message)
    return kind


def _mapped(line: np.ndarray, to_risk: Calibration) -> np.ndarray:
    return to_risk(line)
