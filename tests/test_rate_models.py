"""Regressions on past rates, the gamma-Poisson model and the self-exciting rate, beside plain implementations."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.core.glm import fit_glm
from htgeo.cube.schema import stamp
from htgeo.models import Model
from htgeo.models.gamma_poisson import GammaPoisson, exposure, posterior
from htgeo.models.hawkes import Hawkes, excitations, mixture_weights
from htgeo.models.logistic_regression import LogisticRegression
from htgeo.models.poisson_regression import PoissonRegression
from htgeo.models.rate_columns import Rows, fewer_rows, line_of_columns, past_totals, rate_columns, sample_rows
from htgeo.models.ridges import fit_ridged, group_ridges

MODELS = [LogisticRegression, PoissonRegression, GammaPoisson, Hawkes]
SPLIT = "2021-05-01"


def with_counts(cube: xr.Dataset, **layers: np.ndarray) -> xr.Dataset:
    """Return the cube in memory with other counts, each day's events known on the day."""
    cube = cube.drop_vars(list(cube.data_vars))
    dims, made = ("cell", "time"), {}
    for name, counts in layers.items():
        for full, role in ((name, "count"), (f"{name}_known", "known_count")):
            data = xr.DataArray(counts.astype(np.float32), dims=dims)
            made[full] = stamp(data, full, role, "1", "made up", known_to_area=0, whole=1)
    return cube.assign(made)


def risk_of(model: Model, cube: xr.Dataset) -> np.ndarray:
    return model.predict(cube).values


@pytest.mark.parametrize(
    ("family", "draw"),
    [
        ("binomial", lambda rng, line: rng.random(len(line)) < 1 / (1 + np.exp(-line))),
        ("cloglog", lambda rng, line: rng.poisson(np.exp(line)) > 0),
        ("poisson", lambda rng, line: rng.poisson(np.exp(line))),
    ],
)
def test_fit_glm__finds_the_coefficients_that_made_the_data(family: str, draw: Callable) -> None:
    rng = np.random.default_rng(1)
    x, truth = rng.normal(size=(60_000, 2)), np.array([-1.0, 0.5, -0.3])
    offset = rng.normal(size=len(x)) / 3
    y = draw(rng, truth[0] + x @ truth[1:] + offset).astype(float)
    np.testing.assert_allclose(fit_glm(x, y, family=family, offset=offset), truth, atol=0.05)
    keep = (y > 0) | (rng.random(len(y)) < 0.5)  # half of the zeros, twice their weight
    weight = np.where(y > 0, 1.0, 2.0)
    sampled = fit_glm(x[keep], y[keep], family=family, offset=offset[keep], weight=weight[keep])
    np.testing.assert_allclose(sampled, truth, atol=0.06)
    shrunk = fit_glm(x, y, family=family, offset=offset, ridge=1e9)
    np.testing.assert_allclose(shrunk[1:], 0, atol=1e-3)


@pytest.mark.parametrize("family", ["binomial", "cloglog", "poisson"])
def test_fit_glm__slope_of_the_likelihood_is_zero(family: str) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(400, 2)), rng.random(400)  # shares between 0 and 1

    def loss(beta: np.ndarray) -> float:
        line = beta[0] + x @ beta[1:]
        if family == "poisson":
            return float(np.sum(np.exp(line) - y * line))
        p = 1 / (1 + np.exp(-line)) if family == "binomial" else 1 - np.exp(-np.exp(line))
        return float(-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)))

    best = fit_glm(x, y, family=family)
    for step in np.vstack([np.eye(3), -np.eye(3)]) * 1e-3:
        assert loss(best + step) > loss(best)


