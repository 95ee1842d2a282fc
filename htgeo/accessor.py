"""``cube.ht``: the functions of htgeo on the cube itself. It holds nothing but the cube and checks nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from htgeo.cube import validate
from htgeo.export import export
from htgeo.sources import Region


@xr.register_dataset_accessor("ht")  # type: ignore[no-untyped-call]  # xarray has no types here
class HtAccessor:
    """Forwards to the functions of htgeo.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> cube.ht.export("crime.csv", "crime", time="2021-03-01").name
    'crime.csv'
    """

    def __init__(self, cube: xr.Dataset) -> None:
        self._cube = cube

    def map(
        self,
        variable: str,
        *,
        time: str | slice | None = None,
        region: Region | None = None,
        title: str | None = None,
        tiles: bool = False,
    ) -> Any:
        """Return an hvplot map; see `htgeo.map_risk`."""
        from htgeo.maps import map_risk

        return map_risk(self._cube, variable, time=time, region=region, title=title, tiles=tiles)

    def export(self, path: str | Path, variables: str | Sequence[str], *, time: str | slice | None = None) -> Path:
        """Write variables to a file; see `htgeo.export`."""
        return export(self._cube, path, variables, time=time)

    def validate(self) -> xr.Dataset:
        """Check the cube; see `htgeo.validate`."""
        return validate(self._cube)
