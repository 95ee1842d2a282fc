"""Why the forecasts are what they are: what each feature adds, from the saved model and features made again for a few days."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from htgeo.core.errors import HtgeoError
from htgeo.features import add_features
from htgeo.maps.plot_contributions import plot_contributions
from htgeo.maps.plot_importance import plot_importance
from htgeo.models.boosting import Booster
from htgeo.models.explain import BASE, PREFIX, add_contributions
from htgeo.models.saving import load_model
from htgeo.study.learn import study_features
from htgeo.study.report_figures import picture
from htgeo.study.report_html import Html, Section, code, link, listed, note, say, table
from htgeo.study.report_run import Run
from htgeo.study.report_words import number, share

if TYPE_CHECKING:
    import pandas as pd

DAYS = 3
MOST_VALUES = 20_000_000
"""Cell-days up to which features are made again: some twenty seconds of work."""
TOP = 15
POINTS = 200


def explanation(run: Run) -> Section:
    """Return what the features add to the forecasts of the shown model."""
    return Section("explanation", "Explanation", tuple(_explained(run)), ("scores", "audits", "limits"))


def _explained(run: Run) -> list[Html]:
    folder = run.out / "models" / run.shown
    try:
        model: Any = load_model(folder)
        if not isinstance(model, Booster):
            return [
                note(
                    code(run.shown),
                    f" ({model.summary}) is no model of boosted trees; a report explains these only. How well it does: ",
                    link("scores", "scores"),
                    ".",
                )
            ]
        if run.cube.sizes[run.place] * run.cube.sizes["time"] > MOST_VALUES:
            return [
                note(
                    "The cube is too large to make the features again for a report; ",
                    code("htgeo.explain"),
                    " does it for one place and day.",
                )
            ]
        cube, days = _with_features(run), _days(run)
        why = _contributions(cube, model, days)
    except HtgeoError as error:
        return [note(f"There is no explanation: {error}.")]
    added = _means(why)
    return [*_words(run, days, added), _table(cube, added), *_pictures(run, why, added)]


def _with_features(run: Run) -> xr.Dataset:
    """Return the cube with the features of the study, lazily: the store does not hold them."""
    items = run.study["features"]
    return add_features(run.cube, study_features([items] if isinstance(items, str) else list(items), run.cube))


def _days(run: Run) -> list[str]:
    """Return a few test days, evenly apart, the last one among them."""
    start, stop = run.test
    days = run.cube["time"].sel(time=slice(start, stop)).values
    rows = np.unique(np.linspace(0, len(days) - 1, DAYS).astype(int))
    return [str(day)[:10] for day in days[rows]]


def _contributions(cube: xr.Dataset, model: Booster, days: list[str]) -> xr.Dataset:
    """Return features and contributions of some days, loaded."""
    explained = [add_contributions(cube, model, time=day) for day in days]
    names = [*model.features_, *(str(name) for name in explained[0].data_vars if str(name).startswith(PREFIX))]
    parts = [one[names].compute() for one in explained]
    return xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="override", join="exact")


def _means(why: xr.Dataset) -> "pd.Series[float]":
    """Return the mean size of what each feature adds to the log-odds, the strongest first."""
    names = [str(name) for name in why.data_vars if str(name).startswith(PREFIX) and name != PREFIX + BASE]
    sizes: Any = abs(why[names]).mean().to_pandas()
    named: pd.Series[float] = sizes.rename(lambda name: str(name).removeprefix(PREFIX))
    return named.sort_values(ascending=False, kind="stable")


def _words(run: Run, days: list[str], added: "pd.Series[float]") -> list[Html]:
    top = added.index[0]
    return [
        say(
            "For ",
            code(run.shown),
            f" the features were made again from the store for {', '.join(days)}, and what each adds to the log-odds of every forecast was taken from the trees (SHAP values). The strongest, ",
            code(top),
            f", moves the odds by a factor of {number(float(np.exp(added.iloc[0])), 3)} on average; the {min(TOP, len(added))} features below make {share(float(added.iloc[:TOP].sum() / added.sum()))} of all that is added.",
        ),
        note(
            "A contribution says what the model uses, not what causes events: a feature may stand for what is not measured. Neighbourhood make-up is never a feature; see ",
            link("audits", "audits"),
            ".",
        ),
    ]


def _pictures(run: Run, why: xr.Dataset, added: "pd.Series[float]") -> list[Html]:
    first = listed(added.index[:3].tolist())
    return [
        picture(
            "importance",
            lambda: plot_importance(why, source=run.source),
            title="Features that move the forecasts most",
            text=f"Bars of the mean size of what each feature adds to the log-odds, the longest for {first}; the table above has the numbers.",
        ),
        picture(
            "contributions",
            lambda: plot_contributions(why, points=POINTS, source=run.source),
            title="What each feature adds, by place and day",
            text=f"A row of points for each feature, those that move most on top: {first}. To the right of zero a feature raises a forecast, to the left it lowers it.",
        ),
    ]


def _table(cube: xr.Dataset, added: "pd.Series[float]") -> Html:
    total = float(added.sum()) or 1.0
    rows = [
        [
            code(name),
            str(cube[name].attrs.get("long_name", "")) if name in cube else "",
            number(float(size), 3),
            f"{number(float(np.exp(size)), 3)}",
            share(float(size) / total),
        ]
        for name, size in added.iloc[:TOP].items()
    ]
    columns = ["Feature", "What it is", "Mean size on the log-odds", "As a factor on the odds", "Share of all"]
    return table("Features that move the forecasts most", columns, rows, words=(1,))
