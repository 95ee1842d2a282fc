"""Events to counts by cell and day, on both clocks, in one pass."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.coords import empty_cube
from htgeo.cube.schema import stamp
from htgeo.cube.spread import Areas
from htgeo.cube.tally import Tally
from htgeo.grid import Grid
from htgeo.grid.days import civil_days, civil_hours
from htgeo.sources.events import Events, variable_name

KNOWN = "_known"
"""Suffix of the counts by the day events became known."""
WITHIN = "_within_"
"""Infix of the counts of the last days as known at the start of each day."""
DELAYS = "_delays"
"""Suffix of the reporting triangle of a layer."""
NIGHT_HOURS = 6
"""Night lasts from 00:00 to 05:59."""
PARTS = ("night", "category")
SPREADS = ("land", "population")


def grid_events(
    events: Mapping[str, Events | Iterable[Events]],
    grid: Grid,
    *,
    parts: Sequence[str] = (),
    known_within: Sequence[int] = (),
    delays: int = 0,
    spread: str = "land",
) -> xr.Dataset:
    """Count events by cell and day into a lazy cube.

    A point counts in its cell. An event known only to an area is spread over the cells of the area, with its weight
    kept; where the grid lacks the layer, over the whole study area, with a `PrecisionWarning`. Each layer gives two
    variables: ``name`` by the day events occurred (for labels and maps) and ``name_known`` by the day they became known
    (for features).

    Parameters
    ----------
    events
        ``{name: events}``; names become variables. Events may come in batches (`scan_events`): each batch is counted
        and forgotten.
    grid
        Cells and days, with the region layers that events are known to.
    parts
        Count parts of each layer too: ``"night"`` gives ``name_night`` (00:00 to 05:59; no such layer where the times
        have no hours), ``"category"`` gives ``name_<category>`` for each category.
    known_within
        Numbers of days N; each gives ``name_within_<N>``: the events that occurred in the last N days before a day
        *and* were known by its start, exactly. Missing until the grid, or earlier reports in the file, reach N days back.
    delays
        Above 0: give ``name_delays`` (time, delay), the reporting triangle of all cells together: events by day of
        occurrence and by days until they were known, from 0 to `delays`; later ones are left out.
    spread
        How area events are spread over the cells of their area: by ``"land"`` area, or by ``"population"`` (the grid
        needs one). Where nobody lives it is by land; ``spread_by_land`` in the attributes names these areas.

    Returns
    -------
    Dataset
        A cube ``(cell, time)`` of dask arrays in blocks of cells. Attributes of each variable say how many events fell
        outside the cells or the days.

    Raises
    ------
    InputError
        If a name cannot be a variable, an area is unknown, or no event falls into the days of the grid.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> precincts = ht.read_region(folder / "precincts.geojson", name_column="precinct", layer="precinct")
    >>> grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-01-31", layers=[precincts])
    >>> crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz", areas=[boroughs, precincts])
    >>> cube = ht.grid_events({"crime": crimes}, grid, parts=["night"], known_within=[7])
    >>> list(cube)
    ['crime', 'crime_known', 'crime_within_7', 'crime_night', 'crime_night_known']
    """
    _check_options(grid, parts, known_within, delays, spread)
    cube = empty_cube(grid)
    for name, layer in events.items():
        _check_name(name, cube)
        count = _Count(name, grid, tuple(parts), tuple(known_within), Areas(grid, spread), delays)
        for batch in [layer] if isinstance(layer, Events) else layer:
            count.add(batch.table)
        for variable, values in count.variables():
            _check_name(variable, cube)
            cube[variable] = values
    return cube


@dataclass
class _Layer:
    """The tallies of a layer, or of a part of it, and the facts about what fell outside."""

    occurred: Tally
    known: Tally
    within: dict[int, Tally]
    facts: dict[str, dict[str, float]] = field(default_factory=lambda: {"occurred": {}, "known": {}})


class _Count:
    """One pass over the events of a layer."""

    def __init__(
        self, name: str, grid: Grid, parts: tuple[str, ...], known_within: tuple[int, ...], areas: Areas, delays: int
    ) -> None:
        self.name, self.grid, self.parts, self.known_within, self.areas = name, grid, parts, known_within, areas
        self.layers: dict[str, _Layer] = {name: self._layer(within=True)}
        self.triangle = np.zeros((len(grid.days), delays + 1 if delays else 0))
        self.days = [np.datetime64("9999-01-01"), np.datetime64("0001-01-01")]
        self.first_known = 0
        self.categories: dict[str, str] = {}
        self.has_hours = False

    def _layer(self, *, within: bool) -> _Layer:
        size = len(self.grid.cells), len(self.grid.days)
        running = {days: Tally(*size, running=True) for days in self.known_within if within}
        return _Layer(Tally(*size), Tally(*size), running)

    def add(self, table: pd.DataFrame) -> None:
        """Count a batch of events."""
        if table.empty:
            return
        first = self.grid.days[0]
        occurred, known = (civil_days(table[clock], self.grid.time_zone) for clock in ("occurred", "known"))
        known = np.maximum(known, occurred)  # by the days of the grid: a report in the evening before is one of the day
        self.days = [min(self.days[0], occurred.min()), max(self.days[1], occurred.max())]
        batch = _Batch(
            occurred=(occurred - first).astype(np.int64),
            known=(known - first).astype(np.int64),
            weight=table["weight"].to_numpy(float),
            row=np.full(len(table), -1, np.int32),
            area=np.full(len(table), -1, np.int64),
        )
        self.first_known = min(self.first_known, int(batch.known.min()))
        point = (table["precision"] == "point").to_numpy()
        batch.row[point] = self.grid.rows(table["lon"].to_numpy(float)[point], table["lat"].to_numpy(float)[point])
        if not point.all():
            batch.area[~point] = self.areas.numbers(table.loc[~point, ["precision", "area"]])
        if self.triangle.size:
            _add_delays(batch, self.triangle)
        for name, mask in self._masks(table):
            if name not in self.layers:
                self.layers[name] = self._layer(within=False)
            _tally(batch if mask is None else batch.only(mask), self.layers[name], len(self.grid.days))

    def _masks(self, table: pd.DataFrame) -> Iterator[tuple[str, np.ndarray | None]]:
        """Yield the whole layer and each part of it in a batch."""
        yield self.name, None
        if "night" in self.parts:
            hours = civil_hours(table["occurred"], self.grid.time_zone)
            self.has_hours |= bool((hours > 0).any())
            yield f"{self.name}_night", hours < NIGHT_HOURS
        if "category" in self.parts:
            codes, categories = pd.factorize(table["category"])
            for code, category in enumerate(categories):
                yield self._part(str(category)), codes == code

    def _part(self, category: str) -> str:
        """Return the name of the layer of a category, which no other part may have."""
        name = f"{self.name}_{variable_name(category)}"
        other = self.categories.setdefault(name, category)
        if other != category or (name == f"{self.name}_night" and "night" in self.parts):
            message = f"the categories {other!r} and {category!r} (or the night) would both be counted as {name!r}; count them as layers of their own: {{'name': events.select(category={category!r})}}"
            raise InputError(message)
        return name

    def variables(self) -> Iterator[tuple[str, xr.Variable]]:
        """Yield the lazy variables of the layer and its parts."""
        grid = self.grid
        if not self.layers[self.name].facts["occurred"].get("events"):
            span = f"{self.days[0]} to {self.days[1]}" if self.days[0] <= self.days[1] else "none"
            message = f"no event of {self.name!r} falls into {grid.days[0]} to {grid.days[-1]}; the events are of {span}. Change start and end of the grid, or the file"
            raise InputError(message)
        self.areas.warn_lacking()
        spread = self.areas.spread()
        spread_facts = {"spread_by_land": self.areas.by_land} if self.areas.by_land else {}
        if not self.has_hours:
            self.layers.pop(f"{self.name}_night", None)
        if self.triangle.size:
            triangle = self.name + DELAYS
            text = f"{self.name}: events by day of occurrence and days until they were known"
            counts = xr.DataArray(self.triangle.astype(np.float32), dims=("time", "delay"))
            yield triangle, stamp(counts, triangle, "triangle", "1", text)
        parts = sorted(name for name in self.layers if name != self.name)
        for name, layer in [(name, self.layers[name]) for name in (self.name, *parts)]:
            part = {} if name == self.name else {"part_of": self.name}
            for suffix, clock, role, text in (
                ("", "occurred", "count", "events by the day they occurred"),
                (KNOWN, "known", "known_count", "events by the day they became known"),
            ):
                tally = layer.occurred if clock == "occurred" else layer.known
                facts = {**layer.facts[clock], **spread_facts}
                variable = xr.DataArray(tally.lazy(spread), dims=("cell", "time"))
                yield (
                    name + suffix,
                    stamp(
                        variable, name + suffix, role, "1", f"{name}: {text}", cell_methods="time: sum", **part, **facts
                    ),
                )
            for days, tally in layer.within.items():
                text = f"{name}: events of the last {days} days that were known at the start of the day"
                counts = xr.DataArray(tally.lazy(spread), dims=("cell", "time"))
                full = xr.DataArray(np.arange(len(grid.days)) >= days + self.first_known, dims="time")
                yield (
                    f"{name}{WITHIN}{days}",
                    stamp(counts.where(full), f"{name}{WITHIN}{days}", "within_count", "1", text, days=days),
                )


@dataclass(frozen=True)
class _Batch:
    """Events as numbers: days since the first of the grid, row of the cell (-1: none), number of the area (-1: a point)."""

    occurred: np.ndarray
    known: np.ndarray
    weight: np.ndarray
    row: np.ndarray
    area: np.ndarray

    def only(self, mask: np.ndarray) -> "_Batch":
        return _Batch(self.occurred[mask], self.known[mask], self.weight[mask], self.row[mask], self.area[mask])


def _tally(batch: _Batch, layer: _Layer, days: int) -> None:
    """Add a batch to the tallies of a layer, each in a thread."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        clocks = [
            pool.submit(_tally_clock, batch, tally, getattr(batch, clock), days, layer.facts[clock])
            for clock, tally in (("occurred", layer.occurred), ("known", layer.known))
        ]
        windows = [pool.submit(_tally_window, batch, tally, window) for window, tally in layer.within.items()]
        for done in clocks + windows:
            done.result()


