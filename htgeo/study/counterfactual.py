"""Cubes that might have been: another future, late reports deleted, counts shuffled; and all that is made from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from htgeo.cube.gridding import KNOWN
from htgeo.cube.schema import role_of, space, stamp, variables_of
from htgeo.labels import Label, add_label

Counts = Mapping[str, np.ndarray]
Recipe = Callable[[xr.Dataset], xr.Dataset]
INPUTS = ("count", "known_count", "within_count", "triangle", "series")
"""Roles of the variables that are read from files, which everything else is made from."""
AS_OF = ("within_count", "series")
"""Those of them that are known at the start of their day."""
ROUNDING = 1e-3
"""Events: less is the rounding of sums."""


@dataclass(frozen=True)
class Maker:
    """Makes label and columns again, from other counts than those of a cube.

    Attributes
    ----------
    cube
        The cube without its label.
    label
        The label.
    recipe
        Returns a cube with more columns.
    """

    cube: xr.Dataset
    label: Label
    recipe: Recipe

    @cached_property
    def inputs(self) -> dict[str, np.ndarray]:
        """Values of the counts and series of the cube."""
        return {str(name): self.cube[name].values for name in self.cube if role_of(self.cube[name]) in INPUTS}

    @cached_property
    def replayed(self) -> list[str]:
        """Names of the features in the cube that are lazy and made from its counts: they can be made from others."""
        keys = {key for name in self.inputs for key, _ in _blocks(self.cube[name])}
        return [name for name in variables_of(self.cube, "feature") if keys & set(_graph(self.cube[name]))]

    @property
    def fixed(self) -> list[str]:
        """Names of the features in the cube that cannot be made from other counts."""
        return [name for name in variables_of(self.cube, "feature") if name not in self.replayed]

    def make(self, inputs: Counts | None = None, rows: np.ndarray | None = None) -> xr.Dataset:
        """Return the cube with label and columns made from `inputs` (None: those of the cube).

        Parameters
        ----------
        inputs
            Values of all variables of `INPUTS`.
        rows
            Only these cells, in memory; None makes all, in the blocks of the cube.
        """
        at = {} if rows is None else {space(self.cube): rows}
        part = self.cube.isel(at)
        if inputs is not None:
            replay = {name: part[name].copy(data=_replay(part[name], self.cube, inputs)) for name in self.replayed}
            part = part.assign({name: _cut(self.cube[name], values, at) for name, values in inputs.items()} | replay)
        if rows is not None:
            part = part.compute()
        labelled = add_label(part, self.label)
        return _stamped(self.recipe(labelled), labelled)


def changed_from(maker: Maker, step: int, seed: int) -> dict[str, np.ndarray]:
    """Return the inputs with all that happened or became known from the step on replaced by other numbers."""
    made = {}
    for number, (name, values) in enumerate(maker.inputs.items()):
        role = role_of(maker.cube[name])
        other = np.random.default_rng([seed, number]).poisson(3.0, values.shape).astype(np.float32)
        other += other == values
        when = np.arange(values.shape[-1])
        if role == "triangle":  # (time, delay): the day an event became known is the sum of both
            when = np.add.outer(np.arange(values.shape[0]), when)
        made[name] = np.where(when >= step + (role in AS_OF), other, values)
    return made


def known_by(maker: Maker, step: int, seed: int) -> dict[str, np.ndarray]:
    """Return `changed_from`, and of the counts by day of occurrence what was not yet known at the step deleted.

    A cube does not say which events were reported late, only how many: the latest ones are deleted.
    """
    made = changed_from(maker, step, seed)
    for name in variables_of(maker.cube, "count"):
        if name + KNOWN in made:
            past = made[name][:, :step]
            late = past.sum(axis=1, dtype=float) - made[name + KNOWN][:, :step].sum(axis=1, dtype=float)
            late[late < ROUNDING] = 0
            since = np.cumsum(past[:, ::-1], axis=1, dtype=float)[:, ::-1]
            made[name][:, :step] = past - np.clip(late[:, None] - (since - past), 0, past)
    return made


def shuffled(maker: Maker, seed: int, *, within_cells: bool) -> dict[str, np.ndarray]:
    """Return the inputs with the counts of all layers shuffled alike: the days within each cell, or all cell-days."""
    rng = np.random.default_rng(seed)
    cells, steps = (maker.cube.sizes[dim] for dim in (space(maker.cube), "time"))
    order = np.arange(cells * steps).reshape(cells, steps)
    order = rng.permuted(order, axis=1) if within_cells else rng.permutation(order.ravel()).reshape(order.shape)
    counted = [name for name in maker.inputs if role_of(maker.cube[name]) in ("count", "known_count")]
    return {**maker.inputs, **{name: maker.inputs[name].ravel()[order] for name in counted}}


def _cut(variable: xr.DataArray, values: np.ndarray, rows: dict[str, np.ndarray]) -> xr.DataArray:
    """Return the variable with other values: of some cells in memory, of all in its blocks."""
    other = variable.copy(data=values)
    if rows:
        return other.isel({dim: at for dim, at in rows.items() if dim in other.dims})
    return other.chunk(variable.chunksizes) if variable.chunks is not None else other


def _blocks(variable: xr.DataArray) -> list[tuple[tuple[str | int, ...], tuple[slice, ...]]]:
    """Return key and place of each block of a lazy variable; nothing for one in memory."""
    if variable.chunks is None:
        return []
    from dask.array.core import slices_from_chunks
    from dask.core import flatten

    lazy: Any = variable.data
    return list(zip(flatten(lazy.__dask_keys__()), slices_from_chunks(lazy.chunks), strict=True))


def _graph(variable: xr.DataArray) -> dict[object, object]:
    """Return the tasks of a lazy variable; nothing for one in memory."""
    lazy: Any = variable.data
    return dict(lazy.__dask_graph__()) if variable.chunks is not None else {}


def _replay(column: xr.DataArray, cube: xr.Dataset, inputs: Counts) -> np.ndarray:
    """Return the values of a lazy column with the blocks of the counts, which its graph begins from, exchanged."""
    import dask.array as da
    from dask.optimization import cull

    graph = _graph(column)
    for name, values in inputs.items():
        graph |= {key: values[place] for key, place in _blocks(cube[name]) if key in graph}
    keys = [key for key, _ in _blocks(column)]
    needed = cull(graph, keys)[0]
    lazy = da.Array(needed, keys[0][0], chunks=column.chunks, dtype=column.dtype)
    return np.asarray(lazy.compute(optimize_graph=False))


def _stamped(made: xr.Dataset, before: xr.Dataset) -> xr.Dataset:
    """Return the cube with the columns that a function added, where they have no role, as features in its blocks."""
    plain = [str(name) for name in made if name not in before and role_of(made[name]) is None]
    blocks: dict[str, Any] = {space(made): before.chunksizes.get(space(made), -1), "time": -1}
    columns = {}
    for name in plain:
        values = made[name].astype("float32")
        if set(values.dims) <= set(blocks):
            values = (
                values.chunk({str(dim): blocks[str(dim)] for dim in values.dims})
                if values.chunks is not None
                else values
            )
            columns[name] = stamp(values, name, "feature", "1", name)
    return made.assign(columns)
