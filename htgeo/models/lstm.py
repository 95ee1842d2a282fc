"""A causal LSTM: one pass over a cell's days gives a risk for every day."""

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr

from htgeo.core.blocks import map_cube
from htgeo.core.errors import CubeError, InputError
from htgeo.core.glm import fit_glm
from htgeo.core.progress import steps
from htgeo.cube.schema import check_cube, space, variables_of
from htgeo.models.base import known_layer
from htgeo.models.calibration import LogisticMap, LogLinearMap, log_odds
from htgeo.models.learner import OFFSET, Learner
from htgeo.models.lstm_explain import integrated_gradients
from htgeo.models.lstm_inputs import Arrays, Blocks, Inputs
from htgeo.models.lstm_network import (
    Shape,
    Weights,
    device_of,
    fitted_network,
    make_network,
    one_thread_each,
    reproducible,
    require_torch,
    weights_of,
)
from htgeo.models.lstm_state import LstmState, read_on
from htgeo.models.lstm_training import Reader, Training, loss_of
from htgeo.tensors.matrix import require_features

LEVEL_DAYS = 365
"""Last training days that give a network trained again its level: a whole year, since a season has its own."""
MUST_BE_POSITIVE = (
    *("hidden", "layers", "embedding", "epochs", "patience", "learning_rate", "batch_cells", "chunk_days"),
    *("positive_weight", "clip"),
)


