"""Maps: an hvplot object for notebooks, and a page of its own for everybody else."""

from htgeo.maps.page import write_map_page
from htgeo.maps.picture import map_risk
from htgeo.maps.plot_split import plot_split

__all__ = [
    "map_risk",
    "plot_split",
    "write_map_page",
]
