"""Models: cube in, calibrated risk out. A new model is one file here and one import line."""

from htgeo.models.base import MODELS, Model, add_risk
from htgeo.models.lightgbm_model import LightGBM
from htgeo.models.rates import EwmaRate, HistoricalRate

__all__ = ["MODELS", "EwmaRate", "HistoricalRate", "LightGBM", "Model", "add_risk"]
