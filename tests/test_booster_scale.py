"""Boosted trees on samples larger than memory, and on workers."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster

import htgeo as ht
from htgeo.core.errors import HtgeoError, InputError
from htgeo.models import MODELS, boosting, distributed, streaming
from htgeo.models.distributed import in_blocks, rows_on_workers, watched
from htgeo.models.learner import OFFSET
from htgeo.models.streaming import Pieces, read_samples
from htgeo.tensors.matrix import Samples, draw_samples

BOTH = ("lightgbm", "xgboost")
TINY = 1e-9
"""A memory limit below any features, GB."""


def make(name: str, **options: Any):
    return MODELS[name](**{"max_trees": 30, "validation_days": 20, **options})


@pytest.fixture
def train(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, "2021-05-10")[0]


@pytest.fixture
def samples(train: xr.Dataset) -> Samples:
    return draw_samples(train, negatives_per_positive=1, seed=2)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(streaming, "PIECE_ROWS", 300)
    return 300


def test_features_in_a_file__equal_those_in_memory_and_end_with_the_block(samples: Samples, small_pieces: int) -> None:
    with read_samples(samples, memory_limit=1) as held, read_samples(samples, memory_limit=TINY) as stored:
        assert not isinstance(held.X, np.memmap)
        assert isinstance(stored.X, np.memmap)
        path = Path(str(stored.X.filename))
        assert path.stat().st_size == samples.nbytes
        np.testing.assert_array_equal(stored.X, held.X)
        every = ht.to_matrix(samples.cube)
        np.testing.assert_array_equal(every.back(every.y)[held.cell, held.time], held.y)
        odd = samples.time % 2 == 1
        pieces = Pieces(stored.X, odd)
        assert len(pieces) > 2
        assert max(len(piece) for piece in pieces) <= small_pieces
        np.testing.assert_array_equal(np.concatenate(list(pieces)), held.X[odd])
        np.testing.assert_array_equal(pieces[1], held.X[pieces.rows(1)])
        assert len(list(Pieces(stored.X, slice(None)))) == -(-len(samples.y) // small_pieces)
    assert not path.exists()


def test_disk_too_small__told_before_anything_is_read(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        free = 10

    monkeypatch.setattr(streaming, "disk_usage", lambda _: Full)
    monkeypatch.setattr(Samples, "read", lambda *_: pytest.fail("features were read"))
    with (
        pytest.raises(HtgeoError, match=r"samples take .* GB free; set TMPDIR to a folder with more room"),
        read_samples(samples, TINY),
    ):
        pytest.fail("the block ran")


def test_thinned__some_of_the_samples_in_their_blocks(samples: Samples) -> None:
    few = samples.thinned(500, seed=1)
    assert len(few.y) == 500
    assert samples.thinned(10**9, seed=1) is samples
    for block in range(len(samples.cells) - 1):
        cells = few.cell[few.rows(block)]
        assert ((cells >= samples.cells[block]) & (cells < samples.cells[block + 1])).all()
    with read_samples(samples, 1) as every, read_samples(few, 1) as some:
        index = {place: row for row, place in enumerate(zip(every.cell.tolist(), every.time.tolist(), strict=True))}
        at = [index[place] for place in zip(some.cell.tolist(), some.time.tolist(), strict=True)]
        np.testing.assert_array_equal(some.X, every.X[at])
        np.testing.assert_array_equal(some.y, every.y[at])


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    "options", [{}, {"offset": "historical_rate"}, {"balance": "class_weight"}, {"objective": "poisson"}]
)
@pytest.mark.usefixtures("small_pieces")
def test_training_from_a_file__same_risk(
    labelled: xr.Dataset, train: xr.Dataset, name: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = make(name, **options).fit(train)
    read: list[int] = []
    whole = Pieces.__getitem__
    monkeypatch.setattr(Pieces, "__getitem__", lambda self, number: read.append(number) or whole(self, number))
    stored = make(name, memory_limit=TINY, **options).fit(train)
    assert max(read) > 5
    assert stored.trees_ == held.trees_
    np.testing.assert_array_equal(stored.predict(labelled).values, held.predict(labelled).values)


@pytest.mark.parametrize("few_bins", [{"bin_construct_sample_cnt": 1000}])
@pytest.mark.usefixtures("small_pieces")
def test_bins_from_a_sample__same_from_a_file(train: xr.Dataset, few_bins: dict[str, int]) -> None:
    trees = [
        make("lightgbm", trees=5, seed=seed, memory_limit=limit, params=few_bins).fit(train).booster_.dump_model()
        for seed in (0, 7)
        for limit in (1, TINY)
    ]
    assert trees[0]["tree_info"] == trees[1]["tree_info"]
    assert trees[2]["tree_info"] == trees[3]["tree_info"]
    assert trees[0]["tree_info"] != trees[2]["tree_info"]


@pytest.mark.parametrize("name", BOTH)
def test_trees_given__no_days_validate(train: xr.Dataset, name: str) -> None:
    model = make(name, trees=7, validation_days=10_000).fit(train)
    assert model.trees_ == 7
    again = make(name, trees=7).fit(train)
    np.testing.assert_array_equal(model.predict(train).values, again.predict(train).values)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("options", [{"trees": 0}, {"memory_limit": 0}])
def test_bad_options__are_named(name: str, options: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(options))} must be above 0, not 0"):
        make(name, **options)


@pytest.mark.parametrize("name", BOTH)
def test_distributed_without_client__told(train: xr.Dataset, name: str) -> None:
    with pytest.raises(InputError, match="distributed=True needs an active dask client"):
        make(name, distributed=True).fit(train)


class FakeClient:
    """A client whose workers are in a list."""

    def __init__(self, *workers: str) -> None:
        self.workers = list(workers)

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.workers, 1)


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set it to end work that waits for it."""
    monkeypatch.setattr(distributed, "SECONDS_BETWEEN_LOOKS", 0.01)
    end = threading.Event()
    yield end
    end.set()


