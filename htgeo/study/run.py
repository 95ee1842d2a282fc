"""Runs a study: from its files to store, scores, map and exports."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import xarray as xr
import yaml

from htgeo.core import cluster
from htgeo.core.errors import HtgeoError, SettingsError
from htgeo.core.version import VERSION
from htgeo.cube import open_cube, save_cube
from htgeo.cube.schema import variables_of
from htgeo.evaluation import add_alert, scores_to_dict, split_time
from htgeo.export import export
from htgeo.features import add_features
from htgeo.labels import AnyWithin, add_label
from htgeo.maps import write_map_page
from htgeo.models import Model, add_risk, save_model
from htgeo.sources import Region
from htgeo.study.checks import Checks, check_study, study_leakage, study_rule
from htgeo.study.counts import Say, count_areas, count_events, read_sources, study_grid, study_region, write_json
from htgeo.study.learn import study_features, study_model
from htgeo.study.report import write_report
from htgeo.study.scores import mean_over_seeds, score_study
from htgeo.study.settings import TARGET, Study, split_model

log = logging.getLogger("htgeo")
SHOWN = ("threshold", "funnel")
"""Checks that are said in full."""
RESOLVED = "# As resolved by htgeo"
"""How the study file in an output folder begins."""


def run_study(
    study: Study,
    out: str | Path,
    *,
    say: Say = lambda text: None,  # noqa: ARG005  # quiet by default
    scheduler: str | None = None,
) -> xr.Dataset:
    """Run a study and write its output folder.

    Parameters
    ----------
    study
        Settings, from `load_study`.
    out
        Folder for ``cube/``, ``rows.json``, ``scores.json``, ``models/``, ``maps/risk.html``, ``export/``, ``report.html``,
        ``study.yaml`` and ``log.txt``.
    say
        Called with a line at each stage.
    scheduler
        None: the active client where there is one, else threads. ``local``: worker processes for this run.
        ``tcp://host:port``: a running scheduler whose workers see the files of `out`.

    Returns
    -------
    Dataset
        The table of scores, as `evaluate` gives it.

    Raises
    ------
    HtgeoError
        If a file, the settings or the events do not allow the run.
    """
    if study.outputs.map and find_spec("bokeh") is None:
        message = "outputs.map needs bokeh; install it with: pip install 'htgeo[maps]', or set outputs: {map: false}"
        raise SettingsError(message)
    try:
        with cluster.scheduler(scheduler):
            return _run(study, Path(out), say) if study.repeats == 1 else _repeat(study, Path(out), say)
    except OSError as error:
        if isinstance(error, HtgeoError):
            raise
        message = f"the results cannot be written to {str(out)!r}: {error}"
        raise SettingsError(message) from error


def _repeat(study: Study, out: Path, say: Say) -> xr.Dataset:
    """Run a study with the next seed again and again, each in a folder of its own; return and write the mean scores."""
    tables = []
    for seed in range(study.seed, study.seed + study.repeats):
        say(f"seed {seed}")
        tables.append(_run(study.model_copy(update={"seed": seed, "repeats": 1}), out / f"seed-{seed}", say))
    table = mean_over_seeds(tables)
    write_json(out / "scores.json", scores_to_dict(table))
    return table


def _run(study: Study, out: Path, say: Say) -> xr.Dataset:
    out.mkdir(parents=True, exist_ok=True)
    settings = out / "study.yaml"
    if settings.exists() and not settings.read_text("utf-8").startswith(RESOLVED):
        message = (
            f"{str(out)!r} holds a study file of yours, which a run would overwrite; choose another folder with --out"
        )
        raise SettingsError(message)
    with _logged(out / "log.txt", say) as tell:
        text = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        settings.write_text(f"{RESOLVED} {VERSION}; it can be run again.\n{text}", "utf-8")
        digest = _settings_hash(study)
        areas = [study_region(study.region), *map(study_region, study.layers)]
        sources = read_sources(study, areas, out, tell)
        if study.grid.resolution is None:
            cube = count_areas(study, sources, areas, tell)
        else:
            grid = study_grid(study, areas)
            tell(f"grid: {len(grid.cells):,} cells of resolution {grid.resolution}, {len(grid.days):,} days")
            cube = count_events(study, sources, grid, tell)
        save_cube(cube, out / "cube", message="counts", settings_hash=digest)
        cube, models = _learn(study, open_cube(out / "cube"), tell)
        rule, leakage = study_rule(study, cube, tell), study_leakage(study, cube, tell)
        cube = cube if rule is None else add_alert(cube, rule)
        stored = cube.drop_vars(variables_of(cube, "feature"))
        commit = save_cube(stored, out / "cube", message="counts, label and risk", settings_hash=digest)
        tell(f"store: {out / 'cube'} at commit {commit}")
        cube = open_cube(out / "cube")
        checks = check_study(study, cube, sources, rule, leakage, tell)
        table = score_study(study, cube, out, checks.values)
        log.info("scores\n%s", table["value"].to_pandas().T.to_string())
        reports = {name: item.report for name, item in sources.items()}
        for called, model in models.items():
            notes = checks.texts if called == study.shown_model else {}
            save_model(model, out / "models" / called, scores=table, reports=reports, notes=notes)
        _tell_checks(checks, out / "models" / study.shown_model / "card.md", tell)
        tell(f"models: {out / 'models'}")
        _write_products(study, cube, areas[0], out, tell)
        if study.outputs.report:
            tell(f"report: {write_report(out)}")
    return table


def _tell_checks(checks: Checks, card: Path, tell: Say) -> None:
    """Say what the alerts reach, and where the rest stands; the log has all."""
    for name, text in checks.texts.items():
        (tell if name in SHOWN else log.info)(f"{name}\n{text}")
    others = [name for name in checks.texts if name not in SHOWN]
    if others:
        tell(f"{', '.join(others)}: {card}")


def _settings_hash(study: Study) -> str:
    """Return a hash of the settings that does not depend on where the files lie."""
    settings = json.dumps(study.model_dump(mode="python"), default=lambda v: v.name if isinstance(v, Path) else str(v))
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


@contextmanager
def _logged(path: Path, say: Say) -> Iterator[Say]:
    """Write what is said, and the error that ends a run, to a log file too."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)

    def tell(text: str) -> None:
        log.info(text)
        say(text)

    try:
        yield tell
    except Exception:
        log.exception("the run ended early")
        raise
    finally:
        log.removeHandler(handler)
        handler.close()