def _tally_clock(batch: _Batch, tally: Tally, day: np.ndarray, days: int, facts: dict[str, float]) -> None:
    """Count a batch by one clock, and what fell outside."""
    point = batch.area < 0
    _add(tally, batch, day, batch.weight)
    inside = (day >= 0) & (day < days)
    weight = np.where(inside, batch.weight, 0)
    _sum_facts(
        facts,
        events=weight.sum(),
        outside_days=batch.weight[~inside].sum(),
        outside_cells=weight[point & (batch.row < 0)].sum(),
        known_to_area=weight[~point].sum(),
    )
    whole = int((weight[point] == np.floor(weight[point])).all())
    facts["whole"] = min(whole, facts.get("whole", 1))


def _tally_window(batch: _Batch, tally: Tally, window: int) -> None:
    """Add a batch to the events of the last days that are known: from the day after it is known to when it is too old."""
    start, end = np.maximum(batch.known + 1, 0), batch.occurred + window + 1
    some = (start < end) & (end > 0)
    held = _Batch(start[some], end[some], batch.weight[some], batch.row[some], batch.area[some])
    _add(tally, held, held.occurred, held.weight)
    _add(tally, held, held.known, -held.weight)


def _add_delays(batch: _Batch, triangle: np.ndarray) -> None:
    """Add a batch to the events by day of occurrence and delay."""
    days, delays = triangle.shape
    delay = batch.known - batch.occurred
    inside = (batch.occurred >= 0) & (batch.occurred < days) & (delay < delays)
    code = batch.occurred[inside] * delays + delay[inside]
    triangle += np.bincount(code, batch.weight[inside], minlength=triangle.size).reshape(triangle.shape)


