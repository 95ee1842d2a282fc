"""What a template file is: its content, what stands in it, and how it is read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import pandas as pd

from htgeo.core.registry import Registry
from htgeo.sources.base import SOURCES

DEGREES = "decimal degrees, WGS 84"
DAY = "YYYY-MM-DD"
NAMES = ("West", "East")
"""The two made-up areas of all templates."""
LON, LAT = (-73.9901, -73.9502, -73.9703, -73.9404), (40.7151, 40.7552, 40.7353, 40.7054)
"""Made-up points in them."""
READERS = {
    "series": "read_series",
    "places": "read_places",
    "area_counts": "read_area_counts",
    "lines": "read_lines",
    "raster": "read_raster",
}
"""Functions that read what is not events, by what the kind gives."""


@dataclass(frozen=True)
class Field:
    """A column of a table, a property of an area, or an array.

    Attributes
    ----------
    what
        What it means.
    form
        Its format or unit; of an array its type and shape.
    empty
        What becomes of a row without a value; empty text: the row goes to quarantine.
    needed
        Whether the file must have it.
    """

    what: str
    form: str
    empty: str = ""
    needed: bool = True


@dataclass(frozen=True)
class FileTemplate:
    """A small made-up file to start from. Making one registers it, so a package adds that of its own source.

    Attributes
    ----------
    name
        Name of the template.
    file
        Name of the file, with the suffix that its kind is told by.
    summary
        What it is, in one sentence.
    fields
        What stands in it, by name.
    content
        Returns the bytes of the file.
    source
        The source kind that reads it; None where `python` says what does.
    options
        Options of the kind.
    python
        The call that reads it, ``PATH`` standing for the file, where that follows from no source.
    yaml
        The same in a study file.
    in_study
        Whether a study file can name it.
    """

    name: str
    file: str
    summary: str
    fields: Mapping[str, Field]
    content: Callable[[], bytes]
    source: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    python: str = ""
    yaml: str = ""
    in_study: bool = True

    def __post_init__(self) -> None:
        TEMPLATES.add(self.name, self)

    def python_call(self, path: str) -> str:
        """Return the call that reads the file, after ``import htgeo as ht``."""
        if self.source is None or self.python:
            return self.python.replace("PATH", f'"{path}"')
        gives = SOURCES[self.source].gives
        given = "".join(f", {name}={_literal(value)}" for name, value in self.options.items())
        if gives in READERS:
            return f'ht.{READERS[gives]}("{path}"{given})'
        return f'ht.read_events("{self.source}", "{path}"{given})'

    def study_lines(self, path: str) -> str:
        """Return the lines of a study file that name the file; nothing where it cannot."""
        if not self.in_study:
            return ""
        if self.source is None:
            return self.yaml.replace("PATH", path)
        given = "".join(f", {name}: {_flow(value)}" for name, value in self.options.items())
        return f"sources:\n  my_{self.name}: {{kind: {self.source}, file: {path}{given}}}"


TEMPLATES: Registry[FileTemplate] = Registry("template")
"""Templates by name."""


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return json.dumps(value) if not isinstance(value, str) or ":" in value or value[:1].isdigit() else value


def described(names: Sequence[str], fields: Mapping[str, Field]) -> dict[str, Field]:
    """Return the fields in the order in which a source names its columns; raise where both differ."""
    if set(names) != set(fields):
        message = f"described are {sorted(fields)}, read are {sorted(names)}"
        raise ValueError(message)
    return {name: fields[name] for name in names}


def csv_content(columns: Mapping[str, Sequence[Any]]) -> Callable[[], bytes]:
    """Return a function that returns a CSV file of columns."""

    def content() -> bytes:
        text = StringIO()
        pd.DataFrame(columns).to_csv(text, index=False, lineterminator="\n")
        return text.getvalue().encode("utf-8")

    return content


def npz_content(arrays: Mapping[str, np.ndarray]) -> Callable[[], bytes]:
    """Return a function that returns an NPZ file of arrays."""

    def content() -> bytes:
        file, named = BytesIO(), dict[str, Any](arrays)
        np.savez_compressed(file, **named)
        return file.getvalue()

    return content


def json_content(value: Any) -> Callable[[], bytes]:
    """Return a function that returns a JSON file."""
    return lambda: (json.dumps(value, indent=1) + "\n").encode("utf-8")
