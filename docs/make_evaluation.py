"""Writes docs/evaluation.md, its table of scores from the scores themselves: ``python docs/make_evaluation.py``."""

from math import isnan
from pathlib import Path

from htgeo.evaluation import SCORES

PAGE = Path(__file__).with_name("evaluation.md")
TEXT = """\
# Is the forecast good enough to be used?

```python
table = ht.evaluate(cube, against=["historical_rate"], start="2024-01-01")  # every risk of the cube, every score
ht.score_table(table)  # value [low, high], one column a model
ht.compare(table, "log_loss")  # ranked, with gains over the baseline
ht.score_table(ht.evaluate(cube, by="borough", scores=["hit_rate_10"], start="2024-01-01"))  # each part for itself
```

`htgeo run` does this for a study; its key `evaluation` says by what, over which cells and beside which published figures
([study.md](study.md)).

## What to look at

- **Against what.** A score alone says little: PR-AUC depends on how common events are, hit rates on how many cells are
  empty. Name a simple baseline (`against`), look at the difference and its interval. A model that does not clearly beat the
  past rate of each cell is not worth its trouble, and the run says so.
- **Rare events.** Below about 0.2 % of cell-days rank by `log_loss_skill` and hit rates, not by PR-AUC.
- **Level.** `bias` and `calibration_slope` tell whether a probability means what it says; a good ranking can be wrong by a
  factor.
- **The best possible map is not perfect.** Where counts are nearly Poisson, no map comes near a PEI of 1: `pei_achievable`
  measures against what a map of the true rates would reach, `gap_closed` against a map that knows the mean of the test days.
- **How many events carry it.** A table shows the effective number of events: how many independent events would scatter as
  much from week to week. With 50 to 150 verified cases two good models cannot be told apart.

- **Only days that trained nothing.** Name the first test day (`start`): scores of training days flatter.
- **Pictures' data**: `ht.capture_curve` (events against area flagged, beside what is achievable) and `ht.calibration_curve`.

## How sure

Blocks of seven days (or twice the horizon) are drawn again with replacement; all models share the draws, so differences are
paired. With few blocks plain percentile intervals are too narrow, so they are widened as Hesterberg (2015) proposes; on
simulated weeks with known truth, 95 % intervals of a score and of a difference held it 93 to 97 times in 100 for 13, 26
and 52 weeks (`tests/test_evaluation.py`, slow). Below five blocks no interval is given. `resample="space-time"` draws weeks
of neighbouring cells instead: it asks how the score would be in other places of this kind. `ht.permutation_test` swaps two
forecasts week by week.

A year of level 9 (2.7 million cell-days), all scores with 1,000 draws, takes 19 times one `average_precision_score` of
scikit-learn and 0.7 GB: scores are made from sums by block, no row is copied (`python benchmarks/run.py scoring`).

## Splits

| function | gives |
| --- | --- |
| `ht.split_time(cube, "2024-01-01")` | training days before, test days from a date on; the gap follows from the horizon |
| `ht.rolling_origin(cube, first_test=…, test_days=30, folds=4)` | later and later tests; `delay` ends training where reports are still to come (`"p90"`: measured), `embargo` as long as a look-back |
| `ht.spatial_blocks(cube, parents=6, folds=5)` | whole parent cells held out, with a `buffer` of rings |
| `ht.leave_one_out(cube, by="borough")` | trains elsewhere, tests on one area |
| `ht.cross_blocks(time=…, space=…)` | later days and other places at once |

A fold has `train(cube)` and `test(cube)`, which stay lazy; folds of a training part nest. `ht.tune(…, folds=folds)` takes them,
`ht.save_folds` and `ht.read_folds` keep them as JSON, `ht.plot_split(cube, folds)` draws them. Never split cell-days at random.

## Alerts under a budget

```python
rule = ht.choose_threshold(validation, "lightgbm", budget=ht.AreaShare(0.05), objective="recall")
cube = ht.add_alert(cube, rule)  # alert_lightgbm and rank_lightgbm, lazily
print(ht.funnel(cube, rule, start="2024-01-01", reviewed_per_day=20, cases="case"))
```

The forecast on the validation days must come from a model that did not learn from them; the rule remembers its days, and a
funnel on them is refused. Budgets: `CellsPerDay`, `AreaShare`, `VisitsPerWeek`, `FalseAlertsPerTrue`, on average or
`every_day`; objectives: recall, `FBeta(beta)`, `Cost(…)`; `minimum_shares={"Queens": 0.1}` keeps places in the order of each day.
`rule.sweep` has what every threshold reaches, `rule.interval` how uncertain the choice is.

## Verified cases

```python
check = ht.validate_cases(cube, "lightgbm", cases, errors_km=[0, 1, 3])
print(ht.negative_controls(cube, "lightgbm", cases, unrelated=["crime"]))
```

- Each case is scored at the finest level at which it is honest: a point by its cell, a case known to a borough by boroughs.
  Cases known to the city only are counted, not scored.
- Percentiles count places by land, so that cases anywhere on the land would average 50. Three are given: of the day, of all
  days, and of the days of the place itself; only the last needs the forecast to know when.
- Location error: a case is a disc of the assumed error and scores the share of it that is flagged.
- Expected events of a risk p over a horizon h are -log(1 - p) / h a day. Rank correlation of plain sums by area is above 0
  without skill (large areas have more of both), so sums by km2 stand beside it.
- Case counts grow with collection: areas are compared by their shares, unless an `exposure` is given.
- Negative controls shift dates, shuffle places and take an unrelated layer: the validation must fail there. With five
  boroughs a good-looking correlation proves nothing, and the table shows it by its p-value.
- On simulated cases 95 % intervals of the mean percentile held the truth in 92 to 93 of 100 runs: slightly too narrow.

Two files of the same robberies (NYC, October to December 2015; `python benchmarks/validation.py`): totals by precinct correlate
with 0.9998, by precinct and week with 0.999; the forecast of the historical rate and the verified counts by precinct have
a rank correlation of 0.95, and the mean percentile is 80 (50.1 with shuffled places).

## Cubes of areas and of weeks

`ht.aggregate(cube, by="precinct", freq="W")` sums counts with their mass, and turns risks into expected counts (a mean of
probabilities is no probability). `ht.grid_areas(counts, precincts, start=…, end=…, merge=…)` makes a cube from
`ht.read_area_counts(…)`; areas that changed in the time are merged for the whole of it. Features, labels, models and scores are
the same; lengths stay in days and must be whole steps. A study of areas: `benchmarks/studies/nyc_precinct_week.yaml`.

## Audits

- `ht.audit_leakage(cube, features, first_test=…, models=[…])` changes and deletes everything after a day, makes columns, fit and risk
  again, and compares bit by bit; then it shuffles. It names the column, model or split that leaks. Whole-period means,
  same-day joins, centred windows, target encodings and random splits planted in a study are each caught
  (`tests/test_audit_leakage.py`), most of which hardly move a score. A passed audit is no proof.
- `ht.audit_bias(cube, "lightgbm", by="borough")` compares flags, hit rate, false alarms, expected over observed and ROC-AUC by
  part of the city, with intervals, and the concentration of flags. `by=ht.Quantiles("tract_income")` takes groups of cells by
  a static variable; join such numbers with `ht.add_attributes(…, audit_only=True)`, and no feature can take them.
- `ht.simulate_feedback(cube)` shows how a map that is refitted on what its own visits found steers its data, and what
  weighting records by the chance of having looked repairs (Ensign et al. 2018): on the demo city the uncorrected map
  expects 44 % of the events where 23 % happen; the corrected one 23 %. The correction knows the true chances; yours are guesses.

## Scores

| name | of | best | range | source | what |
| --- | --- | --- | --- | --- | --- |
ROWS
A new score is one file with one class ([CONTRIBUTING.md](../CONTRIBUTING.md)).
"""


def number(value: float) -> str:
    """Return a number, or nothing where there is none."""
    return {float("inf"): "∞", float("-inf"): "-∞"}.get(value, "" if isnan(value) else f"{value:g}")


def place(name: str) -> tuple[str, int]:
    """Return where a score stands: by its kind, then by the share of the area."""
    stem, _, share = name.rpartition("_")
    return (stem, int(share)) if share.isdigit() else (name, 0)


def page() -> str:
    """Return the text of the page."""
    rows = ""
    for name in sorted(SCORES, key=place):
        if name.startswith("test_"):
            continue
        kind = SCORES[name]
        low, high = map(number, kind.bounds)
        of = {"probability": "risk", "count": "expected count", "both": "both"}[kind.scores]
        rows += f"| `{name}` | {of} | {number(kind.best)} | {low} to {high} | {kind.source} | {kind.summary} |\n"
    return TEXT.replace("ROWS\n", rows + "\n")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
