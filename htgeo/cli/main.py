"""The command line: heavy packages load in the command that needs them."""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # beside another job boosters train 16 times faster
os.environ.setdefault("ICECHUNK_LOG", "error")  # its warnings would land on stdout

import typer  # after the settings above
from rich.console import Console

from htgeo.cli.attack import attack
from htgeo.cli.export import export
from htgeo.cli.report import report
from htgeo.cli.serve import serve
from htgeo.cli.template import template
from htgeo.core.errors import HtgeoError
from htgeo.core.use import INTENDED_USE

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Rare events in space and time: event files to an honest risk map.",
)
Where = Annotated[
    str | None,
    typer.Option(
        "--scheduler", help="where dask computes: local (worker processes), tcp://host:port; default: threads"
    ),
]
console = Console(highlight=False)
if not console.is_terminal:
    console = Console(highlight=False, width=120)  # tables in files and logs are not cut to 80 columns


def _print_version(wanted: bool) -> None:
    if wanted:
        from htgeo.core.version import VERSION

        console.print(f"htgeo {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,  # the callback does it
) -> None:
    """Rare events in space and time: event files to an honest risk map."""


@app.command()
def init(
    city: Annotated[str, typer.Argument(help="which study file: nyc, or city for any other")] = "nyc",
    out: Annotated[Path, typer.Option("--out", help="file to write")] = Path("study.yaml"),
) -> None:
    """Write a commented study file to start from."""
    from htgeo.core.errors import InputError
    from htgeo.study.templates import TEMPLATES

    if city not in TEMPLATES:
        message = f"there is no study template {city!r}; known are {', '.join(TEMPLATES)}"
        raise InputError(message)
    if out.exists():
        message = f"{str(out)!r} exists already; choose another file with --out"
        raise InputError(message)
    try:
        out.write_text(TEMPLATES[city], "utf-8")
    except OSError as error:
        message = f"{str(out)!r} cannot be written: {error}"
        raise InputError(message) from error
    console.print(
        f"wrote {out}: put your files beside it, edit it, then: htgeo run {out} --out study-output", soft_wrap=True
    )


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="study file")],
    out: Annotated[Path, typer.Option("--out", help="folder for the results")] = Path("study-output"),
    scheduler: Where = None,
) -> None:
    """Run a study from its files to store, scores, map and exports."""
    from htgeo.cli.show import print_anchors, print_scores
    from htgeo.study import load_study, run_study
    from htgeo.study.scores import beside_anchors

    settings = load_study(study)
    table = run_study(settings, out, say=_say, scheduler=scheduler)
    print_scores(console, table)
    if settings.evaluation.anchors:
        print_anchors(console, beside_anchors(table, settings))
    _name_files(out)


@app.command()
def plan(study: Annotated[Path, typer.Argument(help="study file")]) -> None:
    """Tell what a study will need, without running it: tasks, memory, disk and time."""
    from htgeo.study import load_study
    from htgeo.study.plan import plan_study

    _say(str(plan_study(load_study(study))))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="folder for the results")] = Path("demo-output"),
    scheduler: Where = None,
) -> None:
    """Run the whole job on a simulated city."""
    from htgeo.cli.show import print_scores
    from htgeo.core import cluster
    from htgeo.study.demo import run_demo

    with cluster.scheduler(scheduler):
        table, truth = run_demo(out, say=_say)
    print_scores(console, table)
    found = ", ".join(f"{model} {value:.3f}" for model, value in truth.items())
    console.print(
        f"\nThe city is simulated, so the truth is known. Rank correlation of mean risk with the true rate by cell: {found}",
        soft_wrap=True,
    )
    _name_files(out)


app.command()(report)
app.command()(export)
app.command()(attack)
app.command()(serve)
app.command()(template)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="features, labels, models, sources, scores, figures or exports")],
) -> None:
    """List what is registered under a kind of thing."""
    from htgeo.cli.show import print_registry

    print_registry(console, what)


def _say(text: str) -> None:
    console.print(text, soft_wrap=True)


def _name_files(out: Path) -> None:
    """End by naming what was written."""
    files: list[tuple[Path, Any]] = [
        (out / "report.html", "the report: what was asked, found and missed, on one page"),
        (out / "maps" / "risk.html", "the map: open it in a browser, it needs no internet"),
        (out / "scores.json", "scores of every model with intervals"),
        (out / "rows.json", "what became of every row of every file"),
        (out / "export", "layers for GIS tools"),
        (out / "models", "every fitted model, with its card"),
        (out / "cube", "the cube: htgeo.open_cube(path)"),
    ]
    console.print()
    for path, what in files:
        if path.exists():
            console.print(f"  {path}  {what}", soft_wrap=True)
    console.print(f"\n{INTENDED_USE}", soft_wrap=True)


def _note(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"htgeo: note: {message}\n")


def main() -> None:
    """Run the command line; an error of the user's input ends with one message and exit code 2."""
    warnings.showwarning = _note
    try:
        app()
    except HtgeoError as error:
        sys.stderr.write(f"htgeo: {error}\n")
        sys.exit(2)
