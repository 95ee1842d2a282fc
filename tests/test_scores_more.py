"""Scores of counts, reliability, places, stability, capture and the achievable, against other implementations."""

import json
from dataclasses import replace
from itertools import pairwise

import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import nbinom, poisson
from shapely import box
from sklearn import metrics

import htgeo as ht
from htgeo.core.errors import InputError, UnknownNameError
from htgeo.evaluation.achievable_scores import SHAPES, Counts, _likelihood, achievable, independent_counts, true_rates
from htgeo.evaluation.base import SCORES, Sample
from htgeo.evaluation.capture import capture_curve
from htgeo.evaluation.gap import gap_closed, that_knows
from htgeo.evaluation.places import by_place, neighbors
from htgeo.evaluation.reliability_scores import calibration_curve
from htgeo.evaluation.samples import samples
from htgeo.evaluation.spatial_scores import TOGETHER
from htgeo.evaluation.stability_scores import flagged
from htgeo.grid.cells import cell_areas, cell_centers, polygon_cells
from htgeo.labels.within import coming_sum

CELLS = np.sort(polygon_cells(box(-74.1, 40.6, -73.8, 40.8), 8, "center"))
COUNTS = ("mae", "rmse", "mape", "poisson_deviance", "crps")
SHARES = (1, 5, 10, 20)
NAMES = (
    *COUNTS,
    *("bias", "ece", "sharpness", "morans_i", "neighbourhood_skill", "capture_area"),
    *(f"{kind}_{percent}" for kind in ("stability", "pei_achievable") for percent in SHARES),
)


