"""The explorer reads only what is looked at, counts rightly, opens nothing else, and works in a browser."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPMessage
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import icechunk
import numpy as np
import pandas as pd
import pytest
import typer
import xarray as xr
from conftest import no_compute
from typer.testing import CliRunner

import htgeo as ht
from htgeo.cli.serve import serve as serve_command
from htgeo.core.errors import CubeError, InputError, StoreError
from htgeo.cube.coords import empty_cube
from htgeo.cube.schema import stamp
from htgeo.evaluation.samples import samples
from htgeo.explorer import server
from htgeo.explorer.controls import Controls
from htgeo.explorer.data import MOST_SPANS, Explored, Selection
from htgeo.explorer.downloads import download
from htgeo.explorer.looks import changes, ranks, source_text, top_cells
from htgeo.explorer.map_view import legend
from htgeo.explorer.security import Access, find_stores, read_access
from htgeo.explorer.stores import Stores
from htgeo.explorer.thresholds import MOST_SUMS, THRESHOLDS, ThresholdSums
from htgeo.grid.cells import cell_hex

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = '<img src=x onerror="document.title=\'hacked\'"><script>document.title="hacked"</script>'
WORD = "long-enough-a-word"
SQUARES = {"rows": 2, "cols": 2, "min_lat": 40.6, "min_lon": -74.0, "cell_height_deg": 0.1, "cell_width_deg": 0.1}
EVERY = ".".join("0000")


@pytest.fixture(scope="module")
def risky() -> xr.Dataset:
    """Half a year with two forecasts and an alert; a borough has a name that is HTML and one a formula."""
    cube = ht.add_label(ht.demo_cube(), ht.AnyWithin("crime", days=7))
    train, _ = ht.split_time(cube, "2021-05-01")
    for model in (ht.HistoricalRate(), ht.EwmaRate(half_life=30)):
        cube = ht.add_risk(cube, model.fit(train))
    rule = ht.choose_threshold(cube, "ewma_rate", budget=ht.CellsPerDay(20), stop="2021-06-10", draws=0)
    names = pd.Series(cube["borough"].values).replace({"Queens": EVIL, "Bronx": "=1+1"}).to_numpy(str)
    return (
        ht.add_alert(cube, rule)
        .assign_coords(borough=("cell", names, {"names": np.unique(names).tolist()}))
        .drop_vars("borough_share")
    )


@pytest.fixture(scope="module")
def folder(risky: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the output of a study, and a store without a forecast."""
    root = tmp_path_factory.mktemp("stores")
    ht.save_cube(risky, root / "study" / "cube")
    ht.save_cube(ht.demo_cube(), root / "counts")
    return root


@pytest.fixture(scope="module")
def explored(folder: Path) -> Explored:
    return Explored(ht.open_cube(folder / "study" / "cube"))


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the chunks that are read from any store."""
    seen: list[str] = []
    get = icechunk.IcechunkStore.get

    async def recorded(self: icechunk.IcechunkStore, key: str, *args: object, **options: object) -> object:
        seen.extend([key] * ("/c/" in key))
        return await get(self, key, *args, **options)

    monkeypatch.setattr(icechunk.IcechunkStore, "get", recorded)
    return seen


@pytest.fixture(scope="module")
def long_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of a forecast and of counts: several chunks of cells and of days."""
    grid = ht.make_grid(ht.square_region(SQUARES), resolution=8, start="2021-01-01", end="2022-12-31")
    cube, rng = empty_cube(grid), np.random.default_rng(0)
    shape = (len(grid.cells), len(grid.days))
    risk = xr.DataArray(rng.random(shape, np.float32), dims=("cell", "time"))
    count = xr.DataArray(rng.poisson(0.1, shape).astype(np.float32), dims=("cell", "time"))
    facts = {
        "model": "any",
        "label": "crime_any_within_7",
        "layer": "crime",
        "horizon": 7,
        "training_days": "2021-01-01 to 2021-12-31",
    }
    cube = cube.assign(
        crime=stamp(count, "crime", "count", "1", "crimes"),
        risk_any=stamp(risk, "risk_any", "risk", "1", "risk", **facts),
    )
    path = tmp_path_factory.mktemp("long") / "cube"
    ht.save_cube(cube, path)
    return path


