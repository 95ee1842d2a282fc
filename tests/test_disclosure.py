"""What may leave the house: releases, their ledger, and the attack."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog
from typer.testing import CliRunner

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.disclosure import (
    Noise,
    attack,
    check_public,
    public_view,
    read_ledger,
    read_release,
    release,
    release_table,
    write_release,
)
from htgeo.disclosure.levels import ladder
from htgeo.disclosure.public import in_steps
from htgeo.disclosure.suppress import round_counts, suppress, with_totals

K = 11
TABLES = arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.integers(0, 40).map(float))


def city_of_areas(daily: np.ndarray, start: str = "2021-01-01") -> xr.Dataset:
    """Return a cube of areas (precincts in boroughs of four) with these daily counts."""
    names = np.array([f"P{number:02d}" for number in range(len(daily))])
    days = pd.date_range(start, periods=daily.shape[1]).values.astype("datetime64[ns]")
    boroughs = np.array([f"B{number // 4}" for number in range(len(daily))])
    coords = {"precinct": names, "time": days, "borough": ("precinct", boroughs)}
    cube = xr.Dataset(coords=coords, attrs={"space": "precinct", "layers": ["borough", "precinct"]})
    data = xr.DataArray(daily.astype(np.float32), dims=("precinct", "time"))
    return cube.assign(case=stamp(data, "case", "count", "1", "cases"))


def naive(counts: dict[str, float | None], **more: object) -> pd.DataFrame:
    days = {"start": "2024-01-01", "end": "2024-01-31"}
    return pd.DataFrame({"place": list(counts), "count": list(counts.values()), **(days | more)})


def brute_ranges(counts: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return the range of each inner count, one linear program each: an independent check without rounding."""
    rows, columns = np.array(counts.shape) - 1
    parts, sums = [], []
    for place, period in np.argwhere(~hidden):
        picked = np.zeros((rows, columns))
        picked[place if place < rows else slice(None), period if period < columns else slice(None)] = 1
        parts.append(picked.ravel())
        sums.append(counts[place, period])
    system = {"A_eq": np.array(parts), "b_eq": sums} if parts else {}
    found = []
    for goal in np.eye(rows * columns):
        low = linprog(goal, bounds=(0, 1000), **system).fun
        found.append((low, -linprog(-goal, bounds=(0, 1000), **system).fun))
    return np.array(found)


@given(TABLES)
def test_suppress__no_count_of_1_to_k_can_be_bounded_within_k(inner):
    counts = with_totals(inner)
    hidden = suppress(counts, k=K)
    assert ((counts[~hidden] == 0) | (counts[~hidden] >= K)).all()
    ranges = brute_ranges(counts, hidden)
    small = (inner.ravel() > 0) & (inner.ravel() < K)
    assert (ranges[small, 1] - ranges[small, 0] > K - 1 - 1e-6).all()


@given(TABLES, st.sampled_from([1, 3, 5, 10]))
def test_suppress__published_numbers_are_the_rounded_true_ones(inner, rounding):
    counts = with_totals(inner)
    hidden = suppress(counts, k=K, rounding=rounding)
    shown = round_counts(counts, rounding)[~hidden]
    assert (np.abs(shown - counts[~hidden]) <= rounding / 2).all()
    assert ((shown > 0) == (counts[~hidden] > 0)).all()


@given(TABLES, st.integers(3, 15))
def test_suppress__a_larger_k_hides_every_number_that_is_small_for_a_smaller_one(inner, k):
    counts = with_totals(inner)
    assert suppress(counts, k=k + 5)[(counts > 0) & (counts < k)].all()


def test_suppress__one_small_count_takes_a_rectangle_with_it_and_keeps_the_totals():
    hidden = suppress(with_totals(np.array([[3.0, 40.0], [30.0, 20.0]])), k=K)
    assert hidden[:2, :2].all()
    assert not hidden[-1].any()
    assert not hidden[:, -1].any()


def test_attack__finds_the_one_hidden_part_of_a_total():
    found = attack([naive({"North": None, "South": 30, "all": 33})])
    assert found[["how", "place", "low", "high"]].values.tolist() == [["computed", "North", 3, 3]]


