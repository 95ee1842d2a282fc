"""What a validation on cases found: tables, maps, and a summary in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import layer_names, space
from htgeo.evaluation.base import ratio
from htgeo.sources.events import RowReport

if TYPE_CHECKING:
    import pandas as pd

TEXT_SHARES = (0.01, 0.05, 0.1, 0.2)
TEXT_LEADS = (28, 14, 7, 0)


@dataclass(frozen=True, repr=False)
class CaseCheck:
    """How a forecast stands to verified cases; print it for a summary.

    Attributes
    ----------
    facts
        Variable, days, horizon, cases by level, and cases left out with the reason.
    report
        What became of the rows of the case file: roles and duplicates dropped, stand-in coordinates.
    percentiles
        One row a case and assumed error: ``case`` (row of the events), ``day``, ``level``, ``error_km``, ``weight``,
        and the rank of its place and day by the forecast, 0 to 100 (the highest risk is 100, no skill 50):
        ``percentile_day`` among all places that day, ``percentile_all`` among all places and days, ``percentile_own``
        among the days of its own place. Places count by their land, and a tie half.
    summary
        Mean percentiles by level and error, with intervals.
    capture
        Share of the cases in the flagged land by the share of land flagged each day; a case counts by the share of its
        circle (or area) that is flagged.
    areas
        Expected events and cases by layer, week or month, and area, and their shares of all areas.
    correlations
        Rank correlations (Spearman) of expected events and cases, with intervals.
    lead_time
        Mean percentiles on the 28 days before the cases became known, the same cases on each.
    maps
        Expected events and cases by cell; see `overlap`.
    """

    facts: dict[str, Any]
    report: RowReport
    percentiles: "pd.DataFrame"
    summary: "pd.DataFrame"
    capture: "pd.DataFrame"
    areas: "pd.DataFrame"
    correlations: "pd.DataFrame"
    lead_time: "pd.DataFrame"
    maps: xr.Dataset

    def overlap(self, area: str | None = None) -> xr.Dataset:
        """Return the maps of expected events and cases in the whole city, or in one area, to be laid over each other.

        Parameters
        ----------
        area
            Name of an area of any layer, such as ``"Queens"``; None for the whole city.

        Returns
        -------
        Dataset
            ``risk_share`` on the cells, ``case_share`` on (error_km, cell) of cases known to a point, and
            ``area_case_share`` of those known to areas, spread over their land; each sums to 1. ``overlap`` and
            ``area_overlap`` are the mass that both have in common, 0 to 1 (Schoener's D).

        Raises
        ------
        InputError
            If no layer has such an area.
        """
        maps, dim = self.maps, space(self.maps)
        if area is not None:
            inside = np.logical_or.reduce([maps[name].values.astype(str) == area for name in layer_names(maps)])
            if not inside.any():
                message = f"no area is called {area!r} in the layers {', '.join(layer_names(maps))}"
                raise InputError(message)
            maps = maps.isel({dim: inside})
        shares = {
            f"{name}_share": maps[name].copy(
                data=ratio(maps[name].values, maps[name].values.sum(axis=-1, keepdims=True))
            )
            for name in ("risk", "case", "area_case")
        }
        common = {
            name: _least(shares["risk_share"], shares[f"{kind}_share"]).sum(dim, skipna=False)
            for name, kind in (("overlap", "case"), ("area_overlap", "area_case"))
        }
        return xr.Dataset({**shares, **common}, attrs={**maps.attrs, "area": area or "whole city"})

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain values for ``scores.json``: by level and by area, none case by case."""
        tables = {name: getattr(self, name) for name in ("summary", "capture", "correlations", "lead_time")}
        months = self.areas[self.areas["freq"] == "month"].drop(columns="freq")
        found = {**self.facts, "rows": self.report.to_dict(), **tables, "areas_by_month": months}
        return {key: plain(value) for key, value in found.items()}

    def __str__(self) -> str:
        facts, report = self.facts, self.report
        lines = [
            f"{facts['cases']:g} cases of {facts['days']} against {facts['forecast']} (horizon {facts['horizon']} days)",
            f"rows of the case file: {report.rows:,} = {report.kept:,} kept + {report.repaired:,} repaired + {report.quarantined:,} dropped",
            *(f"  dropped: {count:,} {reason}" for reason, count in report.reasons.items()),
            *(f"  repaired: {count:,} {what}" for what, count in report.repairs.items()),
            *(f"  scored by {level}: {count:g}" for level, count in facts["cases_by_level"].items()),
            *(f"  not scored: {count:g} {reason}" for reason, count in facts["left_out"].items()),
            "mean percentile of the risk of their place and day (no skill 50)",
            _summary_text(self.summary),
            "share of the cases in the flagged share of the land (no skill: that share)",
            _capture_text(self.capture),
        ]
        if len(self.correlations):
            lines += [
                "rank correlation of expected events and cases (by km2, and of trends: no skill 0)",
                _correlation_text(self.correlations),
            ]
        if self.lead_time["cases"].any():
            lines += ["mean percentile of that day, by days before the cases became known", _lead_text(self.lead_time)]
        return "\n".join([*lines, facts["exposure"]])

    __repr__ = __str__


def _least(one: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    return one + (other - one).clip(max=0)


def _summary_text(summary: "pd.DataFrame") -> str:
    names = {"percentile_day": "that day", "percentile_all": "all days", "percentile_own": "days of the place"}
    text = summary.assign(text=_intervals(summary, "mean", 1), score=summary["score"].map(names))
    return _pivot(text, ["level", "error_km", "cases"], "score")


def _capture_text(capture: "pd.DataFrame") -> str:
    some = capture[capture["area_share"].isin(TEXT_SHARES)]
    text = some.assign(text=_intervals(some, "capture", 3), area_share=[f"{share:.0%}" for share in some["area_share"]])
    return _pivot(text, ["level", "error_km"], "area_share")


def _correlation_text(table: "pd.DataFrame") -> str:
    text = table.assign(cases=table["cases"].round(1), spearman=_intervals(table, "spearman", 2))
    return str(text.drop(columns=["low", "high"]).to_string(index=False))


def _lead_text(table: "pd.DataFrame") -> str:
    some = table[(table["score"] == "percentile_day") & table["lead_days"].isin(TEXT_LEADS)]
    return _pivot(some.assign(text=_intervals(some, "mean", 1)), ["level", "error_km", "cases"], "lead_days")


def _pivot(table: "pd.DataFrame", index: list[str], columns: str) -> str:
    wide = table.pivot_table("text", index=index, columns=columns, aggfunc="first", sort=False)
    return str(wide.rename_axis(columns=None).reset_index().to_string(index=False))


def _intervals(table: "pd.DataFrame", value: str, decimals: int) -> list[str]:
    return [
        "n/a"
        if np.isnan(one)
        else f"{one:.{decimals}f}" + ("" if np.isnan(low) else f" [{low:.{decimals}f}, {high:.{decimals}f}]")
        for one, low, high in table[[value, "low", "high"]].to_numpy(float)
    ]


def plain(value: Any) -> Any:
    """Return a value, or a table as a list of its rows, as JSON knows it; what is not finite becomes None."""
    if hasattr(value, "to_dict"):
        return plain(value.to_dict("records"))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.datetime64) or hasattr(value, "isoformat"):
        return str(value)[:10]
    return int(value) if isinstance(value, np.integer) else value
