"""What a report ends with: limits and intended use, and how the study was made."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from htgeo.core.use import INTENDED_USE
from htgeo.core.version import VERSION
from htgeo.cube import history
from htgeo.models.card import LIMITS
from htgeo.study.report_html import Html, Section, bullets, code, facts, head, join, link, note, say, table, tag
from htgeo.study.report_run import HISTORICAL, Run
from htgeo.study.report_words import count, plural, share

PRODUCTS = ("study.yaml", "rows.json", "scores.json", "maps/risk.html", "export/*")
PLACES = ("store:", "map:", "export:", "models:", "report:")
"""Log lines that name files; the section has a table of these."""


def limits(run: Run) -> Section:
    """Return what the forecasts are for, and what they cannot tell."""
    parts = [
        tag("p", INTENDED_USE, class_="use"),
        head("What holds for every such forecast"),
        bullets(LIMITS),
        head("What holds for this study"),
        bullets(_own(run)),
    ]
    return Section("limits", "Limits and intended use", tuple(parts), ("answer", "data", "audits"))


def _own(run: Run) -> list[Html]:
    """Return the limits that follow from the data and settings of the study."""
    attrs = run.cube[run.layer].attrs
    events, outside = float(attrs.get("events", 0)), float(attrs.get("outside_cells", 0))
    start, stop = run.test
    found = [
        join(
            [
                f"Scores hold for {start} to {stop} and ",
                f"{run.cube.sizes[run.place]:,} {'cells' if run.of_cells else 'areas'}",
                ", for other years and places they are a guess.",
            ]
        )
    ]
    if outside and events:
        found.append(
            join(
                [
                    f"{count(outside)} of {count(events)} events ({share(outside / events)}) lie in no cell and are neither learned nor scored: ",
                    link("data", "data"),
                    ".",
                ]
            )
        )
    area = float(attrs.get("known_to_area", 0))
    if area and events:
        found.append(
            join([f"{share(area / events)} of the events are known to an area only and are spread over its land."])
        )
    if run.found("cases") is None:
        found.append(join(["Whether the forecast says anything of verified cases was not looked at."]))
    if run.found("threshold") is not None:
        found.append(
            join(
                [
                    f"The threshold was chosen on {plural(_days(run.found('threshold')['span']), 'day')}; elsewhere and later it flags more or fewer places."
                ]
            )
        )
    if HISTORICAL not in run.models:
        found.append(
            join(["Without the historical rate among the models this study cannot tell what a model adds to it."])
        )
    return found


def _days(span: list[str]) -> int:
    import numpy as np

    return int((np.datetime64(span[1]) - np.datetime64(span[0])).astype(int)) + 1


def made(run: Run) -> Section:
    """Return versions, commits, hashes, settings and the main lines of the log."""
    parts = [*_versions(run), *_commits(run), *_hashes(run), *_settings(run), *_lines(run)]
    return Section("made", "How it was made", tuple(parts), ("asked", "data", "limits"))


def _versions(run: Run) -> list[Html]:
    manifest = _manifest(run, run.shown)
    libraries = ", ".join(f"{name} {version}" for name, version in manifest.get("libraries", {}).items())
    rows = [
        ("Run", run.started or "not logged"),
        ("htgeo", manifest.get("htgeo_version", VERSION)),
        ("Libraries", libraries or "not noted"),
        ("Seed", str(run.study["seed"])),
        (
            "Again",
            join(
                [
                    code("htgeo run study.yaml"),
                    " with the settings below and the same files gives the same scores; ",
                    code("htgeo report"),
                    " makes this page again from the output folder.",
                ]
            ),
        ),
    ]
    return [head("Versions"), facts(rows)]


def _manifest(run: Run, model: str) -> dict[str, Any]:
    path = run.out / "models" / model / "manifest.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _commits(run: Run) -> list[Html]:
    found = history(run.out / "cube")
    rows = [
        [code(row.commit), str(row.written)[:19], str(row.message), code(row.settings_hash)]
        for row in found.itertuples()
    ]
    return [
        head("Commits of the store"),
        table("Commits, the newest first", ["Commit", "Written (UTC)", "What", "Settings"], rows, words=(1, 2, 3)),
    ]


def _hashes(run: Run) -> list[Html]:
    files = [path for pattern in PRODUCTS for path in sorted(run.out.glob(pattern))]
    rows = [
        [
            code(path.relative_to(run.out).as_posix()),
            f"{path.stat().st_size:,}",
            tag("code", _sha256(path), class_="hash"),
        ]
        for path in files
    ]
    rows += [
        [
            code(f"models/{model}/{name}"),
            f"{(run.out / 'models' / model / name).stat().st_size:,}",
            tag("code", digest, class_="hash"),
        ]
        for model in run.models
        for name, digest in _manifest(run, model).get("sha256", {}).items()
        if (run.out / "models" / model / name).exists()
    ]
    return [head("Files"), table("Files of the output folder", ["File", "Bytes", "SHA-256"], rows, words=(2,))]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settings(run: Run) -> list[Html]:
    text = yaml.safe_dump(_without_folders(run.study), sort_keys=False, allow_unicode=True)
    return [
        head("Settings"),
        say("As resolved, files by their name only."),
        tag("pre", text, tabindex="0", aria_label="Settings", role="region"),
    ]


def _without_folders(settings: Any, key: str = "") -> Any:
    """Return settings whose files are named without their folders."""
    if isinstance(settings, dict):
        return {name: _without_folders(value, name) for name, value in settings.items()}
    if isinstance(settings, list):
        return [_without_folders(value, key) for value in settings]
    return Path(settings).name if key == "file" else settings


def _lines(run: Run) -> list[Html]:
    """Return what the run logged, without what stands in tables above."""
    told = [line for line in run.log if not line.startswith(PLACES) and not _is_finding(run, line)]
    if not told:
        return [head("Log"), note("The run left no log.")]
    return [
        head("Log"),
        tag("pre", "\n".join(told), tabindex="0", aria_label="Main lines of the run log", role="region"),
    ]


def _is_finding(run: Run, line: str) -> bool:
    """Return whether a line is the heading of a table that a section above has, or names the card."""
    return line == "scores" or line in run.scores[run.shown] or line.endswith("card.md")
