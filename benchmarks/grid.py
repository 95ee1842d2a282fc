"""10 million points to cells x days, level 9, four years: points to counts, and a Parquet file to counts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Row, below, faster, load, task_count

POINTS, SAMPLE, LENGTH = 10_000_000, 1_000_000, 1461
PLACES = {"over a face edge": (-0.53, 33.71), "around a pentagon": (10.536, 64.7)}
"""Longitude and latitude of study areas that the lattice cannot serve."""
Work = Callable[[], dict[str, np.ndarray]]


def htgeo(folder: Path) -> Work:
    """Arrays to dense counts: rows of the grid, one integer code, bincount."""
    from inputs import city_grid

    lon, lat, day = load(folder, "lon", "lat", "day")
    days = int(load(folder, "days")[0])
    grid = city_grid(days=days)
    grid.rows(lon[:10], lat[:10])

    def work() -> dict[str, np.ndarray]:
        row = grid.rows(lon, lat)
        code = row.astype(np.int64) * days + day
        counts = np.bincount(code[row >= 0], minlength=len(grid.cells) * days)
        return {"counts": counts.reshape(-1, days)}

    return work


def h3ronpy(folder: Path) -> Work:
    from h3ronpy.vector import coordinates_to_cells
    from inputs import city_grid

    lon, lat, day = load(folder, "lon", "lat", "day")
    days = int(load(folder, "days")[0])
    cells = city_grid(days=days).cells

    def work() -> dict[str, np.ndarray]:
        found = np.asarray(coordinates_to_cells(lat, lon, 9))
        row = np.minimum(np.searchsorted(cells, found), len(cells) - 1)
        code = row * days + day
        counts = np.bincount(code[cells[row] == found], minlength=len(cells) * days)
        return {"counts": counts.reshape(-1, days)}

    return work


def h3_loop(folder: Path) -> Work:
    """A loop over `h3` with whole-number cells, and pandas for the counts, on a sample."""
    import h3.api.basic_int as h3
    import pandas as pd

    lon, lat, day = (values[:SAMPLE] for values in load(folder, "lon", "lat", "day"))

    def work() -> dict[str, np.ndarray]:
        to_cell = h3.latlng_to_cell
        cell = [to_cell(y, x, 9) for y, x in zip(lat.tolist(), lon.tolist(), strict=True)]
        counts = pd.DataFrame({"cell": cell, "day": day}).groupby(["cell", "day"], sort=False).size()
        keys = counts.index.to_frame()
        return {"cell": keys["cell"].to_numpy(np.uint64), "day": keys["day"].to_numpy(), "count": counts.to_numpy()}

    return work


def htgeo_file(folder: Path) -> Work:
    """A Parquet file through cleaning to the counts of a cube, batch by batch."""
    from inputs import city_grid

    import htgeo as ht

    grid = city_grid(days=int(load(folder, "days")[0]))
    columns = {"occurred": "time", "lon": "lon", "lat": "lat"}

    def work() -> dict[str, np.ndarray]:
        events = ht.scan_events("table", folder / "points.parquet", columns=columns, areas=grid.layers)
        return {"counts": ht.grid_events({"point": events}, grid)["point"].values}

    return work


def polars_file(folder: Path) -> Work:
    """The same file without cleaning: polars reads it, h3ronpy gives cells."""
    import polars as pl
    from h3ronpy.vector import coordinates_to_cells
    from inputs import START, city_grid

    days = int(load(folder, "days")[0])
    cells = city_grid(days=days).cells
    start = int(START.astype(int))

    def work() -> dict[str, np.ndarray]:
        table = pl.read_parquet(folder / "points.parquet")
        day = table["time"].dt.epoch("d").to_numpy() - start
        found = np.asarray(coordinates_to_cells(table["lat"].to_numpy(), table["lon"].to_numpy(), 9))
        row = np.minimum(np.searchsorted(cells, found), len(cells) - 1)
        code = row * days + day
        counts = np.bincount(code[cells[row] == found], minlength=len(cells) * days)
        return {"counts": counts.reshape(-1, days)}

    return work


def rows(bench: Bench) -> Iterator[Row]:
    size, days = bench.size(POINTS, 20_000), bench.size(LENGTH, 60)
    _write_points(bench, size, days)
    work = f"{size / 1e6:g} M points to cells x days, level 9"
    ours, theirs = bench.measure(htgeo), bench.measure(h3ronpy, repeats=3)
    same = np.array_equal(bench.result(htgeo)["counts"], bench.result(h3ronpy)["counts"])
    yield faster(f"{work}: arrays to counts", ours, "h3ronpy + searchsorted + bincount", theirs, 8, agrees=same)
    loop = bench.measure(h3_loop, repeats=1, scale=max(1.0, size / SAMPLE))
    yield faster(
        f"{work}: arrays to counts", ours, "h3 loop + pandas (1 M, scaled)", loop, 15, agrees=_loop_agrees(bench)
    )
    ours, theirs = bench.measure(htgeo_file, repeats=1), bench.measure(polars_file, repeats=1)
    same = np.array_equal(bench.result(htgeo_file)["counts"], bench.result(polars_file)["counts"])
    yield faster(f"{work}: Parquet file to counts, cleaned", ours, "polars + h3ronpy, not cleaned", theirs, agrees=same)
    yield below(f"{work}: peak memory, Parquet file to counts", ours.peak / 1000, 1, "GB")
    yield from _same_cells(size)


def _write_points(bench: Bench, size: int, days: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from inputs import START, city_grid, points

    lon, lat = points(city_grid(days=days), size)
    second = np.random.default_rng(1).integers(0, days * 86_400, size).astype("timedelta64[s]")
    time = START.astype("datetime64[us]") + second
    bench.save(lon=lon, lat=lat, day=second.astype(np.int64) // 86_400, days=np.array(days))
    pq.write_table(pa.table({"time": time, "lon": lon, "lat": lat}), bench.folder / "points.parquet")


def _loop_agrees(bench: Bench) -> bool:
    """Whether the counts of the loop are those of our rows on the same sample."""
    from inputs import city_grid

    lon, lat, day = (values[:SAMPLE] for values in load(bench.folder, "lon", "lat", "day"))
    days = int(load(bench.folder, "days")[0])
    grid, loop = city_grid(days=days), bench.result(h3_loop)
    row = grid.rows(lon, lat)
    ours = np.bincount(row[row >= 0] * days + day[row >= 0], minlength=len(grid.cells) * days)
    at = np.minimum(np.searchsorted(grid.cells, loop["cell"]), len(grid.cells) - 1)
    inside = grid.cells[at] == loop["cell"]
    theirs = np.bincount((at * days + loop["day"])[inside], loop["count"][inside], minlength=len(ours))
    return np.array_equal(ours, theirs)


def _same_cells(size: int) -> Iterator[Row]:
    """Compare every point with h3ronpy's cell, in the city and where no single lattice holds."""
    from inputs import city_grid, points, square_grid

    grids = {"in New York": city_grid(days=1)}
    grids |= {where: square_grid(2000, 1, lon=lon, lat=lat) for where, (lon, lat) in PLACES.items()}
    for where, grid in grids.items():
        lon, lat = points(grid, min(size, SAMPLE) if where in PLACES else size)
        other = wrong_rows(grid, lon, lat)
        how = "lattice" if grid.lattice is not None else "general path"
        yield Row(
            f"points in another cell than h3ronpy's, {where}",
            f"{how}: {other} of {len(lon):,}",
            "",
            other,
            0,
            at_most=True,
            unit=" points",
        )


def wrong_rows(grid, lon: np.ndarray, lat: np.ndarray) -> int:
    """Return the number of points whose row is not that of h3ronpy's cell."""
    from htgeo.grid.cells import points_to_cells

    found = points_to_cells(lon, lat, grid.resolution)
    at = np.minimum(np.searchsorted(grid.cells, found), len(grid.cells) - 1)
    return int((np.where(grid.cells[at] == found, at, -1) != grid.rows(lon, lat)).sum())


def tasks(cells: int, days: int) -> int:
    """Return the number of tasks of a cube of counts on both clocks."""
    from inputs import events, square_grid

    import htgeo as ht

    grid = square_grid(cells, days)
    cube = ht.grid_events({"crime": events(grid, 1000)}, grid)
    return task_count([cube["crime"].data, cube["crime_known"].data])
