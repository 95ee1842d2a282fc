"""The data of a study and their defects: rows, precision, what was not counted, and reporting delay."""

from typing import Any

import numpy as np
import xarray as xr

from htgeo.cube.schema import variables_of
from htgeo.maps.plot_delay import plot_delay
from htgeo.maps.plot_rows import plot_rows
from htgeo.sources import SOURCES
from htgeo.study.report_figures import picture
from htgeo.study.report_html import Html, Section, bullets, code, head, join, link, note, say, table
from htgeo.study.report_run import Run
from htgeo.study.report_words import MISSING, share


def data(run: Run) -> Section:
    """Return the data and their defects."""
    parts = [*_rows(run), *_precision(run), *_counted(run), *_delay(run)]
    return Section("data", "Data and their defects", tuple(parts), ("asked", "limits", "cases"))


def _rows(run: Run) -> list[Html]:
    rows = run.rows
    total, aside = (sum(report[key] for report in rows.values()) for key in ("rows", "quarantined"))
    kinds = {name: settings["kind"] for name, settings in run.study["sources"].items()}
    lines = [
        [
            code(name),
            SOURCES[kinds[name]].summary if kinds.get(name) in SOURCES else report["source"],
            ", ".join(report["files"]),
            *(f"{report[key]:,}" for key in ("rows", "kept", "repaired", "quarantined")),
        ]
        for name, report in rows.items()
    ]
    columns = ["Source", "What it is", "File", "Rows", "Kept as they are", "Repaired", "Set aside"]
    reasons = [
        [code(name), what, reason, f"{count:,}", share(count / report["rows"])]
        for name, report in rows.items()
        for what, found in (("repaired", report["repairs"]), ("set aside", report["reasons"]))
        for reason, count in found.items()
    ]
    notes = [join([code(name), f": {text}"]) for name, report in rows.items() for text in report["notes"]]
    return [
        head("Rows read"),
        say(f"Of {total:,} rows in {len(rows)} sources {aside:,} ({share(aside / total if total else None)}) were set aside; none was dropped in silence."),
        table("Rows by source", columns, lines, words=(1, 2)),
        picture("rows", lambda: plot_rows(rows, source=run.source), title="What became of the rows of each file", text=_rows_text(rows)),
        table("What was repaired or set aside, and why", ["Source", "What", "Reason", "Rows", "Of its rows"], reasons, words=(1, 2)) if reasons else note("No row was repaired or set aside."),
        *([bullets(notes)] if notes else []),
    ]  # fmt: skip


def _rows_text(rows: dict[str, Any]) -> str:
    parts = [f"{name}: {share(report['kept'] / report['rows'])} kept as they are, {share(report['repaired'] / report['rows'])} repaired, {share(report['quarantined'] / report['rows'])} set aside" for name, report in rows.items() if report["rows"]]  # fmt: skip
    return f"Bars of 100 % of the rows of each file. {'; '.join(parts)}."


def _precision(run: Run) -> list[Html]:
    """Return how precisely the places of each source are known."""
    known = {name: report["precision"] for name, report in run.rows.items() if report["precision"]}
    if not known:
        return [head("Precision"), note("No source says how precisely its places are known.")]
    levels = list(dict.fromkeys(level for counts in known.values() for level in counts))
    lines = [
        [code(name), *(share(counts[level] / sum(counts.values())) if level in counts else "" for level in levels)]
        for name, counts in known.items()
    ]
    used = run.study["label"].get("precision") == "point" and run.layer != run.study["label"]["source"]
    why = "The label counts events known to a point only." if used else "The label counts all events, also those known to an area."  # fmt: skip
    return [
        head("Precision"),
        say("A row is used at the precision it has: what is known to an area only is spread over its land, never put on a centroid. ", why if run.of_cells else ""),
        table("Precision of the rows used, by source", ["Source", *(f"known to {'a point' if level == 'point' else level}" for level in levels)], lines),
    ]  # fmt: skip


def _counted(run: Run) -> list[Html]:
    """Return how many events were counted, and how many fell outside."""
    layers = _layers(run.cube)
    facts = {name: run.cube[name].attrs for name in layers}
    columns = {"events": "Events in the days", "outside_cells": "Outside all cells", "known_to_area": "Known to an area", "outside_days": "Outside the days"}  # fmt: skip
    shown = [key for key in columns if any(key in found for found in facts.values())]
    lines = [
        [code(name), *(f"{found[key]:,.0f}" if key in found else MISSING for key in shown)]
        for name, found in facts.items()
    ]
    if not shown:
        return []
    return [
        head("Events counted"),
        table("Events by layer of the cube", ["Layer", *(columns[key] for key in shown)], lines),
        say("The label is made from the layer ", code(run.layer), ": ", run.events, "."),
    ]


def _layers(cube: xr.Dataset) -> list[str]:
    """Return the layers of counts that are no part of another."""
    return [name for name in variables_of(cube, "count") if "part_of" not in cube[name].attrs]


def _delay(run: Run) -> list[Html]:
    """Return how much of the last days was known, on average over the days."""
    windows = list(dict.fromkeys(int(run.cube[name].attrs["days"]) for name in variables_of(run.cube, "within_count")))
    lines = [
        [code(name), *(share(_known_share(run.cube, name, f"{name}_within_{days}", days)) for days in windows)]
        for name in _layers(run.cube)
        if all(f"{name}_within_{days}" in run.cube for days in windows)
    ]
    if not lines or not windows:
        return [head("Reporting delay"), note("The store does not tell when events became known.")]
    return [
        head("Reporting delay"),
        say("An event counts for a forecast only from the day after it became known. On an average morning so much of what had happened was known (spread-out events included):"),
        table("Share of the events of the last days that were known in the morning", ["Layer", *(f"Of the last {days} days" for days in windows)], lines),
        *_triangles(run),
        note("Late reports leave the label unchanged: it counts by the day of occurrence. See ", link("limits", "limits"), "."),
    ]  # fmt: skip


def _triangles(run: Run) -> list[Html]:
    """Return how soon events are known, for each layer whose reporting triangle is in the store."""
    found = [name for name in _layers(run.cube) if f"{name}_delay" in variables_of(run.cube, "triangle")]
    return [
        picture(
            f"delay-{name}",
            lambda name=name: plot_delay(run.cube, name, source=run.source),  # type: ignore[misc]  # the name of this turn
            title=f"How soon events of {name} are known",
            text=f"The share of the events of {name} known within so many days, and the median delay by month of occurrence. The table above has the shares known after some days.",
        )
        for name in found
    ]


def _known_share(cube: xr.Dataset, layer: str, within: str, days: int) -> float | None:
    """Return the events of the last days that were known, by those that had happened, over the whole city."""
    dim = str(cube[layer].dims[0])
    found = cube[[layer, within]].sum(dim).compute()
    happened = np.concatenate([[0.0], np.cumsum(np.nan_to_num(found[layer].values.astype(float)))])
    last = happened[days:-1] - happened[: -days - 1]
    total = float(last.sum())
    return float(np.nan_to_num(found[within].values[days:]).sum()) / total if total > 0 else None
