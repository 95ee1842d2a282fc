"""The causal LSTM beside the same network on stored windows of 28 days, and beside the bare LSTM of torch.

Everything runs on one thread.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from harness import Bench, Row, faster, load, within

WINDOW, FEATURES, HIDDEN, EPOCHS = 28, 40, 64, 6
CELLS, LENGTH, VALIDATION = 512, 300, 60
BATCH_OF_WINDOWS = 4096
Work = Callable[[], dict[str, np.ndarray]]


def make(cells: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (feature, cell, time), half of them with heavy tails, and a label that remembers ten days."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((FEATURES, cells, length), np.float32)
    np.exp(values[::2], out=values[::2])
    past = np.cumsum(values[1], axis=1)
    past[:, 10:] -= past[:, :-10].copy()
    line = -3 + 0.7 * values[3] + 0.5 * np.log(values[0]) + 0.4 * past
    return values, (rng.random(line.shape) < 1 / (1 + np.exp(-line))).astype(np.float32)


def cube_of(values: np.ndarray, label: np.ndarray) -> Any:
    """Return a cube with these features and this label."""
    import xarray as xr
    from inputs import square_grid

    from htgeo.cube.coords import empty_cube
    from htgeo.cube.schema import stamp

    made = {f"feature_{n}": (column, "feature", {}) for n, column in enumerate(values)}
    facts = {"layer": "made_up", "horizon": 1, "label": "any_within", "soft": 0, "probability": 1}
    made["label"] = (label, "label", facts)
    made["made_up_known"] = (label, "known_count", {})
    axes = ("cell", "time")
    stamped = {n: stamp(xr.DataArray(v, dims=axes), n, role, "1", "made up", **a) for n, (v, role, a) in made.items()}
    return empty_cube(square_grid(*label.shape)).assign(stamped)


def parts(folder: Path, length: int) -> tuple[Any, Any, Any]:
    """Return blocks, what a network reads of them, and how it learns from them, on one thread."""
    import torch

    from htgeo.models.lstm import LSTM
    from htgeo.models.lstm_inputs import Blocks, Inputs
    from htgeo.models.lstm_network import Shape, make_network
    from htgeo.models.lstm_training import Reader, Training, loss_of

    torch.set_num_threads(1)
    torch.manual_seed(0)
    values, label = load(folder, "features", "label")
    cube = cube_of(values, label)
    names = [f"feature_{n}" for n in range(FEATURES)]
    blocks = Blocks.of(cube[[*names, "label"]], 4)
    inputs = Inputs.learn(cube, names, blocks, length)
    options = LSTM(hidden=HIDDEN)
    network = make_network(Shape(inputs.width, (), options.embedding, HIDDEN, 1), float(np.log(label.mean())))
    sizes = options.learning_rate, options.clip, options.batch_cells, options.chunk_days, 0
    return blocks, Reader(network, inputs, "cpu", None), Training(blocks, "label", loss_of("bce", 1.0), *sizes)


def windows(folder: Path, days: slice) -> tuple[Any, Any, Any]:
    """Return the network and its stored windows that end on these days, with their labels."""
    import torch

    blocks, reader, _ = parts(folder, days.stop)
    block = next(iter(blocks))
    (numbers,), _ = reader.inputs.cut(block, slice(None), slice(days.start, days.stop))
    every = torch.from_numpy(numbers).unfold(0, WINDOW, 1).permute(1, 0, 3, 2)  # (cell, day, step, feature)
    label = torch.from_numpy(block["label"][:, days.start + WINDOW - 1 : days.stop].copy())
    return reader, every.reshape(-1, WINDOW, numbers.shape[2]).contiguous(), label.reshape(-1)


def line_of(network: Any, x: Any) -> Any:
    """Return log-odds of windows (sample, step, feature)."""
    x = x.transpose(0, 1)
    out, _ = network["lstm"](x)
    return (network["from_state"](out[-1]) + network["from_input"](x[-1])).squeeze(-1)


def causal_training(folder: Path) -> Work:
    """Epochs of htgeo's own training: one pass over the days of a cell learns from all of them."""
    from htgeo.models.lstm_network import weights_of

    (length,) = load(folder, "length")
    _, reader, training = parts(folder, int(length))

    def work() -> dict[str, np.ndarray]:
        ways = training.epochs(reader, int(length))
        for _ in range(EPOCHS):
            network = next(ways)
        return weights_of(network)

    return work


