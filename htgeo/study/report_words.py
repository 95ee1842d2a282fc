"""Numbers and scores in words."""

import math
from collections.abc import Mapping
from typing import Any

from htgeo.evaluation import SCORES

Entry = Mapping[str, Any]
"""A value with the ends of its interval, as in ``scores.json``: ``value``, ``low``, ``high``."""
NAMES = {
    "log_loss": "Log loss",
    "log_loss_skill": "Log-loss skill",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "pr_auc": "PR-AUC",
    "roc_auc": "ROC-AUC",
    "calibration_slope": "Calibration slope",
    "bias": "Expected over observed",
    "ece": "Calibration error",
    "hit_rate_5": "Capture at 5 % of the area",
    "hit_rate_10": "Capture at 10 % of the area",
    "poisson_deviance": "Poisson deviance",
    "crps": "CRPS",
    "mae": "Mean absolute error",
}
"""Scores that have a common name; others are called as in ``scores.json``."""
MAIN = (
    "log_loss",
    "poisson_deviance",
    "brier_skill",
    "pr_auc",
    "roc_auc",
    "hit_rate_5",
    "hit_rate_10",
    "calibration_slope",
    "bias",
)
"""Scores of the main table, where they were taken."""
JUDGED_BY = ("log_loss", "poisson_deviance")
"""The score by which models are judged: the first that was taken; both are the smaller the better."""
SHARES = ("hit_rate", "recall", "precision", "area_share")
MISSING = "n/a"
SPACE = "\N{NO-BREAK SPACE}"
THOUSAND = 1000


def name_of(score: str) -> str:
    """Return what a score is called."""
    return NAMES.get(score, score.replace("_", " "))


def meaning_of(score: str) -> str:
    """Return what a score is, in one sentence."""
    return str(SCORES[score].summary) if score in SCORES else ""


def is_share(score: str) -> bool:
    """Return whether a score is read best in percent."""
    return score.startswith(SHARES)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with some significant digits, whole with commas from a thousand on."""
    if value is None:
        return MISSING
    return _shown(value, 0 if float(value).is_integer() else _decimals(value, digits))


def _decimals(value: float, digits: int) -> int:
    """Return how many decimals give a number its significant digits."""
    if value == 0 or abs(value) >= THOUSAND:
        return 0
    return max(0, digits - 1 - math.floor(math.log10(abs(value))))


def _shown(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}"


def share(value: float | None) -> str:
    """Return a share in percent."""
    return MISSING if value is None else f"{_shown(100 * value, _places(value))}{SPACE}%"


def _places(value: float) -> int:
    """Return the decimals of a share in percent that can be read."""
    size = abs(100 * value)
    return 0 if size in (0, 100) else 1 if size >= 1 else 2


def with_interval(entry: Entry | None, *, percent: bool = False, digits: int = 4) -> str:
    """Return a value and its interval, all with the same decimals; one that is its own interval stands alone."""
    if entry is None or entry.get("value") is None:
        return MISSING
    low: float | None = entry.get("low")
    high: float | None = entry.get("high")
    value: float = entry["value"]
    if low is None or high is None or low == high == value:
        return share(value) if percent else number(value, digits)
    ends = [100 * one if percent else one for one in (value, low, high)]
    decimals = max(map(_places, (value, low, high))) if percent else _decimals(max(ends, key=abs), digits)
    shown, *limits = (_shown(one, decimals) for one in ends)
    unit = f"{SPACE}%" if percent else ""
    return f"{shown}{unit} [{limits[0]},{SPACE}{limits[1]}{unit}]"


def score_text(name: str, entry: Entry | None) -> str:
    """Return a score with its interval."""
    return with_interval(entry, percent=is_share(name), digits=4 if name in JUDGED_BY else 3)


def level(value: float) -> str:
    """Return a share that was set, such as a budget, in percent without needless digits."""
    return f"{100 * value:g}{SPACE}%"


def count(value: float | None) -> str:
    """Return a number of events, whole unless some are spread over places."""
    if value is None:
        return "hidden"
    whole = value >= THOUSAND or round(value, 1).is_integer()
    return f"{value:,.0f}" if whole else f"{value:,.1f}"


def plural(count: float, word: str) -> str:
    """Return a number with its word."""
    return f"{count:,.6g} {word}{'' if count == 1 else 's'}"
