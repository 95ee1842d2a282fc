"""Uncertainty of scores: blocks of neighbouring days (and places) are drawn again, with replacement.

Days close to each other resemble each other, so blocks are drawn, not days (Kunsch 1989). With few blocks the plain
percentile interval is too narrow; it is widened as Hesterberg (2015, section 5.3) proposes for small samples.
"""

import numpy as np

from htgeo.core.errors import InputError

BLOCK_DAYS = 7
"""Shortest block: a week."""
LEVEL = 0.95
MIN_BLOCKS = 5
"""With fewer blocks no interval is given."""


def check_draws(draws: int, level: float, seed: int) -> None:
    """Raise InputError unless a bootstrap can be drawn so."""
    if not isinstance(draws, int) or draws < 0 or not 0 < level < 1:
        message = f"draws must be a whole number of at least 0 and level between 0 and 1, not {draws!r} and {level!r}"
        raise InputError(message)
    check_seed(seed)


def check_seed(seed: int) -> None:
    """Raise InputError unless random numbers can be drawn by a seed."""
    if not isinstance(seed, int) or seed < 0:
        message = f"seed must be a whole number of at least 0, not {seed!r}"
        raise InputError(message)


def block_of(times: np.ndarray, block_days: int) -> np.ndarray:
    """Return the block of each time, shape (time,): blocks of `block_days` days of the calendar from the first time on.

    Less than half a block at the end belongs to the block before.
    """
    days = np.asarray(times).astype("datetime64[D]").astype(np.int64)
    if not len(days):
        return days
    since = days - days.min()
    whole = max((int(since.max()) + 1 + block_days // 2) // block_days, 1)
    return np.unique(np.minimum(since // block_days, whole - 1), return_inverse=True)[1]


def draw_units(units: int, *, draws: int, seed: int) -> np.ndarray:
    """Return how often each draw holds each block, shape (draw + 1, unit): all ones first, then the draws.

    With fewer than `MIN_BLOCKS` blocks there are no draws.
    """
    check_draws(draws, LEVEL, seed)
    draws = draws if units >= MIN_BLOCKS else 0
    drawn = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / max(units, 1)), size=draws)
    return np.concatenate([np.ones((1, units)), drawn.astype(float).reshape(draws, units)])


def block_weights(times: np.ndarray, *, draws: int, seed: int = 0, block_days: int = BLOCK_DAYS) -> np.ndarray:
    """Return how often each draw holds each time, shape (draw + 1, time): all ones first, then the draws.

    Parameters
    ----------
    times
        Days or weeks, ascending.
    draws
        Number of draws; none are made for fewer than five blocks.
    seed
        Seed of the draws.
    block_days
        Length of a block in days.

    Examples
    --------
    >>> import numpy as np
    >>> from htgeo.evaluation.bootstrap import block_weights
    >>> days = np.arange("2021-01-01", "2021-03-12", dtype="datetime64[D]")
    >>> block_weights(days, draws=20).shape
    (21, 70)
    """
    block = block_of(times, block_days)
    return draw_units(int(block.max(initial=-1)) + 1, draws=draws, seed=seed)[:, block]


def interval(values: np.ndarray, level: float, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of drawn values.

    Parameters
    ----------
    values : array, shape (…, draw + 1)
        A statistic of all blocks first, then of each draw, as `block_weights` orders them.
    level
        Level of the interval, 0 to 1.
    blocks
        Number of blocks: with few, the interval is widened.

    Returns
    -------
    low, high : arrays, shape (…)
        NaN where there are no draws, or a draw without a value.
    """
    from scipy.stats import norm, t

    check_draws(0, level, 0)
    drawn = np.asarray(values)[..., 1:]
    if drawn.shape[-1] == 0:
        empty = np.full(drawn.shape[:-1], np.nan)
        return empty, empty
    tail = norm.cdf(np.sqrt(blocks / (blocks - 1)) * t.ppf((1 - level) / 2, blocks - 1))
    low, high = np.quantile(np.where(np.isinf(drawn), np.nan, drawn), [tail, 1 - tail], axis=-1)
    return low, high


def effective_events(events: np.ndarray, size: np.ndarray | None = None) -> float:
    """Return the number of independent events that would scatter as much over the blocks as these do.

    Independent events give a total with a variance of its mean; where they come in clusters the variance is larger.
    At most the number of events.

    Parameters
    ----------
    events : array, shape (unit,)
        Events by block.
    size : array, shape (unit,)
        Length of the blocks; all alike by default.
    """
    total = float(events.sum())
    size = np.ones(len(events)) if size is None else size
    variance = float(((events - total * size / max(size.sum(), 1e-9)) ** 2).sum())
    return min(total, total**2 / variance) if variance > 0 else total
