"""Forecast against observed: splits, scores, intervals. A new score is one file here and one import line."""

from htgeo.evaluation import calibration_scores, hotspot_scores, probability_scores, ranking_scores
from htgeo.evaluation.base import SCORES, Score
from htgeo.evaluation.compare import compare, permutation_test, score_table, scores_to_dict
from htgeo.evaluation.evaluate import evaluate, score
from htgeo.evaluation.splits import split_time

__all__ = [
    "SCORES",
    "Score",
    "calibration_scores",
    "compare",
    "evaluate",
    "hotspot_scores",
    "permutation_test",
    "probability_scores",
    "ranking_scores",
    "score",
    "score_table",
    "scores_to_dict",
    "split_time",
]
