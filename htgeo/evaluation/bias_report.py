"""The report of a bias audit, and what it must say beside its numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.use import INTENDED_USE

if TYPE_CHECKING:
    import pandas as pd

STATISTICS = {
    "share_of_area": "share of the surface",
    "share_of_events": "share of the events that were recorded",
    "share_of_flags": "share of all flags",
    "flags_per_event": "share of the flags over the share of the events; 1 = flagged as its records have it",
    "flagged": "share of its cell-days that are flagged",
    "hit_rate": "share of its events in flagged cell-days",
    "false_alarm_rate": "share of its cell-days without event that are flagged",
    "expected_over_observed": "sum of the forecasts over the sum of the outcomes; 1 = calibrated",
    "roc_auc": "chance that one of its event cell-days ranks above one without; no skill = 0.5",
}
ALL, UNKNOWN = "all", "unknown"
STATEMENT = (
    "Records show where cases get reported: a part of the city with few records may have few cases, or few that are "
    "seen. Neighbourhood make-up (income, poverty …) serves this audit only and is never a feature."
)


@dataclass(frozen=True)
class BiasReport:
    """What flags cost and give each group.

    Attributes
    ----------
    table : Dataset
        ``value``, ``low`` and ``high`` on ``(area, statistic)``, see `STATISTICS`; the area ``all`` is everything.
    concentration : Dataset
        The same on ``(what, statistic)``: of ``flags`` and ``events`` the share in the 1, 5 and 10 % of the cells
        that have most of them, and the Gini coefficient.
    features : tuple of str
        Features of the cube that hold neighbourhood make-up, though they must not.
    """

    table: xr.Dataset
    concentration: xr.Dataset
    features: tuple[str, ...] = ()

    def to_pandas(self) -> "pd.DataFrame":
        """Return the number of events and the values by area, one column a statistic."""
        import pandas as pd

        values = self.table["value"]
        frame = pd.DataFrame(values.values, values["area"].values, values["statistic"].values)
        frame.insert(0, "events", self.table["events"].values)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``scores.json``; numbers that are not finite become None."""
        return {
            **self.table.attrs,
            "areas": _plain(self.table, "area"),
            "events": dict(zip(self.table["area"].values.tolist(), self.table["events"].values.tolist(), strict=True)),
            "concentration": _plain(self.concentration, "what"),
            "make_up_as_feature": list(self.features),
        }

    def __str__(self) -> str:
        """Return the table, the widest gaps, the concentration, and what the audit is for."""
        facts = self.table.attrs
        head = f"Bias audit of {facts['model']} by {facts['by']}, {facts['days']}; flagged: {facts['flags']}"
        rows = self.to_pandas().to_string(float_format=lambda value: f"{value:.3f}")
        warned = [f"WARNING: {name} is a feature of this cube and must not be one." for name in self.features]
        return "\n".join(
            [head, rows, *_gaps(self.table), *_concentrated(self.concentration), *warned, STATEMENT, INTENDED_USE]
        )

    __repr__ = __str__


def _plain(table: xr.Dataset, dim: str) -> dict[str, Any]:
    def finite(value: float) -> float | None:
        return value if np.isfinite(value) else None

    return {
        name: {
            statistic: {
                key: finite(table[key].sel({dim: name, "statistic": statistic}).item())
                for key in ("value", "low", "high")
            }
            for statistic in table["statistic"].values.tolist()
        }
        for name in table[dim].values.tolist()
    }


def _gaps(table: xr.Dataset) -> list[str]:
    """Return a line for each statistic that should be alike: the lowest and the highest group, with intervals."""
    lines = []
    groups = table.sel(area=[name for name in table["area"].values.tolist() if name not in (ALL, UNKNOWN)])
    for statistic in ("flags_per_event", "hit_rate", "false_alarm_rate", "expected_over_observed", "roc_auc"):
        of_group = groups.sel(statistic=statistic).dropna("area", subset=["value"])
        if of_group.sizes["area"]:
            ends = [of_group.isel(area=int(end(of_group["value"].values))) for end in (np.argmin, np.argmax)]
            shown = [
                f"{e['value'].item():.3f} [{e['low'].item():.3f}, {e['high'].item():.3f}] ({e['area'].item()})"
                for e in ends
            ]
            lines.append(f"{statistic}: {shown[0]} to {shown[1]}")
    return lines


def _concentrated(table: xr.Dataset) -> list[str]:
    return [
        f"{what}: {', '.join(f'{s} {table.value.sel(what=what, statistic=s).item():.3f}' for s in table.statistic.values)}"
        for what in table["what"].values
    ]
