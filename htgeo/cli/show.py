"""Tables on the terminal."""

from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from htgeo.core.errors import UnknownNameError
from htgeo.core.registry import Registry, near

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


def print_registry(console: Console, what: str) -> None:
    """Print names and summaries of one kind of thing."""
    known = registries()
    if what not in known:
        message = f"there is nothing called {what!r} to list; choose {', '.join(known)}{near(what, list(known))}"
        raise UnknownNameError(message)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in known[what]:
        table.add_row(name, known[what][name].summary)
    console.print(table)


def print_scores(console: Console, scores: xr.Dataset) -> None:
    """Print the main scores with intervals, and whether each model beats the baseline on log loss."""
    facts = scores.attrs
    console.print(
        f"\nScored {facts['cell_days']:,} cell-days, {facts['days']}: {facts['events']:,.0f} events, prevalence {100 * facts['prevalence']:.2f} %; "
        f"{100 * facts['level']:.0f} % intervals from {facts['draws']} draws of {facts['block_days']}-day blocks",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("score")
    for model in scores["model"].values:
        table.add_column(str(model), justify="right", no_wrap=True)
    for score in [s for s in SHOWN if s in scores["score"].values]:
        row = scores.sel(score=score)
        table.add_row(score, *(_cell(row.sel(model=model)) for model in scores["model"].values))
    console.print(table)
    for line in _verdicts(scores):
        console.print(line, soft_wrap=True)


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
