"""netCDF and zarr: exact values, CF and DGGS attributes, read by xarray and xdggs."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import InputError
from htgeo.export.exchange import frame, in_equal_blocks
from htgeo.export.product import choose

ALL = slice(None, None)
BOTH = pytest.mark.parametrize("suffix", ["nc", "zarr"])


def opened(path: Path) -> xr.Dataset:
    if path.suffix == ".zarr":
        return xr.open_zarr(path, consolidated=False)
    pytest.importorskip("h5netcdf")
    return xr.open_dataset(path, engine="h5netcdf")


@pytest.fixture
def mixed(cube: xr.Dataset) -> xr.Dataset:
    """Counts, a truth, a whole number by place, and missing values."""
    total = cube["crime"].sum("time").compute()
    holes = cube["crime"].where(cube["crime"] < 2)
    return cube.assign(alert=cube["crime"] > 0, total=total.astype("int32"), holes=holes)


@BOTH
def test_arrays__hold_ids_days_and_values_exactly(mixed, tmp_path, suffix):
    names = ["crime", "alert", "total", "holes"]
    made = opened(ht.export(mixed, tmp_path / f"a.{suffix}", names, time=slice("2021-02-01", "2021-05-15")))
    expected = mixed.sel(time=slice("2021-02-01", "2021-05-15"))
    for name in names:
        assert made[name].dtype == mixed[name].dtype
        assert made[name].dims == mixed[name].dims
        np.testing.assert_array_equal(made[name].values, expected[name].values)
    assert made["cell_ids"].dtype == np.uint64
    np.testing.assert_array_equal(made["cell_ids"].values, mixed["cell"].values)
    np.testing.assert_array_equal(made["time"].values, expected["time"].values)
    for name in ("lon", "lat", "cell_area"):
        np.testing.assert_array_equal(made[name].values, mixed[name].values)
    for name in ("borough", "precinct"):
        assert made[name].values.astype(object).tolist() == mixed[name].values.tolist()
    assert set(made.data_vars) == set(names)


@BOTH
def test_arrays__attributes_of_cf(mixed, tmp_path, suffix):
    made = opened(ht.export(mixed, tmp_path / f"a.{suffix}", ["crime", "alert"], time=ALL))
    assert made.attrs["Conventions"] == "CF-1.11"
    assert made.attrs["audience"] == "internal"
    assert "Not for stops" in made.attrs["intended_use"]
    assert made["crime"].attrs["cell_methods"] == "time: sum"
    assert made["crime"].attrs["units"] == "1"
    assert made["alert"].attrs["flag_meanings"] == "no yes"
    assert made["time"].attrs["standard_name"] == "time"
    assert made["time"].encoding["units"] == "days since 1970-01-01"
    assert made["time"].encoding["dtype"] == np.int32
    assert made["lon"].attrs["units"] == "degrees_east"
    bounds = made["time_bnds"].values
    np.testing.assert_array_equal(bounds[:, 0], made["time"].values)
    assert (np.diff(bounds, axis=1) == np.timedelta64(1, "D")).all()


@BOTH
def test_arrays__names_of_the_grid(mixed, tmp_path, suffix):
    made = opened(ht.export(mixed, tmp_path / f"a.{suffix}", "crime"))
    assert dict(made["cell_ids"].attrs) == {"grid_name": "h3", "level": 7}
    if suffix == "zarr":
        grid = {"name": "h3", "refinement_level": 7, "spatial_dimension": "cell", "coordinate": "cell_ids"}
        assert made.attrs["dggs"] == {**grid, "compression": "none"}
        assert made.attrs["zarr_conventions"][0]["uuid"] == "7b255807-140c-42ca-97f6-7a1cfecdbc38"


@BOTH
def test_arrays__decoded_by_xdggs(mixed, tmp_path, suffix):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own imports warn
        pytest.importorskip("xdggs", reason="xdggs brings 16 packages and is not installed")
    made = opened(ht.export(mixed, tmp_path / f"a.{suffix}", "crime", time=ALL))
    decoded = made.dggs.decode()
    assert decoded.dggs.grid_info.level == 7
    centers = decoded.dggs.cell_centers()
    np.testing.assert_allclose(centers["longitude"].values, mixed["lon"].values, atol=1e-9)
    if suffix == "zarr":
        assert made.dggs.decode(convention="zarr").dggs.grid_info.level == 7


def test_zarr__chunks_of_one_size(cube, tmp_path):
    path = ht.export(cube, tmp_path / "a.zarr", "crime", time=ALL, area={"borough": ["Queens", "Bronx"]})
    group = zarr.open_group(path, mode="r")
    assert group["crime"].metadata.zarr_format == 3
    assert group["crime"].chunks[1] <= 182
    part = cube.isel(cell=np.isin(cube["borough"].values, ["Queens", "Bronx"]))
    np.testing.assert_array_equal(opened(path)["crime"].values, part["crime"].values)


def test_in_equal_blocks__also_for_some_areas(cube):
    with no_compute():
        product = choose(cube, ["crime"], time=ALL, area={"borough": "Queens"}, audience="internal", region=None)
        made, size = in_equal_blocks(product)
        assert frame(product).sizes["cell"] == product.cube.sizes["cell"]
    sizes = made.cube["crime"].chunksizes["cell"]
    assert set(sizes[:-1]) <= {size}
    assert sizes[-1] <= size


@BOTH
def test_arrays__areas_by_name(cube, tmp_path, suffix):
    areas = ht.aggregate(cube, "borough")
    name = str(next(iter(areas.data_vars)))
    made = opened(ht.export(areas, tmp_path / f"a.{suffix}", name, time=ALL))
    assert made["borough"].values.astype(object).tolist() == areas["borough"].values.tolist()
    np.testing.assert_array_equal(made[name].values, areas[name].values)
    assert "dggs" not in made.attrs


def test_netcdf__says_what_it_needs(cube, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5netcdf", None)
    with pytest.raises(InputError, match=r"pip install 'htgeo\[netcdf\]'; or choose .zarr"):
        ht.export(cube, tmp_path / "a.nc", "crime")
    assert list(tmp_path.iterdir()) == []


@BOTH
@pytest.mark.parametrize("freq", ["W", "M"])
def test_arrays__bounds_of_longer_steps(cube, tmp_path, suffix, freq):
    made = opened(ht.export(ht.aggregate(cube, freq=freq), tmp_path / f"a.{suffix}", "crime", time=ALL))
    bounds = made["time_bnds"].values
    np.testing.assert_array_equal(bounds[:, 0], made["time"].values)
    np.testing.assert_array_equal(bounds[:-1, 1], bounds[1:, 0])
    assert bounds[-1, 1] == np.datetime64({"W": "2021-06-28", "M": "2021-07-01"}[freq])


@BOTH
def test_arrays__two_region_layers_together(cube, tmp_path, suffix):
    """Places in an area of each layer, in the order of the cube."""
    precinct = str(cube["precinct"].values[cube["borough"].values == "Queens"][-1])
    wanted = (cube["borough"].values == "Queens") & (cube["precinct"].values == precinct)
    area = {"borough": ["Queens", "Bronx"], "precinct": precinct}
    made = opened(ht.export(cube, tmp_path / f"a.{suffix}", "crime", time=ALL, area=area))
    assert 0 < wanted.sum() < (cube["borough"].values == "Queens").sum()
    np.testing.assert_array_equal(made["cell_ids"].values, cube["cell"].values[wanted])
    np.testing.assert_array_equal(made["crime"].values, cube["crime"].values[wanted])
