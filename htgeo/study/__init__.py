"""One settings file describes a whole run."""

from htgeo.study.load import load_study
from htgeo.study.run import run_study
from htgeo.study.settings import Study

__all__ = ["Study", "load_study", "run_study"]
