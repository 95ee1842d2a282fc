"""What a study will need, told before anything runs: tasks, memory, disk and time."""

import os
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from htgeo.core.blocks import cell_blocks
from htgeo.cube.encode import DISK_DAYS
from htgeo.study.settings import Study
from htgeo.study.sizes import Sizes, study_sizes


@dataclass(frozen=True)
class Costs:
    """Seconds of one core and bytes for a unit of work, as ``benchmarks/scale.py --calibrate`` measures and prints them.

    Measured on the demo's study, stage by stage, on one thread of dask. Seconds are scaled by the speed of the machine.
    """

    probe: float = 0.0070
    """Seconds of `speed_probe` where the others were measured."""
    read_row: float = 3.1e-06
    count_row: float = 3.8e-06
    store_value: float = 1.2e-07
    """Computing and writing one value on (cell, time)."""
    feature_value: float = 9.6e-09
    """A cell-day and column."""
    sample_value: float = 1.2e-08
    """A value of the training matrix."""
    rate_value: float = 1.4e-07
    """A cell-day and half-life of a fitted rate."""
    train_value: float = 2.4e-09
    """A value of the training matrix and tree: 1.3e-09 calibrated, 3.9e-09 seen with two threads on an idle machine."""
    predict_value: float = 1.35e-08
    """A cell-day and tree."""
    score_value: float = 1.2e-05
    """A cell-day of the test and model, with intervals."""
    task: float = 2.2e-04
    """Handling a task."""
    product_value: float = 4.5e-06
    """A cell-day of map and exports."""
    process: int = 520_000_000
    """Bytes of a process that has run a small study."""
    worker: int = 300_000_000
    """Bytes of a worker process that has done so."""
    row_bytes: int = 700
    """Bytes while reading a row."""
    task_bytes: int = 1_500
    """Bytes of a task in a graph."""
    score_bytes: int = 150
    """Bytes while scoring, for a cell-day of the test."""
    stored_count: float = 0.41
    """Bytes on disk of one count."""
    stored_risk: float = 1.5
    """Bytes on disk of one risk."""


@dataclass(frozen=True)
class Plan:
    """What a study will need.

    Attributes
    ----------
    sizes
        What it was computed from.
    blocks, block_cells
        Blocks of the graph, and cells in one.
    chunks
        Chunks of the last commit of the store.
    tasks
        Tasks of the largest graph.
    memory
        Peak of a run on threads, bytes.
    main_memory, worker_memory
        Peaks of the process that runs and of each worker on a cluster, bytes.
    store
        Bytes of the store.
    seconds
        Seconds by stage.
    machine
        Memory of this machine, bytes.
    """

    sizes: Sizes
    blocks: int
    block_cells: int
    chunks: int
    tasks: int
    memory: int
    main_memory: int
    worker_memory: int
    store: int
    seconds: dict[str, float]
    machine: int

    @property
    def fits(self) -> bool:
        """Whether a run on threads fits into the memory of this machine."""
        return self.memory < self.machine

    def __str__(self) -> str:
        s = self.sizes
        verdict = "fits into" if self.fits else "does not fit into"
        lines = [
            ("cells x days", f"{s.cells:,} x {s.days:,} = {s.cells * s.days:,}"),
            ("event rows", f"about {s.rows:,}"),
            ("features", f"{s.columns} columns; about {s.samples:,} training rows"),
            ("blocks", f"{self.blocks:,} of {self.block_cells:,} cells; {self.chunks:,} chunks in the store"),
            ("tasks", f"about {self.tasks:,} in the largest graph"),
            ("memory", f"{_size(self.memory)} on threads; {verdict} the {_size(self.machine)} of this machine"),
            ("  on a cluster", f"{_size(self.worker_memory)} a worker, {_size(self.main_memory)} where the run starts"),
            ("store", _size(self.store)),
            ("time", _duration(sum(self.seconds.values())) + " on the cores of this machine"),
            *((f"  {stage}", _duration(seconds)) for stage, seconds in self.seconds.items()),
        ]
        return "\n".join(f"{name:<15} {text}" for name, text in lines)


