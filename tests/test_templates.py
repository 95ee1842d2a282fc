"""Templates of files: every source reads its own, and says of every column what the source does with it."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

import htgeo as ht
from htgeo.cli.template import template as command
from htgeo.core.errors import InputError, UnknownNameError
from htgeo.sources import SOURCES
from htgeo.sources.base import Source, read_source
from htgeo.sources.file_template import TEMPLATES, Field, FileTemplate, described
from htgeo.sources.file_templates import write_template
from htgeo.study.settings import RegionSettings, SourceSettings

ROOT = Path(__file__).parents[1]
NAMES = [name for name in TEMPLATES if not name.startswith("test_")]
READ = [name for name in NAMES if TEMPLATES[name].source is not None]
CSV = [name for name in NAMES if TEMPLATES[name].file.endswith(".csv")]
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(name: str, folder: Path) -> Path:
    return write_template(name, folder / TEMPLATES[name].file)


def read(name: str, path: Path, **more: Any) -> Any:
    template = TEMPLATES[name]
    return read_source(str(template.source), path, **{**template.options, **more})


def column_of(name: str, field: str) -> str:
    """Return the column of the file that a field is about."""
    return str(TEMPLATES[name].options.get("columns", {}).get(field, field))


def filled() -> Iterator[tuple[str, str]]:
    """Yield each field of a table that the template has a column for."""
    for name in CSV:
        header = TEMPLATES[name].content().decode().splitlines()[0].split(",")
        yield from ((name, field) for field in TEMPLATES[name].fields if column_of(name, field) in header)


def test_templates__are_there_for_every_source() -> None:
    missing = [kind for kind in SOURCES if not kind.startswith("test_") and kind not in TEMPLATES]
    assert not missing, "add a FileTemplate (htgeo/sources/event_templates.py or context_templates.py)"
    assert {TEMPLATES[kind].source for kind in SOURCES if kind in TEMPLATES} == {k for k in SOURCES if k in TEMPLATES}


@pytest.mark.parametrize("name", READ)
def test_template__is_read_by_its_source_without_quarantine(name: str, tmp_path: Path) -> None:
    report = read(name, written(name, tmp_path)).report
    assert report.rows > 0
    assert (report.kept, report.repaired, report.quarantined) == (report.rows, 0, 0)


@pytest.mark.parametrize("name", READ)
def test_template__fits_the_region_template(name: str, tmp_path: Path) -> None:
    region = ht.read_region(written("region", tmp_path), name_column="name")
    layers = [ht.square_region(written("squares", tmp_path))] if name == "npz_squares" else [region]
    assert read(name, written(name, tmp_path), areas=layers).report.quarantined == 0


@pytest.mark.parametrize("name", NAMES)
def test_python_call__reads_the_file(name: str, tmp_path: Path) -> None:
    path = written(name, tmp_path)
    found = eval(TEMPLATES[name].python_call(str(path)), {"ht": ht})  # noqa: S307  # the call that the page shows
    assert type(found).__name__ in {
        "Events",
        "Series",
        "Places",
        "Lines",
        "Raster",
        "AreaCounts",
        "AreaAttributes",
        "Region",
    }


@pytest.mark.parametrize("name", NAMES)
def test_study_lines__are_a_study_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(name, tmp_path)
    lines = yaml.safe_load(TEMPLATES[name].study_lines(path.name)) or {}
    for settings in lines.get("sources", {}).values():
        assert SourceSettings.model_validate(settings, context=tmp_path).kind == TEMPLATES[name].source
    if "region" in lines:
        assert RegionSettings.model_validate(lines["region"], context=tmp_path).name_column == "name"
    assert bool(lines) == (name not in {"npz_squares", "squares"})


@pytest.mark.parametrize(("name", "field"), list(filled()))
def test_needed_columns__are_those_that_the_source_demands(name: str, field: str, tmp_path: Path) -> None:
    path = written(name, tmp_path)
    pd.read_csv(path, dtype=str).drop(columns=column_of(name, field)).to_csv(path, index=False)
    options = {key: value for key, value in TEMPLATES[name].options.items() if value != field}
    if "columns" in options:
        options["columns"] = {key: value for key, value in options["columns"].items() if key != field}
    with pytest.raises(InputError, match=column_of(name, field)):
        read(name, path)
    if TEMPLATES[name].fields[field].needed or field in {"lon", "lat", "area"}:
        return
    events = read_source(str(TEMPLATES[name].source), path, **options)
    assert events.report.quarantined == 0


@pytest.mark.parametrize(("name", "field"), list(filled()))
def test_empty_values__do_to_the_row_what_the_field_says(name: str, field: str, tmp_path: Path) -> None:
    path = written(name, tmp_path)
    table = pd.read_csv(path, dtype=str)
    table.loc[0, column_of(name, field)] = ""
    table.to_csv(path, index=False)
    report = read(name, path).report
    assert report.quarantined == (0 if TEMPLATES[name].fields[field].empty else 1)


@pytest.mark.parametrize("name", CSV)
def test_csv__holds_no_formula(name: str) -> None:
    table = pd.read_csv(pd.io.common.BytesIO(TEMPLATES[name].content()), dtype=str, keep_default_na=False)
    texts = [text for column in table for text in [column, *table[column]] if not re.fullmatch(r"-?[\d.]+", text)]
    assert not [text for text in texts if text.startswith(FORMULA)]


@pytest.mark.parametrize("name", NAMES)
def test_fields__are_all_that_stands_in_the_file(name: str, tmp_path: Path) -> None:
    path, fields = written(name, tmp_path), TEMPLATES[name].fields
    if path.suffix == ".csv":
        found = set(pd.read_csv(path).columns)
        assert found <= {column_of(name, field) for field in fields}
        assert {column_of(name, field) for field, one in fields.items() if one.needed} <= found
    elif path.suffix == ".npz":
        with np.load(path) as file:
            assert set(file.files) == set(fields)
            assert all(len(re.findall(r"\w+", one.form.split("(")[1])) == file[n].ndim for n, one in fields.items())
    elif path.suffix == ".geojson":
        properties = json.loads(path.read_text("utf-8"))["features"][0]["properties"]
        assert {*properties, "geometry"} == set(fields)
    elif path.suffix == ".asc":
        assert "NODATA_value" in fields
        assert "NODATA_value" in path.read_text("utf-8")
    else:
        assert list(json.loads(path.read_text("utf-8"))) == list(fields)


def test_write_template__never_overwrites(tmp_path: Path) -> None:
    path = written("series", tmp_path)
    path.write_text("mine", "utf-8")
    with pytest.raises(InputError, match="exists already and is never overwritten"):
        write_template("series", path)
    assert path.read_text("utf-8") == "mine"


def test_write_template__names_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'series'"):
        write_template("serie", tmp_path / "series.csv")
    with pytest.raises(InputError, match=r"is a \.npz file; give a name such as 'npz\.npz'"):
        write_template("npz", tmp_path / "counts.csv")
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_template("series", tmp_path / "absent" / "series.csv")


def test_write_template__knows_the_template_of_a_new_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TEMPLATES, "_items", dict(TEMPLATES._items))
    monkeypatch.setattr(SOURCES, "_items", dict(SOURCES._items))

    class Lines(Source):
        name = "test_lines"
        summary = "lines"

        def read(self, paths: Any, areas: Any) -> list[str]:  # noqa: ARG002
            return [line for path in paths for line in path.read_text("utf-8").splitlines()]

    FileTemplate(
        "test_lines", "lines.txt", "Lines", {"line": Field("a line", "text")}, lambda: b"one\ntwo\n", "test_lines"
    )
    path = write_template("test_lines", tmp_path / "lines.txt")
    assert Lines().read([path], []) == ["one", "two"]
    assert TEMPLATES["test_lines"].python_call("a.txt") == 'ht.read_events("test_lines", "a.txt")'


def test_described__refuses_a_column_without_words() -> None:
    with pytest.raises(ValueError, match="read are"):
        described(("one", "two"), {"one": Field("first", "text")})


def test_command__writes_the_file_and_says_how_to_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, ["nypd_complaints"])
    assert result.exit_code == 0
    assert 'ht.read_events("nypd_complaints", "nypd_complaints.csv")' in result.output
    assert CliRunner().invoke(app, ["nypd_complaints", "--out", "other.csv"]).exit_code == 0
    assert Path("other.csv").read_bytes() == Path("nypd_complaints.csv").read_bytes()
    assert isinstance(CliRunner().invoke(app, ["nypd_complaints"]).exception, InputError)


def test_formats_page__is_made_from_the_templates() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_formats.py"))
    page = (ROOT / "docs" / "data-formats.md").read_text("utf-8")
    assert page == script["page"](), "run: python docs/make_formats.py"
    assert all(f"## {name}\n" in page for name in NAMES)