def test_rate_columns__equal_plain_sums(cube: xr.Dataset) -> None:
    counts, half_life, day = cube["crime_known"].values.astype(float), 30.0, 100
    fading = 0.5 ** ((day - 1 - np.arange(day)) / half_life)
    own, city = counts[:, :day] @ fading, counts[:, :day].mean(axis=0) @ fading
    made = rate_columns(cube, ("crime", 0, (half_life,)))["crime_ring0_rate_30"].values
    np.testing.assert_allclose(made[:, day], np.log((own + 0.5) / (city + 0.5)), rtol=1e-4, atol=1e-5)
    assert (made[:, 0] == 0).all()
    import h3

    at = {int(cell): number for number, cell in enumerate(cube["cell"].values)}
    ring = rate_columns(cube, ("crime", 1, (half_life,)))["crime_ring1_rate_30"].values
    for cell in (0, 40, 152):
        near = [
            at[h3.str_to_int(n)]
            for n in h3.grid_ring(h3.int_to_str(int(cube["cell"].values[cell])), 1)
            if h3.str_to_int(n) in at
        ]
        mean = own[near].mean() if near else 0.0
        np.testing.assert_allclose(ring[cell, day], np.log((mean + 1 / 12) / (city + 1 / 12)), rtol=1e-4, atol=1e-5)


