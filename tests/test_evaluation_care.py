"""Scores, labels and samples on cubes that do not fit them: refused in words, never wrong without a word."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import no_compute
from test_funnel import rule_at
from test_intervals import simulated
from test_thresholds import made_cube

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.evaluation.alerts import AlertRule, add_alert
from htgeo.evaluation.case_areas import exposure_steps
from htgeo.evaluation.case_levels import Forecast, Level
from htgeo.evaluation.controls import _judged
from htgeo.evaluation.samples import samples
from htgeo.models.boosting import Booster
from htgeo.models.intervals import expected_counts

FIRST = "2021-03-01"
"""First day that trained no forecast of `scored`."""


@pytest.fixture
def scored(labelled: xr.Dataset) -> xr.Dataset:
    return ht.add_risk(labelled, ht.HistoricalRate().fit(ht.split_time(labelled, FIRST)[0]))


def holed(cube: xr.Dataset) -> xr.Dataset:
    """A cube without its days 100 to 119."""
    return cube.isel(time=np.r_[0:100, 120 : cube.sizes["time"]])


def test_first_day__follows_the_training_days(scored: xr.Dataset) -> None:
    options = {"scores": ["roc_auc", "hit_rate_10"], "draws": 20}
    xr.testing.assert_identical(ht.evaluate(scored, **options), ht.evaluate(scored, start=FIRST, **options))
    assert str(samples(scored).times[0])[:10] == FIRST
    later = ht.add_risk(scored, ht.EwmaRate().fit(ht.split_time(scored, "2021-04-01")[0]))
    assert str(samples(later).times[0])[:10] == "2021-04-01"
    assert str(samples(later, ["historical_rate"]).times[0])[:10] == FIRST


def test_training_days__are_scored_with_a_warning_only(scored: xr.Dataset) -> None:
    with pytest.warns(UserWarning, match="the days to 2021-02-22 trained 'risk_historical_rate'.* from 2021-03-01 on"):
        table = ht.evaluate(scored, scores=["roc_auc"], start="2021-02-28", draws=0)
    assert table.attrs["days"].startswith("2021-02-28")
    with pytest.raises(CubeError, match=r"no day to score between 2021-03-01 and .*; name the first day with start="):
        ht.evaluate(scored.sel(time=slice(None, "2021-02-22")))


def test_holes__are_refused(scored: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="the days 2021-03-01 to 2021-06-30 have holes"):
        ht.evaluate(holed(scored))
    after = ht.evaluate(holed(scored), scores=["hit_rate_5"], start="2021-05-05", draws=0)
    whole = ht.evaluate(scored, scores=["hit_rate_5"], start="2021-05-05", draws=0)
    xr.testing.assert_identical(after, whole)


def test_holes__have_no_label_and_no_windows(labelled: xr.Dataset, cube: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="a label needs a time axis in order and without holes"):
        ht.add_label(holed(cube), ht.AnyWithin("crime", days=7))
    with pytest.raises(CubeError, match="a window needs a time axis in order and without holes"):
        ht.to_sequences(holed(labelled), steps=7)


def test_days_in_disorder__are_refused(scored: xr.Dataset) -> None:
    with pytest.raises(CubeError, match=r"not sorted.*sortby\('time'\)"):
        ht.evaluate(scored.isel(time=slice(None, None, -1)))


def test_dimensions_in_another_order__change_nothing(scored: xr.Dataset) -> None:
    turned = scored.transpose("time", "cell", ...)
    options = {"scores": ["roc_auc", "hit_rate_5", "morans_i"], "draws": 10}
    xr.testing.assert_identical(ht.evaluate(turned, **options), ht.evaluate(scored, **options))
    rule = ht.choose_threshold(scored, "historical_rate", budget=ht.CellsPerDay(5), draws=0)
    alert, other = (add_alert(one, rule)["alert_historical_rate"].values for one in (scored, turned))
    np.testing.assert_array_equal(alert, other)


def test_missing_layer__is_named(scored: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="the cube has no layer 'crime'"):
        ht.evaluate(scored.drop_vars("crime"))


def test_score__refuses_what_evaluate_refuses(scored: xr.Dataset) -> None:
    with pytest.raises(InputError, match="'crps' scores a forecast of counts"):
        ht.score(scored, "crps", "historical_rate")


def test_stability__is_of_days_in_a_row(scored: xr.Dataset) -> None:
    table = ht.evaluate(scored, by="weekday", scores=["stability_5"], draws=0)
    assert np.isnan(table["value"]).all()  # a Monday follows no Monday
    sample = samples(scored).by_model["historical_rate"]
    score = ht.evaluation.SCORES["stability_5"]()
    whole = score.prepare(sample)
    day = sample.day.copy()
    day[30:] += 3  # three days lost
    cut = score.prepare(replace(sample, day=day))
    lost = whole.bottom.sum() - cut.bottom.sum()
    assert lost == pytest.approx(whole.bottom.sum() / (len(day) - 1), rel=0.1)


def test_one_area__has_scores(cube: xr.Dataset) -> None:
    weekly = ht.add_label(ht.aggregate(cube, by="borough", freq="W"), ht.AnyWithin("crime", days=7))
    weekly = ht.add_risk(weekly, ht.HistoricalRate().fit(ht.split_time(weekly, FIRST)[0]))
    table = ht.evaluate(weekly, by="borough", scores=["morans_i", "neighbourhood_skill", "bias"], draws=0)
    assert np.isnan(table["value"].sel(score="morans_i")).all()
    assert np.isfinite(table["value"].sel(score=["neighbourhood_skill", "bias"])).all()


def test_rule__holds_for_the_cube_it_was_chosen_on() -> None:
    rng = np.random.default_rng(0)
    cube = made_cube(rng.random((20, 40)), rng.poisson(0.3, (20, 40)))
    rule = ht.choose_threshold(cube, "made", budget=ht.CellsPerDay(3), draws=0)
    assert rule.places == "cells of resolution 8 by 1 days"
    assert AlertRule.from_dict(rule.to_dict()).places == rule.places
    finer = cube.assign_coords(cell=cube["cell"].assign_attrs(level=9))
    with pytest.raises(
        CubeError, match=r"chosen on cells of resolution 8 by 1 days, the cube has cells of resolution 9"
    ):
        add_alert(finer, rule)
    with pytest.raises(CubeError, match="by 1 days, the cube has cells of resolution 8 by 7 days"):
        add_alert(cube.assign_attrs(step_days=7), rule)
    assert rule_at(cube, 0.5).places == ""
    assert "alert_made" in add_alert(finer, rule_at(cube, 0.5))  # of a file that does not say


def test_audit_bias__refuses_an_unknown_alert_before_computing(scored: xr.Dataset) -> None:
    with no_compute(), pytest.raises(CubeError, match="no alert 'alert_x'"):
        ht.audit_bias(scored, "historical_rate", by="borough", alert="alert_x")


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda cube: ht.calibration_curve(cube, "historical_rate", bins=2.5), "bins must be a whole number"),
        (lambda cube: ht.capture_curve(cube, "historical_rate", shares=[np.nan]), "shares must ascend"),
        (lambda cube: ht.capture_curve(cube, "historical_rate", shares=["a"]), "shares must ascend"),
        (lambda cube: ht.permutation_test(cube, "historical_rate", "historical_rate", seed=-1), "seed must be"),
        (
            lambda cube: ht.permutation_test(cube, "historical_rate", "historical_rate", permutations=2.5),
            "permutations must be a whole number",
        ),
        (lambda cube: ht.simulate_feedback(cube, seed=-1), "seed must be"),
        (lambda cube: ht.spatial_blocks(cube, seed=-1), "seed must be"),
        (lambda cube: ht.split_time(cube, FIRST, gap="7"), "gap must be whole days, or None, not '7'"),
        (lambda cube: ht.split_time(cube, FIRST, gap=7.5), "gap must be whole days, or None, not 7.5"),
        (lambda _: ht.CellsPerDay("5"), "CellsPerDay must be a number above 0, not '5'"),
        (lambda _: ht.FBeta("2"), "beta must be a number above 0, not '2'"),
        (lambda _: ht.Cost("1", 20), "costs are numbers"),
        (
            lambda cube: ht.choose_threshold(
                cube, "historical_rate", budget=ht.CellsPerDay(5), minimum_shares={"Queens": "a"}
            ),
            "minimum_shares must lie above 0",
        ),
        (lambda cube: ht.to_sequences(cube, steps=2.5), "steps must be a whole number"),
        (lambda cube: ht.to_matrix(cube, negatives_per_positive=0), "negatives_per_positive must be a number above 0"),
        (
            lambda cube: ht.to_matrix(cube, negatives_per_positive=np.nan),
            "negatives_per_positive must be a number above 0",
        ),
        (lambda cube: ht.to_matrix(cube, draw="stratify"), "draw must be 'uniform' or 'stratified', not 'stratify'"),
        (lambda cube: ht.to_matrix(cube, seed=-1), "seed must be a whole number"),
    ],
)
def test_options__are_refused_in_words(scored: xr.Dataset, call: Callable, match: str) -> None:
    with pytest.raises(InputError, match=match):
        call(scored)


@pytest.mark.parametrize("exposure", [{"2021-01": 3.0}, [1.0], pd.Series([1.0], ["no month"])])
def test_exposure__that_is_no_table_by_month_is_refused(exposure: object) -> None:
    days = np.arange("2021-01-01", "2021-02-01", dtype="datetime64[D]")
    forecast = Forecast("risk_made", days, np.ones((2, 31)), np.ones(2), 1, 1)
    level = Level("borough", ("Bronx", "Queens"), None, np.ones(2), np.ones((2, 31)))
    with pytest.raises(InputError, match="indexed by month"):
        exposure_steps(exposure, level, forecast)


def test_feedback__without_a_record_drifts_nowhere() -> None:
    report = ht.simulate_feedback(np.full(4, 1e-12), weeks=4, runs=2)
    assert np.isnan(report.drift_cut)
    assert report.to_dict()["drift_cut"] is None


def test_draws_without_a_case__are_left_out_of_a_control() -> None:
    drawn = list(np.linspace(20, 60, 100))
    row = _judged("unrelated: x", "cell", "percentile_day", 59.0, drawn, 0.95)
    assert _judged("unrelated: x", "cell", "percentile_day", 59.0, [*drawn, *[np.nan] * 900], 0.95) == row


def test_expected_counts__leave_out_what_has_no_forecast() -> None:
    cube = simulated(np.full(40, 0.05), days=200, seed=0)
    whole = expected_counts(cube, "truth", days=60, freq="week")
    risk = cube["risk_truth"]
    early = risk.where((cube["time"] != cube["time"][30]) | (cube["cell"] > 2))  # a calibration day
    table = expected_counts(cube.assign(risk_truth=early.assign_attrs(risk.attrs)), "truth", days=60, freq="week")
    assert np.isfinite(table["high"]).all()
    np.testing.assert_allclose(table["expected"], whole["expected"], rtol=0.05)
    late = risk.where((cube["time"] != cube["time"][150]) | (cube["cell"] != 0))
    table = expected_counts(cube.assign(risk_truth=late.assign_attrs(risk.attrs)), "truth", days=60, freq="week")
    for name in ("expected", "low", "high"):
        assert int(np.isnan(table[name]).sum()) == 1  # one week of one area
    assert int(np.isnan(table["observed"]).sum()) == 0
    never = risk.where(cube["time"] > cube["time"][100])
    with pytest.raises(CubeError, match="no calibration day of 'risk_truth'"):
        expected_counts(cube.assign(risk_truth=never.assign_attrs(risk.attrs)), "truth", days=60)


def test_importance__forecasts_no_other_days(labelled: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ht.LightGBM(max_trees=5, validation_days=14).fit(ht.split_time(labelled, "2021-05-01")[0])
    forecast = []
    risk_on = Booster.risk_on
    monkeypatch.setattr(
        Booster, "risk_on", lambda *args: forecast.append(risk_on(*args).sizes["time"]) or risk_on(*args)
    )
    table = ht.permutation_importance(
        labelled,
        model,
        time=slice("2021-06-01", "2021-06-10"),
        families={"sums": ["crime_sum_7", "crime_sum_28"]},
    )
    assert forecast[1:] == [10] * (len(table) + 1)  # the first is never computed


def test_intervals__need_to_know_the_training_days() -> None:
    cube = simulated(np.full(10, 0.05), days=120, seed=0)
    del cube["risk_truth"].attrs["training_days"]
    with pytest.raises(CubeError, match="'risk_truth' does not say which days trained it"):
        expected_counts(cube, "truth", days=60)


def test_start_between_two_weeks__is_that_of_the_next_week(cube: xr.Dataset) -> None:
    weekly = ht.add_label(ht.aggregate(cube, by="precinct", freq="W"), ht.AnyWithin("crime", days=7))
    weekly = ht.add_risk(weekly, ht.HistoricalRate().fit(ht.split_time(weekly, "2021-03-03")[0]))
    table = ht.evaluate(weekly, start="2021-03-03", scores=["roc_auc"], draws=0)
    assert table.attrs["days"].startswith("2021-03-08")
    rule = ht.choose_threshold(weekly, "historical_rate", budget=ht.AreaShare(0.5), start="2021-03-03", draws=0)
    assert rule.span[0] == "2021-03-08"
