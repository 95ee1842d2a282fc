"""What a model must state, and how its risk is written back into a cube."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self
from uuid import uuid4

import xarray as xr

from htgeo.core.blocks import whole_time
from htgeo.core.errors import CubeError
from htgeo.core.registry import Registry
from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.cube.schema import CELL, check_cube, only_label, require, space, stamp, step_days

MODELS: "Registry[type[Model]]" = Registry("model")


class Model(ABC):
    """A model in scikit-learn's words: ``fit(cube)`` returns self, learned names end in ``_``; cube in, lazy risk out.

    A new model is one file with one dataclass, whose fields are its options: set `name` and `summary`, implement `_fit` and `_risk`.

    Attributes
    ----------
    label_ : dict
        Name, layer and horizon of the label learned.
    base_rate_ : float
        Mean of the label over the training cell-days.
    span_ : tuple of str
        First and last training day.
    resolution_ : int
        H3 resolution of the training cube; -1 where its places are areas.
    space_ : str
        Spatial dimension of the training cube: ``cell``, or a layer of areas.
    step_days_ : int
        Length of its steps, days.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    space_: str = CELL
    step_days_: int = 1

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):  # bases of several models have none
            MODELS.add(cls.name, cls)

    def fit(self, cube: xr.Dataset) -> Self:
        """Learn from a training cube (as `split_time` gives it).

        Parameters
        ----------
        cube
            A cube with exactly one label, and features where the model needs them.

        Returns
        -------
        Self

        Raises
        ------
        CubeError
            If the cube lacks what the model needs, or its label has no event.
        """
        check_cube(cube)
        label = only_label(cube)
        if not (label.attrs["probability"] or self._counts):
            message = f"the label {label.name!r} is a count, {self.name} forecasts a probability: use htgeo.AnyWithin({label.attrs['layer']!r}, days={label.attrs['horizon']}), or a model of counts such as htgeo.LightGBM(objective='poisson')"
            raise CubeError(message)
        mean = float(label.mean(dtype="float64"))
        if not mean > 0:
            message = f"the label {label.name!r} has no event in the training days; choose earlier days, a longer horizon or more categories"
            raise CubeError(message)
        self.base_rate_ = mean
        self.label_ = {
            "name": str(label.name),
            **{key: label.attrs[key] for key in ("layer", "horizon", "label", "soft", "probability")},
        }
        self.span_ = tuple(str(cube["time"].values[i])[:10] for i in (0, -1))
        self.resolution_ = int(cube.attrs.get("resolution", -1))
        self.space_, self.step_days_ = space(cube), step_days(cube)
        self._fit(cube, label)
        self._identity = uuid4().hex
        return self

    def __dask_tokenize__(self) -> tuple[str, str]:
        """Return what dask names tasks of this model after: two fits are never one, whatever their options."""
        if not hasattr(self, "_identity"):
            self._identity = uuid4().hex
        return type(self).__name__, self._identity

    def predict(self, cube: xr.Dataset) -> xr.DataArray:
        """Return the risk of each cell and day, lazily.

        Parameters
        ----------
        cube
            A cube that begins no later than the training cube, with the same resolution and features.

        Returns
        -------
        DataArray
            Probability of the label (for a label that is a count: its expectation), float32 ``(cell, time)``, in the
            chunks of the cube.

        Raises
        ------
        CubeError
            If the model is not fitted, or the cube does not fit it.
        """
        if not hasattr(self, "label_"):
            message = f"this {type(self).__name__} is not fitted; call fit(training_cube) first"
            raise CubeError(message)
        check_cube(cube)
        if int(cube.attrs.get("resolution", -1)) != self.resolution_:
            message = f"the model learned on resolution {self.resolution_}, the cube has {cube.attrs.get('resolution')}"
            raise CubeError(message)
        if (space(cube), step_days(cube)) != (self.space_, self.step_days_):
            message = f"the model learned by {self.space_} and {self.step_days_} days, the cube has {space(cube)} by {step_days(cube)} days"
            raise CubeError(message)
        if str(cube["time"].values[0])[:10] > self.span_[0]:
            message = (
                f"the cube begins at {str(cube['time'].values[0])[:10]}, after the training days began ({self.span_[0]}): history "
                "would be missing. Call add_risk on the whole cube and slice the days afterwards"
            )
            raise CubeError(message)
        return self._risk(cube)

    @property
    def _horizon(self) -> int:
        """Horizon of the label, in steps of the cube."""
        return int(self.label_["horizon"]) // self.step_days_

    @property
    def _counts(self) -> bool:
        """Whether the model can learn a label that is a count; its forecast is then the expected count."""
        return True

    @abstractmethod
    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        """Learn; set names that end in ``_``."""

    @abstractmethod
    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        """Return the lazy risk."""

    def facts(self) -> dict[str, Any]:
        """Return what the risk variable says of its model."""
        return {
            "model": self.name,
            "label": self.label_["name"],
            "layer": self.label_["layer"],
            "horizon": self.label_["horizon"],
            "training_days": " to ".join(self.span_),
            "base_rate": self.base_rate_,
            "htgeo_version": VERSION,
            "intended_use": INTENDED_USE,
        }


def add_risk(cube: xr.Dataset, model: Model, *, name: str | None = None) -> xr.Dataset:
    """Write the risk of a fitted model back into the cube, lazily and block by block.

    Parameters
    ----------
    cube
        The whole cube, so that history is there.
    model
        A fitted model.
    name
        Name of the variable; ``risk_<model>`` (``expected_<model>``) by default.

    Returns
    -------
    Dataset
        The cube with one more variable: the probability of the label on each cell and day; where the label is a count,
        the expected count, named ``expected_<model>``.

    Raises
    ------
    CubeError
        If the model is not fitted, or the cube does not fit it.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    >>> cube["risk_historical_rate"].attrs["horizon"]
    7
    """
    risk = model.predict(cube)
    role, what = ("risk", "probability") if model.label_["probability"] else ("expected", "expected count")
    name = name or f"{role}_{model.name}"
    sentence = f"{what} of {model.label_['name']} forecast by {model.name} at the start of the day"
    return cube.assign({name: stamp(risk, name, role, "1", sentence, **model.facts())})


def known_layer(cube: xr.Dataset, layer: str) -> xr.DataArray:
    """Return the counts of a layer on the known clock, whole days in one chunk."""
    return whole_time(require(cube, f"{layer}_known", "layer"))
