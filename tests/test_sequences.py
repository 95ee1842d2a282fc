"""Windows of days as views, samples back onto the cube, and NPZ files."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.tensors.npz import Samples, read_npz, write_npz
from htgeo.tensors.sequences import to_sequences

LABEL = "crime_any_within_7"


def test_windows__are_the_days_up_to_the_sample(labelled: xr.Dataset) -> None:
    sequences = to_sequences(labelled, steps=5)
    assert len(sequences) > 1
    assert sequences.shape == (sum(len(block.y) for block in sequences), 5, len(sequences.names))
    name = sequences.names.index("crime_sum_7")
    values, label = labelled["crime_sum_7"].values, labelled[LABEL].values
    for block in sequences:
        windows = block.samples()
        for n in (0, 17, len(block.y) - 1):
            cell, day = block.cell[n], block.time[n]
            np.testing.assert_array_equal(windows[n, :, name], values[cell, day - 4 : day + 1])
            assert block.y[n] == label[cell, day]
        np.testing.assert_array_equal(block.samples(3, 9), windows[3:9])


def test_windows__share_the_memory_of_the_block(labelled: xr.Dataset) -> None:
    block = to_sequences(labelled, steps=28).block(0)
    assert np.shares_memory(block.X[0, 0, 1:], block.X[0, 1, :-1])
    base = block.X
    while base.base is not None:
        base = base.base
    assert base.nbytes * 10 < block.X.nbytes
    assert not block.X.flags.writeable


def test_block__one_is_that_of_the_iteration(labelled: xr.Dataset) -> None:
    sequences = to_sequences(labelled, steps=3)
    for number, block in enumerate(sequences):
        one = sequences.block(number)
        assert (one.first, len(one.y)) == (block.first, sequences.sizes[number])
        np.testing.assert_array_equal(one.cell, block.cell)
        np.testing.assert_array_equal(one.samples(), block.samples())
    with pytest.raises(InputError, match=f"there is no block {len(sequences)}; the cube has {len(sequences)}"):
        sequences.block(len(sequences))


def test_features__stay_lazy(labelled: xr.Dataset) -> None:
    with no_compute():
        sequences = to_sequences(labelled, steps=7)
    assert len(sequences) == labelled["crime_lag_1"].data.numblocks[0]


@pytest.mark.parametrize("lazy", [True, False])
def test_back__puts_samples_where_they_were(labelled: xr.Dataset, *, lazy: bool) -> None:
    cube = labelled if lazy else labelled.compute()
    sequences = to_sequences(cube, steps=10)
    back = sequences.back(np.concatenate([block.y for block in sequences]))
    expected = labelled[LABEL].values.copy()
    expected[:, :9] = np.nan
    np.testing.assert_array_equal(back, expected)


def test_to_sequences__bad_use(cube: xr.Dataset, labelled: xr.Dataset) -> None:
    with pytest.raises(InputError, match="steps must be a whole number of days of at least 1, not 0"):
        to_sequences(labelled, steps=0)
    with pytest.raises(CubeError, match="fewer than a window of 400"):
        to_sequences(labelled, steps=400)
    with pytest.raises(CubeError, match=r"has no features; add some: htgeo.add_features"):
        to_sequences(cube)


@pytest.fixture
def samples(labelled: xr.Dataset, tmp_path: Path) -> Samples:
    return read_npz(write_npz(to_sequences(labelled, steps=4), tmp_path / "samples.npz", labelled))


def test_npz__sequences_and_back(labelled: xr.Dataset, samples: Samples) -> None:
    sequences = to_sequences(labelled, steps=4)
    np.testing.assert_array_equal(samples.X, np.concatenate([block.samples() for block in sequences]))
    np.testing.assert_array_equal(samples.back(samples.y, labelled).values, sequences.back(samples.y))
    assert samples.feature_names == sequences.names
    assert samples.time.min() == labelled["time"].values[3]


def test_npz__matrix_and_back(labelled: xr.Dataset, tmp_path: Path) -> None:
    matrix = ht.to_matrix(labelled, negatives_per_positive=1.0)
    found = read_npz(write_npz(matrix, tmp_path / "samples.npz", labelled))
    np.testing.assert_array_equal(found.X, matrix.X)
    np.testing.assert_array_equal(found.back(found.y, labelled).values, matrix.back(matrix.y))


def test_npz__plain_arrays_without_pickles(labelled: xr.Dataset, samples: Samples, tmp_path: Path) -> None:
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as file:
        assert set(file.files) == {"X", "y", "time", "cell", "feature_names"}
        assert (file["X"].dtype, file["cell"].dtype, file["time"].dtype) == ("f4", "u8", "M8[D]")
        assert file["feature_names"].dtype.kind == "U"
        assert len(file["X"]) == len(samples.y)
    assert set(samples.cell) <= set(labelled["cell"].values)
    assert [path.name for path in tmp_path.iterdir()] == ["samples.npz"]


def test_npz__clear_errors(labelled: xr.Dataset, samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    with pytest.raises(InputError, match="the samples are from a cube of"):
        write_npz(ht.to_matrix(labelled), path, labelled.isel(cell=slice(5)))
    with pytest.raises(InputError, match=re.escape("the cube has no day 2021-01-04 of the samples")):
        samples.back(samples.y, labelled.sel(time=slice("2021-02-01", None)))
    arrays = {key: getattr(samples, key) for key in ("X", "y", "time", "cell")}
    names = np.array(samples.feature_names)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="has no array 'feature_names'"):
        read_npz(path)
    np.savez(path, **arrays, feature_names=names[1:])
    with pytest.raises(InputError, match="the arrays do not fit together"):
        read_npz(path)
    np.savez(path, **{**arrays, "cell": samples.cell.astype("i8")}, feature_names=names)
    with pytest.raises(InputError, match="array 'cell' has the type int64"):
        read_npz(path)
    np.savez(path, **arrays, feature_names=names.astype(object))
    with pytest.raises(InputError, match="holds an array of Python objects"):
        read_npz(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="is not an NPZ file, or damaged"):
        read_npz(path)


def test_npz__a_failed_write_leaves_nothing(labelled: xr.Dataset, tmp_path: Path, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise zipfile.LargeZipFile

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(zipfile.LargeZipFile):
        write_npz(to_sequences(labelled, steps=4), tmp_path / "samples.npz", labelled)
    assert list(tmp_path.iterdir()) == []