def test_training_that_hangs__ends_when_the_time_is_over(
    endless: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "SECONDS_TO_TRAIN", 0.1)
    with pytest.raises(HtgeoError, match="training on the workers took more than"):
        watched(FakeClient("a", "b"), endless.wait)


def test_worker_that_leaves__ends_training_that_waits_for_it(endless: threading.Event) -> None:
    client = FakeClient("tcp://host:1", "tcp://host:2")

    def work() -> None:
        client.workers.remove("tcp://host:2")
        endless.wait()

    with pytest.raises(HtgeoError, match="1 of 2 workers left the cluster in the middle of the training: tcp://host:2"):
        watched(client, work)


def test_worker_that_leaves__is_the_reason_of_a_failure() -> None:
    client = FakeClient("tcp://host:1", "tcp://host:2")

    def work() -> None:
        client.workers.remove("tcp://host:2")
        message = "Socket recv error"
        raise RuntimeError(message)

    with pytest.raises(HtgeoError, match="1 of 2 workers left"):
        watched(client, work)
    with pytest.raises(HtgeoError, match=r"training on the workers failed: division by zero"):
        watched(client, lambda: 1 / 0)
    assert watched(client, lambda: "done") == "done"


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Client]:
    """Two worker processes of one thread."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options) as made, Client(made, set_as_default=False) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("lazy", [True, False])
def test_rows_on_workers__those_of_the_matrix_and_shared_between_them(
    train: xr.Dataset, two_workers: Client, lazy: bool
) -> None:
    samples = draw_samples(in_blocks(train if lazy else train.compute()), negatives_per_positive=1, seed=2)
    weight, line = samples.weight * 2, {OFFSET: ht.HistoricalRate().fit(train).predict(train)}
    with (
        read_samples(samples, memory_limit=1) as matrix,
        two_workers.as_current(),
        rows_on_workers(two_workers, samples, weight, line) as rows,
    ):
        for found, expected in (
            (rows.X, matrix.X),
            (rows.y, matrix.y),
            (rows.weight, weight),
            (rows.line, line[OFFSET].values[samples.cell, samples.time]),
        ):
            np.testing.assert_allclose(found.compute(), expected, rtol=1e-6)
        assert len(rows.X.chunks[0]) == 2
        assert all(two_workers.has_what().values())


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("options", [{"trees": 30}, {"offset": "historical_rate"}])
def test_trained_on_workers__about_the_risk_of_a_local_fit(
    labelled: xr.Dataset, train: xr.Dataset, two_workers: Client, name: str, options: dict[str, Any]
) -> None:
    local = make(name, **options).fit(train)
    with two_workers.as_current():
        there = make(name, distributed=True, **options).fit(train)
    assert there.trees_ == local.trees_
    one, other = (model.predict(labelled).values for model in (local, there))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99
    assert other.mean() == pytest.approx(one.mean(), rel=0.02)
    assert other.std() == pytest.approx(one.std(), rel=0.1)


@pytest.mark.slow
def test_trained_twice_on_the_same_workers__same_bytes(train: xr.Dataset, two_workers: Client) -> None:
    with two_workers.as_current():
        one, other = (make("xgboost", trees=20, distributed=True).fit(train) for _ in range(2))
    np.testing.assert_array_equal(one.predict(train).values, other.predict(train).values)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
def test_worker_killed__clear_error_and_the_cluster_goes_on(
    train: xr.Dataset, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options) as made, Client(made) as client:
        victim = client.run(os.getpid).popitem()[1]

        def killed_soon(client: Client, work: Callable[[], Any]) -> Any:
            threading.Timer(3, os.kill, (victim, signal.SIGKILL)).start()
            return watched(client, work)

        monkeypatch.setattr(boosting, "watched", killed_soon)
        with pytest.raises(HtgeoError, match="1 of 2 workers left the cluster in the middle of the training"):
            make(name, distributed=True, trees=1_000_000).fit(train)
        monkeypatch.undo()
        client.wait_for_workers(2, timeout=120)
        assert make(name, distributed=True, trees=3).fit(train).trees_ == 3


@pytest.mark.slow
def test_benchmark__runs_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    bench = import_module("harness").Bench(tmp_path, smoke=True)
    rows = list(import_module("boosters").rows(bench))
    assert len(rows) == 6
    assert all(row.agrees for row in rows)
