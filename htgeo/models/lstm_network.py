"""The network of the LSTM: input of a day and the hidden state to log-odds of the day."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import numpy as np

from htgeo.core.errors import HtgeoError, InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

State = tuple["Tensor", "Tensor"]
"""Hidden state and memory after a day, shape (layer, cell, hidden) each."""


def require_torch() -> None:
    """Raise unless torch is installed."""
    try:
        import torch  # noqa: F401  # only whether it is there
    except ImportError as error:
        message = "the model 'lstm' needs torch; install it with: pip install 'htgeo[lstm]'"
        raise HtgeoError(message) from error


def device_of(device: str) -> str:
    """Return ``"cuda"`` or ``"cpu"`` for ``"auto"``, else the device itself where torch has it."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        message = f"device is {device!r}, but torch finds no GPU here; use device='auto' or 'cpu'"
        raise InputError(message)
    return device


def one_thread_each() -> None:
    """Let torch take no more threads where dask has a thread for each block at work."""
    import torch

    if current_thread() is not main_thread():
        torch.set_num_threads(1)  # of this thread


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch take one thread for many small steps, which several would spend waiting for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Shape:
    """What a network is made of.

    Attributes
    ----------
    width
        Numbers read each day.
    tables
        Number of categories of each categorical feature.
    embedding, hidden, layers
        Numbers a category becomes; width and number of the LSTM's layers.
    """

    width: int
    tables: tuple[int, ...]
    embedding: int
    hidden: int
    layers: int

    @property
    def inputs(self) -> int:
        """Numbers that the LSTM reads each day."""
        return self.width + self.embedding * len(self.tables)


def make_network(shape: Shape, start: float, dropout: float = 0.0) -> "nn.ModuleDict":
    """Return a network that gives `start` for any input until it has learned.

    Its log-odds are a line of the hidden state and of the input itself, so that it contains the logistic regression.
    """
    from torch import nn

    from_state, from_input = nn.Linear(shape.hidden, 1), nn.Linear(shape.inputs, 1, bias=False)
    for weight in (from_state.weight, from_input.weight):
        nn.init.zeros_(weight)
    nn.init.constant_(from_state.bias, start)
    tables = nn.ModuleList(nn.Embedding(size + 1, shape.embedding) for size in shape.tables)
    lstm = nn.LSTM(shape.inputs, shape.hidden, shape.layers)
    heads = {"from_state": from_state, "from_input": from_input}
    return nn.ModuleDict({"tables": tables, "lstm": lstm, "dropout": nn.Dropout(dropout), **heads})


def run_network(
    network: "nn.ModuleDict",
    numbers: Sequence["Tensor"],
    codes: Sequence["Tensor"],
    shape: tuple[int, int],
    state: State | None = None,
) -> tuple["Tensor", State]:
    """Return log-odds of each day and the state after the last.

    Parameters
    ----------
    network
        From `make_network`.
    numbers, codes
        See `Inputs.cut`: an axis of length 1 is the same for all days or cells.
    shape
        Number of days and cells.
    state
        State before the first day; None where nothing has been seen.

    Returns
    -------
    line : Tensor, shape (day, cell)
    state
    """
    x = joined(network, numbers, codes, shape)
    out, after = network["lstm"](x, state)
    return _line(network, out, x), after


def run_windows(
    network: "nn.ModuleDict",
    numbers: Sequence["Tensor"],
    codes: Sequence["Tensor"],
    shape: tuple[int, int],
    window: int,
    lead: int,
) -> "Tensor":
    """Return log-odds of each day after the first `lead`, each from the `window` days up to it and nothing before.

    Where there are fewer days before the first, zeros stand for the others.
    """
    from torch.nn.functional import pad

    x = pad(joined(network, numbers, codes, shape), (0, 0, 0, 0, window - 1 - lead, 0))
    days, cells = shape[0] - lead, shape[1]
    x = x.unfold(0, window, 1).permute(3, 0, 1, 2).reshape(window, days * cells, -1)
    out, _ = network["lstm"](x)
    return _line(network, out[-1], x[-1]).view(days, cells)


def joined(
    network: "nn.ModuleDict", numbers: Sequence["Tensor"], codes: Sequence["Tensor"], shape: tuple[int, int]
) -> "Tensor":
    """Return numbers and embedded categories side by side, shape (day, cell, input)."""
    import torch

    tables: Any = network["tables"]
    parts = [*numbers, *(table(code) for table, code in zip(tables, codes, strict=True))]
    x: Tensor = network["dropout"](torch.cat([part.expand(*shape, -1) for part in parts], -1))
    return x


def _line(network: "nn.ModuleDict", out: "Tensor", x: "Tensor") -> "Tensor":
    line: Tensor = network["from_state"](network["dropout"](out)) + network["from_input"](x)
    return line.squeeze(-1)


def tensors(arrays: Sequence[np.ndarray], device: str) -> list["Tensor"]:
    """Return arrays on a device."""
    import torch

    return [torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays]


@contextmanager
def reproducible(seed: int, device: str) -> Iterator[None]:
    """Seed torch and, on a CPU, demand algorithms that repeat; all is put back afterwards."""
    import torch

    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(device == "cpu")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def mixed_precision(device: str) -> Any:
    """Return a context in which a GPU multiplies in bfloat16; on a CPU it does nothing."""
    import torch

    return torch.autocast("cuda", torch.bfloat16, enabled=device.startswith("cuda"))


@dataclass(frozen=True)
class Weights:
    """Learned arrays by name; equal where their bytes are."""

    digest: bytes
    arrays: dict[str, np.ndarray] = field(compare=False, repr=False)

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Weights":
        """Return the weights of a fitted model."""
        digest = blake2b(b"".join(name.encode() + array.tobytes() for name, array in arrays.items()))
        return cls(digest.digest(), dict(arrays))


def weights_of(network: "nn.Module") -> dict[str, np.ndarray]:
    """Return the weights of a network as float32 arrays by name."""
    return {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


@lru_cache(maxsize=4)
def fitted_network(shape: Shape, weights: Weights, device: str) -> "nn.ModuleDict":
    """Return the network of learned weights, made once in each process."""
    import torch

    with torch.device("meta"):  # shapes without numbers, so that no random ones are drawn
        network = make_network(shape, 0.0)
    arrays = {name: torch.from_numpy(array.copy()) for name, array in weights.arrays.items()}
    network.load_state_dict(arrays, assign=True)
    return network.to(device).eval().requires_grad_(requires_grad=False)
