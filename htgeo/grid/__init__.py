"""Cells, days, neighbours, and the shares of cells in areas."""

from htgeo.grid.grid import Grid, make_grid

__all__ = ["Grid", "make_grid"]
