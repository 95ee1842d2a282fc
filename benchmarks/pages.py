"""Map pages: size, time to the first picture and of a slider step in Chromium, and building against an hvplot HoloMap."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from harness import Bench, Row, below, load, seconds
from inputs import city_grid

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DAYS = 365
LIMITS = {8: 3.0, 9: 8.0}
"""Most MB of a page of a year, by the level of its cells."""
STEPS = 20
SLIDE = """async steps => {
  const slider = document.getElementById("slider"), frame = () => new Promise(requestAnimationFrame), took = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    slider.value = (Number(slider.value) + 37) % (Number(slider.max) + 1);
    slider.dispatchEvent(new Event("input"));
    await frame();
    await frame();  // begins when the first is painted
    took.push(performance.now() - start);
  }
  return took;
}"""


def year(level: int, days: int = DAYS) -> xr.Dataset:
    """Return a cube of the made-up city with two risks, an alert and events; risks drift from day to day."""
    from htgeo.cube.coords import empty_cube
    from htgeo.cube.schema import stamp

    grid = city_grid(level, days)
    rng = np.random.default_rng(level)
    drift = np.exp(0.3 * rng.normal(0, 0.15, (len(grid.cells), days)).cumsum(axis=1) / np.sqrt(days))
    risk = np.clip(rng.gamma(0.5, 0.02, (len(grid.cells), 1)) * drift, 0, 1).astype(np.float32)
    facts = {"label": "crime_any_within_7", "layer": "crime", "horizon": 7}
    made = {
        "risk_one": (risk, "risk", {**facts, "model": "one"}),
        "risk_two": (risk[:, ::-1], "risk", {**facts, "model": "two"}),
        "alert_one": (risk > np.quantile(risk, 0.98), "alert", {**facts, "model": "one"}),
        "crime": (rng.poisson(risk / 7).astype(np.float32), "count", {}),
    }
    return empty_cube(grid).assign(
        {
            name: stamp(xr.DataArray(values, dims=("cell", "time")), name, role, "1", name, **attrs)
            for name, (values, role, attrs) in made.items()
        }
    )


def page(folder: Path) -> Callable[[], np.ndarray]:
    """A page with one layer of all cells of level 9 and a year, to a file; gives its size."""
    import htgeo as ht

    level, days = (int(number) for number in load(folder, "page")[0])
    cube = year(level, days)

    def work() -> np.ndarray:
        written = ht.write_map_page(cube, "risk_one", folder / "one.html", layers=["risk_one"], time=slice(None, None))
        return np.array(written.stat().st_size)

    return work


def holomap(folder: Path) -> Callable[[], np.ndarray]:
    """A HoloMap of polygons by day, saved by hvplot; gives its size."""
    import geopandas as gpd
    import hvplot
    import hvplot.pandas  # adds .hvplot to GeoDataFrames
    import pandas as pd

    from htgeo.grid.cells import cell_polygons

    level, days = (int(number) for number in load(folder, "holomap")[0])
    cube = year(level, days)
    shapes = cell_polygons(cube["cell"].values)
    frame = gpd.GeoDataFrame(
        {"risk": cube["risk_one"].values.T.ravel(), "day": np.repeat(np.arange(days), len(shapes))},
        geometry=np.tile(shapes, days),
        crs=4326,
    )

    def work() -> np.ndarray:
        picture = frame.hvplot.polygons(geo=True, c="risk", groupby="day", dynamic=False)
        hvplot.save(picture, folder / "holomap.html", resources="inline", title=pd.Timestamp.now().isoformat())
        return np.array((folder / "holomap.html").stat().st_size)

    return work


def watch(path: Path) -> dict[str, float]:
    """Open a page in Chromium without a network; return its times in ms and the requests that it tried."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
        opened = context.new_page()
        requests: list[str] = []
        opened.on("request", lambda request: requests.append(request.url))
        opened.goto(path.as_uri())
        opened.wait_for_selector("html[data-ready]")
        first = opened.evaluate("performance.getEntriesByName('first picture')[0].startTime")
        steps = opened.evaluate(SLIDE, STEPS)
        browser.close()
    asked = len(requests) - 1  # the page itself is one
    return {"first": first, "step": float(np.median(steps)), "slowest": max(steps), "requests": asked}


def in_browser(bench: Bench, level: int, days: int) -> Iterator[Row]:
    """Yield size and times of a page of four layers."""
    import htgeo as ht

    cube = year(level, days)
    path = ht.write_map_page(cube, "risk_one", bench.folder / f"level-{level}.html", time=slice(None, None))
    work = f"map page, {cube.sizes['cell']:,} cells x {days} days x 4 layers"
    yield below(work, path.stat().st_size / 1e6, LIMITS.get(level, 1.0), "MB")
    if CHROMIUM is None:
        return
    seen = watch(path)
    yield below(f"{work}: first picture", seen["first"] / 1000, 2.0, "s", agrees=seen["requests"] == 0)
    yield Row(
        f"{work}: slider step with painting, median of {STEPS}",
        f"slowest {seconds(seen['slowest'] / 1000)}",
        ratio=seen["step"],
        must=100.0,
        at_most=True,
        unit=" ms",
    )


def rows(bench: Bench) -> Iterator[Row]:
    for level in bench.size((8, 9), (6,)):
        yield from in_browser(bench, level, bench.size(DAYS, 10))
    ours, theirs = bench.size(((9, DAYS), (8, 6)), ((6, 10), (6, 2)))
    bench.save(page=np.array(ours), holomap=np.array(theirs))
    built, peer = bench.measure(page, repeats=bench.size(3, 1)), bench.measure(holomap, repeats=1)
    size = {piece: float(bench.result(piece)["values"]) / 1e6 for piece in (page, holomap)}
    yield Row(
        f"map page, level {ours[0]} x {ours[1]} days, per day shown",
        f"{built} for {ours[1]} days, {size[page]:.1f} MB",
        f"hvplot HoloMap, level {theirs[0]}: {peer} for {theirs[1]} days, {size[holomap]:.1f} MB",
        peer.cpu / theirs[1] / (built.cpu / ours[1]),
        100.0,
    )
