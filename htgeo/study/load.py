"""Reads a study file and reports the line of every mistake."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from htgeo.core.errors import SettingsError
from htgeo.core.registry import near
from htgeo.study.settings import Study

Key = tuple[str | int, ...]


def load_study(path: str | Path) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path
        YAML file; file names in it are relative to it.

    Returns
    -------
    Study

    Raises
    ------
    SettingsError
        Naming each mistake with its line and what is allowed.
    """
    path = Path(path)
    if not path.is_file():
        message = f"there is no study file {str(path)!r}; write one with: htgeo init nyc"
        raise SettingsError(message)
    try:
        text = path.read_text("utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"{path.name} is not readable YAML: {error}"
        raise SettingsError(message) from error
    if not isinstance(data, dict):
        message = f"{path.name} must hold keys such as name, region, grid, sources, label, split; see htgeo init nyc"
        raise SettingsError(message)
    lines: dict[Key, int] = {}
    _note_lines(root, (), lines)
    doubles = [f"line {line}: the key {key[-1]!r} stands twice" for key, line in _doubles(root, ())]
    if doubles:
        raise SettingsError(_joined(path, doubles))
    try:
        return Study.model_validate(data, context=path.parent)
    except ValidationError as error:
        faults = [_explain(fault, lines) for fault in sorted(error.errors(), key=lambda f: f["type"] == "missing")]
        raise SettingsError(_joined(path, list(dict.fromkeys(faults)))) from error


def _joined(path: Path, faults: list[str]) -> str:
    return f"{path.name} cannot be used:\n" + "\n".join(f"  {fault}" for fault in faults)


def _note_lines(node: Any, key: Key, lines: dict[Key, int]) -> None:
    """Note the line of each key and list item."""
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            lines[(*key, name.value)] = name.start_mark.line + 1
            _note_lines(value, (*key, name.value), lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_lines(value, (*key, number), lines)


def _doubles(node: Any, key: Key) -> list[tuple[Key, int]]:
    found: list[tuple[Key, int]] = []
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for name, value in node.value:
            if name.value in seen:
                found.append(((*key, name.value), name.start_mark.line + 1))
            seen.add(name.value)
            found += _doubles(value, (*key, name.value))
    return found


def _explain(fault: Any, lines: dict[Key, int]) -> str:
    """Return one mistake with its line, the value given and what is allowed."""
    key = tuple(part for part in fault["loc"])
    while key and key not in lines:  # pydantic names branches of unions, which the file does not have
        key = key[:-1]
    message = fault["msg"].removeprefix("Value error, ")
    named = tuple(message.split(" ", 1)[0].split("."))  # a check of the whole file begins with the key it is about
    key = named if not key and named in lines else key
    place = ".".join(map(str, key)) or "the file"
    kind = fault["type"]
    if kind == "extra_forbidden" and key:
        allowed = _allowed(key[:-1])
        return (
            f"line {lines[key]}: unknown key {place!r}{near(str(key[-1]), allowed)}; allowed are {', '.join(allowed)}"
        )
    if kind == "missing":
        return f"line {lines[key]}: the key {str(fault['loc'][-1])!r} is missing in {place}"
    given = "" if kind == "value_error" else f" (given: {fault['input']!r})"
    told = message if message.startswith(place) else f"{place}: {message[:1].lower() + message[1:]}"
    return f"line {lines.get(key, 1)}: {told}{given}"


def _allowed(key: Key) -> list[str]:
    """Return the keys allowed at a place of the study."""
    model: Any = Study
    for part in key:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        inner = [a for a in (annotation, *getattr(annotation, "__args__", ())) if hasattr(a, "model_fields")]
        model = inner[0] if inner else model
    return list(model.model_fields)
