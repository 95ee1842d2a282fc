"""Baselines against slow plain implementations."""

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.grid.cells import cell_centers, disk_cells
from htgeo.grid.neighbors import averaged, cell_spacing, disk_matrix, distance_matrix, gaussian_matrix, half_cell_matrix
from htgeo.models.ewma_kernel import EwmaKernel
from htgeo.models.kernel_density import KernelDensity
from htgeo.models.promap import ProMap
from htgeo.models.promap_kernel import week_sums
from htgeo.models.proxy_rate import ProxyRate
from htgeo.models.rates import PRIOR_EVENTS
from htgeo.models.same_weekday_kernel import weekday_tendency
from htgeo.models.same_weekday_rate import SameWeekdayRate
from htgeo.models.shrunk_rate import ShrunkRate

SPLIT = "2021-05-10"
ONE_CHOICE = {
    "shrunk_rate": ShrunkRate(k=1, strength=4),
    "same_weekday_rate": SameWeekdayRate(strength=20),
    "kernel_density": KernelDensity(bandwidth=2000),
    "ewma_kernel": EwmaKernel(half_life=60, bandwidth=2000),
    "promap": ProMap(weeks=8, k=2),
    "proxy_rate": ProxyRate(),
}
EVERY = pytest.mark.parametrize("name", list(ONE_CHOICE))


@pytest.fixture
def cube(cube: xr.Dataset) -> xr.Dataset:
    """The cube with a label of three days and three more layers, of which `other` tells something."""
    rng = np.random.default_rng(0)
    known = cube["crime_known"]
    often = known.copy(data=known.data + known.roll(time=3).data)
    noise = known.copy(data=rng.poisson(1.0, known.shape).astype(np.float32)).chunk(known.chunksizes)
    layers = {"noise": noise, "other": often, "empty": 0 * known}
    more = {f"{name}_known": a.assign_attrs(known.attrs, role_of=f"{name}_known") for name, a in layers.items()}
    return ht.add_label(cube.assign(more), ht.AnyWithin("crime", days=3))


@pytest.fixture
def train(cube: xr.Dataset) -> xr.Dataset:
    return ht.split_time(cube, SPLIT)[0]


def score(model, cube: xr.Dataset, train: xr.Dataset) -> np.ndarray:
    """Return the score that the fitted model turns into risk."""
    return model.fit(train)._score(cube, **model.choice_).values


def mean_of(train: xr.Dataset, layer: str = "crime") -> float:
    return train[f"{layer}_known"].values.astype(float).mean()


def slow_log_rate(counts: np.ndarray, mean: float, weight_of_age) -> np.ndarray:
    """Return the log of a weighted past rate, drawn to the mean; an event of yesterday has age 1."""
    out = np.empty(counts.shape)
    for t in range(counts.shape[1]):
        weight = weight_of_age(np.arange(t, 0, -1)).astype(float)
        out[:, t] = np.log((counts[:, :t] @ weight + PRIOR_EVENTS) / (weight.sum() + PRIOR_EVENTS / mean))
    return out


def rings_apart(cells: np.ndarray, most: int) -> np.ndarray:
    """Return rings between all pairs of cells; beyond `most`, `most` + 1."""
    rings = np.full((len(cells), len(cells)), most + 1)
    for k in range(most, -1, -1):
        for i, cell in enumerate(cells):
            rings[i, np.isin(cells, disk_cells(int(cell), k))] = k
    return rings


def metres_apart(cells: np.ndarray) -> np.ndarray:
    """Return distances between all pairs of centres (haversine)."""
    lon, lat = (np.radians(a) for a in cell_centers(cells))
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return 6_371_000 * 2 * np.arcsin(np.sqrt(half))


def slow_kernel(cells: np.ndarray, bandwidth: float) -> np.ndarray:
    metres = metres_apart(cells)
    weight = np.where(metres <= 4 * bandwidth, np.exp(-((metres / bandwidth) ** 2) / 2), 0)
    return weight / weight.sum(axis=1, keepdims=True)


