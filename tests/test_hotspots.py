"""Hot-spot statistics against esda, scipy and slow plain versions; clusters of events; their maps."""

import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import make_events, no_compute
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import kendalltau, norm

import htgeo as ht
from htgeo.core.errors import CubeError, InputError, PrecisionWarning
from htgeo.cube.near import disk_of, ring_of
from htgeo.cube.schema import ROLES, stamp, validate
from htgeo.grid.cells import cell_centers, disk_cells, points_to_cells
from htgeo.hotspots.classes import EMERGING, KINDS, NOT_KNOWN, cluster_classes, read_flags
from htgeo.hotspots.clusters import EventClusters, add_event_clusters, event_clusters
from htgeo.hotspots.emerging import FEWEST_STEPS, add_emerging_hotspots, emerging_classes
from htgeo.hotspots.fields import step_means, step_starts
from htgeo.hotspots.getis_ord import add_getis_ord, standard_scores
from htgeo.hotspots.kendall import MannKendall, mann_kendall
from htgeo.hotspots.local_moran import _lags, _permuted, add_local_moran
from htgeo.hotspots.significance import critical_p, two_sided
from htgeo.maps.figure import save_figure
from htgeo.maps.plot_hotspots import plot_hotspots

CENTER = int(points_to_cells(np.array([-73.95]), np.array([40.7]), 8)[0])


def field_cube(values: np.ndarray, *, start: str = "2021-01-01", blocks: int | None = None) -> xr.Dataset:
    """Return a cube of neighbouring cells of resolution 8, the middle one first found by `middle`, with a layer ``x``."""
    rings = next(k for k in range(40) if 3 * k * (k + 1) + 1 >= len(values))
    cells = disk_cells(CENTER, rings)[: len(values)]
    lon, lat = cell_centers(cells)
    days = pd.date_range(start, periods=values.shape[1])
    coords = {
        "cell": ("cell", cells, {"level": 8}),
        "time": days,
        "lon": ("cell", lon),
        "lat": ("cell", lat),
        "cell_area": ("cell", np.full(len(cells), 0.74)),
        "borough": ("cell", np.full(len(cells), "here")),
    }
    data = xr.DataArray(values.astype(np.float32), dims=("cell", "time"))
    if blocks:
        data = data.chunk(cell=blocks, time=-1)
    attrs = {"resolution": 8, "layers": ["borough"], "time_zone": "America/New_York"}
    return xr.Dataset({"x": stamp(data, "x", "count", "1", "x: events")}, coords, attrs)


def counts(seed: int, cells: int = 169, days: int = 30, rate: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rate, (cells, days)).astype(np.float32)


def weights_of(matrix: csr_array) -> object:
    from libpysal.weights import WSP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WSP(matrix.astype(float).tocoo()).to_W(silence_warnings=True)


