"""Whom a map is for: a mark on every map, and what the public may not see is refused."""

from collections.abc import Sequence
from typing import Literal

import xarray as xr

from htgeo.core.errors import InputError
from htgeo.disclosure.public import check_public
from htgeo.maps.layers import Layer

Audience = Literal["internal", "public"]
MARKS = {"internal": "Internal use only.", "public": "For the public."}
"""What stands in the legend and below."""


def check_audience(cube: xr.Dataset, layers: Sequence[str | Layer], audience: str) -> None:
    """Raise unless layers of a cube may be shown to an audience.

    Parameters
    ----------
    cube
        The cube that is drawn.
    layers
        All that is shown: names of variables, and layers.
    audience
        ``"internal"``, which may see everything, or ``"public"``; see `check_public`.

    Raises
    ------
    InputError
        If there is no such audience, a variable is not public, or a layer is none of the cube's variables as it is.
    """
    if audience not in MARKS:
        message = f"there is no audience {audience!r}; allowed are {', '.join(MARKS)}"
        raise InputError(message)
    if audience == "internal":
        return
    for layer in layers:
        name = layer if isinstance(layer, str) else layer.name
        if isinstance(layer, Layer) and (name not in cube or layer.values.variable is not cube[name].variable):
            message = f"the layer {name!r} was computed, and a public map shows variables as htgeo.public_view and htgeo.release_view made them; leave it out"
            raise InputError(message)
        check_public(cube, [name])
