"""htgeo: rare events in space and time.

Event files become one lazy cube, H3 cell x day; features and labels are variables of it, risk is written back into
it, and it is scored, mapped and exported:

    sources -> grid -> cube -> features, labels -> tensors -> models -> (cube) -> evaluation -> maps, export
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from htgeo.accessor import HtAccessor as HtAccessor
from htgeo.core.blocks import iter_blocks
from htgeo.core.version import VERSION
from htgeo.cube import (
    Freed,
    add_attributes,
    add_places,
    add_series,
    amend_days,
    append_days,
    diff,
    expire,
    grid_events,
    history,
    open_cube,
    rollback,
    save_cube,
    tag_commit,
    validate,
    verify,
)
from htgeo.cube.demo import demo_cube
from htgeo.export import export
from htgeo.grid import Grid, make_grid
from htgeo.sources import (
    Events,
    Places,
    Region,
    RowReport,
    Series,
    read_events,
    read_places,
    read_region,
    read_series,
    scan_events,
    square_region,
)
from htgeo.sources.synthetic import write_demo_city

if TYPE_CHECKING:  # loaded when first asked for, so that the import stays light
    from htgeo.evaluation import compare, evaluate, permutation_test, score, score_table, split_time
    from htgeo.features import (
        ActiveShare,
        AsOf,
        Calendar,
        CitySum,
        DiskSum,
        Feature,
        Interaction,
        KnownWithin,
        Lag,
        Nowcast,
        ParentSum,
        Recency,
        RingLag,
        RingSum,
        RollingMax,
        RollingMean,
        RollingSum,
        SameWeekday,
        Share,
        Static,
        Trend,
        WithinDistance,
        add_features,
        feature_table,
    )
    from htgeo.labels import AnyWithin, CountWithin, Label, add_label
    from htgeo.maps import map_risk, write_map_page
    from htgeo.models import (
        LSTM,
        Blend,
        Calibrated,
        EwmaKernel,
        EwmaRate,
        Explanation,
        GammaPoisson,
        Hawkes,
        HistoricalRate,
        KernelDensity,
        LightGBM,
        LogisticRegression,
        Model,
        PoissonRegression,
        ProMap,
        ProxyRate,
        SameWeekdayRate,
        ShrunkRate,
        Tuned,
        XGBoost,
        add_bands,
        add_contributions,
        add_risk,
        band_coverage,
        expected_counts,
        explain,
        load_model,
        partial_dependence,
        permutation_importance,
        save_model,
        tune,
    )
    from htgeo.tensors import Matrix, Samples, SequenceBlock, Sequences, read_npz, to_matrix, to_sequences, write_npz

__version__ = VERSION

__all__ = [
    "LSTM",
    "ActiveShare",
    "AnyWithin",
    "AsOf",
    "Blend",
    "Calendar",
    "Calibrated",
    "CitySum",
    "CountWithin",
    "DiskSum",
    "Events",
    "EwmaKernel",
    "EwmaRate",
    "Explanation",
    "Feature",
    "Freed",
    "GammaPoisson",
    "Grid",
    "Hawkes",
    "HistoricalRate",
    "Interaction",
    "KernelDensity",
    "KnownWithin",
    "Label",
    "Lag",
    "LightGBM",
    "LogisticRegression",
    "Matrix",
    "Model",
    "Nowcast",
    "ParentSum",
    "Places",
    "PoissonRegression",
    "ProMap",
    "ProxyRate",
    "Recency",
    "Region",
    "RingLag",
    "RingSum",
    "RollingMax",
    "RollingMean",
    "RollingSum",
    "RowReport",
    "SameWeekday",
    "SameWeekdayRate",
    "Samples",
    "SequenceBlock",
    "Sequences",
    "Series",
    "Share",
    "ShrunkRate",
    "Static",
    "Trend",
    "Tuned",
    "WithinDistance",
    "XGBoost",
    "__version__",
    "add_attributes",
    "add_bands",
    "add_contributions",
    "add_features",
    "add_label",
    "add_places",
    "add_risk",
    "add_series",
    "amend_days",
    "append_days",
    "band_coverage",
    "compare",
    "demo_cube",
    "diff",
    "evaluate",
    "expected_counts",
    "expire",
    "explain",
    "export",
    "feature_table",
    "grid_events",
    "history",
    "iter_blocks",
    "load_model",
    "make_grid",
    "map_risk",
    "open_cube",
    "partial_dependence",
    "permutation_importance",
    "permutation_test",
    "read_events",
    "read_npz",
    "read_places",
    "read_region",
    "read_series",
    "rollback",
    "save_cube",
    "save_model",
    "scan_events",
    "score",
    "score_table",
    "split_time",
    "square_region",
    "tag_commit",
    "to_matrix",
    "to_sequences",
    "tune",
    "validate",
    "verify",
    "write_demo_city",
    "write_map_page",
    "write_npz",
]

_LATER = ("features", "labels", "tensors", "models", "evaluation", "maps")
"""Stages whose names are loaded when they are first asked for."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return import_module(f"htgeo.{name}")
    if name in __all__:
        for stage in _LATER:
            module = import_module(f"htgeo.{stage}")
            if hasattr(module, name):
                return getattr(module, name)
    message = f"module 'htgeo' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
