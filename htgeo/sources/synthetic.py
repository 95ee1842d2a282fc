"""A simulated New York with a known risk surface, written as the native files with their real defects.

Nothing here is real but the coarse outlines: places, rates and cases are drawn at random.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from htgeo.sources.outlines import OUTLINES, PRECINCTS
from htgeo.sources.region import Region, make_region

TARGET = ("PROSTITUTION & RELATED OFFENSES", "KIDNAPPING & RELATED OFFENSES")
"""Offences of the demo's label; they are known to a point."""
MASKED = ("SEX CRIMES", "RAPE")
"""Offences placed at the station house of the precinct."""
PER_DAY = {
    TARGET[0]: 7.0,
    TARGET[1]: 1.0,
    "ROBBERY": 14.0,
    "SEX CRIMES": 7.0,
    "RAPE": 2.0,
    "UNAUTHORIZED USE OF A VEHICLE": 8.0,
}
"""Mean number of events a day in the whole city."""
HOT_SPOTS = 45
BACKGROUND = 0.25
"""Share of events that fall evenly over the land."""
ECHO = 0.25
"""Share of events that follow a recent one nearby."""
ECHO_DAYS, ECHO_KM = 6.0, 0.25
LON_KM, LAT_KM = 84.4, 111.2
"""Kilometres per degree at the latitude of New York."""


