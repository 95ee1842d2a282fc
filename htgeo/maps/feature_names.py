"""What features are called in figures: their name, and what it says in words."""

import textwrap
from typing import Any

import xarray as xr

from htgeo.core.errors import CubeError
from htgeo.cube.schema import check_cube, variables_of
from htgeo.features import FEATURES
from htgeo.maps.figure import MPL_FONT, plotting

PREFIX = "contribution_"
LABEL_SIZE = 8
STARTS = ("base", "offset")
"""Contributions that are no feature: what a risk starts from."""
WRAP, LINES = 34, 2
ODDS, COUNT = "log-odds", "log of the expected count"


def contributions_of(cube: xr.Dataset) -> list[str]:
    """Return the features whose contributions a cube holds, or say how to get them."""
    check_cube(cube)
    found = [name.removeprefix(PREFIX) for name in variables_of(cube, "contribution")]
    features = [name for name in found if name not in STARTS]
    if not features:
        message = "the cube has no contributions of features; add them with htgeo.add_contributions(cube, model, time='2024-05-14')"
        raise CubeError(message)
    return features


def scale_of(cube: xr.Dataset) -> str:
    """Return what the contributions of a cube add up to: log-odds, or the log of an expected count."""
    name = PREFIX + contributions_of(cube)[0]
    return COUNT if COUNT in str(cube[name].attrs.get("long_name", "")) else ODDS


def words(cube: xr.Dataset | None, feature: str) -> str:
    """Return what a feature, or a kind of features, is in words; nothing where that is not known."""
    if cube is not None and feature in cube:
        return str(cube[feature].attrs.get("long_name", ""))
    text = (FEATURES[feature].__doc__ or "").strip().split("\n")[0] if feature in FEATURES else ""
    return text.rstrip(".").replace("`", "")


def small_labels(figure: Any) -> Any:
    """Return a framed figure whose labels of several lines are small enough in print to stand below each other."""
    hv = plotting()
    return figure.opts(hv.opts.Overlay(fontsize={**MPL_FONT, "yticks": LABEL_SIZE}, backend="matplotlib"))


def label(cube: xr.Dataset | None, feature: str) -> str:
    """Return the label of a feature on an axis: its name, and below it what it is in words."""
    text = words(cube, feature)
    return "\n".join([feature, *textwrap.wrap(text, WRAP, max_lines=LINES, placeholder=" …")]) if text else feature
