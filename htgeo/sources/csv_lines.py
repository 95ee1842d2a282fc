"""The lines of a CSV whose quoted fields end on their line, as a stream."""

import io
from itertools import pairwise
from typing import Any

import numpy as np

from htgeo.core.errors import InputError

MAX_BYTES = 16 * 2**30
"""Most bytes a compressed file may unpack to (against decompression bombs)."""
PIECE = 2**22
"""Bytes of a CSV checked at a time."""


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
        self._rest, self._given, self._limit = memoryview(b""), 0, MAX_BYTES if limited else None
        self.count, self.broken = 0, list[int]()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with the next bytes of sound lines; return how many, 0 at the end."""
        while not self._rest:
            piece = self._stream.read(PIECE)
            if not piece:
                return 0
            if piece[-1:] != b"\n":
                piece += self._stream.readline()
            self._given += len(piece)
            if self._limit is not None and self._given > self._limit:
                message = f"{self._name} unpacks to more than {self._limit / 2**30:.0f} GiB"
                raise InputError(message)
            self._rest = memoryview(self._sound(piece))
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

    def _sound(self, piece: bytes) -> bytes:
        """Return the lines of a piece without those whose quotes stay open; note their numbers."""
        data = np.frombuffer(piece, np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        if b"\r" in piece:  # a carriage return alone ends a line too
            returns = np.flatnonzero(data[:-1] == ord("\r"))
            ends = np.sort(np.concatenate([ends, returns[data[returns + 1] != ord("\n")]]))
        lines = len(ends) + (piece[-1:] != b"\n")
        if b'"' in piece:
            from htgeo.sources.quote_kernel import open_quotes

            broken = open_quotes(data, np.flatnonzero(data == ord('"')), ends, self._delimiter[0], lines)
            if broken.any():
                self.broken += (self.count + 1 + np.flatnonzero(broken)).tolist()
                piece = b"".join(line for line, bad in zip(_split(piece, ends), broken, strict=True) if not bad)
        self.count += lines
        return piece


def _split(piece: bytes, ends: np.ndarray) -> list[bytes]:
    """Return the lines of a piece with their ends."""
    edges = [0, *(ends + 1).tolist()]
    if edges[-1] < len(piece):
        edges.append(len(piece))
    return [piece[a:b] for a, b in pairwise(edges)]