def make(forecast: np.ndarray, events: np.ndarray, *, block: int = 3, counts: bool = False) -> Sample:
    """A sample of neighbouring cells in New York whose days are resampled in blocks."""
    cells, days = forecast.shape
    lon, lat = cell_centers(CELLS[:cells])
    unit = np.broadcast_to(np.arange(days, dtype=np.int32) // block, forecast.shape)
    observed = np.where(np.isnan(forecast), np.nan, events if counts else np.minimum(events, 1))
    known = np.where(np.isnan(forecast), 0.0, events)
    return Sample(forecast, observed, known, cell_areas(CELLS[:cells]), lon, lat, 0.1, unit, CELLS[:cells])


def draw(seed: int = 0, cells: int = 60, days: int = 30, *, counts: bool = False) -> Sample:
    """A sample of Poisson events and a forecast that is roughly right."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 0.6, (cells, 1)) * np.ones((1, days))
    near = rate * rng.lognormal(0, 0.3, rate.shape)
    return make(near if counts else 1 - np.exp(-near), rng.poisson(rate).astype(float), counts=counts)


def fitting(name: str, seed: int = 0, **size: int) -> Sample:
    """A sample of counts for scores of counts, of probabilities for the others."""
    return draw(seed, counts=name in COUNTS, **size)


def values(name: str, s: Sample, weights: np.ndarray) -> np.ndarray:
    scorer = SCORES[name]()
    return scorer.values(scorer.prepare(s), weights)


def score(name: str, s: Sample) -> float:
    return values(name, s, np.ones((1, s.units)))[0]


def repeated(s: Sample, weights: np.ndarray) -> Sample:
    """The sample with each day as often as its block is drawn."""
    days = np.repeat(np.arange(s.forecast.shape[1]), weights[s.unit[0]].astype(int))
    parts = {name: getattr(s, name)[:, days] for name in ("forecast", "observed", "events", "unit")}
    return replace(s, **parts)


def crps_by_definition(counts: np.ndarray, means: np.ndarray) -> float:
    steps = np.arange(200)
    each = [
        ((poisson.cdf(steps, mean) - (steps >= count)) ** 2).sum() for count, mean in zip(counts, means, strict=True)
    ]
    return float(np.mean(each))


PEERS = {
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "mape": lambda y, p: metrics.mean_absolute_percentage_error(y[y > 0], p[y > 0]),
    "poisson_deviance": metrics.mean_poisson_deviance,
    "crps": crps_by_definition,
    "bias": lambda y, p: p.sum() / y.sum(),
    "sharpness": lambda _, p: np.std(p),
}


@pytest.mark.parametrize("name", PEERS)
def test_sums__equal_another_implementation_also_for_drawn_blocks(name: str) -> None:
    s = fitting(name, 1)
    weights = np.random.default_rng(2).integers(0, 3, (4, s.units)).astype(float)
    found = values(name, s, weights)
    for row, value in zip(weights, found, strict=True):
        drawn = repeated(s, row)
        assert value == pytest.approx(PEERS[name](drawn.observed.ravel(), drawn.forecast.ravel()), rel=1e-9)


@pytest.mark.parametrize("name", ["morans_i", "neighbourhood_skill", "capture_area"])
def test_draws__hold_each_block_as_often_as_drawn(name: str) -> None:
    s = draw(3)
    weights = np.random.default_rng(4).integers(0, 3, (3, s.units)).astype(float)
    expected = [score(name, repeated(s, row)) for row in weights]
    assert values(name, s, weights) == pytest.approx(expected, rel=1e-9)


def test_crps__also_for_parts_of_events_and_prefers_the_true_mean() -> None:
    s = make(np.array([[0.0, 0.3, 2.5]]), np.array([[0.0, 1.5, 0.25]]), counts=True)
    counts = np.random.default_rng(0).poisson([[0.0], [0.3], [2.5]], (3, 400_000))
    pairs = np.abs(counts[:, :200_000] - counts[:, 200_000:]).mean(axis=1)
    expected = (np.abs(counts - s.events.T).mean(axis=1) - pairs / 2).mean()
    assert score("crps", s) == pytest.approx(expected, abs=2e-3)
    events = np.random.default_rng(1).poisson(0.4, (60, 500)).astype(float)
    losses = [score("crps", make(np.full(events.shape, mean), events, counts=True)) for mean in (0.3, 0.4, 0.5)]
    assert losses[1] == min(losses)


def test_mape__rewards_too_high_forecasts() -> None:
    s = draw(5, counts=True)
    assert score("mape", replace(s, forecast=np.maximum(s.forecast, 1.0))) < score("mape", s)
    assert score("bias", replace(s, forecast=np.maximum(s.forecast, 1.0))) > 2


def test_ece__equals_a_group_by_of_quantile_bins() -> None:
    s = draw(6)
    table = pd.DataFrame({"p": s.forecast.ravel(), "y": s.observed.ravel()})
    table["bin"] = pd.qcut(table["p"], 20)
    weights = np.random.default_rng(7).integers(0, 3, (3, s.units)).astype(float)
    for row, value in zip(weights, values("ece", s, weights), strict=True):
        table["w"] = row[s.unit].ravel()
        gaps = (table["w"] * (table["p"] - table["y"])).groupby(table["bin"], observed=True).sum()
        assert value == pytest.approx(gaps.abs().sum() / table["w"].sum(), rel=1e-9)


def test_morans_i__equals_esda() -> None:
    from esda.moran import Moran
    from libpysal.weights import WSP

    s = draw(8)
    weights = np.random.default_rng(9).integers(0, 3, (3, s.units)).astype(float)
    near = WSP(neighbors(s).astype(float).tocoo()).to_W(silence_warnings=True)
    for row, value in zip(weights, values("morans_i", s, weights), strict=True):
        residual = ((s.observed - s.forecast) * row[s.unit]).sum(axis=1)
        assert value == pytest.approx(Moran(residual, near, permutations=0).I, rel=1e-9)


def test_morans_i__a_draw_without_some_cells_leaves_them_out() -> None:
    s = draw(10, cells=20, days=12)
    places = np.arange(20) // 5
    s = replace(s, unit=(places[:, None] * 4 + np.arange(12) // 3).astype(np.int32))
    drawn = np.ones((1, 16))
    drawn[0, 4:8] = 0  # no day of the second five cells
    there = places != 1
    z = (s.observed - s.forecast)[there].mean(axis=1)
    z = z - z.mean()
    near = neighbors(s).toarray().astype(float)
    near = (near / near.sum(axis=1, keepdims=True))[there][:, there]
    expected = len(z) / near.sum() * (z @ near @ z) / (z @ z)
    assert values("morans_i", s, drawn)[0] == pytest.approx(expected, rel=1e-9)


def test_morans_i__high_where_a_district_is_missed() -> None:
    s = draw(11, cells=300)
    east = s.lon > np.median(s.lon)
    missed = replace(s, forecast=np.where(east[:, None], 0.5 * s.forecast, np.minimum(1.5 * s.forecast, 1)))
    assert score("morans_i", missed) > score("morans_i", s) + 0.1
    many = np.random.default_rng(0).integers(0, 3, (TOGETHER + 3, s.units)).astype(float)
    assert values("morans_i", s, many)[-3:] == pytest.approx(values("morans_i", s, many[-3:]))


def test_neighbors__of_areas_are_the_six_nearest() -> None:
    from libpysal.weights import KNN

    from htgeo.grid.cells import unit_vectors

    s = replace(draw(12), cell=np.array([f"area {i}" for i in range(60)]))
    expected = KNN.from_array(unit_vectors(s.lon, s.lat), k=6, silence_warnings=True)
    assert (neighbors(s).toarray() == expected.full()[0]).all()
    few = replace(draw(12, cells=3), cell=np.array(["a", "b", "c"]))
    assert (neighbors(few).toarray() == 1 - np.eye(3)).all()
    assert 0 < score("neighbourhood_skill", few) < 1


def test_by_place__sums_by_cell_and_block() -> None:
    s = draw(13, cells=5, days=9)
    found = by_place(s, np.where(s.forecast > 0.9, np.nan, s.forecast)).toarray()
    expected = np.where(s.forecast > 0.9, 0, s.forecast).reshape(5, 3, 3).sum(axis=2)
    assert found == pytest.approx(expected)


def test_neighbourhood_skill__equals_a_plain_loop() -> None:
    s = draw(14, cells=25, days=6)
    s = replace(s, forecast=np.where(s.lon[:, None] > s.lon.max() - 0.005, np.nan, s.forecast))
    s = make(s.forecast, s.events)
    at = {int(cell): i for i, cell in enumerate(s.cell)}
    off = most = 0.0
    for day in range(6):
        for cell, i in at.items():
            if not s.known[i, day]:
                continue
            around = [at[near] for near in h3.grid_disk(cell, 1) if near in at and s.known[at[near], day]]
            forecast, observed = s.forecast[around, day].mean(), s.observed[around, day].mean()
            off += (forecast - observed) ** 2
            most += forecast**2 + observed**2
    assert score("neighbourhood_skill", s) == pytest.approx(1 - off / most, rel=1e-9)


def test_neighbourhood_skill__one_cell_beside_is_nearly_right() -> None:
    event = np.zeros((60, 3))
    middle = int(np.argmax(neighbors(make(event, event)).sum(axis=1)))
    event[middle] = 1
    beside, away = np.zeros((60, 3)), np.zeros((60, 3))
    beside[neighbors(make(event, event))[[middle]].indices[0]] = 1
    away[int(np.argmax(np.hypot(*(make(event, event).lon - make(event, event).lon[middle], 0 * event[:, 0]))))] = 1
    skills = [score("neighbourhood_skill", make(forecast, event)) for forecast in (event, beside, away)]
    assert skills[0] == pytest.approx(1)
    assert 0.3 < skills[1] < 0.9
    assert skills[2] == 0


def plain_capture(forecast: np.ndarray, events: np.ndarray, area: np.ndarray, share: float) -> float:
    left, total = share * area.sum(), 0.0
    for cell in np.argsort(-forecast, kind="stable"):
        part = min(1.0, left / area[cell])
        total += part * events[cell]
        left -= part * area[cell]
        if left <= 0:
            break
    return total


def test_capture_area__is_the_area_under_the_hit_rates() -> None:
    s = draw(15, cells=40, days=5)
    s = replace(s, area=np.random.default_rng(0).uniform(0.2, 1.5, 40))
    shares = np.linspace(0, 1, 2001)[1:]
    hits = [
        sum(plain_capture(s.forecast[:, day], s.events[:, day], s.area, share) for day in range(5)) / s.events.sum()
        for share in shares
    ]
    assert score("capture_area", s) == pytest.approx(np.trapezoid([0, *hits], [0, *shares]), abs=1e-5)
    noise = replace(draw(16, 200, 200), forecast=np.random.default_rng(1).random((200, 200)))
    assert score("capture_area", noise) == pytest.approx(0.5, abs=0.01)


def test_stability__equals_the_jaccard_index_of_sets() -> None:
    s = replace(draw(17, cells=50, days=8), area=np.ones(50))
    top = [set(np.argsort(-s.forecast[:, day])[:5].tolist()) for day in range(8)]
    both = [len(one & other) for one, other in pairwise(top)]
    either = [len(one | other) for one, other in pairwise(top)]
    assert score("stability_10", s) == pytest.approx(sum(both) / sum(either))
    drawn = values("stability_10", s, np.array([[0.0, 1.0, 0.0]]))[0]  # days 3 to 5, each with the day before
    assert drawn == pytest.approx(sum(both[2:5]) / sum(either[2:5]))


def test_stability__one_for_a_map_that_never_moves() -> None:
    s = draw(18)
    still = replace(s, forecast=np.repeat(s.forecast[:, :1], 30, axis=1))
    ties = replace(s, forecast=np.full(s.forecast.shape, 0.1))
    assert score("stability_5", still) == pytest.approx(1)
    assert score("stability_5", ties) == pytest.approx(1)
    assert np.isnan(score("stability_5", draw(18, days=1)))


@pytest.mark.parametrize("percent", SHARES)
def test_flagged__fills_the_share_of_the_known_area_and_captures_as_the_hit_rate(percent: int) -> None:
    s = draw(19)
    s = make(np.where(s.forecast < 0.05, np.nan, s.forecast), s.events)
    part = flagged(s, percent / 100)
    assert s.area @ part == pytest.approx(percent / 100 * (s.area @ s.known))
    assert (part * s.events).sum() / s.events.sum() == pytest.approx(score(f"hit_rate_{percent}", s))


def test_likelihood__is_negative_binomial() -> None:
    counts = Counts(np.array([0.0, 3.0, 7.0]), np.array([10.0, 20.0, 30.0]))
    prior = np.array([0.1, 0.2, 0.3])
    expected = prior * counts.days
    peers = [nbinom.logpmf(counts.events, shape, shape / (shape + expected)).sum() for shape in SHAPES]
    found = [_likelihood(counts, prior, shape) for shape in SHAPES]
    assert np.diff(found) == pytest.approx(np.diff(peers), abs=1e-9)


def test_achievable__equals_a_plain_loop() -> None:
    s = draw(20, cells=30, days=6)
    s = make(np.where((s.lat[:, None] < s.lat.min() + 0.01) & (np.arange(6) < 3), np.nan, s.forecast), s.events)
    rates = np.random.default_rng(0).gamma(1, 1, (4, 30))
    expected = np.zeros(2)
    for day in range(6):
        known = s.known[:, day]
        for rate in rates[:, known]:
            share = plain_capture(rate / s.area[known], rate, s.area[known], 0.2) / rate.sum()
            expected[day // 3] += share * s.events[:, day].sum() / 4
    assert achievable(s, 0.2, rates) == pytest.approx(expected)


def city(seed: int, events: float, days: int = 60) -> tuple[np.ndarray, Sample]:
    """True rates of all cells, and a sample of Poisson events whose forecast they are."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 1, len(CELLS))
    rate *= events / days / rate.sum()
    counts = rng.poisson(rate[:, None], (len(CELLS), days)).astype(float)
    return rate, make(np.repeat(rate[:, None], days, axis=1), counts, block=7, counts=True)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_achievable__is_what_the_true_rates_capture_where_the_counts_themselves_mislead(seed: int) -> None:
    rate, s = city(seed, 800)  # in 758 cells
    truth = plain_capture(rate / s.area, rate, s.area, 0.1) / rate.sum()
    by_chance = plain_capture(s.events.sum(axis=1), s.events.sum(axis=1), s.area, 0.1) / s.events.sum()
    found = achievable(s, 0.1, true_rates(s)).sum() / s.events.sum()
    assert by_chance > 1.14 * truth
    assert found == pytest.approx(truth, rel=0.07)
    assert score("pei_achievable_10", s) == pytest.approx(1, abs=0.12)
    assert score("pei_10", s) < 0.6


def test_achievable__also_where_windows_overlap() -> None:
    _, s = city(3, 800, days=66)
    weeks = coming_sum(s.events, 7)[:, :60].astype(float)
    overlapping = make(np.ones(weeks.shape), weeks, block=14, counts=True)
    alone = independent_counts(make(np.ones((len(CELLS), 66)), s.events, block=7))
    assert alone.days == pytest.approx(66, rel=0.1)  # independent events scatter as they should
    assert 60 / independent_counts(overlapping).days[0] == pytest.approx(7, rel=0.15)
    shares = [achievable(one, 0.1, true_rates(one)).sum() / one.events.sum() for one in (s, overlapping)]
    assert shares[1] == pytest.approx(shares[0], rel=0.05)


@pytest.mark.parametrize("name", NAMES)
class TestEveryScore:
    def test_perfect_forecast__gets_the_best_value(self, name: str) -> None:
        s = fitting(name)
        perfect = replace(s, forecast=s.observed.copy())
        if name.startswith("stability"):  # no value is best
            assert np.isnan(SCORES[name].best)
        elif name == "crps":
            nothing = np.zeros((5, 4))
            assert score(name, make(nothing, nothing, counts=True)) == 0
            assert score(name, perfect) < score(name, s)
        elif name in {"sharpness", "capture_area"} or name.startswith("pei"):  # bounded by what happens
            clairvoyant = replace(s, forecast=np.minimum(s.events / s.area[:, None] / 100, 1))
            best = perfect if name == "sharpness" else clairvoyant
            assert score(name, s) < score(name, best) < SCORES[name].best
        else:
            assert score(name, perfect) == pytest.approx(SCORES[name].best, abs=1e-6)

    def test_missing_values__are_left_out(self, name: str) -> None:
        s = fitting(name)
        gone = np.zeros(s.forecast.shape, bool)
        gone[:, 21:] = True
        gone[50:] = True
        holes = make(np.where(gone, np.nan, s.forecast), s.events, counts=name in COUNTS)
        short = make(s.forecast[:50, :21], s.events[:50, :21], counts=name in COUNTS)
        chance = 0.1 if name.startswith("pei") else 1e-9  # other random maps of rates
        assert score(name, holes) == pytest.approx(score(name, short), rel=chance)

    def test_nothing_to_score__is_nan(self, name: str) -> None:
        s = make(np.full((4, 6), np.nan), np.zeros((4, 6)))
        assert np.isnan(score(name, s))

    @given(st.data())
    def test_bounds__hold(self, name: str, data: st.DataObject) -> None:
        counts = name in COUNTS
        shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 7)))
        forecast = data.draw(arrays(float, shape, elements=st.floats(0, 5 if counts else 1)))
        missing = data.draw(arrays(bool, shape))
        events = data.draw(arrays(float, shape, elements=st.integers(0, 5)))
        s = make(np.where(missing, np.nan, forecast), events, counts=counts)
        weights = data.draw(arrays(float, (3, s.units), elements=st.integers(0, 4)))
        low, high = SCORES[name].bounds
        found = values(name, s, weights)
        assert found.shape == (3,)
        assert (np.isnan(found) | ((found >= low - 1e-9) & (found <= high + 1e-9))).all()


