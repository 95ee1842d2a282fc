"""Baseline: the past rate with fading memory, smoothed over the map."""

from dataclasses import dataclass
from typing import ClassVar

from htgeo.models.kernel_density import KernelDensity
from htgeo.models.rates import EwmaRate


@dataclass(eq=False)
class EwmaKernel(KernelDensity, EwmaRate):
    """The exponentially weighted rate of the cells around, weighted by a Gaussian kernel of the distance.

    What is left open is chosen together, on the last training days: every half-life with every bandwidth.

    Parameters
    ----------
    half_life
        Days after which an event counts half; None tunes it, as in `EwmaRate`.
    bandwidth
        Standard deviation of the kernel, metres; None tunes it, as in `KernelDensity`.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> ht.EwmaKernel(half_life=120, bandwidth=1500).fit(train).choice_
    {'half_life': 120, 'bandwidth': 1500}
    """

    name: ClassVar[str] = "ewma_kernel"
    summary: ClassVar[str] = "exponentially weighted rate smoothed over the map, half-life and bandwidth tuned"
    candidates: ClassVar[tuple[float, ...]] = (60, 120, 240, 480)

    def __post_init__(self) -> None:
        EwmaRate.__post_init__(self)
        KernelDensity.__post_init__(self)
