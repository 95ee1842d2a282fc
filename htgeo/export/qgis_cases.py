"""Verified cases beside a forecast, each as precise as it is known, on the days whose forecast covers it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from htgeo.core.errors import InputError
from htgeo.cube.schema import layer_names
from htgeo.export.product import DATE, Product
from htgeo.grid.days import civil_days
from htgeo.sources.events import Events

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

DAY = "day"


def check_cases(cases: Any, audience: str) -> None:
    """Raise unless these are events, and for internal use."""
    if not isinstance(cases, Events):
        message = f"cases are events, read in Python with htgeo.read_events('tahub_cases', path, areas=[…]); given: {cases!r:.60}"
        raise InputError(message)
    if audience == "public":
        message = "cases are not for the public: leave cases= out, or choose audience='internal'; their counts go out through htgeo.release"
        raise InputError(message)


def case_layers(product: Product, cases: Events) -> tuple["GeoDataFrame", "GeoDataFrame", str]:
    """Return cases as points and as areas, and what is not drawn.

    Parameters
    ----------
    product
        What is exported.
    cases
        Verified cases.

    Returns
    -------
    points, areas : GeoDataFrame
        A row a place and day of the product: the number of ``cases`` that the forecast of the day covers (its horizon,
        or one step) and their ``days``; without days, one row a place with all cases. Areas have ``layer`` and ``area``,
        several names joined by ``|``. Either may be empty.
    told : str
        A sentence on the cases that are not drawn; empty where all are.
    """
    import geopandas as gpd
    import shapely

    table = cases.table.reset_index(drop=True)
    table = _by_day(
        product, table.assign(day=civil_days(table["occurred"], product.cube.attrs.get("time_zone", "UTC")))
    )
    spots = shapely.points(table[["lon", "lat"]].to_numpy(float))
    pointed = (table["precision"] == "point").to_numpy() & np.isin(
        np.arange(len(table)), shapely.STRtree(product.shapes()).query(spots, "intersects")[0]
    )
    shapes = _shapes(product, table)
    keys = list(zip(table["precision"], table["area"], strict=True))
    placed = np.array([key in shapes for key in keys], bool)
    points = _counted(table[pointed], ["lon", "lat"])
    areas = _counted(table[placed].rename(columns={"precision": "layer"}), ["layer", "area"])
    left = float(table[~pointed & ~placed].drop_duplicates("case")["weight"].sum())
    return (
        gpd.GeoDataFrame(
            points.drop(columns=["lon", "lat"]), geometry=gpd.points_from_xy(points["lon"], points["lat"]), crs=4326
        ),
        gpd.GeoDataFrame(
            areas, geometry=[shapes[key] for key in zip(areas["layer"], areas["area"], strict=True)], crs=4326
        ),
        f"Not drawn, as known to the city only or elsewhere: {left:g}." if left else "",
    )


def _by_day(product: Product, table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each case and each day of the product whose forecast covers it."""
    table = table.assign(case=np.arange(len(table)))
    if not product.dated:
        return table
    begins = product.days
    horizon = product.cube[product.variables[0]].attrs.get("horizon")
    ends = product.ends if horizon is None else begins + int(horizon)
    day = table[DAY].to_numpy().astype("datetime64[D]")
    first, last = np.searchsorted(ends, day, "right"), np.searchsorted(begins, day, "right")
    times = np.maximum(last - first, 0)
    frame = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times) + np.repeat(first, times)
    rows = table.loc[np.repeat(table.index, times)].reset_index(drop=True)
    return rows.assign(**{DATE: begins[frame]})


def _shapes(product: Product, table: pd.DataFrame) -> dict[tuple[str, str], Any]:
    """Return the shape of each area that cases are known to and the product has, by layer and names."""
    import shapely

    found = {}
    for layer in {*layer_names(product.cube), product.space} & set(table["precision"]):
        shapes = product.area_shapes(layer)
        for names in table.loc[table["precision"] == layer, "area"].unique():
            if parts := [shapes[name] for name in str(names).split("|") if name in shapes]:
                found[layer, names] = shapely.multipolygons(shapely.get_parts(shapely.union_all(parts)))
    return found


def _counted(table: pd.DataFrame, place: list[str]) -> pd.DataFrame:
    """Return a row a place and day with the number of cases and their days."""
    keys = [*([DATE] if DATE in table else []), *place]
    table = table.assign(days=table[DAY].astype("datetime64[s]").dt.strftime("%Y-%m-%d"))
    rows = table.groupby(keys, sort=True).agg(
        cases=("weight", "sum"), days=("days", lambda days: ", ".join(days.unique()))
    )
    rows = rows.reset_index()
    return rows.assign(**{DATE: rows[DATE].dt.date}) if DATE in rows else rows
