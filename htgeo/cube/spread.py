"""How events known only to an area are spread over its cells."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError, PrecisionWarning
from htgeo.grid import Grid
from htgeo.sources.precision import CITY

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Areas:
    """The areas that events are known to, numbered as they come.

    Parameters
    ----------
    grid
        Cells and region layers.
    by
        ``"land"``: an event is spread by land area; ``"population"``: by the people living there.

    Attributes
    ----------
    by_land
        Areas where nobody lives, which `spread` took by land all the same.
    """

    def __init__(self, grid: Grid, by: str) -> None:
        self._grid, self._by = grid, by
        self._numbers: dict[tuple[str, str], int] = {}
        self._lacking: dict[str, int] = {}
        self.by_land: list[str] = []

    def numbers(self, table: pd.DataFrame) -> np.ndarray:
        """Return the number of the area of each event (int64)."""
        layers = {region.layer for region in self._grid.layers}
        layer, layer_names = pd.factorize(table["precision"])
        area, area_names = pd.factorize(table["area"])
        pairs, distinct = pd.factorize(layer.astype(np.int64) * len(area_names) + area)
        sizes = np.bincount(pairs, minlength=len(distinct))
        known = []
        for pair, size in zip(distinct.tolist(), sizes.tolist(), strict=True):
            name, place = str(layer_names[pair // len(area_names)]), str(area_names[pair % len(area_names)])
            if name not in layers:
                if name != CITY:
                    self._lacking[name] = self._lacking.get(name, 0) + size
                name, place = CITY, ""
            known.append(self._numbers.setdefault((name, place), len(self._numbers)))
        return np.array(known, np.int64)[pairs]

    def warn_lacking(self) -> None:
        """Warn of events known to a layer that the grid lacks."""
        for layer, size in self._lacking.items():
            message = f"{size:,} events are known to a {layer}, but the grid has no such layer: they are spread over the whole study area. Add it with make_grid(…, layers=[read_region(path, name_column=…, layer={layer!r})]), or layers: in a study file"
            warnings.warn(message, PrecisionWarning, stacklevel=4)

    def spread(self) -> "csr_array":
        """Return how one event of each area is spread over the cells, a column summing to 1 (cell, area)."""
        from scipy.sparse import csr_array, hstack

        if not self._numbers:
            return csr_array((len(self._grid.cells), 0))
        return csr_array(hstack([self._column(*key) for key in self._numbers], format="csr"))

    def _column(self, layer: str, area: str) -> "csr_array":
        from scipy.sparse import csr_array

        grid = self._grid
        region = grid.layers[0] if layer == CITY else grid.layer(layer)
        names = region.names if layer == CITY else tuple(area.split("|"))
        unknown = [name for name in names if name not in region.names]
        if unknown:
            message = f"the region layer {layer!r} has no area {', '.join(unknown)}; read the events with areas=[…], then such rows go to quarantine"
            raise InputError(message)
        shares = grid.shares(region.layer)
        inside = np.asarray(shares[:, [region.names.index(name) for name in names]].sum(axis=1)).ravel()
        land = inside * grid.cell_area
        if land.sum() == 0:
            message = f"no cell of the grid lies in the {layer} {area}; use a finer resolution, edge='touch', or a larger region"
            raise InputError(message)
        if self._by == "population":
            people = inside / np.maximum(np.asarray(shares.sum(axis=1)).ravel(), 1e-9) * grid.cell_population
            if people.sum() > 0:
                return csr_array((people / people.sum())[:, None])
            self.by_land.append(f"{layer} {area}".strip())
        return csr_array((land / land.sum())[:, None])
