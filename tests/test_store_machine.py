"""Any order of what can be done to a store, and of what can happen to it, against a plain model in memory."""

import fcntl
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from icechunk import Repository, local_filesystem_storage

import htgeo as ht
from htgeo.core.errors import CubeError, StoreError
from htgeo.cube import amend_days, append_days, diff, encode, expire, history, rollback, tag_commit, verify

CELLS, MAX_DAYS = 70, 60
SEEDS = st.integers(0, 10_000)
DAYS = st.integers(1, 12)


def counts(seed: int, days: int) -> np.ndarray:
    return np.random.default_rng(seed).poisson(0.1, (CELLS, days)).astype("float32")


def cube_of(values: np.ndarray, first_day: int = 0) -> xr.Dataset:
    """Return a lazy cube with these counts on both clocks."""
    whole = ht.demo_cube().isel(cell=slice(0, CELLS), time=slice(first_day, first_day + values.shape[1]))
    known = np.roll(values, 1, axis=0)
    both = {"crime": values, "crime_known": known}
    return whole.assign({name: (("cell", "time"), both[name], whole[name].attrs) for name in both}).chunk(cell=32)


class Store(RuleBasedStateMachine):
    """The model: counts of each commit that can be opened, its parent, and the tags."""

    commits = Bundle("commits")
    forgotten = Bundle("forgotten")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "a.cube"
        self.values: dict[str, np.ndarray] = {}
        self.parent: dict[str, str | None] = {}
        self.tags: dict[str, str] = {}
        self.tip: str | None = None
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(encode, "DISK_DAYS", 7)

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.folder)

    def chain(self, tip: str | None) -> list[str]:
        """Return a commit and those that led to it, newest first."""
        return [] if tip is None else [tip, *self.chain(self.parent[tip])]

    def commit_is(self, commit: str, values: np.ndarray) -> str:
        assert commit not in self.values
        self.values[commit], self.parent[commit] = values, self.tip
        self.tip = commit
        return commit

    @property
    def now(self) -> np.ndarray:
        return self.values[self.tip]

    @initialize(target=commits, days=DAYS, seed=SEEDS)
    def first_build(self, days: int, seed: int) -> str:
        return self.build(days, seed)

    @rule(target=commits, days=DAYS, seed=SEEDS)
    def build(self, days: int, seed: int) -> str:
        values = counts(seed, days)
        return self.commit_is(ht.save_cube(cube_of(values), self.path), values)

    @rule(target=commits, days=DAYS, seed=SEEDS)
    def append(self, days: int, seed: int) -> str:
        start = self.now.shape[1]
        if start + days > MAX_DAYS:
            return self.tip
        new = counts(seed, days)
        return self.commit_is(append_days(cube_of(new, start), self.path), np.concatenate([self.now, new], axis=1))

    @rule(target=commits, start=st.integers(0, MAX_DAYS), days=DAYS, seed=SEEDS)
    def amend(self, start: int, days: int, seed: int) -> str:
        start %= self.now.shape[1]
        values = self.now.copy()
        values[:, start : start + days] = counts(seed, days)[:, : values.shape[1] - start]
        commit = amend_days(cube_of(values[:, start : start + days], start), self.path)
        if np.array_equal(values, self.now):
            assert commit == self.tip
            return commit
        return self.commit_is(commit, values)

    @rule(start=st.integers(0, MAX_DAYS), days=DAYS)
    def amend_nothing(self, start: int, days: int) -> None:
        start %= self.now.shape[1]
        assert amend_days(cube_of(self.now[:, start : start + days], start), self.path) == self.tip

    @rule(commit=commits)
    def tag(self, commit: str) -> None:
        if commit in self.values:
            name = f"tag{len(self.tags)}"
            assert tag_commit(self.path, name, commit=commit) == commit
            self.tags[name] = commit

    @rule(commit=commits)
    def roll_back(self, commit: str) -> None:
        if commit in self.values:
            rollback(self.path, commit)
            self.tip = commit

    @rule(days=DAYS, seed=SEEDS)
    def crash_while_writing(self, days: int, seed: int) -> None:
        """Fail in the last block; the others are on disk already."""
        cube = cube_of(counts(seed, days), self.now.shape[1])

        def fail(values: np.ndarray, block_id: tuple[int, int]) -> np.ndarray:
            if block_id[0] == CELLS // 32:
                message = "crash"
                raise RuntimeError(message)
            return values

        bad = cube["crime_known"].copy(
            data=cube["crime_known"].data.map_blocks(fail, dtype="float32", meta=np.empty((0, 0)))
        )
        for work in (append_days, ht.save_cube):
            with pytest.raises(RuntimeError, match="crash"):
                work(cube.assign(crime_known=bad), self.path)

    @rule(seed=SEEDS)
    def writer_that_vanished(self, seed: int) -> None:
        """Leave a session behind that wrote, but did not commit."""
        session = Repository.open(local_filesystem_storage(str(self.path))).writable_session("main")
        zarr.open_array(session.store, path="crime", mode="r+")[:] = seed
        zarr.open_array(session.store, path="time", mode="r+").resize((1,))

    @rule(days=DAYS)
    def second_writer(self, days: int) -> None:
        calls = [
            lambda: ht.save_cube(cube_of(counts(0, days)), self.path),
            lambda: append_days(cube_of(counts(0, days), self.now.shape[1]), self.path),
            lambda: amend_days(cube_of(counts(0, 1)), self.path),
            lambda: rollback(self.path, self.tip),
            lambda: expire(self.path, keep=1),
            lambda: tag_commit(self.path, "never"),
        ]
        with self.path.with_name(".a.cube.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for call in calls:
                with pytest.raises(StoreError, match="is being written by process"):
                    call()
            self.is_the_model()  # readers are not kept waiting

    @rule(days=DAYS, gap=st.integers(1, 5))
    def append_after_a_gap(self, days: int, gap: int) -> None:
        with pytest.raises(CubeError, match="do not begin at"):
            append_days(cube_of(counts(0, days), self.now.shape[1] + gap), self.path)

    @rule(target=forgotten, keep=st.integers(1, 6))
    def forget(self, keep: int) -> list[str]:
        table = history(self.path)
        chain = self.chain(self.tip)
        newest = chain[:keep]
        limit = table["written"].iloc[len(newest) - 1]
        tagged = set(self.tags.values())
        written = {}
        for tip in tagged:
            written |= self.written(tip)
        written |= self.written(self.tip)
        kept = {c for tip in (*tagged, self.tip) for c in self.chain(tip) if written[c] >= limit} | tagged
        expire(self.path, keep=keep)
        gone = [c for c in self.values if c not in kept]
        for commit in gone:
            del self.values[commit]
        self.open_forgotten(gone)
        self.reconnect(tagged | {self.tip})
        assert self.chain(self.tip)[: len(newest)] == newest
        return gone

    def written(self, tip: str) -> dict[str, object]:
        repository = Repository.open(local_filesystem_storage(str(self.path)))
        return {c.id: c.written_at for c in repository.ancestry(snapshot_id=tip)}

    def reconnect(self, tips: set[str]) -> None:
        """Take from the store which commits now lead to which: all must be known and kept."""
        for tip in tips:
            ids = [c for c in self.written(tip) if c in self.parent]
            assert set(ids) <= set(self.values)
            self.parent |= dict(zip(ids, [*ids[1:], None], strict=True))

    @rule(gone=consumes(forgotten))
    def forgotten_stays_forgotten(self, gone: list[str]) -> None:
        self.open_forgotten(gone)

    def open_forgotten(self, gone: list[str]) -> None:
        for commit in gone:
            with pytest.raises(StoreError, match="no commit"):
                ht.open_cube(self.path, commit=commit)

    @rule()
    def check(self) -> None:
        assert (verify(self.path)["chunks"] > 0).all()

    @rule(a=commits, b=commits)
    def compare(self, a: str, b: str) -> None:
        if a in self.values and b in self.values:
            table = diff(self.path, a, b).set_index("variable")
            old, new = self.values[a], self.values[b]
            shared = min(old.shape[1], new.shape[1])
            differs = old[:, :shared] != new[:, :shared]
            assert table["changed"].tolist() == [differs.sum()] * 2
            assert set(table["days_added"]) == {new.shape[1] - old.shape[1]}
            if differs.any():
                first_day = (table.loc["crime", "first_day"] - np.datetime64("2021-01-01")).days
                assert first_day == differs.any(axis=0).argmax()

    @rule(commit=commits)
    def open_old(self, commit: str) -> None:
        if commit in self.values:
            assert np.array_equal(ht.open_cube(self.path, commit=commit)["crime"].values, self.values[commit])

    @rule(number=st.integers(0, 3))
    def open_tagged(self, number: int) -> None:
        if (name := f"tag{number}") in self.tags:
            cube = ht.open_cube(self.path, commit=name)
            assert np.array_equal(cube["crime"].values, self.values[self.tags[name]])

    @invariant()
    def is_the_model(self) -> None:
        if self.tip is not None:
            cube = ht.open_cube(self.path)
            assert np.array_equal(cube["crime"].values, self.now)
            assert np.array_equal(cube["crime_known"].values, np.roll(self.now, 1, axis=0))
            assert history(self.path)["commit"].tolist() == self.chain(self.tip)


@pytest.mark.slow
class TestStore(Store.TestCase):
    settings = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
