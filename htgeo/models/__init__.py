"""Models: cube in, calibrated risk out. A new model is one file here and one import line."""

from htgeo.models.bands import add_bands, band_coverage
from htgeo.models.base import MODELS, Model, add_risk
from htgeo.models.blend import Blend
from htgeo.models.calibrated import Calibrated
from htgeo.models.ewma_kernel import EwmaKernel
from htgeo.models.explain import Explanation, add_contributions, explain
from htgeo.models.gamma_poisson import GammaPoisson
from htgeo.models.hawkes import Hawkes
from htgeo.models.importance import partial_dependence, permutation_importance
from htgeo.models.intervals import expected_counts
from htgeo.models.kernel_density import KernelDensity
from htgeo.models.lightgbm_model import LightGBM
from htgeo.models.logistic_regression import LogisticRegression
from htgeo.models.lstm import LSTM
from htgeo.models.poisson_regression import PoissonRegression
from htgeo.models.promap import ProMap
from htgeo.models.proxy_rate import ProxyRate
from htgeo.models.rates import EwmaRate, HistoricalRate
from htgeo.models.same_weekday_rate import SameWeekdayRate
from htgeo.models.saving import load_model, save_model
from htgeo.models.shrunk_rate import ShrunkRate
from htgeo.models.tune import Tuned, tune
from htgeo.models.xgboost_model import XGBoost

__all__ = [
    "LSTM",
    "MODELS",
    "Blend",
    "Calibrated",
    "EwmaKernel",
    "EwmaRate",
    "Explanation",
    "GammaPoisson",
    "Hawkes",
    "HistoricalRate",
    "KernelDensity",
    "LightGBM",
    "LogisticRegression",
    "Model",
    "PoissonRegression",
    "ProMap",
    "ProxyRate",
    "SameWeekdayRate",
    "ShrunkRate",
    "Tuned",
    "XGBoost",
    "add_bands",
    "add_contributions",
    "add_risk",
    "band_coverage",
    "expected_counts",
    "explain",
    "load_model",
    "partial_dependence",
    "permutation_importance",
    "save_model",
    "tune",
]
