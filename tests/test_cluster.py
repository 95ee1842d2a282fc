"""A run on threads, on worker processes and on a running scheduler gives the same, also when a worker is killed."""

import contextlib
import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client, LocalCluster

import htgeo as ht
from htgeo.core import cluster, progress
from htgeo.core.errors import InputError
from htgeo.cube.schema import variables_of
from htgeo.sources.events import EventScan
from htgeo.study import load_study, run_study

STUDY = """\
name: small
region: {file: boroughs.geojson, name_column: boro_name}
layers: [{file: precincts.geojson, name_column: precinct, layer: precinct}]
grid: {resolution: 7, start: 2021-01-01, end: 2021-06-30}
sources:
  crime: {kind: nypd_complaints, file: complaints.csv.gz}
label: {source: crime, categories: [ROBBERY], within_days: 3}
models: [historical_rate, {ewma_rate: {half_life: 30}}, {lightgbm: {max_trees: 20}}]
split: {train_until: 2021-04-30, validate_until: 2021-05-20, test_until: 2021-06-25}
outputs: {map: false, report: false}
"""


@pytest.fixture(scope="module")
def study(city: Path) -> Path:
    path = city / "cluster.yaml"
    path.write_text(STUDY, "utf-8")
    return path


@pytest.fixture(scope="module")
def on_threads(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("threads")
    run_study(load_study(study), out)
    return out


@pytest.fixture
def started() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start processes of dask; they end with the test, by their id."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        processes.append(process)
        return process

    yield start
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


@pytest.fixture
def address(started: Callable[..., "subprocess.Popen[bytes]"]) -> str:
    """Address of a scheduler without workers."""
    port = free_port()
    started("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show")
    wait_until(lambda: listens(port))
    return f"tcp://127.0.0.1:{port}"


def worker(started: Callable[..., "subprocess.Popen[bytes]"], address: str) -> "subprocess.Popen[bytes]":
    """Start a worker that nobody starts again when it dies."""
    return started("dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(true: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.05)


def assert_same_run(one: Path, other: Path) -> None:
    """Counts and labels equal to the last bit, risks and scores to 1e-6."""
    cubes = [ht.open_cube(out / "cube").load() for out in (one, other)]
    assert list(cubes[0].data_vars) == list(cubes[1].data_vars)
    for name in map(str, cubes[0].data_vars):
        a, b = (cube[name].values for cube in cubes)
        np.testing.assert_allclose(a, b, rtol=1e-6 if name.startswith("risk_") else 0, atol=0, err_msg=name)
    scores = [numbers(json.loads((out / "scores.json").read_text("utf-8"))) for out in (one, other)]
    assert len(scores[0]) > 50
    np.testing.assert_allclose(*scores, rtol=1e-6, atol=1e-9)


def numbers(table: object) -> list[float]:
    """Return every number of nested tables, in order."""
    if isinstance(table, dict):
        return [number for value in table.values() for number in numbers(value)]
    return [float(table)] if isinstance(table, int | float) else []


def learned(folder: Path) -> tuple[ht.Matrix, np.ndarray]:
    """Return training matrix and risk of the stored cube of a study, computed wherever dask computes."""
    counts = ht.open_cube(folder / "cube")
    cube = counts.drop_vars([*variables_of(counts, "label"), *variables_of(counts, "risk")])
    cube = ht.add_label(ht.add_features(cube, "default"), ht.AnyWithin("crime", days=3))
    risk = ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(cube))["risk_ewma_rate"]
    return ht.to_matrix(cube, negatives_per_positive=2, seed=1), risk.values


def test_no_address__threads_and_distributed_is_not_imported() -> None:
    code = (
        "import sys, htgeo\n"
        "from htgeo.core.cluster import scheduler\n"
        "with scheduler() as client: print(client, 'distributed' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["None", "False"]


@pytest.mark.parametrize("address", ["", "here", "127.0.0.1:8786", "tcp://127.0.0.1", "local:0x1", "local:2"])
def test_bad_address__message_says_what_is_allowed(address: str) -> None:
    with (
        pytest.raises(InputError, match=f"{address!r} cannot be used; give 'local'.*'tcp://127.0.0.1:8786'"),
        cluster.scheduler(address),
    ):
        pytest.fail("the block ran")


def test_nothing_listens__message_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        pytest.raises(
            InputError, match=f"no scheduler answers at '{address}' within 0.5 s; start one with: dask scheduler"
        ),
        cluster.scheduler(address),
    ):
        pytest.fail("the block ran")


@pytest.mark.parametrize("address", ["local", "tcp://127.0.0.1:8786"])
def test_distributed_absent__message_names_the_extra(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'htgeo\[cluster\]'"), cluster.scheduler(address):
        pytest.fail("the block ran")


class FakeClient:
    """A client of workers with some versions."""

    def __init__(self, **versions: str | None) -> None:
        self.versions = versions

    def wait_for_workers(self, number: int, timeout: float) -> None:
        assert number == 1
        assert timeout > 0

    def get_versions(self, packages: list[str]) -> dict[str, object]:
        here = dict.fromkeys(("python", *packages), "1.0")
        return {
            "client": {"packages": here},
            "workers": {"a": {"packages": here}, "b": {"packages": {**here, **self.versions}}},
        }


def test_versions_differ__note_says_which() -> None:
    with pytest.warns(UserWarning, match=r"other versions, which may fail: numpy 1\.0 here, 1\.0, 2\.0 there$"):
        cluster._check_workers(FakeClient(numpy="2.0"), "tcp://host:1")
    cluster._check_workers(FakeClient(), "tcp://host:1")  # alike: no note, which would be an error here


def test_worker_without_htgeo__refused() -> None:
    with pytest.raises(InputError, match=r"a worker of 'tcp://host:1' has no htgeo; install htgeo 1\.0 there"):
        cluster._check_workers(FakeClient(htgeo=None), "tcp://host:1")


@pytest.fixture(scope="module")
def threads() -> Iterator[Client]:
    """A cluster of one worker with two threads in this process."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0") as made,
        Client(made, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def bad_rows(city: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Complaints with every kind of bad row, doubles near and far among them, in two files of each format."""
    folder = tmp_path_factory.mktemp("bad")
    table = pd.read_csv(city / "complaints.csv.gz", dtype=str, keep_default_na=False)
    table = pd.concat([table[:2000], table[10:12], table[:1500:100], table[2000:3000], table[2500:2510]])
    table.iloc[::97, table.columns.get_loc("CMPLNT_FR_DT")] = "soon"
    table.iloc[::89, table.columns.get_loc("ADDR_PCT_CD")] = "(null)"
    table.iloc[5::83, table.columns.get_loc("Latitude")] = "0"
    table.iloc[5::61, table.columns.get_loc("RPT_DT")] = "01/01/1999"
    files: dict[str, list[Path]] = {"csv": [], "csv.gz": [], "parquet": []}
    for number, rows in enumerate((table[:2015], table[2015:])):
        text = rows.to_csv(index=False).splitlines(keepends=True)
        text[100], text[777] = "1,2,3\n", '1,"open\n'
        plain, packed, parquet = (folder / f"{number}.{suffix}" for suffix in files)
        plain.write_text("".join(text), "utf-8")
        packed.write_bytes(gzip.compress("".join(text).encode()))
        rows.to_parquet(parquet, row_group_size=700)
        for suffix, path in zip(files, (plain, packed, parquet), strict=True):
            files[suffix].append(path)
    return files


def scanned(scan: EventScan) -> tuple[pd.DataFrame, dict[str, object], pd.DataFrame]:
    """Return all events, the report and the rows set aside."""
    events = pd.concat([batch.table for batch in scan], ignore_index=True)
    return events.astype(dict.fromkeys(("area", "precision", "category"), "str")), *told(scan.report)


def told(report: ht.RowReport) -> tuple[dict[str, object], pd.DataFrame]:
    return report.to_dict(), report.quarantine.sort_values(["file", "row"], ignore_index=True)


def assert_same_scan(one: tuple, other: tuple) -> None:
    pd.testing.assert_frame_equal(one[0], other[0])
    assert one[1] == other[1]
    pd.testing.assert_frame_equal(one[2], other[2])


def scan_of(kind: str, paths: list[Path], areas: list[ht.Region], batch_rows: int) -> EventScan:
    if kind == "nypd_complaints":
        return ht.scan_events(kind, paths, areas=areas, batch_rows=batch_rows)
    columns = {"id": "CMPLNT_NUM", "occurred": "RPT_DT", "lon": "Longitude", "lat": "Latitude", "category": "OFNS_DESC"}
    options = {"columns": columns | {"area": "ADDR_PCT_CD"}, "area_layer": "precinct", "time_format": "%m/%d/%Y"}
    return ht.scan_events("table", paths, areas=areas, batch_rows=batch_rows, **options)


@pytest.mark.parametrize(("suffix", "batch_rows"), [("csv", 250), ("csv", 1700), ("csv.gz", 250), ("parquet", 500)])
@pytest.mark.parametrize("kind", ["nypd_complaints", "table"])
@pytest.mark.filterwarnings("ignore::htgeo.core.errors.RowsWarning")
def test_scan_on_workers__equals_scan_here(
    kind: str, suffix: str, batch_rows: int, bad_rows, boroughs, precincts, threads: Client
) -> None:
    scan = scan_of(kind, bad_rows[suffix], [boroughs, precincts], batch_rows)
    here = scanned(scan)
    before, _ = progress.task_counts(threads)
    with threads.as_current():
        there = scanned(scan)
    after, _ = progress.task_counts(threads)
    assert after - before >= 3 * sum(1 for _ in scan) * (2 if kind == "nypd_complaints" else 1)
    assert_same_scan(there, here)
    assert len(here[2]) == here[1]["quarantined"]
    assert here[2]["reason"].str.contains("seen before").sum() > 20


@pytest.mark.parametrize("batch_rows", [1, 170, 999, 10**6])
@pytest.mark.filterwarnings("ignore::htgeo.core.errors.RowsWarning")
def test_any_batch_size__equals_reading_at_once(batch_rows: int, bad_rows, boroughs, precincts) -> None:
    paths = bad_rows["csv"]
    events = ht.read_events("nypd_complaints", paths, areas=[boroughs, precincts])
    expected = scanned(EventScan(lambda: iter([events])))
    if batch_rows == 1:  # in pieces of about one row, of a shorter file
        paths = [short(path, 40) for path in paths]
        expected = scanned(scan_of("nypd_complaints", paths, [boroughs, precincts], 10**6))
    assert_same_scan(scanned(scan_of("nypd_complaints", paths, [boroughs, precincts], batch_rows)), expected)


def short(path: Path, lines: int) -> Path:
    """Write the first lines of a file beside it."""
    beside = path.with_name(f"short-{path.name}")
    beside.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:lines]), "utf-8")
    return beside


