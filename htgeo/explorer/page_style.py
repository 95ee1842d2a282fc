"""Colours and layout of the explorer's page."""

from dataclasses import dataclass

from htgeo.maps.style import GRID, INK


@dataclass(frozen=True)
class Inks:
    """Colours of a theme: words and lines, the grid of a chart, and the header."""

    ink: str
    grid: str
    accent: str


LIGHT = Inks(INK, GRID, "#1f4e79")
DARK = Inks("#e8ebee", "#3a424b", "#1f4e79")

FONT = 'system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif'
"""The fonts of the machine: none is fetched."""

STYLE = """
#main { display: grid; grid-template: auto 1fr auto auto / minmax(0, 1.2fr) minmax(0, 1fr); gap: 12px; padding: 12px; align-content: start; }
#main .card-margin { margin: 0; }
#main .card-margin:nth-of-type(1) { grid-row: span 2; }
#main .card-margin:nth-of-type(6) { grid-column: 1 / -1; }
#main fast-card { padding: 10px 12px 18px; }
#header .title { font-size: 18px; line-height: 24px; }
.fullscreen-button, fast-tooltip { display: none; }
@media (max-width: 1000px) {
  body { overflow: auto; }
  #container, #content { width: 100%; }
  #content { height: auto; flex-direction: column; }
  #main .card-margin:nth-of-type(1) { grid-row: auto; }
  #sidebar { box-sizing: border-box; width: 100%; max-width: none; min-width: 0; height: auto; border: 0; }
  #main { grid-template: none / minmax(0, 1fr); overflow: visible; height: auto; }
}
"""

PANE = """
h3 { margin: 0 0 2px; font-size: 16px; line-height: 1.3; }
p { margin: 0 0 4px; font-size: 14px; }
.note { font-size: 13px; line-height: 1.4; opacity: 0.85; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(96px, 1fr)); gap: 8px; margin: 2px 0 8px; }
.figures div { display: flex; flex-direction: column; }
.figures b { font-size: 22px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figures span { font-size: 13px; opacity: 0.85; }
.legend { font-size: 13px; padding-bottom: 6px; }
.legend ul { display: flex; flex-wrap: wrap; gap: 2px 14px; list-style: none; margin: 3px 0 0; padding: 0; }
.legend i { display: inline-block; width: 16px; height: 12px; margin-right: 6px; border: 1px solid rgb(0 0 0 / 25%); vertical-align: -1px; }
@media (max-width: 500px) { .figures { grid-template-columns: 1fr 1fr; } }
"""
TABLE = """
.tabulator .tabulator-row { min-height: 0; cursor: pointer; }
.tabulator .tabulator-row .tabulator-cell, .tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 4px 5px; font-size: 13px !important; }
@media (max-width: 500px) {
  .tabulator .tabulator-row .tabulator-cell, .tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 4px 2px; font-size: 11.5px !important; }
}
"""
