"""How good the forecasts are on robberies in New York, beside measured anchors: ``python benchmarks/quality.py robbery8``.

Label: any robbery in the cell on the day. Models learn until August 2015, choose on September, and learn again until the
end of September; October to December 2015 is looked at once. Scored are the cells with any felony before October, as in
the anchors. Each study ends in a table; `gain` is the fall of the log loss against the historical rate, with the 95 %
interval of a bootstrap over blocks of seven days.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

import numpy as np
import pandas as pd
import xarray as xr

import htgeo as ht
from htgeo.core.options import build
from htgeo.models import MODELS

DATA = Path(os.environ.get("HTGEO_DATA", Path(__file__).parents[2] / "shared" / "data"))
FIRST_TEST, LAST = "2015-10-01", "2015-12-31"
VALIDATION_DAYS = 30
THIN = 0.03
KNOWS_ALL = "unthinned_history"
"""Reference of the thinned robberies: the historical rate of all robberies, scaled."""
CRIME = {
    "columns": {"occurred": "Occurrence Date", "lat": "Latitude", "lon": "Longitude", "category": "Offense"},
    "time_format": "%m/%d/%Y %I:%M:%S %p",
}
LAYERS = {"robbery": "ROBBERY", "burglary": "BURGLARY", "larceny": "GRAND LARCENY", "assault": "FELONY ASSAULT"}
LEARNER = {"validation_days": VALIDATION_DAYS}
COMMON = {
    "historical_rate": ("historical_rate", {}),
    "shrunk_rate": ("shrunk_rate", {}),
    "same_weekday_rate": ("same_weekday_rate", {}),
    "ewma_rate": ("ewma_rate", {}),
    "kernel_density": ("kernel_density", {}),
    "ewma_kernel": ("ewma_kernel", {}),
    "promap": ("promap", {}),
    "proxy_rate": ("proxy_rate", {}),
    "hawkes": ("hawkes", {}),
    "logistic_regression": ("logistic_regression", {}),
    "poisson_regression": ("poisson_regression", {}),
    "gamma_poisson": ("gamma_poisson", {}),
    "lightgbm": ("lightgbm", LEARNER),
    "lightgbm_poisson": ("lightgbm", {**LEARNER, "objective": "poisson"}),
    "xgboost": ("xgboost", LEARNER),
    "lightgbm_on_gamma_poisson": ("lightgbm", {**LEARNER, "offset": "gamma_poisson"}),
    "xgboost_on_gamma_poisson": ("xgboost", {**LEARNER, "offset": "gamma_poisson"}),
    "lstm": (
        "lstm",
        {
            "offset": "logistic_regression",
            "hidden": 16,
            "learning_rate": 1e-3,
            "dropout": 0.2,
            "batch_cells": 128,
            "validation_days": 60,
        },
    ),
}
ANCHORS = {
    "robbery8": {
        "historical_rate": {"pr_auc": 0.1764, "roc_auc": 0.8379, "log_loss": 0.14320, "ece": 0.0032, "bias": 1.04, "hit_1": 0.073, "hit_5": 0.279, "hit_10": 0.459},
        "ewma_rate": {"pr_auc": 0.1774, "log_loss": 0.14319, "ece": 0.0033, "bias": 1.05, "hit_5": 0.278},
        "kernel_density": {"pr_auc": 0.1766, "log_loss": 0.14340, "ece": 0.0037, "bias": 1.04, "hit_5": 0.280},
        "promap": {"pr_auc": 0.1722, "log_loss": 0.14538, "ece": 0.0041, "bias": 1.05, "hit_5": 0.273},
        "hawkes": {"pr_auc": 0.1790, "log_loss": 0.14311, "ece": 0.0028, "bias": 1.06, "hit_5": 0.282},
        "logistic_regression": {"pr_auc": 0.1802, "log_loss": 0.14272, "ece": 0.0019, "bias": 0.99, "hit_5": 0.280},
        "lightgbm": {"pr_auc": 0.1797, "log_loss": 0.14271, "ece": 0.0024, "bias": 0.98, "hit_5": 0.282},
        "xgboost": {"pr_auc": 0.1802, "log_loss": 0.14269, "ece": 0.0021, "bias": 1.00, "hit_5": 0.281},
        "lstm": {"pr_auc": 0.1769, "log_loss": 0.14316, "ece": 0.0026, "bias": 1.00, "hit_5": 0.278},
        "goal": {"pr_auc": 0.1798, "log_loss": 0.1427, "ece": 0.0025, "hit_1": 0.076, "hit_5": 0.281, "hit_10": 0.460},
    },
    "robbery9": {
        "historical_rate": {"pr_auc": 0.0336, "log_loss": 0.04253, "ece": 0.0005, "hit_5": 0.255, "hit_10": 0.422},
        "ewma_kernel": {"pr_auc": 0.0345, "log_loss": 0.04237, "ece": 0.0008, "hit_5": 0.267, "hit_10": 0.430},
        "lightgbm": {"pr_auc": 0.0352, "log_loss": 0.04213, "ece": 0.0004, "hit_5": 0.268, "hit_10": 0.437},
        "lstm": {"pr_auc": 0.0344, "log_loss": 0.04256, "ece": 0.0007, "hit_5": 0.263, "hit_10": 0.425},
        "goal": {"pr_auc": 0.0352, "log_loss": 0.0422, "hit_10": 0.437},
    },
    "delayed": {
        "historical_rate": {"pr_auc": 0.1764}, "hawkes": {"pr_auc": 0.1780}, "lightgbm": {"pr_auc": 0.1799},
        "goal": {"pr_auc": 0.1795},
    },
    "thinned": {
        "historical_rate": {"skill": 0.060, "hit_5": 0.245, "hit_10": 0.387, "roc_auc": 0.755},
        "shrunk_rate": {"skill": 0.070, "hit_5": 0.245, "hit_10": 0.409, "roc_auc": 0.797},
        "kernel_density": {"skill": 0.073, "hit_5": 0.241, "hit_10": 0.421, "roc_auc": 0.800},
        "hawkes": {"skill": 0.083, "hit_5": 0.253, "hit_10": 0.417, "roc_auc": 0.803},
        "proxy_rate": {"skill": 0.096, "hit_5": 0.248, "hit_10": 0.433, "roc_auc": 0.826},
        "lightgbm": {"skill": 0.096, "hit_5": 0.259, "hit_10": 0.431, "roc_auc": 0.824},
        "xgboost": {"skill": 0.097, "hit_5": 0.271, "hit_10": 0.438, "roc_auc": 0.825},
        "logistic_regression": {"skill": 0.096, "hit_5": 0.278, "hit_10": 0.450, "roc_auc": 0.824},
        "gamma_poisson": {"skill": 0.104, "hit_5": 0.276, "hit_10": 0.469, "roc_auc": 0.832},
        "lightgbm_on_gamma_poisson": {"skill": 0.104, "hit_5": 0.279, "hit_10": 0.467, "roc_auc": 0.832},
        KNOWS_ALL: {"skill": 0.105, "hit_5": 0.276, "hit_10": 0.482, "roc_auc": 0.836},
        "goal": {"skill": 0.104, "hit_5": 0.275, "hit_10": 0.465, "roc_auc": 0.831},
    },
}  # fmt: skip


def robbery_cube(resolution: int, *, delay: int = 0, thin: float | None = None, seed: int = 0) -> xr.Dataset:
    """Return the four felonies on the touching cells of the city; robberies known late, or thinned."""
    region = ht.read_region(DATA / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")
    events = ht.read_events("table", DATA / "nyc_crime" / "NYC_Crime.csv.gz", areas=[region], **CRIME)
    layers = {name: events.select(category=category) for name, category in LAYERS.items()}
    if thin is not None:
        table = layers["robbery"].table
        keep = np.random.default_rng(seed).random(len(table)) < thin
        layers["robbery"] = replace(layers["robbery"], table=table[keep].reset_index(drop=True))
    if delay:
        layers = {
            name: replace(layer, table=layer.table.assign(known=layer.table["known"] + pd.Timedelta(days=delay)))
            for name, layer in layers.items()
        }
    grid = ht.make_grid(region, resolution=resolution, start="2014-01-01", end=LAST, edge="touch")
    return ht.add_label(ht.add_features(ht.grid_events(layers, grid).persist(), "default"), ht.AnyWithin("robbery"))


def scored(
    cube: xr.Dataset, felonies: np.ndarray, names: list[str], draws: int, reference: xr.DataArray | None = None
) -> pd.DataFrame:
    """Fit each model, and score it on the cells with an earlier felony; likewise the risk of a reference."""
    train, _ = ht.split_time(cube, FIRST_TEST)
    took = {}
    if reference is not None:
        cube, names, took = cube.assign({f"risk_{KNOWS_ALL}": reference}), [*names, KNOWS_ALL], {KNOWS_ALL: np.nan}
    for called in (name for name in names if name in COMMON):
        kind, options = COMMON[called]
        began = time.perf_counter()
        model = build("model", MODELS[kind], options).fit(train)
        risk = ht.add_risk(cube, model, name=f"risk_{called}")[f"risk_{called}"]
        cube = cube.assign({f"risk_{called}": risk.compute()})
        took[called] = time.perf_counter() - began
        print(f"{called}: {took[called]:.0f} s", file=sys.stderr, flush=True)
    test = cube.isel(cell=np.flatnonzero(felonies)).sel(time=slice(FIRST_TEST, None))
    label = next(name for name in test if test[name].attrs.get("role") == "label")
    test = test[[label, "robbery", *(f"risk_{name}" for name in names)]].compute()
    table = ht.evaluate(test, against=["historical_rate"], draws=draws)
    constant = float(train[label].isel(cell=np.flatnonzero(felonies)).mean())
    rows = {}
    y = test[label].values.ravel()
    base = log_loss(np.full(len(y), constant), y)
    for called in names:
        value = table["value"].sel(model=called)
        risk = test[f"risk_{called}"].values.ravel().astype(float)
        gain = {}
        if called != "historical_rate":
            at = {"model": called, "baseline": "historical_rate", "score": "log_loss"}
            low, high, middle = (
                -float(table[name].sel(at)) for name in ("difference_high", "difference_low", "difference")
            )
            gain = {"gain": middle, "low": low, "high": high}
        rows[called] = {
            **{name: float(value.sel(score=name)) for name in ("pr_auc", "roc_auc", "log_loss", "calibration_slope")},
            "skill": 1 - log_loss(risk, y) / base,
            "bias": risk.sum() / y.sum(),
            "ece": calibration_error(risk, y),
            **{f"hit_{k}": hit_rate(test, called, k / 100) for k in (1, 5, 10)},
            **gain,
            "seconds": took[called],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean())


def calibration_error(risk: np.ndarray, y: np.ndarray, bins: int = 20) -> float:
    """Return the mean distance of forecast and frequency over bins of equal size."""
    order = np.argsort(risk, kind="stable")
    parts = zip(np.array_split(risk[order], bins), np.array_split(y[order], bins), strict=True)
    return float(sum(abs(p.mean() - o.mean()) * len(p) for p, o in parts) / len(y))


def hit_rate(test: xr.Dataset, called: str, share: float) -> float:
    """Return the share of events in the cells of highest risk of each day, `share` of all cells."""
    risk, events = test[f"risk_{called}"].values, test["robbery"].values
    flagged = round(share * len(risk))
    tie = np.random.default_rng(0).random(risk.shape) * 1e-12
    top = np.argpartition(-(risk + tie), flagged, axis=0)[:flagged]
    return float(np.take_along_axis(events, top, axis=0).sum() / events.sum())


def earlier_felonies(cube: xr.Dataset) -> np.ndarray:
    """Return which cells had any felony before the test quarter."""
    before = cube[list(LAYERS)].sel(time=slice(None, "2015-09-30")).sum("time").compute()
    return np.asarray(sum(before[name].values for name in LAYERS) > 0)


def robbery8(names: list[str]) -> pd.DataFrame:
    cube = robbery_cube(8)
    return scored(cube, earlier_felonies(cube), names, draws=500)


def robbery9(names: list[str]) -> pd.DataFrame:
    cube = robbery_cube(9)
    return scored(cube, earlier_felonies(cube), names, draws=500)


def delayed(names: list[str]) -> pd.DataFrame:
    """Every report is known 28 days late."""
    cube = robbery_cube(8, delay=28)
    return scored(cube, earlier_felonies(cube), names, draws=500)


def thinned(names: list[str], seeds: int = 8) -> pd.DataFrame:
    """Keep 3 % of the robberies; mean over draws, beside a map that knows all robberies."""
    cube = robbery_cube(8)
    felonies, reference = earlier_felonies(cube), scaled_history(cube)
    tables = []
    for seed in range(seeds):
        drawn = robbery_cube(8, thin=THIN, seed=seed)
        tables.append(scored(drawn, felonies, names, draws=0, reference=reference))
        print(f"draw {seed}\n{tables[-1].to_string(float_format='{:.4f}'.format)}", file=sys.stderr, flush=True)
    mean = sum(tables[1:], tables[0]) / seeds
    skill = pd.concat([table["skill"] for table in tables], axis=1)
    mean["skill_se"] = skill.std(axis=1) / np.sqrt(seeds)
    return mean.assign(**gap_closed(skill))


def scaled_history(cube: xr.Dataset) -> xr.DataArray:
    """Return the risk of a thinned robbery by the historical rate of all robberies."""
    model = ht.HistoricalRate().fit(ht.split_time(cube, FIRST_TEST)[0])
    name = f"risk_{KNOWS_ALL}"
    risk = ht.add_risk(cube, model, name=name)[name]
    return risk.copy(data=-np.expm1(THIN * np.log1p(-risk.values)))


def gap_closed(skill: pd.DataFrame) -> dict[str, pd.Series]:
    """Return how much of the way from the historical rate to the reference each model goes, with its standard error.

    The ratio of the means over draws; its error from the paired differences of each draw (Cochran 1977, section 6.4).

    Parameters
    ----------
    skill
        Shape (model, draw).
    """
    above = skill - skill.loc["historical_rate"]
    gap = above.loc[KNOWS_ALL]
    closed = above.mean(axis=1) / gap.mean()
    apart = above - np.outer(closed, gap)
    return {"gap_closed": closed, "gap_se": apart.std(axis=1) / np.sqrt(skill.shape[1]) / gap.mean()}


STUDIES: dict[str, Callable[[list[str]], pd.DataFrame]] = {
    "robbery8": robbery8, "robbery9": robbery9, "delayed": delayed, "thinned": thinned,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="+", choices=STUDIES)
    parser.add_argument("--models", nargs="+", default=list(COMMON), choices=COMMON)
    asked = parser.parse_args()
    names = list(dict.fromkeys(["historical_rate", *asked.models]))
    for study in asked.studies:
        table = STUDIES[study](names)
        print(f"\n## {study}\n")
        print(table.to_string(float_format=lambda v: f"{v:.5f}"))
        print("\nAnchors\n" + pd.DataFrame.from_dict(ANCHORS[study], orient="index").to_string(na_rep=""), flush=True)


if __name__ == "__main__":
    main()
