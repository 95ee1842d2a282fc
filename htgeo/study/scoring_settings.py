"""The part of a study file that says how its forecasts are scored, checked and turned into alerts."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from htgeo.core.errors import HtgeoError
from htgeo.core.registry import near
from htgeo.evaluation.budgets import BUDGETS, OBJECTIVES, Budget, Objective, budget_from_dict, objective_from_dict
from htgeo.study.settings_base import Settings


class AlertSettings(Settings):
    """Which cells are flagged: the budget and the objective of `choose_threshold`, and what the funnel counts."""

    budget: dict[str, float] | None = None
    objective: Literal["recall"] | dict[str, dict[str, float]] = "recall"
    every_day: bool = False
    minimum_shares: dict[str, float] = Field({})
    reviewed_per_day: float | None = Field(None, gt=0)
    cases: str | None = None
    hide_below: float = Field(0, ge=0)

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        for given, known in ((self.budget, BUDGETS), (self.objective, OBJECTIVES)):
            names = list(given) if isinstance(given, dict) else []
            for name in names:
                if name not in known or len(names) > 1:
                    message = f"give one of {', '.join(known)}, not {', '.join(names)}{near(name, list(known))}"
                    raise ValueError(message)
        try:
            self.made_budget()
            self.made_objective()
        except HtgeoError as error:
            raise ValueError(str(error)) from error
        return self

    def made_budget(self) -> Budget | None:
        """Return the budget."""
        return budget_from_dict(self.budget)

    def made_objective(self) -> Literal["recall"] | Objective:
        """Return the objective."""
        return "recall" if isinstance(self.objective, str) else objective_from_dict(self.objective)


class CaseSettings(Settings):
    """Verified cases that the forecast is held against."""

    source: str
    errors_km: list[Annotated[float, Field(ge=0)]] = Field([0.0, 1.0, 3.0], min_length=1)
    controls: bool = True
    unrelated: list[str] = Field([])


class AuditSettings(Settings):
    """Audits: bias by region layers and by quarters of the cells by static variables; leakage."""

    bias: list[str] = Field([])
    leakage: bool = False


class EvaluationSettings(Settings):
    """Scores: against what, by what, over which cells, beside which published figures; alerts, cases and audits."""

    against: list[str] | None = None
    by: list[str] = Field([])
    cells_with: list[str] = Field([])
    resample: Literal["time", "space-time"] = "time"
    draws: int = Field(500, ge=0)
    anchors: dict[str, dict[str, float]] = Field({})
    alerts: AlertSettings | None = None
    cases: CaseSettings | None = None
    audit: AuditSettings = AuditSettings()

    def layers(self) -> dict[str, list[str]]:
        """Return the sources that each key names."""
        alerts, cases = self.alerts, self.cases
        return {
            "cells_with": self.cells_with,
            "alerts.cases": [alerts.cases] if alerts is not None and alerts.cases else [],
            "cases.source": [] if cases is None else [cases.source],
            "cases.unrelated": [] if cases is None else cases.unrelated,
        }
