"""How good expected counts are on the crime tensors of New York and Chicago, beside measured anchors: ``python benchmarks/tensors.py nyc chi``.

Daily counts of four offences on squares of 3 km, one day ahead with true values up to the day before, as in the ST-HSL
and ST-SHN papers: models learn until August, choices are made on September, models learn again until the end of
September, and October to December is looked at once. With ``--validation`` all is one month earlier: choices on August,
scores on September, and the test quarter plays no part; that is how settings are found.

A square is no H3 cell: it stands under the id of the cell at its centre, and its neighbours are found by distance. Of
all models the one with the lowest deviance on the days of choice is held against the goals.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import nbinom

import htgeo as ht
from htgeo.core.options import build
from htgeo.cube.schema import cube_attrs, stamp
from htgeo.grid.cells import points_to_cells
from htgeo.models import MODELS
from htgeo.sources.npz import load_arrays
from htgeo.sources.region import KM_PER_DEGREE

DATA = Path(os.environ.get("HTGEO_DATA", Path(__file__).parents[2] / "shared" / "data"))
RESOLUTION = 9  # fine enough that no two squares share the cell at their centre
VALIDATION_DAYS = 30
FLOOR = 1e-4
"""Least expected count where a deviance is taken, so that a forecast of 0 has one."""
STRONG = {"learning_rate": 0.05, "lambda_l2": 50.0, "min_data_in_leaf": 500}
"""Found on September 2015 and 2017: stronger than the safe settings, since counts of busy squares are easily overfitted."""
POISSON = {"validation_days": VALIDATION_DAYS, "objective": "poisson", "params": STRONG}
TWEEDIE = {**POISSON, "objective": "tweedie", "params": {**STRONG, "tweedie_variance_power": 1.1}}
COMMON = {
    "historical_rate": ("historical_rate", {}),
    "ewma_rate": ("ewma_rate", {}),
    "lightgbm_poisson": ("lightgbm", POISSON),
    "lightgbm_on_ewma": ("lightgbm", {**POISSON, "offset": "ewma_rate"}),
    "lightgbm_tweedie": ("lightgbm", TWEEDIE),
    "xgboost_poisson": ("xgboost", {"validation_days": VALIDATION_DAYS, "objective": "poisson"}),
}
BLENDED = ("lightgbm_poisson", "lightgbm_on_ewma", "lightgbm_tweedie")
"""Their mean of logs, as `Blend` makes it, is one more model where all of them are asked for."""


@dataclass(frozen=True)
class City:
    """Where the tensors of a city lie, and its days."""

    folder: str
    files: str
    time_zone: str
    points: str = ""


CITIES = {
    "nyc": City("nyc_crime", "sthsl_nyc", "America/New_York", points="NYC_Crime.csv.gz"),
    "chi": City("chi_crime_tensors", "sthsl_chi", "America/Chicago"),
}
ANCHORS = {
    "nyc": {
        "constant_0": {"dev": 4.634, "rmse": 0.968, "mae": 0.254, "bias": 0.0, "mae+": 1.883, "mape+": 1.0},
        "constant_1": {"dev": 1.951, "rmse": 1.196, "mae": 0.984, "bias": 3.93, "mae+": 0.883, "mape+": 0.253, "f1": 0.610},
        "historical_mean": {"dev": 0.3421, "rmse": 0.5571, "mae": 0.2135, "bias": 1.01, "mae+": 0.940, "mape+": 0.539, "f1": 0.638},
        "ewma_250": {"dev": 0.3409, "rmse": 0.5555, "mae": 0.2135, "bias": 1.02, "mae+": 0.938, "mape+": 0.540},
        "lstm": {"dev": 0.3380, "rmse": 0.5487, "mae": 0.2110, "bias": 1.02, "mae+": 0.931, "mape+": 0.536},
        "lightgbm_poisson": {"dev": 0.3366, "rmse": 0.5482, "mae": 0.2123, "bias": 1.02, "mae+": 0.930, "mape+": 0.537, "f1": 0.6425, "mae+|1": 0.639, "mape+|1": 0.237},
        "lightgbm_tweedie": {"dev": 0.3373, "rmse": 0.5491, "mae": 0.2115, "bias": 1.01, "mae+": 0.933, "mape+": 0.537},
        "st_hsl_epoch_5": {"mae+": 1.213, "mape+": 0.665},
        "goal": {"dev": 0.3366, "rmse": 0.548, "f1": 0.642, "mae+|1": 0.640, "mape+|1": 0.240},
    },
    "chi": {
        "constant_1": {"dev": 2.262, "rmse": 1.692, "mae": 1.117, "bias": 1.58, "mae+": 1.457, "mape+": 0.364, "f1": 0.685},
        "historical_mean": {"dev": 0.5017, "rmse": 0.8941, "mae": 0.4055, "bias": 1.04, "mae+": 1.078, "mape+": 0.518, "f1": 0.712},
        "ewma_250": {"dev": 0.4989, "rmse": 0.8809, "mae": 0.4034, "bias": 1.06, "mae+": 1.069, "mape+": 0.520},
        "lstm": {"dev": 0.4923, "rmse": 0.8712, "mae": 0.3933, "bias": 1.00, "mae+": 1.055, "mape+": 0.495},
        "lightgbm_poisson": {"dev": 0.4910, "rmse": 0.8633, "mae": 0.3919, "bias": 1.00, "mae+": 1.059, "mape+": 0.497, "f1": 0.7136, "mae+|1": 0.911, "mape+|1": 0.319},
        "lightgbm_tweedie": {"dev": 0.4914, "rmse": 0.8669, "mae": 0.3912, "bias": 1.00, "mae+": 1.062, "mape+": 0.498},
        "st_hsl_epoch_9": {"dev": 0.677, "rmse": 0.906, "mae": 0.506, "bias": 1.19, "mae+": 1.045, "mape+": 0.491},
        "goal": {"dev": 0.4910, "rmse": 0.860, "f1": 0.713, "mae+|1": 0.915, "mape+|1": 0.322},
    },
}  # fmt: skip
WARNING = """mae+ and mape+ count only squares and days with an event, which no one knows beforehand: whoever forecasts too much
everywhere is never charged for it, and the constant 1 beats every honest forecast. mae+|1 and mape+|1 are the answers
"given at least one event" read off the same forecast; bias|1 says how many events they announce for each that came."""


def read_counts(city: City) -> tuple[np.ndarray, dict]:
    """Return the counts (row, col, day, category) of training, validation and test days, and the grid."""
    folder = DATA / city.folder
    description = folder / f"{city.files}_grid.json"
    if not description.is_file():
        sys.exit(f"there is no file {description}; name the folder of the data in the environment variable HTGEO_DATA")
    grid = json.loads(description.read_text("utf-8"))
    last = [load_arrays(folder / f"{city.files}_{part}.npz")["data"] for part in ("val", "tst")]
    if not city.points:
        return np.concatenate([load_arrays(folder / f"{city.files}_trn.npz")["data"], *last], axis=2), grid
    counts, published = counted(folder / city.points, grid), np.concatenate(last, axis=2)
    differ = int((counts[:, :, -published.shape[2] :] != published).sum())
    if differ:
        sys.exit(f"{differ} of {published.size} counts made from {city.points} differ from the published ones")
    print(f"counts of {city.points} equal all {published.size} published ones", file=sys.stderr)
    return counts, grid


def counted(path: Path, grid: dict) -> np.ndarray:
    """Return the events of a file on the squares, (row, col, day, category)."""
    table = pd.read_csv(path, usecols=["Occurrence Date", "Offense", "Latitude", "Longitude"])
    days = pd.to_datetime(table["Occurrence Date"].str[:10], format="%m/%d/%Y") - pd.Timestamp(grid["first_day"])
    row = ((table["Latitude"] - table["Latitude"].min()) * 111 / 3).astype(int)
    col = ((table["Longitude"] - table["Longitude"].min()) * 84 / 3).astype(int)
    counts = np.zeros((grid["rows"], grid["cols"], 730, len(grid["offense_order"])), np.uint16)
    np.add.at(counts, (row, col, days.dt.days, pd.Index(grid["offense_order"]).get_indexer(table["Offense"])), 1)
    return counts


def cube_of(counts: np.ndarray, grid: dict, time_zone: str) -> xr.Dataset:
    """Return a cube with one cell a square and one layer a category; every event is known on its day."""
    row, col = (axis.ravel() for axis in np.indices(counts.shape[:2]))
    lat = grid["min_lat"] + (row + 0.5) * grid["cell_height_deg"]
    lon = grid["min_lon"] + (col + 0.5) * grid["cell_width_deg"]
    area = grid["cell_height_deg"] * grid["cell_width_deg"] * KM_PER_DEGREE**2 * np.cos(np.radians(lat))
    ids = points_to_cells(lon, lat, RESOLUTION)
    order = np.argsort(ids)
    days = np.datetime64(grid["first_day"], "ns") + np.arange(counts.shape[2]) * np.timedelta64(1, "D")
    coords = {
        "cell": ("cell", ids[order], {"grid_name": "h3", "level": RESOLUTION}),
        "time": days,
        "lon": ("cell", lon[order], {"units": "degrees_east"}),
        "lat": ("cell", lat[order], {"units": "degrees_north"}),
        "cell_area": ("cell", area[order], {"units": "km2"}),
    }
    made = {}
    for number, offence in enumerate(grid["offense_order"]):
        name = offence.lower().replace(" ", "_")
        values = counts[..., number].reshape(-1, len(days))[order].astype(np.float32)
        data = xr.DataArray(values, dims=("cell", "time")).chunk(cell=64)
        for key, role in ((name, "count"), (f"{name}_known", "known_count")):
            made[key] = stamp(data, key, role, "1", f"{name}: events", events=float(values.sum()))
    return ht.validate(xr.Dataset(made, coords, cube_attrs(RESOLUTION, time_zone, "center", [])))


def features(own: str, others: list[str]) -> list:
    """Return what is known of the square, of the squares around it, of the city and of the other categories."""
    made = [
        ht.Lag(own, days=(1, 2, 3, 7)),
        ht.RollingSum(own, days=(7, 28, 91, 365)),
        ht.Recency(own, half_life=(7, 30, 90, 250, 1000)),
        ht.ActiveShare(own, days=(28, 365)),
        ht.SameWeekday(own, weeks=8),
        ht.SameWeekday(own, weeks=52),
        ht.WithinDistance(own, km=3.2, days=(1, 7, 28)),  # 4 neighbours
        ht.WithinDistance(own, km=4.5, days=(28, 365)),  # 8
        ht.WithinDistance(own, km=8.7, days=(7, 28, 365)),  # 24
        ht.CitySum(own, days=(1, 7, 28, 91)),
        ht.Calendar(("weekday", "month", "holiday"), harmonics=1),
        ht.Static(),
    ]
    for other in others:
        made += [ht.Lag(other, days=(1,)), ht.Recency(other, half_life=(30, 250))]
        made += [ht.WithinDistance(other, km=4.5, days=(28,))]
    return made


def labelled_cubes(cube: xr.Dataset) -> dict[str, xr.Dataset]:
    """Return the cube of each category, with its label and features."""
    names = [name for name in cube if f"{name}_known" in cube]
    made = {}
    for own in names:
        others = [name for name in names if name != own]
        made[own] = ht.add_label(ht.add_features(cube, features(own, others)), ht.CountWithin(own, days=1)).persist()
    return made


def forecast(cubes: dict[str, xr.Dataset], called: str, span: slice) -> np.ndarray:
    """Return expected counts (cell, day, category) of the days of a span, learned on all days before it."""
    kind, options = COMMON[called]
    made = []
    for cube in cubes.values():
        model = build("model", MODELS[kind], options).fit(cube.isel(time=slice(span.start)))
        made.append(model.predict(cube.isel(time=slice(span.stop))).isel(time=span).values)
    return np.stack(made, axis=-1).astype(float)


def baselines(counts: np.ndarray, span: slice) -> dict[str, np.ndarray]:
    """Return forecasts that need no model."""
    like = counts[:, span]
    mean = np.broadcast_to(counts[:, : span.start].mean(axis=1, keepdims=True), like.shape)
    return {"constant_0": np.zeros_like(like), "constant_1": np.ones_like(like), "historical_mean": mean}


def deviances(mean: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the Poisson deviance of each count."""
    mean = np.maximum(mean, FLOOR)
    return 2 * (y * np.log(np.where(y > 0, y, 1) / mean) - y + mean)


