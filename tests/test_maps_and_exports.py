"""The map page is small, offline and safe; exports open in GDAL."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.grid.cells import cell_hex
from htgeo.maps.style import class_breaks, class_colors

SPAN = slice("2021-05-01", "2021-05-30")


@pytest.fixture
def risk(cube: xr.Dataset) -> xr.Dataset:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    return ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(ht.split_time(cube, "2021-05-01")[0]))


@pytest.fixture
def page(risk: xr.Dataset, boroughs: ht.Region, tmp_path: Path) -> Path:
    return ht.write_map_page(
        risk, "risk_ewma_rate", tmp_path / "map.html", time=SPAN, region=boroughs, title="A <b>title</b>"
    )


def settings_of(page: Path) -> dict:
    return json.loads(re.search(r'id="settings">(.*?)</script>', page.read_text("utf-8")).group(1))


def test_page__offline_small_and_escaped(page: Path) -> None:
    text = page.read_text("utf-8")
    own = text.replace(text[text.index("<script>") : text.index('<script type="application/json"')], "")
    assert "http://" not in own
    assert "https://" not in own
    assert "default-src 'none'" in text
    assert "A &lt;b&gt;title&lt;/b&gt;" in text
    assert "<b>title" not in text
    assert "Not for stops, searches, raids" in text
    assert page.stat().st_size < 5_000_000


def test_page__values_come_back(page: Path, risk: xr.Dataset) -> None:
    import base64

    settings = settings_of(page)
    values = (
        np.frombuffer(base64.b64decode(settings["values"]), "<u2").reshape(30, -1) * settings["step"] + settings["low"]
    )
    expected = risk["risk_ewma_rate"].sel(time=SPAN).values.T
    np.testing.assert_allclose(values, expected, atol=expected.max() / 60_000)
    assert settings["days"][0] == "2021-05-01"


def test_new_york_90_days__below_five_megabytes(boroughs: ht.Region, tmp_path: Path) -> None:
    grid = ht.make_grid(boroughs, resolution=8, start="2021-01-01", end="2021-03-31")
    from htgeo.cube.coords import empty_cube

    noise = np.random.default_rng(0).random((len(grid.cells), 90), np.float32)
    cube = empty_cube(grid).assign(noise=(("cell", "time"), noise))
    page = ht.write_map_page(cube, "noise", tmp_path / "m.html", time=slice(None, None))
    assert page.stat().st_size < 5_000_000
    assert len(settings_of(page)["days"]) == 90


def test_classes__ascend_and_have_one_colour_each() -> None:
    breaks = class_breaks(np.random.default_rng(0).gamma(0.3, 0.01, 10_000))
    assert (np.diff(breaks) > 0).all()
    assert len(class_colors(breaks)) == len(breaks) + 1 == 7
    assert len(class_breaks(np.zeros(5))) == 0
    assert len(class_breaks(np.full(3, np.nan))) == 0


def test_map__is_hvplot_and_saves_the_page(risk: xr.Dataset, tmp_path: Path) -> None:
    import holoviews as hv

    picture = risk.ht.map("risk_ewma_rate", time="2021-05-14")
    assert isinstance(picture, hv.Overlay)
    hv.render(picture, backend="bokeh")
    assert isinstance(risk.ht.map("risk_ewma_rate", tiles=True), hv.Overlay)
    page = picture.save(tmp_path / "m.html")
    assert settings_of(page)["days"] == ["2021-05-14"]


def test_map__clear_messages(risk: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(CubeError, match="has no variable 'risk'; it has"):
        risk.ht.map("risk")
    with pytest.raises(CubeError, match="the cube has no day 2030-01-01; it has 2021-01-01 to 2021-06-30"):
        ht.write_map_page(risk, "crime", tmp_path / "m.html", time="2030-01-01")
    with pytest.raises(CubeError, match=r"a map needs a variable on \('cell', 'time'\)"):
        ht.write_map_page(risk, "lon", tmp_path / "m.html")


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """
<script>
addEventListener("error", e => { document.title = "error " + e.message; });
addEventListener("securitypolicyviolation", e => { document.title = "blocked " + e.blockedURI; });
setTimeout(() => {
  const source = Bokeh.documents[0].get_model_by_name("cells"), slider = document.getElementById("slider"), seen = [];
  for (const day of [29, 0]) {
    slider.value = day; slider.dispatchEvent(new Event("input"));
    seen.push({day: document.getElementById("day").value, risk: source.data.risk.slice(0, 5), colors: new Set(source.data.color).size,
               cell: source.data.cell[0], top: source.data.rank.filter(r => r.startsWith("1 of")).length});
  }
  const out = document.createElement("pre"); out.id = "probe"; out.textContent = JSON.stringify(seen); document.body.append(out);
  const legend = document.querySelector("aside").getBoundingClientRect(), foot = document.querySelector("footer").getBoundingClientRect();
  out.dataset.legend = legend.bottom <= foot.top ? "clear" : "over the footer";
  out.dataset.requests = performance.getEntriesByType("resource").length;
}, 1500);
</script></body>"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize("size", ["500,844", "1440,900"])
def test_page__slider_moves_in_a_real_browser(page: Path, risk: xr.Dataset, tmp_path: Path, size: str) -> None:
    probed = tmp_path / "probe.html"
    probed.write_text(page.read_text("utf-8").replace("</body>", PROBE), "utf-8")
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    command = [
        CHROMIUM,
        *options.split(),
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={size}",
        "--virtual-time-budget=8000",
        "--dump-dom",
        probed.as_uri(),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "<title>A &lt;b&gt;title&lt;/b&gt;</title>" in dom  # no error, nothing blocked
    found = re.search(r'<pre id="probe" data-legend="(.*?)" data-requests="(\d+)">(.*?)</pre>', dom)
    assert found, "the page did not finish"
    assert found.group(1) == "clear"
    assert found.group(2) == "0"  # no request leaves the page
    last, first = json.loads(found.group(3))
    assert (first["day"], last["day"]) == ("Saturday, 1 May 2021", "Sunday, 30 May 2021")
    assert first["cell"] == cell_hex(risk["cell"].values[:1])[0]
    assert first["top"] == last["top"] == 1
    assert last["colors"] >= 3
    for seen, day in ((first, "2021-05-01"), (last, "2021-05-30")):
        expected = risk["risk_ewma_rate"].sel(time=day).values[:5] * 100
        np.testing.assert_allclose([float(r.removesuffix(" %")) for r in seen["risk"]], expected, rtol=0.06, atol=0.01)


def test_gpkg__opens_with_gdal(risk: xr.Dataset, tmp_path: Path) -> None:
    import pyogrio

    path = risk.ht.export(tmp_path / "risk.gpkg", ["risk_ewma_rate", "crime"], time=slice("2021-05-14", "2021-05-15"))
    info = pyogrio.read_info(path)
    assert info["crs"] == "EPSG:4326"
    assert info["geometry_type"] == "Polygon"
    assert dict(zip(info["fields"], info["ogr_types"], strict=True))["date"] == "OFTDate"
    frame = pyogrio.read_dataframe(path)
    assert len(frame) == 2 * risk.sizes["cell"]
    assert frame["cell"].tolist()[: risk.sizes["cell"]] == cell_hex(risk["cell"].values).tolist()
    np.testing.assert_array_equal(
        frame["crime"].to_numpy()[: risk.sizes["cell"]], risk["crime"].sel(time="2021-05-14").values
    )
    centers = frame.geometry.to_crs(32618).centroid.to_crs(4326)
    np.testing.assert_allclose(centers.x[: risk.sizes["cell"]], risk["lon"].values, atol=1e-4)
    if shutil.which("ogrinfo"):
        told = subprocess.run(["ogrinfo", "-al", "-so", str(path)], capture_output=True, text=True, check=True).stdout
        assert "date: Date" in told
        assert "cell: String" in told
        assert "Not for stops" in told


def test_csv__one_line_a_cell_and_day(risk: xr.Dataset, tmp_path: Path) -> None:
    path = ht.export(risk, tmp_path / "risk.csv", "crime", time="2021-05-14")
    table = pd.read_csv(path, dtype={"cell": str})
    assert table.columns.tolist() == ["cell", "borough", "precinct", "date", "crime"]
    assert table["date"].unique().tolist() == ["2021-05-14"]
    assert table["crime"].sum() == float(risk["crime"].sel(time="2021-05-14").sum())


def test_export__clear_messages_and_no_half_file(risk: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no export writes 'a.gpk'; known suffixes are .csv, .gpkg, .npz; did you mean 'gpkg'"
    ):
        ht.export(risk, tmp_path / "a.gpk", "crime")
    with pytest.raises(CubeError, match="no day 2031"):
        ht.export(risk, tmp_path / "a.csv", "crime", time="2031-01-01")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        ht.export(risk, tmp_path / "file" / "a.csv", "crime")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
