"""Coordinates of any coordinate system to degrees."""

from typing import TYPE_CHECKING

import numpy as np

from htgeo.core.errors import InputError

if TYPE_CHECKING:
    from pyproj import CRS


def parse_crs(text: str) -> "CRS":
    """Return a coordinate system by its code or WKT, or raise where there is none."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        message = f"there is no coordinate system {text!r}; give a code such as crs='EPSG:2263', or WKT"
        raise InputError(message) from error


def to_degrees(x: np.ndarray, y: np.ndarray, crs: str) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a coordinate system as lon and lat, degrees WGS 84, NaN where they have none."""
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    return np.where(np.isfinite(lon), lon, np.nan), np.where(np.isfinite(lat), lat, np.nan)