def test_in_order__bounded_and_in_order(threads: Client) -> None:
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for number in range(40):
            drawn.append(number)
            yield number

    given: list[int] = []
    with threads.as_current():
        for result in cluster.in_order(begin, given.append, end, items()):
            assert len(drawn) - result <= cluster.IN_FLIGHT * 2
            assert result == len([r for r in given if r <= result]) - 1
    assert given == list(range(40))


def begin(item: int) -> tuple[int, int]:
    """Take longer for even items than for odd ones."""
    time.sleep(0.01 * (item % 2 == 0))
    return item, item


def end(made: int, answer: None) -> int:
    assert answer is None
    return made


def refuse_seven(item: int) -> tuple[int, int]:
    if item == 7:
        message = "seven"
        raise InputError(message)
    return item, item


@pytest.mark.parametrize("on_workers", [False, True])
def test_in_order__errors_come_in_order(on_workers: bool, threads: Client) -> None:
    given: list[int] = []
    with threads.as_current() if on_workers else contextlib.nullcontext():
        results = cluster.in_order(refuse_seven, lambda _: None, end, range(20))
        with pytest.raises(InputError, match=r"^seven$"):
            given.extend(results)
    assert given == list(range(7))


def test_worker_without_the_file__message_speaks_of_the_file_system(tmp_path: Path, threads: Client) -> None:
    from htgeo.sources.files import file_parts

    (tmp_path / "a.csv").write_text("a\n1\n2\n")
    parts = list(file_parts(tmp_path / "a.csv", ["a"], batch_rows=1))
    (tmp_path / "a.csv").unlink()
    message = r"there is no file '.*a\.csv' on .*, where a part of it is to be read: the workers .* that they share"
    with threads.as_current(), pytest.raises(InputError, match=message):
        list(cluster.in_order(lambda part: (part.read(), None), lambda _: None, lambda made, _: made, parts))


