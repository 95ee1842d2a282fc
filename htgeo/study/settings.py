"""The study file: one settings file describes a whole run; unknown keys are errors."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from htgeo.core.errors import HtgeoError
from htgeo.core.options import build
from htgeo.core.registry import near
from htgeo.evaluation.samples import PARTS_OF_TIME
from htgeo.export import EXPORTS
from htgeo.features import FEATURES
from htgeo.features.sets import SETS
from htgeo.grid.cells import MAX_RESOLUTION
from htgeo.models import MODELS
from htgeo.sources import SOURCES
from htgeo.sources.clean import check_zone
from htgeo.study.scoring_settings import EvaluationSettings
from htgeo.study.settings_base import File, Settings

TIMES = (*PARTS_OF_TIME, "weekday")
"""Parts of time that scores can be given by."""
TARGET = "target"
"""Name of the layer that holds the events of the label."""


def _zone(name: str) -> str:
    check_zone(name)
    return name


class RegionSettings(Settings):
    """A layer of named polygons."""

    file: File
    name_column: str
    layer: str = "borough"


class GridSettings(Settings):
    """Cells and days; without a resolution the places are the areas of the region, with `freq` by week."""

    resolution: int | None = Field(None, ge=0, le=MAX_RESOLUTION)
    start: date
    end: date
    time_zone: Annotated[str, AfterValidator(_zone)] = "America/New_York"
    edge: Literal["center", "touch"] = "center"
    freq: Literal["D", "W"] = "D"
    merge: dict[str, Annotated[list[str], Field(min_length=2)]] = Field({})


class CountSettings(Settings):
    """What is counted of each source of events, as `grid_events` takes it."""

    parts: list[Literal["night", "category"]] = Field(["night"])
    known_within: list[Annotated[int, Field(ge=1)]] = Field([7, 28])
    delays: int = Field(0, ge=0)
    spread: Literal["land", "population"] = "land"


class PopulationSettings(Settings):
    """Areas with the number of people living there."""

    file: File
    name_column: str
    column: str = "population"


class SourceSettings(BaseModel):
    """A source: its kind, its files, what to take of its events, and the options of the kind.

    `select` takes events of some categories; `thin` keeps a share of them, drawn by the seed of the study; `delay` makes
    them known so many days later. The last two answer what would be, were fewer or later reports made.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str
    file: Annotated[
        list[File], BeforeValidator(lambda files: files if isinstance(files, list) else [files]), Field(min_length=1)
    ]
    select: list[str] | None = Field(None, min_length=1)
    thin: float | None = Field(None, gt=0, le=1)
    delay: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _known_options(self) -> Self:
        _registered(SOURCES, self.kind)
        _built(SOURCES, self.kind, self.model_extra or {})
        gives = SOURCES[self.kind].gives
        if gives != "events" and (self.thin or self.delay or (self.select and gives != "area_counts")):
            message = f"select, thin and delay are for events; {self.kind!r} gives {gives}"
            raise ValueError(message)
        return self


class LabelSettings(Settings):
    """What is to be forecast: any event of a source within some days."""

    source: str
    categories: list[str] | None = Field(None, min_length=1)
    within_days: int = Field(1, ge=1)
    precision: Literal["point", "any"] = "point"


class SplitSettings(Settings):
    """Last days of training, validation and test."""

    train_until: date
    validate_until: date
    test_until: date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.train_until < self.validate_until < self.test_until:
            message = f"train_until ({self.train_until}), validate_until ({self.validate_until}) and test_until ({self.test_until}) must follow one another"
            raise ValueError(message)
        return self


class OutputSettings(Settings):
    """What a run writes beside scores and store."""

    map: bool = True
    report: bool = True
    map_days: int = Field(365, ge=1)
    model: str | None = None
    export: list[str] = Field([])
    export_days: int = Field(30, ge=1)

    @model_validator(mode="after")
    def _known_exports(self) -> Self:
        for name in self.export:
            _registered(EXPORTS, name)
        return self


Named = str | dict[str, dict[str, Any] | None]
"""A registered name, or ``{name: {options}}``."""