def best_threshold(mean: np.ndarray, y: np.ndarray) -> float:
    """Return the expected count from which to say yes, for the greatest F1."""
    order = np.argsort(-mean, kind="stable")
    hits = np.cumsum(y[order] > 0)
    f1 = 2 * hits / (np.arange(1, len(y) + 1) + hits[-1])
    return float(mean[order[np.argmax(f1)]])


def best_size(mean: np.ndarray, y: np.ndarray) -> float:
    """Return the size of a negative binomial that fits the counts above 0 best."""
    mean, y = np.maximum(mean[y > 0], FLOOR), y[y > 0]

    def fit(size: float) -> float:
        share = size / (size + mean)
        return float((nbinom.logpmf(y, size, share) - np.log1p(-(share**size))).sum())

    return max((1, 2, 4, 8, 16, 32, 64, 128), key=fit)


def given_an_event(mean: np.ndarray, size: float, power: int) -> np.ndarray:
    """Return the count n of least expected error ``|n - y| / y**power`` where there is at least one event.

    It is the weighted median of a negative binomial without its zero, found by the ratio of one probability to the last.
    """
    most = int(3 * mean.max()) + 50
    ratio = mean / (mean + size)

    def masses():
        mass = np.ones_like(mean)
        for n in range(1, most):
            yield n, mass / n**power
            mass = mass * ratio * (n + size) / (n + 1)

    half = sum(mass for _, mass in masses()) / 2
    best, below = np.ones_like(mean), np.zeros_like(mean)
    for n, mass in masses():
        best[below < half] = n
        below += mass
    return best


