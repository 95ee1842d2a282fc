"""What features over windows of the last days have in common."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from htgeo.features.base import Feature, a_day, column, in_days, known_counts, over_windows, positive_days


@dataclass(frozen=True)
class WindowFeature(Feature):
    """One column for each window of the last days: ``<layer>_<stem>_<days>``, all made in one pass.

    A subclass sets `stem`, `units` and `text` (a sentence with a place for the window), and gives its kernel.
    """

    stem: ClassVar[str]
    units: ClassVar[str] = "1"
    text: ClassVar[str]
    what: ClassVar[str] = "windows"
    layer: str
    days: Sequence[int] = (7, 28, 91)

    def __post_init__(self) -> None:
        positive_days(self.days, self.what)

    @property
    def look_back(self) -> int:
        """The longest window."""
        return max(self.days)

    @abstractmethod
    def kernel(self) -> Callable[..., np.ndarray]:
        """Return ``kernel(counts, windows)``, which gives (window, cell, time)."""

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return one column a window."""
        counts = known_counts(cube, self.layer)
        windows = over_windows(self.kernel(), counts, self.days)
        return {
            f"{self.layer}_{self.stem}_{d}": column(
                a_day(values, counts) if self.units == "1/day" else values,
                self.units,
                f"{self.layer}: {self.text.format(in_days(d))}",
                look_back=d,
            )
            for d, values in windows.items()
        }
