"""What each feature adds to the log-odds of an LSTM: integrated gradients, carried on from day to day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from htgeo.models.lstm_inputs import Arrays
from htgeo.models.lstm_network import joined, one_thread, tensors
from htgeo.models.lstm_training import DAYS_AT_ONCE, Reader

if TYPE_CHECKING:
    from torch import Tensor, nn

PATH_STEPS = 16
"""Pieces of the path."""
FLAT = 1e-3
"""Change of a gate's input below which its slope is the derivative: rounding would spoil a quotient."""
VALUES_AT_ONCE = 500_000
"""Derivatives of gates that are held together: few cells at a time, so that they stay in the processor's cache."""
GATES = ("sigmoid", "sigmoid", "tanh", "sigmoid")
"""What bends the gates of torch: what enters, what is kept, what is new, what leaves."""
States = tuple["Tensor", "Tensor", "Tensor", "Tensor"]
"""Hidden state and memory at the ends of the pieces, and what each feature changes of them over each piece."""
Layer = tuple["Tensor", "Tensor", "Tensor"]
"""Weights of the inputs, of the hidden state, and what is added, for the four gates of one layer."""


def integrated_gradients(
    reader: Reader, features: Sequence[str], values: Arrays, shape: tuple[int, int], before: int
) -> np.ndarray:
    """Return what each feature adds to the log-odds (log rates) of a block (Sundararajan, Taly & Yan 2017).

    The path leads straight from the baseline to what the network reads. The baseline of a number is its mean over the
    days that scaling was learned on, without a gap; that of a category is the mean of its embedded categories, each
    counted once. A gap counts for the first of the features that share it.

    A memory that flips within a step of the path has a gradient that no few points catch. So each gate has, over a
    piece of the path, the slope between its ends (the rescale rule of Shrikumar, Greenside & Kundaje 2017), which tends
    to the gradient as pieces get short; and whatever their number, contributions add up to the rounding of float32.

    What a feature adds to a day is summed over that day and all before it: the derivative of the day's log-odds in the
    direction of the feature. It is carried forward with the states of the network, so one way through the days explains
    them all: the cost grows with days read x features x `PATH_STEPS`, not with the days asked for. All is float32, also
    where the forecast of a GPU is not.

    Parameters
    ----------
    reader
        The network and what it reads.
    features
        Names of the features.
    values
        Features of the block, from the first day the network reads.
    shape
        Cells and days of the result.
    before
        Days of the block before the first day of the result.

    Returns
    -------
    array of float32, shape (feature + 1, cell, day)
        The last is the log-odds of the baseline.
    """
    import torch

    cells, days = shape
    out = np.empty((len(features) + 1, cells, days), np.float32)
    with torch.inference_mode(), one_thread():
        parts = _Parts.of(reader, features)
        size = max(1, VALUES_AT_ONCE // (PATH_STEPS * parts.owner.shape[0] * len(parts.layers[0][2])))
        for start in range(0, cells, size):
            rows = slice(start, min(start + size, cells))
            for day, added in _explained_days(reader, parts, values, rows, range(before, before + days)):
                out[:, rows, day - before] = added.cpu().numpy()
    return out


@dataclass(frozen=True)
class _Parts:
    """A network taken apart.

    Attributes
    ----------
    layers
        Of the LSTM.
    from_state, bias, from_input
        The line of the last hidden state, shape (hidden,) and (1,), and of the input, shape (input,).
    baseline
        Input at which the path begins, shape (input,).
    owner
        1 where an input belongs to a feature, shape (feature, 1, input).
    points
        Ends of the pieces of the path, from 0, the baseline, to 1, what is read; shape (end, 1, 1).
    """

    layers: list[Layer]
    from_state: "Tensor"
    bias: "Tensor"
    from_input: "Tensor"
    baseline: "Tensor"
    owner: "Tensor"
    points: "Tensor"

    @classmethod
    def of(cls, reader: Reader, features: Sequence[str]) -> "_Parts":
        network: Any = reader.network
        tables = list(network["tables"])
        names = reader.inputs.columns(tables[0].embedding_dim if tables else 0)
        owner = np.array([[name == feature for name in names] for feature in features], np.float32)
        baseline = np.zeros(len(names), np.float32)
        if tables:
            means = [table.weight[1:].mean(0).cpu().numpy() for table in tables]
            baseline[reader.inputs.width :] = np.concatenate(means)
        points = np.linspace(0, 1, PATH_STEPS + 1, dtype=np.float32)
        arrays = [baseline, owner[:, None], points[:, None, None]]
        line = network["from_state"].weight[0], network["from_state"].bias, network["from_input"].weight[0]
        return cls(_layers_of(network["lstm"]), *line, *tensors(arrays, reader.device))


def _layers_of(lstm: "nn.LSTM") -> list[Layer]:
    layers = []
    for number in range(lstm.num_layers):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        from_input, from_state, one, two = (getattr(lstm, f"{name}_l{number}") for name in names)
        layers.append((from_input.T, from_state.T, one + two))
    return layers


def _explained_days(
    reader: Reader, parts: _Parts, values: Arrays, rows: slice, asked: range
) -> "Iterator[tuple[int, Tensor]]":
    """Yield the days asked for, and what each feature and the baseline add, shape (feature + 1, cell)."""
    for span, shown in _spans(reader.window, asked):
        walk = _Walk(parts, rows.stop - rows.start)
        for day, x in _inputs(reader, values, rows, span):
            added = walk.read(x)
            if day in shown:
                yield day, added


def _spans(window: int | None, asked: range) -> list[tuple[range, range]]:
    """Return days to read on from nothing, and those of them to explain."""
    if window is None:
        return [(range(asked.stop), asked)]
    return [(range(day - window + 1, day + 1), range(day, day + 1)) for day in asked]


def _inputs(reader: Reader, values: Arrays, rows: slice, span: range) -> "Iterator[tuple[int, Tensor | None]]":
    """Yield days and what the network reads of them, shape (cell, input); None of days before the first."""
    for day in range(span.start, min(0, span.stop)):
        yield day, None
    for first in range(max(0, span.start), span.stop, DAYS_AT_ONCE):
        days = slice(first, min(first + DAYS_AT_ONCE, span.stop))
        numbers, codes = (tensors(arrays, reader.device) for arrays in reader.inputs.cut(values, rows, days))
        x = joined(reader.network, numbers, codes, (days.stop - first, rows.stop - rows.start))
        yield from enumerate(x, first)


class _Walk:
    """States of the layers along the path, and what each feature changes of them over each piece."""

    def __init__(self, parts: _Parts, cells: int) -> None:
        import torch

        self._parts = parts
        zeros = torch.zeros(PATH_STEPS + 1, cells, len(parts.from_state), device=parts.points.device)
        changes = zeros[1:].expand(len(parts.owner), -1, -1, -1)
        self._states: list[States] = [(zeros, zeros, changes, changes) for _ in parts.layers]

    def read(self, x: "Tensor | None") -> "Tensor":
        """Read a day, shape (cell, input), as zeros where None; return what each feature and the baseline add to it."""
        import torch

        parts = self._parts
        zero = parts.baseline if x is not None else torch.zeros_like(parts.baseline)
        way = x - zero if x is not None else torch.zeros_like(zero)[None]
        own = way * parts.owner
        out, change = zero + parts.points * way, own[:, None] / PATH_STEPS
        for number, layer in enumerate(parts.layers):
            self._states[number] = _step(layer, out, change, self._states[number])
            out, _, change, _ = self._states[number]
        added = change.sum(1) @ parts.from_state + own @ parts.from_input
        base = out[0] @ parts.from_state + parts.bias + zero @ parts.from_input
        return torch.cat([added, base[None]])


def _step(layer: Layer, x: "Tensor", dx: "Tensor", state: States) -> States:
    """Return hidden state and memory after a day, and what each feature changes of both over each piece of the path.

    Parameters
    ----------
    layer
        Weights.
    x, dx
        Input, shape (end, cell, input), and its changes, shape (feature, piece, cell, input).
    state
        The same before the day, shape (end, cell, hidden) and (feature, piece, cell, hidden).
    """
    from_input, from_state, bias = layer
    hidden, memory, dhidden, dmemory = state
    gates = (x @ from_input + hidden @ from_state + bias).chunk(4, -1)
    dgates = (dx @ from_input + dhidden @ from_state).chunk(4, -1)
    (enter, denter), (keep, dkeep), (new, dnew), (leave, dleave) = (
        _bent(gate, change, kind) for gate, change, kind in zip(gates, dgates, GATES, strict=True)
    )
    after = keep * memory + enter * new
    dafter = dmemory * _mean(keep)
    for change, other in ((dkeep, memory), (denter, new), (dnew, enter)):
        dafter.addcmul_(change, _mean(other))
    shown, dshown = _bent(after, dafter, "tanh")
    dhidden = dshown * _mean(leave)
    return leave * shown, after, dhidden.addcmul_(dleave, _mean(shown)), dafter


def _bent(x: "Tensor", dx: "Tensor", kind: str) -> "tuple[Tensor, Tensor]":
    """Return the sigmoid or tanh of a gate at the ends of the pieces, and the changes of it."""
    import torch

    y = x.sigmoid() if kind == "sigmoid" else x.tanh()
    middle, step = _mean(y), x.diff(dim=0)
    derivative = middle * (1 - middle) if kind == "sigmoid" else 1 - middle * middle
    return y, dx * torch.where(step.abs() > FLAT, y.diff(dim=0) / step, derivative)


def _mean(ends: "Tensor") -> "Tensor":
    """Return the middle between the ends of each piece."""
    return (ends[1:] + ends[:-1]) / 2
