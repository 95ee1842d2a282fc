"""Writes docs/reference/ from the public names and the command line: ``python docs/make_reference.py``."""

import inspect
from pathlib import Path
from typing import Any

import htgeo

FOLDER = Path(__file__).with_name("reference")
STAGES = {
    "sources": ("Sources", "Read files of events, areas, places and series; judge every row.", ["sources.base.Source"]),
    "grid": ("Grid", "H3 cells by local civil days.", []),
    "cube": ("Cube and store", "Count events by cell and day; keep the cube in a store with a history.", ["accessor.HtAccessor"]),
    "features": ("Features", "Columns made from what was known at the start of each day.", []),
    "labels": ("Labels", "What is to be forecast.", []),
    "hotspots": ("Hot spots", "Where and when counts are higher than chance makes them.", []),
    "tensors": ("Tensors", "From the cube to arrays for learners, and back.", []),
    "models": ("Models", "Fit on a cube, write risk into it, explain it.", ["models.boosting.Booster"]),
    "evaluation": ("Evaluation", "Splits, scores with intervals, thresholds, verified cases, audits.", ["evaluation.base.Score"]),
    "maps": ("Maps and figures", "Every function is shown in the [gallery](../gallery.md).", []),
    "export": ("Export", "Layers for GIS tools and tables.", ["export.base.Writer"]),
    "disclosure": ("Disclosure control", "What may be shown to others without showing a single case.", []),
    "study": ("Studies", "A whole run from one file.", ["study.load.load_study", "study.run.run_study"]),
    "explorer": ("Explorer", "The application in the browser.", []),
    "core": ("Core", "Blocks of a cube, options, errors.", ["core.errors"]),
}  # fmt: skip
"""Title of each stage, what it does, and names outside of the top level that its docstrings refer to."""


def by_stage() -> dict[str, list[str]]:
    """Return the public names of each stage: functions, then classes, each in the order of the alphabet."""
    found: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for name in htgeo.__all__:
        if not name.startswith("__"):
            found[getattr(htgeo, name).__module__.split(".")[1]].append(name)
    return {
        stage: sorted(names, key=lambda name: (inspect.isclass(getattr(htgeo, name)), name.lower()))
        for stage, names in found.items()
        if names
    }


def defined(name: str) -> str:
    """Return where a public name is defined, which is its address on the site: a module may have the same name."""
    thing = getattr(htgeo, name)
    return f"{thing.__module__}.{thing.__qualname__}"


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    stages = by_stage()
    texts = {f"{stage}.md": _stage(stage, names) for stage, names in stages.items()}
    return {"index.md": _index(stages), "command-line.md": _command_line()} | texts


def _stage(stage: str, names: list[str]) -> str:
    title, what, extra = STAGES[stage]
    entries = [f"::: {path}" for path in [*(defined(name) for name in names), *(f"htgeo.{name}" for name in extra)]]
    return f"# {title}\n\n{what}\n\n" + "\n\n".join(entries) + "\n"


def _index(stages: dict[str, list[str]]) -> str:
    lines = [
        "# Reference",
        "",
        "Every public name, by the stage of the data flow that it belongs to. `import htgeo as ht` gives them all; heavy",
        "packages load in the function that uses them. The command line: [command-line.md](command-line.md).",
    ]
    for stage, names in stages.items():
        lines += ["", f"## [{STAGES[stage][0]}]({stage}.md)", "", "| name | what |", "| --- | --- |"]
        lines += [f"| `ht.{name}` | {first_sentence(getattr(htgeo, name))} |" for name in names]
    return "\n".join(lines) + "\n"


def first_sentence(thing: Any) -> str:
    """Return the first paragraph of a docstring as one line of a table."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


def _command_line() -> str:
    from typer.main import get_command

    from htgeo.cli.main import app

    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    lines = [
        "# Command line",
        "",
        "`htgeo --help` and `htgeo COMMAND --help` show the same. An error of the input ends with one message and exit code 2.",
        "",
        "| command | what |",
        "| --- | --- |",
        *(f"| [`htgeo {name}`](#htgeo-{name}) | {first_line(command)} |" for name, command in commands.items()),
    ]
    for name, command in commands.items():
        lines += ["", *_command(name, command)]
    return "\n".join(lines) + "\n"


def first_line(command: Any) -> str:
    """Return what a command does."""
    return str(command.help or "").split("\n")[0]


def _command(name: str, command: Any) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join(p.name.upper() if p.required else f"[{p.name.upper()}]" for p in arguments)
    lines = [f"## htgeo {name}", "", str(command.help or ""), "", "```text"]
    lines += [" ".join(filter(None, [f"htgeo {name}", usage, "[OPTIONS]" if options else ""])), "```"]
    if arguments or options:
        lines += ["", "| | what | default |", "| --- | --- | --- |"]
        lines += [f"| `{p.name.upper()}` | {_words(p)} | {_default(p)} |" for p in arguments]
        lines += [f"| `{', '.join([*p.opts, *p.secondary_opts])}` | {_words(p)} | {_default(p)} |" for p in options]
    return lines


def _words(parameter: Any) -> str:
    return str(parameter.help or "").replace("|", "\\|")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default in (None, False) else f"`{parameter.default}`"


def write() -> None:
    """Write the pages, and take away those of a stage that has no public names any more."""
    FOLDER.mkdir(exist_ok=True)
    texts = pages()
    for old in set(FOLDER.glob("*.md")) - {FOLDER / name for name in texts}:
        old.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write()
