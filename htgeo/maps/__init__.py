"""Maps and figures: an object for notebooks, pictures for print, and a page of its own for everybody else."""

from htgeo.maps.figure import save_figure
from htgeo.maps.layers import Layer, band_layer, difference_layer, variable_layer
from htgeo.maps.page import map_page, write_map_page
from htgeo.maps.picture import map_risk
from htgeo.maps.plot_calibration import plot_calibration
from htgeo.maps.plot_capture import plot_capture
from htgeo.maps.plot_contributions import plot_contributions
from htgeo.maps.plot_delay import plot_delay
from htgeo.maps.plot_funnel import plot_funnel
from htgeo.maps.plot_hotspots import plot_hotspots
from htgeo.maps.plot_importance import plot_importance
from htgeo.maps.plot_overlay import plot_overlay
from htgeo.maps.plot_precision import plot_precision
from htgeo.maps.plot_rows import plot_rows
from htgeo.maps.plot_scores import plot_scores
from htgeo.maps.plot_split import plot_split
from htgeo.maps.plot_thresholds import plot_thresholds
from htgeo.maps.plot_trend import plot_trend

__all__ = [
    "Layer",
    "band_layer",
    "difference_layer",
    "map_page",
    "map_risk",
    "plot_calibration",
    "plot_capture",
    "plot_contributions",
    "plot_delay",
    "plot_funnel",
    "plot_hotspots",
    "plot_importance",
    "plot_overlay",
    "plot_precision",
    "plot_rows",
    "plot_scores",
    "plot_split",
    "plot_thresholds",
    "plot_trend",
    "save_figure",
    "variable_layer",
    "write_map_page",
]
