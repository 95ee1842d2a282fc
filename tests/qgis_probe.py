"""Run by the Python of QGIS, not by that of the tests: opens a project or a layer and prints what it finds as JSON.

Usage: qgis_probe.py FILE [--layer NAME] [--day YYYY-MM-DD ...] [--picture FOLDER] [--points FILE]
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from qgis.core import (  # type: ignore[import-not-found]
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsDateTimeRange,
    QgsFeatureRequest,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
    QgsVectorLayerTemporalContext,
)
from qgis.PyQt.QtCore import QDate, QDateTime, QSize, Qt, QTime  # type: ignore[import-not-found]

SIDE = 900


def frame(day: str) -> QgsDateTimeRange:
    begin = QDateTime(QDate.fromString(day, "yyyy-MM-dd"), QTime(0, 0), Qt.UTC)
    return QgsDateTimeRange(begin, begin.addDays(1), True, False)


def classes(layer: QgsVectorLayer) -> list[list[str]]:
    renderer = layer.renderer()
    rows = renderer.ranges() if renderer.type() == "graduatedSymbol" else []
    rows = renderer.categories() if renderer.type() == "categorizedSymbol" else rows
    return [[row.label(), row.symbol().color().name()] for row in rows]


def facts(layer: QgsVectorLayer, days: list[str]) -> dict[str, object]:
    context = QgsVectorLayerTemporalContext()
    context.setLayer(layer)
    shown = {}
    for day in days if layer.temporalProperties().isActive() else []:
        filtered = layer.temporalProperties().createFilterString(context, frame(day))
        found = layer.getFeatures(QgsFeatureRequest().setFilterExpression(filtered))
        shown[day] = sorted(row["date"].toString("yyyy-MM-dd") for row in found)
    return {
        "valid": layer.isValid(),
        "rows": layer.featureCount(),
        "crs": layer.crs().authid(),
        "fields": {field.name(): field.typeName() for field in layer.fields()},
        "renderer": layer.renderer().type(),
        "classes": classes(layer),
        "labels": layer.labelsEnabled() and layer.labeling() is not None,
        "abstract": layer.metadata().abstract(),
        "shown": shown,
    }


def draw(layers: list[QgsVectorLayer], crs, extent, day: str, points: list[list[float]], picture: Path) -> list[str]:
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setOutputSize(QSize(SIDE, SIDE))
    settings.setExtent(extent)
    settings.setIsTemporal(True)
    settings.setTemporalRange(frame(day))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(str(picture))
    there = QgsCoordinateTransform(QgsCoordinateReferenceSystem("EPSG:4326"), crs, QgsProject.instance())
    pixels = [settings.mapToPixel().transform(there.transform(QgsPointXY(*point))) for point in points]
    return [image.pixelColor(int(pixel.x()), int(pixel.y())).name() for pixel in pixels]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--layer")
    parser.add_argument("--day", action="append", default=[])
    parser.add_argument("--points", type=Path)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    application = QgsApplication([], False)
    application.initQgis()
    project, told = QgsProject.instance(), {}
    if given.file.suffix == ".tif":
        raster = QgsRasterLayer(str(given.file), "raster")
        ramp = raster.renderer().shader().rasterShaderFunction().colorRampItemList()
        told["raster"] = {
            "valid": raster.isValid(),
            "crs": raster.crs().authid(),
            "bands": raster.bandCount(),
            "classes": [[item.label, item.color.name()] for item in ramp],
        }
        layers, crs, extent = [raster], raster.crs(), raster.extent()
    elif given.layer:
        layer = QgsVectorLayer(f"{given.file}|layername={given.layer}", given.layer, "ogr")
        told["style"] = layer.loadDefaultStyle()[1]
        project.addMapLayer(layer)
        layers, crs, extent = [layer], layer.crs(), layer.extent()
    else:
        told["read"] = project.read(str(given.file))
        layers = [node.layer() for node in project.layerTreeRoot().findLayers()]
        span, view = project.timeSettings().temporalRange(), project.viewSettings().defaultViewExtent()
        crs, extent = project.crs(), view
        told["project"] = {
            "title": project.title(),
            "abstract": project.metadata().abstract(),
            "crs": crs.authid(),
            "groups": [node.name() for node in project.layerTreeRoot().children()],
            "from": span.begin().toString(Qt.ISODate),
            "to": span.end().toString(Qt.ISODate),
            "step": [project.timeSettings().timeStep(), project.timeSettings().timeStepUnit()],
        }
    told["layers"] = {layer.name(): facts(layer, given.day) for layer in layers if isinstance(layer, QgsVectorLayer)}
    points = json.loads(given.points.read_text()) if given.points else []
    if given.picture:
        given.picture.mkdir(exist_ok=True)
        told["drawn"] = {day: draw(layers, crs, extent, day, points, given.picture / f"{day}.png") for day in given.day}
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)  # QGIS may crash while it is taken down, when all is said


main()
