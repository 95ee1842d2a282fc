"""Bands and intervals hold what happens as often as they say."""

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from scipy import stats
from scipy.signal import lfilter

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.models.bands import add_bands, band_coverage
from htgeo.models.bands_kernel import fill_bands, ranks
from htgeo.models.intervals import expected_counts


def simulated(
    rate: np.ndarray, *, days: int, seed: int, horizon: int = 1, group: float = 0.0, spread: float = 0.0, areas: int = 5
) -> xr.Dataset:
    """Return a cube with counts of known rates (cell,) and their true risk, learned on its first 10 days.

    `group` is the dispersion of a cell's count, `spread` the relative deviation of an area, which lasts about 20 days.
    """
    rng = np.random.default_rng(seed)
    cells = len(rate)
    area = np.arange(cells) % areas
    steps = np.sqrt(1 - np.exp(-2 / 20)) * rng.standard_normal((areas, days + 200))
    moved = lfilter([1], [1, -np.exp(-1 / 20)], steps, axis=1)[:, 200:]
    mean = rate[:, None] * np.exp(spread * moved - spread**2 / 2)[area]
    if group:
        mean = mean * rng.gamma(1 / group, group, mean.shape)
    counts = rng.poisson(mean).astype(np.float32)
    names = [f"area {n}" for n in range(areas)]
    cube = xr.Dataset(
        coords={
            "cell": np.arange(cells).astype(np.uint64),
            "time": np.datetime64("2020-01-01", "ns") + np.arange(days) * np.timedelta64(1, "D"),
            "borough": ("cell", np.array(names)[area]),
            "borough_share": ("borough_pair", np.full(cells, 0.7), {"names": names}),
            "borough_share_cell": ("borough_pair", np.arange(cells)),
            "borough_share_area": ("borough_pair", area),
        },
        attrs={"layers": ["borough"], "resolution": 8},
    )
    any_event = rate if not group else np.log1p(group * rate) / group  # of one day, as a Poisson rate
    risk = np.broadcast_to(-np.expm1(-horizon * any_event)[:, None], counts.shape).astype(np.float32)
    facts = {"model": "truth", "layer": "case", "horizon": horizon, "training_days": "2020-01-01 to 2020-01-10"}
    both = ("cell", "time")
    cube["case"] = stamp(xr.DataArray(counts, dims=both), "case", "count", "1", "cases")
    cube["risk_truth"] = stamp(xr.DataArray(risk, dims=both), "risk_truth", "risk", "1", "risk", **facts)
    return cube


def plain_set(mean: float, dispersion: float, enough: float) -> tuple[int, int, int, float]:
    """Return low, high, edge and share from a sorted table of chances."""
    counts = np.arange(400)
    chance = (
        stats.poisson.pmf(counts, mean)
        if not dispersion
        else stats.nbinom.pmf(counts, 1 / dispersion, 1 / (1 + dispersion * mean))
    )
    order = np.argsort(-chance, kind="stable")
    total = np.cumsum(chance[order])
    last = int(np.argmax(total >= enough))
    taken = order[: last + 1]
    before = total[last] - chance[order[last]]
    return taken.min(), taken.max(), taken[-1], (enough - before) / chance[taken[-1]]


