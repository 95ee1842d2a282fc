"""The classes of every statistic of hot spots: code, meaning and colour, told by the attributes of their variables."""

from dataclasses import dataclass
from typing import Any

import numpy as np

NOT_KNOWN = -128
"""Code of a place that has no value, or no neighbour where one is needed."""
MUTED, UNKNOWN = "#e3e5e1", "#9aa0a6"


@dataclass(frozen=True)
class FlagClass:
    """One class of a variable: its code, its meaning in words joined by ``_``, and its colour."""

    value: int
    meaning: str
    color: str


UNKNOWN_CLASS = FlagClass(NOT_KNOWN, "not_known", UNKNOWN)
GETIS_ORD = (
    FlagClass(-3, "cold_spot_99_percent", "#2166ac"),
    FlagClass(-2, "cold_spot_95_percent", "#67a9cf"),
    FlagClass(-1, "cold_spot_90_percent", "#b6d7e8"),
    FlagClass(0, "not_significant", MUTED),
    FlagClass(1, "hot_spot_90_percent", "#fbc9a9"),
    FlagClass(2, "hot_spot_95_percent", "#ef8a62"),
    FlagClass(3, "hot_spot_99_percent", "#b2182b"),
    UNKNOWN_CLASS,
)
"""Classes of Gi*: the sign says hot or cold, the size how sure (ColorBrewer RdBu, safe for colour-blind readers)."""
LOCAL_MORAN = (
    FlagClass(3, "low-low", "#2166ac"),
    FlagClass(2, "low-high", "#92c5de"),
    FlagClass(0, "not_significant", MUTED),
    FlagClass(4, "high-low", "#f4a582"),
    FlagClass(1, "high-high", "#b2182b"),
    UNKNOWN_CLASS,
)
"""Quadrants of the Moran scatter plot, the place first and its neighbours second; numbers as Anselin (1995) counts."""
KINDS = {
    "new": ("#ffe873", "#d0e6f5"),
    "consecutive": ("#fdae61", "#9ecae1"),
    "intensifying": ("#67001f", "#08306b"),
    "persistent": ("#b2182b", "#2166ac"),
    "diminishing": ("#e8604c", "#4a98c9"),
    "sporadic": ("#e9c46a", "#b5b8e0"),
    "oscillating": ("#b8860b", "#7f7fc4"),
    "historical": ("#8c5a3c", "#5b8a8f"),
}
"""Kinds of emerging hot spots in the order in which they are tried, with their colour where hot (warm) and where cold (cool)."""
EMERGING = (
    *(FlagClass(-n, f"{kind}_cold_spot", cold) for n, (kind, (_, cold)) in enumerate(KINDS.items(), 1)),
    FlagClass(0, "no_pattern", MUTED),
    *(FlagClass(n, f"{kind}_hot_spot", hot) for n, (kind, (hot, _)) in enumerate(KINDS.items(), 1)),
    UNKNOWN_CLASS,
)
"""The 17 classes of emerging hot spots: 1 to 8 hot, -1 to -8 cold, 0 none."""
NO_CLUSTER = FlagClass(-1, "no_cluster", MUTED)
CLUSTER_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#b8a800", "#5f6368")
"""Colours of the largest clusters (Okabe & Ito 2008); the others share the last."""


def cluster_classes(count: int) -> tuple[FlagClass, ...]:
    """Return the classes of so many clusters, which are numbered from the largest, 0, on."""
    last = len(CLUSTER_COLORS) - 1
    numbers = reversed(range(count))
    return (NO_CLUSTER, *(FlagClass(n, f"cluster_{n}", CLUSTER_COLORS[min(n, last)]) for n in numbers))


def flag_attrs(classes: tuple[FlagClass, ...]) -> dict[str, Any]:
    """Return the attributes that tell the classes of a variable, as the CF conventions have it, and their colours."""
    return {
        "flag_values": [one.value for one in classes],
        "flag_meanings": " ".join(one.meaning for one in classes),
        "flag_colors": " ".join(one.color for one in classes),
    }


def read_flags(attrs: dict[str, Any]) -> tuple[FlagClass, ...]:
    """Return the classes that the attributes of a variable tell, in their order."""
    values = np.atleast_1d(attrs["flag_values"]).tolist()
    words = str(attrs["flag_meanings"]).split()
    colors = str(attrs["flag_colors"]).split()
    return tuple(FlagClass(*one) for one in zip(values, words, colors, strict=True))
