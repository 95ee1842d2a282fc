"""The grid: sorted H3 cells of a study area by local civil days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.grid.cells import cell_areas, cell_centers, check_resolution, points_to_cells, polygon_cells, unit_vectors
from htgeo.grid.days import day_range
from htgeo.grid.lattice import Lattice, fit_lattice
from htgeo.grid.pixels import cell_values
from htgeo.grid.shares import cell_shares, cell_totals, largest
from htgeo.sources.clean import check_zone
from htgeo.sources.rasters import Raster
from htgeo.sources.region import Region

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Edge = Literal["center", "touch"]
Population = Region | Raster | xr.DataArray
MAX_HOURS_APART = 4
"""No place on land keeps a clock further from its sun."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells by days.

    Attributes
    ----------
    cells
        H3 ids, sorted ascending, uint64, shape (cell,).
    resolution
        H3 resolution of the cells.
    days
        Local civil days, datetime64[D], shape (time,).
    time_zone
        IANA name of the zone of the days.
    layers
        Region layers; the first one is the study area.
    edge
        Which cells of the study area belong: those whose centre lies inside ("center") or all that share land with
        it ("touch").
    population
        Where people live, for spreading events by it: areas with an attribute ``population``, a raster of totals, or a
        total by cell; None: by land only.
    """

    cells: np.ndarray
    resolution: int
    days: np.ndarray
    time_zone: str
    layers: tuple[Region, ...]
    edge: Edge
    population: Population | None = None

    def __repr__(self) -> str:
        return (
            f"<Grid: {len(self.cells):,} H3 cells of resolution {self.resolution} x {len(self.days):,} days "
            f"{self.days[0]} to {self.days[-1]} ({self.time_zone}); layers {', '.join(r.layer for r in self.layers)}>"
        )

    @cached_property
    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """Centres (lon, lat) of the cells, degrees."""
        return cell_centers(self.cells)

    @cached_property
    def cell_area(self) -> np.ndarray:
        """Areas of the cells, km2."""
        return cell_areas(self.cells)

    @cached_property
    def cell_population(self) -> np.ndarray:
        """People living in each cell."""
        if self.population is None:
            message = "this grid has no population; make_grid(…, population=read_raster(path, how='sum')), or read_region(path, attributes=['population'], …)"
            raise InputError(message)
        if isinstance(self.population, Region):
            return cell_totals(self.cells, self.population, self.population.attribute("population"))
        if isinstance(self.population, Raster):
            people = cell_values(self.cells, self.population, "sum").values
        else:
            people = self.population.sel(cell=self.cells).values.astype(float)
        return np.where(np.isnan(people), 0.0, people)

    @cached_property
    def lattice(self) -> Lattice | None:
        """The fitted lattice, None where the cells do not lie inside one icosahedron face."""
        return fit_lattice(self.cells)

    def rows(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the row of the cell that each point lies in, -1 outside the grid (int32, shape (point,))."""
        if self.lattice is not None:
            return self.lattice.rows(lon, lat)
        known = np.isfinite(lon) & np.isfinite(lat)
        cells = points_to_cells(np.where(known, lon, 0.0), np.where(known, lat, 0.0), self.resolution)
        at = np.minimum(np.searchsorted(self.cells, cells), len(self.cells) - 1)
        return np.where(known & (self.cells[at] == cells), at, -1).astype(np.int32)

    def layer(self, name: str) -> Region:
        """Return the region layer of a name."""
        for region in self.layers:
            if region.layer == name:
                return region
        message = f"the grid has no region layer {name!r} (it has {', '.join(r.layer for r in self.layers)}); add it with make_grid(…, layers=[read_region(path, layer={name!r}, …)])"
        raise InputError(message)

    def shares(self, name: str) -> "csr_array":
        """Return the share of each cell that lies in each area of a layer, shape (cell, area)."""
        if name not in self._shares:
            self._shares[name] = cell_shares(self.cells, self.layer(name))
        return self._shares[name]

    @cached_property
    def _shares(self) -> dict[str, "csr_array"]:
        return {}

    def labels(self, name: str) -> np.ndarray:
        """Return the area of a layer that holds most of each cell, empty text where none does (shape (cell,))."""
        return np.asarray(np.array([*self.layer(name).names, ""])[largest(self.shares(name))])


