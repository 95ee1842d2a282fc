"""What an attack on maps and hot spots found."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.maps.page import _explained


@pytest.fixture
def why(labelled: xr.Dataset) -> xr.Dataset:
    train, _ = ht.split_time(labelled, "2021-05-01")
    model = ht.LightGBM(max_trees=5, validation_days=20).fit(train)
    cube = ht.add_risk(ht.add_risk(labelled, model), ht.HistoricalRate().fit(train))
    return ht.add_contributions(cube, model, time=slice("2021-05-01", "2021-05-03"))


def test_reasons__are_those_of_the_model_shown(why: xr.Dataset) -> None:
    explained = {
        name: _explained(why, ht.variable_layer(why, name))
        for name in ("risk_lightgbm", "risk_historical_rate", "crime")
    }
    assert explained == {"risk_lightgbm": True, "risk_historical_rate": False, "crime": False}
    assert '"explained": false' in ht.map_page(why, "risk_historical_rate", layers=["risk_historical_rate"])


def test_gi_star__an_infinite_value_is_a_missing_one(cube: xr.Dataset) -> None:
    counts = cube["crime"].isel(time=slice(0, 5)).load()
    odd = [
        cube.isel(time=slice(0, 5)).assign(
            crime=counts.copy(data=np.where(np.arange(5) == 2, gap, counts.values * 1.0).astype("float32"))
        )
        for gap in (np.inf, np.nan)
    ]
    infinite, missing = (
        ht.add_getis_ord(one.assign(crime=one["crime"].assign_attrs(counts.attrs)), "crime", each_step=True)
        for one in odd
    )
    np.testing.assert_array_equal(infinite["crime_gi_z"].values, missing["crime_gi_z"].values)


def test_mann_kendall__an_infinite_value_is_a_missing_one() -> None:
    infinite, missing = (ht.mann_kendall(np.array([[1, 2, gap, 3, 4, 5]])) for gap in (np.inf, np.nan))
    assert infinite.s[0] == missing.s[0] == 10
    assert infinite.p[0] == missing.p[0]


def test_save__refuses_a_suffix_that_it_does_not_write(cube: xr.Dataset, tmp_path: Path) -> None:
    picture = ht.map_risk(cube, "crime", time="2021-03-01")
    with pytest.raises(InputError, match=r"written as .html, .png, .svg; 'map.pdf' ends otherwise"):
        picture.save(tmp_path / "map.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        picture.save(tmp_path / "file" / "map.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