def test_attack__finds_what_is_plainly_published():
    assert attack([naive({"North": 4, "South": 0})])["how"].tolist() == ["published"]


def test_attack__finds_the_late_report():
    found = attack([naive({"North": 20}), naive({"North": 21})])
    assert found[["how", "low", "high"]].values.tolist() == [["changed", 1, 1]]


def test_attack__finds_a_day_by_subtracting_overlapping_periods():
    january = naive({"North": 40})
    shorter = naive({"North": 38}, end="2024-01-30")
    found = attack([january, shorter])
    assert found[["low", "high"]].values.tolist() == [[2, 2]]


def test_attack__finds_a_part_by_subtracting_levels():
    parts = naive({"A": 20, "B": None})
    whole = naive({"North": 26}, members="A|B")
    found = attack([parts, whole])
    assert found[["place", "low", "high"]].values.tolist() == [["B", 6, 6]]


def test_attack__subtracts_what_agrees_though_another_release_contradicts():
    later = naive({"A": 60})
    found = attack([naive({"A": 20, "B": None}), naive({"North": 26}, members="A|B"), later])
    assert found[["how", "place", "low", "high"]].values.tolist() == [["computed", "B", 6, 6]]


def test_attack__says_that_totals_contradict_their_parts():
    assert attack([naive({"A": 30, "B": 30, "all": 20})])["how"].tolist() == ["contradicts"]


def test_attack__says_nothing_of_releases_that_share_nothing():
    assert attack([naive({"A": 20}), naive({"A": 25}, start="2024-02-01", end="2024-02-29")]).empty


