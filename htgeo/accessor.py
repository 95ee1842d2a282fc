"""``cube.ht``: the functions of htgeo on the cube itself. It holds nothing but the cube and checks nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr

from htgeo.cube import clip, to_resolution, validate
from htgeo.export import export
from htgeo.sources import Region

if TYPE_CHECKING:
    from htgeo.maps import Layer


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
        variable: str | None = None,
        *,
        layers: "Sequence[str | Layer] | None" = None,
        time: str | slice | None = None,
        region: Region | None = None,
        title: str | None = None,
        tiles: bool = False,
        events: str | None = None,
        source: str = "",
        audience: Literal["internal", "public"] = "internal",
    ) -> Any:
        """Return the map of a day as a figure whose ``save`` writes the page of all days; see `htgeo.map_risk`."""
        from htgeo.maps import map_risk

        return map_risk(
            self._cube,
            variable,
            layers=layers,
            time=time,
            region=region,
            title=title,
            tiles=tiles,
            events=events,
            source=source,
            audience=audience,
        )

    def export(
        self,
        path: str | Path,
        variables: str | Sequence[str],
        *,
        time: str | slice | None = None,
        area: Mapping[str, str | Sequence[str]] | None = None,
        audience: Literal["internal", "public"] = "internal",
        region: Region | None = None,
        **options: Any,
    ) -> Path:
        """Write variables to a file; see `htgeo.export`."""
        return export(self._cube, path, variables, time=time, area=area, audience=audience, region=region, **options)

    def clip(self, area: Any, *, how: str = "center") -> xr.Dataset:
        """Keep the cells in an area; see `htgeo.clip`."""
        return clip(self._cube, area, how=how)  # type: ignore[arg-type]  # checked there

    def to_resolution(self, resolution: int) -> xr.Dataset:
        """Return the cube on coarser or finer cells; see `htgeo.to_resolution`."""
        return to_resolution(self._cube, resolution)

    def validate(self) -> xr.Dataset:
        """Check the cube; see `htgeo.validate`."""
        return validate(self._cube)
