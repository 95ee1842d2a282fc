"""Self-exciting rates: each event raises the rate of its cell and of those near it for a while."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from htgeo.core.blocks import iter_blocks, map_columns, map_cube
from htgeo.core.errors import CubeError
from htgeo.models.base import known_layer
from htgeo.models.rate_columns import LONG, days_seen, past_totals, ring_mean
from htgeo.models.score_model import ScoreModel

EVERYWHERE = "everywhere"
RINGS = (0, 1, 2)
TRIGGER_HALF_LIVES = (3.0, 14.0, 60.0)
EARLY_SHARE = 4
"""The first quarter of the training days only fills the rates."""
MAX_STEPS = 2000
CONVERGED = 1e-9
"""Gain in mean log-likelihood of an event below which the steps end."""
FLOOR = 0.01
"""Part of the mean rate that every cell keeps, so that no rate is 0."""


@dataclass(eq=False)
class Hawkes(ScoreModel):
    """A self-exciting point process on cells and days: a background rate, and near repeats of each event (Mohler et al. 2011).

    The rate of a cell is a sum of parts with weights of at least 0: the background, which is the mean rate of all cells,
    the cell's own long-run rate and that of its first ring; and, for each event in the cell or in its first or
    second ring, an excitation that fades by half every 3, 14 or 60 days. Weights are found by expectation and
    maximisation: how probably each event came from each part, then as much weight as that asks for (Veen & Schoenberg
    2008; Marsan & Lengline 2008). The weight of an excitation is the number of events that one event triggers.
    All counts are by the day they became known, so an event excites from the day on which it is known.

    Attributes
    ----------
    weights_ : dict
        Weight of each part.
    mean_ : float
        Mean rate of a cell and day in training.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    >>> list(ht.Hawkes().fit(train).weights_)[:4]
    ['everywhere', 'background_ring0', 'background_ring1', 'trigger_ring0_3']
    """

    name: ClassVar[str] = "hawkes"
    summary: ClassVar[str] = "self-exciting rate: background and near repeats in time and space, weights by EM"

    def _prepare(self, cube: xr.Dataset) -> None:
        counts = known_layer(cube, self.label_["layer"])
        self.mean_ = float(counts.mean(dtype="float64"))
        first = cube.sizes["time"] // EARLY_SHARE
        parts = self._parts(cube)
        events, shares, totals = [], [], []
        for block in iter_blocks(xr.Dataset({**parts, "counts": counts})):
            late = block["counts"].values[:, first:]
            arrays = [np.full(late.shape, self.mean_), *(block[name].values[:, first:] for name in parts)]
            events.append(late[late > 0].astype(float))
            shares.append(np.stack([array[late > 0] for array in arrays]))
            totals.append(np.stack([array.sum(axis=1, dtype=float) for array in arrays]))
        if not any(map(len, events)):
            message = f"no event of {self.label_['layer']!r} became known after the first quarter of the training days; choose later days"
            raise CubeError(message)
        weights = mixture_weights(
            np.concatenate(shares, axis=1), np.concatenate(events), np.concatenate(totals, axis=1).sum(axis=1)
        )
        self.weights_ = dict(zip([EVERYWHERE, *parts], weights.tolist(), strict=True))

    def _parts(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        """Return the lazy parts of the rate, each without its weight, but for the mean rate."""
        layer, step = self.label_["layer"], self.step_days_
        near = {ring: ring_mean(cube, layer, ring) for ring in RINGS}
        (own,), (around,) = (map_columns(long_rates, near[ring], 1, windows=np.array([LONG]) / step) for ring in (0, 1))
        parts = {"background_ring0": own, "background_ring1": around}
        for ring, counts in near.items():
            made = map_columns(
                excitations, counts, len(TRIGGER_HALF_LIVES), windows=np.array(TRIGGER_HALF_LIVES) / step
            )
            parts |= {f"trigger_ring{ring}_{h:g}": part for h, part in zip(TRIGGER_HALF_LIVES, made, strict=True)}
        return parts

    def _score(self, cube: xr.Dataset, **choice: Any) -> xr.DataArray:
        weights = {**self.weights_, **choice}
        start = (weights.pop(EVERYWHERE) + FLOOR) * self.mean_
        kernel = partial(_log_rate, weights=weights, start=start)
        return map_cube(kernel, self._parts(cube), known_layer(cube, self.label_["layer"]))


def excitations(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the sum over earlier days of counts times a fading kernel that sums to 1: float32 (half-life, cell, time)."""
    return np.asarray(past_totals(counts, windows) * (1 - 0.5 ** (1 / windows)).astype(np.float32)[:, None, None])


def long_rates(counts: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the past rate a day; on the first day 0: float32 (half-life, cell, time)."""
    return np.asarray(past_totals(counts, windows) / np.maximum(days_seen(counts.shape[1], windows), 1)[:, None, :])


def mixture_weights(parts: np.ndarray, events: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return the weights of greatest Poisson likelihood of a sum of parts, by expectation and maximisation.

    Parameters
    ----------
    parts : array, shape (part, cell-day with events)
        Value of each part where events happened.
    events : array, shape (cell-day with events,)
        Number of events.
    totals : array, shape (part,)
        Sum of each part over all cell-days.
    """
    parts = parts.astype(float)
    of_total = np.divide(1.0, totals, out=np.zeros(len(totals)), where=totals > 0)
    weights = events.sum() / len(totals) * of_total  # every part explains as many events
    before = -np.inf
    for _ in range(MAX_STEPS):
        rate = weights @ parts
        weights = weights * (parts @ (events / rate)) * of_total
        likelihood = float(events @ np.log(rate)) / events.sum()  # the sum of all rates is that of the events by now
        if likelihood - before < CONVERGED:
            break
        before = likelihood
    return np.asarray(weights)


def _log_rate(
    values: Mapping[str, np.ndarray], shape: tuple[int, int], *, weights: Mapping[str, float], start: float
) -> np.ndarray:
    rate = np.full(shape, start)
    for name, weight in weights.items():
        rate += weight * values[name]
    return np.asarray(np.log(rate), np.float32)
