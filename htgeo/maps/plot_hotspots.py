"""A map of hot spots, of emerging hot spots, or of clusters of events."""

from typing import Any

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import check_cube, require, role_of, select_days
from htgeo.hotspots.classes import KINDS, NOT_KNOWN, FlagClass, read_flags
from htgeo.maps.figure import framed, plotting, source_line
from htgeo.maps.style import MISSING
from htgeo.maps.surface import EAST, NORTH, flat, surface
from htgeo.sources.region import Region

MOST_MARKS = 1500
"""Most letters or numbers that are written into the places of a map; more would not be read."""
DARK = 0.4
"""Luminance below which letters are white."""
LETTERS = ("#ffffff", "#111111")
"""Colours on dark and on light places; unlike those of words they stay in dark mode, as the places do."""
DIGITS = 3


def plot_hotspots(
    cube: xr.Dataset,
    name: str,
    *,
    time: str | None = None,
    region: Region | None = None,
    title: str | None = None,
    source: str = "",
) -> Any:
    """Draw the classes of a hot-spot statistic as a map; colours and words are those of the variable's attributes.

    The legend tells how many places each class has. Clusters have their number; in a picture for print, kinds of
    emerging hot spots have their first letter in the places (cold ones a small letter). Only the statistic is computed, for the day drawn.

    Parameters
    ----------
    cube
        A cube with the statistic.
    name
        A variable with ``flag_values``, such as ``crime_gi_class``, ``crime_moran_class``, ``crime_emerging_class``
        or ``crime_cluster``.
    time
        The day drawn, where the statistic is on ``(cell, time)``; the last if None.
    region
        Layer to outline; for a cube of areas its shapes.
    title
        Heading.
    source
        What the data come from, for the line below.

    Returns
    -------
    holoviews.Overlay
        For `save_figure`.

    Raises
    ------
    CubeError
        If there is no such variable, or it has no classes.
    InputError
        If `time` is no single day of the cube, or given for a statistic of a whole period.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.add_getis_ord(ht.demo_cube(), "crime")
    >>> ht.save_figure(plot_hotspots(cube, "crime_gi_class"), "hotspots.png").name
    'hotspots.png'
    """
    check_cube(cube)
    classes, shown = _classed(cube, name), _field(cube, name, time)
    codes = shown.values
    index, key = np.full(codes.shape, -1), []
    for number, (label, color, values) in enumerate(_groups(classes, codes)):
        index[inside := np.isin(codes, values)] = number
        key.append((f"{label} ({inside.sum():,})", color))
    unknown = int((index < 0).sum())
    words = {one.value: _words(one) for one in classes}
    hover = {"class": np.array([words.get(code, "") for code in codes.tolist()], object), **_values(cube, name, shown)}
    drawn = surface(cube, index, key, hover=hover, region=region)
    for marks in _marks(cube, classes, codes):
        drawn = drawn * marks
    return framed(
        drawn,
        title=title or _title(shown),
        source=" ".join(filter(None, [source_line(cube, source), _note(shown)])),
        width=900,
        height=760,
        is_map=True,
        key=[(f"not known ({unknown:,})", MISSING), *key] if unknown else key,
    )


def _classed(cube: xr.Dataset, name: str) -> tuple[FlagClass, ...]:
    """Return the classes of a variable, or raise where it has none."""
    attrs = require(cube, name).attrs
    if not {"flag_values", "flag_meanings", "flag_colors"} <= set(attrs):
        having = [str(n) for n in cube.data_vars if "flag_colors" in cube[n].attrs]
        message = f"{name!r} has no classes to draw; {', '.join(having) or 'no variable'} has; make some with htgeo.add_getis_ord(cube, layer)"
        raise CubeError(message)
    return read_flags(attrs)


def _field(cube: xr.Dataset, name: str, time: str | None) -> xr.DataArray:
    """Return the statistic of the day asked for, in memory, shape (place,)."""
    data = cube[name]
    if "time" not in data.dims:
        if time is not None:
            message = f"{name!r} is of one period, {data.attrs.get('period', 'all days')}; leave out time={time!r}"
            raise InputError(message)
        return data.compute()
    day = select_days(data, time)
    if day.sizes["time"] != 1:
        message = f"a map shows one day, time={time!r} are {day.sizes['time']}"
        raise InputError(message)
    return day.isel(time=0).compute()


