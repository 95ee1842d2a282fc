"""Coordinates of any coordinate system to degrees."""

import numpy as np

from htgeo.core.errors import InputError


def check_crs(crs: str) -> None:
    """Raise unless there is such a coordinate system."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        CRS.from_user_input(crs)
    except CRSError as error:
        message = f"there is no coordinate system {crs!r}; give an EPSG code such as 'EPSG:2263'"
        raise InputError(message) from error


def to_degrees(x: np.ndarray, y: np.ndarray, crs: str) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a coordinate system as lon and lat, degrees WGS 84, NaN where they have none."""
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    return np.where(np.isfinite(lon), lon, np.nan), np.where(np.isfinite(lat), lat, np.nan)
