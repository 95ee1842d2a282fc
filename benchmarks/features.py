"""All default features at level 9 over four years, streamed through: the sum of each column.

Against the same columns by hand in numpy with everything in memory, and against twice the cells and twice the days.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import by_hand
import numpy as np
from harness import Bench, Row, below, load, task_count, within

CELLS, LENGTH, EVENTS = 8000, 1461, 1_000_000
SET = "default"
Work = Callable[[], dict[str, np.ndarray]]


def cube_of(cells: int, days: int, events: int):
    """Return a lazy cube of two layers; as many events whatever its size, so that the input takes the same memory."""
    import inputs

    import htgeo as ht

    grid = inputs.square_grid(cells, days)
    layers = {"crime": inputs.events(grid, events), "case": inputs.events(grid, events // 10, seed=2)}
    return ht.grid_events(layers, grid, parts=["night"], known_within=[7, 28])


def column_sums(cube):
    """Return the lazy sums of the columns of the set, NaN left out."""
    from htgeo.cube.schema import variables_of

    return cube[variables_of(cube, "feature")].sum(dtype="float64")


def htgeo(folder: Path) -> Work:
    """From the cube of counts: features are added, checked for looking ahead, and computed block by block."""
    import htgeo as ht

    cube = cube_of(*load_sizes(folder))

    def work() -> dict[str, np.ndarray]:
        features = ht.add_features(cube, SET).drop_vars(list(cube))
        totals = dict.fromkeys(features, 0.0)
        for number, block in enumerate(ht.iter_blocks(features)):
            for name, values in block.items():
                if "cell" in values.dims or number == 0:
                    totals[name] += np.nansum(values.values, dtype=np.float64)
        return {str(name): np.array(total) for name, total in totals.items()}

    return work


def numpy_by_hand(folder: Path) -> Work:
    """The same columns, all kept, from the counts in memory; the matrices of neighbours are made meanwhile too."""
    from htgeo.features.sets import feature_set

    cube = cube_of(*load_sizes(folder)).compute()
    features = feature_set(SET, cube)

    def work() -> dict[str, np.ndarray]:
        columns = by_hand.columns(cube, features)
        return {name: np.nansum(values, dtype=np.float64) for name, values in columns.items()}

    return work


def load_sizes(folder: Path) -> list[int]:
    return load(folder, "sizes")[0].tolist()


def rows(bench: Bench) -> Iterator[Row]:
    cells, days, events = bench.size(CELLS, 300), bench.size(LENGTH, 400), bench.size(EVENTS, 20_000)
    bench.save(sizes=np.array([cells, days, events]))
    one, hand = bench.measure(htgeo, repeats=2), bench.measure(numpy_by_hand, repeats=1)
    found, expected = bench.result(htgeo), bench.result(numpy_by_hand)
    same = found.keys() == expected.keys() and all(np.allclose(found[n], expected[n], rtol=1e-3) for n in found)
    work = f"{len(found)} default features, {cells:,} cells x {days:,} days, sum of each column"
    yield within(work, one, "numpy by hand, all in memory", hand, 2, agrees=same)
    yield below(f"{work}: peak memory", one.peak / 1000, 2, "GB")
    for what, size in (("twice the cells", (2 * cells, days)), ("twice the days", (cells, 2 * days))):
        bench.save(sizes=np.array([*size, events]))
        twice = bench.measure(htgeo, repeats=2)
        growth = tasks(*size) / tasks(cells, days)
        for name, ratio, must in (
            ("time", twice.cpu / one.cpu, 2.4),
            ("tasks", growth, 2.4),
            ("peak memory", twice.peak / one.peak, 1.1),
        ):
            yield Row(f"the same with {what}: {name}", str(twice), str(one), ratio, must, at_most=True)


def tasks(cells: int, days: int) -> int:
    """Return the number of tasks of the sums of all columns."""
    import htgeo as ht

    sums = column_sums(ht.add_features(cube_of(cells, days, 1000), SET))
    return task_count(v.data for v in sums.data_vars.values() if v.chunks is not None)
