"""QGIS projects: a map that opens with outlines, legend, days and cases."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from htgeo.cube.schema import layer_names
from htgeo.export.base import Writer
from htgeo.export.gpkg import write_layer
from htgeo.export.ogr import append_layer
from htgeo.export.product import DATE, Product
from htgeo.export.qgis_cases import case_layers, check_cases
from htgeo.export.qgis_project import MapLayer, project_xml
from htgeo.export.qgis_style import (
    circle_symbol,
    fill_style,
    hatch_symbol,
    number_labels,
    outline_symbol,
    single_renderer,
    temporal,
)
from htgeo.export.raster_bands import utm_zone
from htgeo.grid.pixels import project
from htgeo.sources.rasters import parse_crs

NO_TIME = (1980, 1, 1, 0, 0, 0)
"""What stands where the archive wants the moment of writing, so that the same cube gives the same bytes."""
MARGIN = 0.1
SEVERAL = 'if("cases" > 1, "cases", NULL)'


@dataclass(frozen=True)
class QgisProject(Writer):
    """A project for QGIS 3.22 and newer: the risk with the classes and colours of the web map, outlines, and cases.

    It opens on the first day with the temporal controller on, in the UTM zone of the places, and says on the map which
    day it shows, for whom it is and what it is for. The layers lie beside it in ``<stem>-layers.gpkg`` and are found by
    a relative path: both files go together.

    Attributes
    ----------
    cases : Events
        Verified cases, drawn as precisely as they are known (a dot, a circle of the error, or a hatched area) on the
        days whose forecast covers them; for internal use only.
    error_km
        Error of cases known to a point, as radius; by default one unit of the last decimal of their coordinates.
    """

    name: ClassVar[str] = "qgz"
    summary: ClassVar[str] = "QGIS project: risk, outlines and cases with legend and days, and a GeoPackage beside it"
    cases: Any = None
    error_km: float | None = None

    def write(self, product: Product, path: Path) -> None:
        """Write the layers, then the project that shows them."""
        from htgeo.maps.audience import MARKS

        if self.cases is not None:
            check_cases(self.cases, product.audience)
        file = path.with_name(f"{path.stem}-layers.gpkg")
        layers = list(self._layers(product, file))
        crs = utm_zone(product.shapes())
        xml = project_xml(
            product,
            layers,
            file=file.name,
            crs=crs,
            bounds=_view(product, crs),
            notes=" ".join(layer.about for layer in layers[::-1]),
            mark=MARKS[product.audience],
        )
        with zipfile.ZipFile(path, "w") as archive:
            entry = zipfile.ZipInfo(f"{path.stem}.qgs", NO_TIME)
            archive.writestr(entry, xml, zipfile.ZIP_DEFLATED)

    def _layers(self, product: Product, file: Path) -> Iterator[MapLayer]:
        """Write the layers and yield them as the project shows them, the topmost first."""
        name = product.variables[0]
        layer = product.layer()
        risk = MapLayer(name, layer.title, "Polygon", f"{layer.about}.", ET.Element("style"))
        fill_style(risk.style, product, write_layer(product, file, name))
        if self.cases is not None:
            yield from self._cases(product, file)
        yield from _outlines(product, file)
        yield risk

    def _cases(self, product: Product, file: Path) -> Iterator[MapLayer]:
        from htgeo.maps.plot_overlay_cases import CASE, DOT_KM, error_of

        points, areas, told = case_layers(product, self.cases)
        error = error_of(self.cases.table) if self.error_km is None else self.error_km
        covered = "Cases that the forecast of the day covers" if DATE in points else "Cases"
        if len(points):
            append_layer(points, file, "case_points", "Point")
            title = f"Case, known to {error:g} km" if error >= DOT_KM else "Case"
            symbol = circle_symbol(CASE, error if error >= DOT_KM else None)
            yield MapLayer(
                "case_points",
                title,
                "Point",
                f"{covered}, at their points.",
                _case_style(product, symbol, CASE, SEVERAL),
            )
        if len(areas):
            append_layer(areas, file, "case_areas", "MultiPolygon")
            about, symbol = f"{covered}, hatched over their areas. {told}", hatch_symbol(CASE)
            yield MapLayer(
                "case_areas", "Cases known to an area", "Polygon", about, _case_style(product, symbol, CASE, '"cases"')
            )


def _case_style(product: Product, symbol: ET.Element, color: str, expression: str) -> ET.Element:
    """Return a style with one symbol for all rows, on their days, and numbers."""
    style = ET.Element("style")
    if product.dated:
        style.append(temporal(product))
    style.extend([single_renderer(symbol), number_labels(color, expression)])
    return style


def _outlines(product: Product, file: Path) -> Iterator[MapLayer]:
    """Write the outlines of the region, or of the first region layer, where there is one."""
    import geopandas as gpd
    import shapely

    from htgeo.maps.style import OUTLINE

    layers = [product.region.layer] if product.region is not None else layer_names(product.cube)
    for layer in layers[:1]:
        shapes = product.area_shapes(layer)
        geometry = [shapely.multipolygons(shapely.get_parts(shape)) for shape in shapes.values()]
        table = f"{layer}_outline"
        append_layer(gpd.GeoDataFrame({layer: list(shapes)}, geometry=geometry, crs=4326), file, table, "MultiPolygon")
        style = ET.Element("style")
        style.append(single_renderer(outline_symbol(OUTLINE, 0.35)))
        yield MapLayer(table, f"Outline ({layer})", "Polygon", f"Outlines of each {layer}.", style)


def _view(product: Product, crs: str) -> list[float]:
    """Return the bounds of the places with a margin."""
    import shapely

    west, south, east, north = shapely.total_bounds(project(product.shapes(), parse_crs(crs)))
    edge = MARGIN * max(east - west, north - south)
    return [west - edge, south - edge, east + edge, north + edge]
