"""How much of what all robberies tell do models learn from 3 % of them? ``python benchmarks/thinned.py --models gamma_poisson``.

Runs the study `studies/nyc_robbery_thinned.yaml` draw by draw, and adds a map that knows all robberies, scaled to 3 %. The
gap closed is the skill above that of the historical rate, over that of this map; the errors are paired over draws.
Draws scatter by .03 in the hit rate at 5 %: a single one proves nothing.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")
os.environ.setdefault("HTGEO_DATA", str(Path(__file__).parents[2] / "shared" / "data"))

import numpy as np
import pandas as pd
import xarray as xr

import htgeo as ht
from htgeo.study import Study, load_study, run_study
from htgeo.study.scores import scored_cells
from htgeo.study.settings import split_model

FILE = Path(__file__).with_name("studies") / "nyc_robbery_thinned.yaml"
FIRST_TEST, THIN = "2015-10-01", 0.03
BASE, KNOWS_ALL = "historical_rate", "map_of_all_robberies"
SHOWN = ["log_loss_skill", "hit_rate_5", "hit_rate_10", "roc_auc"]


def all_robberies(study: Study, folder: Path) -> xr.DataArray:
    """Return the risk of a thinned robbery by the historical rate of all robberies."""
    sources = {name: source.model_copy(update={"thin": None}) for name, source in study.sources.items()}
    whole = study.model_copy(update={"sources": sources, "models": [BASE], "repeats": 1})
    run_study(whole, folder)
    risk = ht.open_cube(folder / "cube")[f"risk_{BASE}"]
    return risk.copy(data=-np.expm1(THIN * np.log1p(-risk.values)))


def scores_of(study: Study, seed: int, reference: xr.DataArray, folder: Path) -> pd.DataFrame:
    """Return the scores of one draw, models by score."""
    run_study(study.model_copy(update={"seed": seed, "repeats": 1}), folder)
    cube = ht.open_cube(folder / "cube")
    facts = {**cube[f"risk_{BASE}"].attrs, "role_of": f"risk_{KNOWS_ALL}"}
    cube = cube.assign({f"risk_{KNOWS_ALL}": reference.assign_attrs(facts)})
    table = ht.evaluate(scored_cells(study, cube, FIRST_TEST), start=FIRST_TEST, scores=SHOWN, draws=0)
    return table["value"].to_pandas()


def gap_closed(skill: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the way from the historical rate to the reference each model goes, with its standard error.

    The ratio of the means over draws; its error from the paired differences of each draw (Cochran 1977, section 6.4).

    Parameters
    ----------
    skill
        Shape (model, draw).
    """
    above = skill - skill.loc[BASE]
    gap = above.loc[KNOWS_ALL]
    closed = above.mean(axis=1) / gap.mean()
    apart = above - np.outer(closed, gap)
    root = np.sqrt(skill.shape[1])
    return pd.DataFrame({"gap_closed": closed, "gap_se": apart.std(axis=1) / root / gap.mean()})


def main() -> None:
    """Run the draws and print one table."""
    study = load_study(FILE)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=study.model_names, choices=study.model_names)
    asked = parser.parse_args()
    models = [item for item in study.models if split_model(item)[0] in {BASE, *asked.models}]
    study = study.model_copy(update={"models": models})
    with tempfile.TemporaryDirectory() as folder:
        reference = all_robberies(study, Path(folder, "all"))
        draws = [scores_of(study, seed, reference, Path(folder, str(seed))) for seed in range(study.repeats)]
    mean = sum(draws[1:], draws[0]) / len(draws)
    skill = pd.concat([draw["log_loss_skill"] for draw in draws], axis=1)
    mean["skill_se"] = skill.std(axis=1) / np.sqrt(len(draws))
    print(mean.join(gap_closed(skill)).to_string(float_format="{:.4f}".format))
    print("\nAnchors\n" + pd.DataFrame.from_dict(study.evaluation.anchors, orient="index")[SHOWN].to_string(na_rep=""))


if __name__ == "__main__":
    main()
