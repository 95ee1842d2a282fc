"""Which counts of a table stay hidden: small ones, and others so that no sum gives these away."""

import numpy as np

from htgeo.disclosure.bounds import Statement, Statements, reveals


def round_counts(counts: np.ndarray, rounding: int) -> np.ndarray:
    """Return counts rounded to the nearest multiple, halves upward: the same count always becomes the same number."""
    return np.asarray(np.floor(counts / rounding + 0.5) * rounding)


def with_totals(counts: np.ndarray) -> np.ndarray:
    """Return a table (place, period) with the totals of each place, of each period and of all as last column and row."""
    rows = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    return np.concatenate([rows, rows.sum(axis=0, keepdims=True)])


def said_of(counts: np.ndarray, hidden: np.ndarray, k: int, rounding: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest count that each published number stands for, 0 and infinity where hidden."""
    shown = round_counts(counts, rounding)
    low = np.where(counts > 0, np.maximum(shown - rounding // 2, k), 0)
    high = np.where(counts > 0, shown + (rounding - 1) // 2, 0)
    return np.where(hidden, 0, low), np.where(hidden, np.inf, high)


def suppress(counts: np.ndarray, *, k: int, rounding: int = 1) -> np.ndarray:
    """Return which numbers of a table with totals must stay hidden.

    Counts of 1 to k-1 are hidden (primary). Then, until the linear program finds no hidden count in a range of fewer
    than `k` counts that touches 1 to k-1, one more number of the row and of the column of each count found is hidden
    (complementary): the smallest published one, then the total, then a zero, at last the total of all. It ends, as a
    count whose row, column and total of all are hidden has no upper bound.

    Parameters
    ----------
    counts
        Whole counts with totals, (place + 1, period + 1); see `with_totals`.
    k
        Smallest count that may be published, other than 0.
    rounding
        Published numbers are multiples of it.

    Returns
    -------
    array
        Booleans of the shape of `counts`.

    Examples
    --------
    >>> from htgeo.disclosure.suppress import suppress, with_totals
    >>> suppress(with_totals(np.array([[3, 40], [30, 20]])), k=11).astype(int)
    array([[1, 1, 0],
           [1, 1, 0],
           [0, 0, 0]])
    """
    hidden = (counts > 0) & (counts < k)
    while len(found := _exposed(counts, hidden, k, rounding)):
        for place, period in found:
            _hide_more(counts, hidden, int(place), int(period))
    return hidden


def _exposed(counts: np.ndarray, hidden: np.ndarray, k: int, rounding: int) -> np.ndarray:
    """Return the rows and columns of the hidden numbers that are given away."""
    if not hidden.any():
        return np.empty((0, 2), int)
    ranges = Statements(_statements(counts, hidden, k, rounding)).ranges(k)
    if ranges is None:  # only if the totals are not those of the counts
        message = "the totals of the table are not the sums of its counts"
        raise AssertionError(message)
    told = [reveals(low, high, k) for low, high in ranges[: counts.size]]
    return np.argwhere(hidden & np.reshape(told, counts.shape))


def _statements(counts: np.ndarray, hidden: np.ndarray, k: int, rounding: int) -> list[Statement]:
    low, high = said_of(counts, hidden, k, rounding)
    rows, columns = counts.shape
    places = [*(frozenset({row}) for row in range(rows - 1)), frozenset(range(rows - 1))]
    spans = [*((column, column) for column in range(columns - 1)), (0, columns - 2)]
    return [
        Statement(places[row], *spans[column], float(low[row, column]), float(high[row, column]))
        for row in range(rows)
        for column in range(columns)
    ]


def _hide_more(counts: np.ndarray, hidden: np.ndarray, place: int, period: int) -> None:
    """Hide one more number of the row and one of the column of a count and the one across, or at last the total of all."""
    row, column = _next(counts[place], hidden[place]), _next(counts[:, period], hidden[:, period])
    if row is not None:
        hidden[place, row] = True
    if column is not None:
        hidden[column, period] = True
    if row is not None and column is not None:
        hidden[column, row] = True  # else the two could be computed from their own lines
    if row is None and column is None:
        hidden[-1, -1] = True


def _next(counts: np.ndarray, hidden: np.ndarray) -> int | None:
    """Return which number of a line to hide next: the smallest above 0, then the total, then a zero."""
    open_ = np.flatnonzero(~hidden)
    if not len(open_):
        return None
    last = open_ == len(counts) - 1
    return int(open_[np.lexsort((counts[open_], last, counts[open_] == 0))[0]])