def test_sample_rows__weights_make_up_for_the_days_left_out(
    labelled: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = labelled["crime_any_within_7"]
    columns = {"a": labelled["crime_lag_1"], "b": labelled["static_lon"]}
    every = sample_rows(columns, label, 40, 0)
    late = label.values[:, 40:]
    assert len(every.y) == (~np.isnan(late)).sum()
    assert (every.weight == 1).all()
    monkeypatch.setattr("htgeo.models.rate_columns.MAX_VALUES", 20_000)
    some = sample_rows(columns, label, 40, 0)
    assert len(some.y) == pytest.approx(10_000, rel=0.05)
    assert some.weight.sum() == pytest.approx(len(every.y), rel=0.02)
    assert (some.weight @ some.y) == pytest.approx(every.y.sum(), rel=0.02)
    assert (some.time >= 40).all()


def test_posterior__between_the_prior_and_the_own_rate() -> None:
    prior, total, days = np.array([0.1]), np.array([30.0]), np.array([100.0])
    assert posterior(prior, np.zeros(1), np.zeros(1), 4.0) == pytest.approx(0.1)
    assert posterior(prior, total, days, 1e-9) == pytest.approx(0.3)
    assert posterior(prior, total, days, 4.0) == pytest.approx(34 / 140)


def test_exposure__counts_days_like_the_one_forecast() -> None:
    day = np.log(np.array([[1.0, 2.0, 4.0, 1.0]]))
    np.testing.assert_allclose(exposure(day, np.inf), [[0, 0.5, 0.75, 7]], rtol=1e-5)


def test_gamma_poisson__is_its_formula(labelled: xr.Dataset) -> None:
    train = ht.split_time(labelled, SPLIT)[0]
    model = GammaPoisson().fit(train)
    columns = {
        name: c.broadcast_like(labelled["crime"]).transpose("cell", "time").values.astype(float)
        for name, c in model._columns(labelled).items()
    }
    x = np.stack(
        [
            np.nan_to_num((columns[n] - m) / s)
            for n, m, s in zip(model.columns_, model.means_, model.spreads_, strict=True)
        ]
    )
    terms = x * model.coefficients_[:, None, None]
    of_day = terms[[name in model.days_ for name in model.columns_]].sum(axis=0)
    prior = np.exp(model.intercept_ + terms.sum(axis=0)) / 7
    counts = labelled["crime_known"].values.astype(float)
    for cell, day in ((0, 0), (3, 1), (70, 90), (152, 180)):
        fading = 0.5 ** ((day - 1 - np.arange(day)) / model.half_life_)
        days = fading @ np.exp(of_day[cell, :day] - of_day[cell, day])
        mean = 7 * (model.strength_ + counts[cell, :day] @ fading) / (model.strength_ / prior[cell, day] + days)
        expected = model.to_risk_(np.log(np.expm1(np.array([mean]))))
        assert model.predict(labelled).values[cell, day] == pytest.approx(expected[0], rel=1e-3)


@pytest.mark.parametrize(("strength", "low", "high"), [(2.0, 1.0, 4.0), (16.0, 8.0, 32.0)])
def test_gamma_poisson__finds_the_strength_that_made_the_data(
    cube: xr.Dataset, strength: float, low: float, high: float
) -> None:
    rng = np.random.default_rng(5)
    shape = (cube.sizes["cell"], cube.sizes["time"])
    rate = 0.15 * rng.gamma(strength, 1 / strength, size=(shape[0], 1))
    made = ht.add_label(with_counts(cube, case=rng.poisson(np.broadcast_to(rate, shape))), ht.AnyWithin("case", days=1))
    model = GammaPoisson().fit(made)
    assert low <= model.strength_ <= high
    risk = risk_of(model, made)[:, -1]
    assert np.corrcoef(risk, 1 - np.exp(-rate[:, 0]))[0, 1] > 0.7


def rare_city(cube: xr.Dataset, seed: int) -> xr.Dataset:
    """Return a city where a frequent layer tells of the risk of a rare one."""
    rng = np.random.default_rng(seed)
    shape = (cube.sizes["cell"], cube.sizes["time"])
    risk = np.exp(rng.normal(0, 1.2, size=(shape[0], 1)))
    other = rng.poisson(np.broadcast_to(0.3 * risk * rng.gamma(8, 1 / 8, risk.shape), shape))
    rare = rng.poisson(np.broadcast_to(0.008 * risk * rng.gamma(8, 1 / 8, risk.shape), shape))
    return ht.add_label(with_counts(cube, case=rare, theft=other), ht.AnyWithin("case", days=1))


def loss_a_day(risk: np.ndarray, y: np.ndarray) -> np.ndarray:
    p = np.clip(risk.astype(float), 1e-9, 1 - 1e-9)
    return -(y * np.log(p) + (1 - y) * np.log1p(-p)).mean(axis=0)


def test_gamma_poisson__beats_the_historical_rate_where_events_are_rare(cube: xr.Dataset) -> None:
    gains, skills = [], []
    for seed in range(6):
        city = rare_city(cube, seed)
        train, test = ht.split_time(city, SPLIT)
        y = test["case_any_within_1"].values
        prior, past = (
            loss_a_day(m.fit(train).predict(city).sel(time=slice(SPLIT, None)).values, y)
            for m in (GammaPoisson(), ht.HistoricalRate())
        )
        rate = float(train["case_any_within_1"].mean())
        gains.append((past - prior)[: len(prior) // 7 * 7].reshape(-1, 7).mean(axis=1))
        skills.append(1 - prior.mean() / loss_a_day(np.full(y.shape, rate), y).mean())
    blocks = np.stack(gains)
    rng = np.random.default_rng(0)
    draws = [blocks[:, rng.integers(0, blocks.shape[1], blocks.shape[1])].mean() for _ in range(1000)]
    assert np.quantile(draws, 0.025) > 0
    assert np.mean(skills) > 0.05


def test_gamma_poisson__without_other_layers_and_with_places(cube: xr.Dataset) -> None:
    city = rare_city(cube, 3)
    alone = city.drop_vars(["theft", "theft_known"])
    model = GammaPoisson().fit(ht.split_time(alone, SPLIT)[0])
    assert {"case_ring1_rate_720", "city_trend", "Tuesday"} <= set(model.columns_)
    assert not any(name.startswith(("case_ring0", "theft", "year")) for name in model.columns_)
    places = xr.DataArray(city["theft"].values.sum(axis=1), dims="cell").astype("float32")
    placed = alone.assign(hotel=stamp(places, "hotel", "place", "1", "hotels"))
    train, _ = ht.split_time(placed, SPLIT)
    with_places = GammaPoisson().fit(train)
    assert with_places.coefficients_[with_places.columns_.index("hotel")] > 0.3
    with pytest.raises(CubeError, match="the cube has no feature 'hotel'"):
        with_places.predict(alone)
    sparse = placed.assign(hotel=placed["hotel"].copy(data=np.where(np.arange(len(places)) == 5, np.nan, places)))
    assert np.isfinite(risk_of(with_places, sparse)).all()


@pytest.mark.parametrize("family", ["cloglog", "poisson"])
def test_group_ridges__are_the_precision_of_the_coefficients(family: str) -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat([0, 1, 2], 12)
    truth = rng.normal(size=36) * np.repeat([0.5, 0.1, 0.0], 12)
    x = rng.normal(size=(30_000, 36)).astype(np.float32)
    y = rng.poisson(np.exp(-2 + x @ truth))
    y = (np.minimum(y, 1) if family == "cloglog" else y).astype(np.float32)
    rows = Rows(x, y, np.ones(len(y)), np.zeros(len(y), int))
    strong, weak, none = group_ridges(rows, groups, family=family, least=0.0)
    assert strong == pytest.approx(1 / np.mean(truth[:12] ** 2), rel=0.15)
    assert weak == pytest.approx(1 / np.mean(truth[12:24] ** 2), rel=0.5)
    assert none > 1000
    found = fit_ridged(rows, np.array([strong, weak, none])[groups], family=family)
    np.testing.assert_allclose(found[1:], truth, atol=0.08)
    assert np.abs(found[25:]).max() < np.abs(fit_glm(x, y, family=family)[25:]).max() * 0.7
    assert (group_ridges(rows, groups, family=family, least=50.0) >= 50).all()


def test_fewer_rows__keep_the_events_and_make_up_for_the_others() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(40_000) < 0.01).astype(np.float32)
    rows = Rows(rng.normal(size=(40_000, 2)).astype(np.float32), y, np.full(40_000, 2.0), np.arange(40_000))
    few = fewer_rows(rows, 5_000, 0)
    assert len(few.y) == pytest.approx(5_000, rel=0.05)
    assert few.y.sum() == y.sum()
    assert (few.weight[few.y > 0] == 2).all()
    assert few.weight.sum() == pytest.approx(80_000, rel=0.03)
    np.testing.assert_array_equal(few.x, rows.x[few.time])


def test_gamma_poisson__shrinks_the_calendar_that_tells_nothing(cube: xr.Dataset) -> None:
    model = GammaPoisson().fit(ht.split_time(rare_city(cube, 2), SPLIT)[0])
    assert set(model.ridges_) == {"days", "other layers", "own rings"}  # there are no places
    assert model.ridges_["days"] > 10 * model.ridges_["other layers"]
    assert model.ridges_["other layers"] >= model.ridge
    days = [name in model.days_ for name in model.columns_]
    assert np.abs(model.coefficients_[days]).max() < 0.1 < np.abs(model.coefficients_).max()
    assert model.to_risk_.slope == 1


def test_mixture_weights__finds_the_weights_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    cells, days = 300, 800
    parts = np.stack(
        [np.full((cells, days), 0.05), rng.gamma(1, 0.05, (cells, days)), rng.gamma(0.5, 0.2, (cells, days))]
    )
    truth = np.array([0.5, 1.5, 0.4])
    counts = rng.poisson(np.tensordot(truth, parts, 1))
    at = counts > 0
    found = mixture_weights(parts[:, at], counts[at].astype(float), parts.sum(axis=(1, 2)))
    np.testing.assert_allclose(found, truth, rtol=0.15)
    assert found @ parts.sum(axis=(1, 2)) == pytest.approx(counts.sum(), rel=1e-6)


def test_hawkes__finds_how_many_events_one_event_triggers(cube: xr.Dataset) -> None:
    rng = np.random.default_rng(4)
    cells, days, keep = cube.sizes["cell"], cube.sizes["time"], 0.5 ** (1 / 3)
    counts, excited = np.zeros((cells, days)), np.zeros(cells)
    for day in range(days):
        counts[:, day] = rng.poisson(0.05 + 0.5 * excited * (1 - keep))
        excited = keep * excited + counts[:, day]
    weights = Hawkes().fit(ht.add_label(with_counts(cube, case=counts), ht.AnyWithin("case"))).weights_
    triggered = weights["trigger_ring0_3"] + weights["trigger_ring0_14"]
    assert triggered == pytest.approx(0.5, abs=0.12)
    assert sum(w for name, w in weights.items() if name.startswith(("trigger_ring1", "trigger_ring2"))) < 0.15


def test_excitations__sum_to_one_event() -> None:
    counts = np.zeros((1, 400), np.float32)
    counts[0, 3] = 1
    made = excitations(counts, np.array([3.0, 14.0]))[:, 0]
    np.testing.assert_allclose(made.sum(axis=1), 1, rtol=1e-4)
    assert (made[:, :4] == 0).all()
    assert made[0, 4 + 3] == pytest.approx(made[0, 4] / 2, rel=1e-5)


def test_past_totals__of_no_day_are_zero() -> None:
    np.testing.assert_allclose(
        past_totals(np.ones((1, 4), np.float32), np.array([1.0, np.inf]))[:, 0], [[0, 1, 1.5, 1.75], [0, 1, 2, 3]]
    )


def test_line_of_columns__broadcasts_and_leaves_the_arrays() -> None:
    columns = {"day": np.array([[1.0, 2.0]]), "cell": np.array([[1.0], [np.nan]]), "both": np.ones((2, 2))}
    before = {name: values.copy() for name, values in columns.items()}
    line = line_of_columns(columns, {"day": (0.0, 1.0), "cell": (3.0, 2.0), "both": (0.0, 0.5)}, 10.0)
    np.testing.assert_allclose(line, [[7.5, 8.5], [11.5, 12.5]])
    for name, values in columns.items():
        np.testing.assert_array_equal(values, before[name])


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.name)
class TestEveryModel:
    def test_risk__lazy_and_calibrated(self, labelled: xr.Dataset, kind: type[Model]) -> None:
        train = ht.split_time(labelled, SPLIT)[0]
        model = kind().fit(train)
        with no_compute():
            risk = model.predict(labelled)
        assert risk.chunks == labelled["crime"].chunks
        assert risk.dtype == np.float32
        values = risk.values
        assert ((values > 0) & (values < 1)).all()
        known = train["crime_any_within_7"].values[:, 40:]
        assert values[:, 40 : train.sizes["time"]].mean() == pytest.approx(np.nanmean(known), rel=0.02)

    def test_future__cannot_be_seen(self, labelled: xr.Dataset, kind: type[Model]) -> None:
        model = kind().fit(ht.split_time(labelled, SPLIT)[0])
        changed = labelled.compute().copy(deep=True)
        day = 150
        rng = np.random.default_rng(0)
        changed["crime_known"].values[:, day:] += rng.poisson(2, changed["crime_known"].values[:, day:].shape)
        changed["crime"].values[:] = 7  # the day of occurrence is never used
        before, after = risk_of(model, labelled), risk_of(model, changed)
        np.testing.assert_array_equal(before[:, : day + 1], after[:, : day + 1])
        assert (before[:, day + 1 :] != after[:, day + 1 :]).any()

    def test_counts_and_soft_labels(self, labelled: xr.Dataset, cube: xr.Dataset, kind: type[Model]) -> None:
        counted = ht.add_label(cube, ht.CountWithin("crime", days=7))
        train = ht.split_time(counted, SPLIT)[0]
        if kind is LogisticRegression:
            with pytest.raises(CubeError, match="logistic_regression forecasts a probability"):
                kind().fit(train)
        else:
            expected = risk_of(kind().fit(train), counted)[:, 40 : train.sizes["time"]]
            observed = train["crime_count_within_7"].values[:, 40:]
            assert expected.mean() == pytest.approx(np.nanmean(observed), rel=0.05)
        soft = labelled.assign(
            crime_any_within_7=labelled["crime_any_within_7"].copy(data=labelled["crime_any_within_7"].data * 0.4)
        )
        risk = risk_of(kind().fit(ht.split_time(soft, SPLIT)[0]), soft)
        assert risk.mean() == pytest.approx(0.4 * float(labelled["crime_any_within_7"].mean()), rel=0.15)

    def test_same_data__same_bytes(self, labelled: xr.Dataset, kind: type[Model]) -> None:
        train = ht.split_time(labelled, SPLIT)[0]
        model = kind().fit(train)
        one = risk_of(model, labelled)
        model.fit(ht.split_time(labelled, "2021-04-01")[0])  # fitted again on other days, then again on these
        two, in_memory = risk_of(model.fit(train), labelled), risk_of(kind().fit(train.compute()), labelled.compute())
        assert one.tobytes() == two.tobytes() == in_memory.tobytes()


def test_ridge__must_not_be_negative() -> None:
    with pytest.raises(InputError, match="ridge must be at least 0, not -1"):
        GammaPoisson(ridge=-1)


def test_poisson_regression__reads_any_as_what_is_seen_of_a_count(labelled: xr.Dataset, cube: xr.Dataset) -> None:
    counted = ht.add_label(cube, ht.CountWithin("crime", days=7))
    mean = risk_of(PoissonRegression().fit(ht.split_time(counted, SPLIT)[0]), counted)
    risk = risk_of(PoissonRegression().fit(ht.split_time(labelled, SPLIT)[0]), labelled)
    assert np.corrcoef(risk[:, 40:].ravel(), 1 - np.exp(-mean[:, 40:].ravel()))[0, 1] > 0.95
