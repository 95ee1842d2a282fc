"""Makes every picture of the gallery and docs/gallery.md from the simulated city: ``python docs/make_gallery.py [NAME …]``."""

import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

DOCS = Path(__file__).parent
PAGE = DOCS / "gallery.md"
PICTURES = DOCS / "images" / "gallery"
MOST_BYTES = 300_000
WIDEST = 1100
"""Pixels; a phone scales it down, a screen shows it as it is."""
HEAD = """\
# Gallery

Every figure of htgeo with the lines that made it, from the simulated city. Each is a function that takes the cube, or the
result it draws; `ht.save_figure(figure, path)` writes it as `.png`, `.svg` or an interactive `.html`. All of them:
[Registry](registry.md#maps-and-figures); how to make them ready for print: [How do I make figures for
print?](how-to/figures-for-print.md)

The lines that come before each are [at the end](#what-comes-first).
"""
FIRST = """\
## What comes first

Made-up files, a cube of four years, a label, three models, and a threshold chosen on the days between training and test.

```python
"""
PREPARE = """\
import htgeo as ht

folder = ht.write_demo_city("demo-city")
boroughs = ht.read_region(folder / "boroughs.geojson", name_column="boro_name")
precincts = ht.read_region(folder / "precincts.geojson", name_column="precinct", layer="precinct")
crimes = ht.read_events("nypd_complaints", folder / "complaints.csv.gz", areas=[boroughs, precincts])
cases = ht.read_events("tahub_cases", folder / "cases.csv", areas=[boroughs, precincts])

grid = ht.make_grid(boroughs, resolution=8, start="2021-01-01", end="2024-12-31", layers=[precincts])
robberies = crimes.select(category="ROBBERY", precision="point")
counts = ht.grid_events({"crime": crimes, "robbery": robberies, "case": cases}, grid)
featured = ht.add_features(counts, [
    ht.RollingSum("robbery", days=[7, 28, 91]), ht.Recency("robbery"), ht.RingSum("robbery", days=28),
    ht.RollingSum("crime", days=[28, 91]), ht.RingSum("crime", days=28), ht.Calendar(),
])
featured = ht.add_label(featured, ht.AnyWithin("robbery", days=7))

train, _ = ht.split_time(featured, "2023-10-01")
lightgbm = ht.LightGBM(seed=0, max_trees=150).fit(train)
cube = featured
for model in (ht.HistoricalRate(), ht.EwmaRate()):
    cube = ht.add_risk(cube, model.fit(train))
cube = ht.add_risk(cube, lightgbm)
ht.save_cube(cube.drop_vars(ht.feature_table(cube).index), "city.cube")
cube = ht.open_cube("city.cube")

rule = ht.choose_threshold(
    cube, "lightgbm", budget=ht.AreaShare(0.05), start="2023-10-01", stop="2023-12-24", draws=200
)
test = {"start": "2024-01-01", "stop": "2024-12-24", "draws": 200}
source = "Simulated city."
"""
WHERE = "Where and when"
GOOD = "How good"
USE = "How it is used"
WHY = "Why"
DATA = "What the data are"
GALLERY = (
    (WHERE, "map_risk", "The risk of one day", 'ht.map_risk(cube, "risk_lightgbm", time="2024-05-14", region=boroughs, source=source)'),
    (WHERE, "plot_trend", "Forecast and observed events over the years, by borough", 'ht.plot_trend(cube, "risk_lightgbm", freq="month", exposure="case", source=source)'),
    (WHERE, "plot_overlay", "Verified cases over the forecast, each as precise as it is known", 'ht.plot_overlay(\n    cube, "risk_lightgbm", cases, time=slice("2024-01-01", "2024-12-24"), region=boroughs, source=source\n)'),
    (WHERE, "plot_overlay_queens", "The same for one borough", 'ht.plot_overlay(\n    cube, "risk_lightgbm", cases, area="Queens", time=slice("2024-01-01", "2024-12-24"), region=precincts, source=source\n)'),
    (WHERE, "plot_hotspots", "Hot and cold spots of a year (Getis-Ord Gi*)", 'ht.plot_hotspots(\n    ht.add_getis_ord(cube, "robbery", time=slice("2024-01-01", "2024-12-31")), "robbery_gi_class", region=boroughs, source=source\n)'),
    (WHERE, "plot_hotspots_emerging", "Emerging hot spots: since when it is hot", 'ht.plot_hotspots(\n    ht.add_emerging_hotspots(cube, "robbery", step="M", k=2), "robbery_emerging_class", region=boroughs, source=source\n)'),
    (GOOD, "plot_scores", "Every model beside the baseline, with intervals", 'ht.plot_scores(\n    ht.evaluate(cube, against=["historical_rate"], **test), ["log_loss", "pr_auc", "hit_rate_10"], source=source\n)'),
    (GOOD, "plot_capture", "How many events the flagged area holds", "ht.plot_capture(cube, **test, source=source)"),
    (GOOD, "plot_calibration", "Whether a probability means what it says", "ht.plot_calibration(cube, **test, source=source)"),
    (GOOD, "plot_split", "Which days train and which test", 'ht.plot_split(\n    featured, ht.rolling_origin(featured, first_test="2023-01-01", test_days=90, folds=4), source=source\n)'),
    (USE, "plot_thresholds", "What every threshold would reach, and where the chosen one lies", "ht.plot_thresholds(rule, source=source)"),
    (USE, "plot_funnel", "From cell-days scored to cases covered, and what the response found", 'ht.plot_funnel(\n    ht.funnel(cube, rule, reviewed_per_day=20, cases="case", **test),\n    workflow={"flagged": 21300, "reviewed": 7060, "referred": 410, "confirmed": 38, "harm_reported": 3}, source=source,\n)'),
    (WHY, "plot_importance", "Which features matter most", 'ht.plot_importance(\n    ht.add_contributions(featured, lightgbm, time=slice("2024-05-01", "2024-05-28")), cube=featured, source=source\n)'),
    (WHY, "plot_contributions", "What each feature adds, and for which values", 'ht.plot_contributions(\n    ht.add_contributions(featured, lightgbm, time=slice("2024-05-01", "2024-05-28")), source=source\n)'),
    (WHY, "plot_contributions_map", "What one feature adds, by place", 'ht.plot_contributions(\n    ht.add_contributions(featured, lightgbm, time=slice("2024-05-01", "2024-05-28")),\n    kind="map", feature="robbery_rate_240", region=boroughs, source=source,\n)'),
    (DATA, "plot_rows", "What became of the rows of each file", 'ht.plot_rows({"crime": crimes.report, "case": cases.report}, source=source)'),
    (DATA, "plot_precision", "How precisely events are known", 'ht.plot_precision({"crime": crimes, "case": cases}, [boroughs, precincts], source=source)'),
    (DATA, "plot_delay", "How late events become known", "ht.plot_delay(crimes, source=source)"),
)  # fmt: skip
"""Section, name of the picture (the function, and what is special), caption, and the expression that makes it."""


