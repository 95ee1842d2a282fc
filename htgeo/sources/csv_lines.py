"""The lines of a CSV whose quoted fields end on their line, as a stream."""

import io
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np

from htgeo.core.errors import InputError

MAX_BYTES = 16 * 2**30
"""Most bytes a compressed file may unpack to (against decompression bombs)."""
PIECE = 2**20
"""Bytes of a CSV that the parser asks for at a time: they stay in the processor's cache."""
LONG_LINE = 2**14
"""Pieces are shorter than asked for by so much, so that they end with a line and are passed on as they are."""


class SoundLines(io.RawIOBase):
    """A stream of the lines of a CSV whose quoted fields end on their line, up to MAX_BYTES.

    An open quote would swallow the lines after it, columns about persons included: such a line, and one of a value
    with a line break, is left out and noted.

    Attributes
    ----------
    count
        Lines seen so far.
    broken
        Their numbers, from 1, that were left out.
    """

    def __init__(self, stream: Any, name: str, delimiter: str, *, limited: bool) -> None:
        self._stream, self._name, self._delimiter = stream, name, delimiter.encode()
        self._rest, self._given, self._limit = b"", 0, MAX_BYTES if limited else None
        self._lock, self._over = Lock(), False
        self.count, self.broken = 0, list[int]()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, size: int = PIECE) -> bytes:
        """Return the next bytes of sound lines, at most `size`; none at the end."""
        with self._lock:
            return b"" if self._over else self._next(size)

    def stop(self) -> None:
        """Give nothing more: the parser reads ahead in a thread of its own, which must not outlive the file."""
        with self._lock:
            self._over = True

    def _next(self, size: int) -> bytes:
        while not self._rest:
            piece = self._stream.read(PIECE - LONG_LINE)
            if not piece:
                return b""
            if piece[-1:] != b"\n":
                piece += self._stream.readline()
            self._given += len(piece)
            if self._limit is not None and self._given > self._limit:
                message = f"{self._name} unpacks to more than {self._limit / 2**30:.0f} GiB"
                raise InputError(message)
            self._rest = self._sound(piece)
        if len(self._rest) <= size:
            data, self._rest = self._rest, b""
        else:
            data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _sound(self, piece: bytes) -> bytes:
        """Return the lines of a piece without those whose quotes stay open; note their numbers."""
        from htgeo.sources.quote_kernel import open_quotes

        broken, ends = open_quotes(np.frombuffer(piece, np.uint8), self._delimiter[0])
        if broken.any():
            self.broken += (self.count + 1 + np.flatnonzero(broken)).tolist()
            lines = pairwise([0, *ends.tolist()])
            piece = b"".join(piece[a:b] for (a, b), bad in zip(lines, broken, strict=True) if not bad)
        self.count += len(broken)
        return piece
