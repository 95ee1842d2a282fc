"""How regular events are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from htgeo.features.windows import WindowFeature


@dataclass(frozen=True)
class ActiveShare(WindowFeature):
    """Share of the last `days` days on which an event became known: columns ``<layer>_active_<days>``.

    Parameters
    ----------
    layer
        Name of a layer of counts.
    days
        Window lengths in days, each at least 1, today not included; missing until a window is full.

    Examples
    --------
    >>> import htgeo as ht
    >>> list(ht.ActiveShare("crime", days=[28]).columns(ht.demo_cube()))
    ['crime_active_28']
    """

    name: ClassVar[str] = "active_share"
    summary: ClassVar[str] = "share of the last days on which an event became known"
    stem: ClassVar[str] = "active"
    text: ClassVar[str] = "share of the last {} with an event"
    days: Sequence[int] = (28, 365)

    def kernel(self) -> Callable[..., np.ndarray]:
        """Return the compiled loop."""
        from htgeo.features.kernels import past_shares

        return past_shares
