"""Builds registered things from options, with errors that name the option."""

from dataclasses import fields
from typing import Any, TypeVar

from htgeo.core.errors import InputError
from htgeo.core.registry import near

T = TypeVar("T")


def build(kind: str, cls: type[T], options: dict[str, Any]) -> T:
    """Return ``cls(**options)`` with every option checked against its type.

    Parameters
    ----------
    kind
        What it is, for messages: ``"source"``, ``"feature"``, ``"model"``.
    cls
        A dataclass whose fields are the options; it has a `name`.
    options
        Options by name.

    Raises
    ------
    InputError
        Naming the option, the value given and what is allowed.
    """
    from pydantic import TypeAdapter, ValidationError

    name = cls.name  # type: ignore[attr-defined]  # everything registered has a name
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]  # everything registered is a dataclass
    for option in options:
        if option not in known:
            allowed = ", ".join(known) or "none"
            message = f"the {kind} {name!r} has no option {option!r}{near(option, known)}; its options are {allowed}"
            raise InputError(message)
    try:
        return TypeAdapter(cls).validate_python(options)
    except ValidationError as error:
        fault = error.errors()[0]
        if isinstance(cause := fault.get("ctx", {}).get("error"), ValueError):
            raise InputError(str(cause)) from error
        option = ".".join(map(str, fault["loc"])) or name
        given = "" if fault["type"] == "missing" else f" (given: {fault['input']!r})"
        message = f"the {kind} {name!r}, option {option!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}{given}"
        raise InputError(message) from error