def test_scan_left_early__leaves_no_work(bad_rows, threads: Client) -> None:
    with threads.as_current():
        scan = iter(scan_of("nypd_complaints", bad_rows["csv"], [], 100))
        next(scan)
        assert threads.who_has()
        del scan
        wait_until(lambda: not threads.who_has() and not any(threads.processing().values()), 60)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::htgeo.core.errors.RowsWarning")
def test_scan_on_worker_processes__cube_equals_that_of_reading_at_once(bad_rows, boroughs, precincts, grid) -> None:
    areas = [boroughs, precincts]
    expected = ht.grid_events(
        {"crime": ht.read_events("nypd_complaints", bad_rows["csv"], areas=areas)}, grid
    ).compute()
    with cluster.scheduler("local:2x1"):
        scan = scan_of("nypd_complaints", bad_rows["csv"], areas, 200)
        found = ht.grid_events({"crime": scan}, grid).compute()
        (worker_pid,) = cluster.in_order(lambda item: (os.getpid(), item), lambda _: None, lambda pid, _: pid, [1])
    assert worker_pid != os.getpid()
    xr.testing.assert_identical(found, expected)


@pytest.mark.slow
def test_local_cluster__same_results_as_threads(study: Path, on_threads: Path, tmp_path: Path) -> None:
    run_study(load_study(study), tmp_path / "local", scheduler="local:2x1")
    assert_same_run(on_threads, tmp_path / "local")
    assert cluster.current_client() is None


