"""Boosted trees: prediction into the cube against the library's own, and the memory of prediction and of training."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Row, below, load, within

CELLS, LENGTH, FEATURES = 2000, 365, 40
TREES = 100
CITY = (8000, 1461, 1_000_000)
LEARNED = (4000, 1461, 400_000)
"""Cells, days and events of the cube that is forecast with its features, and of the one whose every cell-day is learned."""
GROWN = 10
Work = Callable[[], dict[str, np.ndarray]]


def ready_cube(folder: Path):
    """Return a cube whose features are made beforehand, in blocks, and the name of its label."""
    import dask.array as da
    import inputs
    import xarray as xr

    from htgeo.core.blocks import cell_blocks
    from htgeo.cube.schema import stamp

    values, counts = load(folder, "features", "counts")
    cube = inputs.lazy_cube(inputs.square_grid(*counts.shape), counts)
    made = {}
    for number, column in enumerate(values):
        lazy = da.from_array(column, chunks=(cell_blocks(*column.shape), -1), name=f"feature_{number}")
        name = f"feature_{number:02}"
        made[name] = stamp(xr.DataArray(lazy, dims=("cell", "time")), name, "feature", "1", "made up")
    return cube.assign(made)


def into_cube(folder: Path) -> Work:
    """The risk of every cell and day, block by block on one thread."""
    import dask

    risk = _model(folder).predict(ready_cube(folder))

    def work() -> dict[str, np.ndarray]:
        with dask.config.set(scheduler="synchronous"):
            return {"risk": risk.values.ravel()}

    return work


def own(folder: Path) -> Work:
    """The library's own prediction of the same rows, laid out as it likes them, on one thread."""
    model = _model(folder)
    (values,) = load(folder, "features")
    matrix = np.ascontiguousarray(values.reshape(len(values), -1).T)
    if model.name == "lightgbm":
        return lambda: {"risk": model.booster_.predict(matrix, num_threads=1)}
    return lambda: {"risk": model.booster_.inplace_predict(matrix, validate_features=False)}


def city_cube(sizes: np.ndarray):
    """Return a lazy cube of so many cells, days and events, with its default features and a label."""
    import features

    import htgeo as ht

    return ht.add_label(ht.add_features(features.cube_of(*sizes.tolist()), "default"), ht.AnyWithin("crime", days=1))


def city(folder: Path) -> Work:
    """Features and risk of every cell and day, on all threads."""
    import htgeo as ht

    cube, model = city_cube(load(folder, "sizes")[0]), _model(folder)
    risk = ht.add_risk(cube, model)[f"risk_{model.name}"]
    return lambda: {"risk": risk.mean("time").values}


def trained(folder: Path) -> Work:
    """A few trees grown on every cell-day; their risk in some cells."""
    from htgeo.models import MODELS

    sizes, booster, limit = load(folder, "sizes", "booster", "memory_limit")
    cube = city_cube(sizes)

    def work() -> dict[str, np.ndarray]:
        model = MODELS[booster.item()](negatives_per_positive=1e9, trees=GROWN, memory_limit=limit.item()).fit(cube)
        return {"risk": model.predict(cube.isel(cell=slice(0, 64))).values}

    return work


def rows(bench: Bench) -> Iterator[Row]:
    for booster in ("lightgbm", "xgboost"):
        bench.save(booster=np.array(booster))
        yield _prediction(bench, booster)
        yield _city(bench, booster)
        yield _training(bench, booster)


def _prediction(bench: Bench, booster: str) -> Row:
    """Compare prediction into the cube with the library's own, features ready for both."""
    import htgeo as ht
    from htgeo.models import MODELS

    cells, length = bench.size(CELLS, 100), bench.size(LENGTH, 120)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((FEATURES, cells, length), np.float32)
    counts = rng.poisson(0.05 * np.exp(features[0] - features[1] * (features[2] > 0))).astype(np.float32)
    bench.save(features=features, counts=counts)
    cube = ht.add_label(ready_cube(bench.folder), ht.AnyWithin("crime", days=1))
    _save(MODELS[booster](trees=bench.size(TREES, 5), negatives_per_positive=3).fit(cube), bench.folder)
    ours, theirs = bench.measure(into_cube, repeats=3), bench.measure(own, repeats=3)
    same = np.allclose(bench.result(into_cube)["risk"], bench.result(own)["risk"], rtol=1e-4)
    work = f"{booster}: risk of {cells:,} cells x {length:,} days, {FEATURES} features, {TREES} trees"
    return within(work, ours, f"{booster}'s own predict", theirs, 1.3, agrees=same)


def _city(bench: Bench, booster: str) -> Row:
    """Measure features and prediction of a city at level 9 over four years."""
    from htgeo.models import MODELS

    cells, days, events = bench.size(CITY, (300, 400, 20_000))
    some = city_cube(np.array([200, days, events // 40]))
    _save(MODELS[booster](trees=bench.size(TREES, 5), negatives_per_positive=10).fit(some), bench.folder)
    bench.save(sizes=np.array([cells, days, events]))
    found = bench.measure(city, repeats=1)
    sound = bool((bench.result(city)["risk"] > 0).all())
    work = f"{booster}: default features and risk of {cells:,} cells x {days:,} days ({found}): peak memory"
    return below(work, found.peak / 1000, 4, "GB", agrees=sound)


def _training(bench: Bench, booster: str) -> Row:
    """Compare training from a file with training in memory: the peak and the trees."""
    cells, days, events = bench.size(LEARNED, (100, 400, 5000))
    bench.save(sizes=np.array([cells, days, events]), memory_limit=np.array(np.inf))
    whole = bench.measure(trained, repeats=1)
    expected = bench.result(trained)["risk"]
    bench.save(memory_limit=np.array(1e-3))
    pieces = bench.measure(trained, repeats=1)
    same = np.allclose(bench.result(trained)["risk"], expected, rtol=0.05)  # LightGBM may drop a constant feature
    work = f"{booster}: {GROWN} trees on {cells * days / 1e6:.2g} M samples, features in a file: peak memory"
    return Row(work, str(pieces), f"in memory: {whole}", pieces.peak / whole.peak, 0.7, at_most=True, agrees=same)


def _model(folder: Path):
    import htgeo as ht

    (booster,) = load(folder, "booster")
    return ht.load_model(folder / booster.item())


def _save(model, folder: Path) -> None:
    import htgeo as ht

    ht.save_model(model, folder / model.name)