def _groups(classes: tuple[FlagClass, ...], codes: np.ndarray) -> list[tuple[str, str, list[int]]]:
    """Return label, colour and values of each entry of the legend; classes that share a colour share an entry."""
    present = set(np.unique(codes).tolist())
    groups: dict[str, list[FlagClass]] = {}
    for one in classes:
        if one.value in present and one.value != NOT_KNOWN:
            groups.setdefault(one.color, []).append(one)
    return [
        (_words(ones[0]) if len(ones) == 1 else f"{len(ones)} smaller clusters", color, [one.value for one in ones])
        for color, ones in groups.items()
    ]


def _words(one: FlagClass) -> str:
    return one.meaning.replace("_percent", " %").replace("_", " ")


def _values(cube: xr.Dataset, name: str, shown: xr.DataArray) -> dict[str, np.ndarray]:
    """Return the numbers behind the classes, such as the z score, for the pointer."""
    stem = name.removesuffix("class")
    found = {}
    for other in map(str, cube.data_vars):
        data = cube[other]
        if other.startswith(stem) and role_of(data) == "local_statistic" and stem != name:
            field = data.sel(time=shown["time"]) if "time" in data.dims and "time" in shown.coords else data
            found[other.removeprefix(stem).replace("_", " ")] = np.array(
                [f"{value:.{DIGITS}g}" for value in field.values], object
            )
    return found


def _marks(cube: xr.Dataset, classes: tuple[FlagClass, ...], codes: np.ndarray) -> list[Any]:
    """Return letters of kinds and numbers of clusters, dark on light places and light on dark ones.

    Letters are for print: on a page, where the pointer tells the class, they would cover the places of a small map.
    """
    points = flat(cube, np.stack([cube["lon"].values, cube["lat"].values], axis=1))
    marks: list[tuple[float, float, str, str]] = []
    for one in classes:
        inside, kind = codes == one.value, one.meaning.split("_")[0]
        if kind in KINDS:
            letter = kind[0].upper() if one.value > 0 else kind[0]
            marks += [(*point, letter, one.color) for point in points[inside].tolist()]
        elif kind == "cluster" and inside.any():
            center = points[inside].mean(axis=0)
            nearest = np.linalg.norm(points[inside] - center, axis=1).argmin()
            marks.append((*points[inside][nearest].tolist(), str(one.value), one.color))
    if len(marks) > MOST_MARKS:
        return []
    sides = [[m[:3] for m in marks if (_luminance(m[3]) < DARK) is dark] for dark in (True, False)]
    alpha = 0.0 if any(one.meaning.split("_")[0] in KINDS for one in classes) else 1.0
    return [_letters(side, color, alpha) for side, color in zip(sides, LETTERS, strict=True) if side]


def _letters(marks: list[tuple[float, float, str]], color: str, alpha: float) -> Any:
    hv = plotting()
    letters = hv.Labels(marks, [EAST, NORTH], "mark")
    return letters.opts(
        hv.opts.Labels(text_color=color, text_font_size="7pt", text_alpha=alpha, backend="bokeh"),
        hv.opts.Labels(color=color, size=6, backend="matplotlib"),
    )


def _luminance(color: str) -> float:
    """Return how light a colour is, 0 to 1."""
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _title(shown: xr.DataArray) -> str:
    attrs = shown.attrs
    text = str(attrs.get("long_name", shown.name))
    if "time" in shown.coords:
        when = f", {str(shown['time'].values)[:10]}"
    else:
        when = f", {str(attrs['period']).replace('/', ' to ')}" if "period" in attrs else ""
    return f"{text[:1].upper()}{text[1:]}{when}"


def _note(shown: xr.DataArray) -> str:
    said = [str(shown.attrs[key]) for key in ("method", "note") if key in shown.attrs]
    return " ".join(f"{text[:1].upper()}{text[1:]}." for text in said)
