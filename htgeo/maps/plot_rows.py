"""What became of the rows of each file: kept, repaired or quarantined, and why."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from htgeo.core.errors import InputError
from htgeo.core.version import VERSION
from htgeo.maps.figure import framed
from htgeo.maps.share_bars import Bar, Part, bars_height, share_bars
from htgeo.maps.style import SERIES
from htgeo.sources.events import RowReport
from htgeo.sources.files import existing

STATES = {"kept": SERIES[5], "repaired": SERIES[4], "quarantined": SERIES[1]}
"""What becomes of a row, and its colour, from light to dark; repaired rows are hatched too."""
WHY = {"repaired": "repairs", "quarantined": "reasons"}
SHARE = "share of the rows, %"


def plot_rows(
    reports: Mapping[str, Any] | RowReport | str | Path, *, title: str | None = None, source: str = ""
) -> Any:
    """Draw what became of the rows of each file: a bar of 100 %, below it every repair and reason with its count.

    Parameters
    ----------
    reports
        ``{name: report}``, where a report is that of events, series or places (``events.report``) or its numbers
        (``report.to_dict()``); one report; or the file ``rows.json`` of a study.
    title
        Heading; by default the numbers of all files together.
    source
        What the files are, for the line below.

    Returns
    -------
    holoviews.Overlay
        Bars and texts; `save_figure` writes it. A row may have several repairs, but one reason of quarantine.

    Raises
    ------
    InputError
        If there is no report, or one is something else.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz")
    >>> figure = ht.plot_rows({"crime": crimes.report}, source="Simulated city.")
    >>> ht.save_figure(figure, "rows.png").name
    'rows.png'
    """
    counts = _numbers(reports)
    bars = [_bar(name, rows) for name, rows in counts.items()]
    made_from = " ".join(filter(None, [source, f"htgeo {VERSION}."]))
    return framed(
        share_bars(bars, SHARE),
        title=title or _title(counts),
        source=made_from,
        height=bars_height(bars),
        legend=None,
    )


def _numbers(reports: Any) -> dict[str, dict[str, Any]]:
    """Return the numbers of each report, or say what is needed."""
    if isinstance(reports, str | Path):
        reports = _file(existing(reports))
    if not isinstance(reports, Mapping):
        reports = {getattr(reports, "source", "this"): reports}
    numbers = {name: r.to_dict() if isinstance(r, RowReport) else r for name, r in reports.items()}
    needed = ("files", "rows", *STATES, *WHY.values())
    for name, rows in numbers.items():
        if not isinstance(rows, Mapping) or any(key not in rows for key in needed):
            message = f"{name!r} is no report of rows but {type(rows).__name__}; give {{'crime': events.report}}, or the file rows.json of a study"
            raise InputError(message)
    if not numbers:
        message = "there is no report of rows to draw; give {'crime': events.report}, or the file rows.json of a study"
        raise InputError(message)
    return numbers


def _file(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        message = f"{path.name} is not the file of a study that tells of rows: {error}; a run writes rows.json"
        raise InputError(message) from error


def _title(counts: Mapping[str, Mapping[str, Any]]) -> str:
    total = {key: sum(rows[key] for rows in counts.values()) for key in ("rows", *STATES)}
    files = sum(len(rows["files"]) for rows in counts.values())
    return (
        f"Of {total['rows']:,} rows in {files} {'file' if files == 1 else 'files'}, {total['kept']:,} were used as they "
        f"are, {total['repaired']:,} after a repair, {total['quarantined']:,} not at all"
    )


def _bar(name: str, rows: Mapping[str, Any]) -> Bar:
    parts = []
    for state, color in STATES.items():
        why = rows[WHY[state]] if state in WHY else {}
        reasons = sorted(((count, reason) for reason, count in why.items()), key=lambda pair: -pair[0])
        parts.append(Part(state, rows[state], color, state == "repaired", reasons))
    return Bar(f"{name}: {rows['rows']:,} rows, {', '.join(rows['files'])}", parts, "the file has no rows")