@pytest.mark.slow
def test_active_client__is_used_and_left_open(on_threads: Path) -> None:
    expected, risk = learned(on_threads)
    with cluster.scheduler("local:2x1") as client, cluster.scheduler() as same:
        assert client is same
        before, _ = progress.task_counts(client)
        found, found_risk = learned(on_threads)
        after, still_open = progress.task_counts(client)
        assert client.status == "running"
    assert after - before > 20  # the cluster did the work
    assert still_open == 0
    np.testing.assert_allclose(found.X, expected.X, rtol=1e-6)
    np.testing.assert_array_equal(found.y, expected.y)
    np.testing.assert_array_equal(found.cell, expected.cell)
    np.testing.assert_allclose(found_risk, risk, rtol=1e-6)


@pytest.mark.slow
def test_progress__bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.05)
    work = [dask.delayed(time.sleep)(0.2 + i / 1000) for i in range(4)]
    shown = {}
    for terminal in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda terminal=terminal: terminal, raising=False)
        monkeypatch.setattr(sys, "stderr", stream)
        with cluster.scheduler("local:1x1"), progress.progress("counting sheep"):
            dask.compute(work)
        shown[terminal] = stream.getvalue()
    assert "counting sheep" in shown[True]
    assert "%" in shown[True]
    assert shown[False] == ""


@pytest.mark.slow
def test_scheduler_without_workers__message_says_how_to_start_one(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 2)
    with (
        pytest.raises(InputError, match=f"has no workers; start some with: dask worker {address}"),
        cluster.scheduler(address),
    ):
        pytest.fail("the block ran")


@pytest.mark.slow
def test_worker_killed_in_the_middle__run_ends_right(
    study: Path,
    on_threads: Path,
    address: str,
    started: Callable[..., "subprocess.Popen[bytes]"],
    tmp_path: Path,
) -> None:
    victim, other = worker(started, address), worker(started, address)
    out, command = tmp_path / "out", [sys.executable, "-m", "htgeo", "run", str(study), "--scheduler", address]
    with Client(address, timeout=20) as watch:
        watch.wait_for_workers(2, timeout=120)
        place = next(where for where, pid in watch.run(os.getpid).items() if pid == victim.pid)
        run = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: (out / "log.txt").exists() and "fitting" in (out / "log.txt").read_text("utf-8"))
            wait_until(lambda: bool(watch.processing()[place]) or run.poll() is not None)
            assert run.poll() is None, "the run was over before the worker was killed"
            os.kill(victim.pid, signal.SIGKILL)
            _, messages = run.communicate(timeout=600)
        finally:
            run.kill()
            run.wait()
        assert run.returncode == 0, messages
        assert list(watch.run(os.getpid).values()) == [other.pid]
    assert "large graph" not in messages
    assert_same_run(on_threads, out)


@pytest.mark.slow
def test_benchmark__runs_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    bench = import_module("harness").Bench(tmp_path, smoke=True)
    rows = list(import_module("scale").rows(bench))
    assert len(rows) == 5
    assert all(row.agrees for row in rows)
