"""Labels: what is to be forecast. A new label is one file here and one import line."""

from htgeo.labels.base import LABELS, Label, add_label
from htgeo.labels.within import AnyWithin, CountWithin

__all__ = ["LABELS", "AnyWithin", "CountWithin", "Label", "add_label"]
