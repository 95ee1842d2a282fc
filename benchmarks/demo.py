"""Size of the map page, and time and memory of the demo."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Row, seconds


def demo(folder: Path) -> Callable[[], None]:
    """The whole demo, from made-up files to store, scores, map and exports."""
    from htgeo.study.demo import run_demo

    def work() -> None:
        run_demo(folder / "demo", say=lambda _: None)

    return work


def rows(bench: Bench) -> Iterator[Row]:
    import inputs

    import htgeo as ht
    from htgeo.cube.coords import empty_cube

    for resolution, days in bench.size(((8, 90), (8, 365), (9, 90)), ((6, 10),)):
        grid = inputs.city_grid(resolution, days)
        noise = np.random.default_rng(0).random((len(grid.cells), days), np.float32)
        cube = empty_cube(grid).assign(noise=(("cell", "time"), noise))
        start = time.process_time()
        page = ht.write_map_page(cube, "noise", bench.folder / "map.html", time=slice(None, None))
        took = f"{page.stat().st_size / 1e6:.2f} MB, {seconds(time.process_time() - start)}"
        yield Row(f"map page, level {resolution} x {days} days", took)
    if not bench.smoke:  # the tests run the demo by itself
        yield Row("demo, after installation", str(bench.measure(demo, repeats=1)))
