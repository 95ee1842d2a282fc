"""What the shown model was held against: verified cases with negative controls, and the audits."""

from itertools import groupby
from typing import Any

from htgeo.evaluation.bias_report import STATISTICS
from htgeo.study.findings import CHECKS
from htgeo.study.report_html import Html, Section, bullets, code, head, join, link, note, say, table
from htgeo.study.report_run import Run
from htgeo.study.report_words import MISSING, count, level, number, plural, with_interval

CASE_SCORES = {
    "percentile_day": "Among all places that day",
    "percentile_all": "Among all places and days",
    "percentile_own": "Among the days of its own place",
}
SHOWN_SHARES = (0.01, 0.05, 0.1, 0.2)
SHOWN_LEADS = (28, 14, 7, 0)
BIAS_SHARES = ("share_of_area", "share_of_events", "share_of_flags", "flagged", "hit_rate", "false_alarm_rate")
AUDITED = (
    "share_of_area",
    "share_of_events",
    "share_of_flags",
    "flags_per_event",
    "hit_rate",
    "false_alarm_rate",
    "expected_over_observed",
    "roc_auc",
)


def cases(run: Run) -> Section:
    """Return the validation on verified cases."""
    found = run.found("cases")
    title = "Validation against verified cases"
    if found is None:
        asked = run.study["evaluation"].get("cases")
        why = (
            "The study holds its forecast against no verified cases (evaluation.cases)."
            if asked is None
            else "The verified cases could not be compared with the forecast on the test days; log.txt says why."
        )
        return Section(
            "cases",
            title,
            (note(why, " How well it ranks the events themselves: ", link("scores", "scores"), "."),),
            ("scores",),
        )
    absent = note(
        "No map of the cases is drawn: their places are not kept in the output folder. ",
        code("htgeo.plot_overlay"),
        " draws them over the forecast, from the file of the cases.",
    )
    parts = [
        *_which(found),
        *_percentiles(found),
        *_case_capture(found),
        *_lead(found),
        *_correlations(found),
        *_controls(run),
        absent,
    ]
    return Section("cases", title, tuple(parts), ("data", "audits", "limits"))


def _which(found: dict[str, Any]) -> list[Html]:
    levels = [f"{plural(held, 'case')} by {unit}" for unit, held in found["cases_by_level"].items()]
    left = [f"{plural(lost, 'case')} left out: {reason}" for reason, lost in found["left_out"].items()]
    return [
        say(
            f"{plural(found['cases'], 'verified case')} of {found['days']} were held against ",
            code(found["forecast"]),
            ", each at the finest level at which its place is honestly known. Cases did not train the models as labels.",
        ),
        bullets([*levels, *left]),
        note(found["exposure"][:1].upper() + found["exposure"][1:] + "."),
    ]


def _level(row: dict[str, Any]) -> str:
    return f"{row['level']}, points off by {number(row['error_km'])} km" if row["error_km"] else str(row["level"])


def _percentiles(found: dict[str, Any]) -> list[Html]:
    rows = []
    for name, entries in groupby(found["summary"], key=_level):
        by_score = {entry["score"]: entry for entry in entries}
        first = next(iter(by_score.values()))
        rows.append([name, number(first["cases"]), *(_mean(by_score.get(score)) for score in CASE_SCORES)])
    return [
        head("Where cases rank"),
        say(
            "100 is the highest forecast, and 50 is no skill. A point may lie wrong: so each is also taken for a circle."
        ),
        table(
            "Mean percentile of the forecast at the place and day of the cases",
            ["Level", "Cases", *CASE_SCORES.values()],
            rows,
        ),
    ]


def _mean(entry: dict[str, Any] | None) -> str:
    return MISSING if entry is None else with_interval({**entry, "value": entry["mean"]}, digits=3)


def _case_capture(found: dict[str, Any]) -> list[Html]:
    rows = []
    for name, entries in groupby(found["capture"], key=_level):
        by_share = {round(entry["area_share"], 4): {**entry, "value": entry["capture"]} for entry in entries}
        rows.append([name, *(with_interval(by_share.get(one), percent=True) for one in SHOWN_SHARES)])
    columns = ["Level", *(f"{level(one)} of the land" for one in SHOWN_SHARES)]
    return [
        head("Cases captured"),
        table("Share of the cases in the flagged land; no skill is the share of the land itself", columns, rows),
    ]


