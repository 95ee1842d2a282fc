"""The funnel: against a slow plain version; each event once; small numbers hidden; not on days the rule has seen."""

import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from test_thresholds import made_cube

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.evaluation.alerts import AlertRule, add_alert
from htgeo.evaluation.budgets import CellsPerDay
from htgeo.evaluation.funnel import Funnel, funnel
from htgeo.evaluation.thresholds import choose_threshold

FEW = {"draws": 20}


def wide_cube(seed: int, cells: int, days: int, horizon: int, *, holes: float = 0.0) -> xr.Dataset:
    """A cube whose risk is of any event within some days, and a second layer, ``case``."""
    rng = np.random.default_rng(seed)
    risk = rng.integers(1, 20, (cells, days)) / 20
    risk[rng.random(risk.shape) < holes] = np.nan
    risk[:, rng.random(days) < holes] = np.nan
    cube = made_cube(risk, rng.poisson(0.3, (cells, days)), areas="q" * (cells // 2))
    cases = xr.DataArray(rng.poisson(0.1, (cells, days)) * np.float32(0.5), dims=("cell", "time"))
    cube["case"] = stamp(cases, "case", "count", "1", "cases")
    cube = ht.add_label(cube.drop_vars("crime_any_within_1"), ht.AnyWithin("crime", days=horizon))
    cube["risk_made"].attrs |= {"label": f"crime_any_within_{horizon}", "horizon": horizon}
    return cube


def rule_at(cube: xr.Dataset, threshold: float, **shares: float) -> AlertRule:
    """A rule chosen on the days before a cube."""
    first = cube["time"].values[0] - np.timedelta64(30, "D")
    facts = {
        "model": "made",
        "label": cube["risk_made"].attrs["label"],
        "threshold": threshold,
        "interval": [None, None],
        "budget": {"cells_per_day": 2},
        "objective": {"recall": {}},
        "every_day": False,
        "minimum_shares": shares,
        "span": [str(first)[:10], str(first + np.timedelta64(29, "D"))[:10]],
        "reached": {},
        "level": 0.95,
        "sweep": {"threshold": []},
    }
    return AlertRule.from_dict(facts)


def plain_funnel(cube: xr.Dataset, rule: AlertRule, capacity: float) -> dict[str, float]:
    """Count cell by cell, day by day."""
    horizon = int(cube["risk_made"].attrs["horizon"])
    label = cube[rule.label].values
    known = ~np.isnan(cube["risk_made"].values) & ~np.isnan(label)
    flagged = add_alert(cube, rule)
    alert, rank = flagged["alert_made"].values & known, flagged["rank_made"].values
    counts = {"scored": known.sum(), "flagged": alert.sum(), "reviewed": 0, "with_event": 0}
    days = range(known.shape[1])
    scored_days = {day for day in days if known[:, day].any()}
    covered, reach = set(), set()
    for day in scored_days:
        reach |= set(range(day, day + horizon))
        for cell in range(len(known)):
            if alert[cell, day] and rank[cell, day] <= capacity:
                counts["reviewed"] += 1
                counts["with_event"] += label[cell, day]
                covered |= {(cell, day + lead) for lead in range(horizon)}
    for layer, name in (("crime", "events"), ("case", "cases")):
        values = cube[layer].values
        counts[name] = sum(values[:, day].sum() for day in reach)
        counts[f"{name}_covered"] = sum(values[at] for at in covered)
    return counts


@given(
    seed=st.integers(0, 10**6),
    horizon=st.integers(1, 4),
    holes=st.sampled_from([0.0, 0.3]),
    capacity=st.sampled_from([None, 1, 2.5]),
    queens=st.sampled_from([0.0, 0.4]),
)
def test_funnel__equals_a_plain_count(
    seed: int, horizon: int, holes: float, capacity: float | None, queens: float
) -> None:
    cube = wide_cube(seed, 5, 12, horizon, holes=holes)
    if not (cube["risk_made"].notnull() & cube[f"crime_any_within_{horizon}"].notnull()).any():
        with pytest.raises(CubeError, match="no cell-day"):
            funnel(cube, rule_at(cube, 0.5), draws=0)
        return
    rule = rule_at(cube, 0.5, **({"Queens": queens} if queens else {}))
    found = funnel(cube, rule, reviewed_per_day=capacity, cases="case", draws=0)
    counts = plain_funnel(cube, rule, np.inf if capacity is None else capacity)
    assert {stage.name: stage.count for stage in found.stages} == pytest.approx(counts)
    for part, whole in (("flagged", "scored"), ("with_event", "reviewed"), ("cases_covered", "cases")):
        expected = counts[part] / counts[whole] if counts[whole] else None
        assert found[part].of == whole
        assert found[part].rate == (None if expected is None else pytest.approx(expected))


def test_funnel__counts_an_event_once_however_often_its_cell_is_reviewed() -> None:
    counts = np.zeros((2, 10))
    counts[0, 5] = 1
    cube = made_cube(np.full((2, 10), 0.5), counts).drop_vars("crime_any_within_1")
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=3))
    cube["risk_made"].attrs |= {"label": "crime_any_within_3", "horizon": 3}
    found = funnel(cube, rule_at(cube, 0.1), draws=0)
    assert found["with_event"].count == 3  # the day, and the two before it
    assert (found["events"].count, found["events_covered"].count) == (1, 1)


