"""Writes small made-up files in exactly the formats that the sources read."""

from pathlib import Path

from htgeo.core.errors import InputError
from htgeo.sources import context_templates, event_templates
from htgeo.sources.file_template import TEMPLATES

__all__ = ["TEMPLATES", "context_templates", "event_templates", "write_template"]


def write_template(kind: str, path: str | Path) -> Path:
    """Write a small made-up file in exactly the format that a kind of source reads.

    Parameters
    ----------
    kind
        Name of a source (``htgeo list sources``); or ``region`` (named polygons), ``npz_squares`` (counts on a
        latitude-longitude grid) and ``squares`` (the description of that grid).
    path
        The file to write; it must not exist yet, and end as the kind does.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UnknownNameError
        If there is no such template.
    InputError
        If the file exists, ends otherwise, or cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import htgeo as ht
    >>> path = ht.write_template("nypd_complaints", Path(mkdtemp()) / "complaints.csv")
    >>> ht.read_events("nypd_complaints", path).report.quarantined
    0
    """
    template, path = TEMPLATES[kind], Path(path)
    suffix = Path(template.file).suffix
    if path.suffix.lower() != suffix:
        message = f"the template {kind!r} is a {suffix} file; give a name such as {template.file!r}, not {path.name!r}"
        raise InputError(message)
    try:
        with path.open("xb") as file:
            file.write(template.content())
    except FileExistsError as error:
        message = f"{str(path)!r} exists already and is never overwritten; choose another name (htgeo template {kind} --out FILE)"
        raise InputError(message) from error
    except OSError as error:
        message = f"{str(path)!r} cannot be written: {error.strerror or error}"
        raise InputError(message) from error
    return path
