"""What a source must state, and the functions that read by kind."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from htgeo.core.errors import InputError
from htgeo.core.options import build
from htgeo.core.registry import Registry
from htgeo.sources.events import Events
from htgeo.sources.region import Region

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
    reader = build("source", SOURCES[kind], options)
    paths = [Path(p) for p in ([path] if isinstance(path, str | Path) else path)]
    if not paths:
        message = f"the source {kind!r} needs at least one file"
        raise InputError(message)
    return reader.read(paths, [areas] if isinstance(areas, Region) else list(areas))


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
    if SOURCES[kind].gives != "events":
        gives = SOURCES[kind].gives
        message = f"the source {kind!r} gives {gives}, not events: read it with read_{gives}(path, …)"
        raise InputError(message)
    events = read_source(kind, path, areas=areas, **options)
    assert isinstance(events, Events)  # noqa: S101  # for the type checker: the kind gives events
    return events
