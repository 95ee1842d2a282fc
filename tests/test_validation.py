"""Validation on verified cases: levels, percentiles, circles, sums by area, lead time, and negative controls."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from conftest import make_events
from scipy.stats import spearmanr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.evaluation import case_scores
from htgeo.evaluation.case_levels import load_forecast, make_level, shares_of
from htgeo.evaluation.case_places import place_cases
from htgeo.evaluation.case_scores import make_draws, rank_units
from htgeo.evaluation.cases import validate_cases
from htgeo.evaluation.controls import negative_controls
from htgeo.grid.cells import cell_polygons
from htgeo.sources.synthetic import City

DAYS = {"start": "2021-03-01", "stop": "2021-05-30"}
SIZE = 400


def with_risk(cube: xr.Dataset, values: np.ndarray, *, role: str = "risk", horizon: int = 1) -> xr.Dataset:
    """Return the cube with a forecast made by hand, ``made``; values broadcast to (cell, time)."""
    dims = (cube.attrs.get("space", "cell"), "time")
    whole = np.broadcast_to(values, [cube.sizes[dim] for dim in dims]).astype(np.float32)
    name = f"{role}_made"
    facts = {"label": "crime_any_within_1", "layer": "crime", "horizon": horizon}
    return cube.assign({name: stamp(xr.DataArray(whole, dims=dims), name, role, "1", "by hand", **facts)})


@pytest.fixture
def intensity(cube: xr.Dataset) -> np.ndarray:
    """The true density of the simulated city at the centres of the cells."""
    return City().intensity(cube["lon"].values, cube["lat"].values)


@pytest.fixture
def truth(cube: xr.Dataset, intensity: np.ndarray) -> np.ndarray:
    """A true risk that moves in time: each cell has its own busy weeks."""
    noise = np.random.default_rng(5).normal(size=(len(intensity), cube.sizes["time"] + 14))
    walk = np.lib.stride_tricks.sliding_window_view(noise, 15, axis=1).mean(axis=2) * np.sqrt(15)
    return np.minimum(0.2 * intensity[:, None] / intensity.max() * np.exp(0.8 * walk), 0.9)


@pytest.fixture
def cases(cube: xr.Dataset, truth: np.ndarray) -> ht.Events:
    """Cases at the centres of cells, drawn from the true risk of the days validated."""
    return drawn_cases(cube, truth)


def drawn_cases(cube: xr.Dataset, rate: np.ndarray, size: int = SIZE, seed: int = 1) -> ht.Events:
    inside = (cube["time"] >= np.datetime64(DAYS["start"])) & (cube["time"] <= np.datetime64(DAYS["stop"]))
    chance = (rate * inside.values).ravel()
    at = np.random.default_rng(seed).choice(len(chance), size, p=chance / chance.sum())
    cell, day = np.divmod(at, cube.sizes["time"])
    return make_events(occurred=cube["time"].values[day], lon=cube["lon"].values[cell], lat=cube["lat"].values[cell])


def known_to(layer: str, areas: list[str], days: list[str], **more: object) -> ht.Events:
    return make_events(occurred=days, area=areas, precision=[layer] * len(areas), **more)


def means(check: object, score: str) -> pd.Series:
    table = check.summary[check.summary["score"] == score]
    return table.set_index(["level", "error_km"])["mean"]


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("radius_km", [1.0, 3.0])
def test_circles__shares_as_by_shapely(cube, intensity, radius_km):
    cube = with_risk(cube, intensity[:, None] / intensity.max() / 2)
    lon, lat = np.array([-73.95, -73.872, -73.81]), np.array([40.70, 40.75, 40.85])
    events = make_events(occurred=["2021-03-03"] * 3, lon=lon, lat=lat)
    placed, left = place_cases(cube, events.table, load_forecast(cube, "made", **DAYS), [radius_km])
    assert left == {}
    scale = np.array([np.cos(np.radians(40.78)), 1.0]) * 111.195
    hexagons = shapely.transform(cell_polygons(cube["cell"].values), lambda xy: xy * scale)
    circles = shapely.buffer(shapely.points(np.stack([lon, lat], axis=1) * scale), radius_km, quad_segs=64)
    shared = shapely.area(shapely.intersection(circles[:, None], hexagons[None, :]))
    expected = shared / shared.sum(axis=1, keepdims=True)
    assert (expected > 0).sum() > 3
    np.testing.assert_allclose(placed[0].mass.toarray(), expected, atol=0.006)


def test_place_without_error__is_its_cell(cube, cases, truth):
    cube = with_risk(cube, truth)
    (placed,), _ = place_cases(cube, cases.table, load_forecast(cube, "made", **DAYS), [0.0])
    cell = placed.mass.tocoo()
    assert cell.data.tolist() == [1.0] * SIZE
    np.testing.assert_array_equal(cube["lon"].values[cell.col], cases.table["lon"])


def test_levels__each_case_at_the_finest_that_is_honest(cube, truth):
    table = {
        "occurred": ["2021-03-03"] * 6 + ["2020-01-01"],
        "lon": [-73.95, *[np.nan] * 5, -73.95],
        "lat": [40.70, *[np.nan] * 5, 40.70],
        "area": ["", "Queens", "44", "44|46", "", "Jamaica", ""],
        "precision": ["point", "borough", "precinct", "precinct", "city", "nta", "point"],
    }
    check = validate_cases(with_risk(cube, truth), "made", make_events(**table), draws=0, **DAYS)
    assert check.facts["cases_by_level"] == {"cell": 1, "borough": 1, "precinct": 2}
    assert check.facts["left_out"] == {
        "outside the days": 1,
        "known to the city only": 1,
        "known to a nta, which the cube lacks": 1,
    }
    found = check.percentiles.groupby("level")["case"].agg(set).to_dict()
    assert found == {"cell": {0}, "borough": {1}, "precinct": {2, 3}}
    assert check.percentiles.groupby("level")["error_km"].agg(set)["borough"] == {0.0}
    boroughs = check.areas[(check.areas["layer"] == "borough") & (check.areas["freq"] == "month")]
    assert boroughs.groupby("area")["cases"].sum().sum() == pytest.approx(4)  # precincts and cells count in boroughs
    precincts = check.areas[(check.areas["layer"] == "precinct") & (check.areas["freq"] == "month")]
    assert precincts["cases"].sum() == pytest.approx(3)  # what is known to a borough is in no precinct
    text = str(check)
    assert "1 known to the city only" in text
    assert "scored by borough: 1" in text


def test_several_areas__by_their_land(cube, truth):
    cube = with_risk(cube, truth)
    forecast = load_forecast(cube, "made", **DAYS)
    (placed,), _ = place_cases(cube, known_to("precinct", ["44|46"], ["2021-03-03"]).table, forecast, [0.0])
    level = make_level(cube, forecast, "precinct")
    at = [level.names.index("44"), level.names.index("46")]
    np.testing.assert_allclose(placed.mass.toarray()[0, at], level.area[at] / level.area[at].sum())
    assert level.area.sum() == pytest.approx(float(cube["cell_area"].sum()))


def test_part_of_a_cube__areas_are_those_of_its_cells(cube, truth, cases):
    part = with_risk(cube, truth).isel(cell=cube["lon"].values < -73.95)
    check = validate_cases(part, "made", cases, draws=0, **DAYS)
    whole = check.areas[(check.areas["layer"] == "borough") & (check.areas["freq"] == "month")]
    assert whole["cases"].sum() == pytest.approx(check.facts["cases"])
    assert whole.groupby("area")["expected"].sum()["Queens"] < 0.2 * whole["expected"].sum()
    assert "point outside the cube" in str(check)


def test_shares_of_other_cells__are_not_taken(cube):
    turned = cube.isel(cell=slice(None, None, -1))
    main = shares_of(turned, "borough").toarray()
    assert set(main.ravel()) == {0.0, 1.0}
    names = np.array(cube["borough_share"].attrs["names"])
    np.testing.assert_array_equal(names[main.argmax(axis=0)], turned["borough"])


def test_no_case_to_compare__says_why(cube, truth):
    with pytest.raises(CubeError, match=r"2 known to the city only"):
        validate_cases(with_risk(cube, truth), "made", known_to("city", ["", ""], ["2021-03-03"] * 2), **DAYS)


def test_training_days__are_refused(cube):
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=7))
    train, _ = ht.split_time(cube, "2021-03-01")
    cube = ht.add_risk(cube, ht.HistoricalRate().fit(train))
    events = known_to("borough", ["Queens"] * 2, ["2021-02-20", "2021-03-01"])
    with pytest.raises(CubeError, match="from 2021-03-01 on, not from 2021-02-20"):
        validate_cases(cube, "historical_rate", events, start="2021-02-20")
    check = validate_cases(cube, "risk_historical_rate", events, draws=0)
    assert check.facts["days"].startswith("2021-03-01")
    assert check.facts["cases"] == 1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"errors_km": []}, "errors_km"),
        ({"errors_km": [1.0, 1.0]}, "each once"),
        ({"errors_km": [-1.0]}, "0 or more"),
        ({"level": 1.0}, "level"),
        ({"draws": -1}, "draws"),
    ],
)
def test_options__are_checked(cube, truth, cases, options, match):
    with pytest.raises(InputError, match=match):
        validate_cases(with_risk(cube, truth), "made", cases, **options)


# --- percentiles and capture ------------------------------------------------------------------------------------------


def test_percentiles__as_counted_slowly(cube, truth):
    small = cube.isel(cell=slice(0, 12), time=slice(60, 66))
    values = np.round(truth[:12, 60:66] / truth[:12, 60:66].max(), 1)  # many ties
    values[3, 2] = np.nan
    forecast = load_forecast(with_risk(small, values / 2), "made", None, None)
    level = make_level(small, forecast, "cell")
    ranks = rank_units(level)

    def slow(value, others, area):
        known = ~np.isnan(others)
        below = area[known & (others < value)].sum() + area[known & (others == value)].sum() / 2
        return 100 * below / area[known].sum()

    assert np.isnan(ranks.percentiles["percentile_day"][3, 2])
    whole = np.repeat(level.area, 6).reshape(12, 6)
    for cell, day in [(0, 0), (5, 2), (11, 5), (7, 3)]:
        value = level.density[cell, day]
        expected = {
            "percentile_day": slow(value, level.density[:, day], level.area),
            "percentile_all": slow(value, level.density, whole),
            "percentile_own": slow(value, level.density[cell], np.ones(6)),
        }
        for name, one in expected.items():
            assert ranks.percentiles[name][cell, day] == pytest.approx(one, abs=1e-3)


@pytest.mark.parametrize("layer", ["cell", "borough", "precinct"])
def test_cases_anywhere_on_the_land__have_50(cube, truth, layer):
    cube = with_risk(cube, truth)
    forecast = load_forecast(cube, "made", **DAYS)
    level = make_level(cube, forecast, layer)
    mean = np.average(rank_units(level).percentiles["percentile_day"], axis=0, weights=level.area)
    np.testing.assert_allclose(mean, 50, atol=1e-3)


def test_uniform_risk__has_no_skill(cube, cases):
    check = validate_cases(with_risk(cube, np.array(0.1)), "made", cases, draws=20, **DAYS)
    assert check.summary["mean"].to_numpy() == pytest.approx(50, abs=1e-3)
    np.testing.assert_allclose(check.capture["capture"], check.capture["area_share"], atol=1e-6)


def test_capture__area_under_the_curve_is_the_mean_percentile(cube, truth, cases, monkeypatch):
    monkeypatch.setattr(case_scores, "AREA_SHARES", tuple(np.linspace(0, 1, 1001)))
    check = validate_cases(with_risk(cube, truth), "made", cases, errors_km=[0.0, 3.0], draws=0, **DAYS)
    for error, table in check.capture.groupby("error_km"):
        assert table["capture"].is_monotonic_increasing
        area = np.trapezoid(table["capture"], table["area_share"])
        assert 100 * area == pytest.approx(means(check, "percentile_day")["cell", error], abs=0.05)


def test_error__a_case_scores_the_share_of_its_circle_that_is_flagged(cube, monkeypatch):
    hot = int(np.argmin(np.hypot(cube["lon"].values + 73.85, cube["lat"].values - 40.72)))  # 3 km of land all around
    only = float(cube["cell_area"][hot] / cube["cell_area"].sum())
    monkeypatch.setattr(case_scores, "AREA_SHARES", (only,))
    cube = with_risk(cube, np.where(np.arange(cube.sizes["cell"]) == hot, 0.5, 0.01)[:, None])
    lon, lat = float(cube["lon"][hot]), float(cube["lat"][hot])
    event = make_events(occurred=["2021-03-03"], lon=[lon], lat=[lat])
    check = validate_cases(cube, "made", event, errors_km=[0.0, 1.0, 3.0], draws=0, **DAYS)
    capture = check.capture.set_index("error_km")["capture"]
    assert capture[0.0] == pytest.approx(1)
    assert capture[1.0] == pytest.approx(1, abs=1e-6)  # the circle lies in the hexagon, whose inner radius is 1.2 km
    land = place_cases(cube, event.table, load_forecast(cube, "made", **DAYS), [3.0])[0][0].mass.toarray()[0]
    assert capture[3.0] == pytest.approx(land[hot], abs=1e-6)
    assert land[hot] == pytest.approx(float(cube["cell_area"][hot]) / (9 * np.pi), abs=0.01)


def test_larger_errors__blur_a_good_map(cube, truth, cases):
    check = validate_cases(with_risk(cube, truth), "made", cases, draws=20, **DAYS)
    day = means(check, "percentile_day")["cell"]
    assert day[0.0] > day[3.0] > 55
    summary = check.summary
    assert ((summary["low"] < summary["mean"]) & (summary["mean"] < summary["high"])).all()


def test_interval__few_blocks_with_cases_have_none(cube, truth):
    forecast = load_forecast(with_risk(cube, truth), "made", **DAYS)
    again = make_draws(forecast, draws=50, seed=0, level=0.9)
    day = np.array([0, 1, 2, 30, 31, 50])
    values = np.arange(6.0)
    assert np.isnan(again.mean(values, np.ones(6), day)[1:]).all()  # in three weeks
    mean, low, high = again.mean(values, np.ones(6), np.array([0, 10, 20, 30, 40, 50]))  # some draws have no case
    assert low < mean == 2.5 < high


# --- areas ------------------------------------------------------------------------------------------------------------


def test_expected_events__from_a_risk(cube):
    risk = np.linspace(0.01, 0.4, cube.sizes["cell"])[:, None]
    check = validate_cases(
        with_risk(cube, risk, horizon=7), "made", known_to("borough", ["Queens"], ["2021-03-03"]), draws=0, **DAYS
    )
    months = check.areas[check.areas["freq"] == "month"]
    assert months["expected"].sum() == pytest.approx(-np.log1p(-risk).sum() / 7 * 91, rel=1e-5)
    weeks = check.areas[check.areas["freq"] == "week"]
    assert weeks["expected"].sum() == pytest.approx(months["expected"].sum())
    assert (weeks["period"].dt.day_of_week == 0).all()
    whole = weeks.groupby("period")["expected_share"].sum()
    np.testing.assert_allclose(whole, 1)
    forecast = load_forecast(with_risk(cube, risk * 10, role="expected", horizon=7), "made", **DAYS)
    np.testing.assert_allclose(forecast.expected[:, 0], risk[:, 0] * 10 / 7, rtol=1e-5)


def test_area_sums__as_by_hand(cube, truth):
    days = ["2021-03-03", "2021-03-05", "2021-03-05", "2021-04-01"]
    events = known_to("borough", ["Queens", "Queens", "Bronx", "Bronx"], days, weight=[1.0, 2.0, 1.0, 1.0])
    check = validate_cases(with_risk(cube, truth), "made", events, draws=0, **DAYS)
    table = check.areas[check.areas["freq"] == "month"].set_index(["period", "area"])
    assert table.loc[("2021-03-01", "Queens"), "cases"] == 3
    assert table.loc[("2021-03-01", "Queens"), "case_share"] == 0.75
    assert table.loc[("2021-04-01", "Bronx"), "case_share"] == 1
    assert np.isnan(table.loc[("2021-05-01", "Bronx"), "case_share"])


def test_correlation_over_areas__as_by_scipy(cube, truth, cases):
    check = validate_cases(with_risk(cube, truth), "made", cases, draws=20, **DAYS)
    precincts = check.areas[(check.areas["layer"] == "precinct") & (check.areas["freq"] == "week")]
    sums = precincts.groupby("area")[["expected", "cases"]].sum()
    found = check.correlations.set_index(["layer", "over"])
    assert found.loc[("precinct", "areas"), "spearman"] == pytest.approx(spearmanr(*sums.to_numpy().T).statistic)
    pooled = spearmanr(precincts["expected_share"], precincts["case_share"]).statistic
    assert found.loc[("precinct", "areas and weeks"), "spearman"] == pytest.approx(pooled)
    changes = [
        wide.sub(wide.mean(axis=1), axis=0).to_numpy().round(9).ravel()
        for wide in (precincts.pivot_table(name, "area", "period") for name in ("expected_share", "case_share"))
    ]
    trend = found.loc[("precinct", "trend by weeks"), "spearman"]
    assert trend == pytest.approx(spearmanr(*changes).statistic)
    weekly = found.xs("precinct", level="layer").loc[["areas", "areas and weeks", "trend by weeks"]]
    assert ((weekly["low"] < weekly["spearman"]) & (weekly["spearman"] < weekly["high"])).all()
    assert weekly.loc["trend by weeks", "low"] > 0  # each place has its own busy weeks, and the forecast knows them


def test_exposure__takes_growth_out_of_the_trend(cube):
    months = pd.period_range("2021-01", "2021-06", freq="M")
    collected = pd.Series([10.0, 20.0, 30.0, 60.0, 90.0, 120.0], index=months)
    days = np.repeat(pd.date_range("2021-01-01", "2021-06-30"), 6)
    weight = collected[days.to_period("M")].to_numpy() / days.days_in_month
    areas = ["Queens", "Bronx"] * (len(days) // 2)
    events = known_to("borough", areas, days.astype(str).tolist(), weight=weight)
    cube = with_risk(cube, np.array(0.1))
    plain = validate_cases(cube, "made", events, draws=0)
    assert "case counts grow with collection" in str(plain)
    assert "cases_per_collected" not in plain.areas
    check = validate_cases(cube, "made", events, exposure=collected, draws=0)
    month = check.areas[(check.areas["freq"] == "month") & (check.areas["area"] == "Queens")]
    assert month["cases"].is_monotonic_increasing
    np.testing.assert_allclose(month["cases_per_collected"], 3)
    assert "per case collected" in str(check)
    by_area = pd.DataFrame(dict.fromkeys(cube["borough_share"].attrs["names"], collected))
    same = validate_cases(cube, "made", events, exposure=by_area, draws=0)
    pd.testing.assert_frame_equal(same.areas, check.areas)
    with pytest.raises(InputError, match="lacks 2021-06"):
        validate_cases(cube, "made", events, exposure=collected[:-1])
    with pytest.raises(InputError, match="above zero"):
        validate_cases(cube, "made", events, exposure=collected * 0)


# --- lead time and maps -----------------------------------------------------------------------------------------------


def test_lead_time__rises_before_the_case_is_known(cube):
    occurred, known = "2021-04-20", "2021-04-30"
    days = cube["time"].values
    cell = 60
    values = np.full((cube.sizes["cell"], len(days)), 0.1)
    values[cell] = np.where(days < np.datetime64("2021-04-15"), 0.05, 0.3)
    event = make_events(
        occurred=[occurred, "2021-03-02"],
        known=[known, "2021-03-03"],
        lon=[float(cube["lon"][cell])] * 2,
        lat=[float(cube["lat"][cell])] * 2,
    )
    check = validate_cases(with_risk(cube, values), "made", event, errors_km=[0.0], draws=0, **DAYS)
    lead = check.lead_time[check.lead_time["score"] == "percentile_day"].set_index("lead_days")
    assert lead.index.tolist() == list(range(28, -1, -1))
    assert (lead["cases"] == 1).all()  # the second one was known too early to be followed for 28 days
    assert (lead.loc[:16, "mean"] < 1).sum() == 13
    assert (lead.loc[15:, "mean"] > 99).all()
    assert "by days before" in str(check)


def test_overlap__of_the_city_and_of_queens(cube, truth, cases):
    check = validate_cases(with_risk(cube, truth), "made", cases, draws=0, **DAYS)
    city, queens = check.overlap(), check.overlap("Queens")
    assert city.sizes["cell"] == cube.sizes["cell"]
    assert set(queens["borough"].values) == {"Queens"}
    for maps in (city, queens):
        np.testing.assert_allclose(maps["risk_share"].sum(), 1)
        np.testing.assert_allclose(maps["case_share"].sum("cell"), 1)
        assert ((maps["overlap"] > 0.4) & (maps["overlap"] < 1)).all()
    assert np.isnan(city["area_overlap"])  # no case is known to an area
    with pytest.raises(InputError, match="no area is called 'Queen'"):
        check.overlap("Queen")


def test_maps__spread_cases_known_to_areas_over_their_land(cube, truth):
    events = known_to("borough", ["Queens"] * 3, ["2021-03-03"] * 3)
    check = validate_cases(with_risk(cube, truth), "made", events, draws=0, **DAYS)
    assert float(check.maps["area_case"].sum()) == pytest.approx(3)
    inside = check.maps["area_case"] > 0
    assert inside.sum() >= (cube["borough"] == "Queens").sum()
    assert check.overlap()["case_share"].sizes["error_km"] == 0


# --- cubes of areas and weeks -----------------------------------------------------------------------------------------


def test_cube_of_areas_and_weeks__is_validated_by_area():
    weeks = pd.date_range("2021-01-04", periods=20, freq="7D")
    rate = np.array([0.5, 2.0, 4.0, 8.0, 1.0, 3.0])
    names = ["1", "5", "6", "7", "9", "10"]
    coords = {
        "precinct": names, "time": weeks, "cell_area": ("precinct", np.full(6, 4.0)),
        "lon": ("precinct", np.full(6, -73.9)), "lat": ("precinct", np.full(6, 40.7)),
        "borough": ("precinct", ["A", "A", "A", "B", "B", "B"]),
    }  # fmt: skip
    cube = xr.Dataset(coords=coords, attrs={"space": "precinct", "step_days": 7, "layers": ["borough", "precinct"]})
    cube = with_risk(cube, rate[:, None], role="expected", horizon=7)
    counts = np.random.default_rng(0).poisson(rate[:, None], (6, 20))
    area, week = counts.nonzero()
    days = (weeks[week] + pd.Timedelta(days=3)).astype(str).tolist()
    events = known_to("precinct", [names[i] for i in area], days, weight=counts[area, week].astype(float))
    check = validate_cases(cube, "made", events, draws=20)
    assert check.facts["cases"] == counts.sum()
    assert check.facts["days"] == "2021-01-04 to 2021-05-23"
    weekly = check.areas[(check.areas["freq"] == "week") & (check.areas["layer"] == "precinct")]
    np.testing.assert_array_equal(weekly["cases"].to_numpy().reshape(6, 20), counts)
    assert weekly["expected"].sum() == pytest.approx(20 * rate.sum())
    boroughs = check.areas[(check.areas["freq"] == "week") & (check.areas["layer"] == "borough")]
    assert boroughs.groupby("area")["cases"].sum().tolist() == [counts[:3].sum(), counts[3:].sum()]
    assert check.lead_time["lead_days"].unique().tolist() == [28, 21, 14, 7, 0]
    assert means(check, "percentile_day")["precinct", 0.0] > 65
    assert "known to a point" not in str(check)
    point = make_events(occurred=["2021-02-01"], lon=[-73.9], lat=[40.7])
    with pytest.raises(CubeError, match="1 known to a point, which the cube lacks"):
        validate_cases(cube, "made", point)
    assert len(check.overlap("A")["precinct"]) == 3


# --- what is told -----------------------------------------------------------------------------------------------------


def test_demo_city__roles_and_doubles_are_told_and_people_are_not(cube, truth, city, boroughs):
    found = ht.read_events("tahub_cases", city / "cases.csv", areas=[boroughs])
    check = validate_cases(with_risk(cube, truth), "made", found, draws=20)
    assert set(check.percentiles["level"]) == {"cell", "borough"}
    told = json.dumps(check.to_dict(), allow_nan=False)
    for text in (str(check), told):
        assert "not an incident place (role)" in text
        assert "row seen before, alike in every column read" in text
        assert "made-up" not in text  # what the columns on people hold
        assert "Exploitation" not in text
    columns = set(check.percentiles.columns)
    assert columns == {"case", "day", "level", "error_km", "weight", *case_scores.PERCENTILES}
    assert {"summary", "capture", "correlations", "lead_time", "areas_by_month", "rows"} <= check.to_dict().keys()
    assert "percentiles" not in check.to_dict()


# --- negative controls ------------------------------------------------------------------------------------------------


def verdicts(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    return {(row.control, row.score): row.verdict for row in table[table["level"] != "borough"].itertuples()}


def test_controls__fail_where_a_good_forecast_passes(cube, truth, cases):
    flat = np.random.default_rng(3).poisson(0.5, truth.shape).astype(np.float32)
    other = stamp(xr.DataArray(flat, dims=("cell", "time")), "lost", "count", "1", "lost things, anywhere")
    cube = with_risk(cube.assign(lost=other), truth)
    table = negative_controls(cube, "made", cases, unrelated=["lost"], draws=100, **DAYS)
    found = verdicts(table)
    assert found == {
        ("shuffled places", "percentile_day"): "fails as it must",
        ("shifted dates", "percentile_own"): "fails as it must",
        ("unrelated: lost", "percentile_day"): "fails as it must",
        ("shuffled places", "rank correlation"): "fails as it must",
    }
    by = table.set_index(["control", "score", "level"])
    for control, score in (("shuffled places", "percentile_day"), ("shifted dates", "percentile_own")):
        row = by.loc[(control, score, "cell")]
        assert row["real"] > 65
        assert row["drawn"] == pytest.approx(50, abs=2)
        assert row["low"] < 50 < row["high"]
    correlation = by.loc[("shuffled places", "rank correlation", "precinct")]
    assert correlation["real"] > 0.6
    assert correlation["drawn"] == pytest.approx(0, abs=0.05)
    assert by.loc[("unrelated: lost", "percentile_day", "cell"), "drawn"] == pytest.approx(50, abs=1)


def test_controls__a_map_without_skill_is_told_from_them_by_nothing(cube, cases):
    noise = np.random.default_rng(8).uniform(0.01, 0.2, (cube.sizes["cell"], cube.sizes["time"]))
    found = verdicts(negative_controls(with_risk(cube, noise), "made", cases, draws=50, **DAYS))
    assert set(found.values()) == {"no skill either"}


def test_controls__a_map_that_never_changes_has_no_days_to_shift(cube, intensity, cases):
    cube = with_risk(cube, intensity[:, None] / intensity.max() / 2)
    found = verdicts(negative_controls(cube, "made", cases, draws=20, **DAYS))
    assert found["shifted dates", "percentile_own"] == "nothing to break"
    assert found["shuffled places", "percentile_day"] == "fails as it must"


def test_controls__related_events_pass_and_are_named(cube, truth, cases):
    table = negative_controls(with_risk(cube, truth), "made", cases, unrelated=["crime"], draws=50, **DAYS)
    assert verdicts(table)["unrelated: crime", "percentile_day"] == "control passes"


def test_controls__same_seed_same_table(cube, truth, cases):
    cube = with_risk(cube, truth)
    one, two = (negative_controls(cube, "made", cases, draws=20, seed=4, **DAYS) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_shuffled_places__of_unequal_size_have_50_too():
    weeks = pd.date_range("2021-01-04", periods=10, freq="7D")
    coords = {"precinct": ["1", "5", "6"], "time": weeks, "cell_area": ("precinct", [1.0, 2.0, 17.0])}
    cube = xr.Dataset(coords=coords, attrs={"space": "precinct", "step_days": 7, "layers": ["precinct"]})
    cube = with_risk(cube, np.array([5.0, 4.0, 3.0])[:, None], role="expected", horizon=7)
    events = known_to("precinct", ["1"] * 10, weeks.astype(str).tolist())
    table = negative_controls(cube, "made", events, draws=400).set_index("score")
    assert table.loc["percentile_day", "real"] == pytest.approx(97.5)
    assert table.loc["percentile_day", "drawn"] == pytest.approx(50, abs=3)  # 73 if drawn without regard to land


def test_controls__options_are_checked(cube, truth, cases):
    cube = with_risk(cube, truth)
    with pytest.raises(InputError, match="at least 20"):
        negative_controls(cube, "made", cases, draws=5)
    with pytest.raises(InputError, match="no layer of counts"):
        negative_controls(cube, "made", cases, unrelated=["crime_known"], draws=20)


# --- real data --------------------------------------------------------------------------------------------------------


def test_made_up_export__stacked_cases_by_borough_only(data):
    boroughs = ht.read_region(data / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")
    path = data / "tahub_made_up" / "TAHub_NYC_Metro_Cases_made_up.csv"
    events = ht.read_events("tahub_cases", path, areas=[boroughs])
    grid = ht.make_grid(boroughs, resolution=7, start="2023-01-01", end="2023-12-31")
    cube = ht.grid_events({"case": events}, grid)
    centre = np.hypot((cube["lon"].values + 73.98) * 0.76, cube["lat"].values - 40.75)
    cube = with_risk(cube, np.exp(-centre / 0.1)[:, None] / 20)
    check = validate_cases(cube, "made", events, draws=50)
    table = events.table.iloc[check.percentiles["case"]]
    by_precision = dict(zip(table["precision"], check.percentiles["level"], strict=True))
    assert by_precision == {"point": "cell", "borough": "borough"}
    assert check.facts["cases_by_level"]["borough"] > 5 * check.facts["cases_by_level"]["cell"]
    year = events.table["occurred"].dt.year == 2023
    assert check.facts["left_out"]["known to the city only"] == (year & (events.table["precision"] == "city")).sum()
    months = check.areas[check.areas["freq"] == "month"].groupby("area")["cases"].sum()
    named = events.table[year & (events.table["precision"] == "borough")]["area"].value_counts()
    assert (months.round(6) >= named.reindex(months.index, fill_value=0)).all()
    assert "85 not an incident place (role)" in str(check)


@pytest.mark.slow
def test_two_files_of_the_same_robberies__agree_by_precinct(data, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    validation = import_module("validation")
    monkeypatch.setattr(validation, "DATA", data)
    found = validation.study(tmp_path, draws=40)
    assert found["files_by_precinct"] > 0.999
    assert found["files_by_precinct_and_week"] > 0.995
    assert found["largest_difference"] <= 3
    assert found["forecast_by_precinct"] > 0.93
    controls = found["controls"].set_index(["control", "level", "score"])["verdict"]
    assert controls["shuffled places", "precinct", "percentile_day"] == "fails as it must"
    assert controls["shuffled places", "precinct", "rank correlation"] == "fails as it must"
    assert controls["unrelated: robbery", "precinct", "percentile_day"] == "control passes"


def test_unsorted_cells__are_refused(cube: xr.Dataset, cases: ht.Events, intensity: np.ndarray) -> None:
    shuffled = with_risk(cube, intensity[:, None]).sortby("lat")
    with pytest.raises(CubeError, match=r"cells are not sorted.*cube.sortby\('cell'\)"):
        validate_cases(shuffled, "made", cases, draws=0)


def test_cases_that_are_no_events__are_refused(cube: xr.Dataset, intensity: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"cases are events, read with .*this is str"):
        validate_cases(with_risk(cube, intensity[:, None]), "made", "case", draws=0)