@pytest.fixture(scope="module")
def halves() -> tuple[xr.Dataset, AlertRule]:
    """A cube, and a rule chosen on its first half."""
    cube = wide_cube(0, 12, 160, 2)
    return cube, choose_threshold(cube.isel(time=slice(0, 80)), "made", budget=CellsPerDay(3), **FEW)


def test_funnel__has_intervals_and_narrows(halves: tuple[xr.Dataset, AlertRule]) -> None:
    cube, rule = halves
    found = funnel(cube.isel(time=slice(80, None)), rule, reviewed_per_day=2, cases="case", **FEW)
    for stage in found.stages:
        if stage.of:
            assert 0 <= stage.low <= stage.rate <= stage.high <= 1
    assert found["flagged"].low < found["flagged"].high
    assert found["scored"].count > found["flagged"].count > found["reviewed"].count > found["with_event"].count
    table = found.to_frame()
    assert table.loc["events_covered", "rate"] == pytest.approx(
        table.loc["events_covered", "count"] / table.loc["events", "count"]
    )
    facts = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert facts["stages"][1]["name"] == "flagged"
    assert facts["days"][0] == str(cube["time"].values[80])[:10]
    assert "reviewed" in str(found)
    assert "] of flagged" in str(found)


def test_funnel__refuses_days_the_rule_has_seen(halves: tuple[xr.Dataset, AlertRule]) -> None:
    cube, rule = halves
    seen, first = rule.span[1], str(cube["time"].values[80])[:10]
    assert seen < first
    for days in (cube, cube.isel(time=slice(0, 40))):
        with pytest.raises(InputError, match="was chosen on events of"):
            funnel(days, rule, **FEW)
    with pytest.raises(InputError, match="give later days with start="):
        funnel(cube, rule, start=seen, **FEW)
    assert funnel(cube, rule, start=seen, allow_learned=True, **FEW)["scored"].count > 0
    assert isinstance(funnel(cube, rule, start=first, **FEW), Funnel)


def test_funnel__hides_small_numbers_and_what_tells_them(halves: tuple[xr.Dataset, AlertRule]) -> None:
    cube, rule = halves
    test = cube.isel(time=slice(80, None))
    whole = funnel(test, rule, cases="case", **FEW)
    counts = {stage.name: stage.count for stage in whole.stages}
    assert counts["cases_covered"] < counts["events_covered"] < counts["events"]

    hidden = funnel(test, rule, cases="case", hide_below=counts["cases_covered"] + 0.1, **FEW)
    gone = hidden["cases_covered"]
    assert (gone.count, gone.rate, gone.low, gone.high) == (None, None, None, None)
    assert hidden["cases"] == whole["cases"]
    assert hidden["events_covered"] == whole["events_covered"]
    assert "hidden" in str(hidden)

    every = funnel(test, rule_at(test, 0.0), hide_below=5, **FEW)  # nothing is left out, so nothing is told
    assert every["events_covered"].count == every["events"].count
    low = rule_at(test, 0.5)
    missed = funnel(test, low, **FEW)
    rest = missed["events"].count - missed["events_covered"].count  # what is not covered would tell it
    assert 0 < rest < missed["events_covered"].count
    assert funnel(test, low, hide_below=rest + 1, **FEW)["events_covered"].count is None
    assert funnel(test, low, hide_below=rest, **FEW)["events_covered"].count is not None


def test_funnel__in_a_cube_of_weeks_and_areas() -> None:
    daily = wide_cube(3, 6, 12, 1)
    weeks = daily["time"].values[0] + np.arange(12) * np.timedelta64(7, "D")
    weekly = daily.rename(cell="precinct").assign_coords(time=weeks)
    weekly.attrs |= {"space": "precinct", "step_days": 7}
    for name in ("risk_made", "crime_any_within_1"):
        weekly[name].attrs["horizon"] = 7
    one = funnel(daily, rule_at(daily, 0.5), reviewed_per_day=1, cases="case", draws=0)
    other = funnel(weekly, rule_at(weekly, 0.5), reviewed_per_day=1 / 7, cases="case", draws=0)
    assert one.stages == other.stages


def test_funnel__says_what_is_wrong(halves: tuple[xr.Dataset, AlertRule]) -> None:
    cube, rule = halves
    test = cube.isel(time=slice(80, None))
    with pytest.raises(InputError, match="reviewed_per_day must be above 0"):
        funnel(test, rule, reviewed_per_day=0)
    with pytest.raises(CubeError, match="no layer of cases 'nothing'"):
        funnel(test, rule, cases="nothing", **FEW)
    with pytest.raises(InputError, match=r"layer of counts by day of occurrence \(crime, case\), not 'risk_made'"):
        funnel(test, rule, cases="risk_made", **FEW)
