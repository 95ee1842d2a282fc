"""What a report is made from: the output folder of a run."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

from htgeo.core.errors import InputError
from htgeo.cube import open_cube
from htgeo.cube.schema import layer_names, only_label, space, step_days
from htgeo.evaluation.samples import forecasts, outcome_facts, samples
from htgeo.study.report_words import JUDGED_BY
from htgeo.study.settings import split_model

HISTORICAL = "historical_rate"
SETTINGS = (
    "name",
    "region",
    "grid",
    "sources",
    "label",
    "features",
    "models",
    "split",
    "evaluation",
    "outputs",
    "seed",
)
CASES, SMALL_COUNTS = "tahub_cases", 10
"""Places with fewer verified cases than this could tell on persons."""
NEEDED = ("study.yaml", "rows.json", "scores.json", "cube")


@dataclass(frozen=True)
class Run:
    """An output folder as a report reads it.

    Attributes
    ----------
    out
        The folder.
    study
        The settings, as resolved.
    rows
        What became of the rows of each source.
    scores
        Scores by model; of the model that is shown also what its checks found.
    cube
        The store.
    log
        Lines of the run log, without their time.
    started
        When the run began, as in the log.
    """

    out: Path
    study: dict[str, Any]
    rows: dict[str, Any]
    scores: dict[str, Any]
    cube: xr.Dataset
    log: tuple[str, ...]
    started: str

    @cached_property
    def models(self) -> list[str]:
        """Names of the models, in the order of the study."""
        return [name for name in (split_model(item)[0] for item in self.study["models"]) if name in self.scores]

    @property
    def shown(self) -> str:
        """The model that is mapped, turned into alerts and checked."""
        return str(self.study["outputs"].get("model") or self.models[-1])

    @cached_property
    def judged_by(self) -> str | None:
        """The score that models are judged by."""
        return next((name for name in JUDGED_BY if all(name in self.scores[model] for model in self.models)), None)

    @cached_property
    def best(self) -> str:
        """The best model other than the historical rate; that one if there is no other."""
        others = [model for model in self.models if model != HISTORICAL] or self.models
        values = {model: self.entry(model, self.judged_by)["value"] for model in others if self.judged_by}
        known = {model: value for model, value in values.items() if value is not None}
        return min(known, key=lambda model: known[model]) if known else self.shown

    def entry(self, model: str, score: str | None) -> dict[str, Any]:
        """Return value and interval of a score, empty of numbers where it was not taken."""
        return dict(self.scores.get(model, {}).get(score) or {"value": None, "low": None, "high": None})

    def found(self, name: str) -> Any:
        """Return what a check of the shown model found (``threshold``, ``funnel``, ``cases`` …); None if there was none."""
        return self.scores.get(self.shown, {}).get(name)

    @property
    def of_cells(self) -> bool:
        """Whether the places are cells, not areas."""
        return space(self.cube) == "cell"

    @property
    def place(self) -> str:
        """What a place is called: ``cell``, or the layer of the areas."""
        return space(self.cube)

    @property
    def step(self) -> str:
        """What a step is called."""
        return "day" if step_days(self.cube) == 1 else "week"

    @property
    def areas(self) -> str | None:
        """The layer by which places are summed up: the first of a cube of cells, the second of a cube of areas."""
        return next((name for name in layer_names(self.cube) if name != self.place), None)

    @property
    def label(self) -> xr.DataArray:
        """The label."""
        return only_label(self.cube)

    @property
    def layer(self) -> str:
        """The layer of counts that the label is about."""
        return str(self.label.attrs["layer"])

    @property
    def horizon(self) -> int:
        """Days that a forecast covers."""
        return int(self.label.attrs["horizon"])

    def forecast(self, model: str) -> str:
        """Return the name of the variable with the forecast of a model."""
        return forecasts(self.cube, [model])[model]

    @property
    def events(self) -> str:
        """What the events are, in words."""
        settings = self.study["label"]
        kinds = settings.get("categories")
        return f"{settings['source']} ({', '.join(kinds)})" if kinds else str(settings["source"])

    @property
    def test(self) -> tuple[str, str]:
        """First and last test day."""
        split = self.study["split"]
        first = date.fromisoformat(str(split["validate_until"])) + timedelta(days=1)
        return str(first), str(split["test_until"])

    @property
    def hide_below(self) -> float:
        """Counts of events by place below this are hidden; more of them where the events are verified cases."""
        asked = float((self.study["evaluation"].get("alerts") or {}).get("hide_below", 0))
        of_cases = self.study["sources"][self.study["label"]["source"]]["kind"] == CASES
        return max(asked, SMALL_COUNTS) if of_cases else asked

    @cached_property
    def scored(self) -> xr.Dataset:
        """The cube of the places that were scored: all, or those that the study limits its scores to."""
        names = self.study["evaluation"]["cells_with"]
        if not names:
            return self.cube
        earlier = (
            self.cube[names].sel(time=slice(None, str(self.study["split"]["validate_until"]))).sum("time").compute()
        )
        kept = np.logical_or.reduce([earlier[name].values > 0 for name in names])
        return self.cube.isel({self.place: np.flatnonzero(kept)})

    @cached_property
    def outcome(self) -> dict[str, Any]:
        """What was scored: cell-days, events, positives, prevalence, days."""
        start, stop = self.test
        return outcome_facts(samples(self.scored, self.models, start=start, stop=stop))

    @property
    def source(self) -> str:
        """The line under figures that says what they were made from."""
        return f"{self.study['name']}: {', '.join(self.study['sources'])}."


def read_run(out: str | Path) -> Run:
    """Read the output folder of a run; nothing of its store is loaded."""
    out = Path(out)
    missing = [name for name in NEEDED if not (out / name).exists()]
    if missing:
        seeds = sorted(path.parent.name for path in out.glob("seed-*/study.yaml"))
        repair = (
            f"its runs are in {', '.join(seeds)}: htgeo report {out / seeds[0]}"
            if seeds
            else "htgeo run study.yaml --out FOLDER writes one"
        )
        message = f"{str(out)!r} is no output folder of a finished run: it has no {', '.join(missing)}; {repair}"
        raise InputError(message)
    try:
        study = yaml.safe_load((out / "study.yaml").read_text("utf-8"))
        rows, scores = (json.loads((out / name).read_text("utf-8")) for name in ("rows.json", "scores.json"))
    except (ValueError, yaml.YAMLError) as error:
        message = f"a file in {str(out)!r} is not as a run writes it ({error}); run the study again"
        raise InputError(message) from error
    if not isinstance(study, dict) or set(SETTINGS) - set(study):
        message = f"{str(out / 'study.yaml')!r} is not as this htgeo resolves it (it needs {', '.join(SETTINGS)}); run the study again"
        raise InputError(message)
    started, log = _log(out / "log.txt")
    return Run(out, study, rows, scores, open_cube(out / "cube"), log, started)


def _log(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return when a run began, and the first line of each thing that it logged."""
    if not path.exists():
        return "", ()
    lines = [line for line in path.read_text("utf-8").splitlines() if " INFO " in line[:40]]
    return (lines[0][:16] if lines else ""), tuple(line.split(" INFO ", 1)[1] for line in lines)
