"""Clusters of events: where points lie densely, found by HDBSCAN, whatever their shape."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import InputError
from htgeo.cube.schema import CELL, check_cube, require_cells, stamp
from htgeo.grid.cells import points_to_cells, unit_vectors
from htgeo.hotspots.classes import cluster_classes, flag_attrs
from htgeo.sources.events import Events

if TYPE_CHECKING:
    import pandas as pd

EARTH_KM = 6371.0088
"""Mean radius of the earth."""
FEWEST = 5
"""Clusters of fewer events would point at single people."""
MOST_EVENTS = 100_000
"""HDBSCAN compares each event with each other: 40,000 take 8 s, more would take minutes."""
SAMPLE = 5_000
"""Clustered events that silhouettes are computed of; of more, so many are drawn."""
MOSTLY = 0.9
"""Share of the events of a cluster that lie within its radius."""
NOISE = -1


@dataclass(frozen=True, repr=False)
class EventClusters:
    """Clusters of events.

    Attributes
    ----------
    labels
        Cluster of each event, indexed as the table of events: 0 is the largest cluster, -1 noise; missing for events
        that are known to an area only.
    points
        ``lon`` and ``lat`` of the events that entered, degrees.
    table
        One row a cluster: ``events``; ``lon``, ``lat`` of its centre; ``radius_km``, within which 90 % of its events
        lie; ``silhouette``, the mean over its events.
    silhouette
        Mean silhouette of the events in clusters, from -1 to 1; NaN with fewer than two clusters. See `event_clusters`.
    left_out
        Number of events that are known to an area only.
    """

    labels: "pd.Series"
    points: "pd.DataFrame"
    table: "pd.DataFrame"
    silhouette: float
    left_out: int

    def __str__(self) -> str:
        noise = int((self.labels == NOISE).sum())
        said = [f"{len(self.table)} clusters of {len(self.points):,} events, {noise:,} in none"]
        said += [f"silhouette {self.silhouette:.2f}"] if np.isfinite(self.silhouette) else []
        said += [f"{self.left_out:,} events known to an area only are left out"] if self.left_out else []
        return "; ".join(said)

    __repr__ = __str__


def event_clusters(
    events: Events, *, min_events: int = 20, min_samples: int | None = None, merge_km: float = 0.0, seed: int = 0
) -> EventClusters:
    """Find where events lie densely, by HDBSCAN (Campello, Moulavi & Sander 2013).

    Clusters may have any shape and density; events between them are noise. Distances are straight lines through the
    earth, which within a city are those on the ground. Only events known to a point enter; time and weight do not count.

    The silhouette (Rousseeuw 1987) says how much closer the events of a cluster are to each other than to the nearest
    other cluster. It favours round clusters of one density, which HDBSCAN does not look for, and it leaves out the
    noise: use it to compare settings on the same events, not as a proof that there are clusters.

    Parameters
    ----------
    events
        Events, at most 100,000 points: all are compared with all (40,000 take 8 s).
    min_events
        Fewest events of a cluster, at least 5.
    min_samples
        How many events must lie close for a place to be dense; more make more noise. `min_events` if None.
    merge_km
        Clusters less than so many km apart are one.
    seed
        Seed of the 5,000 events that silhouettes are computed of, where there are more.

    Returns
    -------
    EventClusters

    Raises
    ------
    InputError
        If there are too few or too many points, or an option is out of its range.

    Examples
    --------
    >>> import htgeo as ht
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> city = ht.write_demo_city(Path(mkdtemp()), end="2021-02-28")
    >>> boroughs = ht.read_region(city / "boroughs.geojson", name_column="boro_name")
    >>> crimes = ht.read_events("nypd_complaints", city / "complaints.csv.gz", areas=[boroughs])
    >>> found = event_clusters(crimes, min_events=20)
    >>> found.table.columns.tolist()
    ['events', 'lon', 'lat', 'radius_km', 'silhouette']
    """
    from sklearn.cluster import HDBSCAN

    _check_options(min_events, min_samples, merge_km)
    at_point = (events.table["precision"] == "point").to_numpy()
    points = events.table.loc[at_point, ["lon", "lat"]]
    if not min_events <= len(points) <= MOST_EVENTS:
        message = f"{len(points):,} events are known to a point; clusters need {min_events} (min_events) to {MOST_EVENTS:,}: choose events by category (events.select) or by time"
        raise InputError(message)
    ground = EARTH_KM * unit_vectors(points["lon"].to_numpy(), points["lat"].to_numpy())
    search = HDBSCAN(
        min_cluster_size=min_events, min_samples=min_samples, cluster_selection_epsilon=merge_km, copy=True
    )
    found = _largest_first(search.fit_predict(ground))
    silhouettes = _silhouettes(ground, found, seed)
    return EventClusters(
        labels=_labels(events.table.index, at_point, found),
        points=points,
        table=_table(points, ground, found, silhouettes),
        silhouette=float(np.nanmean(silhouettes)) if np.isfinite(silhouettes).any() else np.nan,
        left_out=int((~at_point).sum()),
    )


def add_event_clusters(cube: xr.Dataset, layer: str, clusters: EventClusters) -> xr.Dataset:
    """Add the cluster that most events of a cell belong to.

    Parameters
    ----------
    cube
        A cube of cells.
    layer
        Name of the events, for the name of the variable.
    clusters
        What `event_clusters` found.

    Returns
    -------
    Dataset
        The cube with ``<layer>_cluster`` (int32) on ``(cell)``: number of the cluster, of two with as many events the
        larger; -1 where most events belong to none, or there is none. A variable of this name is replaced.

    Raises
    ------
    CubeError
        If the places of the cube are areas.

    Examples
    --------
    >>> import htgeo as ht
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> city = ht.write_demo_city(Path(mkdtemp()), end="2021-02-28")
    >>> boroughs = ht.read_region(city / "boroughs.geojson", name_column="boro_name")
    >>> crimes = ht.read_events("nypd_complaints", city / "complaints.csv.gz", areas=[boroughs])
    >>> cube = add_event_clusters(ht.demo_cube(), "crime", event_clusters(crimes))
    >>> cube["crime_cluster"].dims
    ('cell',)
    """
    check_cube(cube)
    require_cells(cube, "a map of clusters")
    cells = cube[CELL].values
    lon, lat = clusters.points[["lon", "lat"]].to_numpy().T
    place = points_to_cells(lon, lat, int(cube.attrs["resolution"]))
    row = np.minimum(np.searchsorted(cells, place), len(cells) - 1)
    inside = cells[row] == place
    number = clusters.labels.dropna().to_numpy(int)
    votes = np.zeros((len(cells), len(clusters.table) + 1), np.int64)  # the last column is noise, which -1 finds
    np.add.at(votes, (row[inside], number[inside]), 1)
    most = np.where(votes.any(axis=1), votes.argmax(axis=1), len(clusters.table))
    most = np.where(most == len(clusters.table), NOISE, most).astype(np.int32)
    more = {"layer": layer, "statistic": "HDBSCAN", "method": f"HDBSCAN: {clusters}"}
    name, text = f"{layer}_cluster", f"clusters of {layer} events: the one that most events of a cell belong to"
    column = xr.DataArray(most, dims=CELL)
    classes = flag_attrs(cluster_classes(len(clusters.table)))
    return cube.assign({name: stamp(column, name, "cluster", "1", text, **more, **classes)})


def _check_options(min_events: int, min_samples: int | None, merge_km: float) -> None:
    if not isinstance(min_events, int) or min_events < FEWEST:
        message = f"min_events must be a whole number of at least {FEWEST}, not {min_events!r}: smaller clusters point at single people"
        raise InputError(message)
    if min_samples is not None and (not isinstance(min_samples, int) or min_samples < 1):
        message = f"min_samples must be a whole number of at least 1, or None, not {min_samples!r}"
        raise InputError(message)
    if not isinstance(merge_km, int | float) or not 0 <= merge_km < np.inf:
        message = f"merge_km must be a distance in km, 0 or more, not {merge_km!r}"
        raise InputError(message)


def _largest_first(found: np.ndarray) -> np.ndarray:
    """Return labels numbered by the number of events, 0 the largest; noise stays -1."""
    sizes = np.bincount(found[found >= 0]) if (found >= 0).any() else np.zeros(0, int)
    rank = np.empty(len(sizes) + 1, int)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    rank[NOISE] = NOISE
    return np.asarray(rank[found])


def _labels(index: Any, at_point: np.ndarray, found: np.ndarray) -> "pd.Series":
    import pandas as pd

    labels = pd.Series(pd.NA, index, dtype="Int32", name="cluster")
    labels[at_point] = found
    return labels


def _silhouettes(ground: np.ndarray, found: np.ndarray, seed: int) -> np.ndarray:
    """Return the silhouette of each clustered event, NaN for noise and for those that were not drawn."""
    from sklearn.metrics import silhouette_samples

    out = np.full(len(found), np.nan)
    inside = np.flatnonzero(found >= 0)
    if len(inside) > SAMPLE:
        inside = np.sort(np.random.default_rng(seed).choice(inside, SAMPLE, replace=False))
    if len(np.unique(found[inside])) > 1:
        out[inside] = silhouette_samples(ground[inside], found[inside])
    return out


def _table(points: "pd.DataFrame", ground: np.ndarray, found: np.ndarray, silhouettes: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for number in range(found.max(initial=NOISE) + 1):
        inside = found == number
        apart = np.linalg.norm(ground[inside] - ground[inside].mean(axis=0), axis=1)
        drawn = silhouettes[inside][np.isfinite(silhouettes[inside])]
        center = points[inside].mean()
        rows.append(
            {
                "events": int(inside.sum()),
                "lon": center["lon"],
                "lat": center["lat"],
                "radius_km": float(np.quantile(apart, MOSTLY)),
                "silhouette": float(drawn.mean()) if len(drawn) else np.nan,
            }
        )
    columns = ["events", "lon", "lat", "radius_km", "silhouette"]
    return pd.DataFrame(rows, columns=columns).rename_axis("cluster")