def _learn(study: Study, cube: xr.Dataset, tell: Say) -> tuple[xr.Dataset, dict[str, Model]]:
    """Add features and label, fit every model, add its risk; return the models too."""
    items = [study.features] if isinstance(study.features, str) else study.features
    cube = add_features(cube, study_features(list(items), cube))
    layer = TARGET if TARGET in cube else study.label.source
    cube = add_label(cube, AnyWithin(layer, days=study.label.within_days))
    first_test = study.split.validate_until + timedelta(days=1)
    train, _ = split_time(cube, str(first_test))
    models = {}
    for item in study.models:
        called, name, options = split_model(item)
        models[called] = model = study_model(study, name, options)
        tell(f"fitting {called} on {str(train.time.values[0])[:10]} to {str(train.time.values[-1])[:10]}")
        cube = add_risk(cube, model.fit(train), name=f"risk_{called}")
    return cube, models


def _write_products(study: Study, cube: xr.Dataset, region: Region, out: Path, tell: Say) -> None:
    """Write the map page and the exports."""
    outputs = study.outputs
    variable = f"risk_{study.shown_model}"
    stop = study.split.test_until

    def last(days: int) -> slice:
        first = max(stop - timedelta(days=days - 1), study.split.validate_until + timedelta(days=1))
        return slice(str(first), str(stop))

    if outputs.map:
        page = write_map_page(
            cube,
            variable,
            out / "maps" / "risk.html",
            time=last(outputs.map_days),
            region=region,
            title=f"{study.name}: risk map",
            events=", ".join([study.label.source, *(study.label.categories or [])]),
            source="From " + ", ".join(study.sources) + ".",
        )
        tell(f"map: {page}")
    risks = variables_of(cube, "risk")
    for suffix in outputs.export:
        path = export(cube, out / "export" / f"risk.{suffix}", risks, time=last(outputs.export_days), region=region)
        tell(f"export: {path}")
