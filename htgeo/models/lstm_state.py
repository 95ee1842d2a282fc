"""What an LSTM remembers after a day, so that a new day costs one step."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks
from htgeo.core.errors import CubeError
from htgeo.cube.schema import space
from htgeo.models.lstm_inputs import arrays_of
from htgeo.models.lstm_training import Reader


@dataclass(frozen=True)
class LstmState:
    """What an LSTM remembers after a day.

    Attributes
    ----------
    day : str
        The last day seen, ``YYYY-MM-DD``.
    cell : array of uint64 (names of areas where the cube has areas), shape (cell,)
    hidden, memory : arrays of float32, shape (layer, cell, hidden)
    """

    day: str
    cell: np.ndarray
    hidden: np.ndarray
    memory: np.ndarray

    def new_days(self, cube: xr.Dataset) -> np.ndarray:
        """Return which days of a cube come after the state, shape (time,); raise unless they follow on it."""
        days, last = cube["time"].values, np.datetime64(self.day)
        if not np.array_equal(cube[space(cube)].values, self.cell):
            message = "the cells of the cube are not those of the state; make a new one with model.state(cube)"
            raise CubeError(message)
        new = days > last
        if not new.any() or days[new][0] != last + np.timedelta64(1, "D"):
            message = f"the state is that after {self.day}; the cube has {str(days[0])[:10]} to {str(days[-1])[:10]}, the day after the state is needed"
            raise CubeError(message)
        return np.asarray(new)


def read_on(reader: Reader, variables: xr.Dataset, state: LstmState | None) -> tuple[xr.DataArray, LstmState]:
    """Read all days of some variables, block by block.

    Parameters
    ----------
    reader
        The network.
    variables
        What it reads, with the coordinates of the cube.
    state
        State before the first day; None where nothing has been seen.

    Returns
    -------
    line : DataArray
        Log-odds (log rates), in memory, float32 ``(cell, time)``.
    state : LstmState
        After the last day.
    """
    first, dims = 0, (space(variables), "time")
    lines, states = [], []
    for block in iter_blocks(variables):
        shape = block.sizes[dims[0]], block.sizes["time"]
        rows = slice(first, first + shape[0])
        before = None if state is None else (state.hidden[:, rows], state.memory[:, rows])
        line, after = reader.lines(arrays_of(block), shape, before)
        lines.append(line)
        states.extend(after)
        first += shape[0]
    hidden, memory = (np.concatenate([part[n].cpu().numpy() for part in states], 1) for n in (0, 1))
    coords = {dim: variables[dim] for dim in dims}
    after_last = LstmState(str(coords["time"].values[-1])[:10], coords[dims[0]].values, hidden, memory)
    return xr.DataArray(np.concatenate(lines), dims=dims, coords=coords), after_last
