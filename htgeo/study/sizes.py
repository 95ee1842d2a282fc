"""How large a study is, from its settings, the heads of its files and the graph of some of its blocks."""

import tempfile
import warnings
import zipfile
import zlib
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import xarray as xr

from htgeo.core.blocks import cell_blocks, map_blocks, map_cube
from htgeo.core.errors import HtgeoError
from htgeo.cube.gridding import KNOWN
from htgeo.cube.schema import stamp, variables_of
from htgeo.grid import Grid
from htgeo.grid.cells import cell_centers
from htgeo.labels import AnyWithin, add_label
from htgeo.models import MODELS, Model
from htgeo.models.boosting import Booster
from htgeo.models.learner import Learner
from htgeo.models.score_model import ScoreModel
from htgeo.sources import SOURCES, Events, Places, Region, RowReport, Series, read_source
from htgeo.sources.events import COLUMNS
from htgeo.sources.files import VECTOR_SUFFIXES
from htgeo.sources.precision import CITY
from htgeo.study.counts import count_events, study_grid, study_region
from htgeo.study.learn import study_features, study_model
from htgeo.study.settings import TARGET, SourceSettings, Study, split_model

SAMPLE_BYTES = 400_000
"""Read of an event file to estimate its rows and the share of the label's events."""
BYTES_A_ROW = 200
"""Of a file whose rows can be neither counted nor sampled."""
TRIAL_BLOCKS = (6, 12)
"""Numbers of blocks whose graphs are built: tasks grow evenly from one to the other, and on."""
TREES = 200
"""Trees of a booster that stops early, on the demo and on New York's robberies."""


@dataclass(frozen=True)
class Sizes:
    """How large a study is.

    Attributes
    ----------
    cells, days
        Size of the grid.
    rows
        Rows of all event files.
    counts
        Stored counts on (cell, time), on both clocks.
    columns
        Feature columns.
    samples
        Rows of the training matrix.
    train_days, test_days, shown_days
        Days to learn from, to score, and to map and export.
    rates
        Half-lives tried by the rates.
    trees
        Trees of all boosters; 0 without one. What an LSTM takes is not in the plan.
    models
        Number of models.
    tasks, tasks_a_block
        Tasks of the largest graph: those that do not grow with the cells, and those of each block.
    """

    cells: int
    days: int
    rows: int
    counts: int
    columns: int
    samples: int
    train_days: int
    test_days: int
    shown_days: int
    rates: int
    trees: int
    models: int
    tasks: float
    tasks_a_block: float


def study_sizes(study: Study) -> Sizes:
    """Return how large a study is; of event files no more than a sample is read."""
    areas = [study_region(study.region), *map(study_region, study.layers)]
    grid = study_grid(study, areas)
    cells, days = len(grid.cells), len(grid.days)
    heads = {name: _head(s, areas) for name, s in study.sources.items() if SOURCES[s.kind].gives == "events"}
    rows, sample = heads[study.label.source]
    share, coarse = _label_share(study, sample)
    spread = {name for name, (_, table) in heads.items() if table is not None and _mostly_areas(table)}
    graph = _Graph.of_trials(study, grid, other=share < 1, coarse=coarse, spread=spread - {study.label.source})
    models = [study_model(study, *split_model(item)[1:]) for item in study.models]
    split, outputs = study.split, study.outputs
    train_days = (split.validate_until - study.grid.start).days + 1
    test_days = (split.test_until - split.validate_until).days
    shown = (outputs.map_days if outputs.map else 0) + outputs.export_days * len(outputs.export)
    positive = 1 - exp(-share * rows * study.label.within_days / (cells * days))
    return Sizes(
        cells=cells,
        days=days,
        rows=sum(rows for rows, _ in heads.values()),
        counts=graph.counts,
        columns=graph.columns,
        samples=round(_kept(models, positive) * cells * train_days),
        train_days=train_days,
        test_days=test_days,
        shown_days=min(shown, test_days),
        rates=sum(len(model._choices()) for model in models if isinstance(model, ScoreModel)),  # noqa: SLF001  # how many it will try
        trees=sum(min(TREES, model.max_trees) for model in models if isinstance(model, Booster)),
        models=len(models),
        tasks=graph.tasks,
        tasks_a_block=graph.tasks_a_block,
    )


