"""Runs a study: from its files to store, scores, map and exports."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import xarray as xr
import yaml

from htgeo.core import cluster
from htgeo.core.errors import HtgeoError, SettingsError
from htgeo.core.options import build
from htgeo.core.version import VERSION
from htgeo.cube import add_attributes, add_places, add_series, grid_events, open_cube, save_cube
from htgeo.cube.schema import variables_of
from htgeo.evaluation import evaluate, scores_to_dict, split_time
from htgeo.export import export
from htgeo.features import FEATURES, Feature, add_features
from htgeo.features.sets import SETS, feature_set
from htgeo.grid import Grid, make_grid
from htgeo.labels import AnyWithin, add_label
from htgeo.maps import write_map_page
from htgeo.models import MODELS, Model, add_risk, save_model
from htgeo.models.learner import Learner
from htgeo.sources import AreaAttributes, Events, Places, Region, Series, read_region, read_source
from htgeo.study.settings import TARGET, Named, RegionSettings, Study, split_model, split_named

log = logging.getLogger("htgeo")
Say = Callable[[str], None]
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
        Folder for ``cube/``, ``rows.json``, ``scores.json``, ``models/``, ``maps/risk.html``, ``export/``, ``study.yaml``
        and ``log.txt``.
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
            return _run(study, Path(out), say)
    except OSError as error:
        if isinstance(error, HtgeoError):
            raise
        message = f"the results cannot be written to {str(out)!r}: {error}"
        raise SettingsError(message) from error


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
        areas = [_region(study.region), *map(_region, study.layers)]
        sources = _read_sources(study, areas, out, tell)
        grid = _grid(study, areas)
        tell(f"grid: {len(grid.cells):,} cells of resolution {grid.resolution}, {len(grid.days):,} days")
        cube = _count(study, sources, grid, tell)
        save_cube(cube, out / "cube", message="counts", settings_hash=digest)
        cube, models = _learn(study, open_cube(out / "cube"), tell)
        stored = cube.drop_vars(variables_of(cube, "feature"))
        commit = save_cube(stored, out / "cube", message="counts, label and risk", settings_hash=digest)
        tell(f"store: {out / 'cube'} at commit {commit}")
        cube = open_cube(out / "cube")
        table = _score(study, cube, out)
        log.info("scores\n%s", table["value"].to_pandas().T.to_string())
        reports = {name: item.report for name, item in sources.items()}
        for called, model in models.items():
            save_model(model, out / "models" / called, scores=table, reports=reports)
        tell(f"models: {out / 'models'}")
        _write_products(study, cube, areas[0], out, tell)
    return table


def _remove_products(out: Path) -> None:
    """Remove what an earlier run wrote, but for the store, which keeps its history."""
    for pattern in ("rows.json", "scores.json", "truth.json", "maps/risk.html", "export/risk.*", "quarantine/*.csv"):
        for path in out.glob(pattern):
            path.unlink()


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


def _region(settings: RegionSettings) -> Region:
    return read_region(settings.file, name_column=settings.name_column, layer=settings.layer)


def _read_sources(study: Study, areas: list[Region], out: Path, tell: Say) -> dict[str, Any]:
    """Read every source and write ``rows.json`` and the quarantined rows."""
    read = {}
    for name, source in study.sources.items():
        read[name] = read_source(source.kind, source.file, areas=areas, **(source.model_extra or {}))
        tell(f"{name}: {read[name].report}")
    _remove_products(out)
    for name, item in read.items():
        if len(item.report.quarantine):
            (out / "quarantine").mkdir(exist_ok=True)
            item.report.write_quarantine(out / "quarantine" / f"{name}.csv")
    rows = {name: item.report.to_dict() for name, item in read.items()}
    write_json(out / "rows.json", rows)
    return read


def _grid(study: Study, areas: list[Region]) -> Grid:
    g, people = study.grid, study.population
    population = None
    if people is not None:
        population = read_region(people.file, name_column=people.name_column, attributes=[people.column])
        population = replace(population, attributes={"population": population.attribute(people.column)})
    return make_grid(
        areas[0],
        resolution=g.resolution,
        start=str(g.start),
        end=str(g.end),
        time_zone=g.time_zone,
        layers=areas[1:],
        edge=g.edge,
        population=population,
    )


def _count(study: Study, sources: dict[str, Any], grid: Grid, tell: Say) -> xr.Dataset:
    """Grid all events, join series and places."""
    label = study.label
    events = {name: item for name, item in sources.items() if isinstance(item, Events)}
    point = "point" if label.precision == "point" else None
    target = events[label.source].select(category=label.categories, precision=point)
    layers = events if len(target) == len(events[label.source]) else {**events, TARGET: target}
    c = study.counts
    cube = grid_events(layers, grid, parts=c.parts, known_within=c.known_within, delays=c.delays, spread=c.spread)
    for name, item in sources.items():
        if isinstance(item, Series):
            cube = add_series(cube, name, item)
        elif isinstance(item, Places):
            cube = add_places(cube, name, item)
        elif isinstance(item, AreaAttributes):
            cube = add_attributes(cube, item.region, item.how)
    for name in layers:
        facts = cube[name].attrs
        tell(
            f"{name}: {facts['events']:,.0f} events in the days, of which {facts['outside_cells']:,.0f} outside all cells and {facts['known_to_area']:,.0f} known to an area; {facts['outside_days']:,.0f} outside the days"
        )
    return cube


def _learn(study: Study, cube: xr.Dataset, tell: Say) -> tuple[xr.Dataset, dict[str, Model]]:
    """Add features and label, fit every model, add its risk; return the models too."""
    items = [study.features] if isinstance(study.features, str) else study.features
    cube = add_features(cube, _features(list(items), cube))
    layer = TARGET if TARGET in cube else study.label.source
    cube = add_label(cube, AnyWithin(layer, days=study.label.within_days))
    first_test = study.split.validate_until + timedelta(days=1)
    train, _ = split_time(cube, str(first_test))
    models = {}
    for item in study.models:
        called, name, options = split_model(item)
        models[called] = model = _model(study, name, options)
        tell(f"fitting {called} on {str(train.time.values[0])[:10]} to {str(train.time.values[-1])[:10]}")
        cube = add_risk(cube, model.fit(train), name=f"risk_{called}")
    return cube, models


def _features(items: list[Named], cube: xr.Dataset) -> list[Feature]:
    """Return the features of a list; a set in it is extended, and features named beside it replace those of the set."""
    named = [split_named(item) for item in items]
    own = [build("feature", FEATURES[name], options) for name, options in named if name not in SETS]
    taken = set(map(_subject, own))
    of_sets = [f for name, _ in named if name in SETS for f in feature_set(name, cube)]
    return [f for f in of_sets if _subject(f) not in taken] + own


def _subject(feature: Feature) -> tuple[str, str | None]:
    """Return the kind of a feature and the layer or series it is made from."""
    return feature.name, getattr(feature, "layer", getattr(feature, "series", None))


def _model(study: Study, name: str, options: dict[str, Any]) -> Model:
    """Return a model; a learner validates on the days between train_until and validate_until, as far as labels are over."""
    if issubclass(MODELS[name], Learner):
        days = (study.split.validate_until - study.split.train_until).days - (study.label.within_days - 1)
        options = {"seed": study.seed, "validation_days": max(days, 1), **options}
    return build("model", MODELS[name], options)


def _score(study: Study, cube: xr.Dataset, out: Path) -> xr.Dataset:
    """Score the test days and write ``scores.json``."""
    start, stop = study.split.validate_until + timedelta(days=1), study.split.test_until
    baselines = [name for name in ("historical_rate", "ewma_rate") if name in study.model_names]
    table = evaluate(cube, against=baselines, start=str(start), stop=str(stop), seed=study.seed)
    write_json(out / "scores.json", scores_to_dict(table))
    return table


def _write_products(study: Study, cube: xr.Dataset, region: Region, out: Path, tell: Say) -> None:
    """Write the map page and the exports."""
    outputs = study.outputs
    variable = f"risk_{outputs.model or study.model_names[-1]}"
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
        path = export(cube, out / "export" / f"risk.{suffix}", risks, time=last(outputs.export_days))
        tell(f"export: {path}")


def write_json(path: Path, content: Any) -> None:
    """Write plain values as JSON."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
