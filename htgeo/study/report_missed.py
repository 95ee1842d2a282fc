"""What a study hoped for and did not get."""

from htgeo.evaluation import SCORES
from htgeo.study.report_html import Html, join, link
from htgeo.study.report_run import HISTORICAL, Run
from htgeo.study.report_words import name_of, number, share, with_interval

CAPTURE = "hit_rate_5"
"""The score that says what 5 % of the area hold."""
CHANCE = 50
"""The mean percentile of cases that fall anywhere."""


def not_reached(run: Run) -> list[Html]:
    """Return what the study hoped for and did not get, most telling first."""
    missed = [*_capture_gain(run), *_goals(run), *_cases(run), *_calibration(run), *_uneven(run)]
    return [join([text, " (", link(key, place), ")"]) for text, key, place in missed]


def _capture_gain(run: Run) -> list[tuple[str, str, str]]:
    against = run.entry(run.best, CAPTURE).get("against", {}).get(HISTORICAL, {})
    low, high = against.get("low"), against.get("high")
    if low is None or high is None or low > 0:
        return []
    how = "is below" if high < 0 else "is not clearly above"
    return [(f"the capture of {run.best} at 5 % of the area {how} that of the historical rate", "scores", "scores")]


def _goals(run: Run) -> list[tuple[str, str, str]]:
    """Return the published figures that no score of the best model comes up to."""
    missed = []
    for name, figures in run.study["evaluation"].get("anchors", {}).items():
        for score, value in figures.items():
            ours = run.entry(run.best, score)["value"]
            if ours is not None and score in SCORES and not _comes_up(score, ours, value):
                missed.append(
                    (
                        f"{name_of(score)} of {name}: {number(value)} was named, {number(ours)} was reached",
                        "scores",
                        "scores",
                    )
                )
    return missed


def _comes_up(score: str, ours: float, goal: float) -> bool:
    """Return whether a score is at least as near to the best value as a goal."""
    best = SCORES[score].best
    return ours >= goal if best == float("inf") else abs(ours - best) <= abs(goal - best)


def _cases(run: Run) -> list[tuple[str, str, str]]:
    cases = run.found("cases")
    if cases is None:
        return [("no verified cases were held against the forecast", "cases", "validation")]
    missed = []
    for level in cases["cases_by_level"]:
        found = [row for row in cases["summary"] if row["level"] == level and row["score"] == "percentile_day"]
        if found and found[0]["low"] is not None and found[0]["low"] <= CHANCE:
            missed.append(
                (
                    f"verified cases known to a {level} rank no better than by chance, {with_interval({**found[0], 'value': found[0]['mean']}, digits=3)} where chance is {CHANCE}",
                    "cases",
                    "validation",
                )
            )
    return missed


def _calibration(run: Run) -> list[tuple[str, str, str]]:
    bias = run.entry(run.best, "bias")
    if bias["low"] is None or bias["low"] <= 1 <= bias["high"]:
        return []
    return [
        (
            f"the forecasts of {run.best} add up to {with_interval(bias, digits=3)} times the events observed, not to 1",
            "scores",
            "scores",
        )
    ]


def _uneven(run: Run) -> list[tuple[str, str, str]]:
    """Return the widest gap of the bias audits."""
    missed = []
    for name, audit in run.scores.get(run.shown, {}).items():
        areas = audit.get("areas", {}) if name.startswith("bias by ") else {}
        rates = {
            area: row.get("hit_rate", {}).get("value") for area, row in areas.items() if area not in ("all", "unknown")
        }
        known = {area: rate for area, rate in rates.items() if rate is not None}
        if len(known) > 1 and min(known.values()) < max(known.values()) / 2:
            low, high = min(known, key=lambda area: known[area]), max(known, key=lambda area: known[area])
            missed.append(
                (
                    f"alerts reach the parts of the city unevenly, from {share(known[low])} of the events in {low} to {share(known[high])} in {high}",
                    "audits",
                    "audits",
                )
            )
    return missed
