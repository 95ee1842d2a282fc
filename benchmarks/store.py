"""A store of four years at level 9: one day added against rewriting; ``python benchmarks/store.py`` compares chunk shapes.

Two counts of 8,000 cells x 1,430 days: the last chunk of days is then mostly full, the worst case of an addition.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

import numpy as np
import xarray as xr
from harness import Bench, Row, below, load, within

import htgeo as ht
from htgeo.cube import append_days

CELLS, DAYS, SPARE = 8000, 1430, 31
SHAPES = ((512, 365), (512, 182), (512, 91), (512, 28), (1024, 91), (2048, 91), (2048, 28))


def whole(values: np.ndarray) -> xr.Dataset:
    from inputs import lazy_cube, square_grid

    return lazy_cube(square_grid(*values.shape), values).load()


def rewrite(folder: Path) -> Callable[[], None]:
    """Saving the cube anew, its values in memory."""
    cube = whole(load(folder, "counts")[0])
    cube = cube.isel(time=slice(0, cube.sizes["time"] - SPARE))

    def work() -> None:
        ht.save_cube(cube, folder / "rewritten.cube")

    return work


def rewrite_events(folder: Path) -> Callable[[], None]:
    """Gridding the events and saving the cube anew."""
    from inputs import events, square_grid

    cells, days = load(folder, "counts")[0].shape
    grid = square_grid(cells, days - SPARE)
    table = events(grid, 250 * cells)

    def work() -> None:
        ht.save_cube(ht.grid_events({"crime": table}, grid), folder / "gridded.cube")

    return work


def append(folder: Path) -> Callable[[], None]:
    """Adding the next day, its values in memory."""
    cube = whole(load(folder, "counts")[0])
    path = folder / "growing.cube"
    ht.save_cube(cube.isel(time=slice(0, -SPARE)), path)
    days = iter(range(cube.sizes["time"] - SPARE, cube.sizes["time"]))

    def work() -> None:
        day = next(days)
        append_days(cube.isel(time=slice(day, day + 1)), path)

    return work


def rows(bench: Bench) -> Iterator[Row]:
    """Measure one day added against rewriting from memory and from events."""
    from inputs import counts

    cells, days = bench.size(CELLS, 80), bench.size(DAYS, 100) + SPARE
    bench.save(counts=counts(cells, days))
    added, memory, gridded = (bench.measure(piece) for piece in (append, rewrite, rewrite_events))
    right = np.array_equal(ht.open_cube(bench.folder / "growing.cube")["crime"], _counted(bench))
    work = f"append one day to {cells} cells x {days - SPARE} days"
    yield below(f"{work}, wall time", added.wall, 1, "s", agrees=right)
    yield within(f"{work} / save_cube from memory", added, "rewriting", memory, 0.05, agrees=right)
    yield within(f"{work} / grid_events + save_cube", added, "rewriting", gridded, 0.05, agrees=right)


def _counted(bench: Bench) -> np.ndarray:
    values = load(bench.folder, "counts")[0]
    return values[:, : ht.open_cube(bench.folder / "growing.cube").sizes["time"]]


def _milliseconds(work: Callable[[], object], repeats: int) -> str:
    """Return the median processor time of some runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return f"{statistics.median(times) * 1000:.0f}"


def shape_row(cube: xr.Dataset, shape: tuple[int, int], folder: Path, repeats: int) -> str:
    """Return a line of the table of chunk shapes."""
    from htgeo.cube import encode

    cells, days = min(shape[0], cube.sizes["cell"]), shape[1]
    path = folder / "shape.cube"
    start = cube.sizes["time"] - SPARE
    left = iter(range(start, start + SPARE))

    def blocks(count: int, _: int) -> tuple[int, ...]:
        full, rest = divmod(count, cells)
        return (cells,) * full + ((rest,) if rest else ())

    def next_day() -> None:
        day = next(left)
        append_days(cube.isel(time=slice(day, day + 1)), path)

    with patch.object(encode, "DISK_DAYS", days), patch.object(encode, "cell_blocks", blocks):
        written = _milliseconds(lambda: ht.save_cube(cube.isel(time=slice(0, start)), path), repeats)
    middle = start // 2
    selections = ({"time": middle}, {"time": slice(middle, middle + 28)}, {"cell": slice(0, 64)}, {})
    times = [
        written,
        _milliseconds(next_day, repeats),
        *(
            _milliseconds(lambda chosen=chosen: ht.open_cube(path).isel(chosen).compute(), repeats)
            for chosen in selections
        ),
    ]
    shutil.rmtree(path)
    return f"| {shape[0]} x {shape[1]} | {' | '.join(times)} |"


def main() -> None:
    """Print the table of chunk shapes: processor time in ms, since other jobs may run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small sizes: times mean nothing")
    smoke = parser.parse_args().smoke
    from inputs import counts

    cube = whole(counts(*((80, 100 + SPARE) if smoke else (CELLS, DAYS + SPARE))))
    print("| chunk (cells x days) | write all | append one day | read one day | 28 days | 64 series | all |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            print(shape_row(cube, shape, Path(folder), 1 if smoke else 5), flush=True)


if __name__ == "__main__":
    main()