def every_age(age: np.ndarray) -> np.ndarray:
    return np.ones(len(age))


def test_shrunk_rate__equals_plain_numpy(cube: xr.Dataset, train: xr.Dataset) -> None:
    near = rings_apart(cube["cell"].values, 1) <= 1
    counts = cube["crime_known"].values.astype(float)
    disk = (near / near.sum(axis=1, keepdims=True)) @ counts
    prior = np.exp(slow_log_rate(disk, mean_of(train), every_age))
    expected = np.empty(counts.shape)
    for t in range(counts.shape[1]):
        expected[:, t] = np.log((counts[:, :t].sum(axis=1) + 4) / (t + 4 / prior[:, t]))
    np.testing.assert_allclose(score(ONE_CHOICE["shrunk_rate"], cube, train), expected, atol=1e-5)


def test_same_weekday_rate__equals_plain_numpy(cube: xr.Dataset, train: xr.Dataset) -> None:
    counts = cube["crime_known"].values.astype(float)
    weekday = cube["time"].dt.dayofweek.values
    learned, days = train["crime_known"].values.astype(float).sum(axis=0), weekday[: train.sizes["time"]]
    city = [(learned[days == w].sum() + 10) / (learned.mean() * (days == w).sum() + 10) for w in range(7)]
    expected = slow_log_rate(counts, mean_of(train), every_age)
    for t in range(counts.shape[1]):
        tendency = 0.0
        for w in ((weekday[t] + step) % 7 for step in range(3)):
            same = weekday[:t] == w
            usual = counts[:, :t].mean(axis=1) * same.sum() if t else 0
            tendency += (counts[:, :t][:, same].sum(axis=1) + 20 * city[w]) / (usual + 20) / 3
        expected[:, t] += np.log(tendency)
    np.testing.assert_allclose(score(ONE_CHOICE["same_weekday_rate"], cube, train), expected, atol=1e-5)


def test_same_weekday_rate__sparse_cells_have_the_weekdays_of_the_city() -> None:
    counts = np.zeros((2, 140), np.float32)
    counts[0, 4::7] = 5.0  # weekday 4 only
    city = np.array([0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.0])
    today = np.eye(7)[0]
    own, none = weekday_tendency(counts, first=0, ahead=today, city=city, strength=10)
    np.testing.assert_allclose(none, city[np.arange(140) % 7])
    assert own[137] == pytest.approx((95 + 13) / (95 / 137 * 19 + 10))
    assert own[138] < 1
    week = weekday_tendency(counts, first=3, ahead=np.full(7, 1 / 7), city=city / city.mean(), strength=10)
    np.testing.assert_allclose(week[1], 1)


def test_kernel_density__equals_plain_numpy(cube: xr.Dataset, train: xr.Dataset) -> None:
    around = slow_kernel(cube["cell"].values, 2000) @ cube["crime_known"].values.astype(float)
    expected = slow_log_rate(around, mean_of(train), every_age)
    np.testing.assert_allclose(score(ONE_CHOICE["kernel_density"], cube, train), expected, atol=1e-4)


def test_ewma_kernel__equals_plain_numpy(cube: xr.Dataset, train: xr.Dataset) -> None:
    rate = slow_log_rate(  # the kernel after the rate is the same as before it
        cube["crime_known"].values.astype(float), mean_of(train), lambda age: 0.5 ** ((age - 1) / 60)
    )
    expected = np.log(slow_kernel(cube["cell"].values, 2000) @ np.exp(rate))
    np.testing.assert_allclose(score(ONE_CHOICE["ewma_kernel"], cube, train), expected, atol=1e-4)


