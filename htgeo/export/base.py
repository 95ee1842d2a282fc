"""What a writer must do, and the table that all of them write."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.core.registry import Registry, near
from htgeo.cube.schema import check_cube, layer_names, require, select_days
from htgeo.grid.cells import cell_hex

EXPORTS: "Registry[type[Writer]]" = Registry("export")


class Writer(ABC):
    """A file format; its name is the suffix of the file.

    A new format is one file with one subclass: set `name` and `summary`, implement `write`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    def __init_subclass__(cls) -> None:
        EXPORTS.add(cls.name, cls)

    @abstractmethod
    def write(self, table: pd.DataFrame, cells: np.ndarray, cube: xr.Dataset, path: Path) -> None:
        """Write the table to `path`; `cells` holds the H3 id of each row."""

    def describe(self, table: pd.DataFrame, cube: xr.Dataset, path: Path) -> None:  # noqa: B027  # most formats hold it inside
        """Write what the format cannot hold (sentences, intended use) beside the finished file."""


def export(
    cube: xr.Dataset, path: str | Path, variables: str | Sequence[str], *, time: str | slice | None = None
) -> Path:
    """Write variables of a cube to a file for other tools; the format follows from the suffix.

    One row a cell and day: ``cell`` (hex text), the region layers, ``date``, and the variables. A broken run leaves no
    half file under the final name.

    Parameters
    ----------
    cube
        The cube.
    path
        File to write: ``.gpkg`` or ``.csv``; ``htgeo list exports`` shows all.
    variables
        One name or several, on ``(cell, time)`` or ``(cell)``.
    time
        A day, or a slice of days; the last day by default.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CubeError
        If the cube has no such variable or day.
    InputError
        If no writer has this suffix, or the file cannot be written.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.export(ht.demo_cube(), "crime.gpkg", "crime", time="2021-03-01").name
    'crime.gpkg'
    """
    check_cube(cube)
    path = Path(path)
    suffix = path.suffix.removeprefix(".")
    if suffix not in EXPORTS:
        known = list(EXPORTS)
        message = f"no export writes {path.name!r}; known suffixes are {', '.join('.' + k for k in known)}{near(suffix, known)}"
        raise InputError(message)
    table, cells = _table(cube, [variables] if isinstance(variables, str) else list(variables), time)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = EXPORTS[suffix]()
        writer.write(table, cells, cube, part)
        part.replace(path)
        writer.describe(table, cube, path)
    except OSError as error:
        message = f"{str(path)!r} cannot be written: {error}"
        raise InputError(message) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def _table(cube: xr.Dataset, variables: list[str], time: str | slice | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Return one row a cell and day, days in order, and the H3 id of each row."""
    for name in variables:
        if require(cube, name).dims not in (("cell", "time"), ("cell",)):
            message = f"{name!r} is on {cube[name].dims}; an export needs variables on ('cell', 'time') or ('cell',)"
            raise CubeError(message)
    chosen = select_days(cube[variables], time).compute()
    cells, days = chosen.sizes["cell"], chosen["time"].values.astype("datetime64[D]")
    labels = layer_names(cube)
    columns = {
        "cell": np.tile(cell_hex(cube["cell"].values), len(days)),
        **{name: np.tile(cube[name].values.astype(object), len(days)) for name in labels},
        "date": np.repeat(days.astype(object), cells),
        **{name: _long(chosen[name], len(days)) for name in variables},
    }
    return pd.DataFrame(columns), np.tile(cube["cell"].values, len(days))


def _long(variable: xr.DataArray, days: int) -> np.ndarray:
    return variable.values.T.ravel() if variable.dims == ("cell", "time") else np.tile(variable.values, days)
