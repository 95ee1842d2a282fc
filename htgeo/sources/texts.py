"""Text columns to numbers."""

import numpy as np
import pandas as pd

NULLS = ("", "(null)", "null", "none", "n/a", "na", "nan", "#n/a")
"""Texts that mean a missing value, compared without case and spaces."""
OFFSET = r":\d\d(?:\.\d+)?\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""A time of day followed by its offset from UTC."""


def whole_number(text: pd.Series) -> pd.Series:
    """Return codes without the decimals that a float gave them: ``110.0`` becomes ``110``."""
    return text.str.replace(r"\.0+$", "", regex=True)


def cast_all(values: pd.Series, dtype: str) -> np.ndarray | None:
    """Return a column of plain numbers, or of text that is nothing but numbers, as such; None if it is not."""
    import pyarrow as pa

    try:
        return np.asarray(pa.chunked_array(pa.array(values)).cast(dtype).to_pandas())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None


def read_numbers(text: pd.Series, decimal: str) -> pd.Series:
    """Return the numbers that texts hold, NaN where they hold none."""
    return pd.to_numeric(text.str.replace(decimal, ".", regex=False), errors="coerce").astype(float)


def is_time(values: pd.Series) -> bool:
    """Return whether a column holds times already."""
    return bool(pd.api.types.is_datetime64_any_dtype(values))
