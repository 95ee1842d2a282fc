"""What a map page carries, small: values as numbers of a book, shapes as whole steps, all compressed."""

import base64
import zlib
from dataclasses import dataclass

import numpy as np

DECADES = 4
"""Powers of ten below the largest value that keep all digits; smaller values keep fewer."""
LEVEL = 6
"""Of compression; 9 takes five times as long for 2 % less."""
STEPS = 65_535
"""Steps along the longer side of the map: less than a metre in a city of 50 km."""


@dataclass(frozen=True)
class Book:
    """Values as whole numbers: the value of code i is ``values[i]``; one code more means missing."""

    values: np.ndarray
    codes: np.ndarray

    @property
    def missing(self) -> int:
        """The code of a missing value."""
        return len(self.values)


def pack(data: bytes) -> str:
    """Return bytes compressed and as text; the page unpacks them with DecompressionStream."""
    return base64.b64encode(zlib.compress(data, LEVEL)).decode()


def make_book(values: np.ndarray, digits: int = 3) -> Book:
    """Return values rounded to some significant digits as a book, ascending.

    Parameters
    ----------
    values : array, any shape
        Missing values are NaN.
    digits
        Significant digits of the values within `DECADES` powers of ten below the largest.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    size = np.where(known, np.abs(values), 0.0)
    largest = float(size.max(initial=0.0))
    if largest == 0:
        return Book(np.zeros(int(known.any())), np.where(known, 0, int(known.any())))
    lowest = int(np.floor(np.log10(largest))) - DECADES
    with np.errstate(divide="ignore"):
        power = np.maximum(np.floor(np.log10(size)), lowest)
    ten = 10 ** (digits - 1)
    mantissa = np.rint(size * 10.0 ** (digits - 1 - power))
    key = ((power - lowest) * 9 * ten + mantissa).astype(np.int64)  # ascends with the value, also across powers of ten
    key = np.where(values < 0, -key, key)
    used = _present(key[known])
    table = np.zeros(int(used[-1] - used[0]) + 1, np.int64)
    table[used - used[0]] = np.arange(len(used))
    codes = np.where(known, table[np.where(known, key - used[0], 0)], len(used))
    return Book(_book_values(used, lowest, digits), codes)


def _present(keys: np.ndarray) -> np.ndarray:
    """Return the different keys in order, without sorting all."""
    low = int(keys.min())
    return np.flatnonzero(np.bincount(keys - low)) + low


def _book_values(keys: np.ndarray, lowest: int, digits: int) -> np.ndarray:
    """Return the values that keys of `make_book` stand for."""
    ten, size = 10 ** (digits - 1), np.abs(keys)
    above = size >= 10 * ten
    power = np.where(above, (size - ten) // (9 * ten), 0)
    mantissa = np.where(above, (size - ten) % (9 * ten) + ten, size)
    texts = (f"{m}e{p}" for m, p in zip(mantissa, power + lowest - digits + 1, strict=True))
    return np.asarray(np.sign(keys) * np.array([float(text) for text in texts]))


def pack_codes(codes: np.ndarray, most: int) -> tuple[str, int]:
    """Return codes (row, step) as text, and the bytes of each.

    A code is sent as its difference to the step before, and low and high bytes apart: places change little from day to
    day.
    """
    width = 1 if most < 1 << 8 else 2
    kind = np.dtype(f"<u{width}")
    change = np.diff(codes.astype(kind), axis=1, prepend=np.zeros((len(codes), 1), kind))
    planes = np.ascontiguousarray(change).view(np.uint8).reshape(-1, width).T
    return pack(planes.tobytes()), width


@dataclass(frozen=True)
class Plane:
    """The plane that a page is drawn in: Web Mercator, in whole steps from the north-west corner.

    Attributes
    ----------
    west, north
        Corner, radians of Web Mercator.
    step
        Length of a step, radians of Web Mercator.
    km
        Length of a step on the ground in the middle of the map, km.
    """

    west: float
    north: float
    step: float
    km: float

    def steps(self, points: np.ndarray) -> np.ndarray:
        """Return points (lon, lat) of shape (point, 2) as steps east and south (uint16)."""
        flat = mercator(points)
        steps = np.stack([flat[:, 0] - self.west, self.north - flat[:, 1]], axis=1) / self.step
        return np.clip(np.rint(steps), 0, STEPS).astype(np.uint16)


def plane_of(points: np.ndarray) -> Plane:
    """Return the plane that holds points (lon, lat) of shape (point, 2)."""
    flat = mercator(points)
    (west, south), (east, north) = flat.min(axis=0), flat.max(axis=0)
    step = max(east - west, north - south, 1e-9) / STEPS
    latitude = np.arctan(np.sinh((south + north) / 2))
    return Plane(float(west), float(north), float(step), float(step * 6371.007 * np.cos(latitude)))


def mercator(points: np.ndarray) -> np.ndarray:
    """Return longitudes and latitudes (point, 2), degrees, as radians of Web Mercator."""
    lon, lat = np.radians(points).T
    return np.stack([lon, np.arcsinh(np.tan(lat))], axis=1)
