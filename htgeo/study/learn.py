"""The features and models of a study."""

from typing import Any

import xarray as xr

from htgeo.core.options import build
from htgeo.features import FEATURES, Feature
from htgeo.features.sets import SETS, feature_set
from htgeo.models import MODELS, Model
from htgeo.models.learner import Learner
from htgeo.study.settings import Named, Study, split_named


def study_features(items: list[Named], cube: xr.Dataset) -> list[Feature]:
    """Return the features of a list; a set in it is extended, and features named beside it replace those of the set."""
    named = [split_named(item) for item in items]
    own = [build("feature", FEATURES[name], options) for name, options in named if name not in SETS]
    taken = set(map(_subject, own))
    of_sets = [f for name, _ in named if name in SETS for f in feature_set(name, cube)]
    return [f for f in of_sets if _subject(f) not in taken] + own


def _subject(feature: Feature) -> tuple[str, str | None]:
    """Return the kind of a feature and the layer or series it is made from."""
    return feature.name, getattr(feature, "layer", getattr(feature, "series", None))


def study_model(study: Study, name: str, options: dict[str, Any]) -> Model:
    """Return a model; a learner validates on the days between train_until and validate_until, as far as labels are over."""
    if issubclass(MODELS[name], Learner):
        days = (study.split.validate_until - study.split.train_until).days - (study.label.within_days - 1)
        options = {"seed": study.seed, "validation_days": max(days, 1), **options}
    return build("model", MODELS[name], options)
