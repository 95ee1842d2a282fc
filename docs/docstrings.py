"""Names that share one entry in a docstring get an entry each, so that the site shows the type of each."""

import re
from typing import Any

from griffe import Extension

TOGETHER = re.compile(r"^(?P<names>\w+(?:, \w+)+)(?P<kind> : .*)?\n(?P<text>(?:    .*(?:\n|$))+)", re.MULTILINE)


class OneNameEach(Extension):
    """Part the entries of several names."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Rewrite the docstring of an object before it is parsed."""
        if obj.docstring:
            obj.docstring.value = TOGETHER.sub(_parted, obj.docstring.value)


def _parted(found: re.Match[str]) -> str:
    text = found["text"] if found["text"].endswith("\n") else found["text"] + "\n"
    return "".join(f"{name}{found['kind'] or ''}\n{text}" for name in found["names"].split(", "))
