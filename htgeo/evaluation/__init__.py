"""Forecast against observed: splits, scores, intervals. A new score is one file here and one import line."""

from htgeo.evaluation import calibration_scores, hotspot_scores, probability_scores, ranking_scores
from htgeo.evaluation.base import SCORES, Score
from htgeo.evaluation.evaluate import evaluate, scores_to_dict
from htgeo.evaluation.splits import split_time

__all__ = [
    "SCORES",
    "Score",
    "calibration_scores",
    "evaluate",
    "hotspot_scores",
    "probability_scores",
    "ranking_scores",
    "scores_to_dict",
    "split_time",
]
