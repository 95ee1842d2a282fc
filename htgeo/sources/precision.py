"""Finds coordinates that stand for an area: station houses, centroids, place points of a geocoder."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from htgeo.sources.region import Region

CITY = "city"
"""The precision of an event known only to lie somewhere in the study area."""
REPEAT_CHANCE = 0.25
"""Generous chance that two real reports of one category in one area share an address (4 % in the NYPD sample)."""
MASKED_SHARE = 0.8
"""Least share of the rows of a masked category on the most frequent point of their area."""
MEET_CHANCE = 0.01
"""Largest share of a study area that the surroundings of the centroids may fill."""
CITY_DEGREES = 0.006
"""A stacked point this near to a gazetteer point of the city stands for the city."""
SURE = 1e-4
"""A pattern less likely than this under chance is taken as a stand-in."""


def one_point_per_area(lon: np.ndarray, lat: np.ndarray, area: pd.Series, category: pd.Series) -> np.ndarray:
    """Return the rows with a point in a masked category; see `masked_categories`.

    Parameters
    ----------
    lon, lat
        Degrees, NaN where there is no point; shape (row,).
    area, category
        Area name and category of each row.

    Returns
    -------
    array of bool, shape (row,)
    """
    masked = masked_categories(point_counts(lon, lat, area, category))
    return np.asarray(category.isin(masked).to_numpy() & ~np.isnan(lon))


def point_counts(lon: np.ndarray, lat: np.ndarray, area: pd.Series, category: pd.Series) -> pd.Series:
    """Return the number of rows by category, area and point; counts of several batches may be added up."""
    known = ~np.isnan(lon) & ~np.isnan(lat) & area.notna().to_numpy() & category.notna().to_numpy()
    kind, kinds = pd.factorize(category[known])
    place, places = pd.factorize(area[known])
    point, points = pd.factorize(lon[known] + 1j * lat[known])
    key = (kind.astype(np.int64) * len(places) + place) * len(points) + point
    at, distinct = pd.factorize(key)
    rest, point = np.divmod(distinct, max(len(points), 1))
    kind, place = np.divmod(rest, max(len(places), 1))
    index = pd.MultiIndex([kinds, places, points], [kind, place, point], names=["category", "area", "point"])
    return pd.Series(np.bincount(at, minlength=len(distinct)), index=index)


def masked_categories(at_point: pd.Series) -> list[str]:
    """Return the categories that sit on one point per area, more often than chance allows.

    NYPD places sex offences at the station house of the precinct: 775 rows of the public sample on 77 points in 77
    precincts. Real addresses repeat too, but rarely (`REPEAT_CHANCE`). A category is masked when at least `MASKED_SHARE`
    of its rows sit on the most frequent point of their area, and the number of repeats there is too large for a
    binomial count; a few strays, or a station that moved, do not hide it.

    Parameters
    ----------
    at_point
        Rows by category, area and point, from `point_counts`.
    """
    from scipy.special import bdtrc

    at_mode = at_point.groupby(level=["category", "area"]).max().groupby(level="category")
    rows, areas = at_point.groupby(level="category").sum(), at_mode.size()
    repeats = at_mode.sum() - areas
    unlikely = bdtrc(repeats - 1, rows, REPEAT_CHANCE) < SURE
    return [str(name) for name in rows.index[(at_mode.sum() >= MASKED_SHARE * rows).to_numpy() & unlikely]]


def stacked(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Return the rows on a coordinate shared by more rows than chance allows.

    Chance is a Poisson count with the median number of rows per coordinate. Use it for sources whose places should
    rarely repeat (case files); street geocoders stack reports on real block middles.
    """
    from scipy.special import pdtrc

    frame = pd.DataFrame({"lon": lon, "lat": lat})
    size = frame.groupby(["lon", "lat"])["lon"].transform("size").fillna(0).to_numpy()
    per_point = frame.dropna().value_counts()
    if per_point.empty:
        return np.zeros(len(lon), bool)
    return np.asarray((pdtrc(size - 1, per_point.median()) < SURE) & ~np.isnan(lon), bool)


def at_centroid(lon: np.ndarray, lat: np.ndarray, areas: Sequence[Region]) -> tuple[np.ndarray, np.ndarray]:
    """Return the layer and area name whose centroid each point equals to its own decimals, or empty texts.

    Earlier layers win. Points with more than three decimals are compared to 0.0005 degrees. A layer is passed over
    where coordinates are so coarse, or areas so many, that a point would meet a centroid by chance (`MEET_CHANCE`).
    """
    layer, name = np.full(len(lon), "", dtype=object), np.full(len(lon), "", dtype=object)
    known = ~np.isnan(lon)
    decimals = _decimals(np.concatenate([lon[known], lat[known]]))
    near = 0.5 * 10.0**-decimals + 1e-9
    for region in areas:
        if len(region) * (2 * near) ** 2 > MEET_CHANCE * region.outline.area:
            continue
        for area, (x, y) in zip(region.names, region.centroids, strict=True):
            hit = (layer == "") & (np.abs(lon - x) <= near) & (np.abs(lat - y) <= near)
            layer[hit], name[hit] = region.layer, area
    return layer, name


def _decimals(values: np.ndarray) -> int:
    """Return the number of decimals that all values are rounded to, at most 3."""
    for decimals in range(3):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-9):
            return decimals
    return 3


def stand_in_areas(
    lon: np.ndarray, lat: np.ndarray, areas: Sequence[Region], city_points: Sequence[tuple[float, float]] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Return the layer and area that each stacked or centroid coordinate stands for; empty where it is a real point.

    Parameters
    ----------
    lon, lat
        Degrees, shape (row,).
    areas
        Region layers; without any, a stacked coordinate stands for the whole city.
    city_points
        Coordinates (lon, lat) that geocoders give for the city as a whole; compared to 0.006 degrees.

    Returns
    -------
    layer, area : arrays of text, shape (row,)
    """
    layer, name = at_centroid(lon, lat, areas)
    pile = stacked(lon, lat)
    for x, y in city_points:
        city = pile & (np.abs(lon - x) <= CITY_DEGREES) & (np.abs(lat - y) <= CITY_DEGREES)
        layer[city], name[city] = CITY, ""
    rest = pile & (layer == "")
    layer[rest] = CITY
    if areas and rest.any():
        number = areas[0].locate(lon[rest], lat[rest])
        inside = np.flatnonzero(rest)[number >= 0]
        layer[inside] = areas[0].layer
        name[inside] = np.array(areas[0].names, dtype=object)[number[number >= 0]]
    return layer, name