@dataclass(eq=False, kw_only=True)
class LSTM(Learner):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), causal and sequence to sequence.

    The network reads the features of a cell day after day and gives log-odds for each day, in one pass; static and
    calendar features are read at every step, categories through an embedding, gaps as 0 beside a mark. Features with
    a heavy tail are squashed by a logarithm; all are scaled by the days before validation. The log-odds are a line of
    the hidden state and of the features themselves, so the logistic regression is part of the network. What is kept
    is a running mean of the weights. At last a line learned on the validation days turns log-odds into a probability,
    which also undoes a weight of positives and the focal loss (Platt 1999); after `refit`, its intercept is learned
    again on the last year of the training days.

    Parameters
    ----------
    seed, validation_days, offset
        See `Learner`.
    hidden, layers, embedding
        Width and number of the layers; numbers that a category becomes.
    epochs, patience
        Most ways through the training days, and how many without a better validation loss end the training.
    refit
        Train again on all training days, for as many epochs as were found; False keeps the network that was validated.
    learning_rate, clip, dropout
        Of AdamW; norm at which gradients are clipped; share of inputs and hidden states that a training step leaves out.
    batch_cells, chunk_days
        Cells of a step, and days over which its gradient reaches back (the hidden state reaches further).
    loss
        ``"bce"``, ``"focal"`` (Lin et al. 2017), or ``"poisson"`` for labels that are counts.
    positive_weight
        Weight of positives in the loss; 1 weighs nothing.
    windowed
        None for the causal network. A number of days (7, 28) reads for each day only so many days up to it, from
        nothing: many times slower, for comparison.
    memory_gb
        Features that take at most so much stay in memory while training; otherwise each epoch reads the cube again,
        block by block.
    device
        ``"auto"`` takes a GPU where there is one (matrices are then multiplied in bfloat16); ``"cpu"``, ``"cuda"``.

    Attributes
    ----------
    inputs_ : dict
        Features, gaps and scaling, see `Inputs`.
    weights_ : dict
        Weights of the network by name, float32.
    epochs_ : int
        Number of epochs.
    losses_ : list of float
        Validation loss after each epoch.
    to_risk_ : LogisticMap or LogLinearMap
        The map from log-odds (log rates) to risk.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_features(ht.demo_cube(), [ht.RollingSum("crime", days=[7, 28]), ht.Calendar(["weekday"])])
    >>> cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    >>> train, test = ht.split_time(cube, "2021-05-01")
    >>> model = ht.LSTM(hidden=8, epochs=2, validation_days=20).fit(train)
    >>> ht.add_risk(cube, model)["risk_lstm"].dims
    ('cell', 'time')
    """

    name: ClassVar[str] = "lstm"
    summary: ClassVar[str] = "causal LSTM (torch), a risk for every day in one pass, early stopping on a later block"

    hidden: int = 32
    layers: int = 1
    embedding: int = 4
    epochs: int = 60
    patience: int = 6
    refit: bool = True
    learning_rate: float = 3e-3
    clip: float = 1.0
    dropout: float = 0.0
    batch_cells: int = 64
    chunk_days: int = 64
    loss: Literal["bce", "focal", "poisson"] = "bce"
    positive_weight: float = 1.0
    windowed: int | None = None
    memory_gb: float = 4.0
    device: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_positive(*MUST_BE_POSITIVE, *(["windowed"] if self.windowed is not None else []))
        if not 0 <= self.dropout < 1:
            message = f"dropout must be at least 0 and below 1, not {self.dropout!r}"
            raise InputError(message)
        if self.loss not in ("bce", "focal", "poisson"):
            message = f"loss must be 'bce', 'focal' or 'poisson', not {self.loss!r}"
            raise InputError(message)

    @property
    def _counts(self) -> bool:
        return self.loss == "poisson"

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        require_torch()
        names = variables_of(cube, "feature")
        self._check_fits(names)
        first = self._before_validation(cube)
        self.features_ = tuple(names)
        self.categories_ = {n: list(cube[n].attrs["categories"]) for n in names if "categories" in cube[n].attrs}
        self.offset_ = self._start(cube, first)
        lines = self._start_line(self.offset_, cube)
        blocks = Blocks.of(cube[[*names, str(label.name)]].reset_coords(drop=True).assign(lines), self.memory_gb)
        rate = self._first_rate(Blocks(label.reset_coords(drop=True).to_dataset(), None), first)
        self.inputs_ = asdict(Inputs.learn(cube, names, blocks, first))
        with reproducible(self.seed, device_of(self.device)):
            self._choose(blocks, first, rate)
        if not self.refit:
            return
        if self.offset is not None:
            self.offset_ = self._start(cube)
            blocks = blocks.replace(self._start_line(self.offset_, cube))
        with reproducible(self.seed, device_of(self.device)):
            self._refit(blocks, cube.sizes["time"])

    def _check_fits(self, names: list[str]) -> None:
        if not names:
            message = "the cube has no features; add some: htgeo.add_features(cube, 'default')"
            raise CubeError(message)
        if self.loss == "poisson" and self.label_["probability"]:
            message = (
                f"loss='poisson' needs a label that counts, {self.label_['name']!r} is a probability; use loss='bce'"
            )
            raise CubeError(message)

    def _first_rate(self, labels: Blocks, first: int) -> float:
        """Return the mean label of the first days; raise unless they and the validation days have an event each."""
        sums = []
        for block in labels:
            label = block[self.label_["name"]].astype(float)
            early, late = label[:, :first], label[:, -self._validation :]
            sums.append([np.nansum(early, 1), (~np.isnan(early)).sum(1), np.nansum(late, 1)])
        events, known, later = (float(row.sum()) for row in np.concatenate(sums, 1))
        if not (events > 0 and later > 0):
            what = "training" if later > 0 else "validation"
            message = f"no event falls into the {what} days; the cube's last {self.validation_days} training days validate: change validation_days"
            raise CubeError(message)
        return events / known

    def _choose(self, blocks: Blocks, first: int, rate: float) -> None:
        """Train on the first days; keep the weights, the number of epochs and the line of the best validation loss."""
        training = self._training(blocks)
        reader = self._new_reader(rate)
        kind: type[LogisticMap | LogLinearMap] = LogisticMap if self.label_["probability"] else LogLinearMap
        self.losses_: list[float] = []
        best, self.epochs_ = np.inf, 0
        with steps("choosing the number of epochs", self.epochs) as advance:
            for network in training.epochs(reader, first):
                line, label = training.validate(self._reader(network), -self._validation)
                self.losses_.append(training.mean_loss(line, label))
                advance()
                if self.losses_[-1] < best:
                    best, self.epochs_, self.weights_ = self.losses_[-1], len(self.losses_), weights_of(network)
                    self.to_risk_ = kind.fit(line, label)
                if len(self.losses_) in (self.epochs, self.epochs_ + self.patience):
                    break
        if not self.epochs_:
            message = f"no epoch gave a finite validation loss; lower learning_rate (now {self.learning_rate!r})"
            raise CubeError(message)

    def _refit(self, blocks: Blocks, days: int) -> None:
        """Train on all days for as many epochs as were best; the slope of the line stays, its level is learned anew."""
        training = self._training(blocks)
        with steps("fitting the LSTM", self.epochs_) as advance:
            ways = training.epochs(self._new_reader(self.base_rate_), days)
            for _ in range(self.epochs_):
                network = next(ways)
                advance()
        self.weights_ = weights_of(network)
        line, label = training.validate(self._reader(network), -LEVEL_DAYS)
        family = "binomial" if self.label_["probability"] else "poisson"
        nothing = np.empty((len(line), 0))
        (level,) = fit_glm(nothing, label, family=family, offset=self.to_risk_.slope * line)
        self.to_risk_ = replace(self.to_risk_, intercept=float(level))

    def _training(self, blocks: Blocks) -> Training:
        loss = loss_of(self.loss, self.positive_weight)
        sizes = self.learning_rate, self.clip, self.batch_cells, self.chunk_days, self.seed
        return Training(blocks, self.label_["name"], loss, *sizes)

    def _shape(self) -> Shape:
        inputs = Inputs(**self.inputs_)
        return Shape(inputs.width, tuple(inputs.tables), self.embedding, self.hidden, self.layers)

    def _new_reader(self, rate: float) -> Reader:
        """Return an untrained network that gives a rate, or the offset."""
        start = 0.0 if self.loss == "poisson" else float(np.log(self.positive_weight))
        if self.offset is None:
            start += float(np.log(rate) if self.loss == "poisson" else log_odds(np.array(rate)))
        return self._reader(make_network(self._shape(), start, self.dropout).to(device_of(self.device)))

    def _reader(self, network: Any = None) -> Reader:
        """Return a network, by default that of the learned weights, with what it reads."""
        device = device_of(self.device)
        if network is None:
            network = fitted_network(self._shape(), Weights.of(self.weights_), device)
        return Reader(network, Inputs(**self.inputs_), device, self.windowed)

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        require_torch()
        like = known_layer(cube, self.label_["layer"])
        return map_cube(self._block_risk, self.inputs(cube), like)

    def inputs(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return features and offset, lazily."""
        features = require_features(cube, self.features_, self.categories_)
        return {**features, **self._start_line(self.offset_, cube)}

    def _block_risk(self, values: Arrays, shape: tuple[int, int]) -> np.ndarray:
        """Return the risk of one block."""
        one_thread_each()
        line, _ = self._reader().lines(values, shape)
        return self.to_risk_(line)

    @property
    def log_odds(self) -> bool:
        """Whether contributions add up to log-odds."""
        return bool(self.label_["probability"])

    @property
    def contribution_names(self) -> tuple[str, ...]:
        """The features, the offset where there is one, and the base."""
        return (*self.features_, *([OFFSET] if self.offset is not None else []), "base")

    def block_contributions(self, values: Arrays, shape: tuple[int, int], before: int = 0) -> np.ndarray:
        """Return what each feature, the offset and the base add to the log-odds of the days of a block after some."""
        added = np.empty((len(self.contribution_names), *shape), np.float32)
        parts = integrated_gradients(self._reader(), self.features_, values, shape, before)
        added[: len(parts) - 1], added[-1] = parts[:-1], parts[-1]
        if OFFSET in values:
            added[-2] = values[OFFSET][:, before:]
        added *= np.float32(self.to_risk_.slope)
        added[-1] += np.float32(self.to_risk_.intercept)
        return added

    def state(self, cube: xr.Dataset) -> LstmState:
        """Read all days of a cube and return what the network remembers after the last, for `step`.

        Raises
        ------
        CubeError
            If the model is not fitted, keeps no state (`windowed`), or the cube lacks a feature.
        """
        variables = self._variables_to_read(cube)
        return read_on(self._reader(), variables, None)[1]

    def step(self, cube: xr.Dataset, state: LstmState) -> tuple[xr.DataArray, LstmState]:
        """Return the risk of the days after those of a state, without reading the earlier ones again.

        Parameters
        ----------
        cube
            A cube with the features of the new days (with `offset`: of all days); days up to that of the state are
            left out.
        state
            From `state`, or from the last step.

        Returns
        -------
        risk : DataArray
            In memory, float32 ``(cell, time)``: what `predict` gives for these days.
        state : LstmState
            After the last day of the cube.

        Raises
        ------
        CubeError
            If the cube has other cells, no new day, or days between are missing.
        """
        variables = self._variables_to_read(cube).isel(time=state.new_days(cube))
        line, after = read_on(self._reader(), variables, state)
        return line.copy(data=self.to_risk_(line.values)), after

    def _variables_to_read(self, cube: xr.Dataset) -> xr.Dataset:
        if not hasattr(self, "label_"):
            message = "this LSTM is not fitted; call fit(training_cube) first"
            raise CubeError(message)
        if self.windowed is not None:
            message = f"an LSTM that reads windows of {self.windowed} days keeps no state; fit one with windowed=None"
            raise CubeError(message)
        require_torch()
        check_cube(cube)
        coords = {dim: cube[dim] for dim in (space(cube), "time")}
        return xr.Dataset(self.inputs(cube), attrs=cube.attrs).assign_coords(coords)
