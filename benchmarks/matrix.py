"""The design matrix: 2 million rows x 40 columns from a cube in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Row, faster, load

CELLS, LENGTH, FEATURES = 8000, 250, 40
Work = Callable[[], dict[str, np.ndarray]]


def htgeo(folder: Path) -> Work:
    """All samples of the cube with their label, weight, cell and day."""
    import xarray as xr
    from inputs import square_grid

    import htgeo as ht
    from htgeo.cube.coords import empty_cube
    from htgeo.cube.schema import stamp

    values, label = load(folder, "features", "label")
    cube = empty_cube(square_grid(*label.shape))
    made = {"label": stamp(xr.DataArray(label, dims=("cell", "time")), "label", "label", "1", "made up")}
    for number, column in enumerate(values):
        name = f"feature_{number}"
        made[name] = stamp(xr.DataArray(column, dims=("cell", "time")), name, "feature", "1", "made up")
    cube = cube.assign(made)
    return lambda: {"X": ht.to_matrix(cube).X}


def numpy_stack(folder: Path) -> Work:
    (values,) = load(folder, "features")
    columns = list(values)
    return lambda: {"X": np.stack([column.ravel() for column in columns], -1)}


def rows(bench: Bench) -> Iterator[Row]:
    cells, length = bench.size(CELLS, 70), bench.size(LENGTH, 20)
    rng = np.random.default_rng(0)
    values = rng.random((FEATURES, cells, length), np.float32)
    bench.save(features=values, label=(rng.random((cells, length)) < 0.01).astype(np.float32))
    ours, theirs = bench.measure(htgeo), bench.measure(numpy_stack)
    same = np.array_equal(bench.result(htgeo)["X"], bench.result(numpy_stack)["X"])
    work = f"design matrix, {cells * length / 1e6:g} M rows x {FEATURES}"
    yield faster(work, ours, "np.stack(..., -1)", theirs, 5, agrees=same)
