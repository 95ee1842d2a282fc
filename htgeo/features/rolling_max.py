"""The worst of the last days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.features.windows import WindowFeature


@dataclass(frozen=True)
class RollingMax(WindowFeature):
    """Most events that became known on one of the last `days` days: columns ``<layer>_max_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1, today not included; missing until a window is full.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.RollingMax("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_max_28']
    """

    name: ClassVar[str] = "rolling_max"
    summary: ClassVar[str] = "most events that became known on one of the last days"
    stem: ClassVar[str] = "max"
    text: ClassVar[str] = "most events known on one of the last {}"
    days: Sequence[int] = (28, 91)

    def kernel(self) -> Callable[..., np.ndarray]:
        """Return the compiled loop."""
        from htgeo.features.kernels import past_maxima

        return past_maxima