def window_training(folder: Path) -> Work:
    """The usual spelling: windows stored as samples, a DataLoader that shuffles them."""
    import torch
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    from torch.utils.data import DataLoader, TensorDataset

    from htgeo.models.lstm import LSTM
    from htgeo.models.lstm_network import weights_of
    from htgeo.models.lstm_training import AVERAGED, WEIGHT_DECAY, loss_of

    (length,) = load(folder, "length")
    reader, x, y = windows(folder, slice(0, int(length)))
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH_OF_WINDOWS, shuffle=True)
    loss, options = loss_of("bce", 1.0), LSTM()
    network = reader.network

    def work() -> dict[str, np.ndarray]:
        optimizer = torch.optim.AdamW(network.parameters(), options.learning_rate, weight_decay=WEIGHT_DECAY)
        averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
        for _ in range(EPOCHS):
            for some, label in loader:
                optimizer.zero_grad()
                loss(line_of(network, some), label).mean().backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip)
                optimizer.step()
                averaged.update_parameters(network)
        return weights_of(averaged.module)

    return work


def causal_scores(folder: Path) -> Callable[[], np.ndarray]:
    """Log-odds of all days."""
    blocks, reader, _ = parts(folder, LENGTH)
    block = next(iter(blocks))
    return lambda: reader.lines(block, block["label"].shape)[0]


def window_scores(folder: Path) -> Callable[[], np.ndarray]:
    """Log-odds of all days with a whole window."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    (_, label) = load(folder, "features", "label")
    reader, x, _ = windows(folder, slice(0, label.shape[1]))
    loader = DataLoader(TensorDataset(x), batch_size=BATCH_OF_WINDOWS)

    def work() -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([line_of(reader.network, some) for (some,) in loader]).numpy()

    return work


def risk_of_cube(folder: Path) -> Callable[[], np.ndarray]:
    """A fitted model's risk of a cube: features squashed, scaled, turned to the network's order, risk calibrated."""
    import torch

    from htgeo.models.lstm import LSTM

    torch.set_num_threads(1)
    cube = cube_of(*load(folder, "wide_features", "wide_label"))
    model = LSTM(hidden=HIDDEN, epochs=1, refit=False, validation_days=10).fit(cube.isel(cell=slice(64)))
    return lambda: model.predict(cube).values


def bare_lstm(folder: Path) -> Callable[[], None]:
    """The LSTM of torch on a tensor of the same shape that is there already."""
    import torch

    torch.set_num_threads(1)
    (values,) = load(folder, "wide_features")
    x = torch.from_numpy(values).permute(2, 1, 0).contiguous()  # (day, cell, feature)
    lstm = torch.nn.LSTM(FEATURES, HIDDEN)

    def work() -> None:
        with torch.inference_mode():
            lstm(x)

    return work


def validation_losses(folder: Path, length: int, *learned: dict[str, np.ndarray]) -> list[float]:
    """Return the log loss of the days from `length` on: of the causal network, and of that of the windows."""
    import torch

    blocks, reader, training = parts(folder, length)
    block = next(iter(blocks))
    label = block["label"][:, length:].ravel()
    _, x, _ = windows(folder, slice(length - WINDOW + 1, block["label"].shape[1]))
    losses = []
    for weights, window in zip(learned, (False, True), strict=True):
        reader.network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        with torch.inference_mode():
            line = line_of(reader.network, x) if window else reader.lines(block, block["label"].shape)[0][:, length:]
        losses.append(training.mean_loss(np.asarray(line).ravel(), label))
    return losses


def rows(bench: Bench) -> Iterator[Row]:
    cells, length = bench.size(CELLS, 40), bench.size(LENGTH, 80)
    early = length - bench.size(VALIDATION, 20)
    values, label = make(cells, length)
    bench.save(features=values, label=label, length=np.array(early))
    samples = (early - WINDOW + 1) / early
    ours = bench.measure(causal_training, repeats=1)
    theirs = bench.measure(window_training, repeats=1, scale=1 / samples)
    learned = (bench.result(piece) for piece in (causal_training, window_training))
    loss, other = validation_losses(bench.folder, early, *learned)
    peer = f"the same network, stored windows of {WINDOW} days, DataLoader"
    work = f"LSTM, {EPOCHS} epochs of {cells * early:,} cell-days x {FEATURES} features, validation loss {loss:.4f}"
    yield faster(work, ours, f"{peer}, loss {other:.4f}", theirs, 15, agrees=bench.smoke or loss <= other)
    ours = bench.measure(causal_scores, repeats=3)
    theirs = bench.measure(window_scores, repeats=3, scale=length / (length - WINDOW + 1))
    yield faster(f"LSTM, scoring {cells * length:,} cell-days", ours, peer, theirs, 15)
    cells, length = bench.size(1024, 40), bench.size(365, 40)
    values, label = make(cells, length)
    bench.save(wide_features=values, wide_label=label)
    ours, bare = bench.measure(risk_of_cube, repeats=7), bench.measure(bare_lstm, repeats=7)
    work = f"LSTM, risk of a cube of {cells:,} cells x {length} days x {FEATURES} features"
    yield within(work, ours, "bare torch.nn.LSTM on a tensor of this shape", bare, 1.3)