def plan_study(study: Study) -> Plan:
    """Return what a study will need, without running it.

    The cells are those of the region, and the graph is that of the study's features over some blocks without events. Of
    event files no more than a sample is read. Estimates are meant to be within a factor of 2; seconds are scaled by the
    speed of this machine.

    Parameters
    ----------
    study
        Settings, from `load_study`.

    Returns
    -------
    Plan
        Print it, or look at its attributes.

    Raises
    ------
    HtgeoError
        If the region or the settings cannot be used.

    Examples
    --------
    >>> import htgeo as ht
    >>> from htgeo.study import load_study
    >>> from htgeo.study.demo import STUDY
    >>> folder = ht.write_demo_city("demo-city-to-plan")
    >>> written = (folder / "study.yaml").write_text(STUDY, "utf-8")
    >>> plan = plan_study(load_study(folder / "study.yaml"))
    >>> plan.sizes.days, plan.fits
    (1461, True)
    """
    return plan_sizes(study_sizes(study))


def plan_sizes(sizes: Sizes, costs: Costs | None = None, cores: int | None = None) -> Plan:
    """Return what a study of some sizes will need."""
    costs, cores = costs or Costs(), cores or _cores()
    chunks = cell_blocks(sizes.cells, sizes.days)
    block, values = 4 * chunks[0] * sizes.days, sizes.cells * sizes.days
    stored = sizes.counts + 1 + sizes.models
    matrix = sizes.samples * (4 * sizes.columns + 16)
    one = block * (sizes.columns + stored)  # all that one block needs at a time
    tasks = round(sizes.tasks + sizes.tasks_a_block * len(chunks))
    main = tasks * costs.task_bytes + max(
        sizes.rows * costs.row_bytes,
        5 * matrix // 2 + one if sizes.trees else 0,  # the samples, those of one fit, and the learner's bins
        sizes.cells * min(sizes.test_days, sizes.days) * (costs.score_bytes + 4 * sizes.models),
    )
    return Plan(
        sizes=sizes,
        blocks=len(chunks),
        block_cells=chunks[0],
        chunks=stored * len(chunks) * ceil(sizes.days / DISK_DAYS),
        tasks=tasks,
        memory=costs.process + max(main, (cores + 1) * one),
        main_memory=costs.process + main,
        worker_memory=costs.worker + 2 * one,
        store=round(values * (2 * sizes.counts * costs.stored_count + (1 + sizes.models) * costs.stored_risk)),
        seconds=_seconds(sizes, costs, cores, stored, tasks),
        machine=machine_memory(),
    )


def _seconds(sizes: Sizes, costs: Costs, cores: int, stored: int, tasks: int) -> dict[str, float]:
    """Return the seconds of each stage on this machine."""
    speed = speed_probe() / costs.probe
    values, train = sizes.cells * sizes.days, sizes.cells * sizes.train_days
    forest = sizes.columns if sizes.trees else 0
    matrix = sizes.samples * forest
    one_core = {
        "read": sizes.rows * costs.read_row,
        "grid": sizes.rows * costs.count_row,
        "features, train": train * sizes.rates * costs.rate_value + matrix * costs.sample_value,
        "write": tasks * costs.task,
        "score": sizes.cells * sizes.test_days * sizes.models * costs.score_value,
        "map, export": sizes.cells * sizes.shown_days * costs.product_value,
    }
    spread = {
        "features, train": train * forest * costs.feature_value + 2 * matrix * sizes.trees * costs.train_value,
        "predict": values * (sizes.trees * costs.predict_value + forest * costs.feature_value),
        "write": values * (stored + sizes.counts) * costs.store_value,
    }
    order = ("read", "grid", "features, train", "predict", "write", "score", "map, export")
    return {name: speed * (one_core.get(name, 0.0) + spread.get(name, 0.0) / cores) for name in order}


def speed_probe() -> float:
    """Return the seconds of a little fixed work on one core, to compare machines: the best of five."""
    values = np.arange(400_000, dtype=np.float64)[::-1] % 9973

    def work() -> float:
        start = time.thread_time()  # another job on the machine does not decide
        np.sort(values)
        np.exp(values * 1e-4).cumsum()
        return time.thread_time() - start

    return min(work() for _ in range(5))


def machine_memory() -> int:
    """Return the memory that this process may use: that of the machine, or of its container, bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text("ascii").strip() if limit.is_file() else ""
    return min(machine, int(text)) if text.isdigit() else machine


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(count: float) -> str:
    """Return bytes in words."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6)):
        if count >= 10**power:
            return f"{count / 10**power:.3g} {unit}"
    return f"{count / 1000:.3g} kB"


def _duration(seconds: float) -> str:
    """Return seconds in words."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
