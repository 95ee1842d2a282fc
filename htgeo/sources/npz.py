"""Dense count arrays with named axes."""

import json
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.core.registry import near
from htgeo.sources.base import Source
from htgeo.sources.clean import Rows
from htgeo.sources.csv_lines import MAX_BYTES
from htgeo.sources.events import Events
from htgeo.sources.files import existing
from htgeo.sources.region import Region, make_region

AXES = ("row", "col", "day", "category", "cell", "time", "channel")
LAYER = "square"


@dataclass(frozen=True)
class Npz(Source):
    """Counts in an NPZ file: ``(row, col, day, category)`` with a grid description, or htgeo's ``(cell, time, channel)``.

    Arrays of objects are never loaded. A square is an area: events are known to the layer ``square``, made by
    `square_region`; cells of htgeo's own arrays become points at the cell centre.

    Parameters
    ----------
    array
        Name of the count array.
    axes
        Names of its axes, e.g. ``[row, col, day, category]``. Not needed for arrays written by htgeo.
    first_day
        Day of index 0 of the day axis, ``YYYY-MM-DD``. Not needed for arrays written by htgeo.
    categories
        Names along the category axis.
    """

    name: ClassVar[str] = "npz"
    summary: ClassVar[str] = "dense counts in NPZ: (row, col, day, category) or htgeo's (cell, time, channel)"
    array: str = "data"
    axes: Sequence[str] = ("cell", "time", "channel")
    first_day: str | None = None
    categories: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for axis in self.axes:
            if axis not in AXES:
                message = f"axes has no value {axis!r}{near(axis, list(AXES))}; allowed are {', '.join(AXES)}"
                raise InputError(message)
        if len(set(self.axes)) < len(self.axes):
            message = f"axes names an axis twice: {', '.join(self.axes)}"
            raise InputError(message)
        squares = {"row", "col", "day"} <= set(self.axes)
        if not squares and set(self.axes) != {"cell", "time", "channel"}:
            message = (
                f"axes must be row, col, day (and category), or cell, time, channel; given are {', '.join(self.axes)}"
            )
            raise InputError(message)
        if squares and self.first_day is None:
            message = "the axis 'day' needs first_day, e.g. first_day: '2016-01-01'"
            raise InputError(message)
        if self.first_day is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(self.first_day)):
            message = f"first_day must be a day like 2016-01-01, not {self.first_day!r}"
            raise InputError(message)

    def read(self, paths: Sequence[Path], areas: Sequence[Region]) -> Events:
        """Read the non-zero counts as events with a weight."""
        parts = [self._events(path, areas) for path in paths]
        table = pd.concat([table for table, _ in parts], ignore_index=True)
        rows = Rows(table, self.name, paths, np.repeat(np.arange(len(parts)), [len(t) for t, _ in parts]))
        rows.notes += [note for _, note in parts]
        weight = table["weight"].to_numpy()
        rows.quarantine(~(np.isfinite(weight) & (weight >= 0)), "count missing, negative or infinite")
        return rows.events(**{name: table[name] for name in table.columns})

    def _events(self, path: Path, areas: Sequence[Region]) -> tuple[pd.DataFrame, str]:
        arrays = load_arrays(path)
        counts = self._checked(arrays, path)
        where = np.nonzero(counts)
        index = dict(zip(self.axes, where, strict=True))
        place = self._square_place(index, areas, path) if "row" in index else _cell_place(index, arrays)
        days = (
            np.datetime64(str(self.first_day), "D") + index["day"].astype("timedelta64[D]")
            if "day" in index
            else arrays["time"].astype("datetime64[D]")[index["time"]]
        )
        names = self._category_names(arrays, counts, path)
        axis = index.get("category", index.get("channel"))
        occurred = pd.Series(days.astype("datetime64[s]"))
        category = names[axis] if axis is not None else np.full(len(occurred), "")
        table = pd.DataFrame(
            {
                "occurred": occurred,
                "known": occurred,
                **place,
                "category": category,
                "weight": counts[where].astype(float),
            }
        )
        return table, f"{path.name}: counts of shape {counts.shape}, {len(table):,} non-zero, sum {counts.sum():,}"

    def _checked(self, arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
        if self.array not in arrays:
            message = (
                f"{path.name} has no array {self.array!r}{near(self.array, list(arrays))}; it has {', '.join(arrays)}"
            )
            raise InputError(message)
        counts = arrays[self.array]
        if counts.ndim != len(self.axes) or counts.dtype.kind not in "uif":
            message = f"{path.name}: array {self.array!r} has shape {counts.shape} and type {counts.dtype}; numbers along {', '.join(self.axes)} are needed"
            raise InputError(message)
        if "cell" in self.axes:
            wanted = {"cell": "u", "time": "M", "channel": "U"}
            for axis, name in enumerate(self.axes):
                array = arrays.get(name)
                if array is None or array.dtype.kind != wanted[name] or array.shape != (counts.shape[axis],):
                    message = f"{path.name} needs the array {name!r} with {counts.shape[axis]} values of kind {wanted[name]!r}, as htgeo writes it"
                    raise InputError(message)
        return counts

    def _category_names(self, arrays: dict[str, np.ndarray], counts: np.ndarray, path: Path) -> np.ndarray:
        axis = next((i for i, a in enumerate(self.axes) if a in ("category", "channel")), None)
        if axis is None:
            return np.array([""])
        names = (
            list(self.categories)
            if self.categories is not None
            else arrays.get("channel", np.arange(counts.shape[axis]).astype(str)).tolist()
        )
        if len(names) != counts.shape[axis]:
            message = (
                f"{path.name} has {counts.shape[axis]} categories, {len(names)} names are given: {', '.join(names)}"
            )
            raise InputError(message)
        return np.array(names, dtype=object)

    def _square_place(self, index: dict[str, np.ndarray], areas: Sequence[Region], path: Path) -> dict[str, Any]:
        names = np.char.add(np.char.add("r", index["row"].astype(str)), np.char.add("c", index["col"].astype(str)))
        region = next((r for r in areas if r.layer == LAYER), None)
        if region is not None and not set(names.tolist()) <= set(region.names):
            message = f"{path.name} has counts outside the {len(region)} squares of the region layer; was it made from the right grid description?"
            raise InputError(message)
        return {"lon": np.nan, "lat": np.nan, "area": names.astype(object), "precision": LAYER}


def _cell_place(index: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    from h3ronpy.vector import cells_to_coordinates

    centres = cells_to_coordinates(arrays["cell"])
    lat, lon = (np.asarray(centres[name]) for name in ("lat", "lng"))
    return {"lon": lon[index["cell"]], "lat": lat[index["cell"]], "area": "", "precision": "point"}


def load_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of an NPZ file; object arrays (pickles) and oversized ones are refused.

    Raises
    ------
    InputError
        If the file is absent, damaged, too large, or holds objects.
    """
    path = existing(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MAX_BYTES:
            message = f"{path.name} unpacks to {size / 2**30:.1f} GiB, more than {MAX_BYTES / 2**30:.0f} GiB"
            raise InputError(message)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        message = f"{path.name} holds an array of Python objects, which htgeo never loads (it could run code); save numbers only"
        raise InputError(message) from error
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        message = f"{path.name} is not an NPZ file, or damaged: {error}"
        raise InputError(message) from error


def square_region(description: str | Path | Mapping[str, Any]) -> Region:
    """Return the squares of a latitude-longitude grid as a region layer called ``square``.

    Parameters
    ----------
    description
        JSON file or mapping with rows, cols, min_lat, min_lon, cell_height_deg and cell_width_deg (degrees); row 0 is
        the southernmost.

    Returns
    -------
    Region
        Areas named ``r<row>c<col>``.

    Raises
    ------
    InputError
        If a key is missing.

    Examples
    --------
    >>> import htgeo as ht
    >>> grid = dict(rows=2, cols=2, min_lat=40.5, min_lon=-74.2, cell_height_deg=0.03, cell_width_deg=0.04)
    >>> ht.square_region(grid).names
    ('r0c0', 'r0c1', 'r1c0', 'r1c1')
    """
    import shapely

    d = dict(description) if isinstance(description, Mapping) else json.loads(existing(description).read_text("utf-8"))
    keys = ("rows", "cols", "min_lat", "min_lon", "cell_height_deg", "cell_width_deg")
    missing = [key for key in keys if key not in d]
    if missing:
        message = f"the grid description lacks {', '.join(missing)}; it needs {', '.join(keys)}"
        raise InputError(message)
    row, col = (axis.ravel() for axis in np.meshgrid(np.arange(d["rows"]), np.arange(d["cols"]), indexing="ij"))
    west, south = d["min_lon"] + col * d["cell_width_deg"], d["min_lat"] + row * d["cell_height_deg"]
    boxes = shapely.box(west, south, west + d["cell_width_deg"], south + d["cell_height_deg"])
    names = [f"r{r}c{c}" for r, c in zip(row, col, strict=True)]
    return make_region(LAYER, names, boxes)