def make_grid(
    region: Region,
    *,
    resolution: int,
    start: str,
    end: str,
    time_zone: str = "America/New_York",
    layers: Sequence[Region] = (),
    edge: Edge = "center",
    population: Population | None = None,
) -> Grid:
    """Return the H3 cells of a region by local civil days.

    Parameters
    ----------
    region
        The study area.
    resolution
        H3 resolution, 0 to 15: at 8 a cell has 0.74 km2 in New York, at 9 0.106 km2.
    start, end
        First and last day, ``YYYY-MM-DD``, both included.
    time_zone
        IANA zone of the days.
    layers
        Further region layers that events may be known to (precincts …).
    edge
        ``"center"`` (default): cells whose centre lies in the region, so that areas add up to that of the region.
        ``"touch"``: all cells that share land with it; no event on the shore is lost, but cells hold much water.
    population
        Where people live, for ``grid_events(…, spread="population")``: areas with an attribute ``population`` (census
        tracts …), a raster of people by pixel (``read_raster(path, how="sum")``), or a total by cell, such as a variable
        that `add_raster` or `add_attributes` made by sum on these cells.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        If the resolution, the days, the zone or the edge policy is not allowed, two layers share a name, the region
        holds no cell, or `population` is no total.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-01-31")
    >>> len(grid.days)
    31
    """
    check_resolution(resolution)
    check_zone(time_zone)
    _check_zone_fits(region, time_zone)
    if edge not in ("center", "touch"):
        message = f"edge must be 'center' or 'touch', not {edge!r}"
        raise InputError(message)
    every = (region, *layers)
    names = [r.layer for r in every]
    if len(set(names)) < len(names):
        message = f"region layers need different names, these are {', '.join(names)}: give read_region(…, layer=…)"
        raise InputError(message)
    cells = polygon_cells(region.outline, resolution, edge)
    if len(cells) == 0:
        message = f"no H3 cell of resolution {resolution} has its centre in the region; use a finer resolution or edge='touch'"
        raise InputError(message)
    if population is not None:
        _check_population(population, cells)
    return Grid(cells, resolution, day_range(start, end), time_zone, every, edge, population)


def _check_population(population: Population, cells: np.ndarray) -> None:
    """Raise unless it is a total, of areas, pixels or these cells."""
    if isinstance(population, Region):
        population.attribute("population")
    elif isinstance(population, Raster):
        if population.how != "sum":
            message = f"{population.path.name} is joined by {population.how!r}; people by pixel are a total: read_raster(path, how='sum')"
            raise InputError(message)
    elif (
        not isinstance(population, xr.DataArray) or population.dims != ("cell",) or population.attrs.get("how") != "sum"
    ):
        message = "population must be a Region, a Raster, or a total on the cells (cube[name], made by add_raster or add_attributes with how 'sum')"
        raise InputError(message)
    else:
        missing = ~np.isin(cells, population["cell"])
        if missing.any():
            message = f"the population {population.name!r} has no value for {missing.sum():,} of the {len(cells):,} cells; make it on a cube of the same region, resolution and edge"
            raise InputError(message)


def _check_zone_fits(region: Region, time_zone: str) -> None:
    """Raise if the clock of the zone is hours away from the sun over the region: a default that was left standing."""
    offset = datetime(2021, 1, 1, tzinfo=ZoneInfo(time_zone)).utcoffset() or timedelta(0)
    x, y = unit_vectors(*region.centroids.T)[:, :2].mean(axis=0)
    lon = float(np.degrees(np.arctan2(y, x)))
    apart = abs((offset.total_seconds() / 3600 - lon / 15 + 12) % 24 - 12)
    if apart > MAX_HOURS_APART:
        message = f"the time zone {time_zone!r} is {apart:.0f} hours away from the region at longitude {lon:.1f}; give its own, e.g. time_zone='Europe/Amsterdam'"
        raise InputError(message)
