"""Thresholds under a budget: against a slow plain version; budgets hold; nothing is learned from test days."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from conftest import no_compute
from hypothesis import given
from hypothesis import strategies as st

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.evaluation.alerts import AlertRule, add_alert
from htgeo.evaluation.budgets import AreaShare, CellsPerDay, Cost, FalseAlertsPerTrue, FBeta, VisitsPerWeek
from htgeo.evaluation.day_ranks import day_ranks, keep_places
from htgeo.evaluation.thresholds import choose_threshold

FEW = {"draws": 20}


def made_cube(risk: np.ndarray, counts: np.ndarray, *, areas: str = "", start: str = "2021-01-04") -> xr.Dataset:
    """A lazy cube of a risk of any event within a day, with two boroughs; `areas` has a letter for each cell."""
    cells, days = risk.shape
    boroughs = np.array([{"q": "Queens", "b": "Bronx"}.get(c, "Brooklyn") for c in areas.ljust(cells)])
    cube = xr.Dataset(
        coords={
            "cell": ("cell", np.arange(cells, dtype=np.uint64), {"level": 8}),
            "time": np.datetime64(start, "ns") + np.arange(days) * np.timedelta64(1, "D"),
            "lon": ("cell", np.full(cells, -74.0)),
            "lat": ("cell", np.full(cells, 40.7)),
            "cell_area": ("cell", np.linspace(0.7, 0.8, cells)),
            "borough": ("cell", boroughs),
        },
        attrs={"layers": ["borough"], "resolution": 8},
    )
    for name, role, values, facts in (
        ("crime", "count", counts, {}),
        ("risk_made", "risk", risk, {"label": "crime_any_within_1", "horizon": 1}),
    ):
        data = xr.DataArray(values.astype(np.float32), dims=("cell", "time")).chunk(cell=max(cells // 2, 1))
        cube[name] = stamp(data, name, role, "1", name, **facts)
    return ht.add_label(cube, ht.AnyWithin("crime", days=1))


def simulated(cells: int = 40, days: int = 70, *, seed: int = 0, areas: str = "", mean: float = 0.2) -> xr.Dataset:
    """Calibrated risks, rounded so that some are equal, and events drawn from them."""
    rng = np.random.default_rng(seed)
    risk = np.round(rng.beta(0.5, 0.5 / mean - 0.5, (cells, 1)) * rng.uniform(0.5, 1, (cells, days)), 3)
    return made_cube(risk, (rng.random(risk.shape) < risk).astype(float), areas=areas)


def later(cube: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    half = cube.sizes["time"] // 2
    return cube.isel(time=slice(0, half)), cube.isel(time=slice(half, None))


def plain_table(cube: xr.Dataset, threshold: float) -> dict[str, float]:
    """What a threshold reaches, cell-day by cell-day."""
    risk, hit = cube["risk_made"].values, cube["crime_any_within_1"].values
    area = np.broadcast_to(cube["cell_area"].values[:, None], risk.shape)
    known = ~np.isnan(risk) & ~np.isnan(hit)
    flagged = known & (np.nan_to_num(risk, nan=-1) >= threshold)
    true, false = (hit[flagged] > 0).sum(), (hit[flagged] == 0).sum()
    days = known.any(axis=0).sum()
    positives = (hit[known] > 0).sum()
    precision, recall = true / max(true + false, 1), true / positives
    return {
        "cells_per_day": flagged.sum() / days,
        "visits_per_week": 7 * flagged.sum() / days,
        "area_share": area[flagged].sum() / area[known].sum(),
        "false_alerts_per_true": false / true if true else np.nan,
        "precision": precision,
        "recall": recall,
        "f_beta": 5 * precision * recall / (4 * precision + recall) if true else 0.0,
        "cost_per_day": (2 * false + 10 * (positives - true) + 0.5 * flagged.sum()) / days,
    }


def plain_choice(cube: xr.Dataset, column: str | None, most: float, worth: str) -> float | None:
    """The best threshold among all risks, one after the other; of equal ones the lowest."""
    risk = cube["risk_made"].values
    best, found = -np.inf, None
    for threshold in sorted(set(risk[~np.isnan(risk)].tolist()), reverse=True):
        table = plain_table(cube, threshold)
        good = -table[worth] if worth.startswith("cost") else table[worth]
        if (column is None or table[column] <= most * (1 + 1e-9)) and good >= best - 1e-12:
            best, found = good, threshold
    nothing = -10 * (cube["crime_any_within_1"].values > 0).sum() / (~np.isnan(risk)).any(axis=0).sum()
    return None if worth.startswith("cost") and found is not None and best <= nothing else found


OBJECTIVES = {"recall": "recall", "f_beta": FBeta(2), "cost_per_day": Cost(2, 10, 0.5)}
LIMITS = [
    (CellsPerDay, 1.5),
    (AreaShare, 0.3),
    (VisitsPerWeek, 14),
    (FalseAlertsPerTrue, 1.5),
    (FalseAlertsPerTrue, 0.2),
]


@given(seed=st.integers(0, 10**6), limit=st.sampled_from(LIMITS), worth=st.sampled_from(list(OBJECTIVES)))
def test_choose_threshold__equals_a_plain_search(seed: int, limit: tuple, worth: str) -> None:
    rng = np.random.default_rng(seed)
    risk = rng.integers(1, 9, (rng.integers(1, 7), rng.integers(1, 9))) / 8
    risk[rng.random(risk.shape) < 0.2] = np.nan
    counts = rng.poisson(np.nan_to_num(risk, nan=0.3))
    counts[np.argmax(~np.isnan(risk), axis=0)[0], 0] += np.isfinite(risk[:, 0]).any()
    cube = made_cube(risk, counts)
    expected = None
    if (known := ~np.isnan(risk)).any() and (counts[known] > 0).any():
        expected = plain_choice(cube, limit[0].column, limit[1], worth)
    ask = {"budget": limit[0](limit[1]), "objective": OBJECTIVES[worth], "draws": 0}
    if expected is None:
        with pytest.raises((InputError, CubeError), match=r"no threshold meets|flag nothing|has an event|no cell-day"):
            choose_threshold(cube, "made", **ask)
        return
    rule = choose_threshold(cube, "made", **ask)
    assert rule.threshold == pytest.approx(expected)
    for name, value in plain_table(cube, rule.threshold).items():
        if (name != "f_beta" or worth == "f_beta") and name in rule.reached:
            assert rule.reached[name]["value"] == pytest.approx(value, nan_ok=True), name


@pytest.mark.parametrize(("kind", "most"), LIMITS[:4])
def test_choose_threshold__uses_the_budget_on_average(kind: type, most: float) -> None:
    rule = choose_threshold(simulated(mean=0.3), "made", budget=kind(most), **FEW)
    assert 0.93 * most <= rule.reached[kind.column]["value"] <= most
    assert rule.interval[0] <= rule.threshold <= rule.interval[1]
    assert rule.reached["recall"]["low"] < rule.reached["recall"]["value"] < rule.reached["recall"]["high"]


def test_choose_threshold__least_cost_of_calibrated_risks_is_where_theory_puts_it() -> None:
    cube = simulated(400, 200, seed=1, mean=0.1)
    for ratio, visit in ((0.1, 0.0), (0.5, 0.0), (0.1, 0.2)):
        rule = choose_threshold(cube, "made", objective=Cost(ratio, 1, visit), **FEW)
        assert rule.threshold == pytest.approx((ratio + visit) / (1 + ratio), abs=0.03)
        assert rule.interval[0] - 0.01 <= (ratio + visit) / (1 + ratio) <= rule.interval[1] + 0.01


def test_sweep__is_the_curve_around_the_choice() -> None:
    cube = simulated()
    rule = choose_threshold(cube, "made", budget=CellsPerDay(5), objective=Cost(1, 5), **FEW)
    sweep = rule.sweep
    assert len(sweep["threshold"]) <= 102
    assert (np.diff(sweep["threshold"]) < 0).all()
    assert (np.diff(sweep["recall"]) >= 0).all()
    at = sweep.sel(threshold=rule.threshold)
    for name in sweep.data_vars:
        assert float(at[name]) == pytest.approx(rule.reached[name]["value"])
    some = float(sweep["threshold"][20])
    table = plain_table(cube, np.float32(some))
    assert float(sweep["recall"][20]) == pytest.approx(table["recall"])
    assert float(sweep["area_share"][20]) == pytest.approx(table["area_share"])
    assert float(sweep["visits_per_week"][20]) == pytest.approx(table["visits_per_week"])


def test_choose_threshold__does_not_see_the_test_days() -> None:
    cube = simulated(10, 120)
    first_test = cube["time"][90]
    changed = cube.copy()
    changed["crime"] = cube["crime"].where(cube["time"] < first_test, 1).assign_attrs(cube["crime"].attrs)
    changed["risk_made"] = cube["risk_made"].where(cube["time"] < first_test, 0.9)
    changed["risk_made"].attrs = cube["risk_made"].attrs
    changed = ht.add_label(changed.drop_vars("crime_any_within_1"), ht.AnyWithin("crime", days=7))
    cube = ht.add_label(cube.drop_vars("crime_any_within_1"), ht.AnyWithin("crime", days=7))
    stop = str(cube["time"].values[89])[:10]
    rules = []
    for one in (cube, changed):
        attrs = {**one["risk_made"].attrs, "label": "crime_any_within_7", "horizon": 7}
        one["risk_made"].attrs = attrs
        rules.append(choose_threshold(one, "made", budget=CellsPerDay(5), stop=stop, **FEW))
    assert rules[0] == rules[1]
    xr.testing.assert_identical(rules[0].sweep, rules[1].sweep)
    assert rules[0].span == (str(cube["time"].values[0])[:10], stop)
    assert rules[0] != choose_threshold(changed, "made", budget=CellsPerDay(5), **FEW)


def test_choose_threshold__leaves_out_training_days() -> None:
    cube = simulated()
    days = [str(day)[:10] for day in cube["time"].values]
    cube["risk_made"].attrs["training_days"] = f"{days[0]} to {days[20]}"
    assert choose_threshold(cube, "made", budget=CellsPerDay(5), **FEW).span[0] == days[21]
    with pytest.raises(InputError, match=f"from {days[21]} on, not from {days[20]}"):
        choose_threshold(cube, "made", budget=CellsPerDay(5), start=days[20])
    with pytest.raises(CubeError, match="no validation day"):
        choose_threshold(cube, "made", budget=CellsPerDay(5), stop=days[20])


def test_day_ranks__by_risk_with_equal_ones_in_a_fixed_order() -> None:
    risk = np.array([[0.1, 0.5, np.nan], [0.3, 0.5, 0.2], [0.2, 0.5, 0.4]], np.float32)
    rank = day_ranks(risk)
    np.testing.assert_array_equal(rank[:, [0, 2]], [[3, np.nan], [1, 2], [2, 1]])
    assert sorted(rank[:, 1]) == [1, 2, 3]
    np.testing.assert_array_equal(rank, day_ranks(risk.copy()))
    tied = day_ranks(np.full((100, 1), 0.5, np.float32))[:, 0]
    assert abs(np.corrcoef(tied, np.arange(100))[0, 1]) < 0.3  # not by the order of the cells


def test_add_alert__flags_lazily_from_the_threshold_on() -> None:
    cube = simulated(41)
    cube["risk_made"] = cube["risk_made"].where(cube["cell"] != 3).assign_attrs(cube["risk_made"].attrs)
    rule = choose_threshold(cube.isel(time=slice(0, 40)), "made", budget=CellsPerDay(5), **FEW)
    with no_compute():
        flagged = add_alert(cube, rule)
    alert, rank, risk = flagged["alert_made"], flagged["rank_made"], cube["risk_made"]
    assert (alert.dtype, rank.dtype) == (bool, np.float32)
    assert alert.dims == rank.dims == risk.dims
    assert alert.chunks == rank.chunks == risk.chunks
    assert alert.attrs["role"] == "alert"
    assert rank.attrs["role_of"] == "rank_made"
    np.testing.assert_array_equal(alert, risk.values >= np.float32(rule.threshold))
    np.testing.assert_array_equal(rank, day_ranks(risk.values))
    assert not alert.sel(cell=3).any()
    assert rank.sel(cell=3).isnull().all()
    assert alert.sel(time=alert["time"][-1]).identical(add_alert(cube.isel(time=[-1]), rule)["alert_made"].isel(time=0))


def test_add_alert__same_in_memory_and_in_blocks_of_days(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = simulated(areas="q" * 20)
    ask = {"budget": AreaShare(0.1), "every_day": True, "minimum_shares": {"Queens": 0.5}}
    rule = choose_threshold(cube, "made", **ask, **FEW)
    whole = add_alert(cube.compute(), rule)
    monkeypatch.setattr("htgeo.evaluation.alerts.MAX_BLOCK_VALUES", 120)
    xr.testing.assert_identical(add_alert(cube, rule).compute(), whole)
    with pytest.raises(CubeError, match="was chosen for the label"):
        add_alert(cube, replace(rule, label="other"))


@pytest.mark.parametrize("budget", [CellsPerDay(3.7), AreaShare(0.11), VisitsPerWeek(20)])
def test_every_day__no_day_exceeds_the_budget(budget: CellsPerDay | AreaShare | VisitsPerWeek) -> None:
    validation, test = later(simulated(seed=3))
    rule = choose_threshold(validation, "made", budget=budget, every_day=True, **FEW)
    alert = add_alert(test, rule)["alert_made"].values
    cells, area = alert.sum(axis=0), test["cell_area"].values
    if isinstance(budget, AreaShare):
        share = (alert * area[:, None]).sum(axis=0) / area.sum()
        assert (share <= 0.11).all()
        assert (share > 0.11 - 0.03).all()
    else:
        assert (cells == {"cells_per_day": 3, "visits_per_week": 2}[budget.column]).all()
    assert rule.threshold == 0
    rank = day_ranks(test["risk_made"].values)
    np.testing.assert_array_equal(alert, rank <= cells)


def test_every_day__with_costs_flags_at_most_the_budget() -> None:
    validation, test = later(simulated(seed=3))
    ask = {"objective": Cost(1, 4), "budget": CellsPerDay(5), **FEW}
    rule = choose_threshold(validation, "made", every_day=True, **ask)
    cells = add_alert(test, rule)["alert_made"].sum("cell").values
    assert cells.max() == 5
    assert cells.min() < 5
    assert rule.threshold > 0


@given(
    seed=st.integers(0, 10**6),
    shares=st.sampled_from([(0.1, 0), (0.5, 0), (1, 0), (0.5, 0.5), (0.3, 0.3), (1 / 3, 1 / 3), (0.05, 0.9)]),
)
def test_minimum_shares__hold_among_the_first_cells_of_any_number(seed: int, shares: tuple[float, float]) -> None:
    rng = np.random.default_rng(seed)
    areas = "".join(rng.choice(["q", "b", "-"], 25))
    risk = rng.integers(1, 9, (25, 3)) / 8
    risk[rng.random(risk.shape) < 0.2] = np.nan
    cube = made_cube(risk, np.ones(risk.shape), areas=areas)
    wanted = {name: share for name, share in zip(("Queens", "Bronx"), shares, strict=True) if share}
    rank = day_ranks(risk, keep_places(cube, wanted))
    plain = day_ranks(risk)
    borough = cube["borough"].values
    for day in range(risk.shape[1]):
        known = ~np.isnan(risk[:, day])
        assert sorted(rank[known, day]) == list(range(1, known.sum() + 1))
        assert np.isnan(rank[~known, day]).all()
        for first in range(1, known.sum() + 1):
            chosen = rank[:, day] <= first
            short = False
            for name, share in wanted.items():
                have = (chosen & (borough == name)).sum()
                assert have >= min(np.floor(share * first + 1e-9), (known & (borough == name)).sum())
                short |= ((plain[:, day] <= first) & (borough == name)).sum() < np.floor(share * first + 1e-9)
            if len(wanted) == 1 and not short:  # the plain order has the share already
                np.testing.assert_array_equal(chosen, plain[:, day] <= first)
        for name in ("Queens", "Bronx", "Brooklyn"):  # within an area the order stays
            inside = known & (borough == name)
            np.testing.assert_array_equal(np.argsort(rank[inside, day]), np.argsort(plain[inside, day]))


def test_minimum_shares__keep_the_budget_and_the_reached_recall_true() -> None:
    rng = np.random.default_rng(5)
    risk = rng.uniform(0.01, 0.4, (40, 60)) * np.where(np.arange(40) < 10, 0.2, 1)[:, None]
    cube = made_cube(risk, (rng.random(risk.shape) < risk).astype(float), areas="q" * 10)
    plain = choose_threshold(cube, "made", budget=CellsPerDay(10), **FEW)
    rule = choose_threshold(cube, "made", budget=CellsPerDay(10), minimum_shares={"Queens": 0.3}, **FEW)
    before, after = (add_alert(cube, one)["alert_made"].values for one in (plain, rule))
    assert not before[:10].any()
    assert (after[:10].sum(axis=0) >= np.floor(0.3 * after.sum(axis=0))).all()
    assert after.sum() == before.sum()
    hit = cube["crime_any_within_1"].values
    assert rule.reached["recall"]["value"] == pytest.approx(hit[after].sum() / hit.sum())
    assert rule.reached["precision"]["value"] == pytest.approx(hit[after].mean())
    assert rule.reached["recall"]["value"] < plain.reached["recall"]["value"]


def test_rule__survives_json() -> None:
    cube = simulated(areas="qqqbbb")
    ask = {"budget": AreaShare(0.2), "every_day": True, "minimum_shares": {"Queens": 0.1, "Bronx": 0.2}}
    for rule in (
        choose_threshold(cube, "made", **ask, **FEW),
        choose_threshold(cube, "made", objective=Cost(1, 5), **FEW),
        choose_threshold(cube, "made", objective=FBeta(0.5), budget=FalseAlertsPerTrue(3), **FEW),
    ):
        again = AlertRule.from_dict(json.loads(json.dumps(rule.to_dict(), allow_nan=False)))
        assert again == rule
        xr.testing.assert_identical(again.sweep, rule.sweep)
        assert str(again) == str(rule)
        assert f">= {rule.threshold:.4g}" in str(rule)


def test_rule__without_enough_weeks_has_no_interval() -> None:
    rule = choose_threshold(simulated(days=20), "made", budget=CellsPerDay(5), **FEW)
    assert np.isnan(rule.interval).all()
    facts = json.loads(json.dumps(rule.to_dict(), allow_nan=False))
    assert facts["interval"] == [None, None]
    assert np.isnan(AlertRule.from_dict(facts).interval).all()


def test_choose_threshold__in_a_cube_of_weeks_and_areas() -> None:
    daily = simulated(days=28)
    weekly = daily.rename(cell="precinct").assign_coords(
        time=daily["time"].values[0] + np.arange(28) * np.timedelta64(7, "D")
    )
    weekly.attrs |= {"space": "precinct", "step_days": 7}
    for name in ("risk_made", "crime_any_within_1"):
        weekly[name].attrs["horizon"] = 7
    rule = choose_threshold(weekly, "made", budget=VisitsPerWeek(5), **FEW)
    assert rule.threshold == choose_threshold(daily, "made", budget=VisitsPerWeek(35), **FEW).threshold
    assert rule.reached["visits_per_week"]["value"] == rule.reached["cells_per_day"]["value"]
    assert rule.span[1] == str(weekly["time"].values[-1] + np.timedelta64(6, "D"))[:10]
    strict = choose_threshold(weekly, "made", budget=VisitsPerWeek(5), every_day=True, **FEW)
    assert (add_alert(weekly, strict)["alert_made"].sum("precinct").values == 5).all()
    alert = add_alert(weekly, rule)["alert_made"]
    assert alert.dims == ("precinct", "time")
    assert alert.sum() / 28 == pytest.approx(rule.reached["visits_per_week"]["value"])


def test_choose_threshold__says_what_is_wrong() -> None:
    cube = simulated()
    for ask, error, text in (
        ({}, InputError, "objective recall needs a budget"),
        ({"objective": FBeta(), "every_day": True}, InputError, "every_day needs a budget"),
        ({"objective": "f1"}, InputError, r"FBeta\(beta\)"),
        ({"budget": FalseAlertsPerTrue(3), "every_day": True}, InputError, "on average only"),
        ({"budget": CellsPerDay(0.2), "every_day": True}, InputError, "the least is one cell"),
        ({"budget": FalseAlertsPerTrue(1e-6)}, InputError, r"nearest possible is [\d.]+, at 0\.\d"),
        ({"objective": Cost(1, 1, 5)}, InputError, "best to flag nothing"),
        ({"budget": CellsPerDay(5), "minimum_shares": {"Quens": 0.1}}, InputError, "did you mean 'Queens'"),
        ({"budget": CellsPerDay(5), "minimum_shares": {"Brooklyn": 1.2}}, InputError, "sum to at most 1"),
    ):
        with pytest.raises(error, match=text):
            choose_threshold(cube.assign_coords(borough=("cell", ["Queens", "Brooklyn"] * 20)), "made", **ask, **FEW)
    tied = made_cube(np.full((10, 10), 0.3), np.ones((10, 10)))
    with pytest.raises(InputError, match=r"CellsPerDay\(most=2\): the nearest possible is 10, at 0.3"):
        choose_threshold(tied, "made", budget=CellsPerDay(2))
    with pytest.raises(CubeError, match="no cell has an event"):
        choose_threshold(made_cube(np.full((3, 9), 0.3), np.zeros((3, 9))), "made", budget=CellsPerDay(2))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: CellsPerDay(0), "CellsPerDay must be a number above 0, not 0"),
        (lambda: VisitsPerWeek(float("nan")), "above 0"),
        (lambda: AreaShare(5), "5 % is 0.05"),
        (lambda: FBeta(-1), "beta must be"),
        (lambda: Cost(1, 0), "missed event above 0"),
        (lambda: Cost(-1, 1), "at least 0"),
    ],
)
def test_budgets_and_objectives__refuse_what_cannot_be(make: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        make()  # type: ignore[operator]


def test_wrong_kinds__are_named() -> None:
    rng = np.random.default_rng(0)
    risk = rng.uniform(0.1, 0.9, (5, 30))
    cube = made_cube(risk, rng.poisson(risk))
    with pytest.raises(InputError, match=r"a budget is one of CellsPerDay, .* not 50"):
        choose_threshold(cube, "made", budget=50)
    with pytest.raises(InputError, match=r"a rule comes from htgeo.choose_threshold.*this is dict"):
        add_alert(cube, {"model": "made"})
