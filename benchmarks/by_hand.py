"""The default features written by hand in numpy and scipy on whole arrays: the floor of `features.py`, and its check."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np


def columns(cube: Any, features: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return the columns of features by name; a sum of neighbours or of days that several need is made once."""
    known = Counts(cube)
    for feature in features:
        known.made |= KINDS[feature.name](feature, known)
    return known.made


class Counts:
    """The counts of a cube, the columns made so far, and what several columns are made from."""

    def __init__(self, cube: Any) -> None:
        self.cube = cube
        self.made: dict[str, np.ndarray] = {}
        self.near = cache(self._near)
        self.total = cache(self._total)

    def _near(self, layer: str, kind: str, *options: float) -> np.ndarray:
        """Return the counts of a layer, summed over neighbours of a kind."""
        from htgeo.grid import cells, neighbors

        values, ids = self.cube[f"{layer}_known"].values, self.cube["cell"].values
        if kind == "cell":
            return values
        if kind == "parent":
            _, parent = np.unique(cells.parents(ids, int(options[0])), return_inverse=True)
            sums = np.zeros((parent.max() + 1, values.shape[1]), np.float32)
            np.add.at(sums, parent, values)
            return sums[parent]
        if kind == "distance":
            matrix = neighbors.distance_matrix(self.cube["lon"].values, self.cube["lat"].values, *options)
        else:
            matrix = {"ring": neighbors.ring_matrix, "disk": neighbors.disk_matrix}[kind](ids, *options)
        return matrix @ values

    def _total(self, layer: str, kind: str, *options: float) -> np.ndarray:
        """Return the sums of all days before each day, and after the last one."""
        values = self.near(layer, kind, *options)
        total = np.zeros((len(values), values.shape[1] + 1))
        np.cumsum(values, axis=1, out=total[:, 1:])
        return total

    def past(self, days: int, *what: Any) -> np.ndarray:
        """Return the sums of the `days` days before each day."""
        return _differences(self.total(*what), days)


def _empty(like: np.ndarray) -> np.ndarray:
    return np.full(like.shape, np.nan, np.float32)


def _differences(total: np.ndarray, days: int) -> np.ndarray:
    out = np.full((len(total), total.shape[1] - 1), np.nan, np.float32)
    np.subtract(total[:, days:-1], total[:, : -1 - days], out=out[:, days:], casting="same_kind")
    return out


def _lag(values: np.ndarray, days: int) -> np.ndarray:
    out = _empty(values)
    out[:, days:] = values[:, :-days]
    return out


def _active(values: np.ndarray, days: int) -> np.ndarray:
    total = np.zeros((len(values), values.shape[1] + 1), np.float32)
    np.cumsum(values >= 0.5, axis=1, out=total[:, 1:])
    return _differences(total, days) / np.float32(days)


