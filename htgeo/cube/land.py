"""Areas put together from the places of a cube: shares, position, borders."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.cube.areas import place_coords
from htgeo.cube.near import ring_of
from htgeo.cube.schema import area_names, layer_names
from htgeo.cube.shares import held_shares
from htgeo.sources.antimeridian import FULL, HALF

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SMALL = 1e-6
"""Share of a cell below which it is rounding of outlines."""


def land_shares(cube: xr.Dataset, by: str) -> "csr_array":
    """Return the share of each area in the land of each place of a cube, shape (area, cell).

    The land of a cell is what lies in the study area, or in areas of the layer where that is more. A cube without
    shares, or cut to some cells, to which they no longer belong, counts each place to the area that holds most of it.
    """
    from scipy.sparse import csr_array

    number = {name: n for n, name in enumerate(area_names(cube, by))}
    main = np.array([number.get(str(name), -1) for name in cube[by].values])
    places = np.flatnonzero(main >= 0)
    shape = len(number), len(main)
    whole = csr_array((np.ones(len(places)), (main[places], places)), shape=shape)
    shares = _dense(cube, by)
    if shares is None or (shares.max(axis=0)[places] > shares[main[places], places] + SMALL).any():
        return whole
    inside = shares.sum(axis=0)
    study = layer_names(cube)[0]
    land = _dense(cube, study)
    all_ = inside if land is None else np.maximum(inside, land.sum(axis=0))
    all_ = np.where(all_ - inside < SMALL, inside, all_)  # outlines of two layers differ by rounding
    return csr_array(np.divide(shares, all_, out=np.zeros_like(shares), where=inside > 0))


def _dense(cube: xr.Dataset, layer: str) -> np.ndarray | None:
    """Return the shares of cells in the areas of a layer, shape (area, cell); None where they do not belong to the cube."""
    shares = held_shares(cube, layer)
    return None if shares is None else np.asarray(shares.T.toarray())


def middles(cube: xr.Dataset, layer: str, weights: "csr_array") -> dict[str, Any]:
    """Return the coordinates of areas put together from places: their land, and the centre of the place nearest to the middle.

    Parameters
    ----------
    cube
        The cube of the places.
    layer
        What one area is called.
    weights
        Share of each area in the land of each place, shape (area, cell).
    """
    land = weights * cube["cell_area"].values[None, :]
    area = np.asarray(land.sum(axis=1)).ravel()
    lon, lat = cube["lon"].values, cube["lat"].values
    start = lon.mean() if np.ptp(lon) < HALF else HALF  # places on both sides of the 180th meridian
    east = (lon - start + HALF) % FULL
    middle = [np.asarray(land @ values) / np.maximum(area, SMALL) for values in (east, lat)]
    shrink = np.cos(np.radians(lat.mean()))
    apart = ((east - middle[0][:, None]) * shrink) ** 2 + (lat - middle[1][:, None]) ** 2
    nearest = np.where(weights.toarray() > 0, apart, np.inf).argmin(axis=1)
    return place_coords(layer, lon[nearest], lat[nearest], area)


def labels_of(cube: xr.Dataset, layer: str, weights: "csr_array", other: str) -> tuple[str, np.ndarray, dict[str, Any]]:
    """Return the area of another layer that holds most of each area, as a coordinate of the new cube."""
    land = weights * cube["cell_area"].values[None, :]
    shared = np.asarray((land @ land_shares(cube, other).T).toarray())
    names = area_names(cube, other)
    labels = np.where(shared.max(axis=1) > 0, np.array(names)[shared.argmax(axis=1)], "")
    return layer, labels, {"long_name": f"{other} that holds most of the {layer}", "names": names}


def touching(cube: xr.Dataset, weights: "csr_array") -> np.ndarray:
    """Return which areas border on each other: the places that lie mostly in them do, shape (area, area)."""
    dense = weights.toarray()
    members = ((dense > 0) & (dense == dense.max(axis=0))).astype(np.float32)
    return np.asarray((members @ (ring_of(cube, 1) @ members.T)) > 0)
