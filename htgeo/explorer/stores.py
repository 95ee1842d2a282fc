"""The stores that were found at the start, opened when they are looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from htgeo.core.errors import InputError
from htgeo.cube.repository import BRANCH, open_repository
from htgeo.cube.store import open_cube
from htgeo.explorer.data import Explored
from htgeo.explorer.security import check_store
from htgeo.explorer.thresholds import ThresholdSums

MOST_OPEN = 4


@dataclass(frozen=True, eq=False)
class Opened:
    """One commit of a store, with what was read and summed of it."""

    explored: Explored
    sums: ThresholdSums


class Stores:
    """Opens stores by their names, and nothing else; a new commit is seen when a store is opened again.

    Parameters
    ----------
    paths
        Path by name, from `find_stores`.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = dict(paths)
        self._open = lru_cache(MOST_OPEN)(_opened)

    def open(self, name: str) -> Opened:
        """Return a store; only its coordinates are read.

        Raises
        ------
        InputError
            If the name is not one of those found at the start.
        StoreError
            If it cannot be read, or has a link in it.
        CubeError
            If the explorer cannot show it.
        """
        if name not in self.paths:
            message = f"there is no store {name!r}; there are {', '.join(self.paths)}"
            raise InputError(message)
        path = self.paths[name]
        return self._open(path, open_repository(check_store(path)).lookup_branch(BRANCH))


def _opened(path: str, commit: str) -> Opened:
    explored = Explored(open_cube(path, commit=commit))
    return Opened(explored, ThresholdSums(explored))
