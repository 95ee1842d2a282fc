"""Forecast against observed: splits, scores, intervals. A new score is one file here and one import line."""

from htgeo.evaluation import (
    achievable_scores,
    calibration_scores,
    count_scores,
    hotspot_scores,
    probability_scores,
    ranking_scores,
    spatial_scores,
    stability_scores,
)
from htgeo.evaluation.alerts import AlertRule, add_alert
from htgeo.evaluation.base import SCORES, Score
from htgeo.evaluation.bias import Quantiles, audit_bias
from htgeo.evaluation.bias_report import BiasReport
from htgeo.evaluation.budgets import AreaShare, CellsPerDay, Cost, FalseAlertsPerTrue, FBeta, VisitsPerWeek
from htgeo.evaluation.capture import capture_curve
from htgeo.evaluation.case_check import CaseCheck
from htgeo.evaluation.cases import validate_cases
from htgeo.evaluation.compare import compare, permutation_test, score_table, scores_to_dict
from htgeo.evaluation.controls import negative_controls
from htgeo.evaluation.evaluate import evaluate, score
from htgeo.evaluation.feedback import FeedbackReport, simulate_feedback
from htgeo.evaluation.folds import Fold
from htgeo.evaluation.funnel import Funnel, funnel
from htgeo.evaluation.gap import GapClosed, gap_closed
from htgeo.evaluation.reliability_scores import calibration_curve
from htgeo.evaluation.space_splits import leave_one_out, spatial_blocks
from htgeo.evaluation.split_file import read_folds, save_folds
from htgeo.evaluation.splits import cross_blocks, rolling_origin, split_time
from htgeo.evaluation.thresholds import choose_threshold
from htgeo.evaluation.workflow import Workflow, response_workflow

__all__ = [
    "SCORES",
    "AlertRule",
    "AreaShare",
    "BiasReport",
    "CaseCheck",
    "CellsPerDay",
    "Cost",
    "FBeta",
    "FalseAlertsPerTrue",
    "FeedbackReport",
    "Fold",
    "Funnel",
    "GapClosed",
    "Quantiles",
    "Score",
    "VisitsPerWeek",
    "Workflow",
    "achievable_scores",
    "add_alert",
    "audit_bias",
    "calibration_curve",
    "calibration_scores",
    "capture_curve",
    "choose_threshold",
    "compare",
    "count_scores",
    "cross_blocks",
    "evaluate",
    "funnel",
    "gap_closed",
    "hotspot_scores",
    "leave_one_out",
    "negative_controls",
    "permutation_test",
    "probability_scores",
    "ranking_scores",
    "read_folds",
    "response_workflow",
    "rolling_origin",
    "save_folds",
    "score",
    "score_table",
    "scores_to_dict",
    "simulate_feedback",
    "spatial_blocks",
    "spatial_scores",
    "split_time",
    "stability_scores",
    "validate_cases",
]
