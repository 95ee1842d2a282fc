"""Registry, logistic line, blocks."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import htgeo as ht
from htgeo.core.blocks import MAX_BLOCK_CELLS, MAX_BLOCK_VALUES, cell_blocks
from htgeo.core.errors import HtgeoError, UnknownNameError
from htgeo.core.glm import fit_line
from htgeo.core.registry import Registry


def test_registry__refuses_doubles_and_names_the_nearest() -> None:
    registry: Registry[int] = Registry("thing")
    registry.add("lag", 1)
    with pytest.raises(ValueError, match="already taken"):
        registry.add("lag", 2)
    with pytest.raises(UnknownNameError, match=r"no thing 'lagg'; known are lag; did you mean 'lag'\?"):
        registry["lagg"]
    assert list(registry) == ["lag"]


@pytest.mark.parametrize("cells", [1, 63, 64, 1055, 7414, 100_000])
def test_cell_blocks__cover_all_cells_in_equal_blocks(cells: int) -> None:
    blocks = cell_blocks(cells, days=1461)
    assert sum(blocks) == cells
    assert max(blocks) <= MAX_BLOCK_CELLS
    assert max(cell_blocks(cells, days=2922)) * 2922 <= MAX_BLOCK_VALUES
    assert set(blocks[:-1]) <= {blocks[0]}
    assert blocks[-1] <= blocks[0]


@pytest.mark.parametrize(("intercept", "slope"), [(-3.0, 1.2), (0.5, -2.0), (-7.0, 0.3)])
def test_fit_line__agrees_with_scikit_learn(intercept: float, slope: float) -> None:
    rng = np.random.default_rng(1)
    score = rng.normal(-3, 2, 20_000)
    events = (rng.random(score.size) < 1 / (1 + np.exp(-(intercept + slope * score)))).astype(float)
    expected = LogisticRegression(C=1e9, tol=1e-10).fit(score[:, None], events > 0)
    found = fit_line(score, events)
    assert found == pytest.approx((expected.intercept_[0], expected.coef_[0, 0]), rel=1e-3)


def test_fit_line__trials_are_repeated_samples() -> None:
    score, events, trials = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 4.0]), np.array([10.0, 8.0, 5.0])
    long_events = np.concatenate(
        [np.r_[np.ones(int(e)), np.zeros(int(t - e))] for e, t in zip(events, trials, strict=True)]
    )
    assert fit_line(score, events, trials) == pytest.approx(fit_line(np.repeat(score, trials.astype(int)), long_events))


def test_errors__are_built_in_types_too() -> None:
    assert issubclass(HtgeoError, Exception)
    with pytest.raises(ValueError, match="resolution"):
        ht.make_grid(None, resolution=16, start="2021-01-01", end="2021-01-02")  # type: ignore[arg-type]


def test_public_names__are_documented() -> None:
    names = [name for name in ht.__all__ if name != "__version__"]
    assert len(names) == len(set(names))
    for name in names:
        assert getattr(ht, name).__doc__, name


def test_import__stays_light() -> None:
    import subprocess
    import sys

    heavy = (
        "numba lightgbm xgboost torch sklearn geopandas shapely bokeh hvplot dask.array pandera icechunk pydantic scipy"
    )
    code = f"import sys, htgeo; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "stage", ["features", "labels", "hotspots", "tensors", "models", "evaluation", "disclosure", "maps"]
)
def test_later_stages__are_attributes_of_the_package(stage: str) -> None:
    code = f"import sys, htgeo; assert 'htgeo.{stage}' not in sys.modules; assert htgeo.{stage}.__name__ == 'htgeo.{stage}'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name__can_be_loaded() -> None:
    assert [name for name in ht.__all__ if not hasattr(ht, name)] == []
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ht.nothing  # noqa: B018
