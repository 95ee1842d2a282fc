"""The benchmarks at small sizes: htgeo and its peers give the same results, and tasks grow with the blocks alone."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
QUICK = (
    "startup",
    "grid",
    "csv_to_cube",
    "rolling",
    "rings",
    "matrix",
    "mile",
    "features",
    "store",
    "demo",
    "exports",
    "lstm",
)
NAMES = (*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in ("scale", "pages")))


@pytest.fixture(autouse=True)
def _benchmarks_first(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.mark.parametrize("name", NAMES)
def test_benchmark__agrees_with_its_peers(name, tmp_path):
    harness = import_module("harness")
    rows = list(import_module(name).rows(harness.Bench(tmp_path, smoke=True)))
    assert rows
    assert [row.work for row in rows if not row.agrees] == []
    assert all(str(row).count("|") == 7 for row in rows)


@pytest.mark.parametrize("name", ["grid", "rolling", "rings", "features"])
def test_tasks__grow_with_the_blocks_alone(name):
    tasks = import_module(name).tasks
    one, two, four = tasks(2048, 10), tasks(4096, 10), tasks(8192, 10)
    assert 0 < four - two <= 2.2 * (two - one)
    assert tasks(2048, 800) == tasks(2048, 400)


def test_grid__every_point_in_the_cell_of_h3ronpy():
    grid, inputs = import_module("grid"), import_module("inputs")
    areas = {"city": inputs.city_grid(days=1)}
    areas |= {where: inputs.square_grid(500, 1, lon=lon, lat=lat) for where, (lon, lat) in grid.PLACES.items()}
    assert areas["city"].lattice is not None
    assert all(areas[where].lattice is None for where in grid.PLACES)
    for area in areas.values():
        assert grid.wrong_rows(area, *inputs.points(area, 20_000)) == 0


def test_agrees__notices_a_difference(tmp_path):
    harness, rolling = import_module("harness"), import_module("rolling")
    rolling_rows = rolling.rows(harness.Bench(tmp_path, smoke=True))
    assert next(rolling_rows).agrees
    ours = harness.Bench(tmp_path, smoke=True).result(rolling.columns)
    theirs = {name: values + 1 for name, values in ours.items()}
    assert not rolling.agrees(ours, theirs, shift=0)


@pytest.mark.parametrize(
    ("ratio", "must", "at_most", "agrees", "reached"),
    [
        (9.0, 8.0, False, True, "yes"),
        (7.9, 8.0, False, True, "**no**"),
        (1.5, 1.6, True, True, "yes"),
        (1.7, 1.6, True, True, "**no**"),
        (9.0, 8.0, False, False, "**results differ**"),
        (9.0, None, False, True, ""),
    ],
)
def test_row__says_whether_it_is_reached(ratio, must, at_most, agrees, reached):
    row = import_module("harness").Row("work", "ours", "peer", ratio, must, at_most, agrees=agrees)
    assert row.reached == reached


def test_measure__runs_in_a_process_of_its_own(tmp_path):
    harness, matrix = import_module("harness"), import_module("matrix")
    import numpy as np

    bench = harness.Bench(tmp_path)
    bench.save(features=np.ones((3, 4, 5), np.float32))
    took = bench.measure(matrix.numpy_stack, repeats=2)
    assert bench.result(matrix.numpy_stack)["X"].shape == (20, 3)
    assert "harness" in sys.modules
    assert took.cpu > 0
    assert took.peak > 1
