"""A writer that is killed at a random moment loses nothing that was committed, and breaks nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from crash_writer import FIRST_DAYS, Model, write

import htgeo as ht
from htgeo.cube import history, verify

KILLS = int(os.environ.get("HTGEO_KILLS", "100"))
STEP_SECONDS = 0.1
"""A little more than a writer needs for a commit."""


@pytest.fixture
def writers() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name("crash_writer.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


def kill_one(writers: subprocess.Popen[str], path: Path, step: int, rng: np.random.Generator) -> int:
    """Start a writer after a step, kill it soon after one or two commits; return the last step it acknowledged."""
    writers.stdin.write(f"{path}\t{step}\n")
    writers.stdin.flush()
    pid = int(writers.stdout.readline().split()[1])
    for _ in range(rng.integers(1, 3)):
        step = int(writers.stdout.readline())
    time.sleep(rng.uniform(0, STEP_SECONDS))
    os.kill(pid, signal.SIGKILL)
    while (line := writers.stdout.readline().strip()) != "dead":
        step = int(line)
    return step


@pytest.mark.slow
def test_killed_writer__leaves_the_last_commit(writers: subprocess.Popen[str], tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    model = Model()
    ht.save_cube(model.cube(slice(0, FIRST_DAYS)), path, message="0")
    rng = np.random.default_rng(0)
    for _ in range(KILLS):
        acknowledged = kill_one(writers, path, model.step, rng)
        found = int(history(path)["message"].iloc[0])
        assert found in {acknowledged, acknowledged + 1}
        while model.step < found:
            model.advance()
        cube = ht.open_cube(path)
        assert np.array_equal(cube["crime"].values, model.values)
        assert np.array_equal(cube["crime_known"].values, model.values)
    assert model.step > KILLS / 2  # else writers were killed before they wrote anything
    verify(path)
    for _ in range(3):
        write(model, path)
    assert np.array_equal(ht.open_cube(path)["crime"].values, model.values)