def page() -> str:
    """Return the text of the page."""
    texts, section = [HEAD], ""
    for where, name, caption, code in GALLERY:
        if where != section:
            section = where
            texts.append(f"## {section}\n")
        texts.append(_entry(name, caption, code))
        if name == "map_risk":
            texts.append(MAP_PAGE)
    return "\n".join([*texts, FIRST + PREPARE + "```\n"])


MAP_PAGE = """\
### The map as a page: `map_page`

![The map page: hexagons, a day slider, layers to switch, and the series of the chosen cell](images/map-desktop.png)

```python
page = ht.map_page(cube, "risk_lightgbm", time=slice("2024-05-01", "2024-05-31"), region=boroughs)  # in a notebook
ht.write_map_page(cube, "risk_lightgbm", "map.html", time=slice("2024-05-01", "2024-05-31"), region=boroughs)
```
"""


def _entry(name: str, caption: str, code: str) -> str:
    function = code[len("ht.") : code.index("(")]
    return f"""\
### {caption}: `{function}`

![{caption}](images/gallery/{name}.png)

```python
figure = {code}
```
"""


def functions() -> set[str]:
    """Return the names of the functions that the page shows."""
    return {code[len("ht.") : code.index("(")] for *_, code in GALLERY} | {"map_page"}


def make(wanted: list[str]) -> None:
    """Make the pictures asked for, all by default, and the page."""
    from contextlib import chdir

    PICTURES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, chdir(folder):
        names: dict[str, Any] = {}
        exec(PREPARE, names)  # noqa: S102  # the lines that the page shows
        for _, name, _, code in GALLERY:
            if not wanted or name in wanted:
                figure = eval(code, names)  # noqa: S307  # as above
                draw(figure, PICTURES / f"{name}.png")
    PAGE.write_text(page(), "utf-8")


def draw(figure: Any, path: Path) -> None:
    """Write a figure as a PNG with a palette."""
    import htgeo as ht

    ht.save_figure(figure, "figure.png")
    with Image.open("figure.png") as image:
        path.write_bytes(small(image.convert("RGB")))
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")  # noqa: T201  # a script says what it did


def small(image: Image.Image) -> bytes:
    """Return a picture as a PNG of at most `WIDEST` pixels and `MOST_BYTES`, with as many colours as fit.

    The palette covers all colours, also the rare ones: the highest class of a map is a few pixels.
    """
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
    for colors in (256, 128, 64, 32, 16):
        out = BytesIO()
        image.quantize(colors, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE).save(
            out, "png", optimize=True
        )
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


if __name__ == "__main__":
    make(sys.argv[1:])
