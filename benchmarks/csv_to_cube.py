"""A CSV of 2 million complaints to a saved cube, level 9, cleaning included, against the same written straight in polars.

The file repeats the rows of the public sample, where it is present (``HTGEO_DATA``), or of the made-up city, in the
native 34 columns, with new numbers, days and places; rows at station houses stay there.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from harness import Bench, Row

ROWS, PIECE, LENGTH = 2_000_000, 100_000, 1461
DATA = Path(os.environ.get("HTGEO_DATA", Path(__file__).parents[2] / "shared" / "data"))
SAMPLE = DATA / "nypd_complaints_sample" / "sample_HT_RelatedCrimes_2021_2024.csv"
NULLS = ["", "(null)", "null", "none", "n/a", "na", "nan", "#n/a"]
Work = Callable[[], None]


def regions():
    """Return the boroughs and precincts: the real ones beside the real sample."""
    import htgeo as ht
    from htgeo.sources.synthetic import City

    if not SAMPLE.exists():
        return City().boroughs, City().precincts
    boroughs, precincts = (
        next(path for path in sorted((DATA / name).iterdir()) if path.suffix in (".geojson", ".gpkg"))
        for name in ("nyc_boroughs", "nyc_precincts")
    )
    return (
        ht.read_region(boroughs, name_column="boro_name"),
        ht.read_region(precincts, name_column="precinct", layer="precinct"),
    )


def htgeo(folder: Path) -> Work:
    import htgeo as ht

    boroughs, precincts = regions()

    def work() -> None:
        events = ht.read_events("nypd_complaints", folder / "complaints.csv", areas=[boroughs, precincts])
        grid = ht.make_grid(boroughs, resolution=9, start="2021-01-01", end="2024-12-31", layers=[precincts])
        ht.save_cube(ht.grid_events({"crime": events}, grid), folder / "cube")

    return work


def polars(folder: Path) -> Work:
    """Counts of points by cell and day and of precinct events by precinct and day, on both clocks, as Parquet."""
    boroughs, precincts = regions()

    def work() -> None:
        table = _placed(_dated(_read(folder / "complaints.csv")), boroughs, precincts)
        table = table.unique("CMPLNT_NUM", keep="first", maintain_order=True)
        _save_counts(_unmasked(table), folder)

    return work


def _read(path: Path):
    import polars as pl

    columns = [
        "CMPLNT_NUM",
        "CMPLNT_FR_DT",
        "CMPLNT_FR_TM",
        "RPT_DT",
        "ADDR_PCT_CD",
        "OFNS_DESC",
        "Latitude",
        "Longitude",
    ]
    return pl.read_csv(path, columns=columns, infer_schema=False, null_values=NULLS)


def _dated(table):
    """Read dates in both formats; a report before its event counts from the event."""
    import polars as pl

    def day(column: str):
        text = pl.col(column)
        return pl.coalesce(text.str.to_date("%Y-%m-%d", strict=False), text.str.to_date("%m/%d/%Y", strict=False))

    clock = pl.col("CMPLNT_FR_TM").str.to_time("%H:%M:%S", strict=False).fill_null(pl.time(0))
    table = table.with_columns(occurred=day("CMPLNT_FR_DT"), known=day("RPT_DT"), clock=clock)
    table = table.filter(
        pl.col("occurred").is_not_null(), pl.col("known").is_not_null(), pl.col("occurred").dt.year() >= 1900
    )
    known = pl.max_horizontal("known", "occurred")
    return table.with_columns(known=known, occurred_at=pl.col("occurred").dt.combine(pl.col("clock")))


def _placed(table, boroughs, precincts):
    """Judge coordinates: points beyond 500 m of the study area are known to their precinct, or left out."""
    import polars as pl
    import shapely

    number = {name: pl.col(name).cast(pl.Float64, strict=False) for name in ("Longitude", "Latitude")}
    code = pl.col("ADDR_PCT_CD").str.strip_suffix(".0")
    table = table.with_columns(
        lon=number["Longitude"], lat=number["Latitude"], precinct=pl.when(code.is_in(list(precincts.names))).then(code)
    )
    lon, lat = (table[name].fill_null(np.nan).to_numpy() for name in ("lon", "lat"))
    outline, margin = boroughs.outline, 0.5 / 111.195 / np.cos(np.radians(40.7))
    inside = shapely.contains_xy(outline, lon, lat)
    west, south, east, north = outline.bounds
    near = ~inside & (lon > west - margin) & (lon < east + margin) & (lat > south - margin) & (lat < north + margin)
    inside[near] = shapely.dwithin(outline, shapely.points(lon[near], lat[near]), margin)
    table = table.with_columns(point=pl.Series(inside))
    return table.filter(pl.col("point") | pl.col("precinct").is_not_null())


def _unmasked(table):
    """Find offences that sit on one point per precinct, as at station houses: known to the precinct."""
    import polars as pl
    from scipy.stats import binom

    known = table.filter(pl.col("point") & pl.col("precinct").is_not_null() & pl.col("OFNS_DESC").is_not_null())
    at_point = known.group_by("OFNS_DESC", "precinct", "lon", "lat").len()
    at_mode = at_point.group_by("OFNS_DESC", "precinct").agg(mode=pl.col("len").max(), size=pl.col("len").sum())
    offence = at_mode.group_by("OFNS_DESC").agg(pl.col("mode").sum(), pl.col("size").sum(), areas=pl.len())
    unlikely = binom.sf(offence["mode"].to_numpy() - offence["areas"].to_numpy() - 1, offence["size"].to_numpy(), 0.25)
    masked = offence.filter((pl.col("mode") >= 0.8 * pl.col("size")) & pl.Series(unlikely < 1e-4))["OFNS_DESC"]
    at_station = pl.col("OFNS_DESC").is_in(masked.to_list()).fill_null(value=False)
    return table.with_columns(point=pl.col("point") & ~at_station)


def _save_counts(table, folder: Path) -> None:
    import polars as pl
    from h3ronpy.vector import coordinates_to_cells

    points, areas = table.filter(pl.col("point")), table.filter(~pl.col("point"))
    cell = np.asarray(coordinates_to_cells(points["lat"].to_numpy(), points["lon"].to_numpy(), 9))
    points = points.with_columns(cell=pl.Series(cell))
    for clock in ("occurred", "known"):
        points.group_by("cell", clock).len().write_parquet(folder / f"points_{clock}.parquet")
        areas.group_by("precinct", clock).len().write_parquet(folder / f"areas_{clock}.parquet")


def rows(bench: Bench) -> Iterator[Row]:
    size = bench.size(ROWS, 3000)
    write_complaints(bench.folder / "complaints.csv", size)
    ours, theirs = bench.measure(htgeo, repeats=7), bench.measure(polars, repeats=7)
    megabytes = (bench.folder / "complaints.csv").stat().st_size / 1e6
    work = f"CSV of {size / 1e6:g} M complaints ({megabytes:.0f} MB) to a saved cube"
    peer = f"the same in polars: {theirs}"
    same = by_day_agree(bench.folder)
    yield Row(work, str(ours), peer, theirs.wall / ours.wall, 1, agrees=same)


def by_day_agree(folder: Path) -> bool:
    """Whether the events of every day on both clocks add up to the same: those in cells of the grid and of precincts."""
    import polars as pl

    import htgeo as ht

    cube = ht.open_cube(folder / "cube")
    days = cube["time"].values.astype("datetime64[D]")
    for clock, name in (("occurred", "crime"), ("known", "crime_known")):
        points, areas = (pl.read_parquet(folder / f"{kind}_{clock}.parquet") for kind in ("points", "areas"))
        points = points.filter(pl.col("cell").is_in(cube["cell"].values.tolist()))
        both = pl.concat([points.select(clock, "len"), areas.select(clock, "len")])
        at = (both[clock].to_numpy().astype("datetime64[D]") - days[0]).astype(int)
        inside = (at >= 0) & (at < len(days))
        total = np.bincount(at[inside], both["len"].to_numpy()[inside], minlength=len(days))
        if not np.allclose(cube[name].sum("cell").values, total, rtol=1e-4):
            return False
    return True


def write_complaints(path: Path, size: int) -> None:
    """Write so many complaints, piece by piece."""
    import polars as pl

    sample = pl.read_csv(_sample(path.parent), infer_schema=False)
    lag = _day("RPT_DT") - _day("CMPLNT_FR_DT")
    sample = sample.with_columns(lag=lag.fill_null(pl.duration()), dated=_day("CMPLNT_FR_DT").is_not_null())
    rng = np.random.default_rng(0)
    with path.open("wb") as stream:
        for start in range(0, size, PIECE):
            piece = sample[rng.integers(0, len(sample), min(PIECE, size - start))]
            _renewed(piece, start, rng).write_csv(stream, include_header=start == 0)


def _sample(folder: Path) -> Path:
    """Return the sample, or complaints of the made-up city."""
    if SAMPLE.exists():
        return SAMPLE
    from htgeo.sources.synthetic import City
    from htgeo.sources.synthetic_files import write_complaints

    days = np.arange(np.datetime64("2021-01-01"), np.datetime64("2021-07-01"))
    write_complaints(City(), days, folder / "sample.csv.gz")
    return folder / "sample.csv.gz"


def _day(column: str):
    import polars as pl

    text = pl.col(column)
    return pl.coalesce(text.str.to_date("%Y-%m-%d", strict=False), text.str.to_date("%m/%d/%Y", strict=False))


def _renewed(piece, start: int, rng: np.random.Generator):
    """Return rows with new numbers and days, and new places but at station houses; one number in 300 twice."""
    import polars as pl

    size = len(piece)
    number = 300_000_000 + start + np.arange(size) - (rng.random(size) < 1 / 300)
    shift = rng.normal(0, 0.004, (2, size))
    at_station = pl.col("OFNS_DESC").is_in(["SEX CRIMES", "RAPE"])
    day = pl.Series(np.datetime64("2021-01-01") + rng.integers(0, LENGTH, size))
    piece = piece.with_columns(day=day, number=pl.Series(number), east=pl.Series(shift[0]), north=pl.Series(shift[1]))

    def moved(column: str, step: str):
        degrees = pl.col(column).cast(pl.Float64, strict=False)
        there = (degrees + pl.col(step)).round(13).cast(pl.String)
        return pl.when(at_station | degrees.is_null() | (degrees == 0)).then(pl.col(column)).otherwise(there)

    dated = pl.col("dated")
    return piece.with_columns(
        pl.col("number").cast(pl.String).alias("CMPLNT_NUM"),
        pl.when(dated).then(pl.col("day").dt.strftime("%Y-%m-%d")).otherwise("CMPLNT_FR_DT").alias("CMPLNT_FR_DT"),
        pl.when(dated)
        .then((pl.col("day") + pl.col("lag")).dt.strftime("%m/%d/%Y"))
        .otherwise("RPT_DT")
        .alias("RPT_DT"),
        moved("Latitude", "north").alias("Latitude"),
        moved("Longitude", "east").alias("Longitude"),
    ).drop("lag", "dated", "day", "number", "east", "north")