@dataclass(frozen=True)
class City:
    """The simulated city.

    Parameters
    ----------
    seed
        Seed of everything drawn.
    """

    seed: int = 0

    @cached_property
    def boroughs(self) -> Region:
        """The coarse boroughs."""
        import shapely

        shapes = {name: shapely.union_all([_polygon(ring) for ring in rings]) for name, rings in OUTLINES.items()}
        taken = shapely.Polygon()
        for name, shape in shapes.items():  # coarse outlines may overlap a little along a border
            shapes[name] = shapely.make_valid(shapely.difference(shape, taken))
            taken = shapely.union(taken, shape)
        return make_region("borough", list(shapes), np.array(list(shapes.values()), dtype=object))

    @cached_property
    def precincts(self) -> Region:
        """Made-up precincts: each borough is cut around random points, evened out."""
        import shapely

        rng = np.random.default_rng(self.seed)
        names, shapes = [], []
        for borough, land in zip(self.boroughs.names, self.boroughs.geometries, strict=True):
            numbers = PRECINCTS[borough]
            centers = _points_in(land, len(numbers), rng)
            for _ in range(4):  # Lloyd's steps
                cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(centers), extend_to=land))
                pieces = shapely.intersection(cells, land)
                centers = shapely.get_coordinates(shapely.point_on_surface(pieces))
            names += [str(n) for n in numbers]
            shapes += list(pieces)
        return make_region("precinct", names, np.array(shapes, dtype=object))

    @cached_property
    def _spots(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Centres (lon, lat), radii (km) and, by offence, weights of the hot spots."""
        rng = np.random.default_rng(self.seed + 1)
        centers = _points_in(self.boroughs.outline, HOT_SPOTS, rng)
        radii = rng.uniform(0.5, 1.8, HOT_SPOTS)
        common = rng.gamma(0.6, size=HOT_SPOTS)
        weights = {offence: common * rng.gamma(3.0, size=HOT_SPOTS) for offence in PER_DAY}
        return centers, radii, {k: w / w.sum() for k, w in weights.items()}

    def intensity(self, lon: np.ndarray, lat: np.ndarray, offences: tuple[str, ...] = TARGET) -> np.ndarray:
        """Return the true mean number of events a day and km2 at points on land, up to one common factor."""
        centers, radii, weights = self._spots
        density = np.zeros(len(lon))
        for offence in offences:
            for (x, y), radius, weight in zip(centers, radii, weights[offence], strict=True):
                squared = ((lon - x) * LON_KM) ** 2 + ((lat - y) * LAT_KM) ** 2
                density += (
                    PER_DAY[offence]
                    * (1 - BACKGROUND)
                    * weight
                    * np.exp(-squared / (2 * radius**2))
                    / (2 * np.pi * radius**2)
                )
            density += PER_DAY[offence] * BACKGROUND / self._land_km2
        return density

    @cached_property
    def _land_km2(self) -> float:
        return float(self.boroughs.outline.area * LON_KM * LAT_KM)

    def points(self, offence: str, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return random places of an offence (lon, lat), shape (size, 2)."""
        centers, radii, weights = self._spots
        west, south, east, north = self.boroughs.outline.bounds
        even = BACKGROUND * (east - west) * (north - south) / self.boroughs.outline.area
        found: list[np.ndarray] = []
        while sum(map(len, found)) < size:
            drawn = 2 * size + 100
            spot = rng.choice(HOT_SPOTS, p=weights[offence], size=drawn)
            step = rng.normal(size=(drawn, 2)) * radii[spot, None] / (LON_KM, LAT_KM)
            box = rng.uniform((west, south), (east, north), size=(drawn, 2))
            points = np.where((rng.random(drawn) < even / (even + 1 - BACKGROUND))[:, None], box, centers[spot] + step)
            found.append(points[self.boroughs.locate(points[:, 0], points[:, 1]) >= 0])
        return np.concatenate(found)[:size]

    def events(self, offence: str, days: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        """Return events of an offence: time of occurrence, lon, lat, precinct."""
        weekly = 1 + 0.25 * np.isin((days.astype("datetime64[D]").astype(int) + 3) % 7, (4, 5))
        yearly = 1 + 0.2 * np.sin(2 * np.pi * (days.astype(int) - 100) / 365.25)
        first = rng.poisson(PER_DAY[offence] * (1 - ECHO) * weekly * yearly / (weekly * yearly).mean())
        when = np.repeat(days.astype("datetime64[s]"), first) + rng.integers(0, 86_400, first.sum()).astype(
            "timedelta64[s]"
        )
        where = self.points(offence, len(when), rng)
        whens, wheres = [when], [where]
        while len(when):  # echoes of echoes die out
            parent = np.repeat(np.arange(len(when)), rng.poisson(ECHO, len(when)))
            delay = rng.exponential(ECHO_DAYS * 86_400, len(parent)).astype("timedelta64[s]")
            when, where = (
                when[parent] + delay,
                where[parent] + rng.normal(size=(len(parent), 2)) * ECHO_KM / (LON_KM, LAT_KM),
            )
            keep = (when < days[-1] + np.timedelta64(1, "D")) & (self.boroughs.locate(where[:, 0], where[:, 1]) >= 0)
            when, where = when[keep], where[keep]
            whens.append(when)
            wheres.append(where)
        place = np.concatenate(wheres)
        table = pd.DataFrame(
            {"occurred": np.concatenate(whens), "lon": place[:, 0], "lat": place[:, 1], "offence": offence}
        )
        number = self.precincts.locate(place[:, 0], place[:, 1])
        table["precinct"] = np.array([*self.precincts.names, ""])[number]
        return table[number >= 0].reset_index(drop=True)


def _polygon(ring: str) -> Any:
    import shapely

    corners = [tuple(map(float, corner.split())) for corner in ring.split(", ")]
    return shapely.make_valid(shapely.Polygon(corners))


def _points_in(land: Any, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return points drawn evenly from a polygon, shape (size, 2)."""
    import shapely

    shapely.prepare(land)
    west, south, east, north = shapely.bounds(land)
    points = np.empty((0, 2))
    while len(points) < size:
        drawn = rng.uniform((west, south), (east, north), size=(4 * size, 2))
        points = np.concatenate([points, drawn[shapely.contains_xy(land, drawn[:, 0], drawn[:, 1])]])
    return points[:size]


def write_demo_city(folder: str | Path, *, start: str = "2021-01-01", end: str = "2024-12-31", seed: int = 0) -> Path:
    """Write the simulated city as the native files, with the defects that the real ones have.

    Parameters
    ----------
    folder
        Folder for the files, made if absent: boroughs.geojson, precincts.geojson, complaints.csv.gz, cases.csv,
        permitted_events.csv, jfk_passengers.csv, hotels.csv, stations.csv.
    start, end
        First and last day.
    seed
        Seed of everything drawn.

    Returns
    -------
    Path
        The folder.

    Examples
    --------
    >>> import htgeo as ht
    >>> folder = ht.write_demo_city("demo-city", end="2021-01-31")
    >>> (folder / "cases.csv").exists()
    True
    """
    from htgeo.sources import synthetic_files as files

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    city = City(seed)
    days = np.arange(np.datetime64(start, "D"), np.datetime64(end, "D") + np.timedelta64(1, "D"))
    files.write_regions(city, folder)
    files.write_complaints(city, days, folder / "complaints.csv.gz")
    files.write_cases(city, days, folder / "cases.csv")
    files.write_permitted_events(city, days, folder / "permitted_events.csv")
    files.write_passengers(city, days, folder / "jfk_passengers.csv")
    files.write_places(city, folder)
    return folder