def day(model: str = "ewma_rate", layer: str = "forecast", at: int = 150, **more: object) -> Selection:
    return Selection(model, layer, at, at, **more)


def span(
    model: str = "ewma_rate", layer: str = "forecast", first: int = 140, last: int = 149, **more: object
) -> Selection:
    return Selection(model, layer, first, last, **more)


# what is read


def test_opening__computes_nothing_and_reads_only_coordinates(folder: Path, keys: list[str]) -> None:
    with no_compute():
        opened = Stores(find_stores(folder)).open("study")
        opened.explored.layer(day(layer="difference", other="historical_rate"))
        opened.sums.scored("ewma_rate", None)
    cube = opened.explored.cube
    assert {key.split("/")[0] for key in keys} <= {str(name) for name in cube.coords}


def test_day__reads_only_the_chunks_of_that_day(long_store: Path, keys: list[str]) -> None:
    explored = Explored(ht.open_cube(long_store))
    blocks = len(explored.cube["risk_any"].chunksizes["cell"])
    assert blocks > 1
    keys.clear()
    explored.values(day("any", at=400))
    assert sorted(keys) == [f"risk_any/c/{block}/2" for block in range(blocks)]  # day 400 lies in the third 182
    keys.clear()
    explored.values(day("any", at=400))
    assert keys == []


def test_cell__reads_only_the_chunks_of_its_block(long_store: Path, keys: list[str]) -> None:
    explored = Explored(ht.open_cube(long_store))
    keys.clear()
    risk, events = explored.cell(day("any"), 0)
    assert {key.rsplit("/", 1)[0] for key in keys} == {"risk_any/c/0", "crime/c/0"}
    np.testing.assert_array_equal(risk, explored.cube["risk_any"][0].values)
    np.testing.assert_array_equal(events, explored.cube["crime"][0].values)