def _maximum(values: np.ndarray, days: int) -> np.ndarray:
    from scipy.ndimage import maximum_filter1d

    return _lag(maximum_filter1d(values, days, axis=1, origin=(days - 1) // 2), 1) + _lag(np.zeros_like(values), days)


def _weekday(values: np.ndarray, weeks: int) -> np.ndarray:
    out = _empty(values)
    length = values.shape[1]
    out[:, 7 * weeks :] = sum(values[:, 7 * (weeks - w) : length - 7 * w] for w in range(1, weeks + 1))
    return out / np.float32(weeks)


def _trend(recent: np.ndarray, usual: np.ndarray) -> np.ndarray:
    both = recent + usual
    return np.divide(recent - usual, both, out=both.copy(), where=both > 0)


def _rate(values: np.ndarray, half_life: float) -> np.ndarray:
    from scipy.signal import lfilter

    keep = 0.5 ** (1 / half_life)
    days = np.arange(1, values.shape[1])
    weight = days if keep == 1 else (1 - keep**days) / (1 - keep)
    out = _empty(values)
    out[:, 1:] = lfilter([1.0], [1.0, -keep], values[:, :-1].astype(float), axis=1) / weight
    return out


def _since(values: np.ndarray) -> np.ndarray:
    day = np.arange(values.shape[1], dtype=np.float32)
    last = np.maximum.accumulate(np.where(values >= 0.5, day, np.float32(-np.inf)), axis=1)
    out = _empty(values)
    out[:, 1:] = day[1:] - last[:, :-1]
    out[np.isinf(out)] = np.nan
    return out


def _city(values: np.ndarray, days: int) -> np.ndarray:
    total = np.concatenate([[0.0], np.cumsum(values.sum(axis=0, dtype=float))])
    return _differences(total[None], days)[0]


def _windows(days: Any) -> list[int]:
    return [days] if isinstance(days, int) else list(days)


def _given(feature: Any, known: Counts) -> dict[str, np.ndarray]:
    """Return columns as htgeo makes them where nothing is computed: counts themselves, columns on cells or days."""
    return {name: values.values for name, values in feature.columns(known.cube).items()}


def _share(f: Any, known: Counts) -> dict[str, np.ndarray]:
    near = ("distance", f.km) if f.km else ("cell",)
    where = f"_{1000 * f.km:.0f}m" if f.km else ""
    shares = {}
    for days in f.days:
        every = known.past(days, f.layer, *near)
        share = np.divide(known.past(days, f.part, *near), every, out=_empty(every), where=every > 0)
        shares[f"{f.part}_share{where}_{days}"] = np.clip(share, 0, 1)
    return shares


def _interaction(f: Any, known: Counts) -> dict[str, np.ndarray]:
    cell = len(known.cube["cell"])
    factors = [known.made[name] for name in f.of]
    product = factors[0]
    for factor in factors[1:]:
        product = product * (factor[:, None] if factor.shape == (cell,) else factor)
    return {"_x_".join(f.of): product}


def _parent(f: Any, known: Counts) -> dict[str, np.ndarray]:
    level = int(known.cube.attrs["resolution"]) - f.levels
    return {f"{f.layer}_parent{f.levels}_sum_{d}": known.past(d, f.layer, "parent", level) for d in f.days}


KINDS: dict[str, Callable[[Any, Counts], dict[str, np.ndarray]]] = {
    "lag": lambda f, c: {f"{f.layer}_lag_{d}": _lag(c.near(f.layer, "cell"), d) for d in f.days},
    "rolling_sum": lambda f, c: {f"{f.layer}_sum_{d}": c.past(d, f.layer, "cell") for d in f.days},
    "rolling_mean": lambda f, c: {f"{f.layer}_mean_{d}": c.past(d, f.layer, "cell") / np.float32(d) for d in f.days},
    "rolling_max": lambda f, c: {f"{f.layer}_max_{d}": _maximum(c.near(f.layer, "cell"), d) for d in f.days},
    "active_share": lambda f, c: {f"{f.layer}_active_{d}": _active(c.near(f.layer, "cell"), d) for d in f.days},
    "ring_sum": lambda f, c: {
        f"{f.layer}_ring{k}_sum_{d}": c.past(d, f.layer, "ring", k) for k in range(1, f.k + 1) for d in _windows(f.days)
    },
    "ring_lag": lambda f, c: {
        f"{f.layer}_ring{k}_lag_{d}": _lag(c.near(f.layer, "ring", k), d)
        for k in range(1, f.k + 1)
        for d in _windows(f.days)
    },
    "disk_sum": lambda f, c: {
        f"{f.layer}_disk{f.k}_sum_{d}": c.past(d, f.layer, "disk", f.k, f.decay) for d in _windows(f.days)
    },
    "within_distance": lambda f, c: {
        f"{f.layer}_within_{1000 * f.km:.0f}m_sum_{d}": c.past(d, f.layer, "distance", f.km) for d in f.days
    },
    "parent_sum": _parent,
    "same_weekday": lambda f, c: {f"{f.layer}_weekday_{f.weeks}": _weekday(c.near(f.layer, "cell"), f.weeks)},
    "trend": lambda f, c: {
        f"{f.layer}_trend_{f.short}_{f.long}": _trend(
            c.past(f.short, f.layer, "cell") / f.short, c.past(f.long, f.layer, "cell") / f.long
        )
    },
    "recency": lambda f, c: (
        {f"{f.layer}_days_since": _since(c.near(f.layer, "cell"))}
        | {f"{f.layer}_rate_{h:g}": _rate(c.near(f.layer, "cell"), h) for h in f.half_life}
    ),
    "city_sum": lambda f, c: {f"{f.layer}_city_sum_{d}": _city(c.near(f.layer, "cell"), d) for d in f.days},
    "share": _share,
    "interaction": _interaction,
    "known_within": _given,
    "calendar": _given,
    "static": _given,
    "as_of": _given,
}
