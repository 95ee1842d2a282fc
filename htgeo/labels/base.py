"""What a label must state, and how it is added to a cube."""

from abc import ABC, abstractmethod
from typing import ClassVar

import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import Registry
from htgeo.cube.schema import check_cube, even_steps, require, role_of, stamp, step_days, variables_of

LABELS: "Registry[type[Label]]" = Registry("label")


class Label(ABC):
    """What is to be forecast; a subclass is a frozen dataclass with the fields `layer` and `days`.

    `probability` says whether the label lies between 0 and 1, so that a risk can forecast it.

    The forecast for a day is made at its start: the label of day t covers the days t to t + days - 1.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    probability: ClassVar[bool]
    layer: str
    days: int

    def __init_subclass__(cls) -> None:
        LABELS.add(cls.name, cls)

    def __post_init__(self) -> None:
        if not isinstance(self.days, int) or self.days < 1:
            message = f"days must be a whole number of at least 1, not {self.days!r}"
            raise InputError(message)

    @abstractmethod
    def values(self, counts: xr.DataArray) -> xr.DataArray:
        """Return the label from the counts by day of occurrence, of which ``steps(counts, self.days)`` steps are covered."""

    @property
    def variable(self) -> str:
        """Name of the variable in the cube."""
        return f"{self.layer}_{self.name}_{self.days}"


def add_label(cube: xr.Dataset, label: Label) -> xr.Dataset:
    """Add what is to be forecast to a cube, lazily.

    Parameters
    ----------
    cube
        The cube.
    label
        ``AnyWithin(layer, days)`` or ``CountWithin(layer, days)``.

    Returns
    -------
    Dataset
        The cube with a variable ``<layer>_<label>_<days>``; the last ``days - 1`` days are missing, since their window
        is not over.

    Raises
    ------
    CubeError
        If the cube has no such layer of counts, has a label already, or a hole among its days.
    InputError
        If the horizon is not a whole number of steps of the cube.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> cube["crime_any_within_7"].attrs["horizon"]
    7
    """
    check_cube(cube)
    counts = require(cube, label.layer, "layer")
    if role_of(counts) != "count":
        message = f"{label.layer!r} is no layer of counts by day of occurrence; those are {', '.join(variables_of(cube, 'count'))}"
        raise CubeError(message)
    existing = variables_of(cube, "label")
    if existing:
        message = f"the cube has the label {existing[0]!r} already; drop it first: cube.drop_vars({existing[0]!r})"
        raise CubeError(message)
    if "freq" in cube.attrs:
        message = f"a label needs steps of a fixed number of days, those of this cube are of freq={cube.attrs['freq']!r}; aggregate by freq='W' or 'D'"
        raise CubeError(message)
    if not even_steps(cube):
        message = "a label needs a time axis in order and without holes, since it counts steps; add it to the whole cube first, and take days afterwards"
        raise CubeError(message)
    values = label.values(counts.assign_attrs(step_days=step_days(cube)) if step_days(cube) > 1 else counts)
    name = label.variable
    sentence = f"{label.layer}: {label.summary} from the day on, {label.days} days"
    facts = {
        "layer": label.layer,
        "horizon": label.days,
        "label": label.name,
        "soft": int(counts.attrs.get("known_to_area", 0) > 0 or not counts.attrs.get("whole", 1)),
        "probability": int(label.probability),
    }
    return cube.assign({name: stamp(values, name, "label", "1", sentence, **facts)})
