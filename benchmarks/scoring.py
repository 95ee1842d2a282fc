"""All scores of a year of risk at level 9 with 1,000 bootstrap draws, against one average precision of scikit-learn."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Row, below, load, within

CELLS, DAYS, DRAWS = 7400, 365, 1000


def htgeo(folder: Path) -> Callable[[], np.ndarray]:
    """`evaluate` of a cube held in memory, all scores."""
    import xarray as xr
    from inputs import lazy_cube, square_grid

    import htgeo as ht
    from htgeo.cube.schema import stamp

    counts, risk, draws = load(folder, "counts", "risk", "draws")
    cube = ht.add_label(lazy_cube(square_grid(*counts.shape), counts), ht.AnyWithin("crime"))
    values = xr.DataArray(risk, dims=("cell", "time"))
    facts = {"label": "crime_any_within_1", "base_rate": float((counts > 0).mean())}
    cube = cube.assign(risk_map=stamp(values, "risk_map", "risk", "1", "made up", **facts)).compute()
    ht.evaluate(cube.isel(cell=slice(0, 50)), draws=10)  # compile

    def work() -> np.ndarray:
        return ht.evaluate(cube, draws=int(draws))["value"].sel(score="pr_auc").values

    return work


def scikit_learn(folder: Path) -> Callable[[], np.ndarray]:
    """One average precision, without draws."""
    from sklearn.metrics import average_precision_score

    counts, risk = load(folder, "counts", "risk")
    return lambda: np.array([average_precision_score(counts.ravel() > 0, risk.ravel())])


def rows(bench: Bench) -> Iterator[Row]:
    cells, days = bench.size(CELLS, 300), bench.size(DAYS, 60)
    draws = bench.size(DRAWS, 20)
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.5, 0.02, (cells, 1)) * rng.uniform(0.8, 1.2, (cells, days))
    counts = rng.poisson(rate).astype(np.float32)
    bench.save(counts=counts, risk=(1 - np.exp(-rate)).astype(np.float32), draws=np.array(draws))
    ours, peer = bench.measure(htgeo, repeats=1), bench.measure(scikit_learn, repeats=3)
    same = np.allclose(bench.result(htgeo)["values"], bench.result(scikit_learn)["values"])
    work = f"all scores of {cells:,} cells x {days:,} days, {draws:,} draws"
    yield within(work, ours, "one average_precision_score", peer, 60.0, agrees=same)
    yield below(f"{work}: peak", ours.peak / 1000, 4.0, "GB")
