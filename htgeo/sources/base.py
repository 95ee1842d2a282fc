"""What a source must state, and the functions that read by kind."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from htgeo.core.errors import InputError
from htgeo.core.options import build
from htgeo.core.registry import Registry
from htgeo.sources.events import Events, EventScan
from htgeo.sources.region import Region

Rings = Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
"""How many rings of cells around a cell places or lines are counted in; 0: none."""
SOURCES: "Registry[type[Source]]" = Registry("source")


class Source(ABC):
    """A kind of file; a subclass is a frozen dataclass whose fields are the options of the kind.

    A new kind is one file with one subclass: set `name`, `gives` and `summary`, implement `read`.
    """

    name: ClassVar[str]
    gives: ClassVar[str] = "events"
    summary: ClassVar[str]

    def __init_subclass__(cls) -> None:
        SOURCES.add(cls.name, cls)

    @abstractmethod
    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Any:
        """Read the files into what the kind gives."""

    def scan(self, paths: Sequence[Path], areas: Sequence[Region], batch_rows: int) -> Iterator[Any]:  # noqa: ARG002  # for kinds that read in batches
        """Read the files batch by batch; a kind whose files are small, or judged as a whole, gives one batch."""
        yield self.read(paths, areas)


def read_source(
    kind: str, path: str | Path | Sequence[str | Path], *, areas: Sequence[Region] = (), **options: Any
) -> Any:
    """Read files of any kind: events, a series or places.

    Parameters
    ----------
    kind
        Name of a source; ``htgeo list sources`` shows them.
    path
        A file, or several files of one source.
    areas
        Region layers: the first bounds the study area, each is a place an event can be known to.
    **options
        Options of the kind.

    Returns
    -------
    Events, Series or Places

    Raises
    ------
    InputError
        If a file or an option cannot be used.
    UnknownNameError
        If there is no such kind.
    """
    reader: Source = build("source", SOURCES[kind], options)
    return reader.read(_paths(kind, path), _layers(areas))


def _paths(kind: str, path: str | Path | Sequence[str | Path]) -> list[Path]:
    paths = [Path(p) for p in ([path] if isinstance(path, str | Path) else path)]
    if not paths:
        message = f"the source {kind!r} needs at least one file"
        raise InputError(message)
    return paths


def _layers(areas: Sequence[Region] | Region) -> list[Region]:
    return [areas] if isinstance(areas, Region) else list(areas)


def read_events(
    kind: str, path: str | Path | Sequence[str | Path], *, areas: Sequence[Region] = (), **options: Any
) -> Events:
    """Read event files: every row is kept, repaired or quarantined with a reason.

    Parameters
    ----------
    kind
        ``"nypd_complaints"``, ``"tahub_cases"``, ``"nyc_permitted_events"``, ``"table"`` or ``"npz"``.
    path
        A file, or several files of one source.
    areas
        Region layers: the first bounds the study area (points beyond it go to quarantine), each is a place that an
        event can be known to.
    **options
        Options of the kind, as in a study file.

    Returns
    -------
    Events
        With `table` and `report`.

    Raises
    ------
    InputError
        If a file or an option cannot be used, or the kind gives no events.
    UnknownNameError
        If there is no such kind.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz")
    >>> crimes.report.rows == crimes.report.kept + crimes.report.repaired + crimes.report.quarantined
    True
    """
    _require_events(kind)
    events = read_source(kind, path, areas=areas, **options)
    assert isinstance(events, Events)  # noqa: S101  # for the type checker: the kind gives events
    return events


def scan_events(
    kind: str,
    path: str | Path | Sequence[str | Path],
    *,
    areas: Sequence[Region] = (),
    batch_rows: int = 500_000,
    **options: Any,
) -> EventScan:
    """Read event files larger than memory batch by batch, for `grid_events`.

    Rows are judged as by `read_events`, and the cube is the same for any `batch_rows`. Nothing is read before
    `grid_events` asks for it. Of the kinds, ``table`` (without `demote_stacked`) and ``nypd_complaints`` read in
    batches; others, and vector files, are read at once.

    With an active dask client, batches are read and judged on its workers, two at a time for each of their threads; the
    events are the same. The workers read plain CSV and Parquet files themselves, from a file system that they share;
    packed and vector files are read here.

    Parameters
    ----------
    kind, path, areas, **options
        As for `read_events`.
    batch_rows
        About the number of rows of a batch; one is in memory at a time, with a client two for each thread.

    Returns
    -------
    EventScan
        An iterable of `Events`, with `select` and, after a pass, `report`.

    Raises
    ------
    InputError
        If the kind gives no events; while reading, as `read_events`.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
    >>> grid = ht.make_grid(boroughs, resolution=7, start="2021-01-01", end="2021-01-31")
    >>> crimes = ht.scan_events("nypd_complaints", folder / "complaints.csv.gz", areas=[boroughs], batch_rows=500)
    >>> cube = ht.grid_events({"crime": crimes.select(precision="point")}, grid)
    >>> crimes.select(precision="point") is crimes
    False
    """
    _require_events(kind)
    reader: Source = build("source", SOURCES[kind], options)
    paths, layers = _paths(kind, path), _layers(areas)
    if batch_rows < 1:
        message = f"batch_rows must be at least 1, not {batch_rows!r}"
        raise InputError(message)
    return EventScan(lambda: reader.scan(paths, layers, batch_rows))


def _require_events(kind: str) -> None:
    gives = SOURCES[kind].gives
    if gives != "events":
        message = f"the source {kind!r} gives {gives}, not events: read it with read_{gives}(path, …)"
        raise InputError(message)
