"""Scores against scikit-learn and slow plain versions; splits; the bootstrap."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from shapely import box
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, UnknownNameError
from htgeo.evaluation import SCORES, scores_to_dict
from htgeo.evaluation.base import Sample
from htgeo.evaluation.bootstrap import block_weights, draw_units, effective_events, interval
from htgeo.grid.cells import polygon_cells

CELLS = np.sort(polygon_cells(box(-74.1, 40.6, -73.8, 40.8), 8, "center"))


def sample(seed: int = 0, cells: int = 60, days: int = 30) -> Sample:
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 0.3, (cells, 1)) * np.ones((1, days))
    events = rng.poisson(rate).astype(float)
    forecast = np.clip(np.round(1 - np.exp(-rate * rng.lognormal(0, 0.3, rate.shape)), 3), 0.001, 0.999)  # with ties
    return make(forecast, np.minimum(events, 1), events, rng.uniform(0.7, 0.8, cells))


def make(
    forecast: np.ndarray, observed: np.ndarray, events: np.ndarray, area: np.ndarray, block_days: int = 1
) -> Sample:
    """A sample of made-up cells around New York whose days are resampled in blocks."""
    cells, days = forecast.shape
    rng = np.random.default_rng(9)
    unit = np.broadcast_to(np.arange(days, dtype=np.int32) // block_days, forecast.shape)
    lon, lat = rng.uniform(-74.1, -73.8, cells), rng.uniform(40.6, 40.8, cells)
    return Sample(forecast, observed, events, area, lon, lat, 0.1, unit, CELLS[:cells])


def score(name: str, s: Sample, weights: np.ndarray | None = None) -> float:
    scorer = SCORES[name]()
    return scorer.values(scorer.prepare(s), np.ones((1, s.units)) if weights is None else weights[None])[0]


PEERS = {
    "pr_auc": lambda y, p, w: average_precision_score(y, p, sample_weight=w),
    "roc_auc": lambda y, p, w: roc_auc_score(y, p, sample_weight=w),
    "brier": lambda y, p, w: brier_score_loss(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: log_loss(y, p, sample_weight=w),
    "brier_skill": lambda y, p, w: 1 - np.average((y - p) ** 2, weights=w) / np.average((y - 0.1) ** 2, weights=w),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores__equal_scikit_learn_with_day_weights(name: str, seed: int) -> None:
    s = sample(seed)
    weights = np.random.default_rng(seed).integers(0, 3, s.forecast.shape[1]).astype(float)
    every = np.broadcast_to(weights, s.forecast.shape)
    assert score(name, s, weights) == pytest.approx(
        PEERS[name](s.observed.ravel(), s.forecast.ravel(), every.ravel()), abs=1e-9
    )


def test_calibration_slope__equals_a_logistic_regression() -> None:
    s = sample(3, cells=400, days=60)
    logit = np.log(s.forecast / (1 - s.forecast)).ravel()
    expected = LogisticRegression(C=1e9, tol=1e-10).fit(logit[:, None], s.observed.ravel()).coef_[0, 0]
    assert score("calibration_slope", s) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("percent", [1, 5, 10, 20])
def test_hotspot_scores__equal_a_plain_loop(percent: int) -> None:
    s = sample(4)
    s = replace(s, forecast=s.forecast + np.arange(60)[:, None] * 1e-7)  # no ties
    captured = possible = 0.0
    for day in range(s.forecast.shape[1]):
        captured += _captured(s.forecast[:, day], s.events[:, day], s.area, percent / 100)
        possible += _captured(s.events[:, day] / s.area, s.events[:, day], s.area, percent / 100)
    rate = captured / s.events.sum()
    assert score(f"hit_rate_{percent}", s) == pytest.approx(rate)
    assert score(f"pai_{percent}", s) == pytest.approx(rate / (percent / 100))
    assert score(f"pei_{percent}", s) == pytest.approx(captured / possible, rel=1e-3)


def _captured(value: np.ndarray, events: np.ndarray, area: np.ndarray, share: float) -> float:
    left, total = share * area.sum(), 0.0
    for cell in np.argsort(-value, kind="stable"):
        part = min(1.0, left / area[cell])
        total += part * events[cell]
        left -= part * area[cell]
        if left <= 0:
            break
    return total


OWN = (
    *("pr_auc", "roc_auc", "brier", "brier_skill", "log_loss", "log_loss_skill", "calibration_slope"),
    *(f"{kind}_{percent}" for kind in ("hit_rate", "pai", "pei") for percent in (1, 5, 10, 20)),
)


@pytest.mark.parametrize("name", OWN)
class TestEveryScore:
    def test_perfect_forecast__gets_the_best_value(self, name: str) -> None:
        s = sample()
        perfect = make(s.observed.copy(), s.observed, s.observed, np.full_like(s.area, 0.74))
        other = make(s.forecast, s.observed, s.observed, perfect.area)
        best = SCORES[name].best
        if name == "calibration_slope":
            rng = np.random.default_rng(0)  # probabilities that mean what they say
            p = rng.uniform(0.01, 0.6, (500, 200))
            s = make(p, (rng.random(p.shape) < p).astype(float), np.zeros(p.shape), np.ones(500))
            assert score(name, s) == pytest.approx(1, abs=0.02)
        elif name.startswith(("pai", "hit_rate")):  # bounded by the area: the best is what a PEI of 1 stands for
            efficiency = "pei_" + name.rsplit("_", 1)[1]
            assert score(efficiency, perfect) == pytest.approx(1)
            assert score(name, other) / score(efficiency, other) == pytest.approx(score(name, perfect))
        else:
            assert score(name, perfect) == pytest.approx(best, abs=1e-5)

    def test_missing_values__are_left_out(self, name: str) -> None:
        s = sample()
        gone = np.zeros(s.forecast.shape, bool)
        gone[:, 20:] = True
        holes = replace(
            s,
            forecast=np.where(gone, np.nan, s.forecast),
            observed=np.where(gone, np.nan, s.observed),
            events=np.where(gone, 0, s.events),
        )
        short = make(s.forecast[:, :20], s.observed[:, :20], s.events[:, :20], s.area)
        assert score(name, holes) == pytest.approx(score(name, short), rel=1e-6)


@pytest.fixture
def scored(labelled: xr.Dataset) -> xr.Dataset:
    train, _ = ht.split_time(labelled, "2021-03-01")
    cube = ht.add_risk(labelled, ht.HistoricalRate().fit(train))
    return ht.add_risk(cube, ht.EwmaRate(half_life=30).fit(train))


def test_evaluate__values_intervals_differences(scored: xr.Dataset) -> None:
    table = ht.evaluate(scored, start="2021-03-01", against=["historical_rate"], draws=100)
    days = scored.sel(time=slice("2021-03-01", None))
    observed, risk = days["crime_any_within_7"].values, days["risk_ewma_rate"].values
    known = ~np.isnan(observed)
    assert float(table["value"].sel(model="ewma_rate", score="pr_auc")) == pytest.approx(
        average_precision_score(observed[known], risk[known])
    )
    inner = table[["low", "value", "high"]].sel(score=["pr_auc", "log_loss", "hit_rate_10"]).compute()
    assert (inner["low"] <= inner["value"]).all()
    assert (inner["value"] <= inner["high"]).all()
    gap = table["value"].sel(model="ewma_rate") - table["value"].sel(model="historical_rate")
    xr.testing.assert_allclose(table["difference"].sel(baseline="historical_rate", model="ewma_rate", drop=True), gap)
    assert table.attrs["cell_days"] == known.sum()
    assert table.attrs["positives"] == observed[known].sum()
    plain = scores_to_dict(table)
    assert set(plain["ewma_rate"]["pr_auc"]) == {"value", "low", "high", "against"}
    json.dumps(plain, allow_nan=False)


def test_evaluate__counts_events_in_the_window(scored: xr.Dataset) -> None:
    table = ht.evaluate(scored, start="2021-05-10", stop="2021-05-12", scores=["hit_rate_10"], draws=0)
    assert table.attrs["events"] == float(
        scored["crime"].sel(time=slice("2021-05-10", "2021-05-18")).sum()
    )  # each once


def coverage(seeds: int, draws: int, *, weeks: int, difference: bool) -> float:
    """Return how often the 95 % interval holds the expected Brier score (or gain in it) of simulated weeks."""
    inside = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rate = np.random.default_rng(1).uniform(0.05, 0.5, (40, 1))
        p = np.clip(rate * np.repeat(rng.gamma(20, 1 / 20, (1, weeks)), 7, axis=1), 0, 0.9)  # weeks differ
        y = (rng.random(p.shape) < p).astype(float)
        forecast, other = np.broadcast_to(rate, p.shape), np.full(p.shape, rate.mean())
        found = []
        for given in (forecast, other):
            s = make(given, y, np.zeros(p.shape), np.ones(40), block_days=7)
            scorer = SCORES["brier"]()
            found.append(scorer.values(scorer.prepare(s), draw_units(weeks, draws=draws, seed=seed)))
        expected = np.array([(m - 2 * m * g + g**2).mean() for m, g in ((rate, rate), (rate, rate.mean()))])
        values, truth = (found[0] - found[1], expected[0] - expected[1]) if difference else (found[0], expected[0])
        low, high = interval(values, 0.95, weeks)
        inside += bool(low <= truth <= high)
    return inside / seeds


def test_interval__holds_the_truth_about_as_often_as_it_says() -> None:
    assert 0.85 <= coverage(60, 200, weeks=20, difference=False) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("weeks", [13, 26, 52])
@pytest.mark.parametrize("difference", [False, True])
def test_interval__holds_the_truth_93_to_97_times_in_100(weeks: int, difference: bool) -> None:
    assert 0.93 <= coverage(2000, 1000, weeks=weeks, difference=difference) <= 0.97


def test_block_weights__draw_whole_weeks() -> None:
    days = np.arange("2021-01-01", "2021-03-14", dtype="datetime64[D]")
    weights = block_weights(days, draws=30, seed=3)
    assert (weights[0] == 1).all()
    assert all(len(np.unique(weights[:, i : i + 7], axis=1).T) == 1 for i in range(0, len(days), 7))
    assert (weights[:, :70:7].sum(axis=1) == 10).all()  # as many weeks as there are
    assert (weights[:, 69] == weights[:, 70]).all()  # two days at the end belong to the last week
    assert len(block_weights(days[:28], draws=30)) == 1  # four weeks: no draws
    weekly = np.arange("2021-01-04", "2021-06-01", 7, dtype="datetime64[D]")
    assert block_weights(weekly, draws=3).shape == (4, len(weekly))


def test_effective_events__fewer_where_events_cluster() -> None:
    rng = np.random.default_rng(0)
    alone = rng.poisson(20, 400)
    assert effective_events(alone) == pytest.approx(alone.sum(), rel=0.15)
    in_fives = 5 * rng.poisson(4, 400)
    assert effective_events(in_fives) == pytest.approx(in_fives.sum() / 5, rel=0.15)
    assert effective_events(np.full(10, 3)) == 30


def test_evaluate__by_area_and_by_month_equal_the_parts_scored_alone(scored: xr.Dataset) -> None:
    options = {"scores": ["log_loss", "hit_rate_10", "pr_auc"], "draws": 20, "against": ["historical_rate"]}
    areas = ht.evaluate(scored, start="2021-04-01", by="borough", **options)
    assert areas["value"].dims == ("borough", "model", "score")
    for borough in areas["borough"].values:
        alone = ht.evaluate(scored.isel(cell=scored["borough"].values == borough), start="2021-04-01", **options)
        xr.testing.assert_allclose(areas.sel(borough=borough, drop=True), alone)
    months = ht.evaluate(scored, start="2021-04-01", by="month", **options)
    assert months["month"].values.tolist() == ["2021-04", "2021-05", "2021-06"]
    april = ht.evaluate(scored, start="2021-04-01", stop="2021-04-30", **options)
    xr.testing.assert_allclose(months.sel(month="2021-04", drop=True), april)
    assert float(areas["positives"].sum()) == areas.attrs["positives"]
    assert ht.score_table(areas).shape == (3, 2 * areas.sizes["borough"])
    with pytest.raises(InputError, match=r"no groups by 'boro'; choose .* did you mean 'borough'"):
        ht.evaluate(scored, by="boro")


def test_evaluate__blocks_of_days_and_places(scored: xr.Dataset) -> None:
    time, both = (
        ht.evaluate(scored, start="2021-03-01", scores=["log_loss", "hit_rate_10"], draws=200, resample=way)
        for way in ("time", "space-time")
    )
    xr.testing.assert_allclose(time["value"], both["value"])
    assert both.attrs["units"] > time.attrs["units"]
    assert (both["low"] < both["value"]).all()
    with pytest.raises(InputError, match="resample must be 'time' or 'space-time', not 'cell'"):
        ht.evaluate(scored, resample="cell")


def test_score__lazy_and_equal_to_evaluate(scored: xr.Dataset) -> None:
    table = ht.evaluate(scored, start="2021-03-01", draws=0)
    for name in table["score"].values.tolist():  # all that fit a risk
        with no_compute():
            value = ht.score(scored, name, "ewma_rate", start="2021-03-01")
        assert float(value) == pytest.approx(float(table["value"].sel(model="ewma_rate", score=name)), rel=1e-3)


def test_compare__ranks_and_judges(scored: xr.Dataset) -> None:
    noise = scored["risk_historical_rate"] * 0 + 0.5
    cube = scored.assign(risk_coin=noise.assign_attrs(scored["risk_historical_rate"].attrs, role_of="risk_coin"))
    table = ht.evaluate(cube, start="2021-03-01", against=["historical_rate"], draws=100)
    ranked = ht.compare(table, "log_loss")
    assert ranked.index[-1] == "coin"
    assert ranked.loc["coin", "against historical_rate"] == "worse"
    assert ranked.loc["historical_rate", "against historical_rate"] == ""
    assert ranked.loc["coin", "gain over historical_rate, low"] <= ranked.loc["coin", "gain over historical_rate"] < 0
    two = ht.compare(ht.evaluate(cube, start="2021-03-01", against=["historical_rate", "ewma_rate"], draws=50))
    own = ht.compare(ht.evaluate(cube, start="2021-03-01", against=["ewma_rate"], draws=50))
    assert two.filter(like="ewma_rate").equals(own.filter(like="ewma_rate"))
    by = ht.evaluate(cube, start="2021-03-01", by="borough", scores=["log_loss"], draws=0)
    with pytest.raises(InputError, match="choose a part first"):
        ht.compare(by)
    assert ht.compare(table, "roc_auc").loc["coin", "value"] == 0.5
    with pytest.raises(InputError, match=r"no score 'logloss'; .*did you mean 'log_loss'"):
        ht.compare(table, "logloss")
    with pytest.raises(InputError, match="'bias' ranks no models: its best value is 1"):
        ht.compare(table, "bias")


def test_permutation_test__small_for_a_worse_forecast_only(scored: xr.Dataset) -> None:
    noise = scored["risk_historical_rate"] * 0 + 0.5
    cube = scored.assign(
        risk_coin=noise.assign_attrs(scored["risk_historical_rate"].attrs, role_of="risk_coin"),
        risk_twin=(scored["risk_historical_rate"] + 0).assign_attrs(
            scored["risk_historical_rate"].attrs, role_of="risk_twin"
        ),
    )
    worse = ht.permutation_test(cube, "coin", "historical_rate", start="2021-03-01", permutations=50)
    assert worse["p_value"] < 0.1  # nine blocks of days allow no less than 2 in 512
    assert worse["difference"] > 0
    same = ht.permutation_test(cube, "twin", "historical_rate", start="2021-03-01", permutations=20)
    assert same == {"difference": 0.0, "p_value": 1.0}


def test_scores__refuse_a_score_of_another_kind(scored: xr.Dataset) -> None:
    counts = [name for name in SCORES if SCORES[name].scores == "count"]
    assert counts
    with pytest.raises(InputError, match=f"'{counts[0]}' scores a forecast of counts; those of this cube are prob"):
        ht.evaluate(scored, scores=[counts[0]])


@pytest.mark.parametrize("name", list(SCORES))
def test_score__states_range_direction_and_source(name: str) -> None:
    kind = SCORES[name]
    assert kind.bounds[0] < kind.bounds[1]
    assert np.isnan(kind.best) or kind.bounds[0] <= kind.best <= kind.bounds[1]
    assert kind.source
    assert kind.summary
    assert kind.scores in ("probability", "count", "both")


def test_evaluate__clear_messages(scored: xr.Dataset, labelled: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="no risk to score; add one"):
        ht.evaluate(labelled)
    with pytest.raises(UnknownNameError, match=r"no score 'prauc'; .* did you mean 'pr_auc'"):
        ht.evaluate(scored, scores=["prauc"])
    with pytest.raises(InputError, match="no risk of 'historical'; it has"):
        ht.evaluate(scored, against=["historical"])
    with pytest.raises(CubeError, match="no day to score between 2030-01-01"):
        ht.evaluate(scored, start="2030-01-01")
    with pytest.raises(CubeError, match="label that is over"):
        ht.evaluate(scored, start="2021-06-28")


def test_split_time__gap_follows_from_the_horizon(labelled: xr.Dataset) -> None:
    with no_compute():
        train, test = ht.split_time(labelled, "2021-05-10")
    assert str(train.time.values[-1])[:10] == "2021-05-03"  # its label covers 3 to 9 May
    assert str(test.time.values[0])[:10] == "2021-05-10"
    longer, _ = ht.split_time(labelled, "2021-05-10", gap=91)
    assert longer.sizes["time"] == train.sizes["time"] - 85
    with pytest.raises(InputError, match="horizon of 7 days demands at least 6"):
        ht.split_time(labelled, "2021-05-10", gap=2)
    with pytest.raises(InputError, match="leaves no test day"):
        ht.split_time(labelled, "2022-05-10")
    with pytest.raises(InputError, match="a day looks like"):
        ht.split_time(labelled, "May")


def test_bad_draws_levels_seeds_and_days__are_named(scored: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"draws must be a whole number of at least 0.*not -1"):
        ht.capture_curve(scored, "ewma_rate", draws=-1)
    with pytest.raises(InputError, match="level between 0 and 1, not 0 and 2"):
        interval(np.ones((2, 3)), 2, 5)
    with pytest.raises(InputError, match="seed must be a whole number of at least 0, not -1"):
        ht.evaluate(scored, seed=-1)
    with pytest.raises(InputError, match=r"a day looks like 2024-05-14 .*not the number 20210401"):
        ht.evaluate(scored, start=20210401)


def test_gap_and_permutation__refuse_scores_that_cannot_rank(scored: xr.Dataset) -> None:
    with pytest.raises(InputError, match="'mae' scores a forecast of counts"):
        ht.gap_closed(scored, "ewma_rate", score="mae")
    with pytest.raises(InputError, match="'calibration_slope' ranks no models"):
        ht.gap_closed(scored, "ewma_rate", score="calibration_slope")
    with pytest.raises(InputError, match="'mae' scores a forecast of counts"):
        ht.permutation_test(scored, "ewma_rate", "historical_rate", score="mae")


def test_own_variable__that_is_no_risk_is_named(scored: xr.Dataset) -> None:
    cube = scored.assign(risk_mine=scored["risk_ewma_rate"] * 0.9)
    with pytest.raises(InputError, match="'risk_mine' is in the cube but not marked as a risk of its label"):
        ht.capture_curve(cube, "mine")


def test_hotspots_of_areas__are_taken_by_the_forecast_a_km2() -> None:
    area = np.array([1.0, 20.0, 1.0, 18.0])
    rate = np.array([0.5, 0.8, 0.1, 0.2])
    events = np.repeat(rate[:, None] * 10, 5, axis=1)
    s = make(events / 10, np.minimum(events, 1), events, area)
    areas = replace(s, cell=np.array(["a", "b", "c", "d"]))
    assert areas.day_order[0].tolist() == [0] * 5
    assert s.day_order[0].tolist() == [1] * 5
    assert score("pei_5", areas) == pytest.approx(1)