@pytest.fixture
def scored(labelled: xr.Dataset) -> xr.Dataset:
    train, _ = ht.split_time(labelled, "2021-03-01")
    return ht.add_risk(ht.add_risk(labelled, ht.HistoricalRate().fit(train)), ht.EwmaRate().fit(train))


OPTIONS = {"start": "2021-03-01", "draws": 40}


def test_calibration_curve__equals_a_group_by(scored: xr.Dataset) -> None:
    curve = calibration_curve(scored, "ewma_rate", bins=10, **OPTIONS)
    s = samples(scored, ["ewma_rate"], start="2021-03-01").by_model["ewma_rate"]
    table = pd.DataFrame({"p": s.forecast[s.known], "y": s.observed[s.known]})
    table["bin"] = np.searchsorted(np.quantile(table["p"], np.linspace(0, 1, 11)[1:-1]), table["p"], side="right")
    expected = table.groupby("bin").agg(p=("p", "mean"), y=("y", "mean"), size=("y", "size"))
    assert curve["forecast"].values == pytest.approx(expected["p"].to_numpy(), rel=1e-6)
    assert curve["observed"].values == pytest.approx(expected["y"].to_numpy())
    assert curve["size"].values.tolist() == expected["size"].tolist()
    assert ((curve["low"] <= curve["observed"]) & (curve["observed"] <= curve["high"])).all()
    assert (curve["low"] < curve["high"]).any()
    assert curve.attrs["label"] == "crime_any_within_7"
    alike = scored.assign(
        risk_ewma_rate=(scored["risk_ewma_rate"] * 0 + 0.3).assign_attrs(scored["risk_ewma_rate"].attrs)
    )
    assert calibration_curve(alike, "ewma_rate", **OPTIONS).sizes["bin"] == 1
    assert np.isnan(calibration_curve(scored, "ewma_rate", start="2021-06-01", draws=0)["low"]).all()
    with pytest.raises(InputError, match="bins must be a whole number of at least 1, not 0"):
        calibration_curve(scored, "ewma_rate", bins=0)


