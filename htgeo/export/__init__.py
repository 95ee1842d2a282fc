"""Files for other tools. A new format is one file here and one import line."""

from htgeo.export import (
    cog,
    csv_file,
    fgb,
    geojson,
    gpkg,
    netcdf,
    npz_file,
    parquet,
    pmtiles_file,
    qgz,
    stac,
    zarr_store,
)
from htgeo.export.base import EXPORTS, Writer, export

__all__ = [
    "EXPORTS",
    "Writer",
    "cog",
    "csv_file",
    "export",
    "fgb",
    "geojson",
    "gpkg",
    "netcdf",
    "npz_file",
    "parquet",
    "pmtiles_file",
    "qgz",
    "stac",
    "zarr_store",
]
