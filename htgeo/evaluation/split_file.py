"""Folds as a file: what was trained and tested on can be read by everybody, and used again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from htgeo.core.errors import InputError
from htgeo.evaluation.folds import Fold

FORMAT = 1
KEYS = {one.name for one in fields(Fold)}


def save_folds(folds: Sequence[Fold], path: str | Path) -> Path:
    """Write folds to a JSON file, one a line; cells are hex text, areas names.

    Parameters
    ----------
    folds
        What `rolling_origin`, `spatial_blocks`, `leave_one_out` or `cross_blocks` gave; no two of the same name.
    path
        File to write; its folder is made if absent.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If there is no fold, or two have the same name.

    Examples
    --------
    >>> import htgeo as ht
    >>> folds = ht.leave_one_out(ht.demo_cube(), by="borough")
    >>> ht.read_folds(ht.save_folds(folds, "folds.json")) == folds
    True
    """
    _check_names(folds, "folds to save")
    lines = ",\n".join(json.dumps(asdict(fold), ensure_ascii=False) for fold in folds)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"format": {FORMAT}, "folds": [\n{lines}\n]}}\n', "utf-8")
    return path


def read_folds(path: str | Path) -> list[Fold]:
    """Return the folds of a file of `save_folds`.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of Fold
        Each checked as when it was made; whether a cube has their days and cells is checked where they are used.

    Raises
    ------
    InputError
        If the file is absent or is not what `save_folds` wrote, or a fold in it tests on what it trains on.

    Examples
    --------
    >>> import htgeo as ht
    >>> path = ht.save_folds(ht.rolling_origin(ht.demo_cube(), first_test="2021-05-01"), "folds.json")
    >>> [fold.name for fold in ht.read_folds(path)]
    ['2021-05-01', '2021-05-29']
    """
    try:
        content = json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        message = f"there is no file {str(path)!r}; write it with htgeo.save_folds(folds, path)"
        raise InputError(message) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{str(path)!r} is no JSON file of folds ({error}); write it with htgeo.save_folds(folds, path)"
        raise InputError(message) from error
    rows = content.get("folds") if isinstance(content, dict) else None
    if not isinstance(rows, list) or content.get("format") != FORMAT:
        message = f"{str(path)!r} holds no folds of format {FORMAT}; write it with htgeo.save_folds(folds, path)"
        raise InputError(message)
    folds = [_fold(row, number, path) for number, row in enumerate(rows, start=1)]
    _check_names(folds, f"folds in {str(path)!r}")
    return folds


def _fold(row: Any, number: int, path: str | Path) -> Fold:
    if not isinstance(row, dict) or set(row) != KEYS or not isinstance(row["name"], str):
        message = f"fold {number} in {str(path)!r} must have a text as name, and {', '.join(sorted(KEYS - {'name'}))}; write it with htgeo.save_folds(folds, path)"
        raise InputError(message)
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    try:
        return Fold(**values)
    except InputError as error:
        message = f"{str(path)!r} cannot be used: {error}"
        raise InputError(message) from error


def _check_names(folds: Sequence[Fold], what: str) -> None:
    names = [fold.name for fold in folds]
    if not names:
        message = f"there are no {what}; make some with htgeo.rolling_origin(cube, first_test='2021-03-01')"
        raise InputError(message)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        message = f"two of the {what} are called {', '.join(twice)}; give each a name of its own"
        raise InputError(message)
