"""One worker against two, on threads and on processes; and what a plan foretells against what a run then takes.

``python benchmarks/scale.py --calibrate`` measures the costs that plans are made from, about three minutes, and prints
them for ``htgeo/study/plan.py``; ``--paper`` prints the plans of docs/explanation/scale.md.
"""
# ruff: noqa: SLF001  # the stages of a run are timed one by one

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

import gzip
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from harness import Bench, Row, seconds
from inputs import counts, lazy_cube, square_grid

import htgeo as ht
from htgeo.core.blocks import map_cube
from htgeo.core.cluster import scheduler
from htgeo.cube.schema import variables_of
from htgeo.sources.synthetic import write_demo_city
from htgeo.study import Study, load_study
from htgeo.study import run as stages
from htgeo.study.demo import STUDY
from htgeo.study.plan import Costs, plan_sizes, plan_study, speed_probe
from htgeo.study.sizes import study_sizes

CELLS, LENGTH = 8000, 1461
TASKS = 20_000
MUST = 1.6
REPEATS = 3
PLACES = (
    ("New York City, level 10", 784, 0.0150, 2_000_000, 20_000),
    ("New York metropolitan area, level 10", 17_400, 0.0150, 4_000_000, 40_000),
    ("United States, level 8", 9_100_000, 0.737, 32_000_000, 400_000),
    ("United States, level 9", 9_100_000, 0.105, 32_000_000, 400_000),
)
"""Name, land in km2, km2 a cell, event rows of four years, and those of the label."""
FACTOR = 2.0
"""A plan may be wrong by so much."""


def rows(bench: Bench) -> Iterator[Row]:
    yield from _workers(bench)
    yield from _plan(bench)


def _workers(bench: Bench) -> Iterator[Row]:
    """Make every default feature of a stored cube with one and with two workers, in turn.

    Threads sum each column; processes make all columns of a block in one task, as a model takes them, since each of
    the many small tasks of the former costs a scheduler a millisecond.
    """
    cells, length = bench.size(CELLS, 400), bench.size(LENGTH, 500)
    ht.save_cube(lazy_cube(square_grid(cells, length), counts(cells, length)), bench.folder / "cube")
    one, two = (lambda n: dask.config.set(num_workers=n)), (lambda n: scheduler(f"local:{n}x1"))
    repeats = bench.size(REPEATS, 1)
    for kind, where, lazy in (("threads", one, column_sums), ("processes", two, block_sums)):
        found = [_timed(where, number, bench.folder, repeats, lazy) for number in (1, 2)]
        (single, expected), (double, sums) = found
        same = np.allclose(sums, expected, rtol=1e-6)
        busy = f"2 {kind}: {seconds(double)}, load of the machine {os.getloadavg()[0]:.1f}"
        work = f"default features, {cells:,} cells x {length:,} days, 2 {kind} against 1"
        yield Row(work, busy, f"1: {seconds(single)}", single / double, MUST, agrees=same)


def _timed(
    where: Callable[[int], AbstractContextManager[Any]],
    number: int,
    folder: Path,
    repeats: int,
    lazy: Callable[[xr.Dataset], list[xr.DataArray]],
) -> tuple[float, np.ndarray]:
    """Return the median wall time of one pass over all columns, and their sums."""
    walls, sums = [], np.zeros(0)
    with where(number):
        columns = lazy(ht.add_features(ht.open_cube(folder / "cube"), "default"))
        dask.compute(*columns)  # compiled kernels are loaded
        for _ in range(repeats):
            start = time.perf_counter()
            sums = np.concatenate([np.atleast_1d(values) for values in dask.compute(*columns)])
            walls.append(time.perf_counter() - start)
    return median(walls), sums


def column_sums(cube: xr.Dataset) -> list[xr.DataArray]:
    """Return the lazy sum of each column."""
    return [cube[name].sum() for name in variables_of(cube, "feature")]


def block_sums(cube: xr.Dataset) -> list[xr.DataArray]:
    """Return the lazy sum of all columns by cell, one task a block."""
    columns = {name: cube[name] for name in variables_of(cube, "feature")}
    return [map_cube(sum_of_columns, columns, cube["crime_known"]).sum("time")]


