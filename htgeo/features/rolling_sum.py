"""Counts over the last days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.features.windows import WindowFeature


@dataclass(frozen=True)
class RollingSum(WindowFeature):
    """Events that became known in the last `days` days: columns ``<layer>_sum_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1, today not included; missing until a window is full.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.RollingSum("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_sum_28']
    """

    name: ClassVar[str] = "rolling_sum"
    summary: ClassVar[str] = "events that became known in the last days"
    stem: ClassVar[str] = "sum"
    text: ClassVar[str] = "events known in the last {}"
    days: Sequence[int] = (7, 28, 91)

    def kernel(self) -> Callable[..., np.ndarray]:
        """Return the compiled loop."""
        from htgeo.features.kernels import past_sums

        return past_sums
