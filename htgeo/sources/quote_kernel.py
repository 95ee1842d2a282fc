"""The compiled walk over the bytes of CSV lines."""

import numba
import numpy as np

QUOTE, NEWLINE, RETURN = 34, 10, 13
WORD = 8
"""Bytes looked at together."""
ONES, HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
QUOTES, BELOW = np.uint64(QUOTE) * ONES, np.uint64(RETURN + 1) * ONES


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def _has_any(word: np.uint64) -> bool:
    """Return whether eight bytes have a quote among them, or one up to the carriage return; perhaps where they have none.

    The known test for a byte below `n` in a word: (word - n * ONES) & ~word & HIGHS.
    """
    quotes = word ^ QUOTES
    return bool((((word - BELOW) & ~word) | ((quotes - ONES) & ~quotes)) & HIGHS)


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
    words = data[: size - size % WORD].view(np.uint64)
    broken, ends = np.zeros(size + 1, np.bool_), np.empty(size + 1, np.int32)
    line, k = 0, 0
    inside, bad = False, False
    while k < size:
        if k % WORD == 0:  # nearly all words hold no quote and no line end
            word = k // WORD
            while word < len(words) and not _has_any(words[word]):
                word += 1
            k = word * WORD
            if k == size:
                break
        byte = data[k]
        k += 1
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
