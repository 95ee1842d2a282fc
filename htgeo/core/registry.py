"""Remembers named things, refuses doubles, and lists the names it knows."""

from collections.abc import Iterator
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from htgeo.core.errors import UnknownNameError

T = TypeVar("T")


def near(name: str, known: list[str]) -> str:
    """Return "; did you mean …?" for the nearest known name, or nothing."""
    close = get_close_matches(str(name).lower(), [str(k).lower() for k in known], n=1)
    match = next((k for k in known if close and str(k).lower() == close[0]), None)
    return f"; did you mean {match!r}?" if match else ""


class Registry(Generic[T]):
    """Names of one kind of thing (features, models …), in the order of registration.

    Other packages add theirs through the entry-point group ``htgeo.<kind>s``, loaded at the first look-up.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}
        self._plugins_loaded = False

    def add(self, name: str, item: T) -> None:
        """Register `item` under `name`; a name can be taken once."""
        if name in self._items:
            message = f"the {self.kind} name {name!r} is already taken by {self._items[name]!r}"
            raise ValueError(message)
        self._items[name] = item

    def __getitem__(self, name: str) -> T:
        self._load_plugins()
        if name not in self._items:
            known = list(self._items)
            message = f"there is no {self.kind} {name!r}; known are {', '.join(known)}{near(name, known)}"
            raise UnknownNameError(message)
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        self._load_plugins()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        self._load_plugins()
        return iter(self._items)

    def _load_plugins(self) -> None:
        if not self._plugins_loaded:
            self._plugins_loaded = True
            for point in entry_points(group=f"htgeo.{self.kind}s"):
                point.load()
