"""The demo: the whole job on the simulated city, where the truth is known."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube import open_cube
from htgeo.cube.schema import variables_of
from htgeo.sources.synthetic import City, write_demo_city
from htgeo.study.counts import Say, write_json
from htgeo.study.load import load_study
from htgeo.study.run import run_study

STUDY = """\
# The demo of htgeo: a simulated New York, read from its native files.
name: demo-city
region: {file: boroughs.geojson, name_column: boro_name}
layers:
  - {file: precincts.geojson, name_column: precinct, layer: precinct}
grid: {resolution: 8, start: 2021-01-01, end: 2024-12-31, time_zone: America/New_York}
sources:
  crime: {kind: nypd_complaints, file: complaints.csv.gz}
  case: {kind: tahub_cases, file: cases.csv}
  permit: {kind: nyc_permitted_events, file: permitted_events.csv}
  jfk: {kind: series, file: jfk_passengers.csv, time: Activity Period, value: Revenue Passenger Volume, frequency: month, publication_lag: 30}
  hotel: {kind: places, file: hotels.csv, lon: Longitude, lat: Latitude, key: BBL}
  station: {kind: places, file: stations.csv, lon: GTFS Longitude, lat: GTFS Latitude, key: Complex ID}
label: {source: crime, categories: [PROSTITUTION & RELATED OFFENSES, KIDNAPPING & RELATED OFFENSES], within_days: 7}
features: default
models: [historical_rate, ewma_rate, lightgbm]
split: {train_until: 2023-09-30, validate_until: 2023-12-31, test_until: 2024-12-24}
evaluation:
  alerts: {budget: {area_share: 0.05}, objective: recall, reviewed_per_day: 20, cases: case}
  cases: {source: case}
  audit: {bias: [borough]}
outputs: {map: true, export: [gpkg, csv]}
"""


def run_demo(out: str | Path, *, say: Say) -> tuple[xr.Dataset, dict[str, float]]:
    """Write the simulated city, run a study on its files, and compare the risk with the truth.

    Parameters
    ----------
    out
        Folder for the city's files (``city/``) and the output folder of the study.
    say
        Called with a line at each stage.

    Returns
    -------
    table : Dataset
        Scores.
    truth : dict
        Rank correlation over the cells of the mean risk in the test days with the true rate, by model.
    """
    out = Path(out)
    try:
        city = write_demo_city(out / "city")
    except OSError as error:
        message = f"the folder {str(out)!r} cannot be written: {error}"
        raise InputError(message) from error
    (city / "study.yaml").write_text(STUDY, "utf-8")
    say(f"wrote a simulated city to {city}")
    study = load_study(city / "study.yaml")
    table = run_study(study, out, say=say)
    truth = _recovery(
        open_cube(out / "cube").sel(
            time=slice(str(study.split.validate_until + timedelta(days=1)), str(study.split.test_until))
        )
    )
    write_json(out / "truth.json", truth)
    return table, truth


def _recovery(cube: xr.Dataset) -> dict[str, float]:
    """Return the Spearman correlation by cell of each mean risk with the true rate on the cell's land."""
    from scipy.stats import spearmanr

    land = cube["borough_share"].groupby(cube["borough_share_cell"]).sum().values
    true = City().intensity(cube["lon"].values, cube["lat"].values) * cube["cell_area"].values * land
    means = {name.removeprefix("risk_"): cube[name].mean("time").values for name in variables_of(cube, "risk")}
    return {
        name: round(float(spearmanr(mean, true).statistic), 4)
        for name, mean in means.items()
        if np.isfinite(mean).all()
    }
