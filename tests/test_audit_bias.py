"""The bias audit against plain loops, and the feedback simulation against what it must show."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.evaluation.bias import Quantiles, audit_bias
from htgeo.evaluation.feedback import simulate_feedback

START = "2021-05-01"
CRIME = {"occurred": "Occurrence Date", "lat": "Latitude", "lon": "Longitude", "category": "Offense"}


@pytest.fixture
def scored(cube: xr.Dataset) -> xr.Dataset:
    """The cube with a risk of the next day and an income by cell, which some cells lack."""
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=1))
    cube = ht.add_risk(cube, ht.HistoricalRate().fit(ht.split_time(cube, START)[0]))
    income = np.arange(cube.sizes["cell"], dtype=np.float32)[::-1] * 1000
    income[:5] = np.nan
    return cube.assign(income=stamp(xr.DataArray(income, dims="cell"), "income", "place", "1", "income"))


@pytest.fixture
def alerted(scored: xr.Dataset) -> xr.Dataset:
    """The same with alerts in the cells of highest risk."""
    risk = scored["risk_historical_rate"]
    alerts = (risk > float(risk.quantile(0.9))).astype("float32")
    return scored.assign(alert_historical_rate=alerts)


def of(report, area: str, statistic: str, what: str = "value") -> float:
    return report.table[what].sel(area=area, statistic=statistic).item()


def test_statistics__equal_plain_sums(alerted: xr.Dataset) -> None:
    from sklearn.metrics import roc_auc_score

    report = audit_bias(alerted, "historical_rate", by="borough", start=START, alert="alert_historical_rate", draws=20)
    days = alerted.sel(time=slice(START, None)).compute()
    flag, label = days["alert_historical_rate"].values > 0, days["crime_any_within_1"].values
    risk, events = days["risk_historical_rate"].values, days["crime"].values
    for borough in np.unique(days["borough"].values):
        rows = days["borough"].values == borough
        own = flag[rows]
        expected = {
            "share_of_area": days["cell_area"].values[rows].sum() / days["cell_area"].values.sum(),
            "share_of_events": events[rows].sum() / events.sum(),
            "share_of_flags": own.sum() / flag.sum(),
            "flagged": own.mean(),
            "hit_rate": events[rows][own].sum() / events[rows].sum(),
            "false_alarm_rate": own[label[rows] == 0].mean(),
            "expected_over_observed": risk[rows].sum() / label[rows].sum(),
            "roc_auc": roc_auc_score(label[rows].ravel(), risk[rows].ravel()),
        }
        assert {name: of(report, borough, name) for name in expected} == pytest.approx(expected, rel=1e-5)
        ratio = expected["share_of_flags"] / expected["share_of_events"]
        assert of(report, borough, "flags_per_event") == pytest.approx(ratio, rel=1e-5)
    assert report.table["events"].sel(area="all").item() == events.sum()
    assert of(report, "all", "share_of_flags") == 1


def test_top_share__flags_that_much_of_the_surface_each_day(scored: xr.Dataset) -> None:
    report = audit_bias(scored, "historical_rate", by="borough", start=START, share=0.1, draws=20)
    assert of(report, "all", "flagged") == pytest.approx(0.1, rel=0.02)  # cells of nearly the same surface
    assert "flagged: 10% of the surface each day" in str(report)
    hits = ht.evaluate(scored, start=START, scores=["hit_rate_10"], draws=0)["value"].item()
    assert of(report, "all", "hit_rate") == pytest.approx(hits, rel=1e-6)


def test_quantiles__have_as_many_cells_each_and_name_the_unknown(scored: xr.Dataset) -> None:
    report = audit_bias(scored, "historical_rate", by=Quantiles("income", 4), start=START, draws=20)
    areas = report.table["area"].values.tolist()
    assert [name.split(":")[0] for name in areas] == ["1", "2", "3", "4", "unknown", "all"]
    shares = report.table["value"].sel(statistic="share_of_area").values
    assert shares[:4] == pytest.approx([0.2418] * 4, abs=0.005)
    assert shares[:5].sum() == pytest.approx(1)
    constant = scored.assign(flat=("cell", np.ones(scored.sizes["cell"])))
    report = audit_bias(constant, "historical_rate", by=Quantiles("flat"), start=START, draws=20)
    assert report.table["area"].values.tolist() == ["1: 1 to 1", "all"]


def test_intervals__cover_the_value_and_hang_on_the_seed_alone(scored: xr.Dataset) -> None:
    one, two, other = (
        audit_bias(scored, "historical_rate", by="borough", start=START, draws=50, seed=seed) for seed in (1, 1, 2)
    )
    xr.testing.assert_identical(one.table, two.table)
    assert not one.table["low"].equals(other.table["low"])
    hits = one.table.sel(statistic=["hit_rate", "roc_auc", "expected_over_observed"])
    assert (hits["low"] <= hits["value"]).all()
    assert (hits["value"] <= hits["high"]).all()
    assert (hits["high"] > hits["low"]).sel(area="all").all()


def test_biased_flags__are_seen(scored: xr.Dataset) -> None:
    """Flags of one borough only have all the burden there, and forecasts that are doubled there are seen as such."""
    bronx = (scored["borough"] == "Bronx").values[:, None]
    risk = scored["risk_historical_rate"]
    skewed = scored.assign(
        risk_historical_rate=risk.copy(data=np.where(bronx, np.minimum(2 * risk.values, 1), risk.values)),
        alert_bronx=(("cell", "time"), np.broadcast_to(bronx, risk.shape).astype(np.float32)),
    )
    report = audit_bias(skewed, "historical_rate", by="borough", start=START, alert="alert_bronx", draws=20)
    assert of(report, "Bronx", "share_of_flags") == of(report, "Bronx", "false_alarm_rate") == 1
    assert of(report, "Queens", "hit_rate") == of(report, "Queens", "flags_per_event") == 0
    fair = audit_bias(scored, "historical_rate", by="borough", start=START, draws=20)
    assert of(report, "Bronx", "expected_over_observed") > 1.8 * of(fair, "Bronx", "expected_over_observed")
    assert of(report, "Bronx", "roc_auc") == pytest.approx(of(fair, "Bronx", "roc_auc"), abs=1e-3)
    assert "false_alarm_rate: 0.000 [0.000, 0.000] (Brooklyn) to 1.000 [1.000, 1.000] (Bronx)" in str(report)


def test_concentration__of_flags_in_few_cells(scored: xr.Dataset) -> None:
    always = np.zeros((scored.sizes["cell"], scored.sizes["time"]), np.float32)
    always[:8] = 1
    cube = scored.assign(alert_few=(("cell", "time"), always), alert_every=(("cell", "time"), always * 0 + 1))
    few, every = (
        audit_bias(cube, "historical_rate", by="borough", start=START, alert=alert, draws=20).concentration["value"]
        for alert in ("alert_few", "alert_every")
    )
    cells = scored.sizes["cell"]
    assert few.sel(what="flags", statistic="top_5").item() == pytest.approx(0.05 * cells / 8)
    assert few.sel(what="flags", statistic="gini").item() == pytest.approx(1 - 8 / cells)
    assert every.sel(what="flags").values == pytest.approx([0.01, 0.05, 0.1, 0.0], abs=1e-12)
    assert 0 < few.sel(what="events", statistic="gini").item() < 1


def test_make_up_as_feature__is_warned_of(scored: xr.Dataset) -> None:
    cube = ht.add_features(scored, [ht.Static(["income"])])
    report = audit_bias(cube, "historical_rate", by=Quantiles("income"), start=START, draws=20)
    assert report.features == ("static_income",)
    assert "WARNING: static_income is a feature of this cube and must not be one." in str(report)
    assert report.to_dict()["make_up_as_feature"] == ["static_income"]
    people = audit_bias(cube, "historical_rate", by=Quantiles("income", exposure=True), start=START, draws=20)
    without = audit_bias(scored, "historical_rate", by=Quantiles("income"), start=START, draws=20)
    assert people.features == without.features == ()
    assert "serves this audit only and is never a feature" in str(without)


def test_report__is_plain_json(scored: xr.Dataset) -> None:
    none = scored.assign(alert_none=(("cell", "time"), np.zeros(scored["crime"].shape, np.float32)))
    report = audit_bias(none, "historical_rate", by="borough", start=START, alert="alert_none", draws=20)
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["areas"]["Bronx"]["share_of_flags"]["value"] is None  # no flags, no share of them
    assert plain["areas"]["Bronx"]["hit_rate"]["value"] == 0
    assert plain["block_days"] == 7
    assert set(plain["areas"]) == {*np.unique(scored["borough"].values).tolist(), "all"}


def test_wrong_calls__say_what_is_allowed(scored: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"no groups by 'boro'; choose borough, precinct.*income"):
        audit_bias(scored, "historical_rate", by="boro")
    with pytest.raises(InputError, match="no risk of 'historical'"):
        audit_bias(scored, "historical", by="borough")
    with pytest.raises(InputError, match="share must lie between 0 and 1, not 5"):
        audit_bias(scored, "historical_rate", by="borough", share=5)
    with pytest.raises(CubeError, match="no alert 'alert_x'"):
        audit_bias(scored, "historical_rate", by="borough", alert="alert_x")
    with pytest.raises(InputError, match=r"'crime' must be numbers on \('cell'\)"):
        audit_bias(scored, "historical_rate", by=Quantiles("crime"))
    with pytest.raises(InputError, match="at least 2, not 1"):
        Quantiles("income", 1)


def test_tracts_of_new_york__income_poverty_and_population(data: Path) -> None:
    boroughs = ht.read_region(data / "nyc_boroughs" / "BoroughBoundaries.geojson", name_column="boro_name")
    tracts = ht.read_region(
        data / "nyc_tracts" / "nyc_tracts_2010_acs2013_2017.gpkg",
        name_column="geoid",
        layer="tract",
        attributes=["med_hhinc_est", "pop_inpov_pct_est", "pop_total_est"],
    )
    events = ht.read_events(
        "table", data / "nyc_crime" / "NYC_Crime.csv.gz", areas=[boroughs], columns=CRIME, time_format="%m/%d/%Y %I:%M:%S %p"
    ).select(category=["ROBBERY"])  # fmt: skip
    cube = ht.grid_events(
        {"robbery": events}, ht.make_grid(boroughs, resolution=7, start="2015-01-01", end="2015-06-30")
    )
    how = {"med_hhinc_est": "mean", "pop_inpov_pct_est": "mean", "pop_total_est": "sum"}
    cube = ht.add_attributes(ht.add_label(cube, ht.AnyWithin("robbery", days=1)), tracts, how)
    cube = ht.add_risk(cube, ht.GammaPoisson().fit(ht.split_time(cube, "2015-04-01")[0]))
    reports = {
        name: audit_bias(cube, "gamma_poisson", by=Quantiles(f"tract_{name}", 4), start="2015-04-01", draws=50)
        for name in how
    }
    for report in reports.values():
        of_flags = report.table["value"].sel(statistic="share_of_flags")
        assert of_flags.drop_sel(area="all").sum().item() == pytest.approx(1)
        assert 0.8 < of(report, "all", "expected_over_observed") < 1.25
    poverty = reports["pop_inpov_pct_est"]
    ends = [poverty.table["area"].values[at] for at in (0, 3)]
    low, high = (of(poverty, area, "false_alarm_rate") for area in ends)
    assert high > low  # the poorest quarter carries more of the false alarms than the richest
    assert of(poverty, ends[1], "share_of_events") > of(poverty, ends[0], "share_of_events")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spread", [0.5, 1.0])
def test_feedback__correction_cuts_the_drift(seed: int, spread: float) -> None:
    rates = np.exp(np.random.default_rng(seed).normal(0, spread, 200))
    report = simulate_feedback(rates, weeks=52, share=0.05, seed=seed)
    assert report.drift_cut >= 0.8
    drift = report.table["drift"]
    assert drift.sel(rule="uncorrected", week=52) > 0.05
    assert report.table["drift_low"].sel(rule="uncorrected", week=52) > 0  # in nearly all runs
    assert drift.sel(rule="uncorrected", week=52) > drift.sel(rule="uncorrected", week=1) + 0.05
    assert abs(drift.sel(rule="corrected", week=slice(26, None))).max() < 0.02


@pytest.mark.parametrize(("mean", "spread", "seen"), [(0.1, 1.0, 0.9), (1.0, 0.0, 0.9), (5.0, 1.5, 0.5)])
def test_feedback__correction_holds_for_other_cities(mean: float, spread: float, seen: float) -> None:
    rates = np.exp(np.random.default_rng(7).normal(0, spread, 300))
    report = simulate_feedback(rates * mean / rates.mean(), discover=seen, share=0.1, seed=1)
    assert report.drift_cut >= 0.8


def test_feedback__same_rates_everywhere_are_flagged_unevenly_by_the_map_alone() -> None:
    report = simulate_feedback(np.ones(100), seed=3, runs=10)
    last = report.table.isel(week=-1)
    assert last["true_share"].values == pytest.approx([0.05] * 3)  # any five cells hold as much
    assert last["map_share"].sel(rule="uncorrected") > 2 * 0.05
    assert np.isnan(last["rank_correlation"]).all()
    assert report.to_dict()["rules"]["corrected"]["rank_correlation"] is None


def test_feedback__without_discoveries_there_is_none() -> None:
    report = simulate_feedback(np.linspace(0.5, 2, 50), discover=0.0, runs=5)
    assert abs(report.table["drift"].values).mean() < 0.01
    assert np.isnan(report.drift_cut)
    assert report.to_dict()["drift_cut"] is None


def test_feedback__of_a_cube(cube: xr.Dataset) -> None:
    report = simulate_feedback(cube, weeks=20, runs=5)
    assert dict(report.table.sizes) == {"rule": 3, "week": 20}
    assert report.table.attrs["cells"] == cube.sizes["cell"]
    json.dumps(report.to_dict(), allow_nan=False)
    assert "the correction removes" in str(report)
    xr.testing.assert_identical(report.table, simulate_feedback(cube, weeks=20, runs=5).table)
    weekly = cube.assign_attrs(step_days=7)
    again = simulate_feedback(weekly, weeks=20, runs=5)
    assert (
        again.table["true_share"].values.mean() < report.table["true_share"].values.mean()
    )  # seven times fewer events


@pytest.mark.parametrize(
    ("rates", "options", "text"),
    [
        ([1.0, -1.0], {}, "rates must be events a week"),
        ([0.0, 0.0], {}, "not all 0"),
        ([1.0, 2.0], {"share": 0.0}, "share must lie between 0 and 1"),
        ([1.0, 2.0], {"report": 0.0}, "report above 0 up to 1"),
        ([1.0, 2.0], {"weeks": 0}, "weeks must be a whole number of at least 1, not 0"),
    ],
)
def test_feedback__wrong_options(rates: list[float], options: dict, text: str) -> None:
    with pytest.raises(InputError, match=text):
        simulate_feedback(np.array(rates), **options)


def test_areas__are_audited_like_cells(scored: xr.Dataset) -> None:
    zones = scored.rename(cell="zone").assign_attrs(space="zone")
    one, two = (audit_bias(c, "historical_rate", by="borough", start=START, draws=20) for c in (scored, zones))
    np.testing.assert_array_equal(one.table["value"].values, two.table["value"].values)