def gain_interval(better: np.ndarray, worse: np.ndarray, draws: int = 1000) -> tuple[float, float]:
    """Return the 95 % interval of the fall of the mean deviance over resampled blocks of seven days."""
    fall = (worse - better).mean(axis=(0, 2))
    blocks = [fall[i : i + 7] for i in range(0, len(fall), 7)]
    total, days = (np.array([f(b) for b in blocks]) for f in (np.sum, len))
    drawn = np.random.default_rng(0).integers(len(blocks), size=(draws, len(blocks)))
    low, high = np.quantile(total[drawn].sum(axis=1) / days[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def scores(chosen: tuple[np.ndarray, np.ndarray], scored: tuple[np.ndarray, np.ndarray], dense: np.ndarray) -> dict:
    """Return all scores of a forecast, made from expected and true counts (cell, day, category).

    Threshold and size are found on the days of choice; `dense` are the pairs (cell, category) in the mask of ST-SHN.
    """
    mean, y = scored
    some = y > 0
    masked = [values.transpose(0, 2, 1)[dense].ravel() for values in (*chosen, *scored)]
    threshold, size = best_threshold(*masked[:2]), best_size(*chosen)
    yes, events = masked[2] >= threshold, masked[3] > 0
    median, relative = given_an_event(mean, size, 0)[some], given_an_event(mean, size, 1)
    return {
        "dev_choice": deviances(*chosen).mean(),
        "dev": deviances(mean, y).mean(),
        "rmse": np.sqrt(((mean - y) ** 2).mean()),
        "mae": abs(mean - y).mean(),
        "bias": mean.sum() / y.sum(),
        "f1": 2 * (yes & events).sum() / (yes.sum() + events.sum()),
        "mae+": abs(mean - y)[some].mean(),
        "mape+": (abs(mean - y)[some] / y[some]).mean(),
        "mae+|1": abs(median - y[some]).mean(),
        "mape+|1": (abs(relative[some] - y[some]) / y[some]).mean(),
        "bias|1": relative.sum() / y.sum(),
        "size": size,
    }


def study(city: City, names: list[str], *, validation: bool) -> pd.DataFrame:
    """Return the scores of all models and baselines of a city."""
    counts, grid = read_counts(city)
    first, second = grid["train_days"][2], grid["train_days"][2] + grid["val_days"][2]
    choice, score = slice(first, second), slice(second, counts.shape[2])
    if validation:
        choice, score = slice(first - VALIDATION_DAYS, first), slice(first, second)
    cube = cube_of(counts[:, :, : score.stop], grid, city.time_zone)
    cubes = labelled_cubes(cube)
    y = np.stack([cube[name].values for name in cubes], axis=-1).astype(float)
    density = (y[:, :first] > 0).mean(axis=1)
    dense = (density > 0.2) & (density < 0.8)
    print(f"{dense.sum()} pairs of square and category in the mask of ST-SHN", file=sys.stderr)
    made = [baselines(y, span) for span in (choice, score)]
    took = dict.fromkeys(made[0], 0.0)
    for called in names:
        began = time.perf_counter()
        for forecasts, span in zip(made, (choice, score), strict=True):
            forecasts[called] = forecast(cubes, called, span)
        took[called] = time.perf_counter() - began
        print(f"{called}: {took[called]:.0f} s", file=sys.stderr, flush=True)
    if set(BLENDED) <= set(names):
        took["blend"] = sum(took[called] for called in BLENDED)
        for forecasts in made:
            forecasts["blend"] = np.exp(np.mean([np.log(forecasts[called]) for called in BLENDED], axis=0))
    usual = deviances(made[1]["historical_mean"], y[:, score])
    rows = {}
    for called, seconds in took.items():
        rows[called] = scores((made[0][called], y[:, choice]), (made[1][called], y[:, score]), dense)
        low, high = gain_interval(deviances(made[1][called], y[:, score]), usual)
        rows[called] |= {"gain_low": low, "gain_high": high, "seconds": seconds}
    return pd.DataFrame.from_dict(rows, orient="index")


def verdict(table: pd.DataFrame, goal: dict[str, float]) -> str:
    """Return how the model chosen before the test days stands to the goals."""
    called = table["dev_choice"].idxmin()
    lines = [f"Chosen by deviance on the days of choice: {called}"]
    for score, wanted in goal.items():
        value = table.loc[called, score]
        held = value >= wanted if score == "f1" else value <= wanted
        lines.append(f"  {score:8} {value:.4f}  goal {wanted:.4f}  {'holds' if held else 'MISSED'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cities", nargs="+", choices=CITIES)
    parser.add_argument("--models", nargs="+", default=list(COMMON), choices=COMMON)
    parser.add_argument("--validation", action="store_true", help="score September instead of the test quarter")
    asked = parser.parse_args()
    for name in asked.cities:
        table = study(CITIES[name], asked.models, validation=asked.validation)
        print(f"\n## {name}, {'September' if asked.validation else 'October to December'}\n")
        print(table.to_string(float_format=lambda v: f"{v:.4f}"))
        if not asked.validation:
            print("\nAnchors\n" + pd.DataFrame.from_dict(ANCHORS[name], orient="index").to_string(na_rep=""))
            print(f"\n{verdict(table, ANCHORS[name]['goal'])}")
    print(f"\n{WARNING}", flush=True)


if __name__ == "__main__":
    main()