class Study(Settings):
    """A whole run."""

    name: str = Field(min_length=1)
    region: RegionSettings
    layers: list[RegionSettings] = Field([])
    grid: GridSettings
    population: PopulationSettings | None = None
    sources: dict[str, SourceSettings] = Field(min_length=1)
    counts: CountSettings = CountSettings()
    label: LabelSettings
    features: str | list[Named] = "default"
    models: list[Named] = Field(["historical_rate", "ewma_rate", "lightgbm"], min_length=1)
    split: SplitSettings
    evaluation: EvaluationSettings = EvaluationSettings()
    outputs: OutputSettings = OutputSettings()
    seed: int = 0
    repeats: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.label.source not in self.sources:
            message = f"label.source {self.label.source!r} is none of the sources: {', '.join(self.sources)}"
            raise ValueError(message)
        self._fits_its_places()
        if TARGET in self.sources or any(not name.isidentifier() for name in self.sources):
            message = f"sources need names of letters, digits and _, other than {TARGET!r}; these are {', '.join(self.sources)}"
            raise ValueError(message)
        if self.counts.spread == "population" and self.population is None:
            message = "counts.spread by population needs population: {file, name_column, column}"
            raise ValueError(message)
        if not self.grid.start <= self.split.train_until or not self.split.test_until <= self.grid.end:
            message = f"split ({self.split.train_until} to {self.split.test_until}) must lie within the days of the grid ({self.grid.start} to {self.grid.end})"
            raise ValueError(message)
        if self.outputs.model is not None and self.outputs.model not in self.model_names:
            message = f"outputs.model {self.outputs.model!r} is none of the models: {', '.join(self.model_names)}"
            raise ValueError(message)
        areas = [self.region.layer, *(layer.layer for layer in self.layers)]
        named = {"against": self.evaluation.against or [], "by": self.evaluation.by, **self.evaluation.layers()}
        known = {"against": self.model_names, "by": [*areas, *TIMES]}
        for key, given in named.items():
            for name in given:
                allowed = known.get(key, list(self.sources))
                if name not in allowed:
                    message = f"evaluation.{key}: {name!r} is none of {', '.join(allowed)}{near(name, allowed)}"
                    raise ValueError(message)
        return self

    def _fits_its_places(self) -> None:
        """Raise unless the sources and outputs are those of a study of cells, or of areas."""
        wanted = "events" if self.grid.resolution is not None else "area_counts"
        gives = SOURCES[self.sources[self.label.source].kind].gives
        if gives != wanted:
            why = (
                ""
                if gives == "events"
                else f"; a study of {'cells' if wanted == 'events' else 'areas (grid without resolution)'} needs them"
            )
            message = f"label.source {self.label.source!r} gives {gives}, not {wanted}{why}"
            raise ValueError(message)
        for name, source in self.sources.items():
            given = SOURCES[source.kind].gives
            if (given == "area_counts") != (wanted == "area_counts"):
                message = f"sources.{name}: {source.kind!r} gives {given}; a study of areas has counts by area only, and one of cells (grid.resolution) none"
                raise ValueError(message)
        if wanted == "area_counts" and (self.outputs.map or self.outputs.export):
            message = "outputs: maps and exports need cells; in a study of areas set outputs: {map: false}"
            raise ValueError(message)
        if wanted == "area_counts" and self.label.categories is not None:
            message = "label.categories: in a study of areas choose them at the source (select)"
            raise ValueError(message)
        if wanted == "events" and (self.grid.freq != "D" or self.grid.merge):
            message = "grid.freq and grid.merge are for studies of areas (grid without resolution)"
            raise ValueError(message)

    @property
    def shown_model(self) -> str:
        """The model that is mapped, turned into alerts and checked: the last one, unless `outputs` names another."""
        return self.outputs.model or self.model_names[-1]

    @field_validator("features")
    @classmethod
    def _known_features(cls, features: str | list[Named]) -> str | list[Named]:
        if isinstance(features, str) and features not in SETS:
            message = f"there is no feature set {features!r}; known are {', '.join(SETS)}, or give a list"
            raise ValueError(message)
        for name, options in [] if isinstance(features, str) else map(split_named, features):
            if name not in SETS:
                _built(FEATURES, name, options)
            elif options:
                message = f"the feature set {name!r} takes no options"
                raise ValueError(message)
        sets = [item for item in features if isinstance(item, str) and item in SETS]
        if len(sets) > 1 and not isinstance(features, str):
            message = (
                f"one feature set can be given and extended, not {' and '.join(sets)}: they have columns in common"
            )
            raise ValueError(message)
        return features

    @field_validator("models")
    @classmethod
    def _known_models(cls, models: list[Named]) -> list[Named]:
        for item in models:
            _, name, options = split_model(item)
            _built(MODELS, name, options)
        _refuse_doubles("model", [split_model(item)[0] for item in models])
        return models

    @property
    def model_names(self) -> list[str]:
        """Names of the models, in order."""
        return [split_model(item)[0] for item in self.models]


def split_model(item: Named) -> tuple[str, str, dict[str, Any]]:
    """Return what a model is called in this study (its option `as`, else its name), its name and its options."""
    name, options = split_named(item)
    called = options.pop("as", name)
    if not isinstance(called, str) or not called.isidentifier():
        message = f"the model {name!r} cannot be called {called!r} (as): use letters, digits and _"
        raise ValueError(message)
    return called, name, options


def split_named(item: Named) -> tuple[str, dict[str, Any]]:
    """Return name and options of ``name`` or ``{name: {options}}``."""
    if isinstance(item, str):
        return item, {}
    if len(item) != 1:
        message = f"give one name with its options a line, not {', '.join(item)} together"
        raise ValueError(message)
    ((name, options),) = item.items()
    return name, dict(options or {})


def _refuse_doubles(kind: str, names: list[str]) -> None:
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        message = (
            f"the {kind} {double!r} stands twice; give one of them another name: {{{double}: {{as: {double}_2, …}}}}"
        )
        raise ValueError(message)


def _built(registry: Any, name: str, options: dict[str, Any]) -> None:
    """Raise ValueError unless the registered thing can be built from its options."""
    _registered(registry, name)
    try:
        build(registry.kind, registry[name], options)
    except HtgeoError as error:
        raise ValueError(str(error)) from error


def _registered(registry: Any, name: str) -> None:
    """Raise ValueError, which pydantic reports with its place, unless the name is registered."""
    if name not in registry:
        known = list(registry)
        message = f"there is no {registry.kind} {name!r}; known are {', '.join(known)}{near(name, known)}"
        raise ValueError(message)
