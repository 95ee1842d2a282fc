"""What a plan foretells is, within a factor of 2, what a run then takes."""

import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import no_compute

import htgeo as ht
from htgeo.core.blocks import cell_blocks
from htgeo.study import load_study
from htgeo.study.plan import Costs, plan_sizes, plan_study
from htgeo.study.sizes import Sizes, sample_rows

STUDY = """\
name: planned
region: {file: boroughs.geojson, name_column: boro_name}
layers: [{file: precincts.geojson, name_column: precinct, layer: precinct}]
grid: {resolution: RESOLUTION, start: 2021-01-01, end: 2021-06-30}
sources:
  crime: {kind: nypd_complaints, file: complaints.csv.gz}
  permit: {kind: nyc_permitted_events, file: permitted_events.csv}
  jfk: {kind: series, file: jfk_passengers.csv, time: Activity Period, value: Revenue Passenger Volume, frequency: month, publication_lag: 10}
  hotel: {kind: places, file: hotels.csv, lon: Longitude, lat: Latitude, key: BBL}
label: {source: crime, categories: [PROSTITUTION & RELATED OFFENSES], within_days: 7}
models: [historical_rate, {lightgbm: {max_trees: 30}}]
split: {train_until: 2021-04-30, validate_until: 2021-05-20, test_until: 2021-06-22}
outputs: {map: false, report: false}
"""
SIZES = Sizes(
    cells=8000, days=1461, rows=100_000, counts=8, columns=60, samples=1_000_000, train_days=1000, test_days=365,
    shown_days=90, rates=7, trees=200, models=3, tasks=10.0, tasks_a_block=100.0,
)  # fmt: skip
RUN = """\
import json, resource, sys
from pathlib import Path
from dask.callbacks import Callback
from htgeo.study import load_study, run_study
tasks = []
with Callback(start=lambda graph: tasks.append(len(graph))):
    run_study(load_study(sys.argv[1]), sys.argv[2])
status = Path("/proc/self/status")
if status.exists():  # the peak of this program: that of getrusage begins at the memory of the process that started it
    (peak,) = [int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")]
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([max(tasks), 1024 * peak]))
"""


@pytest.fixture
def study(city: Path) -> Callable[[int], Path]:
    """Write a study of the simulated city at some resolution."""

    def write(resolution: int) -> Path:
        path = city / f"plan-{resolution}.yaml"
        path.write_text(STUDY.replace("RESOLUTION", str(resolution)), "utf-8")
        return path

    return write


def within_factor_2(planned: float, measured: float) -> bool:
    return 0.5 <= planned / measured <= 2


def test_plan__nothing_is_computed(study: Callable[[int], Path]) -> None:
    with no_compute():
        plan = plan_study(load_study(study(7)))
    assert plan.sizes.days == 181
    assert plan.sizes.cells > 100


def test_plan__says_everything(study: Callable[[int], Path]) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "htgeo", "plan", str(study(7))], capture_output=True, text=True, check=True
    ).stdout
    for word in (
        "cells x days",
        "event rows",
        "features",
        "blocks",
        "tasks",
        "memory",
        "a worker",
        "store",
        "time",
        "score",
    ):
        assert word in shown
    assert "fits into" in shown


def test_sizes__as_the_run_has_them(study: Callable[[int], Path], grid: ht.Grid, crimes: ht.Events) -> None:
    sizes = plan_study(load_study(study(7))).sizes
    assert (sizes.cells, sizes.days) == (len(grid.cells), len(grid.days))
    assert within_factor_2(sizes.rows, crimes.report.rows)
    assert (sizes.train_days, sizes.test_days) == (140, 33)
    assert (sizes.models, sizes.trees, sizes.rates) == (2, 30, 1)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "zip", "parquet"])
def test_rows_of_a_file__from_its_head(kind: str, tmp_path: Path) -> None:
    rows = 60_000
    table = pd.DataFrame({"number": np.arange(rows), "place": np.random.default_rng(0).normal(size=rows)})
    path, text = tmp_path / f"rows.{kind}", table.to_csv(index=False).encode()
    if kind == "parquet":
        table.to_parquet(path)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("rows.csv", text)
    else:
        path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    found, head = sample_rows(path)
    assert abs(found / rows - 1) < 0.1
    assert (head is None) == (kind == "parquet")
    assert head is None or len(head) < len(text) / 2


def test_twice_the_cells__twice_the_tasks_and_the_store_but_no_more_memory_a_worker() -> None:
    one, two = plan_sizes(SIZES), plan_sizes(replace(SIZES, cells=2 * SIZES.cells))
    assert two.tasks == pytest.approx(2 * one.tasks, rel=0.1)
    assert two.store == pytest.approx(2 * one.store, rel=0.01)
    assert two.worker_memory == one.worker_memory
    assert one.block_cells == cell_blocks(SIZES.cells, SIZES.days)[0]


def test_slower_machine__longer_but_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htgeo.study.plan.speed_probe", lambda: 3 * Costs().probe)
    slow = plan_sizes(SIZES, cores=1)
    monkeypatch.setattr("htgeo.study.plan.speed_probe", lambda: Costs().probe)
    fast = plan_sizes(SIZES, cores=1)
    assert sum(slow.seconds.values()) == pytest.approx(3 * sum(fast.seconds.values()))
    assert (slow.memory, slow.store) == (fast.memory, fast.store)


def test_small_machine__plan_says_that_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htgeo.study.plan.machine_memory", lambda: 10**9)
    plan = plan_sizes(SIZES)
    assert not plan.fits
    assert "does not fit into the 1 GB of this machine" in str(plan)


@pytest.mark.slow
@pytest.mark.parametrize("resolution", [7, 8])
def test_plan__within_a_factor_of_two_of_a_run(resolution: int, study: Callable[[int], Path], tmp_path: Path) -> None:
    path, out = study(resolution), tmp_path / "out"
    plan = plan_study(load_study(path))
    child = subprocess.run([sys.executable, "-c", RUN, path, out], capture_output=True, text=True, check=True)
    tasks, peak = json.loads(child.stdout.splitlines()[-1])
    cube = ht.open_cube(out / "cube")
    stored = sum(file.stat().st_size for file in (out / "cube").rglob("*") if file.is_file())
    assert (plan.sizes.cells, plan.sizes.days) == (cube.sizes["cell"], cube.sizes["time"])
    assert within_factor_2(plan.tasks, tasks), (plan.tasks, tasks)
    assert within_factor_2(plan.memory, peak), (plan.memory, peak)
    assert within_factor_2(plan.store, stored), (plan.store, stored)
