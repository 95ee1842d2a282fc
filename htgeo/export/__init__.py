"""Files for other tools. A new format is one file here and one import line."""

from htgeo.export import csv_file, gpkg, npz_file
from htgeo.export.base import EXPORTS, Writer, export

__all__ = ["EXPORTS", "Writer", "csv_file", "export", "gpkg", "npz_file"]
