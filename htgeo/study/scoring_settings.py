"""The part of a study file that says how its forecasts are scored."""

from typing import Literal

from pydantic import Field

from htgeo.study.settings_base import Settings


class EvaluationSettings(Settings):
    """Scores: against what, by what, over which cells, beside which published figures."""

    against: list[str] | None = None
    by: list[str] = Field([])
    cells_with: list[str] = Field([])
    resample: Literal["time", "space-time"] = "time"
    draws: int = Field(500, ge=0)
    anchors: dict[str, dict[str, float]] = Field({})
