"""Tables on the terminal."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from htgeo.core.errors import UnknownNameError
from htgeo.core.registry import Registry, near

if TYPE_CHECKING:
    import pandas as pd

SHOWN = (
    "pr_auc",
    "roc_auc",
    "log_loss",
    "brier_skill",
    "hit_rate_5",
    "hit_rate_10",
    "pai_5",
    "pei_5",
    "calibration_slope",
)
"""Scores shown on the terminal; ``scores.json`` has all."""
MOST_BESIDE = 4
"""So many models are shown side by side with their intervals."""


def registries() -> dict[str, Registry[Any]]:
    """Return every registry by its plural."""
    from htgeo.evaluation import SCORES
    from htgeo.export import EXPORTS
    from htgeo.features import FEATURES
    from htgeo.labels import LABELS
    from htgeo.models import MODELS
    from htgeo.sources import SOURCES

    return {
        "features": FEATURES,
        "labels": LABELS,
        "models": MODELS,
        "sources": SOURCES,
        "scores": SCORES,
        "exports": EXPORTS,
    }


def figures() -> dict[str, Any]:
    """Return the public functions that draw, by name."""
    import htgeo.maps

    names = sorted(name for name in htgeo.maps.__all__ if name.startswith(("map_", "plot_")))
    return {name: getattr(htgeo.maps, name) for name in names}


def print_registry(console: Console, what: str) -> None:
    """Print names and summaries of one kind of thing."""
    known = {kind: {name: items[name].summary for name in items} for kind, items in registries().items()}
    known["figures"] = {name: str(function.__doc__).split("\n", 1)[0] for name, function in figures().items()}
    if what not in known:
        message = f"there is nothing called {what!r} to list; choose {', '.join(known)}{near(what, list(known))}"
        raise UnknownNameError(message)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, summary in known[what].items():
        table.add_row(name, summary)
    console.print(table)


def print_scores(console: Console, scores: xr.Dataset) -> None:
    """Print the main scores with intervals, and whether each model beats the baseline on log loss."""
    facts = scores.attrs
    origin = f"{facts['draws']} draws of {facts['block_days']}-day blocks"
    console.print(
        f"\nScored {facts['cell_days']:,.0f} {facts['scored']}, {facts['days']}: {facts['events']:,.0f} events (as good as {facts['effective_events']:,.0f} independent ones), prevalence {100 * facts['prevalence']:.2f} %; "
        f"{100 * facts['level']:.0f} % intervals from {f'{runs} runs' if (runs := facts.get('runs')) else origin}",
        soft_wrap=True,
    )
    shown = [score for score in SHOWN if score in scores["score"].values]
    table = _beside(scores, shown) if scores.sizes["model"] <= MOST_BESIDE else _below(scores, shown)
    console.print(table)
    for line in _verdicts(scores):
        console.print(line, soft_wrap=True)


def _beside(scores: xr.Dataset, shown: list[str]) -> Table:
    """Return the scores of few models, one column a model, with intervals."""
    table = Table(box=None, pad_edge=False)
    table.add_column("score")
    for model in scores["model"].values:
        table.add_column(str(model), justify="right", no_wrap=True)
    for score in shown:
        row = scores.sel(score=score)
        table.add_row(score, *(_cell(row.sel(model=model)) for model in scores["model"].values))
    return table


def _below(scores: xr.Dataset, shown: list[str]) -> Table:
    """Return the scores of many models, one row a model, without intervals."""
    table = _narrow(shown)
    for model in scores["model"].values.tolist():
        values = scores["value"].sel(model=model, score=shown).values
        table.add_row(model, *("n/a" if np.isnan(value) else f"{value:.5g}" for value in values))
    return table


def _narrow(columns: list[str]) -> Table:
    """Return an empty table of models by score, whose column heads are broken at every ``_``."""
    table = Table(box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    for column in columns:
        table.add_column(column.replace("_", "\n"), justify="right", no_wrap=True)
    return table


def print_anchors(console: Console, table: "pd.DataFrame") -> None:
    """Print the scores of a study and, below each, the published figure that the study names."""
    scores = [column for column in table.columns if not column.endswith(" anchor")]
    shown = _narrow(scores)
    for name, row in table.iterrows():
        cells = [("" if np.isnan(row[s]) else f"{row[s]:.5g}", row[f"{s} anchor"]) for s in scores]
        shown.add_row(str(name), *(ours + ("" if np.isnan(anchor) else f"\n({anchor:.5g})") for ours, anchor in cells))
    console.print("\nBeside the anchors that the study names (in brackets)")
    console.print(shown)


def _cell(entry: xr.Dataset) -> str:
    value, low, high = (float(entry[key]) for key in ("value", "low", "high"))
    return "n/a" if np.isnan(value) else f"{value:.3g}" + ("" if np.isnan(low) else f"\n[{low:.3g}, {high:.3g}]")


def _verdicts(scores: xr.Dataset) -> list[str]:
    """Say of each model whether it beats the historical rate on log loss."""
    if (
        "baseline" not in scores.coords
        or "historical_rate" not in scores["baseline"].values
        or "log_loss" not in scores["score"].values
    ):
        return []
    lines = []
    for model in [str(m) for m in scores["model"].values if m != "historical_rate"]:
        at = scores.sel(baseline="historical_rate", model=model, score="log_loss")
        gain, low, high = (-float(at[key]) for key in ("difference", "difference_high", "difference_low"))
        verdict = "beats" if low > 0 else "is beaten by" if high < 0 else "does not clearly beat"
        lines.append(f"{model} {verdict} the historical rate on log loss: gain {gain:.5f} [{low:.5f}, {high:.5f}]")
    return lines
