"""Baseline: the past rate of something else that the cube counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import xarray as xr

from htgeo.core.blocks import map_blocks
from htgeo.core.errors import CubeError
from htgeo.cube.schema import variables_of
from htgeo.models.base import known_layer
from htgeo.models.rates import log_rate
from htgeo.models.score_model import ScoreModel

KNOWN = "_known"


@dataclass(eq=False)
class ProxyRate(ScoreModel):
    """The past rate of the one other layer of the cube that forecasts the label best on the last training days.

    Where events are rare, more frequent ones of another kind may draw their map better than the few events themselves:
    leading indicators, in the words of Cohen, Gorr & Olligschlaeger (2007).

    Attributes
    ----------
    means_ : dict
        Mean count a cell and day of each other layer that has events in the training days.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> other = cube["crime_known"].assign_attrs(role_of="other_known")
    >>> train = ht.add_label(cube.assign(other_known=other), ht.AnyWithin("crime", days=7))
    >>> ht.ProxyRate().fit(train).choice_
    {'layer': 'other'}
    """

    name: ClassVar[str] = "proxy_rate"
    summary: ClassVar[str] = "past rate of the other layer of the cube that forecasts the label best"

    def _prepare(self, cube: xr.Dataset) -> None:
        own = self.label_["layer"]
        others = [name.removesuffix(KNOWN) for name in variables_of(cube, "known_count")]
        means = {layer: float(known_layer(cube, layer).mean(dtype="float64")) for layer in others if layer != own}
        self.means_ = {layer: mean for layer, mean in means.items() if mean > 0}
        if not self.means_:
            message = (
                f"{self.name} needs another layer with events in the training days, but the cube counts {', '.join(others)} and "
                f"the label is of {own!r}; grid both: htgeo.grid_events({{{own!r}: events, 'other': other_events}}, grid)"
            )
            raise CubeError(message)

    def _choices(self) -> Sequence[dict[str, Any]]:
        return [{"layer": layer} for layer in self.means_]

    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        layer = choice["layer"]
        return map_blocks(log_rate, known_layer(cube, layer), half_life=float("inf"), mean=self.means_[layer])
