"""A process that appends and amends until it is killed, forked from one that has imported everything.

Each line on standard input, ``path<TAB>step``, starts a writer after that step; it prints the step of each commit that it
made. ``writer <pid>`` is printed when it starts and ``dead`` when it has ended.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

import distributed
import icechunk
import numpy as np
import pandera.xarray
import xarray as xr
import zarr.codecs

import htgeo as ht
from htgeo.cube import amend_days, append_days

IMPORTED = (distributed, icechunk, pandera, zarr)
"""What a writer needs, so that it does not import it each time."""
FIRST_DAYS = 170
CELLS = 130
"""Three blocks of cells; the first amendments and additions cross the end of the first chunk of days."""
FIRST = np.datetime64("2021-01-01", "ns")


class Model:
    """What the store must hold after each step: every third step amends, the others append a day."""

    def __init__(self) -> None:
        self.step = 0
        self.values = np.concatenate([_day(day) for day in range(FIRST_DAYS)], axis=1)

    def advance(self) -> slice:
        """Make the next step; return the days that it writes."""
        self.step += 1
        if self.step % 3:
            day = self.values.shape[1]
            self.values = np.concatenate([self.values, _day(day)], axis=1)
            return slice(day, day + 1)
        rng = np.random.default_rng([1, self.step])
        start = int(rng.integers(0, self.values.shape[1] - 40))
        self.values[rng.integers(0, CELLS, 5), rng.integers(start, start + 40, 5)] += 1
        return slice(start, start + 40)

    def cube(self, days: slice) -> xr.Dataset:
        """Return the cube of some days."""
        values = self.values[:, days]
        time = FIRST + np.arange(days.start, days.stop).astype("timedelta64[D]")
        cube = ht.demo_cube().isel(cell=slice(0, CELLS), time=[0] * values.shape[1]).assign_coords(time=time)
        return cube.assign({name: (cube[name].dims, values, cube[name].attrs) for name in ("crime", "crime_known")})


def _day(day: int) -> np.ndarray:
    return np.random.default_rng([0, day]).poisson(0.2, (CELLS, 1)).astype("float32")


def write(model: Model, path: Path) -> None:
    """Make the next step in the store."""
    days = model.advance()
    work = append_days if model.step % 3 else amend_days
    work(model.cube(days), path, message=str(model.step))


def _tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def _work(path: Path, step: int) -> None:
    model = Model()
    while model.step < step:
        model.advance()
    while True:
        write(model, path)
        _tell(model.step)


def main() -> None:
    ht.demo_cube()
    for line in sys.stdin:
        path, step = line.rstrip("\n").split("\t")
        pid = os.fork()
        if not pid:
            _tell("writer", os.getpid())
            _work(Path(path), int(step))
        os.waitpid(pid, 0)
        _tell("dead")


if __name__ == "__main__":
    main()
