"""Planted leaks are caught and named, and what does not leak is left alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import no_compute

import htgeo as ht
from htgeo.core.errors import CubeError, InputError
from htgeo.cube.schema import stamp
from htgeo.evaluation.splits import rolling_origin
from htgeo.models import MODELS
from htgeo.study.audit import audit_leakage
from htgeo.study.audit_split import audit_split
from htgeo.study.findings import Finding, LeakageReport

SPLIT = "2021-05-01"
OWN = [ht.Lag("crime", days=[1, 7]), ht.RollingSum("crime", days=[28]), ht.RingSum("crime", days=28)]


@pytest.fixture(scope="module")
def two_layers(crimes: ht.Events, grid: ht.Grid) -> xr.Dataset:
    """Crimes and other offences, with a label of the day itself."""
    points = crimes.select(precision="point")
    common = points.table["category"].value_counts().index[0]
    rest = [name for name in points.table["category"].unique() if name != common]
    layers = {"crime": points.select(category=[common]), "other": points.select(category=rest)}
    return ht.add_label(ht.grid_events(layers, grid), ht.AnyWithin("crime", days=1))


def whole_mean(cube: xr.Dataset) -> xr.DataArray:
    """Cell mean over the whole period, test included."""
    return cube["crime_known"].mean("time")


def ring_today(cube: xr.Dataset) -> xr.DataArray:
    """Same-day events of ring 1."""
    tomorrow = cube["crime_known"].shift(time=-1)
    later = cube.assign(crime_known=tomorrow.assign_attrs(cube["crime_known"].attrs))
    return ht.add_features(later, [ht.RingLag("crime", days=[1])])["crime_ring1_lag_1"].drop_attrs()


def other_today(cube: xr.Dataset) -> xr.DataArray:
    """Same-day other offences in the cell."""
    return cube["other_known"] + 0


def centred(cube: xr.Dataset) -> xr.DataArray:
    """Centred rolling mean of 15 days."""
    return cube["crime_known"].rolling(time=15, center=True, min_periods=1).mean()


def encoded(cube: xr.Dataset) -> xr.DataArray:
    """Target encoding: mean of the label by weekday and cell over all days, joined by a table."""
    label = cube["crime_any_within_1"].transpose("cell", "time").values
    table = pd.DataFrame(label, index=cube["cell"].values, columns=cube["time"].dt.dayofweek.values)
    means = table.T.groupby(level=0).mean().T
    return xr.DataArray(means[cube["time"].dt.dayofweek.values].to_numpy(), dims=("cell", "time"))


LEAKS = {leak.__name__: leak for leak in (whole_mean, ring_today, other_today, centred, encoded)}


@pytest.mark.parametrize("name", LEAKS)
def test_planted_column__is_named_and_the_others_are_not(two_layers: xr.Dataset, name: str) -> None:
    def columns(cube: xr.Dataset) -> xr.Dataset:
        made = ht.add_features(cube, OWN)
        return made.assign({name: LEAKS[name](cube)})

    report = audit_leakage(two_layers, columns, first_test=SPLIT)
    assert [(finding.check, finding.what) for finding in report.failed] == [("future", name)]
    assert f"FAILED {name}: " in str(report)
    assert not report.passed
    assert not report.unchecked


@pytest.mark.parametrize("name", [name for name in LEAKS if name != "encoded"])  # a table is made in memory
def test_lazy_column_of_a_cube__is_made_again_from_its_graph(two_layers: xr.Dataset, name: str) -> None:
    values = LEAKS[name](two_layers)
    cube = ht.add_features(two_layers, OWN).assign({name: stamp(values, name, "feature", "1", name)})
    report = audit_leakage(cube, first_test=SPLIT)
    assert [(finding.check, finding.what) for finding in report.failed] == [("future", name)]
    checked = {finding.what for finding in report.findings if finding.check == "future" and finding.passed}
    assert checked == {name for name in cube if cube[name].attrs.get("feature")}


def test_model_on_a_leak__has_skill_on_shuffled_counts(two_layers: xr.Dataset) -> None:
    def columns(cube: xr.Dataset) -> xr.Dataset:
        return ht.add_features(cube, OWN).assign(centred=centred(cube))

    model = ht.LightGBM(max_trees=100, validation_days=30, params={"learning_rate": 0.1})
    report = audit_leakage(two_layers, columns, models=[model], first_test=SPLIT)
    failed = {(finding.check, finding.what) for finding in report.failed}
    of_model = {(check, "lightgbm") for check in ("risk", "training days", "shuffled in time", "shuffled over cells")}
    assert failed == {("future", "centred"), *of_model}
    risk = next(finding for finding in report.failed if finding.check == "risk")
    assert "may be why: centred" in risk.detail
    assert not hasattr(model, "label_")


@pytest.mark.parametrize("horizon", [1, 7])
def test_default_set__has_no_finding(cube: xr.Dataset, horizon: int) -> None:
    cube = ht.add_label(cube, ht.AnyWithin("crime", days=horizon))
    models = [ht.HistoricalRate(), ht.LightGBM(max_trees=20, validation_days=30)]
    report = audit_leakage(cube, "default", models=models, first_test=SPLIT, split=ht.split_time(cube, SPLIT))
    assert report.failed == []
    assert {finding.check for finding in report.findings} >= {"repeatable", "future", "late reports", "training days"}
    assert {finding.detail[:22] for finding in report.unchecked} == {"it has no value up to "}  # windows of a year
    assert "Leakage audit: passed" in str(report)
    assert report.to_dict()["passed"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_default_set__has_no_false_alarm_by_any_seed(labelled: xr.Dataset, seed: int) -> None:
    options = {"calibrated": {"days": 40}, "xgboost": {"max_trees": 40, "validation_days": 20}, "lightgbm": {"max_trees": 40, "validation_days": 20}}  # fmt: skip
    models = [MODELS[name](**options.get(name, {})) for name in MODELS if name not in ("lstm", "proxy_rate")]
    assert audit_leakage(labelled, models=models, first_test=SPLIT, seed=seed).failed == []


def test_counts__model_without_skill_has_no_finding(cube: xr.Dataset) -> None:
    model = ht.LightGBM(objective="poisson", max_trees=40, validation_days=30)
    label = ht.CountWithin("crime", days=1)
    report = audit_leakage(cube, OWN, label=label, models=[model], first_test=SPLIT)
    assert report.failed == []
    assert {finding.check for finding in report.findings} >= {"shuffled in time", "shuffled over cells"}


def test_events_not_yet_reported__may_not_be_used(crimes: ht.Events, grid: ht.Grid) -> None:
    late = ht.Events(crimes.select(precision="point").table.assign(), crimes.report)
    late.table["known"] = late.table["occurred"] + pd.Timedelta(days=20)
    prompt = ht.Events(late.table.assign(known=late.table["occurred"]), crimes.report)

    def columns(cube: xr.Dataset) -> xr.Dataset:
        return cube.assign(yesterday=cube["crime"].shift(time=1), reported=cube["crime_known"].shift(time=1))

    label = ht.AnyWithin("crime", days=1)
    slow, quick = (
        audit_leakage(ht.grid_events({"crime": events}, grid), columns, label=label, first_test=SPLIT)
        for events in (late, prompt)
    )
    assert [(finding.check, finding.what) for finding in slow.failed] == [("late reports", "yesterday")]
    assert quick.failed == []  # nothing is late: both clocks are one


@dataclass(frozen=True)
class Tomorrow(ht.Feature):
    """A feature that looks ahead."""

    name: ClassVar[str] = "test_tomorrow"
    summary: ClassVar[str] = "looks ahead"

    @property
    def look_back(self) -> int:
        return 0

    def columns(self, cube: xr.Dataset) -> dict[str, xr.DataArray]:
        values = cube["crime_known"].shift(time=-1).astype("float32")
        values.attrs = {"units": "1", "long_name": "tomorrow"}
        return {"tomorrow": values}


def test_feature_that_is_refused__is_a_finding(labelled: xr.Dataset) -> None:
    cube = labelled.drop_vars([name for name in labelled if labelled[name].attrs.get("feature")])
    report = audit_leakage(cube, [*OWN, Tomorrow()], first_test=SPLIT)
    assert [finding.what for finding in report.failed] == ["Tomorrow()"]
    assert "'tomorrow'" in report.failed[0].detail


def test_what_cannot_be_made_again__is_listed(cube: xr.Dataset) -> None:
    rates = cube["crime"].mean("time").values
    cube = ht.add_label(ht.add_features(cube, [OWN[0], ht.Calendar(["weekday"])]), ht.AnyWithin("crime", days=1))
    cube["joined"] = stamp(cube["lon"] * 2, "joined", "feature", "1", "joined")

    def columns(part: xr.Dataset) -> xr.Dataset:
        table = pd.Series(np.sqrt(rates), index=cube["cell"].values)
        return part.assign(outside=("cell", table.loc[part["cell"].values].to_numpy()))

    report = audit_leakage(cube, columns, first_test=SPLIT)
    assert report.failed == []
    assert {finding.what for finding in report.unchecked} == {"joined", "weekday", "outside"}
    assert "not checked: 3" in str(report)


@pytest.mark.parametrize("name", [name for name in LEAKS if name != "ring_today"])
def test_column_in_memory__that_is_a_mix_of_later_counts_is_named(two_layers: xr.Dataset, name: str) -> None:
    values = LEAKS[name](two_layers).compute()
    cube = ht.add_features(two_layers, OWN)
    honest = ["crime_lag_1", "crime_sum_28", "crime_ring1_sum_28"]
    cube = cube.assign({name: stamp(values, name, "feature", "1", name), **cube[honest].compute()})
    report = audit_leakage(cube, first_test=SPLIT)
    assert [finding.what for finding in report.failed] == [name]
    assert set(honest) <= {finding.what for finding in report.unchecked}


def test_column_by_chance__is_not_repeatable(cube: xr.Dataset) -> None:
    rng = np.random.default_rng(0)

    def columns(part: xr.Dataset) -> xr.Dataset:
        return part.assign(noise=("time", rng.random(part.sizes["time"])))

    report = audit_leakage(cube, columns, label=ht.AnyWithin("crime"), first_test=SPLIT)
    assert [(finding.check, finding.what) for finding in report.failed] == [("repeatable", "noise")]


class Peeker(ht.HistoricalRate):
    """Scales its risk by what the days to come hold; not registered, for it has no name of its own."""

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        return super()._risk(cube) * np.float32(1 / (1 + float(cube["crime_known"].mean())))


class Hoarder(ht.HistoricalRate):
    """Learns a factor from all days of a cube that it was given before."""

    whole: Callable[[], xr.Dataset]

    def _risk(self, cube: xr.Dataset) -> xr.DataArray:
        return super()._risk(cube) * np.float32(self.factor_)

    def _fit(self, cube: xr.Dataset, label: xr.DataArray) -> None:
        super()._fit(cube, label)
        self.factor_ = 1 / (1 + float(type(self).whole()["crime"].mean()))


def test_model_that_reads_ahead__is_named(cube: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    label = ht.AnyWithin("crime", days=1)
    report = audit_leakage(cube, label=label, models=[Peeker()], first_test=SPLIT, shuffle=False)
    assert {finding.check for finding in report.failed} == {"risk"}

    split = ht.split_time
    seen: list[xr.Dataset] = []

    def remembered(whole: xr.Dataset, date: str) -> tuple[xr.Dataset, xr.Dataset]:
        seen.append(whole)
        return split(whole, date)

    monkeypatch.setattr("htgeo.study.audit_models.split_time", remembered)
    monkeypatch.setattr(Hoarder, "whole", staticmethod(lambda: seen[-1]), raising=False)
    report = audit_leakage(cube, label=label, models=[Hoarder()], first_test=SPLIT, shuffle=False)
    assert [finding.check for finding in report.failed] == ["training days"]


def test_split__random_cell_days_are_named(labelled: xr.Dataset) -> None:
    label = labelled["crime_any_within_7"]
    drawn = xr.DataArray(np.random.default_rng(0).random(label.shape) < 0.8, coords=label.coords, dims=label.dims)
    stacked = labelled.stack(sample=("cell", "time"))  # noqa: PD013  # xarray's word
    chosen = drawn.values.ravel()
    pairs = {
        "masks": (drawn, ~drawn),
        "cubes": (labelled.where(drawn), labelled.where(~drawn)),
        "samples": (stacked.isel(sample=chosen), stacked.isel(sample=~chosen)),
    }
    for pair in pairs.values():
        (finding,) = audit_split(labelled, pair, 7)
        assert (finding.what, finding.passed) == ("split", False)
        assert "lie within the test days of the same cell" in finding.detail
    report = audit_leakage(labelled[["crime", "crime_known", label.name]], first_test=SPLIT, split=(drawn, ~drawn))
    assert [(finding.check, finding.what) for finding in report.failed] == [("split", "split")]


def test_split__in_time_needs_the_gap_of_the_label(labelled: xr.Dataset) -> None:
    train, test = ht.split_time(labelled, SPLIT)
    touching = labelled.sel(time=slice(None, "2021-04-30"))
    folds = [(train, test), (touching, test), (test, train)]
    findings = audit_split(labelled, folds, 7)
    assert [(finding.what, finding.passed) for finding in findings] == [
        ("split 1", True),
        ("split 2", False),
        ("split 3", False),
    ]
    assert f"{6 * labelled.sizes['cell']:,} lie within" in findings[1].detail


def test_split__of_places_is_no_leak(labelled: xr.Dataset) -> None:
    pair = labelled.isel(cell=slice(50)), labelled.isel(cell=slice(50, None))
    assert audit_split(labelled, pair, 7)[0].passed


def test_wrong_calls__say_what_is_allowed(cube: xr.Dataset, labelled: xr.Dataset) -> None:
    with pytest.raises(CubeError, match="the cube has 0 labels"):
        audit_leakage(cube, first_test=SPLIT)
    with pytest.raises(InputError, match=r"must lie inside the days of the cube, 2021-01-01 to 2021-06-30"):
        audit_leakage(labelled, first_test="2022-01-01")
    with pytest.raises(InputError, match="split must be"):
        audit_leakage(labelled, first_test=SPLIT, split=[(labelled,)])
    with pytest.raises(CubeError, match="no counts to change"):
        audit_leakage(labelled.drop_vars(["crime", "crime_known"]), first_test=SPLIT)


def test_cube__stays_lazy_and_as_it_was(labelled: xr.Dataset) -> None:
    before = set(labelled.variables)
    audit_leakage(labelled, first_test=SPLIT)
    assert set(labelled.variables) == before
    with no_compute():
        assert labelled["crime"].chunks is not None


def test_report__groups_what_failed_alike() -> None:
    report = LeakageReport((
        Finding("future", "a", False, "changes"),
        Finding("future", "b", False, "changes"),
        Finding("risk", "m", True, ""),
    ))  # fmt: skip
    assert "FAILED a, b: changes" in str(report)
    assert report.to_dict()["findings"][0] == {"check": "future", "what": "a", "passed": False, "detail": "changes"}


def test_split__folds_pass(labelled: xr.Dataset) -> None:
    folds = rolling_origin(labelled, first_test=SPLIT, test_days=20)
    findings = audit_split(labelled, folds, 7)
    assert [(finding.what, finding.passed) for finding in findings] == [
        ("split 2021-05-01", True),
        ("split 2021-05-21", True),
        ("split 2021-06-10", True),
    ]
    assert audit_split(labelled, folds[0], 7) == findings[:1]
    assert not audit_split(labelled, folds[0], 8)[0].passed  # a longer label reaches into the test days


def test_areas_by_week__are_audited_too(cube: xr.Dataset) -> None:
    """Areas instead of cells, weeks instead of days: the shift of a week is honest, the week itself is not."""
    weekly = cube[["crime", "crime_known"]].coarsen(time=7, boundary="trim").sum(keep_attrs=True)
    weekly = weekly.rename(cell="zone").assign_attrs(space="zone", step_days=7)

    def columns(part: xr.Dataset) -> xr.Dataset:
        return part.assign(last=part["crime_known"].shift(time=1), this=part["crime_known"] * 1)

    label = ht.AnyWithin("crime", days=7)
    report = audit_leakage(weekly, columns, label=label, first_test=SPLIT)
    assert [finding.what for finding in report.failed] == ["this"]
    assert not report.unchecked
