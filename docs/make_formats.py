"""Writes docs/data-formats.md from the templates and sources themselves: ``python docs/make_formats.py``."""

from io import BytesIO
from pathlib import Path

import numpy as np

from htgeo.sources import SOURCES
from htgeo.sources.file_template import Field, FileTemplate
from htgeo.sources.file_templates import TEMPLATES

PAGE = Path(__file__).with_name("data-formats.md")
HEAD = """\
# Data formats

The files that a study reads, column by column. For each there is a template: a small made-up file in exactly this format.
`htgeo template nypd_complaints` writes it (`--out FILE` for another name; a file is never overwritten), or in Python:

```python
import htgeo as ht

ht.write_template("nypd_complaints", "complaints.csv")
```

Every row of a file is kept, repaired or set aside with a reason (`report` of what was read; `rows.json` of a study);
nothing is dropped in silence. Missing values are empty or one of `(null)`, `null`, `none`, `n/a`, `na`, `nan`, `#n/a`. CSV
files are UTF-8 with a header line, plain or packed (`.csv.gz`, a `.zip` of one CSV); Parquet does as well. Columns may stand
in any order, and a file may have others, which are not read.

| template | file | what |
| --- | --- | --- |
"""
COLUMNS = """\
| {what} | meaning | format | must be there | a row without it |
| --- | --- | --- | --- | --- |
"""
ARRAYS = """\
| array | meaning | type and axes | in the template |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Return the text of the page."""
    names = ["region", *SOURCES, *TEMPLATES]  # the study area, the sources in their order, and what else there is
    shown = [TEMPLATES[name] for name in dict.fromkeys(names) if name in TEMPLATES and not name.startswith("test_")]
    rows = "".join(f"| [`{one.name}`](#{one.name}) | `{one.file}` | {one.summary} |\n" for one in shown)
    return "\n".join([HEAD + rows, *map(section, shown)])


def section(template: FileTemplate) -> str:
    """Return the section of a template."""
    parts = [f"## {template.name}\n\n{template.summary}."]
    if template.source is not None:
        kind = SOURCES[template.source]
        parts.append(f"Source `{kind.name}`, gives {kind.gives.replace('_', ' ')}: {kind.summary}.")
    parts.append(arrays(template) if template.file.endswith(".npz") else columns(template))
    parts.append(f"```python\n{template.python_call(template.file)}\n```")
    if template.study_lines(template.file):
        parts.append(f"In a study file:\n\n```yaml\n{template.study_lines(template.file)}\n```")
    return "\n\n".join(parts) + "\n"


def columns(template: FileTemplate) -> str:
    """Return the table of columns, or of properties."""
    what = "column" if template.file.endswith(".csv") else "property"
    return COLUMNS.format(what=what) + "\n".join(map(row, template.fields, template.fields.values()))


def row(name: str, field: Field) -> str:
    """Return a line of the table of columns."""
    return f"| `{name}` | {field.what} | {field.form} | {'yes' if field.needed else 'no'} | {field.empty or 'is set aside'} |"


def arrays(template: FileTemplate) -> str:
    """Return the table of arrays, with type and shape as they stand in the template."""
    with np.load(BytesIO(template.content())) as file:
        found = {name: file[name] for name in file.files}
    lines = [
        f"| `{name}` | {field.what} | {field.form} | {found[name].dtype} {found[name].shape} |"
        for name, field in template.fields.items()
    ]
    return ARRAYS + "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
