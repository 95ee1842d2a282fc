"""The map of a day as an hvplot object, for notebooks."""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.core.use import INTENDED_USE
from htgeo.cube.schema import require, role_of
from htgeo.grid.cells import cell_hex, cell_polygons
from htgeo.maps.geometry import days_of, outlines, place_layer
from htgeo.maps.page import write_map_page
from htgeo.maps.style import class_breaks, class_colors, describe
from htgeo.sources.region import Region


def map_risk(
    cube: xr.Dataset,
    variable: str,
    *,
    time: str | slice | None = None,
    region: Region | None = None,
    title: str | None = None,
    tiles: bool = False,
) -> Any:
    """Return an hvplot map of a variable; its ``save(path)`` writes the offline page with a day slider.

    Parameters
    ----------
    cube
        The cube.
    variable
        Name of a variable on ``(cell, time)``.
    time
        A day, or a slice of days; the last day by default. The object shows the last of them, the page all.
    region
        Layer to outline; by default the cells of each area of the cube's first layer.
    title
        Heading.
    tiles
        Lay the map over background tiles, which the browser then fetches from the internet.

    Returns
    -------
    holoviews.Overlay
        Hexagons by class with outlines.

    Raises
    ------
    CubeError
        If the cube has no such variable or day, or the extra ``maps`` is not installed.

    Examples
    --------
    >>> import htgeo as ht
    >>> picture = ht.map_risk(ht.demo_cube(), "crime", time="2021-03-01")
    >>> picture.save("map.html").name
    'map.html'
    """
    try:
        import geopandas as gpd
        import holoviews as hv
        import hvplot.pandas  # noqa: F401  # adds .hvplot to GeoDataFrames
    except ModuleNotFoundError as error:
        message = f"maps in notebooks need {error.name}; install it with: pip install 'htgeo[maps]'"
        raise CubeError(message) from error
    data = days_of(require(cube, variable), time)
    day = data.isel(time=-1)
    shown = str(day["time"].values)[:10]
    layer = place_layer(cube)
    columns: dict[str, Any] = {
        "cell": cell_hex(cube["cell"].values),
        **({layer: cube[layer].values} if layer else {}),
        variable: day.values,
    }
    frame = gpd.GeoDataFrame(columns, geometry=cell_polygons(cube["cell"].values), crs=4326)
    frame["rank"] = frame[variable].rank(ascending=False, method="min").astype("Int64").astype(str)
    breaks = class_breaks(data.values)
    edges = [float(np.nanmin(data.values)), *breaks.tolist(), float(np.nanmax(data.values))]
    hexagons = frame.hvplot.polygons(
        geo=True, tiles="CartoLight" if tiles else None, c=variable, cmap=class_colors(breaks), hover_cols=[c for c in frame.columns if c != "geometry"], line_color=None,
        clabel=str(data.attrs.get("units", "")).replace("1", "probability" if role_of(data) == "risk" else "number"), frame_width=560,
    ).opts(hv.opts.Polygons(color_levels=_ascending(edges)))  # fmt: skip
    picture = (hexagons * _outline_paths(cube, region)).opts(
        xlabel=_two_lines(INTENDED_USE),
        ylabel="",
        xaxis="bottom",
        yaxis=None,
        xticks=0,
        title=f"{_two_lines(title or describe(data))}\n{shown}",
        fontsize={"labels": 8, "title": 10},
    )
    picture.save = _PageWriter(cube, variable, time, region, title)
    return picture


@dataclass(frozen=True)
class _PageWriter:
    """What ``save`` of a map object does: write the offline page instead of a page that needs the internet."""

    cube: xr.Dataset
    variable: str
    time: str | slice | None
    region: Region | None
    title: str | None

    def __call__(self, path: str | Path) -> Path:
        return write_map_page(self.cube, self.variable, path, time=self.time, region=self.region, title=self.title)


def _outline_paths(cube: xr.Dataset, region: Region | None) -> Any:
    import geoviews as gv

    return gv.Path(outlines(cube, region)).opts(color="#333b45", line_width=1.2)


def _two_lines(text: str) -> str:
    """Return text broken after its first sentences, so that it fits under a map."""
    return "\n".join(textwrap.wrap(text, len(text) // 2 + 10))


def _ascending(edges: list[float]) -> list[float]:
    """Return edges without doubles; two at least."""
    unique = sorted(set(edges))
    return unique if len(unique) > 1 else [unique[0], unique[0] + 1.0]
