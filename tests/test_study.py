"""Study files: mistakes are named with their line; a small study runs to its whole output folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from htgeo.core.errors import SettingsError
from htgeo.study import load_study

GOOD = """\
name: small
region: {file: boroughs.geojson, name_column: boro_name}
layers: [{file: precincts.geojson, name_column: precinct, layer: precinct}]
grid: {resolution: 7, start: 2021-01-01, end: 2021-06-30}
sources:
  crime: {kind: nypd_complaints, file: complaints.csv.gz}
  case: {kind: tahub_cases, file: cases.csv}
  jfk: {kind: series, file: jfk_passengers.csv, time: Activity Period, value: Revenue Passenger Volume, frequency: month, publication_lag: 10}
  hotel: {kind: places, file: hotels.csv, lon: Longitude, lat: Latitude, key: BBL}
label: {source: crime, categories: [ROBBERY], within_days: 3}
features: [{lag: {layer: crime, days: [1, 7]}}, {recency: {layer: target}}, calendar, static]
models: [historical_rate, {ewma_rate: {half_life: 30}}, {lightgbm: {max_trees: 30}}]
split: {train_until: 2021-04-30, validate_until: 2021-05-20, test_until: 2021-06-25}
outputs: {map: true, map_days: 20, export: [gpkg, csv], export_days: 2, report: false}
"""


@pytest.fixture
def folder(city: Path, tmp_path: Path) -> Path:
    for file in city.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("resolution: 7", "resolution: eight", r"line 4: grid.resolution: input should be a valid integer.* \(given: 'eight'\)"),
        ("resolution: 7", "resolution: 17", "line 4: grid.resolution: input should be less than or equal to 15"),
        ("resolution: 7", "resolutoin: 7", r"line 4: unknown key 'grid.resolutoin'; did you mean 'resolution'\?; allowed are resolution, start, end"),
        ("name: small", "nome: small", r"line 1: unknown key 'nome'; did you mean 'name'\?"),
        ("name: small\n", "", "line 1: the key 'name' is missing in the file"),
        ("cases.csv", "case.csv", r"line 7: sources.case.*there is no file 'case.csv' \(relative to the study file\); did you mean 'cases.csv'"),
        ("kind: tahub_cases", "kind: tahub", r"line 7: sources.case: there is no source 'tahub'; known are .*did you mean 'tahub_cases'"),
        ("kind: tahub_cases,", "kind: tahub_cases, role: [x],", r"line 7: sources.case: the source 'tahub_cases' has no option 'role'; did you mean 'roles'"),
        ("frequency: month", "frequency: week", r"line 8: sources.jfk: the source 'series', option 'frequency': input should be 'month' or 'day' \(given: 'week'\)"),
        ("{ewma_rate: {half_life: 30}}", "{ewma_rate: {half_life: 30}}, ewma_rate", "line 12: models: the model 'ewma_rate' stands twice"),
        ("features: [", "features: [{default: {days: [1]}}, ", "line 11: features: the feature set 'default' takes no options"),
        ("days: [1, 7]", "days: [0]", "line 11: features: lags must be whole days of at least 1, not 0"),
        ("max_trees: 30", "max_tree: 30", r"line 12: models: the model 'lightgbm' has no option 'max_tree'; did you mean 'max_trees'"),
        ("kind: tahub_cases,", "kind: tahub_cases, roles: Arrest,", r"line 7: sources.case: the source 'tahub_cases', option 'roles': .*\(given: 'Arrest'\)"),
        ("start: 2021-01-01", "start: 2021-02-30", "is not readable YAML: day is out of range"),
        ("source: crime, cat", "source: crimes, cat", "line 10: label.source 'crimes' is none of the sources: crime, case, jfk, hotel"),
        ("source: crime, cat", "source: jfk, cat", "line 10: label.source 'jfk' gives series, not events"),
        ("[historical_rate,", "[historical,", r"line 12: models: there is no model 'historical'; known are .*did you mean 'historical_rate'"),
        ("calendar, static", "calender, static", r"line 11: features: there is no feature 'calender'; .*did you mean 'calendar'"),
        ("[gpkg, csv]", "[gpkg, shp]", "line 14: outputs: there is no export 'shp'; known are .*csv.*gpkg.*"),
        ("test_until: 2021-06-25", "test_until: 2021-07-25", "must lie within the days of the grid"),
        ("train_until: 2021-04-30", "train_until: 2021-05-30", "must follow one another"),
        ("grid: {", "grid: {time_zone: Mars, ", "line 4: grid.time_zone: there is no time zone 'Mars'"),
        ("name: small", "name: small\nname: twice", "line 2: the key 'name' stands twice"),
        ("name: small", "name: [", "is not readable YAML"),
        ("name: small", "name: !!python/object/apply:os.system [ls]", "is not readable YAML"),
    ],
)  # fmt: skip
def test_mistakes__are_named_with_their_line(folder: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingsError, match=message):
        load_study(write(folder, GOOD.replace(old, new)))


def htgeo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "htgeo", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_run__writes_the_whole_output_folder(folder: Path) -> None:
    write(folder, GOOD)
    done = htgeo("run", "study.yaml", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    out = folder / "out"
    names = {
        str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and "cube" not in p.parts[len(out.parts) :][:1]
    }
    assert {
        "rows.json",
        "scores.json",
        "maps/risk.html",
        "export/risk.gpkg",
        "export/risk.csv",
        "study.yaml",
        "log.txt",
    } <= names
    rows = json.loads((out / "rows.json").read_text())
    assert rows["crime"]["rows"] == rows["crime"]["kept"] + rows["crime"]["repaired"] + rows["crime"]["quarantined"]
    scores = json.loads((out / "scores.json").read_text())
    assert set(scores) == {"historical_rate", "ewma_rate", "lightgbm"}
    assert set(scores["lightgbm"]["pr_auc"]) == {"value", "low", "high", "against"}
    assert "out/maps/risk.html" in done.stdout
    assert "Not for stops" in done.stdout
    assert "made-up" not in "".join(
        p.read_text("utf-8", errors="ignore") for p in out.rglob("*") if p.suffix in (".csv", ".json", ".txt", ".html")
    )
    load_study_again = (out / "study.yaml").read_text()
    assert "edge: center" in load_study_again
    assert "the run ended early" not in (out / "log.txt").read_text()
    cube_vars = _variables(out / "cube")
    assert {"crime", "crime_known", "target", "risk_lightgbm", "target_any_within_3"} <= cube_vars
    assert not any(name.startswith("crime_lag") for name in cube_vars)  # features are computed where they are used


def _variables(store: Path) -> set[str]:
    import htgeo as ht

    return set(map(str, ht.open_cube(store).data_vars))


def test_run__same_files_same_seed_same_bytes(folder: Path) -> None:
    write(folder, GOOD.replace("features: [", "features: default # [").replace("map: true", "map: false"))
    for out in ("one", "two"):
        done = htgeo("run", "study.yaml", "--out", out, cwd=folder)
        assert done.returncode == 0, done.stderr
    for file in ("scores.json", "rows.json", "export/risk.csv"):
        assert (folder / "one" / file).read_bytes() == (folder / "two" / file).read_bytes(), file


def test_features__default_is_extended_and_replaced(folder: Path) -> None:
    import htgeo as ht
    from htgeo.study.learn import study_features

    study = load_study(
        write(
            folder,
            GOOD.replace(
                "features: [{lag: {layer: crime, days: [1, 7]}}, {recency: {layer: target}}, calendar, static]",
                "features: [default, {calendar: {names: [weekday]}}, {lag: {layer: crime, days: [2]}}]",
            ),
        )
    )
    features = study_features(list(study.features), ht.demo_cube())
    assert [f.names for f in features if f.name == "calendar"] == [["weekday"]]
    assert [list(f.days) for f in features if f.name == "lag"] == [[2]]
    assert {"rolling_sum", "ring_sum", "recency", "static"} <= {f.name for f in features}


def test_run__never_overwrites_a_study_file_of_the_user(folder: Path) -> None:
    path = write(folder, GOOD)
    done = htgeo("run", "study.yaml", "--out", ".", cwd=folder)
    assert (done.returncode, "choose another folder with --out" in done.stderr) == (2, True)
    assert path.read_text() == GOOD


def test_label_of_all_events__makes_no_second_layer(folder: Path) -> None:
    write(
        folder,
        GOOD.replace("source: crime, categories: [ROBBERY]", "source: point")
        .replace(
            "sources:\n",
            "sources:\n  point: {kind: table, file: points.csv, columns: {occurred: when, lon: lon, lat: lat}}\n",
        )
        .replace(", {recency: {layer: target}}", "")
        .replace(", {lightgbm: {max_trees: 30}}", ""),
    )
    days = [f"2021-{m:02d}-{d:02d},-73.9{d % 10},40.7{m}" for m in range(1, 7) for d in range(1, 29)]
    (folder / "points.csv").write_text("when,lon,lat\n" + "\n".join(days) + "\n")
    done = htgeo("run", "study.yaml", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "target" not in _variables(folder / "out" / "cube")
    assert "point_any_within_3" in _variables(folder / "out" / "cube")


def test_cli__bad_study_ends_with_one_message_and_code_2(folder: Path) -> None:
    write(folder, GOOD.replace("resolution: 7", "resolutoin: 7"))
    done = htgeo("run", "study.yaml", cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("htgeo: study.yaml cannot be used:\n  line 4: unknown key 'grid.resolutoin'")


def test_cli__failing_run_is_logged(folder: Path) -> None:
    write(folder, GOOD.replace("[ROBBERY]", "[PIRACY]"))
    done = htgeo("run", "study.yaml", "--out", "out", cwd=folder)
    assert done.returncode == 2
    assert "no event has the category PIRACY; the file has" in done.stderr
    assert "the run ended early" in (folder / "out" / "log.txt").read_text()


def test_cli__init_and_list(tmp_path: Path) -> None:
    assert htgeo("init", "nyc", cwd=tmp_path).returncode == 0
    assert htgeo("--version", cwd=tmp_path).stdout.startswith("htgeo 0.")
    assert htgeo("init", "city", "--out", "city.yaml", cwd=tmp_path).returncode == 0
    again = htgeo("init", "nyc", cwd=tmp_path)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    missing = htgeo("run", "study.yaml", cwd=tmp_path)
    assert "there is no file 'boroughs.geojson' (relative to the study file)" in missing.stderr
    for what, name in {
        "features": "ring_sum",
        "models": "lightgbm",
        "sources": "tahub_cases",
        "scores": "pai_5",
        "exports": "gpkg",
        "labels": "any_within",
    }.items():
        assert name in htgeo("list", what, cwd=tmp_path).stdout
    wrong = htgeo("list", "feature", cwd=tmp_path)
    assert (wrong.returncode, "did you mean 'features'" in wrong.stderr) == (2, True)


def test_cli__help_loads_nothing_heavy() -> None:
    heavy = "numba lightgbm torch sklearn geopandas bokeh hvplot dask.array pandera icechunk pydantic"
    code = f"import sys; from htgeo.cli.main import main; sys.argv = ['htgeo', '--help']\ntry: main()\nexcept SystemExit: pass\nprint([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


FEW = (
    ("features: [{lag: {layer: crime, days: [1, 7]}}, {recency: {layer: target}}, calendar, static]\n", "features: [{recency: {layer: crime}}]\n"),
    ("models: [historical_rate, {ewma_rate: {half_life: 30}}, {lightgbm: {max_trees: 30}}]\n", "models: [historical_rate, ewma_rate]\n"),
    ("outputs: {map: true, map_days: 20, export: [gpkg, csv], export_days: 2, report: false}\n", "outputs: {map: false, report: false}\n"),
)  # fmt: skip


def few(text: str) -> str:
    """Return the study without what takes long."""
    for old, new in FEW:
        assert old in text
        text = text.replace(old, new)
    return text


def test_sources__selected_thinned_and_delayed(folder: Path) -> None:
    import htgeo as ht
    from htgeo.study import run_study

    crime = "  crime: {kind: nypd_complaints, file: complaints.csv.gz"
    text = few(GOOD).replace("source: crime, categories: [ROBBERY]", "source: robbery")
    robbery = crime.replace("crime:", "robbery:") + ", select: [ROBBERY]"
    text = text.replace(f"{crime}}}", f"{robbery}, thin: 0.5, delay: 28}}\n{robbery.replace('robbery:', 'crime:')}}}")
    run_study(load_study(write(folder, text)), folder / "out")
    cube = ht.open_cube(folder / "out" / "cube")
    assert 0.4 < float(cube["robbery"].sum() / cube["crime"].sum()) < 0.6
    assert float(cube["robbery_known"].sel(time="2021-01").isel(time=slice(0, 28)).sum()) == 0
    with pytest.raises(SettingsError, match="select, thin and delay are for events; 'series' gives"):
        load_study(write(folder, text.replace("kind: series,", "kind: series, thin: 0.5,")))
    with pytest.raises(SettingsError, match=r"sources.robbery.thin: input should be greater than 0"):
        load_study(write(folder, text.replace("thin: 0.5", "thin: 0")))


def test_evaluation__by_parts_over_some_cells_beside_anchors(folder: Path) -> None:
    import htgeo as ht
    from htgeo.study import run_study
    from htgeo.study.scores import beside_anchors, scored_cells

    added = (
        "evaluation: {by: [borough, month], cells_with: [crime], draws: 20, "
        "anchors: {ewma_rate: {pr_auc: 0.5}, goal: {pr_auc: 0.6}}}\n"
    )
    study = load_study(write(folder, few(GOOD) + added))
    table = run_study(study, folder / "out")
    scores = json.loads((folder / "out" / "scores.json").read_text())
    assert scores["ewma_rate"]["pr_auc"]["anchor"] == 0.5
    parts = scores["historical_rate"]["log_loss"]["by"]
    assert set(parts["month"]) == {"2021-05", "2021-06"}
    assert {"value", "low", "high"} == set(next(iter(parts["borough"].values())))
    cube = ht.open_cube(folder / "out" / "cube")
    late = cube["crime"].where((cube["time"] >= np.datetime64("2021-05-21")) | (cube["cell"] > cube["cell"][9]), 0)
    kept = scored_cells(study, cube.assign(crime=late.assign_attrs(cube["crime"].attrs)), "2021-05-21")
    assert kept["cell"].values.tolist() == cube["cell"].values[10:].tolist()
    rate = float(kept["target_any_within_3"].sel(time=slice(None, "2021-05-20")).mean())
    assert kept["risk_ewma_rate"].attrs["base_rate"] == pytest.approx(rate)
    beside = beside_anchors(table, study)
    assert beside.index.tolist() == ["historical_rate", "ewma_rate", "goal"]
    assert beside.loc["goal", "pr_auc anchor"] == 0.6
    done = htgeo("run", "study.yaml", "--out", "again", cwd=write(folder, few(GOOD) + added).parent)
    assert "Beside the anchors that the study names" in done.stdout
    with pytest.raises(SettingsError, match=r"evaluation.by: 'boroug' is none of .*did you mean 'borough'"):
        load_study(write(folder, few(GOOD) + added.replace("borough", "boroug")))


CHECKS = (
    "evaluation: {draws: 20, alerts: {budget: {cells_per_day: 10}, objective: {f_beta: {beta: 2}}, reviewed_per_day: 5, cases: case}, "
    "cases: {source: case, errors_km: [0, 1]}, audit: {bias: [borough, static_people], leakage: true}}\n"
)


def test_evaluation__alerts_cases_and_audits_land_in_scores_and_card(folder: Path) -> None:
    import htgeo as ht
    from htgeo.study import run_study

    people = "  people: {kind: attributes, file: boroughs.geojson, name_column: boro_name, columns: {population: mean}, audit_only: true}\n"
    text = few(GOOD).replace("label: {source: crime", f"{people}label: {{source: crime") + CHECKS.replace(
        "static_people", "area_population"
    )
    run_study(load_study(write(folder, text)), folder / "out")
    scores = json.loads((folder / "out" / "scores.json").read_text())
    shown = scores["ewma_rate"]
    assert {"threshold", "funnel", "cases", "bias by borough", "bias by area_population", "leakage"} <= set(shown)
    assert set(scores["historical_rate"]).isdisjoint({"threshold", "funnel"})
    assert shown["threshold"]["span"][1] <= "2021-05-20"
    flagged = {stage["name"]: stage["count"] for stage in shown["funnel"]["stages"]}["flagged"]
    cube = ht.open_cube(folder / "out" / "cube")
    assert float(cube["alert_ewma_rate"].sel(time=slice(*shown["funnel"]["days"])).sum()) == flagged
    card = (folder / "out" / "models" / "ewma_rate" / "card.md").read_text("utf-8")
    assert "## Funnel" in card
    assert "## Bias by borough" in card
    assert shown["leakage"]["passed"] is True
    for old, new, message in (
        ("cells_per_day", "cells_a_day", r"give one of cells_per_day.*did you mean 'cells_per_day'"),
        ("source: case", "source: cases", r"evaluation.cases.source: 'cases' is none of .*did you mean 'case'"),
        ("beta: 2", "beta: -2", "beta must be"),
    ):
        with pytest.raises(SettingsError, match=message):
            load_study(write(folder, text.replace(old, new)))


AREAS = """\
name: areas
region: {file: precincts.geojson, name_column: precinct, layer: precinct}
layers: [{file: boroughs.geojson, name_column: boro_name}]
grid: {start: 2021-01-01, end: 2021-12-31, freq: W, merge: {"1/5": ["1", "5"]}}
sources:
  robbery: {kind: area_counts, file: weeks.csv, area: precinct, time: week, category: offense, value: n, select: [ROBBERY]}
  rape: {kind: area_counts, file: weeks.csv, area: precinct, time: week, category: offense, value: n, select: [RAPE]}
