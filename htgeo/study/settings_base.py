"""What the parts of a study file have in common."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from htgeo.core.registry import near


def _existing(path: Path, info: ValidationInfo) -> Path:
    """Return the path relative to the study file, environment variables in it filled in; it must exist."""
    filled = os.path.expandvars(path)
    unset = re.search(r"\$\{?(\w+)", filled)
    if unset:
        message = f"{str(path)!r} names the environment variable {unset[1]}, which is not set"
        raise ValueError(message)
    found = (info.context or Path()) / filled
    if not found.exists():
        beside = [p.name for p in found.parent.iterdir()] if found.parent.is_dir() else []
        message = f"there is no file {str(path)!r} (relative to the study file){near(path.name, beside)}"
        raise ValueError(message)
    return found.resolve()


File = Annotated[Path, AfterValidator(_existing)]


class Settings(BaseModel):
    """Settings that allow no unknown key and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
