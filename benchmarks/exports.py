"""GeoParquet of a city at level 9 and a year against geopandas, and of a lazy cube larger than the memory limit."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from harness import Bench, Row, below, faster, load
from inputs import START, city_grid, counts, lazy_cube, square_grid

PART = 5
"""geopandas writes one day in so many; its time is multiplied."""
LIMIT = 2.0
"""Most memory of an export, GB."""


def parquet(folder: Path) -> Callable[[], None]:
    """A year of the city, computed and written block by block."""
    import htgeo as ht

    cube = _city(folder)

    def work() -> None:
        ht.export(cube, folder / "ours.parquet", "crime", time=slice(None, None))

    return work


def geopandas_file(folder: Path) -> Callable[[], None]:
    """A fifth of the same table, as it lies in memory, row by row to a GeoPackage (``to_file``, pyogrio without Arrow)."""
    import geopandas as gpd
    import pandas as pd

    from htgeo.export.product import choose

    cube = _city(folder)
    cube = cube.isel(time=slice(0, len(cube["time"]) // PART))
    product = choose(cube, ["crime"], time=slice(None, None), area=None, audience="internal", region=None)
    shapes = product.shapes()
    tables = [table.assign(geometry=shapes[place]) for table, place in product.blocks()]
    frame = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), geometry="geometry", crs="EPSG:4326")

    def work() -> None:
        (folder / "peer.gpkg").unlink(missing_ok=True)
        frame.to_file(folder / "peer.gpkg", driver="GPKG", engine="pyogrio", use_arrow=False)

    return work


def large(folder: Path) -> Callable[[], np.ndarray]:
    """A lazy cube whose table is larger than the memory limit, by month; gives the rows written."""
    import dask.array as da
    import pyarrow.dataset as ds

    import htgeo as ht
    from htgeo.cube.coords import empty_cube

    cells, days = (int(number) for number in load(folder, "large")[0])
    chunks = (min(512, cells), days)
    values = da.random.default_rng(0).random((cells, days), chunks=chunks, dtype=np.float32)
    cube = empty_cube(square_grid(cells, days)).assign(risk=(("cell", "time"), values))

    def work() -> np.ndarray:
        path = ht.export(cube, folder / "large.parquet", "risk", time=slice(None, None), partition="month")
        return np.array(ds.dataset(path, partitioning="hive").count_rows())

    return work


def same(folder: Path) -> bool:
    """Return whether both files hold the same ids, days, values and polygons, as far as the peer's goes."""
    import geopandas as gpd
    import pyarrow.parquet as pq

    theirs = gpd.read_file(folder / "peer.gpkg", engine="pyogrio").sort_values(["cell", "date"], ignore_index=True)
    last = START + len(theirs) // theirs["cell"].nunique() - 1
    upto = [("date", "<=", last.astype("datetime64[D]").item())]
    assert pq.ParquetFile(folder / "ours.parquet").metadata.metadata[b"intended_use"]
    ours = gpd.read_parquet(folder / "ours.parquet", filters=upto).sort_values(["cell", "date"], ignore_index=True)
    days = ours["date"].to_numpy("datetime64[D]"), theirs["date"].to_numpy("datetime64[D]")
    return bool(
        len(ours) == len(theirs)
        and (ours["cell"] == theirs["cell"]).all()
        and (days[0] == days[1]).all()
        and (ours["crime"] == theirs["crime"]).all()
        and ours.geometry.geom_equals(theirs.geometry).all()
    )


def rows(bench: Bench) -> Iterator[Row]:
    cells, days = bench.size(len(city_grid().cells), 120), bench.size(365, 30)
    bench.save(crime=counts(cells, days), large=np.array(bench.size((30_000, 1461), (100, 62))))
    ours, peer = bench.measure(parquet, repeats=1), bench.measure(geopandas_file, repeats=1, scale=PART)
    work = f"GeoParquet of {cells:,} cells x {days} days"
    yield faster(work, ours, "GeoDataFrame.to_file (GPKG, row by row)", peer, 5.0, agrees=same(bench.folder))
    yield below(f"{work}, memory", ours.peak / 1000, LIMIT, "GB")
    cells, days = bench.size((30_000, 1461), (100, 62))
    took = bench.measure(large, repeats=1)
    written = int(bench.result(large)["values"])
    work = f"GeoParquet by month of a lazy cube of {cells:,} cells x {days:,} days ({took.wall:.0f} s), memory"
    yield below(work, took.peak / 1000, LIMIT, "GB", agrees=written == cells * days)


def _city(folder: Path) -> xr.Dataset:
    values = load(folder, "crime")[0]
    grid = city_grid(days=values.shape[1])
    return lazy_cube(square_grid(*values.shape) if len(values) < len(grid.cells) else grid, values)
