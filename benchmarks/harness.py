"""Times pieces of work, each in its own process, so that its memory is its own and nothing is warmed by another.

A piece is a function ``piece(folder)`` that loads its inputs and returns the work as a function without arguments.
Reads ``/proc``: Linux only.
"""

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Size = TypeVar("Size")
Piece = Callable[[Path], Callable[[], object]]
PEERS = Path(__file__).parents[1] / "build" / "peers-venv" / "bin" / "python"
"""Interpreter with the peers whose pins clash with those of htgeo; ``make bench`` makes it."""


@dataclass(frozen=True)
class Measure:
    """What a piece took.

    Attributes
    ----------
    wall, cpu
        Medians of the runs, seconds; `cpu` counts all threads of the process.
    peak
        Highest memory of the whole process while it worked, MB.
    others
        Share of the machine's processor time that other processes used meanwhile.
    """

    wall: float
    cpu: float
    peak: float
    others: float

    def __str__(self) -> str:
        return f"{seconds(self.wall)} (cpu {seconds(self.cpu)}), peak {self.peak / 1000:.2f} GB"


@dataclass(frozen=True)
class Row:
    """One line of the table: `ratio` must be at least (or `at_most`) `must`."""

    work: str
    ours: str
    peer: str = ""
    ratio: float | None = None
    must: float | None = None
    at_most: bool = False
    unit: str = " x"
    agrees: bool = True

    @property
    def reached(self) -> str:
        """Whether the ratio is what it must be; empty where nothing is asked."""
        if not self.agrees:
            return "**results differ**"
        if self.ratio is None or self.must is None:
            return ""
        return "yes" if (self.ratio <= self.must if self.at_most else self.ratio >= self.must) else "**no**"

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.3g}{self.unit}"
        must = "" if self.must is None else f"{'at most' if self.at_most else 'at least'} {self.must:g}{self.unit}"
        return f"| {self.work} | {self.ours} | {self.peer} | {ratio} | {must} | {self.reached} |"


class Bench:
    """Where a benchmark keeps its files, and whether it runs small.

    Parameters
    ----------
    folder
        Folder for inputs and results.
    smoke
        Small sizes, everything in this process: results are checked, times mean nothing.
    """

    def __init__(self, folder: Path, *, smoke: bool = False) -> None:
        self.folder, self.smoke = folder, smoke
        self.others: list[float] = []

    def size(self, full: Size, small: Size) -> Size:
        """Return `small` in a smoke run, `full` otherwise."""
        return small if self.smoke else full

    def save(self, **arrays: np.ndarray) -> None:
        """Write inputs that pieces read with `load`."""
        for name, values in arrays.items():
            np.save(self.folder / f"{name}.npy", values)

    def measure(
        self, piece: Piece, *, repeats: int = 5, scale: float = 1.0, python: Path | str = sys.executable
    ) -> Measure:
        """Run a piece in its own process; its times are multiplied by `scale`, where it does a sample of the work."""
        if self.smoke and python == sys.executable:
            found = run(piece, self.folder, 1)
        else:
            command = [str(python), __file__, piece.__module__, piece.__name__, str(self.folder), str(repeats)]
            child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found = Measure(**json.loads(child.stdout.splitlines()[-1]))
        self.others.append(found.others)
        return Measure(found.wall * scale, found.cpu * scale, found.peak, found.others)

    def result(self, piece: Piece) -> dict[str, np.ndarray]:
        """Return the arrays that a measured piece gave."""
        with np.load(_result_path(self.folder, piece)) as found:
            return dict(found)


def load(folder: Path, *names: str) -> list[np.ndarray]:
    """Return inputs that `Bench.save` wrote."""
    return [np.load(folder / f"{name}.npy") for name in names]


def run(piece: Piece, folder: Path, repeats: int) -> Measure:
    """Run a piece here, after one run that does not count where it runs several times; keep the result."""
    work = piece(folder)
    walls, cpus, result = [], [], None
    if repeats > 1:
        work()
    gc.collect()
    _reset_peak()
    machine, own = _machine(), time.process_time()
    for _ in range(repeats):
        result = None
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    used, possible = (b - a for a, b in zip(machine, _machine(), strict=True))
    others = max(0.0, used - (time.process_time() - own)) / max(possible, 1e-9)
    found = Measure(statistics.median(walls), statistics.median(cpus), _status("VmHWM"), others)
    if result is not None:
        arrays = result if isinstance(result, dict) else {"values": np.asarray(result)}
        np.savez(_result_path(folder, piece), **arrays)
    return found


def faster(work: str, ours: Measure, name: str, peer: Measure, must: float | None = None, **facts: bool) -> Row:
    """Return the row of a work that must be so many times faster than a peer, by processor time."""
    return Row(work, str(ours), f"{name}: {peer}", peer.cpu / ours.cpu, must, **facts)


def within(work: str, ours: Measure, name: str, peer: Measure, must: float | None = None, **facts: bool) -> Row:
    """Return the row of a work that may take at most so many times the processor time of another."""
    return Row(work, str(ours), f"{name}: {peer}", ours.cpu / peer.cpu, must, at_most=True, **facts)


def below(work: str, value: float, must: float, unit: str, *, agrees: bool = True) -> Row:
    """Return the row of a figure with a limit of its own."""
    return Row(work, "", "", value, must, at_most=True, unit=f" {unit}", agrees=agrees)


def task_count(lazy: Iterable[Any]) -> int:
    """Return the number of tasks that computing lazy arrays together takes."""
    from dask.base import collections_to_expr

    return len(collections_to_expr(list(lazy)).optimize().__dask_graph__())


def seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _result_path(folder: Path, piece: Piece) -> Path:
    return folder / f"{piece.__module__}.{piece.__name__}.npz"


def _status(key: str) -> float:
    """Return a size from the process status, MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1000
    return float("nan")


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _machine() -> tuple[float, float]:
    """Return the seconds that all processors have worked, and those they have had."""
    values = [int(v) / 100 for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(values) - values[3] - values[4], sum(values)


if __name__ == "__main__":
    module, name, folder, repeats = sys.argv[1:]
    print(json.dumps(asdict(run(getattr(import_module(module), name), Path(folder), int(repeats)))))
