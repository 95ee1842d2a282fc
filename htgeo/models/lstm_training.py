"""Runs a network over blocks of a cube, and trains it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from htgeo.models.learner import OFFSET
from htgeo.models.lstm_inputs import Arrays, Blocks, Inputs, Rows
from htgeo.models.lstm_network import State, mixed_precision, run_network, run_windows, tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

DAYS_AT_ONCE, CELLS_AT_ONCE = 128, 256
"""Of a block, read together when nothing is learned: the inputs stay in the processor's cache."""
FOCUS = 2.0
"""Exponent of the focal loss."""
AVERAGED = 0.98
"""Share of the running mean of weights that stays at each step."""
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Reader:
    """A network and what it reads.

    Attributes
    ----------
    network, inputs, device
        The network, its inputs and where it computes.
    window
        Days read for each day, from nothing; None reads on from day to day.
    """

    network: "nn.ModuleDict"
    inputs: Inputs
    device: str
    window: int | None

    def days_at_once(self, days: int) -> int:
        """Return how many days are scored together, in the memory of `days` days read on."""
        return days if self.window is None else max(1, days // self.window)

    def line(self, block: Arrays, rows: Rows, days: slice, state: State | None) -> tuple["Tensor", State | None]:
        """Return log-odds (log rates), shape (day, cell), of some cells and days of a block, and the state after them."""
        lead = 0 if self.window is None else min(self.window - 1, days.start)
        read = self.inputs.cut(block, rows, slice(days.start - lead, days.stop))
        cells = len(rows) if isinstance(rows, np.ndarray) else rows.stop - rows.start
        shape = days.stop - days.start + lead, cells
        numbers, codes = (tensors(arrays, self.device) for arrays in read)
        with mixed_precision(self.device):
            if self.window is None:
                line, state = run_network(self.network, numbers, codes, shape, state)
            else:
                line = run_windows(self.network, numbers, codes, shape, self.window, lead)
        if OFFSET in block:
            line = line + tensors([block[OFFSET][rows, days].T], self.device)[0]
        return line.float(), state

    def lines(
        self, block: Arrays, shape: tuple[int, int], state: tuple[np.ndarray, np.ndarray] | None = None
    ) -> tuple[np.ndarray, list[State]]:
        """Return log-odds (log rates) of a whole block, shape (cell, day), and the states after its last day by slab.

        Parameters
        ----------
        block, shape
            Features of the block, its cells and days.
        state
            State before the first day, shape (layer, cell, hidden) each.
        """
        import torch

        cells, days = shape
        out = np.empty(shape, np.float32)
        at_once, states = self.days_at_once(DAYS_AT_ONCE), []
        with torch.inference_mode():
            for start in range(0, cells, CELLS_AT_ONCE):
                rows = slice(start, min(start + CELLS_AT_ONCE, cells))
                now: State | None = None
                if state is not None:
                    now = tuple(tensors([part[:, rows] for part in state], self.device))  # type: ignore[assignment]
                for first in range(0, days, at_once):
                    some = slice(first, min(first + at_once, days))
                    line, now = self.line(block, rows, some, now)
                    out[rows, some] = line.cpu().numpy().T
                if now is not None:
                    states.append(now)
        return out, states


@dataclass(frozen=True)
class Training:
    """How a network learns.

    Attributes
    ----------
    blocks, label
        What is learned from, and the name of the label in it.
    loss
        Loss of each cell-day, see `loss_of`.
    learning_rate, clip, batch_cells, chunk_days, seed
        See `LSTM`.
    """

    blocks: Blocks
    label: str
    loss: "Callable[[Tensor, Tensor], Tensor]"
    learning_rate: float
    clip: float
    batch_cells: int
    chunk_days: int
    seed: int

    def epochs(self, reader: Reader, days: int) -> "Iterator[nn.ModuleDict]":
        """Train the network of a reader on the first `days` days, epoch after epoch; yield the mean of its weights."""
        import torch
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        rng = np.random.default_rng(self.seed)
        optimizer = torch.optim.AdamW(reader.network.parameters(), self.learning_rate, weight_decay=WEIGHT_DECAY)
        averaged = AveragedModel(reader.network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))  # type: ignore[no-untyped-call]
        averaged.eval()
        while True:
            for block in self.blocks:
                for rows in self._batches(len(block[self.label]), rng):
                    for loss in self._losses(reader, block, rows, days):
                        optimizer.zero_grad()
                        loss.backward()  # type: ignore[no-untyped-call]
                        torch.nn.utils.clip_grad_norm_(reader.network.parameters(), self.clip)
                        optimizer.step()
                        averaged.update_parameters(reader.network)
            yield averaged.module  # type: ignore[misc]  # a copy of the network

    def _batches(self, cells: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Return cells by batch, drawn anew for each epoch."""
        batches = np.array_split(rng.permutation(cells), -(-cells // self.batch_cells))
        return [np.sort(rows) for rows in batches]

    def _losses(self, reader: Reader, block: Arrays, rows: np.ndarray, days: int) -> "Iterator[Tensor]":
        """Yield the mean loss of each stretch of days; the state goes on, the gradient ends at the first day of each."""
        state: Any = None
        at_once = reader.days_at_once(self.chunk_days)
        for first in range(0, days, at_once):
            some = slice(first, min(first + at_once, days))
            label = block[self.label][rows, some].T
            known = ~np.isnan(label)
            line, state = reader.line(block, rows, some, state)
            state = state and tuple(part.detach() for part in state)
            if known.any():
                y, mask = tensors([np.nan_to_num(label), known], reader.device)
                yield (self.loss(line, y) * mask).sum() / int(known.sum())

    def validate(self, reader: Reader, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Return log-odds (log rates) and labels of all known days from `first` on, shape (sample,) each."""
        lines, labels = [], []
        for block in self.blocks:
            label = block[self.label]
            line, _ = reader.lines(block, label.shape)
            known = ~np.isnan(label[:, first:])
            lines.append(line[:, first:][known])
            labels.append(label[:, first:][known])
        return np.concatenate(lines), np.concatenate(labels)

    def mean_loss(self, line: np.ndarray, label: np.ndarray) -> float:
        """Return the mean loss of log-odds (log rates)."""
        import torch

        return float(self.loss(torch.from_numpy(line), torch.from_numpy(label)).double().mean())


def loss_of(kind: str, positive_weight: float) -> "Callable[[Tensor, Tensor], Tensor]":
    """Return a function of log-odds (log rates) and labels that gives the loss of each.

    Parameters
    ----------
    kind
        ``"bce"``; ``"focal"``: times ``|label - probability|²`` (Lin et al. 2017; for shares as in Li et al. 2020);
        ``"poisson"``.
    positive_weight
        Weight of positives.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    def poisson(line: "Tensor", y: "Tensor") -> "Tensor":
        return line.exp() - y * line

    def bce(line: "Tensor", y: "Tensor") -> "Tensor":
        return binary_cross_entropy_with_logits(line, y, reduction="none") * (1 + (positive_weight - 1) * y)

    def focal(line: "Tensor", y: "Tensor") -> "Tensor":
        return bce(line, y) * (y - line.sigmoid()).abs() ** FOCUS

    return {"poisson": poisson, "bce": bce, "focal": focal}[kind]
