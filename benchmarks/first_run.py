"""Figures of the first run: points to cells against the library path, size of the map page, the demo's time and memory.

Run with ``make bench``. Ratios are within this run; absolute seconds depend on the machine and what else it does.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

import htgeo as ht
from htgeo.cube.gridding import empty_cube
from htgeo.grid.cells import points_to_cells
from htgeo.sources.synthetic import City

POINTS = 2_000_000


def median_seconds(work, repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def points_to_rows() -> None:
    grid = ht.make_grid(City().boroughs, resolution=9, start="2021-01-01", end="2021-01-02")
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-74.25, -73.7, POINTS), rng.uniform(40.5, 40.9, POINTS)
    grid.rows(lon[:10], lat[:10])  # compile

    def library() -> np.ndarray:
        return np.searchsorted(grid.cells, points_to_cells(lon, lat, 9))

    ours, theirs = median_seconds(lambda: grid.rows(lon, lat)), median_seconds(library, repeats=3)
    print(
        f"| points to rows, level 9 | {POINTS / ours / 1e6:.1f} M points/s | h3ronpy + searchsorted {POINTS / theirs / 1e6:.1f} M/s | {theirs / ours:.1f} x |"
    )


def page_size(folder: Path) -> None:
    for resolution, days in ((8, 90), (8, 365), (9, 90)):
        grid = ht.make_grid(City().boroughs, resolution=resolution, start="2021-01-01", end="2021-12-31")
        noise = np.random.default_rng(0).random((len(grid.cells), 365), np.float32)
        cube = empty_cube(grid).assign(noise=(("cell", "time"), noise)).isel(time=slice(0, days))
        start = time.process_time()
        page = ht.write_map_page(cube, "noise", folder / "map.html", time=slice(None, None))
        print(
            f"| map page, level {resolution} x {days} days | {page.stat().st_size / 1e6:.2f} MB, {time.process_time() - start:.1f} s | | |"
        )


def demo(folder: Path) -> None:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "htgeo", "demo", "--out", str(folder / "demo")], check=True, capture_output=True
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"| demo, after installation | {time.perf_counter() - start:.0f} s, peak {peak:.2f} GB | | |")


if __name__ == "__main__":
    print("| work | htgeo | peer | ratio |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        points_to_rows()
        page_size(Path(name))
        demo(Path(name))
