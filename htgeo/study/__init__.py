"""A study: one settings file that describes a whole run, and the audits of its features and models."""

from htgeo.study.audit import audit_leakage
from htgeo.study.findings import Finding, LeakageReport
from htgeo.study.load import load_study
from htgeo.study.report import write_report
from htgeo.study.run import run_study
from htgeo.study.settings import Study

__all__ = ["Finding", "LeakageReport", "Study", "audit_leakage", "load_study", "run_study", "write_report"]