@pytest.mark.parametrize("dispersion", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("mean", [0.003, 0.4, 2.7, 31.3])
@pytest.mark.parametrize("enough", [0.5, 0.9, 0.999])
def test_kernel__equals_a_sorted_table(mean: float, dispersion: float, enough: float) -> None:
    out = np.empty((4, 1, 1), np.float32)
    fill_bands(np.array([[mean]]), dispersion, np.empty(0), np.array([enough]), out)
    np.testing.assert_allclose(out.ravel(), plain_set(mean, dispersion, enough), rtol=2e-5, atol=2e-5)


def test_ranks__are_the_chance_of_likelier_counts() -> None:
    chance = stats.poisson.pmf(np.arange(60), 4.6)
    before, own = ranks(np.full(12, 4.6), 0.0, np.arange(12))
    np.testing.assert_allclose(own, chance[:12], rtol=1e-9)
    np.testing.assert_allclose(before, [chance[chance > one].sum() for one in chance[:12]], atol=1e-9)


@pytest.mark.parametrize(
    ("rates", "horizon", "group"),
    [((0.002, 0.2), 1, 0.0), ((0.002, 0.2), 7, 1.5), ((0.5, 6.0), 1, 0.4)],
    ids=["rare", "rare in groups, a week", "frequent"],
)
@pytest.mark.parametrize("level", [0.8, 0.9, 0.98])
def test_bands__hold_the_level_in_each_group_of_risk(
    rates: tuple[float, float], horizon: int, group: float, level: float
) -> None:
    rate = np.geomspace(*rates, 300 * horizon)
    cube = simulated(rate, days=320, seed=1, horizon=horizon, group=group)
    cube = add_bands(cube, "truth", level=level, days=120)
    held = band_coverage(cube, "truth").mean("time").values
    assert held.mean() == pytest.approx(level, abs=0.01)
    for part in np.split(held, 5):
        assert part.mean() == pytest.approx(level, abs=0.02)


def test_bands__a_wrong_risk_is_mended_where_it_only_ranks() -> None:
    cube = simulated(np.geomspace(0.3, 3, 300), days=320, seed=2)
    attrs = cube["risk_truth"].attrs
    cube["risk_truth"] = (cube["risk_truth"] ** 2).assign_attrs(attrs)
    held = band_coverage(add_bands(cube, "truth", days=120), "truth").mean("time").values
    for part in np.split(held, 5):
        assert part.mean() == pytest.approx(0.9, abs=0.02)


def test_bands__lazy_and_blind_to_later_days() -> None:
    cube = simulated(np.geomspace(0.01, 1, 200), days=200, seed=3).chunk(cell=50)
    bands = add_bands(cube, "truth", start="2020-05-01", days=60)
    with no_compute():
        assert bands["band_low_truth"].chunks == cube["case"].chunks
    low = bands["band_low_truth"].sel(time=slice(None, "2020-04-30"))
    assert np.isnan(low.values).all()
    changed = cube.compute()
    changed["case"].values[:, 121:] = 9
    again = add_bands(changed, "truth", start="2020-05-01", days=60)
    for part in ("low", "high", "edge", "share"):
        np.testing.assert_array_equal(bands[f"band_{part}_truth"].values, again[f"band_{part}_truth"].values)


def test_bands__rare_events_lie_outside_a_band_of_zero() -> None:
    cube = add_bands(simulated(np.full(300, 0.01), days=200, seed=4), "truth", days=90)
    after = cube.sel(time=slice("2020-04-11", None))
    assert (after["band_high_truth"] == 0).all()
    assert (after["band_share_truth"] < 0.95).all()
    assert float(band_coverage(after, "truth").where(after["case"] > 0).max()) == 0


def test_bands__refuse_training_days_and_unknown_risks(labelled: xr.Dataset) -> None:
    cube = simulated(np.full(50, 0.1), days=100, seed=5)
    with pytest.raises(CubeError, match="must come after the training days"):
        add_bands(cube, "truth", start="2020-03-01", days=60)
    with pytest.raises(CubeError, match="leave a day of the cube"):
        add_bands(cube, "truth", days=95)
    with pytest.raises(CubeError, match="no risk of 'lightgbm'; it has risk_truth"):
        add_bands(cube, "lightgbm")
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        add_bands(cube, "truth", level=90)
    with pytest.raises(CubeError, match="has no band 'band_low_truth'"):
        band_coverage(cube, "truth")
    with pytest.raises(InputError, match="by one of borough, not 'month' and 'county'"):
        expected_counts(cube, "truth", by="county")
    with pytest.raises(InputError, match="days must be at least 30"):
        expected_counts(cube, "truth", days=20)
    train = ht.split_time(labelled, "2021-03-01")[0]
    assert "band_share_ewma_rate" in add_bands(labelled, ht.EwmaRate().fit(train), days=30)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_bands__hold_the_level_in_the_demo_city(cube: xr.Dataset, level: float) -> None:
    cube = ht.add_label(cube, ht.AnyWithin("crime"))
    cube = add_bands(cube, ht.EwmaRate().fit(ht.split_time(cube, "2021-02-15")[0]), level=level, days=60)
    held = band_coverage(cube, "ewma_rate")
    # 60 days of spring are learned from for 75 of early summer, after a history of six weeks
    assert float(held.mean()) == pytest.approx(level, abs=0.025)


def held_counts(seeds: int, *, areas: int, days: int, **options: float) -> tuple[float, int]:
    """Return the share of area-months inside their 90 % interval, over simulated cities, and how many there are."""
    inside = []
    for seed in range(seeds):
        rate = np.geomspace(0.02, 0.5, 20 * areas)
        cube = simulated(rate, days=10 + days + 95, seed=100 + seed, areas=areas, **options)
        table = expected_counts(cube, "truth", days=days)
        table = table.sel(time=table["days"] > 25)
        inside.append(((table["low"] <= table["observed"]) & (table["observed"] <= table["high"])).values.ravel())
    held = np.concatenate(inside)
    return held.mean(), len(held)


WORLDS = pytest.mark.parametrize(
    "options",
    [{}, {"group": 1.0}, {"spread": 0.1}, {"spread": 0.3}],
    ids=["poisson", "groups", "areas deviate", "areas deviate much"],
)


@WORLDS
def test_expected_counts__hold_the_level(options: dict[str, float]) -> None:
    held, number = held_counts(5, areas=20, days=180, **options)
    assert held == pytest.approx(0.9, abs=0.02 + 3 * np.sqrt(0.09 / number))


@WORLDS
@pytest.mark.slow
def test_expected_counts__hold_the_level_within_two_points(options: dict[str, float]) -> None:
    assert held_counts(60, areas=20, days=360, **options)[0] == pytest.approx(0.9, abs=0.02)


@WORLDS
@pytest.mark.slow
def test_expected_counts__hold_about_the_level_where_few_areas_were_seen(options: dict[str, float]) -> None:
    assert held_counts(200, areas=5, days=120, **options)[0] == pytest.approx(0.91, abs=0.045)


def test_expected_counts__are_sums_of_the_risk(labelled: xr.Dataset) -> None:
    train = ht.split_time(labelled, "2021-03-01")[0]
    cube = ht.add_risk(labelled, ht.EwmaRate().fit(train))
    table = expected_counts(cube, "ewma_rate", days=40, start="2021-05-01")
    assert table["expected"].dims == ("borough", "time")
    assert table["time"].values.astype("datetime64[D]").astype(str).tolist() == ["2021-05-01", "2021-06-01"]
    assert table["days"].values.tolist() == [31, 30]
    counts = cube["crime"].sel(time=slice("2021-05-01", None)).values.sum()
    np.testing.assert_allclose(table["observed"].sum(), counts, rtol=1e-5)
    assert float(table["expected"].sum()) == pytest.approx(counts, rel=0.2)
    whole = cube.isel(cell=slice(5, None))  # shares no longer belong to the cells
    cut = expected_counts(whole, "ewma_rate", days=40, start="2021-05-01")
    np.testing.assert_allclose(
        cut["observed"].sum("time"),
        [whole["crime"].values[whole["borough"].values == name, 120:].sum() for name in cut["borough"].values],
        rtol=1e-5,
    )


def test_expected_counts__weeks_begin_on_monday() -> None:
    cube = simulated(np.full(50, 0.1), days=150, seed=6)
    table = expected_counts(cube, "truth", freq="week", days=60)
    assert (table["time"].dt.dayofweek == 0).all()
    assert table["days"].values[1:-1].tolist() == [7] * (table.sizes["time"] - 2)