def test_values__day_range_and_area(explored: Explored, risky: xr.Dataset) -> None:
    risk = risky["risk_ewma_rate"].values
    np.testing.assert_array_equal(explored.values(day()), risk[:, 150])
    np.testing.assert_allclose(explored.values(span()), risk[:, 140:150].mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(explored.values(span(layer="observed")), risky["crime"].values[:, 140:150].sum(axis=1))
    flagged = risk[:, 140:150] >= np.float32(0.3)
    np.testing.assert_allclose(explored.values(span(layer="flagged", threshold=0.3)), flagged.mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(explored.values(day(layer="flagged", threshold=0.3)), risk[:, 150] >= np.float32(0.3))
    less = explored.values(day(layer="difference", other="historical_rate"))
    np.testing.assert_allclose(less, risk[:, 150] - risky["risk_historical_rate"].values[:, 150])
    inside = risky["borough"].values == "Brooklyn"
    some = explored.values(day(area=("borough", "Brooklyn")))
    np.testing.assert_array_equal(np.isfinite(some), inside)


def test_scale__of_a_day_is_the_same_every_day_and_tells_one_event_from_none(explored: Explored) -> None:
    scales = [explored.scale(day(at=at))[1] for at in (3, 100, 180)]
    assert all(scale is scales[0] for scale in scales)
    unit, observed = explored.scale(day(layer="observed"))
    assert unit == ""
    none, one = observed.classes(np.array([0.0, 1.0]))
    assert one > none
    assert explored.scale(span(layer="flagged", threshold=0.3))[0] == "probability"


def test_no_model__layers_are_counts(folder: Path) -> None:
    explored = Explored(ht.open_cube(folder / "counts"))
    assert explored.models == {}
    assert "forecast" not in explored.layers
    chosen = Selection("", "crime", 10, 10)
    best = top_cells(explored, chosen, 3)
    assert float(best["value"].iloc[0]) == float(explored.cube["crime"][:, 10].max())
    assert "trained" not in source_text(explored, chosen)


def test_errors__name_what_there_is(explored: Explored, risky: xr.Dataset) -> None:
    with pytest.raises(
        InputError, match="no model 'ewma'; it has historical_rate, ewma_rate; did you mean 'ewma_rate'"
    ):
        explored.values(day("ewma"))
    with pytest.raises(InputError, match="no area 'Broklyn' of the layer 'borough'; did you mean 'Brooklyn'"):
        explored.values(day(area=("borough", "Broklyn")))
    with pytest.raises(InputError, match="no layer 'wind' of the model 'ewma_rate'; it has forecast, flagged"):
        explored.values(day(layer="wind"))
    with pytest.raises(CubeError, match="the places of this cube are areas"):
        Explored(ht.aggregate(ht.demo_cube(), "borough"))
    with pytest.raises(CubeError, match="nothing on"):
        Explored(risky.drop_vars(list(risky.data_vars)))


def test_caches__are_bounded(explored: Explored) -> None:
    for at in range(MOST_SPANS + 5):
        explored.values(day(at=at))
    assert explored._read.cache_info().currsize == MOST_SPANS
    assert ThresholdSums(explored).of.cache_info().maxsize == MOST_SUMS


# thresholds


@pytest.mark.filterwarnings("ignore:Widget.name:PendingDeprecationWarning")
def test_difference__is_never_of_a_model_and_itself(explored: Explored) -> None:
    seen: list[Selection] = []
    controls = Controls(explored, lambda: seen.append(controls.selection(0.1)))
    controls.layer.value = "difference"
    for model in explored.models:
        controls.model.value = model
        controls.other.value = model
    assert all(one.other != one.model for one in seen)
    assert {one.model for one in seen} == set(explored.models)


def test_sums__equal_the_samples_of_the_evaluation(explored: Explored, risky: xr.Dataset) -> None:
    sums = ThresholdSums(explored).of("ewma_rate", None, None)
    sample = samples(risky, ["ewma_rate"], start=str(sums.days[0]), stop=str(sums.days[-1])).by_model["ewma_rate"]
    known = sample.known
    assert sums.all_events == sample.events[known].sum()
    for number in range(0, len(sums.thresholds), 7):
        reached = sums.reached(number)
        flagged = known & (np.nan_to_num(sample.forecast) >= np.float32(sums.thresholds[number]))
        area = np.broadcast_to(sample.area[:, None], known.shape)
        assert reached.captured == pytest.approx(sample.events[flagged].sum() / sums.all_events)
        assert reached.precision == pytest.approx(sample.observed[flagged].mean())
        assert reached.area_share == pytest.approx(area[flagged].sum() / area[known].sum())
        assert reached.cells_per_step == pytest.approx(flagged.sum() / len(sums.days))
    assert sums.reached(0).captured == 1
    assert len(sums.thresholds) > 20


def test_sums__of_an_area_and_a_range_are_read_once(explored: Explored, risky: xr.Dataset) -> None:
    made = ThresholdSums(explored)
    some = made.of("ewma_rate", ("borough", "Brooklyn"), (160, 165))
    with no_compute():
        assert made.of("ewma_rate", ("borough", "Brooklyn"), (160, 165)) is some
    inside = risky["borough"].values == "Brooklyn"
    assert some.cells[0] == inside.sum() * 6
    assert some.land == pytest.approx(6 * risky["cell_area"].values[inside].sum())


def test_scored_days__begin_after_the_training_days_and_end_before_the_labels_do(explored: Explored) -> None:
    made = ThresholdSums(explored)
    days = explored.days[made.scored("ewma_rate", None)]
    trained = np.datetime64(explored.forecast("ewma_rate").attrs["training_days"][-10:])
    assert days[0] == trained + 7
    assert days[-1] == explored.days[-1] - 6
    with pytest.raises(CubeError, match="no day to score here: ewma_rate was trained on 2021-01-01 to"):
        made.of("ewma_rate", None, (0, 5))


def test_thresholds__are_found_by_value_and_by_area(explored: Explored) -> None:
    sums = ThresholdSums(explored).of("ewma_rate", None, None)
    number = sums.flagging(0.05)
    assert sums.reached(number).area_share <= 0.05 < sums.reached(number - 1).area_share
    assert sums.nearest(float(sums.thresholds[4]) * 1.001) == 4
    assert (np.diff(THRESHOLDS) > 0).all()


# what is said


def test_ranks__equal_values_share_a_place() -> None:
    np.testing.assert_array_equal(ranks(np.array([0.5, 0.9, 0.5, np.nan, 0.1])), [2, 1, 2, np.nan, 4])


def test_top_cells__hex_place_and_percent(explored: Explored, risky: xr.Dataset) -> None:
    best = top_cells(explored, day(), 4)
    order = np.argsort(-risky["risk_ewma_rate"].values[:, 150], kind="stable")[:4]
    assert best["cell"].tolist() == cell_hex(risky["cell"].values[order]).tolist()
    assert best["place"].iloc[0].split(", ")[0] == risky["borough"].values[order[0]]
    assert best["value"].str.endswith(" %").all()
    inside = top_cells(explored, day(area=("borough", "Brooklyn")), 500)
    assert len(inside) == (risky["borough"].values == "Brooklyn").sum()


def test_changes__largest_rises_falls_and_newcomers(explored: Explored, risky: xr.Dataset) -> None:
    risk, hexes = risky["risk_ewma_rate"].values, cell_hex(risky["cell"].values)
    found = changes(explored, day(), 3)
    change = risk[:, 150] - risk[:, 149]
    assert found.loc[found["change"] == "rise", "cell"].tolist() == hexes[np.argsort(-change)[:3]].tolist()
    assert found.loc[found["change"] == "fall", "cell"].tolist() == hexes[np.argsort(change)[:3]].tolist()
    most = round(0.05 * len(hexes))
    new = set(np.argsort(-risk[:, 150])[:most]) - set(np.argsort(-risk[:, 149])[:most])
    assert set(found.loc[found["change"] == "new", "cell"]) <= set(hexes[list(new)])
    first = changes(explored, day(at=0))
    assert first.empty
    assert (first["before"] + first["now"]).empty  # text, also without a row
    before = span().before
    assert (before.first, before.last) == (130, 139)


def test_legend__text_is_escaped(explored: Explored) -> None:
    assert "<script>" not in legend(EVIL, explored.scale(day())[1])


def test_download__csv_has_the_rows_and_no_formula(explored: Explored, risky: xr.Dataset) -> None:
    chosen = day(layer="observed", area=("borough", "=1+1"))
    table = pd.read_csv(BytesIO(download(explored, chosen, "csv")), dtype={"cell": str})
    inside = risky["borough"].values == "=1+1"
    assert sorted(table["cell"]) == sorted(cell_hex(risky["cell"].values[inside]))
    assert table["borough"].unique().tolist() == ["'=1+1"]
    assert table["rank"].tolist() == sorted(table["rank"])
    assert table["intended_use"].str.contains("Not for stops").all()
    assert table["first_day"].unique().tolist() == ["2021-05-31"]
    expected = risky["risk_ewma_rate"].isel(time=150).values[inside]
    np.testing.assert_allclose(sorted(table["risk_ewma_rate"]), sorted(expected), rtol=1e-5)
    assert table["crime"].sum() == risky["crime"].isel(time=150).values[inside].sum()


def test_download__geopackage_opens_and_nothing_is_written(
    explored: Explored, risky: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyogrio

    monkeypatch.chdir(tmp_path)
    content = download(explored, span(), "gpkg")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "selection.gpkg").write_bytes(content)
    frame = pyogrio.read_dataframe(tmp_path / "selection.gpkg")
    assert len(frame) == risky.sizes["cell"]
    assert frame.crs == 4326
    assert frame["intended_use"].str.contains("Not for stops").all()
    centers = frame.set_index("cell").geometry.to_crs(32618).centroid.to_crs(4326)
    np.testing.assert_allclose(centers[cell_hex(risky["cell"].values)].x, risky["lon"].values, atol=1e-3)


# who may look at what


def test_find_stores__by_name_and_none_outside(folder: Path, tmp_path: Path) -> None:
    assert list(find_stores(folder)) == ["counts", "study"]
    assert list(find_stores(folder / "study")) == ["study"]
    assert find_stores(folder / "study" / "cube") == {"study": str(folder / "study" / "cube")}
    ht.save_cube(ht.demo_cube(), tmp_path / "given" / "mine")
    (tmp_path / "given" / "link").symlink_to(folder / "counts")
    (tmp_path / "given" / "half").mkdir()
    (tmp_path / "given" / "half" / "cube").symlink_to(folder / "counts")
    assert list(find_stores(tmp_path / "given")) == ["mine"]
    shutil.copytree(folder / "study" / "cube", tmp_path / "given" / "given")  # called as the folder around it
    shutil.copytree(folder / "study" / "cube", tmp_path / "given" / "cube")
    assert list(find_stores(tmp_path / "given")) == ["given", "given/given", "mine"]
    assert find_stores("s3://bucket/store") == {"s3://bucket/store": "s3://bucket/store"}
    for wrong, text in ((tmp_path / "given" / "half", "holds no store"), (tmp_path / "none", "is no folder")):
        with pytest.raises(StoreError, match=text):
            find_stores(wrong)


def test_open__only_names_of_the_list_and_no_link(folder: Path, tmp_path: Path) -> None:
    stores = Stores(find_stores(folder))
    for name in ("../counts", str(folder / "counts"), "study/cube", "/etc", ""):
        with pytest.raises(InputError, match="there is no store"):
            stores.open(name)
    ht.save_cube(ht.demo_cube(), tmp_path / "mine")
    (tmp_path / "mine" / "chunks" / "STOLEN").symlink_to("/etc/passwd")
    with pytest.raises(StoreError, match="has a link in it"):
        Stores(find_stores(tmp_path)).open("mine")


def test_open__sees_a_new_commit(tmp_path: Path) -> None:
    cube = ht.demo_cube()
    ht.save_cube(cube, tmp_path / "mine")
    stores = Stores(find_stores(tmp_path))
    first = stores.open("mine")
    assert stores.open("mine") is first
    ht.save_cube(cube.isel(time=slice(0, 100)), tmp_path / "mine")
    assert len(stores.open("mine").explored.days) == 100


def test_access__others_need_a_secret() -> None:
    assert Access().allowed(5006) == ["127.0.0.1:5006", "localhost:5006"]
    with pytest.raises(InputError, match=r"lets other machines in, so it needs a password or a token.*HTGEO_TOKEN"):
        Access(address="192.168.1.5")
    with pytest.raises(InputError, match="--host machine lets other machines in"):
        Access(hosts=("machine",))  # behind another server
    with pytest.raises(InputError, match="at least 8 characters"):
        Access(address="192.168.1.5", secret=WORD[:5])
    with pytest.raises(InputError, match="listens on every address"):
        Access(address=EVERY, secret=WORD)
    with pytest.raises(InputError, match="not both"):
        read_access(address="127.0.0.1", port=0, password=WORD, token=WORD, hosts=[])
    with pytest.raises(InputError, match="--port must be"):
        Access(port=70_000)
    access = Access(address=EVERY, secret=WORD, hosts=("Machine",))
    assert access.allowed(80) == ["machine:80", "machine", "127.0.0.1:80", "localhost:80"]
    assert access.opens(WORD)
    assert not access.opens("")
    assert WORD not in repr(access)


def test_command__refuses_others_without_a_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(serve_command)
    given: list[Access] = []
    monkeypatch.setattr(server, "serve", lambda *args, **_: given.append(args[1]))
    runner = CliRunner()
    refused = runner.invoke(app, [str(folder), "--address", "192.168.1.5"])
    assert isinstance(refused.exception, InputError)
    told = runner.invoke(app, [str(folder), "--address", "192.168.1.5"], env={"HTGEO_TOKEN": WORD})
    assert told.exit_code == 0
    assert WORD not in told.output
    runner.invoke(app, [str(folder)])
    assert [(one.address, one.secret) for one in given] == [("192.168.1.5", WORD), ("127.0.0.1", "")]


def test_no_panel__says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "panel", None)
    with pytest.raises(CubeError, match=r"pip install 'htgeo\[explorer\]'"):
        server.serve(folder)


# the server

START = """
import sys
from htgeo.explorer.security import Access
from htgeo.explorer.server import serve
serve(sys.argv[1], Access(port=0, secret=sys.argv[2]), say=lambda text: print(text, flush=True))
"""


def started(folder: Path, secret: str = "") -> Iterator[str]:
    """Start a server in a process of its own, yield its address, end it."""
    process = subprocess.Popen([sys.executable, "-c", START, str(folder), secret], stdout=subprocess.PIPE, text=True)
    try:
        told = process.stdout.readline()
        assert "http://127.0.0.1:" in told
        assert not secret or secret not in told
        yield re.search(r"http://[\d.:]+", told).group()
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    yield from started(folder)


@pytest.fixture(scope="module")
def locked_url(folder: Path) -> Iterator[str]:
    yield from started(folder, WORD)


def ask(url: str, path: str, method: str = "GET", body: str = "", **headers: str) -> tuple[int, HTTPMessage, str]:
    """Return status, headers and text of an answer; redirects are not followed."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    with closing(connection):
        return (
            answer.status,
            answer.headers,
            answer.read().decode() if "text" in answer.headers.get("Content-Type", "") else "",
        )


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.mark.slow
def test_server__refuses_other_hosts_origins_and_paths(url: str) -> None:
    port = url.rsplit(":", 1)[1]
    assert ask(url, "/")[0] == 200
    assert ask(url, "/", Host=f"localhost:{port}")[0] == 200
    evil = f"evil.example:{port}"  # a name of another that leads here
    assert ask(url, "/", Host=evil)[0] == 403
    assert ask(url, "/ws", Host=evil, Origin=f"http://{evil}", **UPGRADE)[0] == 403
    assert ask(url, "/ws", Origin="http://evil.example", **UPGRADE)[0] == 403
    paths = ("/../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/extensions/panel//etc/passwd")
    for path in (*paths, "/components/os/path/etc/passwd", "/static/../../../../../../etc/passwd"):
        code, _, text = ask(url, path)
        assert code in (400, 403, 404)
        assert "root:" not in text


@pytest.mark.slow
def test_server__policy_allows_only_itself(url: str) -> None:
    _, headers, page = ask(url, "/")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "http" not in headers["Content-Security-Policy"]
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", page)


@pytest.mark.slow
def test_server__asks_for_the_secret(locked_url: str) -> None:
    def sign_in(word: str) -> tuple[int, HTTPMessage]:
        body = urlencode({"secret": word})
        return ask(locked_url, "/login", "POST", body, Content_Type="application/x-www-form-urlencoded")[:2]

    assert ask(locked_url, "/")[0] == 302
    assert ask(locked_url, "/ws", Origin=locked_url, **UPGRADE)[0] == 403
    assert sign_in("wrong")[0] == sign_in("")[0] == 403
    code, headers = sign_in(WORD)
    assert (code, headers["Location"]) == (302, "/")
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]
    cookie = headers["Set-Cookie"].split(";")[0]
    code, _, page = ask(locked_url, "/", Cookie=cookie)
    assert code == 200
    assert "htgeo explorer" in page
    assert WORD not in page
    assert cookie.split("=", 1)[1].strip('"') not in page
    assert ask(locked_url, "/", Cookie=cookie[:-4] + '000"')[0] == 302


# in a real browser

in_browser = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """One tab with the study of the folder in it, and all requests that it makes."""

    def __init__(self, chromium: Any, url: str) -> None:
        self.page = chromium.new_context(viewport={"width": 1440, "height": 1400}, accept_downloads=True).new_page()
        self.page.set_default_timeout(60_000)
        self.url, self.requests, self.errors, self.frames = url, [], [], []
        self.page.on(
            "websocket", lambda socket: socket.on("framereceived", lambda frame: self.frames.append(str(frame)))
        )
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)  # the first store, which has no forecast
        self.choose("Store", "study")
        self.wait_for("ewma_rate, Wed 30 Jun 2021")

    def choose(self, name: str, option: str) -> None:
        self.page.get_by_label(name, exact=True).select_option(label=option)

    def wait_for(self, heading: str) -> str:
        """Wait until the heading of the map matches, and return it."""
        found = self.page.locator("h3", has_text=re.compile(heading)).first
        found.wait_for()
        return found.inner_text()

    def see(self, source: str, column: str, values: np.ndarray) -> None:
        """Wait until a column is what it should be."""
        self.page.wait_for_function(
            """([source, column, values]) => {
              const seen = Bokeh.documents[0].get_model_by_name(source).data[column];
              return seen.length == values.length && values.every((v, i) => Math.abs(v - seen[i]) < 1e-4 * (1 + Math.abs(v)));
            }""",
            arg=[source, column, np.asarray(values, float).tolist()],
        )

    def captured(self) -> float:
        return float(self.page.locator("#captured").inner_text().removesuffix(" %"))

    def middle(self, number: int) -> list[float]:
        """Return where the middle of a cell is on the page."""
        return self.page.evaluate(
            """number => {
              const plot = Bokeh.documents[0].get_model_by_name("map"), view = Bokeh.index.find_one(plot);
              const data = Bokeh.documents[0].get_model_by_name("cells").data, mean = a => a.reduce((s, v) => s + v, 0) / a.length;
              const box = view.canvas_view.el.getBoundingClientRect();
              return [box.x + view.frame.x_scale.compute(mean(data.xs[number])), box.y + view.frame.y_scale.compute(mean(data.ys[number]))];
            }""",
            number,
        )


@pytest.fixture
def tab(chromium: Any, url: str) -> Iterator[Tab]:
    one = Tab(chromium, url)
    yield one
    one.page.context.close()


class TestBrowser:
    pytestmark = in_browser

    def test_look__slide_click_and_change(self, tab: Tab, explored: Explored) -> None:
        risk = explored.cube["risk_ewma_rate"].values
        tab.see("cells", "shown", 100 * risk[:, -1])
        assert any('"xs"' in frame for frame in tab.frames)
        tab.frames.clear()
        tab.page.locator(".noUi-handle").first.press("ArrowLeft")
        tab.wait_for("Tue 29 Jun 2021")
        tab.see("cells", "shown", 100 * risk[:, -2])
        assert not any('"xs"' in frame for frame in tab.frames)  # hexagons are sent once
        tab.page.mouse.click(*tab.middle(7))
        tab.wait_for(explored.hexes[7])
        tab.see("line", "value", 100 * risk[7])
        counts = explored.cube["crime"].values[7]
        tab.see("events", "count", counts[counts > 0])
        hexagon = tab.page.evaluate("Bokeh.documents[0].get_model_by_name('cells').data.xs[7]")
        assert tab.page.evaluate("Bokeh.documents[0].get_model_by_name('chosen').data.xs[0]") == hexagon
        tab.choose("Model", "historical_rate")
        tab.wait_for("historical_rate, Tue 29 Jun 2021")
        other = explored.cube["risk_historical_rate"].values[:, -2]
        tab.see("cells", "shown", 100 * other)
        assert [one for one in tab.requests if not one.startswith((tab.url, "data:", "blob:"))] == []
        assert tab.errors == []

    def test_threshold__changes_what_is_captured(self, tab: Tab, explored: Explored) -> None:
        tab.page.locator("#captured").wait_for()
        before, sums = tab.captured(), ThresholdSums(explored).of("ewma_rate", None, None)
        number = sums.nearest(float(explored.cube["alert_ewma_rate"].attrs["threshold"]))
        assert before == pytest.approx(100 * sums.reached(number).captured, abs=0.06)
        tab.page.locator(".noUi-handle").last.press("ArrowLeft")
        after = f"{100 * sums.reached(number - 1).captured:.1f} %"
        tab.page.locator("#captured", has_text=after).wait_for()
        assert tab.captured() >= before

    def test_download__has_the_rows_that_are_seen(self, tab: Tab, risky: xr.Dataset, tmp_path: Path) -> None:
        tab.choose("Area", "Brooklyn")
        tab.wait_for("Brooklyn")
        with tab.page.expect_download() as got:
            tab.page.get_by_text("Download CSV").click()
        got.value.save_as(tmp_path / "selection.csv")
        table = pd.read_csv(tmp_path / "selection.csv", dtype={"cell": str})
        inside = risky["borough"].values == "Brooklyn"
        assert set(table["cell"]) == set(cell_hex(risky["cell"].values[inside]))
        assert table["last_day"].unique().tolist() == ["2021-06-30"]

    def test_tabs__do_not_disturb_each_other(self, tab: Tab, chromium: Any, url: str) -> None:
        other = Tab(chromium, url)
        other.page.get_by_role("button", name="Before").click()
        other.wait_for("Tue 29 Jun 2021")
        tab.choose("Model", "historical_rate")
        tab.wait_for("historical_rate, Wed 30 Jun 2021")
        assert "ewma_rate, Tue 29 Jun 2021" in other.wait_for("Forecast")
        other.page.context.close()

    def test_names__are_text_and_never_run(self, tab: Tab, risky: xr.Dataset) -> None:
        tab.page.mouse.move(*tab.middle(int(np.flatnonzero(risky["borough"].values == EVIL)[0])))
        tab.page.locator(".bk-Tooltip, .bk-tooltip", has_text="onerror").first.wait_for()
        tab.choose("Area", EVIL)
        assert EVIL in tab.wait_for("onerror")
        tab.page.locator(".tabulator-cell", has_text="onerror").first.click()
        tab.page.locator(".note", has_text="onerror").first.wait_for()
        assert "hacked" not in tab.page.title()
        assert tab.page.locator("img[src=x]").count() == 0