def _mostly_areas(events: pd.DataFrame) -> bool:
    return bool((events["precision"] != "point").mean() > 0.5)  # noqa: PLR2004  # as the set of default features asks


def _kept(models: list[Model], positive: float) -> float:
    """Return the share of the training cell-days in the training matrix."""
    boosters = [model for model in models if isinstance(model, Booster)]
    return max((min(1.0, (1 + model.negatives_per_positive) * positive) for model in boosters), default=0.0)


def _head(source: SourceSettings, areas: list[Region]) -> tuple[int, pd.DataFrame | None]:
    """Return the estimated rows of the files of a source, and the events of the head of the first, if it has one."""
    sampled = [sample_rows(path) for path in source.file]
    text = sampled[0][1]
    if text is None:
        return sum(rows for rows, _ in sampled), None
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run will say it
        path = Path(folder) / "head.csv"
        path.write_bytes(text)
        try:
            events = read_source(source.kind, path, areas=areas, **(source.model_extra or {}))
        except HtgeoError:  # the run will say what is wrong with the file
            return sum(rows for rows, _ in sampled), None
    return sum(rows for rows, _ in sampled), events.table


def sample_rows(path: Path) -> tuple[int, bytes | None]:
    """Return the estimated rows of a file, and whole lines from the head of a text."""
    suffix, size = path.suffix.lower(), path.stat().st_size
    if suffix == ".parquet":
        from pyarrow.parquet import ParquetFile

        return int(ParquetFile(path).metadata.num_rows), None
    if suffix in VECTOR_SUFFIXES or suffix == ".npz":
        return size // BYTES_A_ROW, None
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
    if suffix == ".gz":
        unpacker = zlib.decompressobj(wbits=31)
        text = unpacker.decompress(head, SAMPLE_BYTES)
        size = size * len(text) // max(len(head) - len(unpacker.unconsumed_tail), 1)
    elif suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            largest = max(archive.infolist(), key=lambda item: item.file_size)
            text, size = archive.open(largest).read(SAMPLE_BYTES), largest.file_size
    else:
        text = head
    lines = text[: text.rfind(b"\n") + 1] or text
    return round(size * lines.count(b"\n") / max(len(lines), 1)), lines


def _label_share(study: Study, sample: pd.DataFrame | None) -> tuple[float, bool]:
    """Return the share of the rows of its source that the label takes, and whether some are known to an area only."""
    if sample is None or sample.empty:
        return 1.0, False
    point = (sample["precision"] == "point").to_numpy()
    taken = point if study.label.precision == "point" else np.ones(len(sample), bool)
    if study.label.categories is not None:
        taken = taken & sample["category"].isin(study.label.categories).to_numpy()
    return float(taken.mean()), not bool(point.all())


@dataclass(frozen=True)
class _Graph:
    """What the graph of a study is like."""

    counts: int
    columns: int
    tasks: float
    tasks_a_block: float

    @classmethod
    def of_trials(cls, study: Study, grid: Grid, *, other: bool, coarse: bool, spread: set[str]) -> "_Graph":
        """Build the graph over two numbers of blocks; where the grid has fewer, over all of them.

        `spread` are the sources whose events are mostly known to an area: they get fewer features.
        """
        days, most = len(grid.days), cell_blocks(len(grid.cells), len(grid.days))[0]
        sizes = [min(number * most, len(grid.cells)) for number in TRIAL_BLOCKS]
        blocks = [len(cell_blocks(cells, days)) for cells in sizes]
        sources = _made_up(study, grid, other=other, coarse=coarse, spread=spread)
        cubes = [_trial(study, replace(grid, cells=grid.cells[:cells]), sources) for cells in sizes]
        tasks = [_tasks(cube) for cube, _ in cubes]
        slope = (tasks[1] - tasks[0]) / (blocks[1] - blocks[0]) if blocks[1] > blocks[0] else tasks[1] / blocks[1]
        cube, counts = cubes[1]
        return cls(counts, len(variables_of(cube, "feature")), tasks[1] - slope * blocks[1], slope)