@pytest.mark.parametrize("name", ["ece", "morans_i", "neighbourhood_skill", "stability_5", "pei_achievable_5"])
def test_score__lazy_and_equal_to_evaluate(scored: xr.Dataset, name: str) -> None:
    with no_compute():
        value = ht.score(scored, name, "ewma_rate", start="2021-03-01")
    table = ht.evaluate(scored, scores=[name], start="2021-03-01", draws=20)
    at = table.sel(model="ewma_rate", score=name)
    assert float(value) == pytest.approx(float(at["value"]), rel=1e-6)
    assert at["low"] < at["high"]


def test_capture_curve__equals_the_hit_rates(scored: xr.Dataset) -> None:
    curve = capture_curve(scored, "ewma_rate", shares=[0.01, 0.05, 0.1, 0.2, 1.0], **OPTIONS)
    names = [f"hit_rate_{percent}" for percent in SHARES]
    table = ht.evaluate(scored[[*scored.data_vars]].drop_vars("risk_historical_rate"), scores=names, **OPTIONS)
    for part, column in {"hit_rate": "value", "low": "low", "high": "high"}.items():
        assert curve[part].values[:4] == pytest.approx(table[column].sel(model="ewma_rate").values, rel=1e-6)
    for part in ("hit_rate", "achievable", "clairvoyant"):
        assert float(curve[part][-1]) == pytest.approx(1)
    assert (curve["clairvoyant"] >= curve["hit_rate"] - 1e-9).all()
    assert (curve["clairvoyant"] >= curve["achievable"] - 1e-9).all()
    for wrong in ([], [0.2, 0.1], [0.0, 0.5], [0.5, 1.5]):
        with pytest.raises(InputError, match="shares must ascend"):
            capture_curve(scored, "ewma_rate", shares=wrong)
    with pytest.raises(InputError, match="no risk of 'ewma'"):
        capture_curve(scored, "ewma")


