"""Where and when: the map of the shown model, and events and forecasts by area and year."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from htgeo.cube.aggregate import aggregate
from htgeo.cube.schema import step_days
from htgeo.grid.cells import cell_hex
from htgeo.maps.figure import framed, source_line
from htgeo.maps.plot_trend import plot_trend
from htgeo.maps.style import class_breaks, class_colors, percent
from htgeo.maps.surface import surface
from htgeo.study.report_figures import picture
from htgeo.study.report_html import Html, Section, code, head, link, listed, note, say, table, tag
from htgeo.study.report_run import Run
from htgeo.study.report_words import count, number, share

LARGEST_MAP = 8_000_000
"""Bytes of a map page that is put into the report; a larger one stays a file beside it."""
MOST_SHAPES = 4_000
"""So many places are drawn as shapes; a map of more is left to the interactive page."""
TOP = 10
MOST_AREAS = 12


def map_page(run: Run) -> str:
    """Return the interactive map page of the run; empty where it has none or it is too large to be put in."""
    path = run.out / "maps" / "risk.html"
    return path.read_text("utf-8") if path.exists() and path.stat().st_size <= LARGEST_MAP else ""


def script_hashes(page: str) -> str:
    """Return the scripts of a page as a content security policy names them, so that no other script can run."""
    scripts = re.findall(r"<script(?![^>]*(?:json|plain))[^>]*>(.*?)</script>", page, re.DOTALL)
    return (
        " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts) or "'none'"
    )


def map_section(run: Run) -> Section:
    """Return the map of the shown model: interactive, as a picture, and its highest places as a table."""
    start, stop = run.test
    forecast = run.cube[run.forecast(run.shown)].sel(time=slice(start, stop))
    mean = forecast.mean("time").compute()
    events = run.cube[run.layer].sel(time=slice(start, stop)).sum("time").compute()
    parts = [*_interactive(run), head("Mean over the test days"), *_static(run, mean), _highest(run, mean, events)]
    parts.append(
        say(
            "Forecasts by area and year: ",
            link("trend", "trend"),
            ". What the map must not be used for: ",
            link("limits", "limits and intended use"),
            ".",
        )
    )
    return Section("map", "Map", tuple(parts), ("trend", "thresholds", "limits"))


def _interactive(run: Run) -> list[Html]:
    page, path = map_page(run), run.out / "maps" / "risk.html"
    if page:
        frame = Html(
            f'<iframe title="Interactive risk map of {escape(run.shown)}, by day" sandbox="allow-scripts" srcdoc="{escape(page)}"></iframe>'
        )
        lead = f"The last days of the test, by {run.place} and {run.step}; the slider moves through them. On paper the picture below stands for it."
        return [tag("p", lead, class_="screen"), frame]
    if path.exists():
        return [
            note(
                f"The interactive map has {path.stat().st_size / 1e6:.0f} MB and is a page of its own: ",
                code("maps/risk.html"),
                " in the output folder.",
            )
        ]
    why = "a study of areas has none" if not run.of_cells else "the study did not ask for one"
    return [note(f"There is no interactive map: {why}.")]


def _static(run: Run, mean: xr.DataArray) -> list[Html]:
    if not run.of_cells:
        return [note("No picture is drawn: the shapes of the areas are not in the output folder.")]
    if mean.size > MOST_SHAPES:
        return [note(f"No picture is drawn of {mean.size:,} cells: their shapes would make the page slow.")]
    breaks = class_breaks(mean.values)
    colors, labels = class_colors(breaks), _classes(breaks)
    codes = np.where(np.isfinite(mean.values), np.digitize(mean.values, breaks), -1)
    start, stop = run.test
    title = f"Mean forecast of {run.shown} for {run.horizon} days, {start} to {stop}"

    def draw() -> Any:
        shapes = surface(run.cube, codes, list(zip(labels, colors, strict=True)))
        return framed(
            shapes,
            title=title,
            source=source_line(run.cube, run.source),
            width=900,
            height=720,
            is_map=True,
            key=list(zip(labels, colors, strict=True)),
        )

    return [picture("mean-risk", draw, title=title, text=_map_text(run, mean), light=True)]


def _classes(breaks: np.ndarray) -> list[str]:
    if not len(breaks):
        return ["all"]
    inner = [f"{percent(a)} to {percent(b)}" for a, b in pairwise(breaks)]
    return [f"below {percent(breaks[0])}", *inner, f"{percent(breaks[-1])} and more"]


def _map_text(run: Run, mean: xr.DataArray) -> str:
    values = mean.values[np.isfinite(mean.values)]
    if not values.size:
        return "No forecast is known."
    text = f"Map of {values.size:,} cells in classes of their mean forecast: median {share(float(np.median(values)))}, highest {share(float(values.max()))}."
    if run.areas is None:
        return text
    by_area = mean.groupby(run.areas).mean()
    ranked = by_area.sortby(by_area, ascending=False)
    each = listed(
        [
            f"{name} {share(float(value))}"
            for name, value in zip(ranked[run.areas].values[:6], ranked.values[:6], strict=True)
        ]
    )
    return f"{text} Mean by {run.areas}, highest first: {each}{' …' if ranked.size > 6 else ''}."  # noqa: PLR2004  # enough for words


def _highest(run: Run, mean: xr.DataArray, events: xr.DataArray) -> Html:
    """Return the places with the highest mean forecast as a table."""
    order = np.argsort(-np.nan_to_num(mean.values), kind="stable")[:TOP]
    layers = [name for name in run.cube.attrs.get("layers", []) if name != run.place]
    names = cell_hex(run.cube["cell"].values) if run.of_cells else run.cube[run.place].values
    rows = [
        [
            code(names[i]),
            *(str(run.cube[layer].values[i]) for layer in layers),
            share(float(mean.values[i])),
            count(None if 0 < events.values[i] < run.hide_below else float(events.values[i])),
        ]
        for i in order
    ]
    caption = f"The {len(rows)} places with the highest mean forecast of {run.shown} in the test days"
    hidden = f" (below {number(run.hide_below)} hidden)" if run.hide_below else ""
    columns = [run.place, *layers, "Mean forecast", f"Events in these days{hidden}"]
    return table(caption, columns, rows, words=range(1, 1 + len(layers)))


def trend(run: Run) -> Section:
    """Return events and forecasts by area and year."""
    return Section("trend", f"Trend by {run.areas or 'year'}", tuple(_trend(run)), ("map", "scores", "data"))


def _trend(run: Run) -> list[Html]:
    totals, places = _daily(run), run.areas or run.place
    if run.areas is None:
        totals = totals.sum(run.place).expand_dims({places: ["all places"]})
    start, stop = run.test
    counts, expected = totals[run.layer], totals[f"expected_{run.shown}"]
    years = counts.groupby("time.year").sum()
    tested = counts.sel(time=slice(start, stop)).sum("time").values
    steps_ahead = run.horizon // step_days(run.cube)
    forecast = expected.sel(time=slice(start, stop)).sum("time").values / steps_ahead
    numbers = np.column_stack([years.transpose(places, "year").values, tested, forecast])
    rows = [
        [str(name), *(f"{value:,.0f}" for value in line)]
        for name, line in zip(totals[places].values, numbers, strict=True)
    ]
    if len(rows) > 1:
        rows.append(["all", *(f"{value:,.0f}" for value in numbers.sum(axis=0))])
    columns = [places, *map(str, years["year"].values), f"{start} to {stop}", f"Expected by {run.shown} then"]
    return [
        say(
            "Events of the label's layer by the day they occurred. Counts follow what gets reported and collected: a rise may be either. What the forecasts held of the test days stands beside them; each day's forecast covers ",
            f"{run.horizon} days, so that their sum is divided by {steps_ahead}." if steps_ahead > 1 else "that day.",
        ),
        table(f"Events of {run.layer} by {places} and year, and expected in the test days", columns, rows),
        *_whole_years(run),
        _trend_figure(run, years.sum("year")),
    ]


def _trend_figure(run: Run, totals: xr.DataArray) -> Html:
    """Return expected and observed events over time, a panel for each area that has most of them."""
    ranked = totals.sortby(totals, ascending=False)[run.areas or run.place].values[:MOST_AREAS].tolist()
    shown = [name for name in totals[run.areas or run.place].values.tolist() if name in ranked]
    cases = (run.study["evaluation"].get("cases") or {}).get("source")
    return picture(
        "trend",
        lambda: plot_trend(
            run.cube,
            run.forecast(run.shown),
            by=run.areas,
            areas=shown if run.areas else None,
            exposure=cases if cases in run.cube else None,
            source=run.source,
        ),
        title=f"Events expected by {run.shown} and observed over time",
        text=f"A panel for each of {listed(shown)}: the line is what the forecasts expect, points are the events of {run.layer}; the days that the model learned from are shaded. The table above has the numbers by year.",
    )


def _daily(run: Run) -> xr.Dataset:
    """Return counts and expected counts by area and step."""
    forecast = run.forecast(run.shown)
    kept = run.cube.drop_vars([str(name) for name in run.cube.data_vars if name not in (run.layer, forecast)])
    freq = "D" if step_days(run.cube) == 1 else "W"
    return aggregate(kept, by=run.areas, freq=freq)[[run.layer, f"expected_{run.shown}"]].compute()


def _whole_years(run: Run) -> list[Html]:
    """Return a sentence on years that are not whole."""
    first, last = (str(run.cube["time"].values[i])[:10] for i in (0, -1))
    if first.endswith("01-01") and last.endswith("12-31"):
        return []
    return [note(f"The days begin on {first} and end on {last}: years at the ends are not whole.")]
