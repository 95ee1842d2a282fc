"""The scores of a study: over its test days, by part, beside published figures, and over repeated draws."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import SettingsError
from htgeo.cube.schema import space
from htgeo.evaluation import evaluate, scores_to_dict
from htgeo.evaluation.samples import forecasts
from htgeo.study.counts import write_json
from htgeo.study.settings import Study

if TYPE_CHECKING:
    import pandas as pd

BASELINES = ("historical_rate", "ewma_rate")
"""Models that the others are compared with, where they are in the study, unless it names others."""


def score_study(study: Study, cube: xr.Dataset, out: Path, checks: dict[str, Any]) -> xr.Dataset:
    """Score the test days and write ``scores.json``; `checks` are what else is known of the model that is shown."""
    asked = study.evaluation
    start, stop = study.split.validate_until + timedelta(days=1), study.split.test_until
    against = [n for n in BASELINES if n in study.model_names] if asked.against is None else asked.against
    scored = scored_cells(study, cube, str(start))
    days: dict[str, Any] = {"start": str(start), "stop": str(stop), "seed": study.seed, "draws": asked.draws}
    table = evaluate(scored, against=against, resample=asked.resample, **days)
    entries = scores_to_dict(table)
    for by in asked.by:
        part = evaluate(scored, by=by, resample=asked.resample, **days)
        for name in part[by].values.tolist():
            _add_group(entries, by, name, scores_to_dict(part.sel({by: name})))
    for model, anchors in asked.anchors.items():
        for name, value in anchors.items():
            if model in entries and name in entries[model]:
                entries[model][name]["anchor"] = value
    entries[study.shown_model].update(checks)
    write_json(out / "scores.json", entries)
    return table


def _add_group(entries: dict[str, Any], by: str, group: str, found: dict[str, Any]) -> None:
    for model, scores in found.items():
        for name, entry in scores.items():
            entries[model][name].setdefault("by", {}).setdefault(by, {})[group] = entry


def scored_cells(study: Study, cube: xr.Dataset, first_test: str) -> xr.Dataset:
    """Return the cells to score: all, or those with an event of some sources before the test days."""
    names = study.evaluation.cells_with
    if not names:
        return cube
    earlier = cube[names].sel(time=slice(None, str(np.datetime64(first_test) - 1))).sum("time").compute()
    kept = np.logical_or.reduce([earlier[name].values > 0 for name in names])
    if not kept.any():
        message = f"evaluation.cells_with: no cell has an event of {', '.join(names)} before {first_test}"
        raise SettingsError(message)
    part = cube.isel({space(cube): np.flatnonzero(kept)})
    risks = list(forecasts(part).values())
    label = part[part[risks[0]].attrs["label"]].sel(time=slice(None, str(study.split.validate_until)))
    rate = float(label.mean())  # the constant that skill is measured against is that of the cells scored
    return part.assign({name: part[name].assign_attrs(base_rate=rate) for name in risks})


def mean_over_seeds(tables: list[xr.Dataset], level: float = 0.95) -> xr.Dataset:
    """Return the mean scores of repeated runs, with an interval of the mean over the runs (Student 1908)."""
    from scipy.stats import t

    runs = xr.concat(tables, dim="run", join="exact", data_vars="all")
    mean = runs.mean("run").assign_attrs(tables[0].attrs)
    half = t.ppf((1 + level) / 2, len(tables) - 1) / np.sqrt(len(tables))
    for value, low, high in (("value", "low", "high"), ("difference", "difference_low", "difference_high")):
        if value in runs:
            width = half * runs[value].std("run", ddof=1)
            mean = mean.assign({low: mean[value] - width, high: mean[value] + width})
    return mean.assign_attrs(runs=len(tables))


def beside_anchors(table: xr.Dataset, study: Study) -> "pd.DataFrame":
    """Return the scores that the study has published figures for: models by score, each figure beside ours.

    Names that are no model of the study, such as ``goal``, have the published figure only.
    """
    import pandas as pd

    anchors = study.evaluation.anchors
    scores = [s for s in table["score"].values.tolist() if any(s in row for row in anchors.values())]
    models = table["model"].values.tolist()
    rows = [*models, *(name for name in anchors if name not in models)]
    columns = {}
    for score in scores:
        ours = table["value"].sel(score=score).to_series()
        columns[score] = ours.reindex(rows)
        columns[f"{score} anchor"] = pd.Series({name: anchors.get(name, {}).get(score) for name in rows}, dtype=float)
    return pd.DataFrame(columns, index=rows)
