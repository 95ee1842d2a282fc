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
ht.score_table(ht.evaluate(cube, by="borough", scores=["hit_rate_10"]))  # each part for itself
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
  and `gap_closed` measure against what a map of the true rates would reach.
- **How many events carry it.** A table shows the effective number of events: how many independent events would scatter as
  much from week to week. With 50 to 150 verified cases two good models cannot be told apart.

## How sure

Blocks of seven days (or twice the horizon) are drawn again with replacement; all models share the draws, so differences are
paired. With few blocks plain percentile intervals are too narrow, so they are widened as Hesterberg (2015) proposes; on
simulated weeks with known truth, 95 % intervals of a score and of a difference held it 93 to 97 times in 100 for 13, 26
and 52 weeks (`tests/test_evaluation.py`, slow). Below five blocks no interval is given. `resample="space-time"` draws weeks
of neighbouring cells instead: it asks how the score would be in other places of this kind. `ht.permutation_test` swaps two
forecasts week by week.

A year of level 9 (2.7 million cell-days), all scores with 1,000 draws, takes 17 times one `average_precision_score` of
scikit-learn and 0.6 GB: scores are made from sums by block, no row is copied (`python benchmarks/run.py scoring`).

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
