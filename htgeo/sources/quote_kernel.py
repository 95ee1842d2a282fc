"""The compiled walk over the quotes of CSV lines."""

import numba
import numpy as np

QUOTE, NEWLINE, RETURN = 34, 10, 13


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def open_quotes(data: np.ndarray, quotes: np.ndarray, ends: np.ndarray, delimiter: int, lines: int) -> np.ndarray:
    """Return which lines have a quoted field that does not end, on the line, right before a delimiter.

    Parameters
    ----------
    data
        Bytes of whole lines.
    quotes, ends
        Positions of the quotes and of the newlines, ascending.
    delimiter
        The byte between fields.
    lines
        Number of lines.
    """
    broken = np.zeros(lines, np.bool_)
    line, n = 0, 0
    while n < len(quotes):
        at = quotes[n]
        while line < len(ends) and ends[line] < at:
            line += 1
        end = ends[line] if line < len(ends) else len(data)
        n += 1
        if at > 0 and data[at - 1] != delimiter and data[at - 1] != NEWLINE and data[at - 1] != RETURN:
            continue  # inside an unquoted field: a quote like any other letter
        closed = False
        while n < len(quotes) and quotes[n] < end:
            if n + 1 < len(quotes) and quotes[n + 1] == quotes[n] + 1 and quotes[n + 1] < end:
                n += 2  # a doubled quote stands for one
                continue
            after = quotes[n] + 1
            closed = after == end or data[after] == delimiter or (data[after] == RETURN and after + 1 >= end)
            n += 1
            break
        if not closed:
            broken[line] = True
            while n < len(quotes) and quotes[n] < end:
                n += 1
    return broken
