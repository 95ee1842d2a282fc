"""Maps: an hvplot object for notebooks, and a page of its own for everybody else."""

from htgeo.maps.page import write_map_page
from htgeo.maps.picture import map_risk

__all__ = ["map_risk", "write_map_page"]
