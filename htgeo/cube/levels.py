"""Cubes of coarser and finer cells: counts keep their sum."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.blocks import cell_blocks, from_blocks, whole_time
from htgeo.core.errors import InputError
from htgeo.cube.aggregate import forecast_of
from htgeo.cube.schema import CELL, area_names, check_cube, layer_names, require_cells, role_of, stamp
from htgeo.cube.shares import share_coords, shares_of
from htgeo.grid.cells import cell_areas, cell_centers, check_resolution, parents
from htgeo.grid.shares import largest

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MOST_CELLS = 10_000_000
"""Most cells that a cube is spread over."""
KEPT = ("series", "triangle")
COUNTS = ("count", "known_count", "within_count")


def to_resolution(cube: xr.Dataset, resolution: int) -> xr.Dataset:
    """Return a cube of coarser or finer H3 cells, lazily; counts keep their sum.

    Coarser: a cell belongs to its H3 parent, whose outline follows those of its cells only roughly; counts and expected
    counts add up. Finer: the counts of a cell are spread over all its H3 children by their area, since no finer place is
    known: they are no longer whole, and a map of them shows no more than the coarse one. In both directions a
    risk becomes the expected count it stands for if events come alone (see `aggregate`). Totals of places are
    summed or split, their means weighted by area or taken from the parent. Features, labels, alerts and statistics are
    left out, since they do not add up: add them again. ``levels`` in the attributes says what was done and left out.

    Parameters
    ----------
    cube
        A cube of cells.
    resolution
        H3 resolution, 0 to 15, other than that of the cube.

    Returns
    -------
    Dataset
        A cube ``(cell, time)`` with ``cell_area`` of the new cells, region labels and shares put together from those of
        the old cells. Variables spread over finer cells have ``spread_from`` in their attributes.

    Raises
    ------
    InputError
        If there is no such resolution, it is that of the cube, or there would be too many cells.
    CubeError
        If the places are not cells.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> coarse = ht.to_resolution(cube, 6)
    >>> float(coarse["crime"].sum()) == float(cube["crime"].sum())
    True
    """
    check_cube(cube)
    require_cells(cube, "to_resolution")
    check_resolution(resolution)
    into = _plan(cube, resolution)
    made, left_out = _skeleton(cube, into, resolution), []
    for name in map(str, cube.data_vars):
        variables = _moved(cube[name], cube, into)
        made = made.assign(variables)
        left_out += [] if variables else [name]
    return made.assign_attrs(levels=_statement(cube, resolution, left_out))


@dataclass(frozen=True)
class _Into:
    """Old and new cells, sorted, and how the finer of the two belong to the coarser.

    Attributes
    ----------
    cells
        The new cells.
    parent
        Row of the coarser cell of each finer one; ascending, as H3 ids of the children of a cell follow each other.
    area
        Areas of the finer cells, km2.
    coarser
        Whether the new cells are the coarser ones.
    level
        Resolution of the old cells.
    days
        Length of the time axis.
    """

    cells: np.ndarray
    parent: np.ndarray
    area: np.ndarray
    coarser: bool
    level: int
    days: int

    @cached_property
    def children(self) -> np.ndarray:
        """Number of finer cells in each coarser one."""
        return np.bincount(self.parent)

    def matrix(self, values: np.ndarray) -> "csr_array":
        """Return values of the finer cells as weights, shape (new cell, old cell)."""
        from scipy.sparse import csr_array

        fine = np.arange(len(self.parent))
        rows, cols = (self.parent, fine) if self.coarser else (fine, self.parent)
        coarse = len(self.children)
        return csr_array((values, (rows, cols)), shape=(coarse, len(fine)) if self.coarser else (len(fine), coarse))

    @cached_property
    def total(self) -> "csr_array":
        """Weights that keep a sum: 1, or the share of a child in the area of its siblings."""
        among = np.bincount(self.parent, self.area)[self.parent]
        return self.matrix(np.ones(len(self.parent)) if self.coarser else self.area / among)

    @cached_property
    def mean(self) -> "csr_array":
        """Weights of a mean that is yet to be divided by its weight: areas, or 1."""
        return self.matrix(self.area if self.coarser else np.ones(len(self.parent)))

    @cached_property
    def blocks(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Sizes of the blocks of old and new cells that belong together, bounded by the finer ones."""
        size = max(1, cell_blocks(len(self.parent), self.days)[0] // int(self.children.max()))
        starts = np.arange(0, len(self.children), size)
        coarse = tuple(np.diff([*starts, len(self.children)]).tolist())
        fine = tuple(np.add.reduceat(self.children, starts).tolist())
        return (fine, coarse) if self.coarser else (coarse, fine)


def _plan(cube: xr.Dataset, resolution: int) -> _Into:
    cells, level = cube[CELL].values, int(cube.attrs["resolution"])
    if resolution == level:
        message = f"the cells of the cube are of resolution {level} already; give a smaller number for coarser cells, a larger one for finer"
        raise InputError(message)
    if resolution < level:
        new, parent = np.unique(parents(cells, resolution), return_inverse=True)
        return _Into(new, parent, cube["cell_area"].values, coarser=True, level=level, days=cube.sizes["time"])
    count = len(cells) * 7 ** (resolution - level)
    if count > MOST_CELLS:
        message = f"resolution {resolution} would have {count:,} cells, more than {MOST_CELLS:,}; give a lower one, or cut the cube first with htgeo.clip"
        raise InputError(message)
    new = _children(cells, resolution)
    parent = np.searchsorted(cells, parents(new, level))
    return _Into(new, parent, cell_areas(new), coarser=False, level=level, days=cube.sizes["time"])


def _children(cells: np.ndarray, resolution: int) -> np.ndarray:
    """Return the sorted descendants of cells at a finer resolution (uint64)."""
    from h3ronpy import change_resolution

    return np.unique(np.asarray(change_resolution(cells, resolution)))


def _skeleton(cube: xr.Dataset, into: _Into, resolution: int) -> xr.Dataset:
    """Return the new cube with its coordinates and no variables."""
    lon, lat = cell_centers(into.cells)
    new = {"lon": lon, "lat": lat, "cell_area": cell_areas(into.cells)}
    coords: dict[str, Any] = {
        CELL: (CELL, into.cells, {"grid_name": "h3", "level": resolution}),
        "time": cube["time"].variable,
        **{name: (CELL, values, cube[name].attrs) for name, values in new.items()},
    }
    for layer in layer_names(cube):
        coords |= _layer(cube, into, layer, new["cell_area"])
    return xr.Dataset(coords=coords, attrs={**cube.attrs, "resolution": resolution})


def _layer(cube: xr.Dataset, into: _Into, layer: str, area: np.ndarray) -> dict[str, Any]:
    """Return label and shares of the new cells in a layer, put together from those of the old ones."""
    from scipy.sparse import csr_array, diags_array

    names = area_names(cube, layer)
    known = shares_of(cube, layer)
    number = {name: n for n, name in enumerate(names)}
    main = np.array([number.get(str(name), -1) for name in cube[layer].values])
    held = np.flatnonzero(main >= 0)
    label = csr_array((np.ones(len(held)), (held, main[held])), shape=(len(main), len(names)))
    surface = into.mean @ (label if known is None else known)
    per = np.asarray(surface.sum(axis=1)).ravel()
    whole = np.maximum(area, per) if into.coarser else np.ones(len(area))  # H3 parents are not quite their children
    shares = csr_array(diags_array(1 / whole) @ surface)
    labels = np.array([*names, ""])[largest(shares)]
    about = {**cube[layer].attrs, "names": names} if known is None else cube[layer].attrs
    return {layer: (CELL, labels, about), **({} if known is None else share_coords(layer, shares, names))}


def _moved(data: xr.DataArray, cube: xr.Dataset, into: _Into) -> dict[str, xr.Variable]:
    """Return a variable of the new cube by name; nothing where it does not add up."""
    name, role = str(data.name), role_of(data)
    if role in KEPT:
        return {name: data.variable}
    if role == "place":
        return _place(data, into)
    if role in COUNTS:
        part = {} if into.coarser else {"whole": 0}
        return {name: _stamped(data, _sums(data, into), name, role, into, **part)}
    if role == "expected":
        return {name: _stamped(data, _sums(data, into), name, role, into)}
    made = f"expected_{name.removeprefix('risk_')}"
    if role != "risk" or made in cube:
        return {}
    text = f"expected count of {data.attrs['layer']} forecast by {data.attrs['model']}, from {name}"
    plain = data.drop_attrs().assign_attrs({k: v for k, v in data.attrs.items() if k != "base_rate"})
    values = _sums(data, into, probability=True)
    return {made: _stamped(plain, values, made, "expected", into, units="1", long_name=text)}


def _place(data: xr.DataArray, into: _Into) -> dict[str, xr.Variable]:
    """Return a variable of places: totals summed or split, means weighted by area over the cells that have a value."""
    how = data.attrs.get("how")
    if how not in ("sum", "mean"):
        return {}
    values = np.asarray(data.values, float)
    known = np.isfinite(values)
    weights = into.total if how == "sum" else into.mean
    total = np.asarray(weights @ np.where(known, values, 0.0))
    weight = np.asarray(into.mean @ known.astype(float))
    over = weight if how == "mean" else (weight > 0).astype(float)
    joined = np.divide(total, over, out=np.full(len(total), np.nan), where=weight > 0).astype(np.float32)
    return {str(data.name): _stamped(data, joined, str(data.name), "place", into)}


def _sums(data: xr.DataArray, into: _Into, *, probability: bool = False) -> Any:
    """Return the lazy sums or parts of counts, float32 (new cell, time)."""
    if data.chunks is None:
        return _weighted(into.total, data.values, probability)
    old, new = into.blocks
    blocks = whole_time(data).chunk({CELL: old}).data.to_delayed().ravel()
    rows, cols = (np.concatenate([[0], np.cumsum(sizes)]) for sizes in (new, old))
    arguments = [
        (into.total[rows[i] : rows[i + 1], cols[i] : cols[i + 1]], block, probability) for i, block in enumerate(blocks)
    ]
    array = from_blocks(_weighted, arguments, new, into.days, np.float32)
    return array.rechunk((cell_blocks(len(into.cells), into.days), -1))


def _weighted(weights: "csr_array", values: np.ndarray, probability: bool) -> np.ndarray:
    return np.asarray(weights @ forecast_of(values, probability=probability)).astype(np.float32)


def _stamped(data: xr.DataArray, values: Any, name: str, role: str, into: _Into, **more: Any) -> xr.Variable:
    """Return new values as a variable with the attributes of the old one, marked where they are spread."""
    attrs = {key: value for key, value in {**data.attrs, **more}.items() if key not in ("role", "role_of", "clock")}
    units, text = attrs.pop("units", "1"), attrs.pop("long_name", name)
    if not into.coarser:
        attrs["spread_from"] = into.level
        text = f"{text}; spread from cells of resolution {into.level}"
    return stamp(xr.DataArray(values, dims=data.dims), name, role, units, text, **attrs)


def _statement(cube: xr.Dataset, resolution: int, left_out: list[str]) -> str:
    """Return what was done and left out, in words."""
    level = int(cube.attrs["resolution"])
    how = "summed to H3 parents" if resolution < level else "spread over H3 children by area, no finer place is known"
    said = [f"from resolution {level} to {resolution}: counts {how}"]
    if any(role_of(cube[name]) == "risk" for name in cube.data_vars):
        said.append("risks became expected counts: neither the mean nor the sum of probabilities is a probability")
    if left_out:
        said.append(f"left out, as they do not add up: {', '.join(left_out)}")
    return "; ".join(said)