def _lead(found: dict[str, Any]) -> list[Html]:
    wanted = [
        entry
        for entry in found["lead_time"]
        if entry["score"] == "percentile_day" and entry["lead_days"] in SHOWN_LEADS
    ]
    rows = []
    for name, entries in groupby(sorted(wanted, key=_level), key=_level):
        by_lead = {entry["lead_days"]: entry for entry in entries}
        rows.append([name, *(_mean(by_lead.get(lead)) for lead in SHOWN_LEADS)])
    if not rows:
        return []
    columns = ["Level", *(f"{lead} days before" if lead else "On the day" for lead in SHOWN_LEADS)]
    return [
        head("Before the cases became known"),
        table("Mean percentile on the days before the cases became known", columns, rows),
    ]


def _correlations(found: dict[str, Any]) -> list[Html]:
    rows = [
        [
            entry["layer"],
            entry["over"],
            number(entry["values"]),
            with_interval({**entry, "value": entry["spearman"]}, digits=2),
        ]
        for entry in found["correlations"]
    ]
    if not rows:
        return []
    return [
        head("By area"),
        table(
            "Rank correlation (Spearman) of expected events and cases; no skill is 0",
            ["Layer", "Over", "Values", "Correlation"],
            rows,
            words=(1,),
        ),
    ]


def _controls(run: Run) -> list[Html]:
    title, found = head("Negative controls"), run.found("controls")
    if not found:
        return [title, note("No negative control was run (evaluation.cases.controls).")]
    rows = [
        [
            entry["control"],
            entry["level"],
            entry["score"].replace("_", " "),
            number(entry["real"], 3),
            with_interval({"value": entry["drawn"], "low": entry["low"], "high": entry["high"]}, digits=3),
            number(entry["p_value"], 2),
            entry["verdict"],
        ]
        for entry in found
    ]
    return [
        title,
        say(
            "The same figures for cases whose places or dates were shuffled, which no forecast can know. A control that fails as it must lies clearly below the real cases; where the real cases show no skill either, it proves nothing."
        ),
        table(
            "Real cases and controls",
            ["Control", "Level", "Score", "Real", "Controls", "p", "Verdict"],
            rows,
            words=(1, 2, 6),
        ),
    ]


def audits(run: Run) -> Section:
    """Return the audits of bias and leakage."""
    names = [name for name in run.scores[run.shown] if name.startswith("bias by ")]
    parts = [part for name in names for part in _bias(run, name)]
    if not names:
        parts = [head("Bias"), note("The study asks for no audit of bias (evaluation.audit.bias).")]
    return Section("audits", "Audits", (*parts, *_leakage(run)), ("cases", "limits", "explanation"))


def _bias(run: Run, name: str) -> list[Html]:
    found = run.found(name)
    rows = [
        [area, count(found["events"].get(area)), *(_statistic(entries, statistic) for statistic in AUDITED)]
        for area, entries in found["areas"].items()
    ]
    columns = [found["by"], "Events", *(statistic.replace("_", " ") for statistic in AUDITED)]
    meanings = bullets(
        join([code(statistic.replace("_", " ")), f": {STATISTICS[statistic]}"])
        for statistic in AUDITED
        if statistic in STATISTICS
    )
    warned = [
        note(f"{feature} is a feature of this cube and must not be one.") for feature in found["make_up_as_feature"]
    ]
    return [
        head(name.capitalize()),
        say(
            f"What forecasts and alerts of {found['model']} give and cost each {found['by']}, {found['days']}. {found['statement']}"
        ),
        table(f"Bias audit by {found['by']}", columns, rows),
        meanings,
        *warned,
    ]


def _statistic(entries: dict[str, Any], statistic: str) -> str:
    return with_interval(entries.get(statistic), percent=statistic in BIAS_SHARES, digits=3)


def _leakage(run: Run) -> list[Html]:
    title, found = head("Leakage"), run.found("leakage")
    if found is None:
        return [
            title,
            note(
                "The study asks for no audit of leakage (evaluation.audit.leakage); features are made from what was known on their day, which the tests of htgeo check."
            ),
        ]
    rows = []
    for check, meaning in CHECKS.items():
        of_check = [one for one in found["findings"] if one["check"] == check]
        if of_check:
            passed, failed = (sum(one["passed"] is state for one in of_check) for state in (True, False))
            rows.append([check, meaning, f"{passed}", f"{failed}", f"{len(of_check) - passed - failed}"])
    faults = [f"{one['what']}: {one['detail']} ({one['check']})" for one in found["findings"] if one["passed"] is False]
    outcome = (
        "Nothing leaks, as far as it was checked." if found["passed"] else f"{plural(len(faults), 'check')} failed."
    )
    return [
        title,
        say(outcome),
        table(
            "Checks for what was not known on the day",
            ["Check", "What passes it", "Passed", "Failed", "Not checked"],
            rows,
            words=(1,),
        ),
        *([bullets(faults)] if faults else []),
    ]