def _add(tally: Tally, batch: _Batch, day: np.ndarray, weight: np.ndarray) -> None:
    tally.add_points(batch.row, day, weight)
    known_to_area = batch.area >= 0
    if known_to_area.any():
        tally.add_areas(batch.area[known_to_area], day[known_to_area], weight[known_to_area])


def _sum_facts(facts: dict[str, float], **more: float) -> None:
    for key, value in more.items():
        facts[key] = float(facts.get(key, 0.0) + value)


def _check_name(name: str, cube: xr.Dataset) -> None:
    if not name.isidentifier() or name in cube or name + KNOWN in cube:
        message = f"a layer cannot be called {name!r}: use letters, digits and _, and none of {', '.join(map(str, cube.variables))}"
        raise InputError(message)


def _check_options(grid: Grid, parts: Sequence[str], known_within: Sequence[int], delays: int, spread: str) -> None:
    for part in parts:
        if part not in PARTS:
            message = f"a layer has no parts {part!r}; they are {', '.join(PARTS)}"
            raise InputError(message)
    for days in known_within:
        if not isinstance(days, Integral) or days < 1:
            message = f"known_within must be whole days of at least 1, not {days!r}"
            raise InputError(message)
    if not isinstance(delays, Integral) or delays < 0:
        message = f"delays must be a whole number of days, 0 for none, not {delays!r}"
        raise InputError(message)
    if spread not in SPREADS:
        message = f"spread must be 'land' or 'population', not {spread!r}"
        raise InputError(message)
    if spread == "population" and grid.population is None:
        message = "spread='population' needs the population of the grid: make_grid(…, population=read_raster(path, how='sum')), or read_region(path, attributes=['population'], …)"
        raise InputError(message)
