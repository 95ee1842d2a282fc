"""The report of a run: one page for a reader who was not there, made from the output folder alone."""

from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from htgeo.core.errors import InputError
from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.study.report_alerts import thresholds
from htgeo.study.report_answer import answer, asked, banner
from htgeo.study.report_checks import audits, cases
from htgeo.study.report_data import data
from htgeo.study.report_explained import explanation
from htgeo.study.report_figures import drawing
from htgeo.study.report_html import Html, body_of, contents, join, note, tag
from htgeo.study.report_made import limits, made
from htgeo.study.report_places import map_page, map_section, script_hashes, trend
from htgeo.study.report_run import Run, read_run
from htgeo.study.report_scores import scores

SECTIONS = (asked, answer, data, map_section, trend, scores, thresholds, cases, explanation, audits, limits, made)
"""The sections in their order, each made from the run."""


def write_report(out: str | Path, path: str | Path | None = None) -> Path:
    """Write the report of a run as one HTML page that needs nothing but itself.

    It says what was asked and answered, what the data are and lack, shows map, trend, scores of all models, thresholds
    and funnel, the validation on verified cases, why the forecasts are what they are, audits, limits, and how it was
    made. What the study has not is left out with a sentence that says so.

    Parameters
    ----------
    out
        Output folder of `run_study`. Nothing else is read.
    path
        File to write; ``report.html`` in `out` by default.

    Returns
    -------
    Path
        The file. The same folder gives the same page.

    Raises
    ------
    InputError
        If the folder is none of a finished run, or the file cannot be written.

    Examples
    --------
    >>> import htgeo as ht
    >>> ht.write_report("no-such-folder")
    Traceback (most recent call last):
    ...
    htgeo.core.errors.InputError: 'no-such-folder' is no output folder of a finished run: ...
    """
    run = read_run(out)
    path = Path(out) / "report.html" if path is None else Path(path)
    page = _page(run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, "utf-8")
    except OSError as error:
        message = f"the report cannot be written to {str(path)!r}: {error}"
        raise InputError(message) from error
    return path


def _page(run: Run) -> str:
    """Return the page: template, style, and the sections."""
    sections = [make(run) for make in SECTIONS]
    missing = drawing()
    folder = files("htgeo.study")
    return Template(folder.joinpath("report.html").read_text("utf-8")).substitute(
        title=escape(f"{run.study['name']}: report"),
        name=join([run.study["name"]]),
        lead=_lead(run),
        style=folder.joinpath("report.css").read_text("utf-8"),
        scripts=script_hashes(map_page(run)),
        banner=banner(run),
        without=note(f"This page has tables without figures: {missing}.") if missing else "",
        contents=contents(sections),
        sections=body_of(sections),
        use=join([INTENDED_USE]),
        made=join(
            [
                f"Made by htgeo {VERSION} from the output folder of the run",
                f" of {run.started}" if run.started else "",
                ".",
            ]
        ),
    )


def _lead(run: Run) -> Html:
    start, stop = run.test
    what = f"Where and when to expect {run.events}: forecasts for {run.horizon} {'day' if run.horizon == 1 else 'days'} ahead, tested on {start} to {stop}."
    return tag("p", what, class_="lead")