def test_promap__equals_plain_numpy(cube: xr.Dataset, train: xr.Dataset) -> None:
    rings = rings_apart(cube["cell"].values, 2)
    near = np.where(rings <= 2, 1 / (1 + 2 * rings), 0)  # a ring is two half cells
    around = near @ cube["crime_known"].values.astype(float)
    expected = slow_log_rate(around, mean_of(train), lambda age: np.where(age <= 56, 1 / (1 + (age - 1) // 7), 0))
    np.testing.assert_allclose(score(ONE_CHOICE["promap"], cube, train), expected, atol=1e-5)


@given(length=st.integers(1, 60), weeks=st.integers(1, 9), seed=st.integers(0, 99))
def test_week_sums__equal_a_plain_loop(length: int, weeks: int, seed: int) -> None:
    counts = np.random.default_rng(seed).poisson(0.3, (3, length)).astype(np.float32)
    expected = np.zeros(counts.shape)
    for t in range(length):
        for day in range(max(0, t - 7 * weeks), t):
            expected[:, t] += counts[:, day] / (1 + (t - 1 - day) // 7)
    np.testing.assert_allclose(week_sums(counts, weeks), expected, atol=1e-9)


def test_proxy_rate__takes_the_layer_that_tells_most(cube: xr.Dataset, train: xr.Dataset) -> None:
    model = ProxyRate()
    found = score(model, cube, train)
    assert model.choice_ == {"layer": "other"}
    assert set(model.means_) == {"noise", "other"}  # not the label's own, none without events
    expected = slow_log_rate(cube["other_known"].values.astype(float), mean_of(train, "other"), every_age)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_proxy_rate__needs_another_layer(cube: xr.Dataset, train: xr.Dataset) -> None:
    alone = train.drop_vars(["noise_known", "other_known"])
    with pytest.raises(CubeError, match=r"needs another layer .* counts crime, empty .*grid_events\(\{'crime': events"):
        ProxyRate().fit(alone)
    with pytest.raises(CubeError, match="the cube has no layer 'other_known'"):
        ProxyRate().fit(train).predict(cube.drop_vars("other_known"))


@EVERY
class TestEvery:
    def test_risk__lazy_and_a_probability(self, cube: xr.Dataset, train: xr.Dataset, name: str) -> None:
        model = ONE_CHOICE[name].fit(train)
        with no_compute():
            risk = ht.add_risk(cube, model)[f"risk_{name}"]
        assert risk.chunks == cube["crime"].chunks
        assert risk.dtype == np.float32
        assert ((risk.values > 0) & (risk.values < 1)).all()
        late = risk.sel(time=slice(SPLIT, "2021-06-27")).values.mean()
        observed = cube["crime_any_within_3"].sel(time=slice(SPLIT, "2021-06-27")).values.mean()
        assert late == pytest.approx(observed, rel=0.25)

    def test_score__same_bits_however_the_cells_are_cut(self, cube: xr.Dataset, train: xr.Dataset, name: str) -> None:
        model = ONE_CHOICE[name].fit(train)
        expected = model._score(cube, **model.choice_).values
        for other in (cube.compute(), cube.chunk(cell=17, time=50)):
            np.testing.assert_array_equal(model._score(other, **model.choice_).values, expected)

    def test_score__uses_earlier_days_of_the_known_clock_only(
        self, cube: xr.Dataset, train: xr.Dataset, name: str
    ) -> None:
        model = ONE_CHOICE[name].fit(train)
        changed = cube.compute().copy(deep=True)
        for layer in ("crime", "noise", "other"):
            changed[f"{layer}_known"].values[:, 150:] += 3
        changed["crime"].values[:] = 7
        one, two = (model._score(c, **model.choice_).values for c in (cube, changed))
        np.testing.assert_array_equal(one[:, :151], two[:, :151])
        assert (one[:, 151] != two[:, 151]).any()

    def test_counts_and_shares__can_be_learned(
        self, cube: xr.Dataset, crimes: ht.Events, grid: ht.Grid, name: str
    ) -> None:
        counts = ht.add_label(cube.drop_vars("crime_any_within_3"), ht.CountWithin("crime", days=3))
        train = ht.split_time(counts, SPLIT)[0]
        expected = ht.add_risk(train, ONE_CHOICE[name].fit(train))[f"expected_{name}"]
        last = {"time": slice(train.sizes["time"] // 2, None)}  # days of the map from scores to counts
        observed = train["crime_count_within_3"].isel(last)
        total, observed = (float(a.where(observed.notnull()).sum()) for a in (expected.isel(last), observed))
        assert total == pytest.approx(observed, rel=1e-4)
        layers = {"crime": crimes, "point": crimes.select(precision="point")}
        soft = ht.add_label(ht.grid_events(layers, grid), ht.AnyWithin("crime", days=3))
        assert ONE_CHOICE[name].fit(ht.split_time(soft, SPLIT)[0]).label_["soft"]

    def test_learned__can_be_saved(self, train: xr.Dataset, name: str) -> None:
        def plain(value: object) -> bool:
            if isinstance(value, dict):
                return all(map(plain, value.values()))
            return isinstance(value, (bool, int, float, str, list, tuple, np.ndarray))

        learned = {k: v for k, v in vars(ONE_CHOICE[name].fit(train)).items() if k.endswith("_")}
        learned.pop("to_risk_")
        assert {k for k, v in learned.items() if not plain(v)} == set()


def test_choices__are_among_the_candidates(train: xr.Dataset) -> None:
    assert ShrunkRate().fit(train).choice_["strength"] in ShrunkRate.candidates
    assert SameWeekdayRate().fit(train).choice_["strength"] in SameWeekdayRate.candidates
    assert ProMap().fit(train).choice_["weeks"] in ProMap.candidates
    kernel = KernelDensity().fit(train)
    assert kernel.choice_["half_life"] == float("inf")
    tried = [s * kernel.spacing_ for s in KernelDensity.spacings]
    assert min(abs(kernel.choice_["bandwidth"] / np.array(tried) - 1)) < 0.05  # two digits are kept
    both = EwmaKernel(bandwidth=2000).fit(train)
    assert both.choice_["half_life"] in EwmaKernel.candidates
    assert both.choice_["bandwidth"] == 2000
    every = EwmaKernel()
    every.spacing_ = kernel.spacing_
    assert len(every._choices()) == len(EwmaKernel.candidates) * len(KernelDensity.spacings)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: ShrunkRate(strength=0), "strength must be a number of events above 0, not 0"),
        (lambda: ShrunkRate(k=0), "k must be 1 to 10 rings, not 0"),
        (lambda: SameWeekdayRate(strength=float("inf")), "strength must be a number of events above 0, not inf"),
        (lambda: KernelDensity(bandwidth=-1), "bandwidth must be a number of metres above 0, not -1"),
        (lambda: EwmaKernel(bandwidth=-1), "bandwidth must be a number of metres above 0, not -1"),
        (lambda: EwmaKernel(half_life=0), "half_life must be above 0 days, not 0"),
        (lambda: ProMap(weeks=1.5), "weeks must be a whole number of at least 1, not 1.5"),
        (lambda: ProMap(k=11), "k must be 1 to 10 rings, not 11"),
    ],
)
def test_options__clear_messages(wrong, match: str) -> None:
    with pytest.raises(InputError, match=match):
        wrong()


def test_neighbors__equal_plain_numpy(cube: xr.Dataset) -> None:
    cells = cube["cell"].values
    metres, rings = metres_apart(cells), rings_apart(cells, 2)
    np.testing.assert_array_equal(distance_matrix(*cell_centers(cells), 3.3).toarray(), metres <= 3300)
    np.testing.assert_allclose(gaussian_matrix(cells, 2000).toarray(), slow_kernel(cells, 2000), rtol=0.002)
    np.testing.assert_allclose(
        half_cell_matrix(cells, 2).toarray(), np.where(rings <= 2, 1 / (1 + 2 * rings), 0), rtol=1e-6
    )
    mean = averaged(disk_matrix(cells, 2, 1.0)).toarray()
    np.testing.assert_allclose(mean.sum(axis=1), 1, rtol=1e-6)
    assert cell_spacing(cells) == pytest.approx(np.median(metres[rings == 1]), rel=0.02)
