"""Crimes within a mile in the 7 days before, as the original notebook counts them: a ball tree for each place and day.

Events lie on cell centres and places are cell centres, so that both ways ask the same circles.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Measure, Row, load

PAIRS, SAMPLE, EVENTS, LENGTH = 100_000, 2000, 200_000, 1461
MILE_KM, DAYS = 1.609344, 7
EARTH_KM = 6371.007
Work = Callable[[], dict[str, np.ndarray]]


def notebook(folder: Path) -> Work:
    """For each pair: the events of the 7 days before, a ball tree over them, one query; on a sample of the pairs."""
    from sklearn.neighbors import BallTree

    lat_lon, day, places, pair_day = _inputs(folder)
    places, pair_day = places[:SAMPLE], pair_day[:SAMPLE]

    def work() -> dict[str, np.ndarray]:
        counts = np.zeros(len(places))
        for n, (place, today) in enumerate(zip(places, pair_day, strict=True)):
            recent = lat_lon[(day >= today - DAYS) & (day < today)]
            if len(recent):
                tree = BallTree(recent, metric="haversine")
                counts[n] = tree.query_radius(place[None], MILE_KM / EARTH_KM, count_only=True)[0]
        return {"counts": counts}

    return work


def tree_a_day(folder: Path) -> Work:
    """The better spelling: events sorted by day, one tree a day, all its places at once; all pairs."""
    from sklearn.neighbors import BallTree

    lat_lon, day, places, pair_day = _inputs(folder)

    def work() -> dict[str, np.ndarray]:
        order = np.argsort(day, kind="stable")
        sorted_day, sorted_events = day[order], lat_lon[order]
        counts = np.zeros(len(places))
        for today in np.unique(pair_day):
            first, last = np.searchsorted(sorted_day, [today - DAYS, today])
            asked = pair_day == today
            if last > first:
                tree = BallTree(sorted_events[first:last], metric="haversine")
                counts[asked] = tree.query_radius(places[asked], MILE_KM / EARTH_KM, count_only=True)
        return {"counts": counts}

    return work


def htgeo(folder: Path) -> Work:
    """All cells and all days of the cube: the weights of the distances, the counts and the sums."""
    from inputs import lazy_cube, square_grid

    import htgeo as ht

    values, cell, day = load(folder, "counts", "pair_cell", "pair_day")
    cube = lazy_cube(square_grid(*values.shape), values)
    feature = ht.features.FEATURES["within_distance"]("crime", km=MILE_KM, days=[DAYS])
    feature.columns(cube.isel(cell=slice(0, 64)))  # compile

    def work() -> dict[str, np.ndarray]:
        (column,) = feature.columns(cube).values()
        return {"counts": column.values[cell, day]}

    return work


def rows(bench: Bench) -> Iterator[Row]:
    import htgeo as ht

    if "within_distance" not in ht.features.FEATURES:
        return
    cells, length = bench.size(8000, 300), bench.size(LENGTH, 60)
    _write_inputs(bench, cells, length)
    sample = bench.size(SAMPLE, 200)
    ours, loop = bench.measure(htgeo, repeats=3), bench.measure(notebook, repeats=1)
    trees = bench.measure(tree_a_day, repeats=1)
    found = bench.result(htgeo)["counts"]
    work = f"crimes within a mile in 7 days, all {cells:,} cells x {length:,} days, by pair"
    for name, piece, took, pairs, must in (
        (f"the notebook's loop ({sample:,} pairs)", notebook, loop, sample, 1000),
        (f"one ball tree a day ({len(found):,} pairs)", tree_a_day, trees, len(found), None),
    ):
        expected = bench.result(piece)["counts"]
        same = np.array_equal(found[: len(expected)], expected) and expected.any()
        yield _by_pair(work, ours, cells * length, f"{name}", took, pairs, must, agrees=bool(same))


def _by_pair(
    work: str, ours: Measure, our_pairs: int, name: str, peer: Measure, pairs: int, must: float | None, *, agrees: bool
) -> Row:
    mine, theirs = 1e6 * ours.cpu / our_pairs, 1e6 * peer.cpu / pairs
    return Row(
        work, f"{mine:.3g} µs a pair; {ours}", f"{name}: {theirs:.3g} µs a pair", theirs / mine, must, agrees=agrees
    )


def _write_inputs(bench: Bench, cells: int, length: int) -> None:
    from inputs import square_grid

    rng = np.random.default_rng(0)
    size = bench.size(EVENTS, 3000)
    cell, day = rng.integers(0, cells, size), rng.integers(0, length, size)
    counts = np.bincount(cell * length + day, minlength=cells * length).reshape(cells, length).astype(np.float32)
    lon, lat = square_grid(cells, length).centers
    pairs = bench.size(PAIRS, 200)
    pair_cell, pair_day = rng.integers(0, cells, pairs), rng.integers(DAYS, length, pairs)
    bench.save(counts=counts, lon=lon, lat=lat, event_cell=cell, event_day=day, pair_cell=pair_cell, pair_day=pair_day)


def _inputs(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return events (lat, lon in radians), their days, and the places and days of the pairs."""
    lon, lat, cell, day, pair_cell, pair_day = load(
        folder, "lon", "lat", "event_cell", "event_day", "pair_cell", "pair_day"
    )
    centers = np.radians(np.stack([lat, lon], axis=1))
    return centers[cell], day, centers[pair_cell], pair_day
