"""What a writer must do, and how it is called."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import xarray as xr

from htgeo.core.errors import HtgeoError, InputError
from htgeo.core.options import build
from htgeo.core.registry import Registry, near
from htgeo.cube.schema import check_cube
from htgeo.export.product import Product, choose
from htgeo.sources.region import Region

EXPORTS: "Registry[type[Writer]]" = Registry("export")
LITTLE_ROOM = 1 << 20
"""Bytes below which a disk is full."""


class Writer(ABC):
    """A file format; its name is the suffix of the file.

    A new format is one file with one subclass, a frozen dataclass whose fields are its options: set `name` and
    `summary`, implement `write`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    def __init_subclass__(cls) -> None:
        EXPORTS.add(cls.name, cls)

    @abstractmethod
    def write(self, product: Product, path: Path) -> None:
        """Write the product to `path`, block by block where the format allows it; the same product gives the same bytes.

        What the format cannot hold (sentences, a style, data of a project) is written beside `path` under a name that
        begins with its stem. All of it reaches the folder asked for when all of it is written.
        """


def export(
    cube: xr.Dataset,
    path: str | Path,
    variables: str | Sequence[str],
    *,
    time: str | slice | None = None,
    area: Mapping[str, str | Sequence[str]] | None = None,
    audience: Literal["internal", "public"] = "internal",
    region: Region | None = None,
    **options: Any,
) -> Path:
    """Write variables of a cube to a file for other tools; the format follows from the suffix.

    One row a cell and day: ``cell`` (hex text), the region layers, ``date``, and the variables; the cells of one block
    of the cube after the other, day by day within a block. It is computed and written block by block. A broken run
    leaves no half file under the final name, and the same cube gives the same bytes.

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
    area
        Names of areas by region layer, ``{"borough": ["Queens", "Bronx"]}``; only their places are written.
    audience
        ``internal``, as every file then says, or ``public``.
    region
        Shapes of the areas, for a cube whose places are areas.
    **options
        Options of the format, such as ``crs`` and ``pixel`` of ``.tif``.

    Returns
    -------
    Path
        The file, or the folder where the format is one of several files.

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
    names = [variables] if isinstance(variables, str) else list(variables)
    product = choose(cube, names, time=time, area=area, audience=audience, region=region)
    writer = build("export", EXPORTS[suffix], options)
    if os.path.isdir(path):  # noqa: PTH112  # also for a name that is too long
        message = f"{str(path)!r} is a folder that exists already; choose another name, or remove it first"
        raise InputError(message)
    staging = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        writer.write(product, staging / path.name)
        _publish(staging, path)
    except HtgeoError:  # a store that cannot be read is an OSError as well
        raise
    except OSError as error:
        message = f"{str(path)!r} cannot be written: {error.strerror or error}{_room(staging)}"
        raise InputError(message) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return path


def _publish(staging: Path, path: Path) -> None:
    """Move what is complete to its folder, the file asked for last; nothing where a name is taken by a folder."""
    parts = sorted(staging.iterdir(), key=lambda part: part.name == path.name)
    for part in parts:
        if path.with_name(part.name).is_dir():
            message = f"{str(path.with_name(part.name))!r}, which goes with it, is a folder that exists already"
            raise OSError(message)
    for part in parts:
        part.replace(path.with_name(part.name))


def _room(folder: Path) -> str:
    """Return what to do where the disk is full; libraries say it in many ways, or not at all."""
    if not os.path.isdir(folder) or shutil.disk_usage(folder).free >= LITTLE_ROOM:  # noqa: PTH112  # as above
        return ""
    return f"; {folder.parent} has no space left: make room, or choose another disk or a smaller selection"
