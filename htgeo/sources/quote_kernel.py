"""The compiled walk over the bytes of CSV lines."""

import numba
import numpy as np

QUOTE, NEWLINE, RETURN = 34, 10, 13


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def open_quotes(data: np.ndarray, delimiter: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which lines have a quoted field that does not end, on the line, right before a delimiter; and line ends.

    Parameters
    ----------
    data
        Bytes of whole lines.
    delimiter
        The byte between fields.

    Returns
    -------
    broken : array of bool, shape (line,)
    ends : array of int64, shape (line,)
        Where each line stops, its line end included.
    """
    size = len(data)
    broken, ends = np.zeros(size + 1, np.bool_), np.empty(size + 1, np.int32)
    line, k = 0, 0
    inside, bad = False, False
    while k < size:
        byte = data[k]
        k += 1
        if byte > QUOTE:  # nearly all bytes
            continue
        if byte == QUOTE:
            if inside:
                after = data[k] if k < size else NEWLINE
                if after == QUOTE:  # a doubled quote stands for one
                    k += 1
                else:
                    inside = False
                    bad |= after not in (delimiter, NEWLINE, RETURN)
            elif not bad:  # a quote inside an unquoted field is a letter like any other
                inside = k == 1 or data[k - 2] in (delimiter, NEWLINE, RETURN)
        elif byte == NEWLINE or (byte == RETURN and (k == size or data[k] != NEWLINE)):
            broken[line], ends[line] = bad or inside, k
            line += 1
            inside, bad = False, False
    if size and (line == 0 or ends[line - 1] < size):
        broken[line], ends[line] = bad or inside, size
        line += 1
    return broken[:line], ends[:line]