label: {source: robbery, within_days: 7}
models: [historical_rate, ewma_rate, {lightgbm: {max_trees: 5}}]
split: {train_until: 2021-08-31, validate_until: 2021-09-30, test_until: 2021-12-26}
evaluation: {by: [borough], draws: 20, alerts: {budget: {area_share: 0.4}}}
outputs: {map: false, report: false}
"""


def test_study_of_areas_and_weeks(folder: Path) -> None:
    import htgeo as ht
    from htgeo.study import run_study

    names = ht.read_region(folder / "precincts.geojson", name_column="precinct", layer="precinct").names
    rng = np.random.default_rng(0)
    weeks = np.arange("2021-01-04", "2021-12-27", 7, dtype="datetime64[D]")
    lines = [
        f"{name},{week},{offense},{rng.poisson(rate)}"
        for name, rate in zip(names, rng.uniform(0.05, 1, len(names)), strict=True)
        for week in weeks
        for offense in ("ROBBERY", "RAPE")
    ]
    (folder / "weeks.csv").write_text("\n".join(["precinct,week,offense,n", *lines, "UNKNOWN,2021-01-04,RAPE,3"]))
    table = run_study(load_study(write(folder, AREAS)), folder / "out")
    cube = ht.open_cube(folder / "out" / "cube")
    assert cube["risk_lightgbm"].dims == ("precinct", "time")
    assert cube.sizes["precinct"] == len(names) - 1
    assert table.attrs["scored"] == "precinct-weeks"
    assert float(table["cell_days"]) == (len(names) - 1) * 12
    scores = json.loads((folder / "out" / "scores.json").read_text())
    assert {"threshold", "funnel"} <= set(scores["lightgbm"])
    assert set(scores["lightgbm"]["pr_auc"]["by"]["borough"]) <= set(cube["borough"].values.tolist())
    assert json.loads((folder / "out" / "rows.json").read_text())["rape"]["quarantined"] == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("freq: W", "resolution: 7, freq: W", "label.source 'robbery' gives area_counts, not events; a study of cells needs them"),
        ("kind: area_counts, file: weeks.csv, area: precinct, time: week, category: offense, value: n, select: [RAPE]", "kind: tahub_cases, file: cases.csv", "a study of areas has counts by area only"),
        ("{map: false, report: false}", "{map: true, report: false}", r"maps and exports need cells; in a study of areas set outputs: \{map: false\}"),
        ("source: robbery,", "source: robbery, categories: [X],", "in a study of areas choose them at the source"),
    ],
)  # fmt: skip
def test_study_of_areas__mistakes(folder: Path, old: str, new: str, message: str) -> None:
    (folder / "weeks.csv").write_text("precinct,week,offense,n\n1,2021-01-04,RAPE,3")
    assert old in AREAS
    with pytest.raises(SettingsError, match=message):
        load_study(write(folder, AREAS.replace(old, new)))


def test_repeats__mean_and_interval_over_seeds(folder: Path) -> None:
    from htgeo.study import run_study

    text = few(GOOD).replace("kind: nypd_complaints,", "kind: nypd_complaints, thin: 0.6,")
    table = run_study(load_study(write(folder, text + "repeats: 3\n")), folder / "out")
    alone = [
        json.loads((folder / "out" / f"seed-{seed}" / "scores.json").read_text())["ewma_rate"]["log_loss"]["value"]
        for seed in range(3)
    ]
    at = table.sel(model="ewma_rate", score="log_loss")
    assert float(at["value"]) == pytest.approx(sum(alone) / 3)
    assert len(set(alone)) == 3
    assert float(at["low"]) < min(alone) < max(alone) < float(at["high"])
    assert json.loads((folder / "out" / "scores.json").read_text())["ewma_rate"]["log_loss"]["value"] == float(
        at["value"]
    )


def test_file__names_an_environment_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder, GOOD.replace("file: cases.csv", 'file: "${HTGEO_TRIAL}/cases.csv"'))
    with pytest.raises(SettingsError, match="names the environment variable HTGEO_TRIAL, which is not set"):
        load_study(path)
    monkeypatch.setenv("HTGEO_TRIAL", str(folder))
    assert load_study(path).sources["case"].file == [folder.resolve() / "cases.csv"]


MODELS = (
    "[historical_rate, {lightgbm: {max_trees: 5}}, {lightgbm: {max_trees: 5, offset: historical_rate, as: on_rate}}]"
)


def test_models__one_kind_twice_under_names_of_their_own(folder: Path) -> None:
    import htgeo as ht
    from htgeo.study.run import run_study
    from htgeo.study.sizes import study_sizes

    old = next(line for line in GOOD.splitlines() if line.startswith("models:"))
    text = GOOD.replace(old, f"models: {MODELS}").replace("map: true", "map: false").replace("[gpkg, csv]", "[]")
    study = load_study(write(folder, text))
    assert study.model_names == ["historical_rate", "lightgbm", "on_rate"]
    assert study_sizes(study).trees == 10
    table = run_study(study, folder / "out")
    assert table["model"].values.tolist() == study.model_names
    assert sorted(path.name for path in (folder / "out" / "models").iterdir()) == study.model_names
    cube = ht.open_cube(folder / "out" / "cube")
    assert {"risk_lightgbm", "risk_on_rate"} <= set(cube.data_vars)
    model = ht.load_model(folder / "out" / "models" / "on_rate")
    assert model.offset_.name == "historical_rate"
    assert "log_loss" in (folder / "out" / "models" / "on_rate" / "card.md").read_text("utf-8")


def test_models__a_name_that_is_no_name(folder: Path) -> None:
    text = GOOD.replace("{max_trees: 30}", "{max_trees: 30, as: on rate}")
    with pytest.raises(SettingsError, match=r"the model 'lightgbm' cannot be called 'on rate' \(as\)"):
        load_study(write(folder, text))
