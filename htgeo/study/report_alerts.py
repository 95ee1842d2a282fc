"""What the alerts of a study reach: the threshold, and the funnel from all places and days to the cases covered."""

from typing import Any

from htgeo.evaluation.alerts import TEXTS, AlertRule
from htgeo.evaluation.funnel import Funnel, Stage
from htgeo.maps.plot_funnel import plot_funnel
from htgeo.maps.plot_thresholds import plot_thresholds
from htgeo.study.report_figures import picture
from htgeo.study.report_html import Html, Section, code, head, link, note, say, table
from htgeo.study.report_run import Run
from htgeo.study.report_words import count, is_share, level, name_of, number, score_text, with_interval

STAGES = {
    "scored": "places and days scored",
    "flagged": "flagged by the threshold",
    "reviewed": "reviewed, the highest first, as far as there is capacity",
    "with_event": "reviewed, with an event within the horizon",
    "events": "events on these days",
    "events_covered": "events in a place reviewed on their day or within the horizon before",
    "cases": "verified cases on these days",
    "cases_covered": "verified cases covered in the same way",
}
"""Stages of a funnel in words."""


def thresholds(run: Run) -> Section:
    """Return the threshold, what it reaches, and the funnel."""
    rule, funnel = run.found("threshold"), run.found("funnel")
    if rule is None or funnel is None:
        parts = [
            note("The study asks for no alerts (evaluation.alerts), so no threshold was chosen and no funnel counted.")
        ]
        return Section("thresholds", "Thresholds and funnel", tuple(parts), ("scores", "map"))
    parts = [*_threshold(run, rule), *_funnel(run, funnel)]
    return Section("thresholds", "Thresholds and funnel", tuple(parts), ("scores", "cases", "audits"))


def _threshold(run: Run, rule: dict[str, Any]) -> list[Html]:
    first, last = rule["span"]
    cut = with_interval({"value": rule["threshold"], "low": rule["interval"][0], "high": rule["interval"][1]})
    budget = "without a budget"
    if rule["budget"]:
        ((key, most),) = rule["budget"].items()
        budget = f"{name_of(key)} of at most {level(most) if is_share(key) else number(most)} {'on every' if rule['every_day'] else 'on an average'} {run.step}"
    aim = ", ".join(name_of(name) for name in rule["objective"])
    rows = [[TEXTS.get(name, name_of(name)), score_text(name, entry)] for name, entry in rule["reached"].items()]
    return [
        head("Threshold"),
        say(
            "A place is flagged when its forecast by ",
            code(rule["model"]),
            f" is at least {cut}. That is the threshold with the best {aim} and {budget}, chosen on {first} to {last}, before the test days, by a model that had not seen them.",
        ),
        table("What the threshold reached on the days it was chosen on", ["What", "Reached"], rows),
        picture(
            "thresholds",
            lambda: plot_thresholds(AlertRule.from_dict(rule), over="area_share", source=run.source),
            title="What other thresholds would have reached",
            text=f"Curves over the share of the area flagged, {first} to {last}: recall rises and precision falls as more is flagged; the chosen threshold of {cut} is marked. The table above has what it reached.",
        ),
    ]


def _funnel(run: Run, funnel: dict[str, Any]) -> list[Html]:
    first, last = funnel["days"]
    capacity = (
        "all that are flagged"
        if funnel["reviewed_per_day"] is None
        else f"{number(funnel['reviewed_per_day'])} places a day"
    )
    hidden = f" Counts below {number(funnel['hide_below'])} are hidden." if funnel["hide_below"] else ""
    rows = [
        [STAGES.get(stage["name"], stage["name"]), count(stage["count"]), _rate(stage)] for stage in funnel["stages"]
    ]
    cases = (
        []
        if funnel["cases"]
        else [note("The study names no layer of verified cases for the funnel (evaluation.alerts.cases).")]
    )
    return [
        head("Funnel"),
        say(
            f"On the test days, {first} to {last}, when {capacity} can be reviewed.{hidden} What reviewing costs and spares is not known from these data: ",
            link("limits", "limits"),
            ".",
        ),
        table(
            "From all places and days to the events and cases that a review covers",
            ["Stage", "How many", "Share"],
            rows,
            words=(2,),
        ),
        picture(
            "funnel",
            lambda: plot_funnel(_made(funnel), source=run.source),
            title="Funnel from all places and days to what a review covers",
            text="Bars of the counts in the table above, from all places and days down to those reviewed with an event, and from all events and cases down to those covered.",
        ),
        *cases,
    ]


def _made(funnel: dict[str, Any]) -> Funnel:
    """Return the funnel whose numbers these are."""
    first, last = funnel["days"]
    return Funnel(**{**funnel, "days": (first, last), "stages": tuple(Stage(**stage) for stage in funnel["stages"])})


def _rate(stage: dict[str, Any]) -> str:
    if stage["rate"] is None:
        return "hidden" if stage["count"] is None else ""
    return f"{with_interval({**stage, 'value': stage['rate']}, percent=True)} of {stage['of'].replace('_', ' ')}"
