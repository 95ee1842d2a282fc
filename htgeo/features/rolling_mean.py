"""Rates over the last days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.features.windows import WindowFeature


@dataclass(frozen=True)
class RollingMean(WindowFeature):
    """Events a day that became known in the last `days` days: columns ``<layer>_mean_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1, today not included; missing until a window is full.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.RollingMean("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_mean_28']
    """

    name: ClassVar[str] = "rolling_mean"
    summary: ClassVar[str] = "events a day that became known in the last days"
    stem: ClassVar[str] = "mean"
    units: ClassVar[str] = "1/day"
    text: ClassVar[str] = "events a day, known in the last {}"
    days: Sequence[int] = (28, 365)

    def kernel(self) -> Callable[..., np.ndarray]:
        """Return the compiled loop."""
        from htgeo.features.kernels import past_means

        return past_means
