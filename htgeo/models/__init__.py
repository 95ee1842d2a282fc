"""Models: cube in, calibrated risk out. A new model is one file here and one import line."""

from htgeo.models.base import MODELS, Model, add_risk
from htgeo.models.explain import Explanation, add_contributions, explain
from htgeo.models.importance import partial_dependence, permutation_importance
from htgeo.models.lightgbm_model import LightGBM
from htgeo.models.rates import EwmaRate, HistoricalRate
from htgeo.models.saving import load_model, save_model
from htgeo.models.xgboost_model import XGBoost

__all__ = [
    "MODELS",
    "EwmaRate",
    "Explanation",
    "HistoricalRate",
    "LightGBM",
    "Model",
    "XGBoost",
    "add_contributions",
    "add_risk",
    "explain",
    "load_model",
    "partial_dependence",
    "permutation_importance",
    "save_model",
]
