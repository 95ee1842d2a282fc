"""What a study does with its forecast beyond scores: alerts and their funnel, verified cases, audits."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import xarray as xr

from htgeo.core.errors import HtgeoError
from htgeo.evaluation import (
    AlertRule,
    Quantiles,
    audit_bias,
    choose_threshold,
    funnel,
    negative_controls,
    split_time,
    validate_cases,
)
from htgeo.evaluation.case_check import plain
from htgeo.models import add_risk
from htgeo.study.audit import audit_leakage
from htgeo.study.counts import Say
from htgeo.study.learn import study_model
from htgeo.study.settings import Study, split_model


@dataclass
class Checks:
    """What was found on the model that a study shows: plain values for ``scores.json``, texts for the card."""

    values: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, values: Any, text: str) -> None:
        """Keep one finding."""
        self.values[name] = values
        self.texts[name] = text


def study_rule(study: Study, cube: xr.Dataset, tell: Say) -> AlertRule | None:
    """Choose the threshold on the validation days, by a model that learned from the days before them only."""
    asked = study.evaluation.alerts
    if asked is None:
        return None
    first = str(study.split.train_until + timedelta(days=1))
    called, model = _shown(study)
    tell(f"fitting {called} without the validation days, to choose a threshold on them")
    train, _ = split_time(cube, first)
    forecast = add_risk(cube, model.fit(train), name=f"risk_{called}")
    return choose_threshold(
        forecast.sel(time=slice(first, str(study.split.validate_until))),
        called,
        budget=asked.made_budget(),
        objective=asked.made_objective(),
        every_day=asked.every_day,
        minimum_shares=asked.minimum_shares or None,
        seed=study.seed,
    )


def check_study(
    study: Study, cube: xr.Dataset, sources: dict[str, Any], rule: AlertRule | None, leakage: Any, tell: Say
) -> Checks:
    """Count the funnel, hold the forecast against verified cases and audit it, on the test days."""
    asked, checks = study.evaluation, Checks()
    model = study.shown_model
    days: dict[str, Any] = {
        "start": str(study.split.validate_until + timedelta(days=1)),
        "stop": str(study.split.test_until),
        "seed": study.seed,
    }
    if rule is not None and asked.alerts is not None:
        of = asked.alerts
        found = funnel(
            cube, rule, reviewed_per_day=of.reviewed_per_day, cases=of.cases, hide_below=of.hide_below, **days
        )
        checks.add("threshold", rule.to_dict(), str(rule))
        checks.add("funnel", found.to_dict(), str(found))
    if asked.cases is not None:
        cases = sources[asked.cases.source]
        try:
            check = validate_cases(cube, model, cases, errors_km=asked.cases.errors_km, **days)
            checks.add("cases", check.to_dict(), str(check))
            if asked.cases.controls:
                table = negative_controls(cube, model, cases, unrelated=asked.cases.unrelated, **days)
                checks.add("controls", plain(table.to_dict("records")), table.to_string(index=False))
        except HtgeoError as error:
            tell(f"cases: not validated: {error}")
    alert = f"alert_{model}" if rule is not None else None
    for by in asked.audit.bias:
        groups = by if by in cube.coords and cube[by].dtype.kind in "UT" else Quantiles(by)
        report = audit_bias(cube, model, by=groups, alert=alert, **days)
        checks.add(f"bias by {by}", report.to_dict(), str(report))
    if leakage is not None:
        checks.add("leakage", leakage.to_dict(), str(leakage))
    return checks


def study_leakage(study: Study, cube: xr.Dataset, tell: Say) -> Any:
    """Audit columns and the shown model for what was not known on the day; None unless the study asks for it."""
    if not study.evaluation.audit.leakage:
        return None
    called, model = _shown(study)
    tell(f"auditing the columns and {called} for leaks")
    first = str(study.split.validate_until + timedelta(days=1))
    return audit_leakage(cube, first_test=first, models=[model], shuffle=False, seed=study.seed)


def _shown(study: Study) -> tuple[str, Any]:
    """Return name and a fresh copy of the model that the study shows."""
    items = {split_model(item)[0]: split_model(item)[1:] for item in study.models}
    name, options = items[study.shown_model]
    return study.shown_model, study_model(study, name, options)
