"""Samples as NPZ files, for people who train elsewhere, and back."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import check_cube, only_label, space
from htgeo.sources.npz import load_arrays
from htgeo.tensors.matrix import Matrix
from htgeo.tensors.sequences import Sequences

KEYS = ("X", "y", "time", "cell", "feature_names")
SAMPLES_AT_ONCE = 8192


@dataclass(frozen=True)
class Samples:
    """Samples read from an NPZ file.

    Attributes
    ----------
    X : array of float32, shape (sample, feature) or (sample, step, feature)
    y : array of float32, shape (sample,)
    time : array of datetime64[D], shape (sample,)
    cell : array of uint64, shape (sample,)
        H3 ids; names, where the places are areas.
    feature_names : tuple of str
    """

    X: np.ndarray
    y: np.ndarray
    time: np.ndarray
    cell: np.ndarray
    feature_names: tuple[str, ...]

    def back(self, values: np.ndarray, cube: xr.Dataset) -> xr.DataArray:
        """Put one value a sample onto (cell, time) of a cube; NaN where there is no sample.

        Raises
        ------
        InputError
            If the cube lacks a cell or a day of the samples.
        """
        check_cube(cube)
        place = space(cube)
        days = cube["time"].values.astype("datetime64[D]")
        rows, columns = _places(self.cell, cube[place].values, place), _places(self.time, days, "day")
        out = np.full((cube.sizes[place], len(days)), np.nan, np.float32)
        out[rows, columns] = values
        return xr.DataArray(out, dims=(place, "time"), coords={place: cube[place], "time": cube["time"]})


def write_npz(samples: Matrix | Sequences, path: str | Path, cube: xr.Dataset) -> Path:
    """Write samples as an NPZ file without pickles, block by block: memory is bounded by the block.

    The arrays are ``X`` (sample, feature) or (sample, step, feature), ``y``, ``time`` (days), ``cell`` (H3 ids) and
    ``feature_names`` (text); `numpy.load` reads them with ``allow_pickle=False``.

    Parameters
    ----------
    samples
        From `to_matrix` or `to_sequences`.
    path
        File to write; it appears only once it is whole.
    cube
        The cube that the samples are from: gives ids and days.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the samples are not from a cube of this size.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.Lag("crime", days=[1])])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=1))
    >>> ht.read_npz(ht.write_npz(ht.to_matrix(cube), "samples.npz", cube)).feature_names
    ('crime_lag_1',)
    """
    check_cube(cube)
    size = cube.sizes[space(cube)], cube.sizes["time"]
    theirs = samples.shape if isinstance(samples, Matrix) else only_label(samples.cube).shape
    if theirs != size:
        message = f"the samples are from a cube of {theirs[0]} cells by {theirs[1]} days, this one has {size[0]} by {size[1]}; give the cube that they were made from"
        raise InputError(message)
    path = Path(path)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _write(archive, samples, cube)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def read_npz(path: str | Path) -> Samples:
    """Read samples that `write_npz` wrote.

    Raises
    ------
    InputError
        If the file is absent, damaged, holds objects, or lacks an array or a part of one.
    """
    arrays = load_arrays(path)
    name = Path(path).name
    if missing := [key for key in KEYS if key not in arrays]:
        message = (
            f"{name} has no array {missing[0]!r}; samples have {', '.join(KEYS)}, the file has {', '.join(arrays)}"
        )
        raise InputError(message)
    kinds = {"X": "f", "y": "f", "time": "M", "cell": "uU", "feature_names": "U"}
    if wrong := [key for key, kind in kinds.items() if arrays[key].dtype.kind not in kind]:
        message = f"{name}: array {wrong[0]!r} has the type {arrays[wrong[0]].dtype}; write_npz makes another"
        raise InputError(message)
    shape, names = arrays["X"].shape, arrays["feature_names"]
    samples = [arrays[key].shape for key in ("y", "time", "cell")]
    if len(shape) not in (2, 3) or shape[-1:] != names.shape or samples != [shape[:1]] * 3:
        shapes = ", ".join(f"{key} {arrays[key].shape}" for key in KEYS)
        message = f"{name}: the arrays do not fit together: {shapes}; X must be (sample, feature) or (sample, step, feature), the others one a sample or a feature"
        raise InputError(message)
    return Samples(arrays["X"], arrays["y"], arrays["time"], arrays["cell"], tuple(names.tolist()))


def _write(archive: zipfile.ZipFile, samples: Matrix | Sequences, cube: xr.Dataset) -> None:
    shape = samples.X.shape if isinstance(samples, Matrix) else samples.shape
    y, rows, days = [], [], []
    with archive.open("X.npy", "w", force_zip64=True) as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": tuple(map(int, shape))}
        np.lib.format.write_array_header_2_0(file, header)
        for part in [samples] if isinstance(samples, Matrix) else samples:
            for start in range(0, len(part.y), SAMPLES_AT_ONCE):
                stop = start + SAMPLES_AT_ONCE
                some = part.X[start:stop] if isinstance(part, Matrix) else part.samples(start, stop)
                file.write(np.ascontiguousarray(some, "<f4").data)
            y.append(part.y)
            rows.append(part.cell)
            days.append(part.time)
    others = {
        "y": np.concatenate(y),
        "time": cube["time"].values.astype("datetime64[D]")[np.concatenate(days)],
        "cell": cube[space(cube)].values[np.concatenate(rows)],
        "feature_names": np.array(samples.names),
    }
    for key, values in others.items():
        with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, values, allow_pickle=False)


def _places(wanted: np.ndarray, known: np.ndarray, what: str) -> np.ndarray:
    """Return the place of each wanted value in the known ones."""
    order = np.argsort(known)
    at = order[np.minimum(np.searchsorted(known, wanted, sorter=order), len(known) - 1)]
    if (absent := known[at] != wanted).any():
        message = f"the cube has no {what} {wanted[absent][0]} of the samples; give the cube that they were made from"
        raise InputError(message)
    return at