# Getis-Ord


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("star", [True, False])
def test_getis_ord__equals_esda(k: int, star: bool) -> None:
    from esda.getisord import G_Local

    cube = field_cube(counts(1))
    made = add_getis_ord(cube, "x", k=k, star=star, permutations=0)
    near = weights_of(sum((ring_of(cube, r) for r in range(2, k + 1)), ring_of(cube, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = G_Local(cube["x"].values.mean(axis=1).astype(float), near, "B", permutations=0, star=star)
    np.testing.assert_allclose(made["x_gi_z"], expected.Zs, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(made["x_gi_p"], 2 * expected.p_norm, rtol=1e-4)


def test_getis_ord__values_far_from_zero_lose_no_digits() -> None:
    cube = field_cube(counts(2))
    far = cube.assign(x=(cube["x"] + 4096).assign_attrs(cube["x"].attrs))  # exact in float32
    np.testing.assert_allclose(
        add_getis_ord(far, "x")["x_gi_z"], add_getis_ord(cube, "x")["x_gi_z"], rtol=5e-3, atol=5e-3
    )


def test_getis_ord__each_step_is_the_field_of_that_day() -> None:
    cube = field_cube(counts(3, days=6), blocks=40)
    made = add_getis_ord(cube, "x", each_step=True)
    for day in (0, 5):
        alone = add_getis_ord(cube, "x", time=str(cube["time"].values[day])[:10], permutations=0)
        for name in ("x_gi_z", "x_gi_p", "x_gi_class"):
            np.testing.assert_allclose(made[name][:, day], alone[name], rtol=1e-4, atol=1e-5)


def test_getis_ord__a_slow_plain_version_with_missing_values_agrees() -> None:
    values = counts(4, cells=61, days=1)
    values[[0, 7, 30]] = np.nan
    cube = field_cube(values)
    found = add_getis_ord(cube, "x", star=True)["x_gi_z"].values
    near, x = disk_of(cube, 1, 1.0).toarray(), values[:, 0].astype(float)
    there = np.flatnonzero(np.isfinite(x))
    mean, sd = x[there].mean(), x[there].std()
    for i in range(len(x)):
        if i not in there:
            assert np.isnan(found[i])
            continue
        mine = [j for j in there if near[i, j]]
        links = len(mine)
        spread = sd * np.sqrt((len(there) * links - links**2) / (len(there) - 1))
        assert found[i] == pytest.approx((sum(x[j] for j in mine) - mean * links) / spread, rel=1e-4, abs=1e-5)
    assert (add_getis_ord(cube, "x")["x_gi_class"].values[[0, 7, 30]] == NOT_KNOWN).all()


def test_getis_ord__days_without_a_value_do_not_count() -> None:
    values = counts(5)
    holed = np.concatenate([values, np.full_like(values, np.nan)], axis=1)
    np.testing.assert_allclose(
        add_getis_ord(field_cube(holed), "x")["x_gi_z"], add_getis_ord(field_cube(values), "x")["x_gi_z"]
    )


def test_getis_ord__finds_a_planted_hot_and_cold_spot() -> None:
    values = counts(6, cells=397, days=60, rate=1.0)
    cube = field_cube(values)
    disk = disk_of(cube, 1, 1.0).toarray().astype(bool)
    hot, cold = np.flatnonzero(disk.sum(axis=1) == 7)[[5, 200]]
    assert not (disk[hot] & disk[cold]).any()
    values[disk[hot]] += 1
    values[disk[cold]] = 0
    classes = add_getis_ord(field_cube(values), "x")["x_gi_class"].values
    assert classes[hot] == 3
    assert classes[cold] == -3
    assert (classes != 0).mean() < 0.15


def test_getis_ord__a_random_field_gives_the_nominal_rate() -> None:
    noise = np.random.default_rng(7).normal(size=(397, 200)).astype(np.float32)
    cube = field_cube(noise)
    p = add_getis_ord(cube, "x", each_step=True)["x_gi_p"].values
    for level in (0.1, 0.05, 0.01):
        assert (p <= level).mean() == pytest.approx(level, rel=0.12)
    single = add_getis_ord(cube, "x", each_step=True, fdr=False)["x_gi_class"].values
    np.testing.assert_array_equal(single != 0, p <= np.float32(0.1))
    corrected = add_getis_ord(cube, "x", each_step=True)["x_gi_class"].values
    assert (np.abs(corrected) >= 2).any(axis=0).mean() < 0.15  # days with any false spot at 5 %
    assert (np.abs(single) >= 2).any(axis=0).mean() > 0.9


@pytest.mark.parametrize("star", [True, False])
def test_getis_ord__p_of_draws_is_exact(star: bool) -> None:
    values = np.array([[3.0], [1], [4], [1], [5], [9], [2], [np.nan]])
    cube = field_cube(values)
    p = add_getis_ord(cube, "x", star=star)["x_gi_p"].values
    near, known = disk_of(cube, 1, 1.0).toarray() - (0 if star else np.eye(8)), np.isfinite(values[:, 0])
    for i in range(7):
        mine = near[i].astype(bool) & known
        seen = values[mine, 0].sum()
        sums = np.array([sum(draw) for draw in combinations(values[known, 0], int(mine.sum()))])
        exact = min(1, 2 * min((sums >= seen).mean(), (sums <= seen).mean()))
        assert p[i] == pytest.approx(exact, abs=0.003)
    assert np.isnan(p[7])


@pytest.mark.parametrize("rate", [0.01, 0.2, 1.0])
def test_getis_ord__rare_events_make_no_false_spots(rate: float) -> None:
    cubes = [field_cube(counts(seed, cells=1000, days=1, rate=rate)) for seed in range(12)]
    made = [add_getis_ord(cube, "x", permutations=99_999) for cube in cubes]
    false = [bool((np.abs(one["x_gi_class"]) >= 2).any()) for one in made]
    assert np.mean(false) < 0.2
    assert np.mean([(one["x_gi_p"] <= 0.05).mean() for one in made]) < 0.05
    normal = [add_getis_ord(cube, "x", permutations=0) for cube in cubes]
    assert rate > 0.2 or np.mean([bool((one["x_gi_class"] >= 2).any()) for one in normal]) > 0.5


def test_getis_ord__many_events_have_the_p_of_a_normal_distribution() -> None:
    cube = field_cube(counts(26, cells=397, days=40, rate=1.0))
    drawn, normal = (add_getis_ord(cube, "x", permutations=draws)["x_gi_p"].values for draws in (999_999, 0))
    assert drawn == pytest.approx(normal, abs=0.05)


def test_getis_ord__steps_stay_lazy_and_keep_their_chunks() -> None:
    cube = field_cube(counts(8, days=40), blocks=50)
    with no_compute():
        made = add_getis_ord(cube, "x", each_step=True)
    for name in ("x_gi_z", "x_gi_p", "x_gi_class"):
        assert made[name].chunks == cube["x"].chunks
        assert made[name].dims == ("cell", "time")
    assert made["x_gi_class"].dtype == np.int8
    eager = add_getis_ord(cube.compute(), "x", each_step=True)
    np.testing.assert_allclose(made["x_gi_z"], eager["x_gi_z"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(made["x_gi_class"], eager["x_gi_class"])


def test_getis_ord__a_step_without_events_has_no_value() -> None:
    values = counts(9, days=3)
    values[:, 1] = 0
    made = add_getis_ord(field_cube(values, blocks=60), "x", each_step=True)
    assert np.isnan(made["x_gi_z"][:, 1]).all()
    assert (made["x_gi_class"][:, 1] == NOT_KNOWN).all()
    assert (made["x_gi_class"][:, [0, 2]] != NOT_KNOWN).all()


def test_getis_ord__a_cell_alone_has_gi_star_but_no_gi() -> None:
    cube = field_cube(counts(10, cells=169))
    near = ring_of(cube, 1).toarray()
    lone = int(np.flatnonzero(near.sum(axis=1) == 6)[0])
    cut = cube.isel(cell=np.flatnonzero(near[lone] == 0))
    at = int(np.flatnonzero(cut["cell"].values == cube["cell"].values[lone])[0])
    assert ring_of(cut, 1).toarray()[at].sum() == 0
    mean = cut["x"].values.mean(axis=1)
    assert add_getis_ord(cut, "x")["x_gi_z"].values[at] == pytest.approx(
        (mean[at] - mean.mean()) / mean.std(), rel=1e-4
    )
    alone = add_getis_ord(cut, "x", star=False)
    assert np.isnan(alone["x_gi_z"].values[at])
    assert alone["x_gi_class"].values[at] == NOT_KNOWN


def test_getis_ord__areas_use_their_borders(cube: xr.Dataset) -> None:
    areas = ht.aggregate(cube, by="precinct")
    made = add_getis_ord(areas, "crime")
    assert made["crime_gi_z"].dims == ("precinct",)
    values, near = areas["crime"].values.mean(axis=1).astype(float), disk_of(areas, 1, 1.0).toarray()
    links, n = near.sum(axis=1), len(values)
    spread = values.std() * np.sqrt((n * links - links**2) / (n - 1))
    np.testing.assert_allclose(
        made["crime_gi_z"], (near @ values - links * values.mean()) / spread, rtol=1e-4, atol=1e-4
    )
    lost = areas.drop_vars([name for name in areas.coords if "border" in str(name)])
    with pytest.raises(CubeError, match="border on each other; make it with"):
        add_getis_ord(lost, "crime")


def test_getis_ord__says_what_is_wrong(cube: xr.Dataset) -> None:
    flat = field_cube(np.full((61, 20), 2.0))
    with pytest.raises(CubeError, match="'x' is 2 in every place from 2021-01-01 to 2021-01-20, so nothing is hot"):
        add_getis_ord(flat, "x")
    with pytest.raises(CubeError, match="at least 3 places with a value, there are 0"):
        add_getis_ord(field_cube(np.full((61, 20), np.nan)), "x")
    with pytest.raises(CubeError, match="the cube has no layer 'crimes'"):
        add_getis_ord(cube, "crimes")
    with pytest.raises(InputError, match="k must be 1 to 10 rings, not 0"):
        add_getis_ord(cube, "crime", k=0)
    with pytest.raises(InputError, match="permutations must be a whole number of at least 99, not 9"):
        add_getis_ord(cube, "crime", permutations=9)
    with pytest.raises(InputError, match="cut the cube first"):
        add_getis_ord(cube, "crime", time="2021-01-01", each_step=True)
    with pytest.raises(CubeError, match=r"need numbers on \('cell', 'time'\)"):
        add_getis_ord(cube.assign(place=("cell", np.zeros(cube.sizes["cell"]))), "place")
    with pytest.raises(CubeError, match=r"is an xarray\.Dataset"):
        add_getis_ord("cube", "crime")  # type: ignore[arg-type]


def test_statistics__warn_where_most_events_are_spread() -> None:
    cube = field_cube(counts(11))
    cube["x"].attrs |= {"events": 100.0, "known_to_area": 60.0}
    for statistic in (add_getis_ord, add_local_moran, add_emerging_hotspots):
        more = {"step": "D"} if statistic is add_emerging_hotspots else {}
        with pytest.warns(PrecisionWarning, match="60% of the events of 'x' are known to an area only") as caught:
            made = statistic(cube, "x", **more)
        assert caught[0].filename == __file__
        assert "60% of the events" in made[list(made.data_vars)[-1]].attrs["note"]


# Significance


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=40), st.sampled_from([0.01, 0.05, 0.2]))
def test_critical_p__finds_what_benjamini_and_hochberg_find(p: list[float], level: float) -> None:
    values = np.array(p, np.float32)
    known = sorted(float(v) for v in values if np.isfinite(v))
    found = [v for rank, v in enumerate(known, 1) if v <= np.float64(rank * level / len(known))]
    assert critical_p(values, (level,))[0] == np.float32(max(found, default=-1))


def test_critical_p__equals_scipy() -> None:
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(12).beta(0.4, 3, (5, 300))
    critical = critical_p(p, (0.1, 0.01))
    for row, cut in zip(p, critical, strict=True):
        adjusted = false_discovery_control(row)
        for level, at in zip((0.1, 0.01), cut, strict=True):
            np.testing.assert_array_equal(row.astype(np.float32) <= at, adjusted <= level)


# Local Moran


def test_local_moran__equals_esda() -> None:
    from esda.moran import Moran_Local

    cube = field_cube(counts(13, rate=0.2))
    made = add_local_moran(cube, "x", permutations=99, alpha=0.5, fdr=False)
    values = cube["x"].values.mean(axis=1).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = Moran_Local(values, weights_of(ring_of(cube, 1)), permutations=0)
    np.testing.assert_allclose(made["x_moran_i"], expected.Is, rtol=1e-4, atol=1e-5)
    found = made["x_moran_class"].values
    assert (found != 0).sum() > 50
    np.testing.assert_array_equal(found[found != 0], expected.q[found != 0])


@pytest.mark.slow
def test_local_moran__p_is_twice_that_of_esda() -> None:
    from esda.moran import Moran_Local

    cube = field_cube(counts(13, rate=0.2))
    made = add_local_moran(cube, "x", permutations=9999, fdr=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = Moran_Local(
            cube["x"].values.mean(axis=1).astype(float), weights_of(ring_of(cube, 1)), permutations=9999, seed=0
        )
    # esda's p is half of ours; both are drawn: five standard errors apart, and ties which esda counts one way only
    p = made["x_moran_p"].values / 2
    error = np.sqrt(np.maximum(p * (1 - p), 1e-4) / 9999)
    sure = p < 0.25
    assert sure.sum() > 40
    assert (np.abs(p - expected.p_sim)[sure] < 5 * np.sqrt(2) * error[sure] + 0.02).all()


def test_local_moran__all_draws_of_a_small_field_give_the_exact_p() -> None:
    from itertools import permutations as orders

    cube = field_cube(np.array([[3.0], [1], [4], [1], [5], [9], [2]]))
    values = cube["x"].values[:, 0]
    z, lag, degrees = _lags(values, ring_of(cube, 1))
    p = _permuted(z, lag, degrees, 200_000, 0)
    for i in range(7):
        others, m = np.delete(z, i), degrees[i]
        sums = np.array([sum(draw[:m]) for draw in orders(others)])
        seen = lag[i] * m
        exact = min(1, 2 * min((sums >= seen - 1e-9).mean(), (sums <= seen + 1e-9).mean()))
        assert p[i] == pytest.approx(exact, abs=0.006)


def test_local_moran__a_random_field_gives_the_nominal_rate() -> None:
    rates = []
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=(397, 1))
        p = add_local_moran(field_cube(noise), "x", permutations=999)["x_moran_p"].values
        rates.append([(p <= 0.05).mean(), (p <= 0.2).mean()])
    assert np.mean(rates, axis=0) == pytest.approx([0.05, 0.2], rel=0.2)


def test_local_moran__finds_clusters_and_outliers() -> None:
    values = counts(14, cells=397, days=100, rate=1.0)
    cube = field_cube(values)
    disk = disk_of(cube, 2, 1.0).toarray().astype(bool)
    hot, cold = np.flatnonzero(disk.sum(axis=1) == 19)[[3, 150]]
    assert not (disk[hot] & disk[cold]).any()
    values[disk[hot]] += 2
    values[disk[cold]] = 0
    values[hot], values[cold] = 0, 3
    classes = add_local_moran(field_cube(values), "x")["x_moran_class"]
    words = {one.value: one.meaning for one in read_flags(classes.attrs)}
    assert words[int(classes[hot])] == "low-high"
    assert words[int(classes[cold])] == "high-low"
    ring = ring_of(cube, 1).toarray().astype(bool)
    assert "high-high" in {words[int(code)] for code in classes.values[ring[hot]]}
    assert "low-low" in {words[int(code)] for code in classes.values[disk[cold] & ~ring[cold]]}


def test_local_moran__seed_decides_the_draws() -> None:
    cube = field_cube(counts(15))
    first, again, other = (add_local_moran(cube, "x", permutations=99, seed=seed)["x_moran_p"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_local_moran__a_place_without_a_value_is_no_neighbour() -> None:
    values = counts(16, cells=61, days=4)
    values[8] = np.nan
    cube = field_cube(values)
    made = add_local_moran(cube, "x", permutations=199)
    assert np.isnan(made["x_moran_i"][8])
    assert np.isnan(made["x_moran_p"][8])
    assert made["x_moran_class"][8] == NOT_KNOWN
    without = add_local_moran(cube.isel(cell=np.arange(61) != 8), "x", permutations=199)
    np.testing.assert_allclose(made["x_moran_i"].values[np.arange(61) != 8], without["x_moran_i"], rtol=1e-5)


def test_local_moran__says_what_is_wrong() -> None:
    cube = field_cube(counts(17))
    with pytest.raises(InputError, match="permutations must be a whole number of at least 99, not 10"):
        add_local_moran(cube, "x", permutations=10)
    with pytest.raises(InputError, match=r"alpha is an error rate between 0 and 1, such as 0\.05, not 5"):
        add_local_moran(cube, "x", alpha=5)
    with pytest.raises(CubeError, match="so nothing is hot or cold"):
        add_local_moran(field_cube(np.zeros((61, 4))), "x")


# Mann-Kendall

SERIES = st.lists(st.integers(-3, 3) | st.just(None), min_size=3, max_size=15)


def plain_mann_kendall(series: list[float]) -> tuple[float, float]:
    """Return S and its z score, one pair after the other."""
    known = [v for v in series if not np.isnan(v)]
    n = len(known)
    s = sum((b > a) - (b < a) for i, a in enumerate(known) for b in known[i + 1 :])
    ties = [known.count(v) for v in set(known)]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    return s, (s - np.sign(s)) / np.sqrt(variance) if variance > 0 else 0.0


@given(SERIES)
def test_mann_kendall__equals_a_plain_version(series: list[int | None]) -> None:
    values = [np.nan if v is None else float(v) for v in series]
    found = mann_kendall(np.array([values]))
    if sum(v is not None for v in series) < 3:
        assert np.isnan([column[0] for column in found]).all()
        return
    s, z = plain_mann_kendall(values)
    assert found.s[0] == s
    assert found.z[0] == pytest.approx(z)
    assert found.p[0] == pytest.approx(2 * norm.sf(abs(z)), rel=1e-5)


def test_mann_kendall__equals_kendalls_tau_of_scipy() -> None:
    rng = np.random.default_rng(18)
    values = np.round(rng.normal(size=(200, 40)) + np.arange(40) * rng.normal(0, 0.05, (200, 1)), 1)
    found = mann_kendall(values)
    for row, s, tau, z in zip(values, *found[:3], strict=True):
        expected = kendalltau(np.arange(40), row, method="asymptotic")
        assert tau == pytest.approx(expected.statistic, rel=1e-12)
        uncorrected = norm.isf(expected.pvalue / 2)  # scipy does not move S by one towards 0
        assert abs(z) == pytest.approx(uncorrected * (abs(s) - 1) / abs(s) if s else 0, rel=1e-9)


def test_mann_kendall__many_series_are_those_alone() -> None:
    values = np.random.default_rng(19).integers(0, 4, (5000, 12)).astype(float)
    found = mann_kendall(values)
    for at in (0, 4095, 4096, 4999):
        np.testing.assert_array_equal([column[at] for column in found], np.ravel(mann_kendall(values[at : at + 1])))
    assert (found.p <= 0.05).mean() == pytest.approx(0.045, abs=0.015)
    assert mann_kendall(np.empty((0, 5))).s.shape == (0,)
    with pytest.raises(InputError, match=r"shape \(series, time\), not \(3,\); one series: values\[None, :\]"):
        mann_kendall(np.arange(3.0))


# Emerging hot spots


def plain_kind(hit: list[bool], other: list[bool], trend: int) -> int:
    """Return the number of the kind by the definitions, one sentence after the other; 0 none."""
    steps = len(hit)
    share = hit.count(True) / steps
    final_run = 0
    while final_run < steps and hit[steps - 1 - final_run]:
        final_run += 1
    before = hit[: steps - final_run]
    if not hit[-1]:
        return 8 if share >= 0.9 else 0
    if final_run == 1 and True not in before:
        return 1
    if final_run >= 2 and True not in before and share < 0.9:
        return 2
    if share >= 0.9:
        return {1: 3, 0: 4, -1: 5}[trend]
    return 7 if True in other else 6


def plain_class(signs: list[int], trend: int) -> int:
    hot, cold = [s > 0 for s in signs], [s < 0 for s in signs]
    as_hot, as_cold = plain_kind(hot, cold, trend), plain_kind(cold, hot, -trend)
    if signs[-1] > 0:
        return as_hot
    if signs[-1] < 0:
        return -as_cold
    return as_hot or -as_cold


def classes_of(signs: list[int], trend: int) -> int:
    one = np.array([signs])
    test = MannKendall(np.zeros(1), np.zeros(1), np.array([3.0 * trend]), np.array([0.001 if trend else 0.5]))
    return int(emerging_classes(one > 0, one < 0, np.ones(one.shape, bool), test, 0.05)[0])


O, H, C = 0, 1, -1  # noqa: E741
HANDMADE = {
    "new": ([O] * 11 + [H], 0),
    "consecutive": ([O] * 9 + [H] * 3, 0),
    "intensifying": ([O] + [H] * 11, 1),
    "persistent": ([H] * 12, 0),
    "diminishing": ([H] * 12, -1),
    "sporadic": ([O, H, H, O, O, O, H, O, O, O, O, H], 0),
    "oscillating": ([C, H, H, O, O, O, H, O, C, O, O, H], 0),
    "historical": ([H] * 11 + [O], 0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sign", [1, -1])
def test_emerging__each_class_is_reached_by_a_series_made_for_it(kind: str, sign: int) -> None:
    signs, trend = HANDMADE[kind]
    found = classes_of([sign * s for s in signs], sign * trend)
    words = {one.value: one.meaning for one in EMERGING}
    assert words[found] == f"{kind}_{'hot' if sign > 0 else 'cold'}_spot"
    assert classes_of([O] * 12, 1) == 0
    assert classes_of([H, O, O, C, O, O, O, O, O, O, O, O], 0) == 0


@given(st.lists(st.sampled_from([O, H, H, H, C]), min_size=10, max_size=24), st.sampled_from([-1, 0, 1]))
def test_emerging__equals_a_plain_version(signs: list[int], trend: int) -> None:
    assert classes_of(signs, trend) == plain_class(signs, trend)


@given(st.integers(0, 3), st.booleans(), st.integers(10, 40), st.sampled_from([-1, 0, 1]))
def test_emerging__equals_a_plain_version_where_most_steps_are_hot(
    gaps: int, last: bool, steps: int, trend: int
) -> None:
    signs = [H] * steps
    for gap in range(gaps):
        signs[(gap * 7) % (steps - 1)] = C if gap == 2 else O
    signs[-1] = H if last else O
    assert classes_of(signs, trend) == plain_class(signs, trend)


def test_emerging__seventeen_classes() -> None:
    values = [one.value for one in EMERGING if one.value != NOT_KNOWN]
    assert sorted(values) == list(range(-8, 9))
    assert len({one.meaning for one in EMERGING}) == 18
    assert len({one.color for one in EMERGING}) == 18


def test_emerging__space_time_scores_equal_a_plain_version() -> None:
    values = counts(20, cells=37, days=12)
    values[3, 4] = np.nan
    cube = field_cube(values)
    near = disk_of(cube, 1, 1.0)
    found = standard_scores(cube["x"], near, over=("cell", "time"), back=1).values
    dense, x = near.toarray(), values.astype(float)
    known = np.isfinite(x)
    mean, sd, n = np.nanmean(x), np.nanstd(x), known.sum()
    for i in range(37):
        for t in range(12):
            if not known[i, t]:
                assert np.isnan(found[i, t])
                continue
            mine = [x[j, u] for j in range(37) if dense[i, j] for u in (t - 1, t) if u >= 0 and known[j, u]]
            spread = sd * np.sqrt((n * len(mine) - len(mine) ** 2) / (n - 1))
            assert found[i, t] == pytest.approx((sum(mine) - mean * len(mine)) / spread, rel=1e-4, abs=1e-4)


def planted(blocks: int | None = None) -> tuple[xr.Dataset, np.ndarray]:
    """Return a cube of two years with spots of some kinds, and the middle cell of each."""
    values = counts(21, cells=397, days=731, rate=0.1)
    cube = field_cube(values)
    disk = disk_of(cube, 1, 1.0).toarray().astype(bool)
    inner = np.flatnonzero(disk_of(cube, 2, 1.0).toarray().sum(axis=1) == 19)
    middles: list[int] = []
    for cell in inner:
        if not any((disk[cell] & (disk[other] @ disk)).any() for other in middles):
            middles.append(int(cell))
    steady, new, gone, rising = middles[:4]
    rng = np.random.default_rng(22)
    values[disk[steady]] += rng.poisson(1.0, (7, 731))
    values[disk[new], -62:] += rng.poisson(2.0, (7, 62))
    values[disk[gone], :670] += rng.poisson(1.0, (7, 670))
    values[disk[rising]] += rng.poisson(np.linspace(0.3, 3, 731), (7, 731))
    return field_cube(values, start="2021-01-01", blocks=blocks), np.array([steady, new, gone, rising])


def test_emerging__finds_planted_spots() -> None:
    cube, middles = planted(blocks=100)
    made = add_emerging_hotspots(cube, "x")
    classes = made["x_emerging_class"]
    words = {one.value: one.meaning for one in read_flags(classes.attrs)}
    found = [words[int(code)] for code in classes.values[middles]]
    assert found == ["persistent_hot_spot", "consecutive_hot_spot", "historical_hot_spot", "intensifying_hot_spot"]
    assert made["x_emerging_trend_z"].values[middles[3]] > 4
    assert made["x_emerging_hot"].values[middles[0]] == 1
    assert made["x_emerging_cold"].values[middles[0]] == 0
    assert classes.attrs["steps"] == 24
    assert "24 months" in classes.attrs["method"]


def test_emerging__a_random_field_has_few_spots() -> None:
    cube = field_cube(counts(23, cells=397, days=365, rate=1.0))
    made = add_emerging_hotspots(cube, "x")
    assert (made["x_emerging_class"] != 0).mean() < 0.01
    for draws in (0, 99_999):
        single = add_emerging_hotspots(cube, "x", fdr=False, permutations=draws)
        found = float(single["x_emerging_hot"].mean() + single["x_emerging_cold"].mean())
        assert found == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("back", [0, 1, 2])
def test_emerging__trends_of_a_random_field_have_the_nominal_rate(back: int) -> None:
    cubes = [field_cube(counts(100 + seed, cells=397, days=240, rate=1.0)) for seed in range(4)]
    p = [
        add_emerging_hotspots(cube, "x", step=5, back=back, permutations=0)["x_emerging_trend_p"].values
        for cube in cubes
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.02)


def test_emerging__places_without_enough_steps_have_no_class() -> None:
    values = counts(24, cells=61, days=20)
    values[5, -1] = np.nan
    values[6, :11] = np.nan
    values[7, :10] = np.nan
    made = add_emerging_hotspots(field_cube(values), "x", step="D")["x_emerging_class"].values
    assert (made[[5, 6]] == NOT_KNOWN).all()
    assert (np.delete(made, [5, 6]) != NOT_KNOWN).all()


def test_emerging__steps_of_any_length(cube: xr.Dataset) -> None:
    weeks = add_emerging_hotspots(cube, "crime", step="W")
    days = add_emerging_hotspots(cube, "crime", step=7)
    by_week = ht.aggregate(cube, freq="W")
    own = add_emerging_hotspots(by_week, "crime", step=None)
    np.testing.assert_array_equal(weeks["crime_emerging_class"], own["crime_emerging_class"])
    assert weeks["crime_emerging_class"].attrs["period"] == "2021-01-04/2021-06-27"
    assert days["crime_emerging_class"].attrs["period"] == "2021-01-07/2021-06-30"
    starts, kept = step_starts(cube, 28)
    assert starts.tolist() == [0, 28, 56, 84, 112, 140]
    assert (kept.start, kept.stop) == (13, 181)
    with pytest.raises(InputError, match="give step=None to take them as they are, not 'M'"):
        add_emerging_hotspots(by_week, "crime")


def test_emerging__says_what_is_wrong(cube: xr.Dataset) -> None:
    with pytest.raises(
        CubeError, match=f"at least {FEWEST_STEPS} steps, 'M' makes 6 whole ones of the cube; give a shorter"
    ):
        add_emerging_hotspots(cube, "crime")
    with pytest.raises(InputError, match="freq must be 'D'"):
        add_emerging_hotspots(cube, "crime", step="month")
    with pytest.raises(InputError, match="a number of days up to 181, or None, not 0"):
        add_emerging_hotspots(cube, "crime", step=0)
    with pytest.raises(InputError, match="back must be a number of earlier steps, 0 or more, not -1"):
        add_emerging_hotspots(cube, "crime", step="W", back=-1)
    with pytest.raises(CubeError, match="so nothing is hot or cold"):
        add_emerging_hotspots(field_cube(np.ones((61, 30))), "x", step="D")


def test_step_means__count_known_days_only() -> None:
    values = np.array([[1.0, 3, np.nan, np.nan, 6], [np.nan, 4, 1, 1, 1]], np.float32)
    data = field_cube(values)["x"]
    expected = np.array([[2, np.nan, 6], [4, 1, 1]], np.float32)
    np.testing.assert_array_equal(step_means(data, np.array([0, 2, 4])), expected)
    np.testing.assert_array_equal(step_means(data.chunk(cell=1), np.array([0, 2, 4])), expected)


# Roles and stores


def test_statistics__are_sound_variables_that_survive_a_store(cube: xr.Dataset, tmp_path: Path) -> None:
    made = add_emerging_hotspots(add_local_moran(add_getis_ord(cube, "crime"), "crime"), "crime", step="W")
    steps = add_getis_ord(cube, "crime", each_step=True)
    assert validate(made) is made
    assert validate(steps) is steps
    for name in set(map(str, made.data_vars)) - set(map(str, cube.data_vars)):
        role = ROLES[made[name].attrs["role"]]
        assert made[name].dims in role.dims
        assert str(made[name].dtype) in role.dtypes
        assert made[name].attrs["clock"] == "occurred"
        json.dumps(made[name].attrs)
    ht.save_cube(made, tmp_path / "cube")
    again = ht.open_cube(tmp_path / "cube")
    for name in ("crime_gi_class", "crime_emerging_class", "crime_moran_p"):
        np.testing.assert_array_equal(again[name], made[name])
        assert again[name].dtype == made[name].dtype
    assert read_flags(again["crime_gi_class"].attrs) == read_flags(made["crime_gi_class"].attrs)


def test_statistics__are_replaced_when_made_again(cube: xr.Dataset) -> None:
    first = add_getis_ord(cube, "crime", k=1)
    again = add_getis_ord(first, "crime", k=2)
    assert again["crime_gi_z"].attrs["k"] == 2
    assert (again["crime_gi_z"] != first["crime_gi_z"]).any()


def test_statistics__compute_only_their_layer(cube: xr.Dataset) -> None:
    def refuse(_: np.ndarray) -> np.ndarray:
        pytest.fail("another variable was computed")

    other = cube["crime"].copy(
        data=cube["crime"].data.map_blocks(refuse, dtype=np.float32, meta=cube["crime"].data._meta)
    )
    with_other = cube.assign(other=other)
    made = add_emerging_hotspots(add_getis_ord(with_other, "crime"), "crime", step="W")
    assert {"crime_gi_z", "crime_emerging_class"} <= set(made.data_vars)


# Clusters of events


def city_points(seed: int = 0, noise: int = 60) -> ht.Events:
    """Return two dense groups of 120 and 60 points 5 km apart, and points all over."""
    rng = np.random.default_rng(seed)
    groups = [rng.normal((-73.95, 40.70), 0.002, (120, 2)), rng.normal((-73.90, 40.74), 0.002, (60, 2))]
    points = np.concatenate([*groups, rng.uniform((-74.05, 40.6), (-73.8, 40.8), (noise, 2))])
    return make_events(occurred=["2021-01-05"] * len(points), lon=points[:, 0], lat=points[:, 1])


def test_event_clusters__finds_two_groups_the_larger_first() -> None:
    found = event_clusters(city_points(), min_events=15)
    assert len(found.table) == 2
    assert found.table["events"].is_monotonic_decreasing
    assert found.table.loc[0, "events"] == pytest.approx(120, abs=8)
    for number, center in enumerate([(-73.95, 40.70), (-73.90, 40.74)]):
        assert tuple(found.table.loc[number, ["lon", "lat"]]) == pytest.approx(center, abs=0.002)
    labels = found.labels.to_numpy(int)
    assert (labels[:120] == 0).mean() > 0.9
    assert (labels[120:180] == 1).mean() > 0.9
    assert (labels[180:] == -1).mean() > 0.7
    assert found.table.loc[0, "radius_km"] == pytest.approx(0.4, rel=0.25)  # 90 % of a normal of 0.22 by 0.17 km
    assert found.silhouette > 0.8
    assert str(found).startswith("2 clusters of 240 events, ")


def test_event_clusters__equals_scikit_learn_on_the_sphere() -> None:
    from sklearn.cluster import HDBSCAN
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    events = city_points(1)
    found = event_clusters(events, min_events=10).labels.to_numpy(int)
    radians = np.radians(events.table[["lat", "lon"]].to_numpy())
    expected = HDBSCAN(min_cluster_size=10, metric="haversine", copy=True).fit_predict(radians)
    assert adjusted_rand_score(found, expected) > 0.99
    inside = found >= 0
    score = silhouette_score(6371.0 * radians[inside] * [1, np.cos(np.radians(40.7))], found[inside])
    assert event_clusters(events, min_events=10).silhouette == pytest.approx(score, abs=0.002)


def test_event_clusters__only_points_enter() -> None:
    events = city_points()
    table = events.table.copy()
    table.loc[::7, "precision"] = "borough"
    found = event_clusters(replace(events, table=table), min_events=15)
    assert found.left_out == len(table.loc[::7])
    assert found.labels.isna().to_numpy().tolist() == (table["precision"] != "point").tolist()
    assert f"{found.left_out} events known to an area only are left out" in str(found)
    assert len(found.points) + found.left_out == len(table)


def test_event_clusters__silhouettes_of_many_events_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = event_clusters(city_points(), min_events=15).silhouette
    monkeypatch.setattr("htgeo.hotspots.clusters.SAMPLE", 60)
    first, again, other = (event_clusters(city_points(), min_events=15, seed=seed).silhouette for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first == pytest.approx(whole, abs=0.1)


def test_event_clusters__one_or_no_cluster() -> None:
    rng = np.random.default_rng(3)
    spread = rng.uniform((-74.05, 40.6), (-73.8, 40.8), (60, 2))
    none = event_clusters(make_events(occurred=["2021-01-05"] * 60, lon=spread[:, 0], lat=spread[:, 1]), min_events=30)
    assert none.table.empty
    assert np.isnan(none.silhouette)
    assert (none.labels == -1).all()


def test_event_clusters__nearby_ones_can_be_one() -> None:
    apart = event_clusters(city_points(noise=0), min_events=15)
    assert len(apart.table) == 2
    points = apart.points
    assert len(points) == 180
    together = event_clusters(city_points(4), min_events=10, merge_km=2.0)
    assert len(together.table) <= 2


def test_event_clusters__says_what_is_wrong() -> None:
    events = city_points()
    with pytest.raises(InputError, match="min_events must be a whole number of at least 5, not 2: smaller clusters"):
        event_clusters(events, min_events=2)
    with pytest.raises(InputError, match="240 events are known to a point; clusters need 500"):
        event_clusters(events, min_events=500)
    with pytest.raises(InputError, match="min_samples must be"):
        event_clusters(events, min_samples=0)
    with pytest.raises(InputError, match="merge_km must be a distance in km, 0 or more, not -1"):
        event_clusters(events, merge_km=-1)


def test_event_clusters__too_many_events_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htgeo.hotspots.clusters.MOST_EVENTS", 100)
    with pytest.raises(InputError, match="choose events by category"):
        event_clusters(city_points())


def test_add_event_clusters__a_cell_has_the_cluster_of_most_of_its_events() -> None:
    cube = field_cube(counts(25, cells=397, days=2))
    found = event_clusters(city_points(), min_events=15)
    made = add_event_clusters(cube, "x", found)["x_cluster"]
    assert made.dtype == np.int32
    cells = points_to_cells(found.points["lon"].to_numpy(), found.points["lat"].to_numpy(), 8)
    table = pd.DataFrame({"cell": cells, "label": found.labels.to_numpy(int)})
    for cell, code in zip(cube["cell"].values, made.values, strict=True):
        votes = table.loc[table["cell"] == cell, "label"].value_counts()
        best = set(votes[votes == votes.max()].index) if len(votes) else {-1}
        assert code in best
    assert {0, -1} <= set(made.values.tolist())
    assert [one.value for one in read_flags(made.attrs)] == [-1, 1, 0]
    assert validate(cube.assign(x_cluster=made)) is not None


def test_add_event_clusters__needs_cells(cube: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="needs H3 cells"):
        add_event_clusters(ht.aggregate(cube, by="borough"), "x", event_clusters(city_points()))


# Maps


@contextmanager
def only(cube: xr.Dataset, *names: str) -> Iterator[xr.Dataset]:
    """Give a cube whose other variables fail when they are computed."""

    def refuse(_: np.ndarray) -> np.ndarray:
        pytest.fail("a variable was computed that is not drawn")

    others = {str(n): v for n, v in cube.data_vars.items() if n not in names and v.chunks is not None}
    yield cube.assign(
        {n: v.copy(data=v.data.map_blocks(refuse, dtype=v.dtype, meta=v.data._meta)) for n, v in others.items()}
    )


def drawn_classes(figure: object) -> dict[str, int]:
    """Return the number of hexagons of each entry of the legend, read out of the shapes, which gaps part."""
    import holoviews as hv

    shapes = figure.traverse(lambda part: part, [hv.Polygons])  # type: ignore[attr-defined]
    return {s.label: 1 + int(np.isnan(s.data[0]["km east"]).sum()) for s in shapes}


@pytest.fixture
def all_statistics(cube: xr.Dataset, crimes: ht.Events) -> xr.Dataset:
    made = add_emerging_hotspots(add_local_moran(add_getis_ord(cube, "crime"), "crime"), "crime", step="W")
    return add_event_clusters(made, "crime", event_clusters(crimes))


@pytest.mark.parametrize("name", ["crime_gi_class", "crime_moran_class", "crime_emerging_class", "crime_cluster"])
def test_plot_hotspots__both_backends(all_statistics: xr.Dataset, tmp_path: Path, name: str) -> None:
    figure = plot_hotspots(all_statistics, name, source="Simulated city.")
    for suffix in ("png", "svg", "html"):
        assert save_figure(figure, tmp_path / f"map.{suffix}").stat().st_size > 10_000
    for text in ((tmp_path / "map.svg").read_text(), (tmp_path / "map.html").read_text()):
        assert "Simulated city." in text
        assert "Intended for outreach" in text
        assert "10 km" in text


def test_plot_hotspots__draws_the_classes_of_the_variable(all_statistics: xr.Dataset) -> None:
    import holoviews as hv

    figure = plot_hotspots(all_statistics, "crime_gi_class")
    values = all_statistics["crime_gi_class"].values
    words = {
        one.value: one.meaning.replace("_percent", " %").replace("_", " ")
        for one in read_flags(all_statistics["crime_gi_class"].attrs)
    }
    assert drawn_classes(figure) == {f"{words[v]} ({(n := (values == v).sum()):,})": n for v in np.unique(values)}
    (points,) = figure.traverse(lambda part: part, [hv.Points])
    assert points.dimension_values("class").tolist() == [words[v] for v in values.tolist()]
    shown = points.dimension_values("z").astype(float)
    np.testing.assert_allclose(shown, all_statistics["crime_gi_z"], rtol=6e-3, atol=1e-6)
    colors = {one.meaning: one.color for one in read_flags(all_statistics["crime_gi_class"].attrs)}
    for part in figure.traverse(lambda part: part, [hv.Polygons]):
        meaning = part.label.split(" (")[0].replace(" %", " percent").replace(" ", "_")
        assert part.opts.get(backend="bokeh").kwargs["color"] == colors[meaning]


def test_plot_hotspots__letters_name_the_kinds(all_statistics: xr.Dataset) -> None:
    import holoviews as hv

    figure = plot_hotspots(all_statistics, "crime_emerging_class")
    letters = [
        t for part in figure.traverse(lambda p: p, [hv.Labels]) for t in part.dimension_values(2) if "km" not in t
    ]
    codes = all_statistics["crime_emerging_class"].values
    words = {one.value: one.meaning for one in EMERGING}
    spots = [c for c in codes.tolist() if c not in (0, NOT_KNOWN)]
    assert sorted(letters) == sorted(words[c][0].upper() if c > 0 else words[c][0] for c in spots)
    assert letters


def test_plot_hotspots__a_day_computes_nothing_else(cube: xr.Dataset) -> None:
    made = add_getis_ord(cube, "crime", each_step=True)
    with only(made, "crime", "crime_gi_z", "crime_gi_p", "crime_gi_class") as guarded:
        figure = plot_hotspots(guarded, "crime_gi_class", time="2021-03-04")
    day = made["crime_gi_class"].sel(time="2021-03-04").values
    assert sorted(drawn_classes(figure).values()) == sorted(np.unique(day, return_counts=True)[1])
    assert "2021-03-04" in figure.opts.get(backend="bokeh").kwargs["title"]


def test_plot_hotspots__says_what_is_wrong(all_statistics: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="'crime' has no classes to draw; crime_gi_class, crime_moran_class"):
        plot_hotspots(all_statistics, "crime")
    with pytest.raises(CubeError, match="no variable 'gi'"):
        plot_hotspots(all_statistics, "gi")
    with pytest.raises(InputError, match="is of one period, 2021-01-01/2021-06-30; leave out time='2021-01-05'"):
        plot_hotspots(all_statistics, "crime_gi_class", time="2021-01-05")
    steps = add_getis_ord(all_statistics, "crime", each_step=True)
    with pytest.raises(InputError, match="a map shows one day"):
        plot_hotspots(steps, "crime_gi_class", time=slice("2021-01-01", "2021-01-02"))  # type: ignore[arg-type]
    with pytest.raises(CubeError, match="the cube has no day 2020-01-05"):
        plot_hotspots(steps, "crime_gi_class", time="2020-01-05")


def test_plot_hotspots__areas(cube: xr.Dataset, precincts: ht.Region, tmp_path: Path) -> None:
    areas = add_getis_ord(ht.aggregate(cube, by="precinct"), "crime")
    figure = plot_hotspots(areas, "crime_gi_class", region=precincts)
    assert save_figure(figure, tmp_path / "areas.png").exists()
    assert save_figure(figure, tmp_path / "areas.html").exists()
    with pytest.raises(CubeError, match="needs their shapes"):
        plot_hotspots(areas, "crime_gi_class")


def test_plot_hotspots__small_clusters_share_an_entry(cube: xr.Dataset) -> None:
    codes = np.arange(cube.sizes["cell"]) % 13 - 1
    classes = cluster_classes(12)
    flags = {
        "flag_values": [one.value for one in classes],
        "flag_meanings": " ".join(one.meaning for one in classes),
        "flag_colors": " ".join(one.color for one in classes),
    }
    made = cube.assign(
        c=stamp(xr.DataArray(codes.astype(np.int32), dims="cell"), "c", "cluster", "1", "clusters", **flags)
    )
    entries = list(drawn_classes(plot_hotspots(made, "c")))
    assert [entry.split(" (")[0] for entry in entries] == [
        "no cluster",
        "5 smaller clusters",
        *(f"cluster {n}" for n in range(6, -1, -1)),
    ]


def test_event_clusters__is_shown_in_words() -> None:
    table = pd.DataFrame({"events": [7]})
    points = pd.DataFrame({"lon": np.zeros(9), "lat": np.zeros(9)})
    shown = EventClusters(pd.Series([0] * 7 + [-1] * 2, dtype="Int32"), points, table, np.nan, 0)
    assert repr(shown) == "1 clusters of 9 events, 2 in none"


def test_two_sided__equals_scipy() -> None:
    z = np.linspace(-6, 6, 41)
    np.testing.assert_allclose(two_sided(z), 2 * norm.sf(np.abs(z)), rtol=1e-6)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plot_hotspots__page_in_a_browser(all_statistics: xr.Dataset, tmp_path: Path, width: int, scheme: str) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not here")
    playwright = pytest.importorskip("playwright.sync_api")
    page_file = save_figure(plot_hotspots(all_statistics, "crime_emerging_class"), tmp_path / "map.html")
    asked, faults = [], []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(page_file.as_uri())
        page.wait_for_selector("canvas", state="attached")
        text = page.inner_text("body")
        wide = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert not faults
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert wide <= width
    assert "Emerging hot and cold spots of crime, 2021-01-04 to 2021-06-27" in text
    assert "Intended for outreach" in text