def late_city(seed: int, areas: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return the days of occurrence and of becoming known of simulated cases, (area, day, day known) as rows."""
    generator = np.random.default_rng(seed)
    rates = generator.gamma(1.0, 0.25, areas)
    counts = generator.poisson(rates[:, None], (areas, 365))
    place, day = (np.repeat(axis, counts.ravel()) for axis in np.indices(counts.shape).reshape(2, -1))
    return np.stack([place, day]), day + generator.geometric(0.03, len(day))


def as_of(cases: np.ndarray, known: np.ndarray, day: int, areas: int = 12) -> xr.Dataset:
    daily = np.zeros((areas, day))
    seen = cases[:, (known < day) & (cases[1] < day)]
    np.add.at(daily, tuple(seen), 1)
    return city_of_areas(daily)


MONTHLY = [
    {},
    {"levels": ["precinct"]},
    {"levels": ["precinct"], "rounding": 1},
    {"levels": ["borough"], "rounding": 1},
]


@pytest.mark.parametrize("options", MONTHLY)
@pytest.mark.parametrize("seed", range(5))
def test_release__twelve_monthly_releases_give_nothing_away_though_reports_come_late(seed, options, tmp_path):
    cases, known = late_city(seed)
    ledger, released = tmp_path / "ledger.jsonl", []
    for month in pd.period_range("2021-01", "2021-12", freq="M"):
        cube = as_of(cases, known, month.end_time.day_of_year)
        days = slice(str(month.start_time)[:10], str(month.end_time)[:10])
        released.append(release(cube, "case", time=days, ledger=ledger, **options))
    shown = np.concatenate([one["case_status"].values.ravel() == 0 for one in released])
    assert shown.any()
    assert not shown.all() or not options
    assert attack(released).empty
    assert len(read_ledger(ledger)) == 12


def test_release__the_same_numbers_again_are_no_news(tmp_path):
    cube = city_of_areas(np.random.default_rng(0).poisson(0.4, (8, 90)))
    for _ in range(2):
        release(cube, "case", levels=["precinct"], ledger=tmp_path / "ledger.jsonl")
    assert len(read_ledger(tmp_path / "ledger.jsonl")) == 2


def test_release__the_same_months_published_naively_are_recovered():
    cases, known = late_city(0)
    naive_tables = [as_of(cases, known, day).case.sum("time").to_series().reset_index() for day in (181, 212)]
    tables = [naive(dict(table.itertuples(index=False))) for table in naive_tables]
    assert len(attack(tables)) > 0


def test_release__late_reports_of_published_months_are_refused(tmp_path):
    daily = np.full((8, 59), 1.0)
    ledger = tmp_path / "ledger.jsonl"
    january = slice("2021-01-01", "2021-01-31")
    release(city_of_areas(daily), "case", time=january, levels=["precinct"], rounding=1, ledger=ledger)
    daily[0, 3] += 1
    with pytest.raises(InputError, match=r"gives away .* changed.*release only days after 2021-01-31"):
        release(city_of_areas(daily), "case", levels=["precinct"], rounding=1, ledger=ledger)
    february = slice("2021-02-01", "2021-02-28")
    release(city_of_areas(daily), "case", time=february, levels=["precinct"], rounding=1, ledger=ledger)
    assert len(read_ledger(ledger)) == 2


def test_release__another_level_that_reveals_a_hidden_count_is_refused(tmp_path):
    daily = np.zeros((8, 31))
    daily[:, 0] = [5, 30, 30, 30, 4, 30, 30, 30]
    cube, ledger = city_of_areas(daily), tmp_path / "ledger.jsonl"
    first = release(cube, "case", levels=["precinct"], rounding=1, ledger=ledger)
    assert first["case_status"].values.ravel()[[0, 4]].tolist() == [1, 1]
    assert attack([first]).empty
    with pytest.raises(
        InputError, match=r"gives away .* computed, P04, 2021-01-01 to 2021-01-31, 4 to 4; release only"
    ):
        release(cube, "case", levels=["borough"], rounding=1, ledger=ledger)
    assert len(read_ledger(ledger)) == 1


@pytest.mark.parametrize("order", [("quarter", "jan", "feb"), ("jan", "feb", "quarter"), ("jan", "quarter", "feb")])
def test_release__a_part_left_over_by_a_chain_of_overlapping_releases_is_refused(tmp_path, order):
    """January and February do not overlap, but both do with the quarter, so that it tells March."""
    daily = np.zeros((4, 90))
    daily[:, 5], daily[:, 40], daily[:, 70] = 40, 40, 5
    periods = {
        "jan": {"freq": "month", "time": slice("2021-01-01", "2021-01-31")},
        "feb": {"freq": "month", "time": slice("2021-02-01", "2021-02-28")},
        "quarter": {"freq": "quarter"},
    }
    cube = city_of_areas(daily)
    options = {"levels": ["precinct"], "rounding": 1, "max_hidden": 1, "ledger": tmp_path / "ledger.jsonl"}
    made = [release(cube, "case", **periods[name], **options) for name in order[:2]]
    with pytest.raises(InputError, match=r"a part that no release gives, 2021-01-01 to 2021-03-31, 5 to 5"):
        release(cube, "case", **periods[order[2]], **options)
    assert attack(made).empty


def test_release__what_an_earlier_larger_k_hid_is_still_refused(tmp_path):
    daily = np.zeros((4, 31))
    daily[:, 0] = [7, 30, 30, 8]
    cube, options = city_of_areas(daily), {"levels": ["precinct"], "rounding": 1, "ledger": tmp_path / "ledger.jsonl"}
    release(cube, "case", **options)
    with pytest.raises(InputError, match=r"counts below 11: published, P00, .* 7 to 7"):
        release(cube, "case", k=5, **options)


def named_areas(names: list[str], counts: list[int]) -> xr.Dataset:
    daily = np.zeros((len(names), 31))
    daily[:, 0] = counts
    return city_of_areas(daily).assign_coords(precinct=names)


def test_release__areas_merged_otherwise_are_refused(tmp_path):
    options = {"levels": ["precinct"], "rounding": 1, "ledger": tmp_path / "ledger.jsonl"}
    release(named_areas(["120", "121", "122", "123"], [5, 30, 30, 40]), "case", **options)
    with pytest.raises(InputError, match=r"other places \(4 of precinct, now 3 of precinct\)"):
        release(named_areas(["120/121", "122", "123"], [35, 30, 40]), "case", **options)
    release(named_areas(["122", "123"], [30, 40]), "case", **options)


def test_release__names_with_blanks_are_places_of_their_own():
    made = release(named_areas(["A North", "B North", "B South"], [30, 3, 0]), "case", levels=["precinct"], rounding=1)
    table = release_table(made)
    assert table["members"].tolist()[0] == "A North"
    assert attack([made]).empty
    table.loc[table["place"] == "A North", ["count", "low", "high"]] = 30.0
    table.loc[table["place"] == "all", ["count", "low", "high"]] = 33.0
    found = attack([table])
    assert found.loc[found["place"] == "B North", ["low", "high"]].values.tolist() == [[3, 3]]


@pytest.mark.slow
def test_release__months_quarters_and_the_year_by_two_levels_give_nothing_away(tmp_path):
    cases, known = late_city(1)
    cube, made, refused = as_of(cases, known * 0, 365), [], 0
    spans = [
        (freq, span)
        for freq in ("month", "quarter", "year")
        for span in pd.period_range("2021-01-01", "2021-12-31", freq=freq[0].upper())
    ]
    for level in ("precinct", "borough"):
        for freq, span in spans:
            days = slice(str(span.start_time)[:10], str(span.end_time)[:10])
            options = {"levels": [level], "freq": freq, "rounding": 1, "ledger": tmp_path / "ledger.jsonl"}
            try:
                made.append(release(cube, "case", time=days, **options))
            except InputError:
                refused += 1
    assert refused
    assert {one.attrs["freq"] for one in made} == {"month", "quarter", "year"}
    assert attack(made).empty


def test_read_ledger__a_line_that_lacks_a_fact_is_refused(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    release(named_areas(["1", "2"], [30, 40]), "case", ledger=ledger)
    line = json.loads(ledger.read_text())
    del line["part_of"], line["hash"]
    line["hash"] = hashlib.sha256(json.dumps(line, sort_keys=True).encode()).hexdigest()
    ledger.write_text(json.dumps(line) + "\n")
    with pytest.raises(InputError, match="is no release ledger: 'part_of'"):
        read_ledger(ledger)


@pytest.mark.parametrize("order", [("case", "case_night"), ("case_night", "case")])
def test_release__a_layer_and_a_part_of_it_are_not_both_released(tmp_path, order):
    cube, ledger = named_areas(["1", "2"], [30, 40]), tmp_path / "ledger.jsonl"
    night = stamp(cube["case"] // 2, "case_night", "count", "1", "cases at night", part_of="case")
    cube = cube.assign(case_night=night)
    release(cube, order[0], ledger=ledger)
    with pytest.raises(InputError, match="the difference of the two would be told"):
        release(cube, order[1], ledger=ledger)
    release(cube, order[0], ledger=ledger)
    other = cube.assign_coords(time=cube["time"] + np.timedelta64(31, "D"))
    release(other, order[1], time=slice("2021-02-01", "2021-02-28"), ledger=ledger)


def test_ledger__goes_on_where_an_editor_took_the_last_line_break(tmp_path):
    ledger, cube = tmp_path / "ledger.jsonl", named_areas(["1", "2"], [30, 40])
    release(cube, "case", ledger=ledger)
    ledger.write_text(ledger.read_text().rstrip())
    release(cube, "case", ledger=ledger)
    assert len(read_ledger(ledger)) == 2


BLOCKS = st.tuples(*(st.integers(0, 2) for _ in range(4))).map(
    lambda ends: (min(ends[:2]), max(ends[:2]), min(ends[2:]), max(ends[2:]))
)


@given(
    arrays(float, (3, 3), elements=st.integers(0, 25).map(float)), st.lists(BLOCKS, min_size=2, max_size=7), st.data()
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_attack__finds_what_a_linear_program_over_all_places_and_days_finds(counts, blocks, data):
    shown = [data.draw(st.booleans()) for _ in blocks]
    if not any(shown):
        return
    names = np.array(["a", "b", "c"])
    rows, sums = [], []
    for (top, bottom, left, right), is_shown in zip(blocks, shown, strict=True):
        part = np.zeros((3, 3))
        part[top : bottom + 1, left : right + 1] = 1
        sums.append(part.ravel())
        total = float((part * counts).sum())
        days = {"start": f"2024-01-0{left + 1}", "end": f"2024-01-0{right + 1}"}
        rows.append(
            {
                "place": f"{top}-{bottom}",
                "members": "|".join(names[top : bottom + 1]),
                "count": total if is_shown else None,
                **days,
            }
        )
    table = pd.DataFrame(rows)
    found = attack([table])
    known = np.array(shown)
    system = {"A_eq": np.array(sums)[known], "b_eq": table["count"].values[known].astype(float), "bounds": (0, 200)}
    for part, row, is_shown in zip(sums, rows, shown, strict=True):
        low, high = (sign * linprog(sign * part, **system).fun for sign in (1, -1))
        told = low < K - 1e-6 and high > 1 - 1e-6 and np.floor(high + 1e-6) - np.ceil(low - 1e-6) + 1 < K
        mine = (found["place"] == row["place"]) & (found["start"] == row["start"]) & (found["end"] == row["end"])
        assert mine.any() == told, (row, low, high)
        if told and not is_shown:
            assert found.loc[mine, ["low", "high"]].values[0] == pytest.approx([low, high], abs=1e-6)


def test_release__tries_parents_then_regions_then_longer_periods():
    steps = ladder(ht.demo_cube(), None, ["month", "quarter"])
    assert [level for level, _ in steps[:5]] == ["h3-6", "h3-5", "precinct", "borough", "city"]
    assert [freq for _, freq in steps] == ["month"] * 5 + ["quarter"] * 5
    assert [level for level, _ in steps[5:]] == [level for level, _ in steps[:5]]


def test_release__periods_are_lengthened_where_no_level_will_do():
    daily = np.zeros((4, 90))
    daily[:, [5, 40, 70]] = 1  # four a month in the whole city, twelve a quarter
    made = release(city_of_areas(daily), "case")
    assert (made.attrs["level"], made.attrs["freq"]) == ("borough", "quarter")
    assert made["case"].values.tolist() == [[10]]


def test_release__levels_are_merged_until_few_events_are_hidden():
    cube = city_of_areas(np.full((8, 31), 0.0) + (np.arange(31) % 8 == 0))
    assert release(cube, "case").attrs["level"] == "borough"


def test_release__events_spread_over_cells_are_refused_at_that_level():
    cube = city_of_areas(np.full((8, 31), 1 / 8))
    with pytest.raises(CubeError, match="more coarsely"):
        release(cube, "case", levels=["precinct"])


def test_release__an_event_spread_thinly_over_many_places_is_not_lost():
    daily = np.full((150, 31), 0.0)
    daily[:, 0], daily[0, 1] = 1 / 150, 40
    with pytest.raises(CubeError, match="more coarsely"):
        release(city_of_areas(daily), "case", levels=["precinct"])
    made = release(city_of_areas(daily), "case", levels=["city"], rounding=1)
    assert float(made["case_of_all"]) == 41


def test_release__totals_agree_with_the_cube():
    cube = ht.demo_cube()
    made = release(cube, "crime", levels=["borough"], rounding=1)
    assert float(made["crime_of_all"]) == float(cube["crime"].sum())
    assert made["crime_status"].attrs["flag_meanings"] == "published hidden"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 1}, "k must be"),
        ({"rounding": 12}, "rounding must be"),
        ({"max_hidden": 2}, "max_hidden"),
        ({"levels": ["precint"]}, "did you mean 'precinct'"),
        ({"freq": ("day",)}, "days and weeks are never published"),
        ({"levels": []}, "at least one level"),
        ({"noise": Noise(1, 2)}, "one level and one freq"),
    ],
)
def test_release__bad_settings_say_what_is_allowed(options, said):
    with pytest.raises(InputError, match=said):
        release(ht.demo_cube(), "crime", **options)


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_write_release__reads_back_and_attacks_alike(tmp_path, suffix):
    made = release(ht.demo_cube(), "crime", levels=["borough"])
    path = write_release(made, tmp_path / f"r.{suffix}")
    pd.testing.assert_frame_equal(read_release(path), release_table(made), check_dtype=False, check_index_type=False)
    assert attack([path]).empty


def test_write_release__an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.csv, \.json or \.parquet"):
        write_release(release(ht.demo_cube(), "crime", levels=["borough"]), tmp_path / "r.xlsx")


def test_read_release__a_table_without_counts_is_refused(tmp_path):
    (tmp_path / "r.csv").write_text("place,start\nA,2024-01-01\n")
    with pytest.raises(InputError, match="no column end, count"):
        read_release(tmp_path / "r.csv")


def test_read_ledger__a_changed_line_is_found(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    release(ht.demo_cube(), "crime", levels=["borough"], ledger=ledger)
    line = json.loads(ledger.read_text())
    line["k"] = 5
    ledger.write_text(json.dumps(line) + "\n")
    with pytest.raises(InputError, match=r"line 1 .* was changed"):
        read_ledger(ledger)


def test_noise__is_added_until_the_budget_is_spent(tmp_path):
    pytest.importorskip("opendp")
    options = {"levels": ["borough"], "freq": "quarter", "noise": Noise(0.5, 1.0), "ledger": tmp_path / "l.jsonl"}
    first, second = (release(ht.demo_cube(), "crime", **options) for _ in range(2))
    assert (first["crime"] != second["crime"]).any()
    assert abs(float(first["crime_of_all"]) - float(ht.demo_cube()["crime"].sum())) < 200
    with pytest.raises(InputError, match="1 of 1 is used"):
        release(ht.demo_cube(), "crime", **options)


def test_noise__without_opendp_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opendp.prelude", None)
    with pytest.raises(InputError, match=r"htgeo\[privacy\]"):
        Noise(0.5, 1.0).add(np.ones((2, 2)))


def test_check_public__counts_of_cells_and_days_are_never_public():
    with pytest.raises(InputError, match="release counts instead"):
        check_public(ht.demo_cube(), ["crime"])


def test_public_view__forecasts_are_shown_by_area_and_week_in_fixed_steps():
    cube = ht.demo_cube()
    facts = {"layer": "crime", "model": "mean", "horizon": 1, "label": "crime_within_1"}
    cube["expected_mean"] = stamp(cube["crime"] * 0 + 0.013, "expected_mean", "expected", "1", "mean", **facts)
    with pytest.raises(InputError, match="public_view"):
        check_public(cube, ["expected_mean"])
    shown = public_view(cube, "expected_mean")
    check_public(shown, ["expected_mean"])
    assert shown["expected_mean"].dims == ("precinct", "time")
    values = np.unique(shown["expected_mean"].values)
    mantissa = values[values > 0] / 10 ** np.floor(np.log10(values[values > 0]) + 1e-6)
    assert np.isin(np.round(mantissa, 3), [1, 2, 5]).all()
    with pytest.raises(InputError, match="public"):
        check_public(shown.assign(doubled=shown["expected_mean"] * 2), ["doubled"])


def test_command__prints_findings_and_ends_with_1(tmp_path: Path):
    import typer

    from htgeo.cli.attack import attack as command

    app = typer.Typer()
    app.command()(command)
    naive({"North": None, "South": 30, "all": 33}).to_csv(tmp_path / "a.csv", index=False)
    naive({"North": None, "South": 30}).to_csv(tmp_path / "b.csv", index=False)
    bad, good = (CliRunner().invoke(app, [str(tmp_path / name)]) for name in ("a.csv", "b.csv"))
    assert bad.exit_code == 1
    assert "computed: events, North, 2024-01-01 to 2024-01-31 is 3 (releases 1)" in bad.output
    assert good.exit_code == 0
    assert "nothing below 11" in good.output


def test_in_steps__a_step_is_one_number_however_it_was_reached():
    values = np.geomspace(1e-6, 1e4, 20_001).astype(np.float32)
    wanted = {0.0} | {float(np.float32(f"{step}e{power}")) for step in (1, 2, 5) for power in range(-9, 6)}
    assert set(in_steps(values).astype(float).tolist()) <= wanted
    assert (np.diff(in_steps(values)) >= 0).all()
