"""What an audit found: one finding a column, model or split, and the report that lists them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

CHECKS = {
    "repeatable": "made twice from the same counts, bit by bit the same",
    "future": "columns do not change up to a day when everything from that day on is changed",
    "late reports": "columns do not change when events not yet known on a day are deleted",
    "split": "no training day lies within or after the test days of the same cells",
    "training days": "the fitted model does not change when everything after the training days is changed",
    "risk": "the risk up to a day does not change when everything from that day on is changed",
    "shuffled in time": "with the days of each cell shuffled, log loss no better than that of a map",
    "shuffled over cells": "with all cell-days shuffled, PR-AUC as by chance",
}
"""Names of the checks and what passes them, in the order of a report."""


@dataclass(frozen=True)
class Finding:
    """The result of one check of one thing.

    Attributes
    ----------
    check
        Name of the check, one of `CHECKS`.
    what
        The column, model or split that was checked.
    passed
        None where it could not be checked.
    detail
        What was found, with numbers.
    """

    check: str
    what: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class LeakageReport:
    """All findings of `audit_leakage`; its text names what leaks, and what could not be checked.

    Attributes
    ----------
    findings : tuple of Finding
    """

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> list[Finding]:
        """The findings that did not pass."""
        return [finding for finding in self.findings if finding.passed is False]

    @property
    def unchecked(self) -> list[Finding]:
        """The findings that could not be checked."""
        return [finding for finding in self.findings if finding.passed is None]

    @property
    def passed(self) -> bool:
        """Whether nothing failed; what could not be checked does not count."""
        return not self.failed

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``scores.json``."""
        return {"passed": self.passed, "findings": [asdict(finding) for finding in self.findings]}

    def __str__(self) -> str:
        """Return each check with what failed it, then what could not be checked."""
        outcome = "passed" if self.passed else f"{len(self.failed)} findings"
        lines = [f"Leakage audit: {outcome}"]
        for check, meaning in CHECKS.items():
            done = [finding for finding in self.findings if finding.check == check and finding.passed is not None]
            if done:
                good = [finding for finding in done if finding.passed]
                lines.append(f"{check}: {len(good)} of {len(done)} passed ({meaning})")
                lines += _rows("FAILED ", (finding for finding in done if not finding.passed))
                lines += _rows("", (finding for finding in good if check in DETAILED))
        if self.unchecked:
            lines.append(f"not checked: {len(self.unchecked)}")
            lines += _rows("", self.unchecked)
        return "\n".join(lines)

    __repr__ = __str__


DETAILED = ("split", "shuffled in time", "shuffled over cells")
"""Checks whose numbers are shown also where they passed."""


def _rows(mark: str, findings: Iterable[Finding]) -> list[str]:
    """Return a line for each detail, with all it holds for."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        found.setdefault(finding.detail, []).append(finding.what)
    return [f"  {mark}{', '.join(names)}: {detail}" for detail, names in found.items()]