def _made_up(study: Study, grid: Grid, *, other: bool, coarse: bool, spread: set[str]) -> dict[str, Any]:
    """Return sources of the right kinds with next to no rows; attributes of areas are small, and read."""
    day = pd.Timestamp(grid.days[0]) + pd.Timedelta(hours=1)  # a time of day, so that nights are counted
    lon, lat = (float(axis[0]) for axis in cell_centers(grid.cells[:1]))
    wanted = [*(study.label.categories or [""]), *(["another"] if other else [])]
    report = RowReport("made up", (), 0, 0, 0, 0, {}, {})
    row = {"occurred": day, "known": day, "lon": lon, "lat": lat, "area": "", "precision": "point", "weight": 1.0}
    events = pd.DataFrame([row | {"category": name} for name in wanted])
    if coarse:
        events = pd.concat([events, pd.DataFrame([row | {"category": wanted[0], "precision": CITY}])])
    kinds = {
        "events": Events(events[list(COLUMNS)].reset_index(drop=True), report),
        "series": Series(pd.DataFrame({"start": [day], "published": [day], "value": [1.0]}), report),
        "places": Places(pd.DataFrame({"lon": [lon], "lat": [lat]}), report),
    }
    made = {name: kinds.get(SOURCES[source.kind].gives) for name, source in study.sources.items()}
    somewhere = events.head(1).assign(precision=CITY)[list(COLUMNS)]
    made |= {name: Events(somewhere, report) for name in spread}
    for name in [name for name, item in made.items() if item is None]:
        source = study.sources[name]
        made[name] = read_source(source.kind, source.file, areas=list(grid.layers), **(source.model_extra or {}))
    return made


def _trial(study: Study, grid: Grid, sources: dict[str, Any]) -> tuple[xr.Dataset, int]:
    """Return the lazy cube of a study as it is written at last, with made-up risks, and how many counts it holds."""
    cube = count_events(study, sources, grid, lambda text: None)  # noqa: ARG005  # nothing is said
    counts = sum(variable.dims == ("cell", "time") for variable in cube.data_vars.values())
    items = [study.features] if isinstance(study.features, str) else study.features
    for feature in study_features(
        list(items), cube
    ):  # add_features would try each for looking ahead, which takes its time
        columns = feature.columns(cube).items()
        cube = cube.assign({name: stamp(values, name, "feature", **values.attrs) for name, values in columns})
    layer = TARGET if TARGET in cube else study.label.source
    cube = add_label(cube, AnyWithin(layer, days=study.label.within_days))
    known = cube[layer + KNOWN]
    features = {name: cube[name] for name in variables_of(cube, "feature")}
    for called, name, _ in map(split_model, study.models):
        learns = issubclass(MODELS[name], Learner)
        risk = map_cube(_no_risk, features, known) if learns else map_blocks(np.negative, known)
        cube = cube.assign({f"risk_{called}": risk})
    return cube, counts


def _no_risk(values: dict[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:  # noqa: ARG001  # the graph is looked at, not run
    return np.zeros(shape, np.float32)


def _tasks(cube: xr.Dataset) -> int:
    """Return the number of tasks that compute and write everything but the features."""
    stored = cube.drop_vars(variables_of(cube, "feature"))
    lazy = dask.optimize(*(variable.data for variable in stored.data_vars.values() if variable.chunks))
    tasks = set[object]().union(*(array.__dask_graph__() for array in lazy))
    return len(tasks) + sum(int(array.npartitions) for array in lazy)
