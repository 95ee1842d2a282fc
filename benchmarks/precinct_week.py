"""The rare real thing: ``python benchmarks/precinct_week.py prostitution``, by precinct and week, 2006 to 2022.

Label: any complaint of the kind in the precinct within the week. Models learn until 2020 and are looked at on 2021; they
learn again until 2021, and 2022 is looked at once. A week is known at its end, so a forecast uses the weeks before it.
Precincts that were split in the time are one place for the whole of it: 121 was cut from 120 and 122 in 2013, 116 from
105 and 113 in 2024. Complaints of an unknown precinct are left out; the report says how many. The difference
to the historical rate has the 95 % interval of a bootstrap over blocks of two weeks: better is above 0 for PR-AUC, and
below 0 for the log loss.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pandas as pd
import xarray as xr

import htgeo as ht
from htgeo.core.options import build
from htgeo.cube.areas import grid_areas
from htgeo.models import MODELS
from htgeo.sources.area_counts import read_area_counts

DATA = Path(os.environ.get("HTGEO_DATA", Path(__file__).parents[2] / "shared" / "data"))
LAYERS = {
    "prostitution": ["PROSTITUTION & RELATED OFFENSES"],
    "rape": ["RAPE"],
    "sex_crimes": ["SEX CRIMES", "FELONY SEX CRIMES"],
    "kidnapping": ["KIDNAPPING", "KIDNAPPING & RELATED OFFENSES", "KIDNAPPING AND RELATED OFFENSES"],
    "drugs": ["DANGEROUS DRUGS"],
    "robbery": ["ROBBERY"],
}
MERGED = {"120/121/122": ["120", "121", "122"], "105/113/116": ["105", "113", "116"]}
VALIDATION, TEST, END = "2021-01-01", "2022-01-01", "2022-12-25"
BASELINE = "historical_rate"
STUDY = {
    BASELINE: {},
    "ewma_rate": {},
    "gamma_poisson": {},
    "logistic_regression": {},
    "lightgbm": {"validation_days": 364},
}
SHOWN = ["pr_auc", "roc_auc", "log_loss", "brier_skill", "ece"]


def precinct_cube() -> xr.Dataset:
    """Return the counts by precinct and week, with what each row of the file became."""
    precincts, boroughs = (
        ht.read_region(DATA / folder / name, name_column=column, layer=layer)
        for folder, name, column, layer in (
            ("nyc_precincts", "police_precincts_y76i-bdw7_26b.geojson", "precinct", "precinct"),
            ("nyc_boroughs", "BoroughBoundaries.geojson", "boro_name", "borough"),
        )
    )
    counts = read_area_counts(
        DATA / "nypd_precinct_week" / "complaints_precinct_week_2006_2022.parquet",
        area="precinct", time="week_start", category="offense", value="count", areas=precincts,
    )  # fmt: skip
    print(counts.report)
    layers = {name: counts.select(categories) for name, categories in LAYERS.items()}
    return grid_areas(layers, precincts, start="2006-01-02", end=END, merge=MERGED, layers=[boroughs])


def scored(cube: xr.Dataset, models: list[str], start: str, stop: str) -> xr.Dataset:
    """Return the scores of models that learned before `start` on the weeks from it on."""
    train, _ = ht.split_time(cube, start)
    for name in models:
        begun = time.perf_counter()
        model = build("model", MODELS[name], STUDY[name]).fit(train)
        cube = ht.add_risk(cube, model)
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    return ht.evaluate(cube, against=[BASELINE], start=start, stop=stop, scores=SHOWN)


def table_of(scores: xr.Dataset) -> pd.DataFrame:
    """Return scores and differences to the baseline, with intervals, one row a model."""
    rows = {}
    for model in scores["model"].values.tolist():
        one = scores.sel(model=model)
        row = {name: f"{float(one['value'].sel(score=name)):.4f}" for name in SHOWN}
        for name in ("pr_auc", "log_loss"):
            of = one.sel(score=name, baseline=BASELINE)
            parts = [float(of[part]) for part in ("difference", "difference_low", "difference_high")]
            row[f"{name} less baseline"] = "{:+.4f} ({:+.4f} to {:+.4f})".format(*parts) if model != BASELINE else ""
        rows[model] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> None:
    """Run a study and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", nargs="?", default="prostitution", choices=sorted(LAYERS))
    parser.add_argument("--models", nargs="+", default=list(STUDY), choices=list(STUDY))
    asked = parser.parse_args()
    cube = ht.add_label(precinct_cube(), ht.AnyWithin(asked.layer, days=7))
    if "lightgbm" in asked.models:
        cube = ht.add_features(cube, "default").compute()
    models = [BASELINE, *(name for name in asked.models if name != BASELINE)]
    for what, start, stop in (("validation", VALIDATION, "2021-12-31"), ("test", TEST, END)):
        scores = scored(cube, models, start, stop)
        facts = {name: float(scores[name]) for name in ("cell_days", "events", "positives", "effective_events")}
        print(f"\n{what}, {asked.layer}, {scores.attrs['days']}:", ", ".join(f"{k} {v:,.0f}" for k, v in facts.items()))
        print(table_of(scores).to_string(), flush=True)


if __name__ == "__main__":
    main()