@pytest.mark.parametrize("name", ["pr_auc", "log_loss"])
def test_gap_closed__none_for_the_baseline_all_for_the_map_that_knows(scored: xr.Dataset, name: str) -> None:
    known = that_knows(samples(scored, ["ewma_rate"], start="2021-03-01").by_model["ewma_rate"]).forecast
    mean = scored["crime_any_within_7"].sel(time=slice("2021-03-01", None)).mean("time")
    assert known[:, :1] == pytest.approx(mean.values[:, None], rel=1e-6)
    facts = {**scored["risk_ewma_rate"].attrs, "role_of": "risk_oracle"}
    oracle = (scored["risk_ewma_rate"] * 0 + mean).astype("float32").assign_attrs(facts)
    cube = scored.assign(risk_oracle=oracle)
    none, every, some = (
        gap_closed(cube, model, score=name, **OPTIONS) for model in ("historical_rate", "oracle", "ewma_rate")
    )
    assert (none.value, none.low, none.high) == (0, 0, 0)
    assert every.value == pytest.approx(1, abs=1e-3)
    assert some.value == pytest.approx(
        (some.model_score - some.baseline_score) / (some.known_score - some.baseline_score)
    )
    assert some.low <= some.value <= some.high
    assert "ewma_rate closes" in str(some)
    assert "[" not in str(gap_closed(cube, "ewma_rate", score=name, start="2021-03-01", draws=0))
    assert (
        json.loads(json.dumps(gap_closed(cube, "ewma_rate", score=name, start="2021-06-10").to_dict()))["low"] is None
    )
    with pytest.raises(UnknownNameError, match="no score 'prauc'"):
        gap_closed(cube, "ewma_rate", score="prauc")