def sum_of_columns(columns: dict[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Return the sum of all columns of a block, gaps left out."""
    total = np.zeros(shape, np.float32)
    for values in columns.values():
        total += np.nan_to_num(values)
    return total


def _plan(bench: Bench) -> Iterator[Row]:
    """Compare a plan with a run in a process of its own."""
    study = write_study(bench.folder / "city", small=bench.smoke)
    sizes = plan_study(load_study(study)).sizes
    seconds_, peak, stored = measured_run(study, bench.folder / "out")
    plan = plan_sizes(sizes, cores=1)
    for what, planned, found, unit in (
        ("processor time", sum(plan.seconds.values()), seconds_, "s"),
        ("peak memory", plan_sizes(sizes).memory / 1e9, peak / 1e9, "GB"),
        ("store", plan.store / 1e6, stored / 1e6, "MB"),
    ):
        ratio, told = max(planned / found, found / planned), f"{planned:.3g} {unit} planned"
        yield Row(
            f"plan of the demo's study: {what}", told, f"{found:.3g} {unit} measured", ratio, FACTOR, at_most=True
        )


def write_study(folder: Path, *, small: bool = False) -> Path:
    """Write the demo's city and study; a small one has half a year and large cells."""
    write_demo_city(folder, end="2021-06-30" if small else "2024-12-31")
    text = STUDY
    if small:
        days = {
            "2024-12-31": "2021-06-30",
            "2023-09-30": "2021-04-30",
            "2023-12-31": "2021-05-20",
            "2024-12-24": "2021-06-23",
        }
        for old, new in {
            **days,
            "resolution: 8": "resolution: 7",
            " lightgbm]": " {lightgbm: {max_trees: 20}}]",
        }.items():
            text = text.replace(old, new)
    path = folder / "study.yaml"
    path.write_text(text, "utf-8")
    return path


def measured_run(study: Path, out: Path) -> tuple[float, float, float]:
    """Run a study in a process of its own; return its processor seconds, peak bytes and the bytes of its store."""
    code = (
        "import json, resource, sys\n"
        "from htgeo.study import load_study, run_study\n"
        "run_study(load_study(sys.argv[1]), sys.argv[2])\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss]))"
    )
    child = subprocess.run([sys.executable, "-c", code, study, out], stdout=subprocess.PIPE, text=True, check=True)
    seconds_, peak = json.loads(child.stdout.splitlines()[-1])
    return seconds_, peak, _bytes(out / "cube")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class _Clock:
    """Processor seconds and peak memory of stages, one after the other: another job on the machine does not decide."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, int] = {}

    def __call__(self, stage: str, work: Callable[[], Any]) -> Any:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
        start = time.process_time()
        result = work()
        self.seconds[stage] = time.process_time() - start
        status = Path("/proc/self/status").read_text("ascii")
        self.peaks[stage] = 1024 * int(status.split("VmHWM:")[1].split()[0])
        print(f"{stage:<16} {self.seconds[stage]:8.2f} s, peak {self.peaks[stage] / 1e6:6.0f} MB", file=sys.stderr)
        return result


def calibrate(folder: Path) -> Costs:
    """Return the costs as the demo's study has them, in processor seconds; LightGBM uses all threads, as in a run."""
    probe, clock = speed_probe(), _Clock()
    study = load_study(write_study(folder / "city"))
    sizes = plan_study(study).sizes
    areas = [stages._region(study.region), *map(stages._region, study.layers)]
    with dask.config.set(num_workers=1):
        sources = stages._read_sources(study, areas, folder, _quiet)
        grid = stages._grid(study, areas)
        cube = clock("count", lambda: stages._count(study, sources, grid, _quiet))
        clock("store counts", lambda: ht.save_cube(cube, folder / "cube"))
        counted = _bytes(folder / "cube")
        many, reading = _read_many(folder, areas, clock)
        cube, trees, samples = _learned(study, ht.open_cube(folder / "cube"), clock)
        clock("store all", lambda: ht.save_cube(cube, folder / "cube"))
        both = _bytes(folder / "cube")
        saved = ht.open_cube(folder / "cube")
        clock("score", lambda: stages._score(study, saved, folder))
        tasks = (da.ones(TASKS, chunks=1) + 1).sum(split_every=100)
        before = _resident()
        clock("tasks", tasks.compute)
        clock("products", lambda: stages._write_products(study, saved, areas[0], folder, _quiet))
    rows = sum(item.report.rows for item in sources.values() if isinstance(item, ht.Events))
    print(
        f"rows {sizes.rows:,} planned, {rows:,} found; samples {sizes.samples:,}, {samples:,}; {trees} trees",
        file=sys.stderr,
    )
    took, values, train = clock.seconds, sizes.cells * sizes.days, sizes.cells * sizes.train_days
    columns, matrix = took["columns"] / (values * sizes.columns), samples * sizes.columns
    return Costs(
        probe=probe,
        read_row=took["read"] / many,
        count_row=took["count"] / rows,
        store_value=took["store counts"] / (values * sizes.counts),
        feature_value=columns,
        sample_value=max(took["matrix"] - columns * train * sizes.columns, 0.0) / matrix,
        rate_value=took["rates"] / (train * sizes.rates),
        train_value=(took["booster"] - took["matrix"]) / (matrix * 2 * trees),
        predict_value=max(took["predict"] - took["columns"], 0.0) / (values * trees),
        score_value=took["score"] / (sizes.cells * sizes.test_days * sizes.models),
        task=took["tasks"] / TASKS,
        product_value=took["products"] / (sizes.cells * sizes.shown_days),
        process=clock.peaks["store counts"],
        row_bytes=round(reading / many),
        task_bytes=round((clock.peaks["tasks"] - before) / TASKS),
        stored_count=counted / (values * sizes.counts),
        stored_risk=(both - 2 * counted) / (values * (1 + sizes.models)),
    )


def _read_many(folder: Path, areas: list[ht.Region], clock: _Clock, times: int = 10) -> tuple[int, int]:
    """Read a file of the demo's complaints many times over; return its rows and the memory they took."""
    header, *lines = gzip.decompress((folder / "city" / "complaints.csv.gz").read_bytes()).splitlines(keepends=True)
    path = folder / "many.csv"
    path.write_bytes(header + b"".join(str(number).encode() + line for number in range(times) for line in lines))
    before = _resident()
    report = clock("read", lambda: ht.read_events("nypd_complaints", path, areas=areas).report)
    return report.rows, clock.peaks["read"] - before


def _learned(study: Study, cube: xr.Dataset, clock: _Clock) -> tuple[xr.Dataset, int, int]:
    """Return the cube with label and risks but no features, the number of trees, and the size of the training matrix."""
    cube = clock("add features", lambda: ht.add_features(cube, "default"))
    layer = stages.TARGET if stages.TARGET in cube else study.label.source
    cube = ht.add_label(cube, ht.AnyWithin(layer, days=study.label.within_days))
    train, _ = ht.split_time(cube, str(study.split.validate_until + timedelta(days=1)))
    rates = clock("rates", lambda: [stages._model(study, name, {}).fit(train) for name in study.model_names[:2]])
    booster = stages._model(study, "lightgbm", {})
    features = variables_of(cube, "feature")
    clock("columns", lambda: dask.compute([cube[name].sum() for name in features]))
    matrix = clock("matrix", lambda: ht.to_matrix(train, negatives_per_positive=booster.negatives_per_positive))
    samples = len(matrix.y)
    del matrix
    clock("booster", lambda: booster.fit(train))
    for model in (*rates, booster):
        cube = ht.add_risk(cube, model)
    clock("predict", lambda: cube["risk_lightgbm"].sum().compute())
    return cube.drop_vars(features), booster.trees_, samples


def paper() -> Iterator[str]:
    """Plan areas that no machine here can hold: the demo's study with their sizes, four years, 60 columns."""
    with tempfile.TemporaryDirectory() as name:
        demo = study_sizes(load_study(write_study(Path(name) / "city", small=True)))
    share = 60 / demo.columns
    like = {
        "days": 1461,
        "columns": 60,
        "tasks_a_block": demo.tasks_a_block * share,
        "train_days": 1095,
        "test_days": 359,
    }
    for where, km2, cell, events, labelled in PLACES:
        cells = round(km2 / cell)
        samples = min(31 * 7 * labelled * 3 // 4, cells * 1095)
        sizes = replace(demo, cells=cells, rows=events, samples=samples, shown_days=30, **like)
        as_measured = Costs(probe=speed_probe())  # times of the machine that was measured
        yield f"{where}\n{plan_sizes(sizes, as_measured, cores=16)}\n"


def _quiet(_: str) -> None:
    """Say nothing."""


def _resident() -> int:
    return os.sysconf("SC_PAGE_SIZE") * int(Path("/proc/self/statm").read_text("ascii").split()[1])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        if "--paper" in sys.argv:
            print("\n".join(paper()))
        elif "--calibrate" in sys.argv:
            found = asdict(calibrate(Path(name)))
            print("\n".join(f"    {key}: {type(value).__name__} = {value:.3g}" for key, value in found.items()))
        else:
            for row in rows(Bench(Path(name), smoke="--smoke" in sys.argv)):
                print(row)
