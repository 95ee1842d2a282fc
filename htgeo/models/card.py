"""The card of a model: what it forecasts, from what, how well, and what it is not for."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

import xarray as xr

from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.cube.schema import CELL
from htgeo.sources.events import RowReport

if TYPE_CHECKING:
    from htgeo.models.base import Model

SHOWN = ("log_loss", "brier_skill", "pr_auc", "roc_auc", "calibration_slope", "hit_rate_5", "hit_rate_10")
"""Scores on the card, where they were taken."""
LIMITS = (
    "It forecasts where and when events get reported, not where they happen: reporting and recording differ by place.",
    "It was fitted to the days, the resolution and the study area below; elsewhere and much later its risk is a guess.",
    "Risk maps steer attention, and attention makes records: do not fit it again on events found by following its map.",
)


def model_card(
    model: "Model", scores: xr.Dataset | None, reports: Mapping[str, RowReport], notes: Mapping[str, str]
) -> str:
    """Return the card of a fitted model as Markdown.

    Parameters
    ----------
    model
        A fitted model.
    scores
        Table of `evaluate`, or None.
    reports
        Row reports of the sources by name.
    notes
        Further findings by title.
    """
    label = model.label_
    places = f"H3 cells of resolution {model.resolution_}" if model.space_ == CELL else f"areas ({model.space_})"
    what = "probability" if label["probability"] else "expected count"
    lines = [
        f"# {model.name}: {model.summary}",
        "",
        f"**Intended use.** {INTENDED_USE}",
        "",
        f"- Forecast: {what} of `{label['name']}` (layer `{label['layer']}`, horizon {label['horizon']} days), by cell and day",
        f"- Places: {places}, steps of {model.step_days_} days",
        f"- Training days: {model.span_[0]} to {model.span_[1]}",
        f"- Base rate: {model.base_rate_:.6g} of cell-days",
        f"- Made with htgeo {VERSION}",
        "",
        "## Known limits",
        "",
        *(f"- {limit}" for limit in LIMITS),
        "",
        "## Options",
        "",
        *(f"- {f.name}: {getattr(model, f.name)!r}" for f in fields(model)),  # type: ignore[arg-type]  # every model is a dataclass
        *_features(model),
        *_scores(scores),
        *(line for title, text in notes.items() for line in ("", f"## {title.capitalize()}", "", "```", text, "```")),
        *_rows(reports),
    ]
    return "\n".join(lines) + "\n"


def _features(model: "Model") -> list[str]:
    names = getattr(model, "features_", ())
    return ["", f"## Features ({len(names)})", "", ", ".join(f"`{name}`" for name in names)] if names else []


def _scores(scores: xr.Dataset | None) -> list[str]:
    if scores is None:
        return ["", "## Scores", "", "Not scored when it was saved."]
    table = scores["value"].to_pandas().T if scores["value"].dims[0] == "score" else scores["value"].to_pandas()
    columns = [name for name in SHOWN if name in table.columns]
    lines = ["", "## Scores on later days", "", "| model | " + " | ".join(columns) + " |"]
    lines.append("| --- |" + " --- |" * len(columns))
    lines += [f"| {name} | " + " | ".join(f"{row[c]:.4g}" for c in columns) + " |" for name, row in table.iterrows()]
    return lines


def _rows(reports: Mapping[str, RowReport]) -> list[str]:
    lines = ["", "## Rows read", ""] if reports else []
    for name, report in reports.items():
        lines.append(
            f"- {name} ({', '.join(report.files)}): {report.rows:,} rows = {report.kept:,} kept + {report.repaired:,} repaired + {report.quarantined:,} quarantined"
        )
    return lines
