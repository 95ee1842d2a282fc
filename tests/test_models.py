"""Contract tests over every registered model; nobody sees the test days."""

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from sklearn.metrics import roc_auc_score

import htgeo as ht
from htgeo.core.cluster import scheduler
from htgeo.core.errors import CubeError
from htgeo.models import MODELS

OPTIONS = {
    **{name: {"max_trees": 40, "validation_days": 20} for name in ("lightgbm", "xgboost")},
    "calibrated": {"days": 40},
    "lstm": {"hidden": 8, "epochs": 6, "validation_days": 20},
}
SPLIT = "2021-05-10"


def make(name: str):
    return MODELS[name](**OPTIONS.get(name, {}))


@pytest.fixture
def labelled(labelled: xr.Dataset) -> xr.Dataset:
    """The cube with one more layer, for the models that need it."""
    return labelled.assign(other_known=labelled["crime_known"].assign_attrs(role_of="other_known"))


@pytest.fixture
def train(labelled: xr.Dataset) -> xr.Dataset:
    return ht.split_time(labelled, SPLIT)[0]


@pytest.mark.parametrize("name", list(MODELS))
class TestContract:
    def test_risk__lazy_calibrated_and_better_than_chance(
        self, labelled: xr.Dataset, train: xr.Dataset, name: str
    ) -> None:
        model = make(name).fit(train)
        with no_compute():
            cube = ht.add_risk(labelled, model)
        risk = cube[f"risk_{name}"]
        assert risk.chunks == labelled["crime"].chunks
        ht.validate(cube)
        assert risk.attrs["horizon"] == 7
        assert "outreach" in risk.attrs["intended_use"]
        values, observed = (
            a.sel(time=slice(SPLIT, "2021-06-24")).values.ravel() for a in (risk, labelled["crime_any_within_7"])
        )
        assert ((values >= 0) & (values <= 1)).all()
        assert values.mean() == pytest.approx(observed.mean(), rel=0.25)
        assert roc_auc_score(observed, values) > 0.6

    def test_future__cannot_be_seen(self, labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
        changed = labelled.compute().copy(deep=True)
        late = changed["time"].values >= np.datetime64("2021-05-20")
        rng = np.random.default_rng(0)
        for layer in ("crime", "crime_known"):
            changed[layer].values[:, late] = rng.poisson(3, changed[layer].values[:, late].shape)
        other = changed["other_known"]
        changed = changed.drop_vars([v for v in changed if changed[v].attrs.get("role") in ("feature", "label")])
        changed = ht.add_features(changed.drop_vars("other_known"), "default").assign(other_known=other)
        changed["other_known"].values[:, late] = 0
        changed = ht.add_label(changed, ht.AnyWithin("crime", days=7))
        span = slice(None, "2021-05-20")
        before = ht.add_risk(labelled, make(name).fit(train))[f"risk_{name}"].sel(time=span)
        after = ht.add_risk(changed, make(name).fit(ht.split_time(changed, SPLIT)[0]))[f"risk_{name}"].sel(time=span)
        np.testing.assert_array_equal(before.values, after.values)

    def test_same_seed__same_bytes(self, labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
        one, two = (ht.add_risk(labelled, make(name).fit(train))[f"risk_{name}"].values for _ in range(2))
        assert one.tobytes() == two.tobytes()

    def test_two_fits__are_never_one_in_a_graph(self, labelled: xr.Dataset, train: xr.Dataset, name: str) -> None:
        short = train.isel(time=slice(100))
        models = [make(name).fit(short), make(name).fit(train)]
        apart = [model.predict(labelled).values for model in models]
        both = xr.Dataset({f"risk_{n}": model.predict(labelled) for n, model in enumerate(models)}).compute()
        for n, risk in enumerate(apart):
            np.testing.assert_array_equal(both[f"risk_{n}"].values, risk)

    def test_shuffled_labels__chance(self, labelled: xr.Dataset, name: str) -> None:
        """A model that finds anything in labels dealt out at random has seen what it must forecast."""
        label = labelled["crime_any_within_7"]
        values = label.values.copy()
        known = ~np.isnan(values)
        values[known] = np.random.default_rng(5).permutation(values[known])
        shuffled = labelled.assign(crime_any_within_7=(label.dims, values, label.attrs))
        model = make(name).fit(ht.split_time(shuffled, SPLIT)[0])
        risk = model.predict(shuffled).sel(time=slice(SPLIT, "2021-06-24")).values.ravel()
        observed = shuffled["crime_any_within_7"].sel(time=slice(SPLIT, "2021-06-24")).values.ravel()
        assert roc_auc_score(observed, risk) == pytest.approx(0.5, abs=0.02)

    def test_bad_use__clear_messages(
        self, cube: xr.Dataset, labelled: xr.Dataset, train: xr.Dataset, name: str
    ) -> None:
        with pytest.raises(CubeError, match=r"not fitted; call fit\(training_cube\) first"):
            make(name).predict(labelled)
        with pytest.raises(CubeError, match="the cube has 0 labels"):
            make(name).fit(cube)
        model = make(name).fit(train)
        with pytest.raises(CubeError, match="learned on resolution 7, the cube has 8"):
            model.predict(labelled.assign_attrs(resolution=8))
        with pytest.raises(CubeError, match="Call add_risk on the whole cube"):
            model.predict(labelled.sel(time=slice("2021-02-01", None)))
        never = labelled.assign(
            crime_any_within_7=(labelled["crime_any_within_7"] * 0).assign_attrs(labelled["crime_any_within_7"].attrs)
        )
        with pytest.raises(CubeError, match="has no event in the training days"):
            make(name).fit(never)


def test_lightgbm__sampling_keeps_the_base_rate(train: xr.Dataset) -> None:
    every = ht.to_matrix(train)
    some = ht.to_matrix(train, negatives_per_positive=0.3, seed=3)
    assert some.y.sum() == every.y.sum()
    assert len(some.y) < 0.7 * len(every.y)
    assert (some.y * some.weight).sum() / some.weight.sum() == pytest.approx(every.y.mean(), rel=0.03)


def test_to_matrix__back_puts_samples_where_they_were(labelled: xr.Dataset) -> None:
    matrix = ht.to_matrix(labelled)
    np.testing.assert_array_equal(matrix.back(matrix.y), labelled["crime_any_within_7"].values)
    for name in ("crime_sum_7", "static_borough", "weekday"):
        number = matrix.names.index(name)
        expected = labelled[name].broadcast_like(labelled["crime"]).transpose("cell", "time").values
        np.testing.assert_array_equal(matrix.X[:, number], expected[matrix.cell, matrix.time])
    assert set(matrix.categorical) == {"static_borough", "weekday", "month", "season", "holiday"}


def test_to_matrix__needs_features(cube: xr.Dataset) -> None:
    with pytest.raises(CubeError, match=r"has no features; add some: htgeo.add_features"):
        ht.to_matrix(cube)


def test_ewma__tunes_its_half_life(train: xr.Dataset) -> None:
    assert ht.EwmaRate().fit(train).choice_["half_life"] in ht.EwmaRate.candidates


def test_historical_rate__is_the_past_rate(labelled: xr.Dataset, train: xr.Dataset) -> None:
    model = ht.HistoricalRate().fit(train)
    risk = ht.add_risk(labelled, model)["risk_historical_rate"].values[:, 150]
    past = labelled["crime_known"].values[:, :150].sum(axis=1)
    assert (np.diff(risk[np.argsort(past, kind="stable")]) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_workers__same_bytes(labelled: xr.Dataset, train: xr.Dataset, workers: int) -> None:
    here = {name: make(name).fit(train).predict(labelled).values.tobytes() for name in MODELS}
    with scheduler(f"local:{workers}x1"):
        for name, risk in here.items():
            assert make(name).fit(train).predict(labelled).values.tobytes() == risk, name
