"""Counts some days ago."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.features.windows import WindowFeature


@dataclass(frozen=True)
class Lag(WindowFeature):
    """Events that became known on the day `days` days ago: columns ``<layer>_lag_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Lags in days, each at least 1.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.Lag("crime", days=[1, 7]).look_back
    7
    """

    name: ClassVar[str] = "lag"
    summary: ClassVar[str] = "events that became known exactly so many days ago"
    stem: ClassVar[str] = "lag"
    what: ClassVar[str] = "lags"
    text: ClassVar[str] = "events known {} ago"
    days: Sequence[int] = (1, 7, 28)

    def kernel(self) -> Callable[..., np.ndarray]:
        """Return the compiled loop."""
        from htgeo.features.kernels import past_values

        return past_values
